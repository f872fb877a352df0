//! A simulated venue: our orders against a replayed book and its trades.
//!
//! The rules, each the most cautious reading of what a recording proves:
//!
//! - **Queue.** An order queues behind the size that stands at its price when it comes. A trade at its price
//!   eats what is ahead first; what is left of the trade fills it, and then our next order at that price. A
//!   level that shrinks without a trade was shrunk from *behind* us: `ahead = min(ahead, level size)`. A trade
//!   that is told after the shrinking it caused does not count twice.
//! - **Trade through.** A trade at a worse price than ours would have met us first: it fills us, best price
//!   first. All our fills of one trade together are no more than that trade's size.
//! - **Cross.** When the replayed opposite side comes to our price, it fills us at our price with what it shows.
//! - **Taking.** An order that crosses takes the visible levels from the best outwards, one fill a level. What
//!   we took stays gone until the recording shows another size there.
//! - **Touch.** A bookTicker newer than the depth stream corrects the touch: levels before it are gone.
//! - **No self-trade.** Of an order that reaches the price of one of ours on the other side, the rest expires (the
//!   venue's `EXPIRE_TAKER`); a post-only order is rejected.
//! - **No trust, no trade.** While the book is not valid (no snapshot yet, a gap), new orders are rejected; resting
//!   orders stay and are filled by trades only.
//!
//! The recording does not react to us: there is no market impact. Times of reports are those the caller
//! gives, of the frame or of the request.

mod liquidity;
mod resting;
mod venue;

pub use venue::SimulatedVenue;

use crate::units::{PriceTicks, Side, SizeLots, TimestampNs};

/// Our trades count from here, far above every venue's own ids and still exact in a float of JavaScript.
pub const FIRST_OWN_TRADE_ID: i64 = 1 << 52;
/// Most orders that rest at once.
pub const MAX_RESTING_ORDERS: usize = 10_000;

/// How long an order lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeInForce {
    /// Until it is filled or cancelled.
    GoodTillCanceled,
    /// What cannot be filled at once expires.
    ImmediateOrCancel,
    /// Filled at once and whole, or not at all.
    FillOrKill,
}

impl TimeInForce {
    /// Reads `GTC`, `IOC` or `FOK`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "GTC" => Some(Self::GoodTillCanceled),
            "IOC" => Some(Self::ImmediateOrCancel),
            "FOK" => Some(Self::FillOrKill),
            _ => None,
        }
    }
}

/// An order as it comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewOrder {
    /// Its id, chosen by the caller.
    pub id: i64,
    /// Buy or sell.
    pub side: Side,
    /// The worst price accepted; None for a market order.
    pub price: Option<PriceTicks>,
    /// How much.
    pub size: SizeLots,
    /// How long it lives; a market order never rests.
    pub time_in_force: TimeInForce,
    /// Refuse it rather than let it take liquidity.
    pub post_only: bool,
}

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// The venue has it.
    New,
    /// A fill.
    Trade,
    /// Withdrawn on request.
    Canceled,
    /// Not accepted.
    Rejected,
    /// The venue ended it: IOC, FOK, a market order without a counterpart, or a self-trade prevented.
    Expired,
}

impl ReportKind {
    /// The venue's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Trade => "TRADE",
            Self::Canceled => "CANCELED",
            Self::Rejected => "REJECTED",
            Self::Expired => "EXPIRED",
        }
    }
}

/// An execution report. `filled + leaves` is always the order's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The order.
    pub order_id: i64,
    /// What happened.
    pub kind: ReportKind,
    /// The order's side.
    pub side: Side,
    /// The fill's price for a trade, else the order's (zero for a market order).
    pub price: PriceTicks,
    /// This fill's size; zero unless it is one.
    pub last: SizeLots,
    /// All filled so far.
    pub filled: SizeLots,
    /// Not filled: still open after `New` and `Trade`, given up after the others.
    pub leaves: SizeLots,
    /// The fill's id, from [`FIRST_OWN_TRADE_ID`] upwards; zero unless it is one.
    pub trade_id: i64,
    /// The order was resting when it was filled.
    pub is_maker: bool,
    /// The moment that the caller gave.
    pub at: TimestampNs,
}

/// Why a request makes no sense. It has changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Not a size.
    #[error("order {id}: size_lots is {size}; it must be positive")]
    Size {
        /// The order.
        id: i64,
        /// What was given.
        size: i64,
    },
    /// Not a price.
    #[error("order {id}: price_ticks is {price}; it must be positive, or None for a market order")]
    Price {
        /// The order.
        id: i64,
        /// What was given.
        price: i64,
    },
    /// Post-only, yet meant to take.
    #[error("order {0}: post_only needs a price and GTC; a market, IOC or FOK order can only take")]
    PostOnlyTaker(i64),
    /// An order with this id rests.
    #[error("order {0} rests already; give each order an id of its own")]
    DuplicateId(i64),
    /// No order with this id rests.
    #[error(
        "order {0} does not rest; it was never accepted, or it is filled, cancelled or expired"
    )]
    UnknownOrder(i64),
    /// Too many.
    #[error("order {0}: {MAX_RESTING_ORDERS} orders rest already; cancel some first")]
    TooManyOrders(i64),
}

#[cfg(test)]
mod tests;
