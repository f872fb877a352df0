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
    bids: Ladder,
    asks: Ladder,
}

impl L2Book {
    /// An empty book with a dense window of `window_ticks` a side, clamped to `128..=MAX_WINDOW_TICKS`.
    pub fn new(window_ticks: usize) -> Self {
        let window = window_ticks.min(MAX_WINDOW_TICKS);
        Self {
            bids: Ladder::new(window),
            asks: Ladder::new(window),
        }
    }

    /// Sets the size that stands at a price, zero to delete the level; returns what stood there before.
    #[inline]
    pub fn set(&mut self, side: Side, level: Level) -> SizeLots {
        let lots = level.size.0.max(0);
        SizeLots(match side {
            Side::Buy => self.bids.set(level.price.0, lots),
            Side::Sell => self.asks.set(level.price.0.saturating_neg(), lots),
        })
    }

    /// Applies every level of an update.
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
    }

    /// Forgets every level.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// The best level of a side.
    #[inline]
    pub fn best(&self, side: Side) -> Option<Level> {
        match side {
            Side::Buy => self.bids.best().map(bid),
            Side::Sell => self.asks.best().map(ask),
        }
    }

    /// The best bid and the best ask, or None if a side is empty.
    #[inline]
    pub fn top(&self) -> Option<(Level, Level)> {
        self.best(Side::Buy).zip(self.best(Side::Sell))
    }

    /// The size at a price; zero where there is no level.
    #[inline]
    pub fn size_at(&self, side: Side, price: PriceTicks) -> SizeLots {
        SizeLots(match side {
            Side::Buy => self.bids.get(price.0),
            Side::Sell => self.asks.get(price.0.saturating_neg()),
        })
    }

    /// The levels of a side from the best outwards: bids downwards, asks upwards.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        let (ladder, level) = match side {
            Side::Buy => (&self.bids, bid as fn((i64, i64)) -> Level),
            Side::Sell => (&self.asks, ask as fn((i64, i64)) -> Level),
        };
        ladder.iter().map(level)
    }

    /// How many levels a side has.
    pub fn len(&self, side: Side) -> usize {
        match side {
            Side::Buy => self.bids.len(),
            Side::Sell => self.asks.len(),
        }
    }

    /// True if neither side has a level.
    pub fn is_empty(&self) -> bool {
        self.bids.len() + self.asks.len() == 0
    }

    /// True if the best bid is at or above the best ask, which no real book is.
    #[inline]
    pub fn is_crossed(&self) -> bool {
        self.top().is_some_and(|(bid, ask)| bid.price >= ask.price)
    }
}

/// A bid's key is its price.
fn bid((key, size): (i64, i64)) -> Level {
    Level {
        price: PriceTicks(key),
        size: SizeLots(size),
    }
}

/// An ask's key is its negated price: the lower, the better.
fn ask((key, size): (i64, i64)) -> Level {
    Level {
        price: PriceTicks(key.saturating_neg()),
        size: SizeLots(size),
    }
}
