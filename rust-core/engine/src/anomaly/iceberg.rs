//! Icebergs: far more trades at a level than it ever shows, and it still stands.
//!
//! Source of the pattern: Christensen and Woodmansey, "Prediction of hidden liquidity in the limit order book of
//! GLOBEX futures" (2013): an iceberg shows a tranche, and another when that is filled. Refills come within a
//! millisecond and depth updates ten times a second, so what can be seen is that trades at the best price add up
//! to several times the most that the book has shown there, while the level never went. It is a fact about
//! liquidity rather than a danger.

use super::baseline::Moments;
use super::cause::Cause;
use super::observation::{BookSeen, Detector, TradeSeen};
use super::{DetectorError, Finding, MIN_STRENGTH, check_range};
use crate::decode::Level;
use crate::units::{NS_PER_S, PriceTicks, Side, TimestampNs};

/// What is an iceberg.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IcebergParameters {
    /// Times the size shown, or the usual size of a best level if that is more, that must have traded: the limit.
    pub refills: f64,
    /// Fewest trades.
    pub min_trades: u32,
    /// A level without a trade for so long, in nanoseconds, begins anew.
    pub max_pause_ns: i64,
}

impl Default for IcebergParameters {
    fn default() -> Self {
        Self {
            refills: 5.0,
            min_trades: 5,
            max_pause_ns: 2 * NS_PER_S,
        }
    }
}

impl IcebergParameters {
    fn check(&self) -> Result<(), DetectorError> {
        check_range("refills", self.refills, 1.0, 1e6)?;
        check_range("min_trades", f64::from(self.min_trades), 1.0, 1e6)?;
        check_range("max_pause_ns", self.max_pause_ns as f64, 1.0, 1e13)
    }
}

/// Levels of a side that are watched; the one longest without a trade makes room.
const MAX_LEVELS: usize = 4;

/// A level that was the best of its side.
#[derive(Debug, Clone, Copy)]
struct Watched {
    price: PriceTicks,
    /// What it shows.
    size: f64,
    /// The most that it has shown since trading at it began.
    shown: f64,
    traded: f64,
    trades: u32,
    last_ns: TimestampNs,
}

/// Updates of the book after which one weighs half in the usual size.
const HALF_LIFE_UPDATES: f64 = 1_000.0;

/// The detector; it judges from the first book on.
#[derive(Debug, Clone)]
pub struct Iceberg {
    parameters: IcebergParameters,
    levels: [[Option<Watched>; MAX_LEVELS]; 2],
    /// Of the logarithms of the best levels' sizes.
    log_size: Moments,
}

impl Iceberg {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(parameters: IcebergParameters) -> Result<Self, DetectorError> {
        parameters.check()?;
        Ok(Self {
            parameters,
            levels: [[None; MAX_LEVELS]; 2],
            log_size: Moments::new(HALF_LIFE_UPDATES),
        })
    }

    /// Watches the best level of a side. One that is gone for a moment may be between two tranches.
    fn follow(&mut self, side: Side, level: Level, now: TimestampNs) {
        let watched_levels = &mut self.levels[side as usize];
        let lots = level.size.0 as f64;
        self.log_size.learn(lots.max(1.0).ln());
        let mut oldest = 0;
        for at in 0..MAX_LEVELS {
            if let Some(watched) = &mut watched_levels[at]
                && watched.price == level.price
            {
                (watched.size, watched.shown) = (lots, watched.shown.max(lots));
                return;
            }
            let last = |slot: &Option<Watched>| slot.map_or(i64::MIN, |watched| watched.last_ns.0);
            if last(&watched_levels[at]) < last(&watched_levels[oldest]) {
                oldest = at;
            }
        }
        watched_levels[oldest] = Some(Watched {
            price: level.price,
            size: lots,
            shown: lots,
            traded: 0.0,
            trades: 0,
            last_ns: now,
        });
    }
}

impl Detector for Iceberg {
    fn is_warm(&self) -> bool {
        self.levels[0][0].is_some()
    }

    fn on_book_lost(&mut self) {
        self.levels = [[None; MAX_LEVELS]; 2];
    }

    fn on_trade(&mut self, trade: &TradeSeen) -> Option<Finding> {
        let IcebergParameters {
            refills,
            min_trades,
            max_pause_ns,
        } = self.parameters;
        let levels = &mut self.levels[trade.taker.opposite() as usize];
        let level = levels
            .iter_mut()
            .flatten()
            .find(|level| level.price == trade.price)?;
        if trade.at_ns.0.saturating_sub(level.last_ns.0) > max_pause_ns {
            (level.shown, level.traded, level.trades) = (level.size, 0.0, 0);
        }
        level.last_ns = trade.at_ns;
        level.traded += trade.size.0 as f64;
        level.trades = level.trades.saturating_add(1);
        if level.trades < min_trades {
            return None;
        }
        // A level that shows next to nothing is refilled by whoever comes.
        let shown = level.shown.max(self.log_size.mean().exp());
        let times = level.traded / shown;
        let strength = times / refills;
        (strength >= MIN_STRENGTH)
            .then(|| Finding::new(Cause::Iceberg, strength, [times, shown, level.traded]))
    }

    fn on_book(&mut self, book: &BookSeen) -> Option<Finding> {
        self.follow(Side::Buy, book.bid, book.at_ns);
        self.follow(Side::Sell, book.ask, book.at_ns);
        None
    }
}
