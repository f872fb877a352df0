//! What detectors of a market see: trades, changed levels, the book after an update, and the seconds between.
//!
//! All times are the venue's. Those of trades do not go back, nor do those of the book; trades that come late,
//! as the missing ones of a hole do, are behind the book.

use super::{BASIS_POINTS, Finding};
use crate::decode::Level;
use crate::units::{PriceTicks, Side, SizeLots, TimestampNs};

/// One trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradeSeen {
    /// When.
    pub at_ns: TimestampNs,
    /// Price.
    pub price: PriceTicks,
    /// Size.
    pub size: SizeLots,
    /// The taker's side.
    pub taker: Side,
}

/// A level whose size has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelChange {
    /// When.
    pub at_ns: TimestampNs,
    /// The side of the book.
    pub side: Side,
    /// The level's price.
    pub price: PriceTicks,
    /// What stood there.
    pub before: SizeLots,
    /// What stands there now; zero where the level is gone.
    pub after: SizeLots,
    /// How far from the best price of its side before the change, outwards; negative inside the spread.
    pub distance_ticks: i64,
}

/// The book after an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookSeen {
    /// When.
    pub at_ns: TimestampNs,
    /// Best bid.
    pub bid: Level,
    /// Best ask.
    pub ask: Level,
    /// Size of the best levels of the bid side, as many as [`super::panel::DEPTH_LEVELS`].
    pub bid_depth: SizeLots,
    /// Size of as many levels of the ask side.
    pub ask_depth: SizeLots,
}

impl BookSeen {
    /// Half way between the best prices, in ticks.
    pub fn mid_ticks(&self) -> f64 {
        f64::midpoint(self.bid.price.0 as f64, self.ask.price.0 as f64)
    }
}

/// A second of the venue's time in which there was a trade, told when the next one begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SecondSeen {
    /// Its end.
    pub end_ns: TimestampNs,
    /// Price of its last trade.
    pub close: PriceTicks,
    /// Price of the last trade before it.
    pub previous_close: PriceTicks,
    /// Trades in it.
    pub trades: u32,
    /// Their size.
    pub volume_lots: f64,
    /// Their size, what takers sold negative.
    pub signed_lots: f64,
}

impl SecondSeen {
    /// Log return against the trade before, in basis points. Prices are positive, so it is finite.
    pub fn return_bp(&self) -> f64 {
        log_ratio_bp(self.close.0 as f64, self.previous_close.0 as f64)
    }

    /// Share of the volume that is not balanced by the other side, in [0, 1].
    pub fn one_sided_share(&self) -> f64 {
        if self.volume_lots > 0.0 {
            self.signed_lots.abs() / self.volume_lots
        } else {
            0.0
        }
    }
}

/// How far one price lies from another, in basis points; 0 where it cannot be said.
pub(super) fn log_ratio_bp(price: f64, other: f64) -> f64 {
    let ratio = price / other;
    if ratio > 0.0 && ratio.is_finite() {
        ratio.ln() * BASIS_POINTS
    } else {
        0.0
    }
}

/// A detector of a market. Each takes what it needs and ignores the rest.
pub trait Detector {
    /// False while it abstains because it has not seen enough.
    fn is_warm(&self) -> bool;

    /// A trade.
    fn on_trade(&mut self, _trade: &TradeSeen) -> Option<Finding> {
        None
    }

    /// A changed level near the touch.
    fn on_level(&mut self, _change: &LevelChange) -> Option<Finding> {
        None
    }

    /// The book after all the changes of an update.
    fn on_book(&mut self, _book: &BookSeen) -> Option<Finding> {
        None
    }

    /// The book is not known any more: what goes on in it is not what went on before.
    fn on_book_lost(&mut self) {}

    /// Trades were missed that nobody will tell.
    fn on_trades_lost(&mut self) {}

    /// A second that is over, before the trade that ended it.
    fn on_second(&mut self, _second: &SecondSeen) -> Option<Finding> {
        None
    }
}
