//! From an order's id to its slot: open addressing with linear probing, at most half full.
//!
//! An entry is one word, half of it the id's hash and half the slot, so that eight share a cache line and a
//! probe meets the order itself only when the hashes agree. A deletion moves the entries behind it back (Knuth,
//! The Art of Computer Programming 3, 6.4, algorithm R) instead of leaving a tombstone: a table that has seen a
//! hundred million orders probes as one that has seen a thousand. Nothing is random: the same messages always
//! give the same table.

const SLOT_BITS: u32 = 32;
const EMPTY: u64 = 0;
const INITIAL_ENTRIES: usize = 1 << 10;

/// The id's hash: both halves of a product of 128 bits, folded (the mixing step of Wang Yi's wyhash).
/// Sequential ids, and those in steps of a power of two, scatter.
#[inline]
pub(super) fn hash(id: u64) -> u32 {
    let product = u128::from(id ^ 0xa076_1d64_78bd_642f) * 0xe703_7ed1_a0b4_28db;
    let folded = (product as u64) ^ ((product >> 64) as u64);
    (folded >> 32) as u32
}

/// Slots by the hash of their ids. Which id a slot has is the caller's to say.
#[derive(Debug, Clone)]
pub(super) struct Index {
    /// A power of two of them.
    entries: Vec<u64>,
    len: usize,
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            entries: vec![EMPTY; INITIAL_ENTRIES],
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn clear(&mut self) {
        self.entries.fill(EMPTY);
        self.len = 0;
    }

    #[inline]
    fn mask(&self) -> usize {
        self.entries.len() - 1
    }

    /// Makes room for one more entry. Positions found before are no longer valid.
    #[inline]
    pub(super) fn reserve_one(&mut self) {
        if (self.len + 1) * 2 > self.entries.len() {
            self.grow();
        }
    }

    #[cold]
    fn grow(&mut self) {
        let doubled = vec![EMPTY; self.entries.len() * 2];
        let entries = std::mem::replace(&mut self.entries, doubled);
        for entry in entries.into_iter().filter(|entry| *entry != EMPTY) {
            let vacancy = self.vacancy(home(entry));
            self.entries[vacancy] = entry;
        }
    }

    /// The position and the slot of an entry that `is_it`, or where it would stand.
    #[inline]
    pub(super) fn find(
        &self,
        hash: u32,
        is_it: impl Fn(u32) -> bool,
    ) -> Result<(usize, u32), usize> {
        let mask = self.mask();
        let mut at = hash as usize & mask;
        loop {
            let entry = self.entries[at];
            if entry == EMPTY {
                return Err(at);
            }
            let slot = entry as u32;
            if home(entry) == hash as usize && is_it(slot) {
                return Ok((at, slot));
            }
            at = (at + 1) & mask;
        }
    }

    /// Puts an entry where [`Self::find`] found none; room must have been made.
    #[inline]
    pub(super) fn insert_at(&mut self, vacancy: usize, hash: u32, slot: u32) {
        self.entries[vacancy] = u64::from(hash) << SLOT_BITS | u64::from(slot);
        self.len += 1;
    }

    /// As [`Self::insert_at`], for an id that is known not to be there.
    #[inline]
    pub(super) fn insert(&mut self, hash: u32, slot: u32) {
        let vacancy = self.vacancy(hash as usize);
        self.insert_at(vacancy, hash, slot);
    }

    /// Removes the entry at a position that [`Self::find`] gave.
    #[inline]
    pub(super) fn remove_at(&mut self, position: usize) {
        let mask = self.mask();
        let (mut hole, mut at) = (position, position);
        loop {
            at = (at + 1) & mask;
            let entry = self.entries[at];
            if entry == EMPTY {
                break;
            }
            // It may move back to the hole unless that lies before its home.
            let from_home = at.wrapping_sub(home(entry)) & mask;
            if from_home >= at.wrapping_sub(hole) & mask {
                self.entries[hole] = entry;
                hole = at;
            }
        }
        self.entries[hole] = EMPTY;
        self.len -= 1;
    }

    #[inline]
    fn vacancy(&self, home: usize) -> usize {
        let mask = self.mask();
        let mut at = home & mask;
        while self.entries[at] != EMPTY {
            at = (at + 1) & mask;
        }
        at
    }
}

/// An entry's hash, which modulo the table's length is where its probe begins.
#[inline]
fn home(entry: u64) -> usize {
    (entry >> SLOT_BITS) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The longest way from an entry's home to its place.
    fn longest_probe(index: &Index) -> usize {
        let entries = index.entries.iter().enumerate();
        entries
            .filter(|(_, entry)| **entry != EMPTY)
            .map(|(at, entry)| at.wrapping_sub(home(*entry)) & index.mask())
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn regular_ids_do_not_cluster() {
        for step in [1, 2, 8, 64, 4096, 1 << 20, 1 << 32, 1 << 40] {
            let mut index = Index::new();
            for number in 0..50_000_u64 {
                index.reserve_one();
                index.insert(hash(number.wrapping_mul(step)), number as u32 + 1);
            }
            let longest = longest_probe(&index);
            assert!(longest < 64, "steps of {step}: {longest}");
        }
    }

    proptest! {
        /// Few different hashes, so that runs are long, meet and wrap around the end of the table.
        #[test]
        fn it_is_a_map_under_collisions(
            steps in prop::collection::vec((any::<bool>(), 0_u32..600), 1..1_500),
        ) {
            let crowded = |id: u32| u32::MAX - id % 7;
            let mut index = Index::new();
            let mut reference = BTreeSet::new();
            for (is_insert, id) in steps {
                index.reserve_one();
                let found = index.find(crowded(id), |slot| slot == id + 1);
                prop_assert_eq!(found.is_ok(), reference.contains(&id));
                match found {
                    Err(vacancy) if is_insert => {
                        index.insert_at(vacancy, crowded(id), id + 1);
                        reference.insert(id);
                    }
                    Ok((position, _)) if !is_insert => {
                        index.remove_at(position);
                        reference.remove(&id);
                    }
                    _ => {}
                }
                prop_assert_eq!(index.len(), reference.len());
            }
            for id in 0..600 {
                let found = index.find(crowded(id), |slot| slot == id + 1);
                prop_assert_eq!(found.is_ok(), reference.contains(&id));
            }
        }
    }
}
