//! A backtest over recorded events: what the trader saw and when, and what the venue made of his orders.
//!
//! Each instrument has two books out of the same rows: the venue's, by the time at which the venue did it, and
//! the trader's, by the time at which he saw it. Orders and reports travel between them with a latency. The
//! trader is woken for what he waits for, always after everything of that moment, and acts then; between two
//! wakes nothing but this code runs.
//!
//! - **Order of events.** Of one moment the data comes first, then the messages; of several instruments the one
//!   that was added first. That is hftbacktest's order (`backtest/evs.rs`).
//! - **Fills, whole** ([`FillMode::Whole`]): hftbacktest's exchange without partial fills. A resting order is
//!   filled whole when the other side's best reaches it, when a trade is through its price, or when trades at
//!   its price have eaten what [`QueueModel`] has before it. What takes is filled whole at the best price.
//! - **Fills, partial** ([`FillMode::Partial`]): the rules of [`crate::matching`]. All our fills of one trade
//!   together are no more than it; what takes walks the visible levels, and what it took stays gone until the
//!   data shows another size there; an order does not meet its owner's, its rest expires.
//! - **Ends.** The run is over when the data is at its end and no message is on its way. A timer after that does
//!   not wake.
//!
//! The recording does not react to us. With [`VenueRules::impact`] what takes pays what its size would have moved the
//! price by ([`impact`]), on top of each level's price and never beyond its limit; what rests pays nothing. Each order
//! counts by itself: the law is of all that belongs together, so many small orders pay too little.

pub mod account;
mod activity;
mod amounts;
mod book;
mod exchange;
mod features;
pub mod fees;
pub mod funding;
pub mod impact;
mod latency;
mod local;
mod market;
pub mod market_maker;
mod order;
mod queue;
mod quotes;
mod resting;
mod run;
mod stream;
mod taken;
mod touch_book;
mod wake;

pub use account::Account;
pub use activity::LEAST_CHANGES;
pub use amounts::{AccountError, MAX_RATE, RATE_ONE};
pub use exchange::VenueRules;
pub use latency::{LatencyRow, MAX_LATENCY_NS, OrderLatency};
pub use local::{OwnFill, OwnOrder};
pub use order::{OrderRequest, Refusal, Report, ReportKind};
pub use queue::{QueueModel, QueuePosition};
pub use quotes::{Quote, Quotes};
pub use resting::FillMode;
pub use run::{InstrumentSettings, Simulation, Step};
pub use stream::MAX_TIME_NS;
pub use wake::{Touch, Wake, Watch, reason};

use crate::candle::{CandleError, CandleRuleError};
use crate::features::FeatureError;

/// `exchange_ns, local_ns, kind, price_ticks, size_lots, order_id`. The kind is a code, and 256 more for asks and
/// sellers. Codes: 1 and 4 set a level, 2 a trade (the side is the taker's), 3 clears a side down to a price, or
/// all of it (0), 5 the best level of a side, 6 its only one; by order 10 adds, 11 cancels, 12 modifies, and 13
/// tells that an order was filled, of which the next row tells what is left; 0 is padding.
pub type Row = [i64; 6];
/// `at_ns, bid_ticks, ask_ticks, bid_lots, ask_lots`.
pub type QuoteRow = [i64; 5];

/// Most fills that wait to be taken.
pub const MAX_WAITING_FILLS: usize = 1 << 24;
/// Most instruments in a run.
pub const MAX_INSTRUMENTS: usize = 1_024;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RowProblem {
    /// Not a code.
    #[error(
        "kind {0} is unknown; use a code of 1 to 6 or 10 to 13, and 256 more for asks and sellers"
    )]
    Kind(i64),
    /// A level in a history by order.
    #[error("code {0} is of a level, but the instrument's history is by order; say by_order=False")]
    Level(EventCode),
    /// An order in a history by level.
    #[error("code {0} is of an order, but the instrument's history is by level; say by_order=True")]
    Order(EventCode),
    /// Time goes back.
    #[error(
        "{0} is {1}, before {2} of an earlier row; sort the rows by time, and make both times ascend"
    )]
    Back(&'static str, i64, i64),
    /// A number that no market has.
    #[error(
        "a number is out of range; prices are 1 to 2^56 ticks, sizes 0 to 2^56 lots, times 0 to 2^62 ns"
    )]
    Range,
}

/// A row's kind without its side.
pub type EventCode = i64;

/// A row that cannot be taken. None of those that came with it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("row {row}: {problem}")]
pub struct RowError {
    /// Its number in the instrument's history, from 0.
    pub row: u64,
    /// What is wrong.
    pub problem: RowProblem,
}

/// Why something cannot be done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SimulationError {
    /// A setting without sense.
    #[error("{name} {what}")]
    Setting {
        /// Which.
        name: &'static str,
        /// What is wrong, and what to do.
        what: String,
    },
    /// An instrument that was not added.
    #[error("there is no instrument {0}; add_instrument returns the numbers that there are")]
    NoInstrument(usize),
    /// The run has begun.
    #[error("{0} is for before the run; it has begun")]
    Begun(&'static str),
    /// The run has not begun.
    #[error("the market's time is not known yet; call advance first")]
    NotBegun,
    /// An order that no venue takes.
    #[error("an order's {0}")]
    Order(&'static str),
    /// No such order.
    #[error(
        "order {0} is not open: it is filled, cancelled, expired or rejected, or was never sent"
    )]
    NotOpen(i64),
    /// A fill cannot be booked, or an account cannot be made.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Nobody takes the fills.
    #[error("{MAX_WAITING_FILLS} fills wait; take them")]
    FillsNotTaken,
    /// A candle cannot be made.
    #[error(transparent)]
    Candle(#[from] CandleError),
    /// A candle's interval.
    #[error(transparent)]
    CandleRule(#[from] CandleRuleError),
    /// How features are measured.
    #[error(transparent)]
    Features(#[from] FeatureError),
}

impl SimulationError {
    fn setting(name: &'static str, what: String) -> Self {
        Self::Setting { name, what }
    }
}

/// Why the run stands.
#[derive(Debug)]
enum Stop {
    /// An instrument's rows are used up.
    Starved(usize),
    Failed(SimulationError),
}

impl From<SimulationError> for Stop {
    fn from(error: SimulationError) -> Self {
        Self::Failed(error)
    }
}
