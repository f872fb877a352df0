//! A row of history.

use crate::units::{PriceTicks, Side, SizeLots};

/// `exchange_ns, local_ns, kind, price_ticks, size_lots, order_id`, where `kind` is a code below and the side,
/// 0 for bids and buyers, above the lowest byte. Both times never go back within a stream.
pub type Row = [i64; 6];

/// The size that stands at a price now; zero: nothing.
pub const LEVEL: i64 = 1;
/// A trade; the side is the taker's.
pub const TRADE: i64 = 2;
/// A side is forgotten, down to a price or, at zero, all of it.
pub const CLEAR: i64 = 3;
/// As [`LEVEL`], part of a snapshot.
pub const SNAPSHOT: i64 = 4;
/// The best price of a side and its size; what is better is gone.
pub const TOUCH: i64 = 5;
/// An order rests at the end of its price's queue.
pub const ADDED: i64 = 10;
/// An order is gone; the size is what it had.
pub const CANCELLED: i64 = 11;
/// An order keeps its place and has this size now.
pub const MODIFIED: i64 = 12;
/// So much of an order traded; the row after it, as [`CANCELLED`] or [`MODIFIED`], tells what is left of it.
pub const FILLED: i64 = 13;

const SIDE_SHIFT: u32 = 8;

/// What a row says, but for its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// One of the codes of this module.
    pub code: i64,
    /// The side.
    pub side: Side,
    /// The price.
    pub price: PriceTicks,
    /// The size.
    pub size: SizeLots,
    /// The order; zero where there is none.
    pub order_id: i64,
}

impl Content {
    /// The row of it at these times.
    pub fn at(self, exchange_ns: i64, local_ns: i64) -> Row {
        let side = i64::from(self.side == Side::Sell);
        let kind = self.code | side << SIDE_SHIFT;
        [
            exchange_ns,
            local_ns,
            kind,
            self.price.0,
            self.size.0,
            self.order_id,
        ]
    }
}
