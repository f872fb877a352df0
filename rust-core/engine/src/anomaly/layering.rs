//! Layering and spoofing: large levels near the touch that nobody was meant to trade with.
//!
//! Sources of the pattern: Lee, Eom and Park, "Microstructure-based manipulation: Strategic behavior and
//! performance of spoofing traders" (2013); the orders in US v. Coscia (2014): a large order near the touch that
//! pulls the price, a small one on the other side that is executed, and the large one withdrawn. Seen in level
//! updates: a level grows by far more than is usual near the touch, next to nothing trades at its price,
//! takers trade with the *other* side, and then the size goes. Several such levels at once are layering.
//!
//! Large levels come and go all day: market makers move them (24 BTC, thrice a second, on recorded BTC futures).
//! What is news is a level larger than any that was withdrawn so lately: sizes are judged against a decaying
//! maximum of their own kind, for single levels and for several at once.
//!
//! A bounded number of large levels is watched, so an update costs the same for ever.

use super::baseline::Peak;
use super::cause::Cause;
use super::observation::{Detector, LevelChange, TradeSeen};
use super::{BASIS_POINTS, DetectorError, Finding, MIN_STRENGTH, check_range};
use crate::units::{NS_PER_MS, NS_PER_S, PriceTicks, Side, TimestampNs};

/// Large levels watched at a time; the oldest makes room.
const MAX_WALLS: usize = 32;
/// A level that is smaller than this share of the largest is not watched.
const WATCHED_SHARE: f64 = 0.25;
/// Kinds of price, by its last bits, that walls are counted by.
const MARKS: usize = 256;
/// Levels withdrawn together that are layers.
const MIN_LAYERS: u32 = 3;
/// So many withdrawals lift the memory of the largest freely; later ones a share at a time.
const FREE_RISES: u64 = 50;

/// What is a wall, and what is its withdrawal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayeringParameters {
    /// Times the largest level withdrawn lately that is the limit. On recorded spot and futures markets single
    /// withdrawals seldom reach 2 in ten minutes.
    pub peak_ratio: f64,
    /// The same for the size of a group of levels, against the largest group or three of the largest levels.
    pub group_ratio: f64,
    /// Time in which the memory of the largest halves, in nanoseconds.
    pub peak_half_life_ns: i64,
    /// Nearest to the touch, in basis points. At the touch size comes and goes with every tick of the price.
    pub min_distance_bp: f64,
    /// Farthest from the touch, in basis points. Farther away nobody is impressed, and market makers keep what
    /// they move.
    pub max_distance_bp: f64,
    /// Longest life, in nanoseconds. What stands longer had a fair chance to be traded with.
    pub max_life_ns: i64,
    /// Least part of the growth that is withdrawn, in [0, 1].
    pub withdrawn_share: f64,
    /// Most that may have traded at the level, as a share of its growth.
    pub max_traded_share: f64,
    /// Fewest trades meanwhile by takers on the level's side, that is, against the other side of the book.
    pub min_executions: u32,
    /// Withdrawals of one side within this time of the first, in nanoseconds, are one group.
    pub group_ns: i64,
    /// Withdrawals needed before the first judgement.
    pub min_samples: u64,
    /// Time from the first withdrawal to the first judgement, in nanoseconds: what is the largest of a busy
    /// second is not yet the largest that is usual.
    pub min_seen_ns: i64,
}

impl Default for LayeringParameters {
    fn default() -> Self {
        Self {
            peak_ratio: 2.0,
            group_ratio: 1.8,
            peak_half_life_ns: 180 * NS_PER_S,
            min_distance_bp: 0.25,
            max_distance_bp: 5.0,
            max_life_ns: 3 * NS_PER_S,
            withdrawn_share: 0.8,
            max_traded_share: 0.1,
            min_executions: 2,
            group_ns: 300 * NS_PER_MS,
            min_samples: 100,
            min_seen_ns: 45 * NS_PER_S,
        }
    }
}

impl LayeringParameters {
    fn check(&self) -> Result<(), DetectorError> {
        check_range("peak_ratio", self.peak_ratio, 0.1, 1e6)?;
        check_range("group_ratio", self.group_ratio, 0.1, 1e6)?;
        check_range(
            "peak_half_life_ns",
            self.peak_half_life_ns as f64,
            1.0,
            1e15,
        )?;
        check_range("min_distance_bp", self.min_distance_bp, -1e4, 1e4)?;
        check_range(
            "max_distance_bp",
            self.max_distance_bp,
            self.min_distance_bp,
            1e4,
        )?;
        check_range("max_life_ns", self.max_life_ns as f64, 1.0, 1e13)?;
        check_range("withdrawn_share", self.withdrawn_share, 0.01, 1.0)?;
        check_range("max_traded_share", self.max_traded_share, 0.0, 1.0)?;
        check_range("min_executions", f64::from(self.min_executions), 0.0, 1e6)?;
        check_range("group_ns", self.group_ns as f64, 0.0, 1e12)?;
        check_range("min_samples", self.min_samples as f64, 1.0, 1e6)?;
        check_range("min_seen_ns", self.min_seen_ns as f64, 0.0, 1e13)
    }
}

#[derive(Debug, Clone, Copy)]
struct Wall {
    side: Side,
    price: PriceTicks,
    placed_ns: TimestampNs,
    growth: f64,
    distance_bp: f64,
    traded: f64,
    /// Trades by takers on its side before it was placed.
    executions_before: u64,
}

/// The last withdrawals of a side.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    began_ns: TimestampNs,
    last_ns: TimestampNs,
    levels: u32,
    lots: f64,
}

/// The detector.
#[derive(Debug, Clone)]
pub struct Layering {
    parameters: LayeringParameters,
    walls: [Option<Wall>; MAX_WALLS],
    /// Walls by the last bits of their price: one look tells of nearly every level that it is none.
    marks: [u8; MARKS],
    /// Trades so far by the taker's side.
    executions: [u64; 2],
    /// First withdrawal, and the latest.
    seen_ns: Option<(TimestampNs, TimestampNs)>,
    largest: Peak,
    /// When, and the growth from which on a level is watched: a whole update has one time.
    watched: Option<(TimestampNs, f64)>,
    largest_group: Peak,
    groups: [Group; 2],
}

impl Layering {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(parameters: LayeringParameters) -> Result<Self, DetectorError> {
        parameters.check()?;
        let peak = Peak::new(parameters.peak_half_life_ns);
        Ok(Self {
            parameters,
            walls: [None; MAX_WALLS],
            marks: [0; MARKS],
            executions: [0; 2],
            seen_ns: None,
            largest: peak,
            watched: None,
            largest_group: peak,
            groups: [Group::default(); 2],
        })
    }

    fn find(&self, change: &LevelChange) -> Option<usize> {
        self.walls.iter().position(|slot| {
            slot.is_some_and(|wall| wall.price == change.price && wall.side == change.side)
        })
    }

    #[cold]
    fn place(&mut self, change: &LevelChange, growth: f64) {
        let distance_bp = change.distance_ticks as f64 / change.price.0 as f64 * BASIS_POINTS;
        let near = self.parameters.min_distance_bp..=self.parameters.max_distance_bp;
        if !near.contains(&distance_bp) {
            return;
        }
        let may_stand = self.marks[mark(change.price)] > 0;
        let known = may_stand.then(|| self.find(change)).flatten();
        let slot = known.unwrap_or_else(|| self.free_slot());
        self.take_away(slot);
        self.marks[mark(change.price)] += 1;
        self.walls[slot] = Some(Wall {
            side: change.side,
            price: change.price,
            placed_ns: change.at_ns,
            growth,
            distance_bp,
            traded: 0.0,
            executions_before: self.executions[change.side as usize],
        });
    }

    fn take_away(&mut self, slot: usize) {
        if let Some(wall) = self.walls[slot].take() {
            self.marks[mark(wall.price)] -= 1;
        }
    }

    /// An empty slot, or that of the oldest wall.
    fn free_slot(&self) -> usize {
        let placed = |slot: usize| self.walls[slot].map_or(i64::MIN, |wall| wall.placed_ns.0);
        (1..MAX_WALLS).fold(0, |oldest, slot| {
            if placed(slot) < placed(oldest) {
                slot
            } else {
                oldest
            }
        })
    }

    #[cold]
    fn withdraw(&mut self, change: &LevelChange, fall: f64) -> Option<Finding> {
        let slot = self.find(change)?;
        let wall = self.walls[slot]?;
        if fall - wall.traded < self.parameters.withdrawn_share * wall.growth {
            return None;
        }
        self.take_away(slot);
        let life_ns = change.at_ns.0.saturating_sub(wall.placed_ns.0);
        let is_short = life_ns <= self.parameters.max_life_ns;
        let is_untraded = wall.traded <= self.parameters.max_traded_share * wall.growth;
        (is_short && is_untraded)
            .then(|| self.judge(&wall, change.at_ns))
            .flatten()
    }

    /// Judges a withdrawal by those before it, alone and with its group, then learns it.
    fn judge(&mut self, wall: &Wall, now: TimestampNs) -> Option<Finding> {
        self.seen_ns = Some((self.seen_ns.map_or(now, |(first, _)| first), now));
        let is_warm = self.is_warm();
        let executions = self.executions[wall.side as usize] - wall.executions_before;
        let is_meant = executions < u64::from(self.parameters.min_executions);
        let largest = self.largest.at(now.0).max(1.0);
        let mut strength = wall.growth / (largest * self.parameters.peak_ratio);
        let group = self.group(wall, now);
        let largest_group = self
            .largest_group
            .at(now.0)
            .max(f64::from(MIN_LAYERS) * largest);
        if group.levels >= MIN_LAYERS {
            let limit = largest_group * self.parameters.group_ratio;
            strength = strength.max(group.lots / limit);
        }
        self.largest.learn(wall.growth, now.0, FREE_RISES);
        self.watched = None;
        (is_warm && !is_meant && strength >= MIN_STRENGTH).then(|| {
            let evidence = [group.lots.max(wall.growth), largest, wall.distance_bp];
            Finding::new(Cause::Layering, strength, evidence)
        })
    }

    /// The growth from which on a level is watched.
    #[inline]
    fn watched_growth(&mut self, now: TimestampNs) -> f64 {
        match self.watched {
            Some((at, growth)) if at == now => growth,
            _ => self.watch_from(now),
        }
    }

    #[cold]
    fn watch_from(&mut self, now: TimestampNs) -> f64 {
        let growth = WATCHED_SHARE * self.largest.at(now.0);
        self.watched = Some((now, growth));
        growth
    }

    /// Adds the wall to its side's group, or begins another and learns the one before.
    fn group(&mut self, wall: &Wall, now: TimestampNs) -> Group {
        let group = &mut self.groups[wall.side as usize];
        if now.0.saturating_sub(group.began_ns.0) > self.parameters.group_ns {
            if group.levels >= MIN_LAYERS {
                self.largest_group
                    .learn(group.lots, group.last_ns.0, FREE_RISES);
            }
            *group = Group {
                began_ns: now,
                ..Group::default()
            };
        }
        group.last_ns = now;
        group.levels = group.levels.saturating_add(1);
        group.lots += wall.growth;
        *group
    }
}

fn mark(price: PriceTicks) -> usize {
    price.0 as usize % MARKS
}

impl Detector for Layering {
    fn is_warm(&self) -> bool {
        let seen_ns = self
            .seen_ns
            .map_or(0, |(first, last)| last.0.saturating_sub(first.0));
        self.largest.count() >= self.parameters.min_samples
            && seen_ns >= self.parameters.min_seen_ns
    }

    fn on_book_lost(&mut self) {
        self.walls = [None; MAX_WALLS];
        self.marks = [0; MARKS];
        self.groups = [Group::default(); 2];
    }

    fn on_trade(&mut self, trade: &TradeSeen) -> Option<Finding> {
        self.executions[trade.taker as usize] += 1;
        if self.marks[mark(trade.price)] == 0 {
            return None;
        }
        let lots = trade.size.0 as f64;
        for wall in self.walls.iter_mut().flatten() {
            if wall.side != trade.taker && wall.price == trade.price {
                wall.traded += lots;
            }
        }
        None
    }

    #[inline]
    fn on_level(&mut self, change: &LevelChange) -> Option<Finding> {
        let growth = change.after.0.saturating_sub(change.before.0) as f64;
        if growth < 0.0 {
            return if self.marks[mark(change.price)] == 0 {
                None
            } else {
                self.withdraw(change, -growth)
            };
        }
        if growth >= self.watched_growth(change.at_ns) {
            self.place(change, growth);
        }
        None
    }
}
