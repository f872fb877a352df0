//! Records of one kind in one allocation, named by a slot number that stays while the record lives.

use std::ops::{Index, IndexMut};

/// No record. Slot 0 is never given out, so that it can be written to without harm: a neighbour that is not
/// there needs no branch.
pub(super) const NONE: u32 = 0;

/// A growing array whose freed slots are used again, the last freed first: it is still in the cache.
#[derive(Debug, Clone)]
pub(super) struct Slab<T> {
    records: Vec<T>,
    free: Vec<u32>,
}

impl<T: Copy + Default> Slab<T> {
    pub(super) fn new() -> Self {
        Self {
            records: vec![T::default()],
            free: Vec::new(),
        }
    }

    /// Takes a slot. The caller bounds the records to fewer than 2^32.
    #[inline]
    pub(super) fn insert(&mut self, record: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            self[slot] = record;
            return slot;
        }
        self.records.push(record);
        (self.records.len() - 1) as u32
    }

    /// Gives a slot back.
    #[inline]
    pub(super) fn remove(&mut self, slot: u32) {
        self.free.push(slot);
    }

    pub(super) fn clear(&mut self) {
        self.records.truncate(1);
        self.free.clear();
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    #[inline]
    fn index(&self, slot: u32) -> &T {
        &self.records[slot as usize]
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut T {
        &mut self.records[slot as usize]
    }
}
