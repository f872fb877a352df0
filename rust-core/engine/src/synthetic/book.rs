//! The synthetic market's own book: levels, update ids, and what changed since the last depth frame.

use std::collections::{BTreeMap, BTreeSet};

use crate::units::Side;

/// One side. Its keys are higher the better the price: a bid's price, an ask's negated price.
#[derive(Debug, Clone, Default)]
pub(super) struct HalfBook {
    levels: BTreeMap<i64, i64>,
    changed: BTreeSet<i64>,
}

impl HalfBook {
    pub(super) fn len(&self) -> usize {
        self.levels.len()
    }

    /// The best level as (key, lots).
    pub(super) fn best(&self) -> (i64, i64) {
        self.levels
            .last_key_value()
            .map_or((i64::MIN / 2, 0), |(key, lots)| (*key, *lots))
    }

    pub(super) fn lots(&self, key: i64) -> i64 {
        self.levels.get(&key).copied().unwrap_or(0)
    }

    /// The best level at or behind `key`.
    pub(super) fn at_or_behind(&self, key: i64) -> Option<i64> {
        self.levels.range(..=key).next_back().map(|(key, _)| *key)
    }

    /// How many levels are better than `key`.
    pub(super) fn ahead_of(&self, key: i64) -> usize {
        self.levels.range(key + 1..).count()
    }

    /// Levels from the best outwards.
    pub(super) fn levels(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.levels.iter().rev().map(|(key, lots)| (*key, *lots))
    }

    /// Levels changed since the last call, best first, with what stands there now.
    pub(super) fn take_changes(&mut self) -> Vec<(i64, i64)> {
        let changed = std::mem::take(&mut self.changed);
        changed
            .into_iter()
            .rev()
            .map(|key| (key, self.lots(key)))
            .collect()
    }
}

/// Both sides and the sequence of update ids: one id a change.
#[derive(Debug, Clone)]
pub(super) struct Book {
    bids: HalfBook,
    asks: HalfBook,
    /// The last id given.
    pub(super) update_id: i64,
}

impl Book {
    pub(super) fn new(update_id: i64) -> Self {
        Self {
            bids: HalfBook::default(),
            asks: HalfBook::default(),
            update_id,
        }
    }

    pub(super) fn half(&self, side: Side) -> &HalfBook {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    pub(super) fn half_mut(&mut self, side: Side) -> &mut HalfBook {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Sets what stands at a key, zero to delete.
    pub(super) fn set(&mut self, side: Side, key: i64, lots: i64) {
        let half = self.half_mut(side);
        if lots > 0 {
            half.levels.insert(key, lots);
        } else {
            half.levels.remove(&key);
        }
        half.changed.insert(key);
        self.update_id += 1;
    }

    /// Best bid and best ask as (price, lots).
    pub(super) fn top(&self) -> [(i64, i64); 2] {
        let (bid, ask) = (self.bids.best(), self.asks.best());
        [bid, (-ask.0, ask.1)]
    }

    pub(super) fn spread_ticks(&self) -> i64 {
        -self.asks.best().0 - self.bids.best().0
    }
}

/// The price of a key.
pub(super) fn price(side: Side, key: i64) -> i64 {
    match side {
        Side::Buy => key,
        Side::Sell => -key,
    }
}
