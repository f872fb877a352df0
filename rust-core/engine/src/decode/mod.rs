//! Venue wire frames to events, exactly: decimal text becomes ticks and lots without a float on the way.

pub mod binance;
pub mod bitstamp;
pub mod bitstamp_orders;
pub mod bybit;
pub mod coinbase;
mod grid;
pub mod itch;
mod json;
pub mod kraken;
pub mod lobster;
pub mod lobster_book;
mod message;
pub mod okx;
pub mod order;
mod shape;
mod text;
mod time;
pub mod venue;

pub use message::{Lost, Message};
pub use text::{LevelText, MAX_TEXT_BYTES};

use std::borrow::Cow;

use crate::units::{PriceTicks, Side, SizeLots, TimestampNs};

/// A frame that is not what its venue sends: what is wrong and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed frame at byte {offset}: {what}")]
pub struct DecodeError {
    /// What is wrong, with the offending text.
    pub what: Cow<'static, str>,
    /// Where it stands in the frame.
    pub offset: usize,
}

impl DecodeError {
    pub(crate) fn new(what: impl Into<Cow<'static, str>>, offset: usize) -> Self {
        Self {
            what: what.into(),
            offset,
        }
    }
}

/// The size that now stands at a price; zero means that the level is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// The level's price.
    pub price: PriceTicks,
    /// All size at that price.
    pub size: SizeLots,
}

/// Changed levels of a book, which cover the update ids from `previous_id` (exclusive) to `last_id`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DepthUpdate {
    /// The last id before this update: `pu` on futures, `U - 1` on spot.
    pub previous_id: i64,
    /// The first id of this update (`U`).
    pub first_id: i64,
    /// The last id of this update (`u`).
    pub last_id: i64,
    /// Venue time of the event (`E`).
    pub event_ns: TimestampNs,
    /// Changed bids, in the venue's order.
    pub bids: Vec<Level>,
    /// Changed asks, in the venue's order.
    pub asks: Vec<Level>,
    /// The venue sent its whole book: it replaces what stood.
    pub is_whole: bool,
    /// The venue's checksum of its book after this update, if it sends one.
    pub checksum: Option<u32>,
    /// The text of each bid, for the checksum; empty where the venue has none.
    pub bid_texts: Vec<LevelText>,
    /// The text of each ask.
    pub ask_texts: Vec<LevelText>,
}

impl DepthUpdate {
    /// Forgets everything but the buffers.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
        self.bid_texts.clear();
        self.ask_texts.clear();
        (self.previous_id, self.first_id, self.last_id) = (0, 0, 0);
        self.event_ns = TimestampNs::default();
        (self.is_whole, self.checksum) = (false, None);
    }
}

/// The whole book, to the depth that the venue gives, after the update `last_id`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DepthSnapshot {
    /// The last update id contained (`lastUpdateId`).
    pub last_id: i64,
    /// Venue time (`E`); spot does not give it.
    pub event_ns: Option<TimestampNs>,
    /// Bids, best first.
    pub bids: Vec<Level>,
    /// Asks, best first.
    pub asks: Vec<Level>,
}

/// One trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade {
    /// The venue's id; consecutive trades have consecutive ids.
    pub id: i64,
    /// Price; zero where `is_market` is false and the venue gives none.
    pub price: PriceTicks,
    /// Size; zero where `is_market` is false and the venue gives none.
    pub size: SizeLots,
    /// The taker's side.
    pub taker: Side,
    /// When the trade took place (`T`).
    pub trade_ns: TimestampNs,
    /// When the venue sent it (`E`).
    pub event_ns: TimestampNs,
    /// False for an id that futures spend on something other than a trade in the book (`X` is not
    /// `MARKET`: insurance fund, liquidation transfers): it counts in the sequence, not in the market.
    pub is_market: bool,
}

/// The best level a side after the update `update_id`. An empty side has a zero price and a zero size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookTicker {
    /// The book's update id (`u`).
    pub update_id: i64,
    /// Best bid.
    pub bid: Level,
    /// Best ask.
    pub ask: Level,
    /// Venue time (`E`); spot does not give it.
    pub event_ns: Option<TimestampNs>,
}

/// What a frame says. Updates and snapshots are lent out of the decoder's own buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// Changed levels.
    Depth(&'a DepthUpdate),
    /// A whole book, as the REST reply has it.
    Snapshot(&'a DepthSnapshot),
    /// One trade.
    Trade(Trade),
    /// The best bid and ask.
    BookTicker(BookTicker),
    /// Another kind of frame, or another symbol's.
    Unknown,
}
