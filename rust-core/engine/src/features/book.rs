//! What a book says about the next moment: spread, middle, microprice, imbalance and pressure.

use crate::book::l2::L2Book;
use crate::decode::Level;
use crate::units::{PriceTicks, Side, SizeLots};

/// Levels a side that features look at.
pub const DEPTH: usize = 20;
/// Depths, in levels a side, at which [`BookFeatures`] has the imbalance.
pub const IMBALANCE_DEPTHS: [usize; 4] = [1, 5, 10, 20];
/// How far from its side's best price a level counts half in the book pressure, in basis points of that price:
/// the best 20 levels of BTC/USDT span one to three of them.
pub const PRESSURE_HALF_BPS: f64 = 1.0;

const BASIS_POINTS: f64 = 10_000.0;
const NO_LEVEL: Level = Level {
    price: PriceTicks(0),
    size: SizeLots::ZERO,
};

/// The best levels of one side and their sums.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopSide {
    side: Side,
    len: usize,
    levels: [Level; DEPTH],
    /// Size from the best level down to each.
    sums: [i64; DEPTH],
    weighted_lots: f64,
}

impl TopSide {
    fn new(side: Side) -> Self {
        Self {
            side,
            len: 0,
            levels: [NO_LEVEL; DEPTH],
            sums: [0; DEPTH],
            weighted_lots: 0.0,
        }
    }

    /// The levels, best first.
    #[inline]
    pub fn levels(&self) -> &[Level] {
        &self.levels[..self.len]
    }

    /// The size within the best `depth` levels; all of it where the side is shorter.
    #[inline]
    pub fn size(&self, depth: usize) -> SizeLots {
        let levels = depth.min(self.len);
        SizeLots(if levels == 0 {
            0
        } else {
            self.sums[levels - 1]
        })
    }

    /// Sum of the sizes, each weighted by `1 / (1 + distance / half)`, where the distance is from the side's
    /// own best price and `half` is [`PRESSURE_HALF_BPS`] of that.
    pub fn weighted_lots(&self) -> f64 {
        self.weighted_lots
    }

    /// How good a price is: higher is better on either side.
    #[inline]
    pub(super) fn rank(&self, price: PriceTicks) -> i64 {
        match self.side {
            Side::Buy => price.0,
            Side::Sell => price.0.saturating_neg(),
        }
    }

    /// True if a change of these levels can change the best [`DEPTH`].
    #[inline]
    fn is_touched_by(&self, changed: &[Level]) -> bool {
        if self.len < DEPTH {
            return !changed.is_empty();
        }
        let last = self.rank(self.levels[DEPTH - 1].price);
        changed.iter().any(|level| self.rank(level.price) >= last)
    }

    fn of(book: &L2Book, side: Side) -> Self {
        let mut top = Self::new(side);
        for (slot, level) in top.levels.iter_mut().zip(book.levels(side)) {
            *slot = level;
            top.len += 1;
        }
        top.sum();
        top
    }

    fn sum(&mut self) {
        let best = self.rank(self.levels[0].price);
        let half_ticks = (self.levels[0].price.0 as f64).abs() * PRESSURE_HALF_BPS / BASIS_POINTS;
        // A price of zero has no basis points; then only its own level counts.
        let half_ticks = half_ticks.max(f64::MIN_POSITIVE);
        let (mut lots, mut weighted) = (0_i64, 0.0);
        for index in 0..self.len {
            let Level { price, size } = self.levels[index];
            lots = lots.saturating_add(size.0);
            self.sums[index] = lots;
            let distance = best.saturating_sub(self.rank(price)) as f64;
            weighted += size.0 as f64 * half_ticks / (half_ticks + distance);
        }
        self.weighted_lots = weighted;
    }
}

/// The best [`DEPTH`] levels of a book, kept up to date: a change beyond them costs a comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopLevels {
    /// Best bids.
    pub bids: TopSide,
    /// Best asks.
    pub asks: TopSide,
}

impl Default for TopLevels {
    fn default() -> Self {
        Self {
            bids: TopSide::new(Side::Buy),
            asks: TopSide::new(Side::Sell),
        }
    }
}

impl TopLevels {
    /// Reads a book from scratch.
    pub fn of(book: &L2Book) -> Self {
        Self {
            bids: TopSide::of(book, Side::Buy),
            asks: TopSide::of(book, Side::Sell),
        }
    }

    /// What is kept of a book in which exactly the levels `bids` and `asks` have been set, or None if none of
    /// them can have changed it.
    #[inline]
    pub fn after(&self, book: &L2Book, bids: &[Level], asks: &[Level]) -> Option<Self> {
        let (is_bid, is_ask) = (self.bids.is_touched_by(bids), self.asks.is_touched_by(asks));
        if !is_bid && !is_ask {
            return None;
        }
        Some(Self {
            bids: if is_bid {
                TopSide::of(book, Side::Buy)
            } else {
                self.bids
            },
            asks: if is_ask {
                TopSide::of(book, Side::Sell)
            } else {
                self.asks
            },
        })
    }

    /// Best bid and best ask, or None if a side is empty or they are crossed.
    #[inline]
    pub fn touch(&self) -> Option<(Level, Level)> {
        let (bid, ask) = (*self.bids.levels().first()?, *self.asks.levels().first()?);
        (bid.price < ask.price).then_some((bid, ask))
    }

    /// (bid size - ask size) / (bid size + ask size) over the best `depth` levels a side, in [-1, 1] with
    /// positive for more bids; None without a touch and for a depth outside `1..=DEPTH`.
    pub fn imbalance(&self, depth: usize) -> Option<f64> {
        self.touch()?;
        (1..=DEPTH)
            .contains(&depth)
            .then(|| self.imbalance_to(depth))
    }

    #[inline]
    fn imbalance_to(&self, depth: usize) -> f64 {
        balance(
            self.bids.size(depth).0 as f64,
            self.asks.size(depth).0 as f64,
        )
    }
}

/// Features of a book. Prices are in ticks, imbalances in [-1, 1] with positive for more bids.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BookFeatures {
    /// Best ask less best bid.
    pub spread_ticks: f64,
    /// Half way between the best prices.
    pub mid_ticks: f64,
    /// The best prices weighted by the size on the other side (Gatheral and Oomen, "Zero-intelligence
    /// realized variance estimation", 2010).
    pub microprice_ticks: f64,
    /// (bid size - ask size) / (bid size + ask size) over the best levels, at [`IMBALANCE_DEPTHS`].
    pub imbalance: [f64; IMBALANCE_DEPTHS.len()],
    /// As the imbalance over [`DEPTH`] levels, with sizes that count less the farther they lie from the best
    /// price of their side: see [`TopSide::weighted_lots`].
    pub pressure: f64,
}

impl BookFeatures {
    /// Features of the best levels, or None if a side is empty or they are crossed.
    #[inline]
    pub fn of(top: &TopLevels) -> Option<Self> {
        let (bid, ask) = top.touch()?;
        Some(Self {
            spread_ticks: ask.price.0 as f64 - bid.price.0 as f64,
            mid_ticks: mid_ticks(bid, ask),
            microprice_ticks: microprice(bid, ask),
            imbalance: IMBALANCE_DEPTHS.map(|depth| top.imbalance_to(depth)),
            pressure: balance(top.bids.weighted_lots, top.asks.weighted_lots),
        })
    }
}

#[inline]
pub(super) fn mid_ticks(bid: Level, ask: Level) -> f64 {
    f64::midpoint(bid.price.0 as f64, ask.price.0 as f64)
}

#[inline]
fn microprice(bid: Level, ask: Level) -> f64 {
    let (bid_size, ask_size) = (bid.size.0 as f64, ask.size.0 as f64);
    (bid.price.0 as f64 * ask_size + ask.price.0 as f64 * bid_size) / (bid_size + ask_size)
}

/// How much more there is of the one than of the other, in [-1, 1]; NaN if there is nothing of either.
#[inline]
pub(super) fn balance(one: f64, other: f64) -> f64 {
    (one - other) / (one + other)
}
