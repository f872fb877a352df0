//! One side of a book: a dense window of levels around the best, and a sparse tail beyond it.
//!
//! A level has a *key*, which is higher the better its price. The window is an array with one slot a key and
//! a two-level bitmap of the slots in use, so that a change near the touch and the search for the next best
//! level take a few instructions. Half of the updates of a spot stream lie far from the touch: these go to a
//! B-tree. The tail only ever holds keys below the window, so the best level is in the window whenever there
//! is any level; when the touch leaves the middle of the window, the window moves.

use std::collections::BTreeMap;

const WORD_BITS: usize = u64::BITS as usize;

#[derive(Debug, Clone)]
pub(super) struct Ladder {
    /// The key of slot 0.
    base: i64,
    /// Size by slot; zero where there is no level.
    slots: Vec<i64>,
    /// One bit a slot in use, and one bit a word of `used` that is not empty.
    used: Vec<u64>,
    used_words: Vec<u64>,
    best_slot: Option<usize>,
    tail: BTreeMap<i64, i64>,
    in_window: usize,
}

impl Ladder {
    /// An empty ladder of `window` slots, rounded up to whole words.
    pub(super) fn new(window: usize) -> Self {
        let words = window.div_ceil(WORD_BITS).max(2);
        Self {
            base: 0,
            slots: vec![0; words * WORD_BITS],
            used: vec![0; words],
            used_words: vec![0; words.div_ceil(WORD_BITS)],
            best_slot: None,
            tail: BTreeMap::new(),
            in_window: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.in_window + self.tail.len()
    }

    pub(super) fn clear(&mut self) {
        self.tail.clear();
        self.empty_window(|_, _| {});
    }

    #[inline]
    pub(super) fn best(&self) -> Option<(i64, i64)> {
        self.best_slot
            .map(|slot| (self.key(slot), self.slots[slot]))
    }

    #[inline]
    pub(super) fn get(&self, key: i64) -> i64 {
        match self.slot(key) {
            Some(slot) => self.slots[slot],
            None => self.tail.get(&key).copied().unwrap_or(0),
        }
    }

    /// Puts `size` at `key`, zero to delete; returns what stood there.
    #[inline]
    pub(super) fn set(&mut self, key: i64, size: i64) -> i64 {
        match self.slot(key) {
            Some(slot) => self.set_slot(slot, size),
            None => self.set_outside(key, size),
        }
    }

    /// Levels from the best downwards.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        let slots = std::iter::successors(self.best_slot, |slot| self.used_below(*slot));
        let window = slots.map(|slot| (self.key(slot), self.slots[slot]));
        window.chain(self.tail.iter().rev().map(|(key, size)| (*key, *size)))
    }

    #[inline]
    fn slot(&self, key: i64) -> Option<usize> {
        let slot = usize::try_from(key.checked_sub(self.base)?).ok()?;
        (slot < self.slots.len()).then_some(slot)
    }

    #[inline]
    fn key(&self, slot: usize) -> i64 {
        self.base + slot as i64
    }

    #[inline]
    fn set_slot(&mut self, slot: usize, size: i64) -> i64 {
        let previous = std::mem::replace(&mut self.slots[slot], size);
        if previous == 0 && size != 0 {
            self.mark(slot);
            self.best_slot = self.best_slot.max(Some(slot));
        } else if previous != 0 && size == 0 {
            self.unmark(slot);
            if self.best_slot == Some(slot) {
                self.best_slot = self.used_below(slot);
                self.keep_best_in_middle();
            }
        }
        previous
    }

    fn set_outside(&mut self, key: i64, size: i64) -> i64 {
        if key < self.base && self.best_slot.is_some() {
            let previous = if size == 0 {
                self.tail.remove(&key)
            } else {
                self.tail.insert(key, size)
            };
            return previous.unwrap_or(0);
        }
        // Better than every level, or the first one: the window goes there. To delete it is a no-op.
        if size != 0 {
            self.move_window(key);
            if let Some(slot) = self.slot(key) {
                self.set_slot(slot, size);
            }
        }
        0
    }

    /// Moves the window if the best has sunk into its lowest quarter or the window is empty.
    fn keep_best_in_middle(&mut self) {
        match self.best_slot {
            Some(slot) if slot >= self.slots.len() / 4 => {}
            // A window that already reaches below every key gains nothing by moving.
            Some(slot) if !self.tail.is_empty() => self.move_window(self.key(slot)),
            Some(_) => {}
            None => {
                if let Some(key) = self.tail.last_key_value().map(|(key, _)| *key) {
                    self.move_window(key);
                }
            }
        }
    }

    /// Moves the window so that `best` lies three quarters up, and every level to where it now belongs.
    fn move_window(&mut self, best: i64) {
        let mut levels = Vec::with_capacity(self.in_window);
        self.empty_window(|key, size| levels.push((key, size)));
        self.base = best.saturating_sub((self.slots.len() / 4 * 3) as i64);
        let above = self.tail.split_off(&self.base);
        for (key, size) in levels.into_iter().chain(above) {
            match self.slot(key) {
                Some(slot) => {
                    self.set_slot(slot, size);
                }
                None => {
                    self.tail.insert(key, size);
                }
            }
        }
    }

    fn empty_window(&mut self, mut level: impl FnMut(i64, i64)) {
        let mut next = self.best_slot.take();
        while let Some(slot) = next {
            level(self.key(slot), std::mem::take(&mut self.slots[slot]));
            next = self.used_below(slot);
        }
        self.used.fill(0);
        self.used_words.fill(0);
        self.in_window = 0;
    }

    #[inline]
    fn mark(&mut self, slot: usize) {
        let word = slot / WORD_BITS;
        self.used[word] |= 1 << (slot % WORD_BITS);
        self.used_words[word / WORD_BITS] |= 1 << (word % WORD_BITS);
        self.in_window += 1;
    }

    #[inline]
    fn unmark(&mut self, slot: usize) {
        let word = slot / WORD_BITS;
        self.used[word] &= !(1 << (slot % WORD_BITS));
        if self.used[word] == 0 {
            self.used_words[word / WORD_BITS] &= !(1 << (word % WORD_BITS));
        }
        self.in_window -= 1;
    }

    /// The highest slot in use below `slot`.
    #[inline]
    fn used_below(&self, slot: usize) -> Option<usize> {
        let word = slot / WORD_BITS;
        if let Some(bit) = highest_bit_below(self.used[word], slot % WORD_BITS) {
            return Some(word * WORD_BITS + bit);
        }
        let group = word / WORD_BITS;
        let in_group =
            highest_bit_below(self.used_words[group], word % WORD_BITS).map(|bit| (group, bit));
        let (group, bit) = in_group.or_else(|| {
            let lower = self.used_words[..group].iter().enumerate().rev();
            lower
                .into_iter()
                .find_map(|(group, bits)| Some((group, highest_bit(*bits)?)))
        })?;
        let word = group * WORD_BITS + bit;
        Some(word * WORD_BITS + highest_bit(self.used[word])?)
    }
}

#[inline]
fn highest_bit(bits: u64) -> Option<usize> {
    bits.checked_ilog2().map(|bit| bit as usize)
}

#[inline]
fn highest_bit_below(bits: u64, bit: usize) -> Option<usize> {
    highest_bit(bits & ((1 << bit) - 1))
}
