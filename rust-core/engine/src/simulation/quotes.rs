//! What a market maker wants to rest.

use super::SimulationError;
use super::order::OrderRequest;
use crate::matching::TimeInForce;
use crate::units::{MAX_COUNT, PriceTicks, Side, SizeLots};

/// A price to quote and how much to place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quote {
    /// In ticks; 0 quotes nothing: what rests on that side is withdrawn.
    pub price_ticks: i64,
    /// In lots; 0 keeps what rests at the price and places nothing.
    pub size_lots: i64,
}

/// What a market maker wants to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quotes {
    /// To buy.
    pub bid: Quote,
    /// To sell.
    pub ask: Quote,
}

impl Quote {
    pub(super) fn check(self) -> Result<(), SimulationError> {
        let range = 0..=MAX_COUNT;
        if range.contains(&self.price_ticks) && range.contains(&self.size_lots) {
            return Ok(());
        }
        Err(SimulationError::Order(
            "quote must have a price and a size in 0 to 2^56; a price of 0 quotes nothing",
        ))
    }

    /// The post-only order that it is.
    pub(super) fn order(self, side: Side) -> OrderRequest {
        OrderRequest {
            side,
            price: Some(PriceTicks(self.price_ticks)),
            size: SizeLots(self.size_lots),
            time_in_force: TimeInForce::GoodTillCanceled,
            post_only: true,
        }
    }
}
