//! The book by price level: aggregate size at each price of both sides.

use super::ladder::Ladder;
use crate::decode::{DepthSnapshot, DepthUpdate, Level};
use crate::units::{PriceTicks, Side, SizeLots};

/// The dense window's width unless told otherwise: 16,384 ticks a side, 128 KiB.
pub const DEFAULT_WINDOW_TICKS: usize = 16_384;
/// The widest dense window: 4 Mi ticks a side, 32 MiB.
pub const MAX_WINDOW_TICKS: usize = 1 << 22;

/// Both sides of a book by price level. It holds what it is told; [`super::sync`] decides what to believe.
#[derive(Debug, Clone)]
pub struct L2Book {
    /// Bids and asks, at the place of their side.
    sides: [Ladder; 2],
    depth: usize,
}

impl L2Book {
    /// An empty book with a dense window of `window_ticks` a side, clamped to `128..=MAX_WINDOW_TICKS`.
    pub fn new(window_ticks: usize) -> Self {
        Self::with_depth(window_ticks, usize::MAX)
    }

    /// A book that keeps the best `depth` levels of a side only, as the venues do that never tell of a level
    /// leaving the depth they publish.
    pub fn with_depth(window_ticks: usize, depth: usize) -> Self {
        let ladder = Ladder::new(window_ticks.min(MAX_WINDOW_TICKS));
        Self {
            sides: [ladder.clone(), ladder],
            depth,
        }
    }

    /// Sets the size that stands at a price, zero to delete the level; returns what stood there before. It is
    /// a part of an update: [`Self::truncate`] ends one made of such parts.
    #[inline]
    pub fn set(&mut self, side: Side, level: Level) -> SizeLots {
        let lots = level.size.0.max(0);
        SizeLots(self.side_mut(side).set(key(side, level.price), lots))
    }

    /// Ends an update: levels of a side beyond the book's depth are dropped.
    #[inline]
    pub fn truncate(&mut self) {
        let depth = self.depth;
        for side in &mut self.sides {
            side.truncate(depth);
        }
    }

    /// Applies every level of an update, and then drops what lies beyond the book's depth.
    pub fn apply(&mut self, update: &DepthUpdate) {
        self.set_all(&update.bids, &update.asks);
    }

    /// Replaces the whole book.
    pub fn replace(&mut self, snapshot: &DepthSnapshot) {
        self.clear();
        self.set_all(&snapshot.bids, &snapshot.asks);
    }

    fn set_all(&mut self, bids: &[Level], asks: &[Level]) {
        for level in bids {
            self.set(Side::Buy, *level);
        }
        for level in asks {
            self.set(Side::Sell, *level);
        }
        self.truncate();
    }

    /// Forgets every level.
    pub fn clear(&mut self) {
        for side in &mut self.sides {
            side.clear();
        }
    }

    /// The best level of a side.
    #[inline]
    pub fn best(&self, side: Side) -> Option<Level> {
        let best = self.side(side).best();
        best.map(|(key, lots)| level(side, key, lots))
    }

    /// True if a price of a side is at or beyond the other side's best.
    #[inline]
    pub fn reaches_other(&self, side: Side, price: PriceTicks) -> bool {
        // The keys of the sides have opposite signs, so that it takes no branch by side.
        let other = self.side(side.opposite()).best_key();
        key(side, price).saturating_add(other) >= 0
    }

    /// The best bid and the best ask, or None if a side is empty.
    #[inline]
    pub fn top(&self) -> Option<(Level, Level)> {
        self.best(Side::Buy).zip(self.best(Side::Sell))
    }

    /// The size at a price; zero where there is no level.
    #[inline]
    pub fn size_at(&self, side: Side, price: PriceTicks) -> SizeLots {
        SizeLots(self.side(side).get(key(side, price)))
    }

    /// The levels of a side from the best outwards: bids downwards, asks upwards.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        let levels = self.side(side).iter();
        levels.map(move |(key, lots)| level(side, key, lots))
    }

    /// How many levels a side has.
    pub fn len(&self, side: Side) -> usize {
        self.side(side).len()
    }

    /// True if neither side has a level.
    pub fn is_empty(&self) -> bool {
        self.sides.iter().all(|side| side.len() == 0)
    }

    /// True if the best bid is at or above the best ask, which no real book is.
    #[inline]
    pub fn is_crossed(&self) -> bool {
        self.top().is_some_and(|(bid, ask)| bid.price >= ask.price)
    }

    #[inline]
    fn side(&self, side: Side) -> &Ladder {
        &self.sides[side as usize]
    }

    #[inline]
    fn side_mut(&mut self, side: Side) -> &mut Ladder {
        &mut self.sides[side as usize]
    }
}

/// The better a price of its side, the higher its key: a bid's price, and an ask's negated.
#[inline]
fn key(side: Side, price: PriceTicks) -> i64 {
    match side {
        Side::Buy => price.0,
        Side::Sell => price.0.saturating_neg(),
    }
}

/// The level that a key and a size stand for.
#[inline]
fn level(side: Side, key: i64, lots: i64) -> Level {
    Level {
        price: PriceTicks(self::key(side, PriceTicks(key))),
        size: SizeLots(lots),
    }
}
