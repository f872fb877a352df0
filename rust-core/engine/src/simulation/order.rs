//! Orders on their way to the venue, and what comes back.

use super::SimulationError;
use crate::matching::TimeInForce;
use crate::units::{MAX_COUNT, PriceTicks, Side, SizeLots, TimestampNs};

/// An order as the trader gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderRequest {
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

impl OrderRequest {
    pub(super) fn check(&self) -> Result<(), SimulationError> {
        if !(1..=MAX_COUNT).contains(&self.size.0) {
            return Err(SimulationError::Order("size_lots must be in 1 to 2^56"));
        }
        let price = self.price.map_or(1, |price| price.0);
        if !(1..=MAX_COUNT).contains(&price) {
            return Err(SimulationError::Order(
                "price_ticks must be in 1 to 2^56, or None for a market order",
            ));
        }
        let rests = self.price.is_some() && self.time_in_force == TimeInForce::GoodTillCanceled;
        if self.post_only && !rests {
            return Err(SimulationError::Order(
                "post_only needs a price and GTC; a market, IOC or FOK order can only take",
            ));
        }
        Ok(())
    }
}

/// What travels to the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    New { id: i64, order: OrderRequest },
    Cancel { id: i64 },
}

/// Why the venue said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It was lost before the matching engine: the recorded latencies say so.
    Lost,
    /// The venue is halted.
    Halted,
    /// The venue refused at random, as it was set to.
    Random,
    /// As many orders rest as may.
    TooMany,
    /// Post-only, and it would have taken.
    WouldTake,
    /// A cancel of what does not rest: never accepted, filled, cancelled or expired.
    Unknown,
}

impl Refusal {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Halted => "halted",
            Self::Random => "random",
            Self::TooMany => "too many",
            Self::WouldTake => "would take",
            Self::Unknown => "unknown",
        }
    }
}

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// It rests.
    Accepted,
    /// A fill.
    Fill,
    /// Withdrawn on request.
    Canceled,
    /// The venue ended it: IOC, FOK, a market order without a counterpart, or a self-trade prevented.
    Expired,
    /// Not accepted.
    Rejected(Refusal),
    /// A cancel that came to nothing; the order is as it was.
    CancelRejected(Refusal),
}

impl ReportKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Fill => "fill",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Rejected(_) => "rejected",
            Self::CancelRejected(_) => "cancel rejected",
        }
    }

    /// Why, if it is a refusal.
    pub fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Rejected(refusal) | Self::CancelRejected(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// An execution report. `filled + leaves` is always the order's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The order.
    pub id: i64,
    /// What happened.
    pub kind: ReportKind,
    /// The order's side.
    pub side: Side,
    /// The fill's price, else the order's (zero for a market order).
    pub price: PriceTicks,
    /// This fill's size; zero unless it is one.
    pub last: SizeLots,
    /// All filled so far.
    pub filled: SizeLots,
    /// Not filled: still open after `Accepted`, `Fill` and `CancelRejected`, given up after the others.
    pub leaves: SizeLots,
    /// The order was resting when it was filled.
    pub is_maker: bool,
    /// What a fill cost, in atoms of the asset of settlement; negative is a rebate. Zero at the venue: the
    /// trader's account charges it when he hears of the fill.
    pub fee_atoms: i128,
    /// When the venue did it.
    pub exchange_ns: TimestampNs,
}

impl Report {
    /// The order is over.
    pub fn is_final(&self) -> bool {
        match self.kind {
            ReportKind::Fill => self.leaves.is_zero(),
            ReportKind::Canceled | ReportKind::Expired | ReportKind::Rejected(_) => true,
            ReportKind::Accepted | ReportKind::CancelRejected(_) => false,
        }
    }
}
