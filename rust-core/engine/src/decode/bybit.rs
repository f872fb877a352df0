//! Bybit v5's public frames: order book and trades.
//!
//! `orderbook.DEPTH.SYMBOL` sends the whole book after each subscription, and again if the venue lost track.
//! Each later update has a `u` that is one more than the last. `publicTrade.SYMBOL` sends trades whose ids are
//! not consecutive.

use super::grid::Grid;
use super::json::{Raw, Scanner, require};
use super::{DecodeError, Message, Trade, time};
use crate::units::{NS_PER_MS, NS_PER_S, Side, Step, TimestampNs};

const MS_PER_S: i64 = NS_PER_S / NS_PER_MS;

/// Decodes the frames of one instrument.
#[derive(Debug, Clone)]
pub struct Decoder {
    symbol: Vec<u8>,
    grid: Grid,
}

impl Decoder {
    /// A decoder for `symbol`, as `BTCUSDT`.
    pub fn new(symbol: &str, price_tick: Step, size_step: Step) -> Self {
        Self {
            symbol: symbol.as_bytes().to_vec(),
            grid: Grid::new(price_tick, size_step),
        }
    }

    /// See [`super::venue::VenueDecoder::decode`].
    ///
    /// # Errors
    /// The frame is malformed.
    pub fn decode(&mut self, frame: &[u8], message: &mut Message) -> Result<(), DecodeError> {
        let mut scanner = Scanner::new(frame);
        if scanner.peek() != Some(b'{') {
            return Ok(());
        }
        let [topic, kind, sent, data] = scanner.members(["topic", "type", "ts", "data"])?;
        scanner.expect_end()?;
        let Some(topic) = topic else {
            return Ok(());
        };
        let topic = topic.string("topic")?;
        if is_book_of(topic, &self.symbol) {
            let is_whole =
                require(kind, "`type`")?.either("type", ("snapshot", true), ("delta", false))?;
            self.book(is_whole, sent, require(data, "`data`")?, message)
        } else if topic.strip_prefix(b"publicTrade.") == Some(&self.symbol) {
            self.trades(sent, require(data, "`data`")?, message)
        } else {
            Ok(())
        }
    }

    fn book(
        &mut self,
        is_whole: bool,
        sent: Option<Raw<'_>>,
        data: Raw<'_>,
        message: &mut Message,
    ) -> Result<(), DecodeError> {
        let [bids, asks, id] = Scanner::of(data).members(["b", "a", "u"])?;
        let id = require(id, "`u`")?.integer("u")?;
        let update = message.begin_update();
        update.is_whole = is_whole;
        (update.previous_id, update.first_id, update.last_id) = (id - 1, id, id);
        update.event_ns = milliseconds(sent, "ts")?;
        Scanner::of(require(bids, "`b`")?).levels(&mut self.grid, &mut update.bids)?;
        Scanner::of(require(asks, "`a`")?).levels(&mut self.grid, &mut update.asks)
    }

    fn trades(
        &mut self,
        sent: Option<Raw<'_>>,
        data: Raw<'_>,
        message: &mut Message,
    ) -> Result<(), DecodeError> {
        let event_ns = milliseconds(sent, "ts")?;
        Scanner::of(data).array(|scanner| {
            let trade = self.trade(scanner, event_ns)?;
            message.push_trade(trade, scanner.offset())
        })
    }

    fn trade(
        &mut self,
        scanner: &mut Scanner<'_>,
        event_ns: TimestampNs,
    ) -> Result<Trade, DecodeError> {
        let [time, taker, size, price] = scanner.members(["T", "S", "v", "p"])?;
        let taker = require(taker, "the taker's side `S`")?;
        let (price, size) = self.grid.traded(
            require(price, "the price `p`")?,
            require(size, "the size `v`")?,
        )?;
        Ok(Trade {
            id: 0,
            price,
            size,
            taker: taker.either("S", ("Buy", Side::Buy), ("Sell", Side::Sell))?,
            trade_ns: milliseconds(time, "T")?,
            event_ns,
            is_market: true,
        })
    }
}

/// `orderbook.DEPTH.SYMBOL`.
fn is_book_of(topic: &[u8], symbol: &[u8]) -> bool {
    let depth = topic
        .strip_prefix(b"orderbook.")
        .and_then(|rest| rest.strip_suffix(symbol))
        .and_then(|rest| rest.strip_suffix(b"."));
    depth.is_some_and(|depth| !depth.is_empty() && depth.iter().all(u8::is_ascii_digit))
}

fn milliseconds(raw: Option<Raw<'_>>, field: &str) -> Result<TimestampNs, DecodeError> {
    let raw = require(raw, field)?;
    time::whole(raw, raw.text, MS_PER_S, field)
}
