//! What a book says about the next moment: spread, middle, microprice, imbalance and pressure.

use super::order_flow::{Flow, FlowLevels, gains};
use crate::book::l2::L2Book;
use crate::decode::Level;
use crate::units::{MAX_COUNT, PriceTicks, Side, SizeLots};

/// Levels a side that features look at.
pub const DEPTH: usize = 20;
/// Levels a side that are kept: so many more that a deletion seldom asks the book for those behind.
const KEPT: usize = 32;
/// Depths, in levels a side, at which [`BookFeatures`] has the imbalance.
pub const IMBALANCE_DEPTHS: [usize; 4] = [1, 5, 10, 20];
/// How far from its side's best price a level counts half in the book pressure, in basis points of that price:
/// the best 20 levels of BTC/USDT span one to three of them.
pub const PRESSURE_HALF_BPS: f64 = 1.0;

const BASIS_POINTS: f64 = 10_000.0;

/// The best levels of one side and their sums. Prices are kept as ranks: the higher, the better, on both sides.
#[derive(Debug, Clone, Copy)]
pub struct TopSide {
    side: Side,
    len: usize,
    /// The side has no other levels.
    is_whole: bool,
    ranks: [i64; KEPT],
    /// At most [`MAX_COUNT`] each, as every decoder sees to, so that no sum overflows.
    lots: [i64; KEPT],
    /// Size from the best level down to each, and the same with weights.
    sums: [i64; DEPTH],
    weighted_sums: [f64; DEPTH],
}

impl TopSide {
    /// The best levels of a book's side.
    fn of(book: &L2Book, side: Side) -> Self {
        let mut top = Self {
            side,
            len: 0,
            is_whole: true,
            ranks: [0; KEPT],
            lots: [0; KEPT],
            sums: [0; DEPTH],
            weighted_sums: [0.0; DEPTH],
        };
        top.read(book);
        top.sum(0);
        top
    }

    /// How many levels there are, of the best [`DEPTH`].
    #[inline]
    pub fn len(&self) -> usize {
        self.len.min(DEPTH)
    }

    /// True if the side has no level.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The best [`DEPTH`] levels, best first.
    pub fn levels(&self) -> impl Iterator<Item = Level> + '_ {
        let (ranks, lots) = (&self.ranks[..self.len()], &self.lots[..self.len()]);
        let levels = ranks.iter().zip(lots);
        levels.map(|(rank, lots)| level(self.side, *rank, *lots))
    }

    /// The best level.
    #[inline]
    pub fn best(&self) -> Option<Level> {
        (self.len > 0).then(|| level(self.side, self.ranks[0], self.lots[0]))
    }

    /// The levels that order flow is measured by.
    #[inline]
    fn flow_levels(&self) -> FlowLevels {
        FlowLevels::of(self.len, &self.ranks, &self.lots)
    }

    /// The size within the best `depth` levels; all of it where the side is shorter.
    #[inline]
    pub fn size(&self, depth: usize) -> SizeLots {
        SizeLots(match depth.min(self.len()) {
            0 => 0,
            levels => self.sums[levels - 1],
        })
    }

    /// Sum of the sizes, each weighted by `1 / (1 + distance / half)`, where the distance is from the side's
    /// own best price and `half` is [`PRESSURE_HALF_BPS`] of that.
    #[inline]
    pub fn weighted_lots(&self) -> f64 {
        match self.len() {
            0 => 0.0,
            levels => self.weighted_sums[levels - 1],
        }
    }

    /// The levels from the first on that can change what is kept.
    #[inline]
    fn touching<'a>(&self, changed: &'a [Level]) -> &'a [Level] {
        if self.is_whole || self.len == 0 {
            return changed;
        }
        let worst = PriceTicks(ranked(self.side, self.ranks[self.len - 1]));
        let first = match self.side {
            Side::Buy => changed.iter().position(|level| level.price >= worst),
            Side::Sell => changed.iter().position(|level| level.price <= worst),
        };
        first.map_or(&[], |first| &changed[first..])
    }

    /// Follows a side of a book in which exactly these levels have been set, in this order, and tells what the
    /// side gained; None if none of the best [`DEPTH`] has changed.
    #[inline]
    fn follow(&mut self, book: &L2Book, changed: &[Level]) -> Option<Flow> {
        let changed = self.touching(changed);
        if changed.is_empty() {
            return None;
        }
        let previous = self.flow_levels();
        let mut first = DEPTH;
        let mut rest = changed;
        while let Some((level, behind)) = rest.split_first()
            && (self.len > 0 || self.is_whole)
        {
            let lots = level.size.0.clamp(0, MAX_COUNT);
            first = first.min(self.set(ranked(self.side, level.price.0), lots));
            rest = self.touching(behind);
        }
        if self.is_stale(book) {
            self.read(book);
            first = 0;
        }
        if first >= DEPTH {
            return None;
        }
        self.sum(first);
        Some(gains(&previous, &self.flow_levels(), first))
    }

    /// True if there are levels in the book that are kept no longer, or kept ones that are not there: a venue
    /// that sends a book of few levels does not say which of them an insertion pushed out.
    #[inline]
    fn is_stale(&self, book: &L2Book) -> bool {
        let all = book.len(self.side);
        if self.is_whole || all <= KEPT {
            // A book of limited depth drops levels of which no update tells.
            return !self.is_whole || self.len != all;
        }
        self.len < DEPTH
    }

    /// Sets a level; returns the place from which levels have changed.
    #[inline]
    fn set(&mut self, rank: i64, lots: i64) -> usize {
        // Behind the last that is kept there may be others.
        if !self.is_whole && rank < self.ranks[self.len - 1] {
            return DEPTH;
        }
        let at = self.ranks[..self.len].partition_point(|other| *other > rank);
        let is_known = at < self.len && self.ranks[at] == rank;
        match (is_known, lots) {
            (true, 0) => self.remove(at),
            (true, _) => self.lots[at] = lots,
            (false, 0) => return DEPTH,
            (false, _) => self.insert(at, rank, lots),
        }
        at
    }

    fn remove(&mut self, at: usize) {
        self.ranks.copy_within(at + 1..self.len, at);
        self.lots.copy_within(at + 1..self.len, at);
        self.len -= 1;
    }

    fn insert(&mut self, at: usize, rank: i64, lots: i64) {
        if self.len == KEPT {
            self.is_whole = false;
            if at == KEPT {
                return;
            }
            self.len -= 1;
        }
        self.ranks.copy_within(at..self.len, at + 1);
        self.lots.copy_within(at..self.len, at + 1);
        self.ranks[at] = rank;
        self.lots[at] = lots;
        self.len += 1;
    }

    fn read(&mut self, book: &L2Book) {
        self.len = 0;
        for level in book.levels(self.side).take(KEPT) {
            self.ranks[self.len] = ranked(self.side, level.price.0);
            self.lots[self.len] = level.size.0.min(MAX_COUNT);
            self.len += 1;
        }
        self.is_whole = book.len(self.side) <= KEPT;
    }

    /// Sums anew from a place on, before which nothing has changed.
    #[inline]
    fn sum(&mut self, from: usize) {
        let best = self.ranks[0] as f64;
        // At a price of zero there are no basis points: only the best level counts then.
        let half_ticks = (best.abs() * (PRESSURE_HALF_BPS / BASIS_POINTS)).max(1e-9);
        let (mut lots, mut weighted) = match from {
            0 => (0, 0.0),
            _ => (self.sums[from - 1], self.weighted_sums[from - 1]),
        };
        let changed = from..self.len().max(from);
        let levels = self.ranks[changed.clone()]
            .iter()
            .zip(&self.lots[changed.clone()]);
        let sums = self.sums[changed.clone()]
            .iter_mut()
            .zip(&mut self.weighted_sums[changed]);
        for ((rank, level_lots), (sum, weighted_sum)) in levels.zip(sums) {
            let distance = best - *rank as f64;
            lots += level_lots;
            weighted += *level_lots as f64 * half_ticks / (half_ticks + distance);
            *sum = lots;
            *weighted_sum = weighted;
        }
    }
}

#[inline]
fn level(side: Side, rank: i64, lots: i64) -> Level {
    Level {
        price: PriceTicks(ranked(side, rank)),
        size: SizeLots(lots),
    }
}

/// A price's rank on a side, and a rank's price.
#[inline]
fn ranked(side: Side, ticks: i64) -> i64 {
    match side {
        Side::Buy => ticks,
        Side::Sell => ticks.saturating_neg(),
    }
}

/// The best [`DEPTH`] levels of a book, kept up to date: a change beyond them costs a comparison.
#[derive(Debug, Clone, Copy)]
pub struct TopLevels {
    /// Best bids.
    pub bids: TopSide,
    /// Best asks.
    pub asks: TopSide,
}

impl TopLevels {
    /// Reads a book from scratch.
    pub fn of(book: &L2Book) -> Self {
        Self {
            bids: TopSide::of(book, Side::Buy),
            asks: TopSide::of(book, Side::Sell),
        }
    }

    /// Follows a book in which exactly the levels `bids` and `asks` have been set, in this order, and tells the
    /// flow that this was; None if none of the best [`DEPTH`] has changed. Levels may be gone in the book that
    /// are not among these, as long as they are its worst.
    #[inline]
    pub fn follow(&mut self, book: &L2Book, bids: &[Level], asks: &[Level]) -> Option<Flow> {
        let (bids, asks) = (self.bids.follow(book, bids), self.asks.follow(book, asks));
        if bids.is_none() && asks.is_none() {
            return None;
        }
        let (bids, asks) = (bids.unwrap_or_default(), asks.unwrap_or_default());
        Some(std::array::from_fn(|index| bids[index] - asks[index]))
    }

    /// Best bid and best ask, or None if a side is empty or they are crossed.
    #[inline]
    pub fn touch(&self) -> Option<(Level, Level)> {
        let (bid, ask) = (self.bids.best()?, self.asks.best()?);
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
            pressure: balance(top.bids.weighted_lots(), top.asks.weighted_lots()),
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
