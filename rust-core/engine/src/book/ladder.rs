//! One side of a book: a dense window of levels around the best, and a sparse tail beyond it.
//!
//! A level has a *key*, which is higher the better its price. The window has one slot a key, in blocks of 64
//! slots with one bit a slot in use, and one bit a block in use above them, so that a change near the touch and
//! the search for the next best level take a few instructions. Whether a change adds, alters or deletes a level
//! is chance to a branch predictor, so the window does all three by the same instructions. Half of the updates
//! of a spot stream lie far from the touch: these go to a B-tree. The tail only ever holds keys below the
//! window, so the best level is in the window whenever there is any level; when the touch leaves the middle of
//! the window, the window moves.

use std::collections::BTreeMap;

const BLOCK_SLOTS: usize = u64::BITS as usize;

/// Below every key that a price gives, so that the sum with any of them is negative.
const NO_KEY: i64 = i64::MIN / 2;

/// As many neighbouring slots as a word has bits.
#[derive(Debug, Clone)]
struct Block {
    /// One bit a slot in use.
    used: u64,
    /// Size by slot; zero where there is no level.
    sizes: [i64; BLOCK_SLOTS],
}

impl Block {
    const EMPTY: Self = Self {
        used: 0,
        sizes: [0; BLOCK_SLOTS],
    };
}

#[derive(Debug, Clone)]
pub(super) struct Ladder {
    /// The key of slot 0; so low that every slot has a key.
    base: i64,
    blocks: Vec<Block>,
    /// One bit a block that is not empty.
    used_blocks: Vec<u64>,
    /// The slot above the best one; zero where the window is empty.
    best_end: usize,
    tail: BTreeMap<i64, i64>,
    in_window: usize,
}

impl Ladder {
    /// An empty ladder of `window` slots, rounded up to whole blocks.
    pub(super) fn new(window: usize) -> Self {
        let blocks = window.div_ceil(BLOCK_SLOTS).max(2);
        Self {
            base: 0,
            blocks: vec![Block::EMPTY; blocks],
            used_blocks: vec![0; blocks.div_ceil(BLOCK_SLOTS)],
            best_end: 0,
            tail: BTreeMap::new(),
            in_window: 0,
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.in_window + self.tail.len()
    }

    pub(super) fn clear(&mut self) {
        self.tail.clear();
        self.empty_window(|_, _| {});
    }

    #[inline]
    pub(super) fn best(&self) -> Option<(i64, i64)> {
        self.level(self.best_end.wrapping_sub(1))
    }

    /// The key of the best level, which costs no look at its size; so low that no key reaches it if there is none.
    #[inline]
    pub(super) fn best_key(&self) -> i64 {
        if self.best_end == 0 {
            NO_KEY
        } else {
            self.base.wrapping_add(self.best_end as i64 - 1)
        }
    }

    #[inline]
    pub(super) fn get(&self, key: i64) -> i64 {
        match self.level(self.slot(key)) {
            Some((_, size)) => size,
            None => self.tail.get(&key).copied().unwrap_or(0),
        }
    }

    /// Puts `size` at `key`, zero to delete; returns what stood there. Not inlined: the caller's choice of the
    /// side would be repeated at every field.
    #[inline(never)]
    pub(super) fn set(&mut self, key: i64, size: i64) -> i64 {
        let slot = self.slot(key);
        match self.blocks.get_mut(slot / BLOCK_SLOTS) {
            Some(block) => {
                let is_used = size != 0;
                let previous = std::mem::replace(&mut block.sizes[slot % BLOCK_SLOTS], size);
                block.used = with_bit(block.used, slot % BLOCK_SLOTS, is_used);
                let is_block_used = block.used != 0;
                let (added, removed) = (usize::from(is_used), usize::from(previous != 0));
                self.in_window = self.in_window.wrapping_add(added).wrapping_sub(removed);
                self.mark_block(slot / BLOCK_SLOTS, is_block_used);
                if is_used {
                    self.best_end = self.best_end.max(slot + 1);
                } else if slot + 1 == self.best_end {
                    self.lower_best(slot);
                }
                previous
            }
            None => self.set_outside(key, size),
        }
    }

    /// Drops the worst levels until there are no more than `depth`.
    #[inline]
    pub(super) fn truncate(&mut self, depth: usize) {
        while self.len() > depth {
            self.drop_worst();
        }
    }

    /// Levels from the best downwards.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        let best = self.best_end.checked_sub(1);
        let slots = std::iter::successors(best, |slot| self.used_below(*slot));
        let window = slots.filter_map(|slot| self.level(slot));
        window.chain(self.tail.iter().rev().map(|(key, size)| (*key, *size)))
    }

    /// The slot of a key; beyond the window's last for a key outside of it. The difference cannot wrap round
    /// into the window, as `base` is at least a window below the greatest key.
    #[inline]
    fn slot(&self, key: i64) -> usize {
        usize::try_from(key.wrapping_sub(self.base) as u64).unwrap_or(usize::MAX)
    }

    /// The key and the size of a slot; None outside of the window.
    #[inline]
    fn level(&self, slot: usize) -> Option<(i64, i64)> {
        let block = self.blocks.get(slot / BLOCK_SLOTS)?;
        let key = self.base.wrapping_add(slot as i64);
        Some((key, block.sizes[slot % BLOCK_SLOTS]))
    }

    fn slots(&self) -> usize {
        self.blocks.len() * BLOCK_SLOTS
    }

    #[inline(never)]
    fn set_outside(&mut self, key: i64, size: i64) -> i64 {
        if key < self.base && self.best_end != 0 {
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
            self.set(key, size);
        }
        0
    }

    /// The best level is gone from `slot`: the next one below is the best.
    #[inline(never)]
    fn lower_best(&mut self, slot: usize) {
        self.best_end = self.used_below(slot).map_or(0, |slot| slot + 1);
        self.keep_best_in_middle();
    }

    /// Moves the window if the best has sunk into its lowest quarter or the window is empty.
    #[inline]
    fn keep_best_in_middle(&mut self) {
        if self.best_end > self.slots() / 4 {
            return;
        }
        // A window that already reaches below every key gains nothing by moving.
        if let Some((highest, _)) = self.tail.last_key_value() {
            let best = self.best().map_or(*highest, |(key, _)| key);
            self.move_window(best);
        }
    }

    /// Moves the window so that `best` lies three quarters up, and every level to where it now belongs.
    fn move_window(&mut self, best: i64) {
        let mut levels = Vec::with_capacity(self.in_window);
        self.empty_window(|key, size| levels.push((key, size)));
        let slots = self.slots() as i64;
        self.base = best.saturating_sub(slots / 4 * 3).min(i64::MAX - slots + 1);
        let above = self.tail.split_off(&self.base);
        for (key, size) in levels.into_iter().chain(above) {
            if key < self.base {
                self.tail.insert(key, size);
            } else {
                self.set(key, size);
            }
        }
    }

    fn empty_window(&mut self, mut level: impl FnMut(i64, i64)) {
        let mut next = self.best_end.checked_sub(1);
        while let Some(slot) = next {
            next = self.used_below(slot);
            if let Some((key, size)) = self.level(slot) {
                level(key, size);
            }
            self.blocks[slot / BLOCK_SLOTS].sizes[slot % BLOCK_SLOTS] = 0;
        }
        for block in &mut self.blocks {
            block.used = 0;
        }
        self.used_blocks.fill(0);
        self.best_end = 0;
        self.in_window = 0;
    }

    fn drop_worst(&mut self) {
        if self.tail.pop_first().is_some() {
            return;
        }
        let lowest = self.used_blocks.iter().position(|bits| *bits != 0);
        if let Some(group) = lowest {
            let bit = self.used_blocks[group].trailing_zeros() as usize;
            let index = group * BLOCK_SLOTS + bit;
            let slot = self.blocks[index].used.trailing_zeros() as usize;
            self.set(self.base + (index * BLOCK_SLOTS + slot) as i64, 0);
        }
    }

    #[inline]
    fn mark_block(&mut self, block: usize, is_used: bool) {
        let bits = &mut self.used_blocks[block / BLOCK_SLOTS];
        *bits = with_bit(*bits, block % BLOCK_SLOTS, is_used);
    }

    /// The highest slot in use below `slot`.
    #[inline]
    fn used_below(&self, slot: usize) -> Option<usize> {
        let block = slot / BLOCK_SLOTS;
        if let Some(bit) = highest_bit_below(self.blocks[block].used, slot % BLOCK_SLOTS) {
            return Some(block * BLOCK_SLOTS + bit);
        }
        let group = block / BLOCK_SLOTS;
        let in_group =
            highest_bit_below(self.used_blocks[group], block % BLOCK_SLOTS).map(|bit| (group, bit));
        let (group, bit) = in_group.or_else(|| {
            let lower = self.used_blocks[..group].iter().enumerate().rev();
            lower
                .into_iter()
                .find_map(|(group, bits)| Some((group, highest_bit(*bits)?)))
        })?;
        let block = group * BLOCK_SLOTS + bit;
        Some(block * BLOCK_SLOTS + highest_bit(self.blocks[block].used)?)
    }
}

#[inline]
fn with_bit(bits: u64, bit: usize, is_set: bool) -> u64 {
    bits & !(1 << bit) | u64::from(is_set) << bit
}

#[inline]
fn highest_bit(bits: u64) -> Option<usize> {
    bits.checked_ilog2().map(|bit| bit as usize)
}

#[inline]
fn highest_bit_below(bits: u64, bit: usize) -> Option<usize> {
    highest_bit(bits & ((1 << bit) - 1))
}
