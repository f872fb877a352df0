//! Bitstamp's public frames: `diff_order_book` and `live_trades`, and the REST `order_book`.
//!
//! An update carries the time of the book after it, in microseconds, and nothing that chains it to the one before:
//! that the venue's messages came all and in order cannot be proved, only that time does not go back and that
//! the book is not crossed. The book's beginning is a REST reply with a time of the same clock.

use super::grid::Grid;
use super::json::{Raw, Scanner, quoted, require};
use super::{DecodeError, DepthSnapshot, Message, Trade, time};
use crate::units::{NS_PER_S, Side, Step, TimestampNs};

const US_PER_S: i64 = 1_000_000;

/// Decodes the frames of one instrument.
#[derive(Debug, Clone)]
pub struct Decoder {
    symbol: Vec<u8>,
    grid: Grid,
    /// Microseconds of the last update; zero before the first.
    last_id: i64,
    snapshot: DepthSnapshot,
}

impl Decoder {
    /// A decoder for `symbol`, as `btcusd`.
    pub fn new(symbol: &str, price_tick: Step, size_step: Step) -> Self {
        Self {
            symbol: symbol.as_bytes().to_vec(),
            grid: Grid::new(price_tick, size_step),
            last_id: 0,
            snapshot: DepthSnapshot::default(),
        }
    }

    /// The connection is new.
    pub fn reset(&mut self) {
        self.last_id = 0;
    }

    /// See [`super::venue::VenueDecoder::decode`].
    ///
    /// # Errors
    /// The frame is malformed, or its time is not after the last one's.
    pub fn decode(&mut self, frame: &[u8], message: &mut Message) -> Result<(), DecodeError> {
        let result = self.read(frame, message);
        if result.is_err() {
            // The next update does not follow the last one: what could not be read may lie between.
            self.last_id = 0;
        }
        result
    }

    fn read(&mut self, frame: &[u8], message: &mut Message) -> Result<(), DecodeError> {
        let mut scanner = Scanner::new(frame);
        if scanner.peek() != Some(b'{') {
            return Ok(());
        }
        let [channel, event, data] = scanner.members(["channel", "event", "data"])?;
        scanner.expect_end()?;
        let (Some(channel), Some(event)) = (channel, event) else {
            return Ok(());
        };
        let (channel, event) = (channel.string("channel")?, event.string("event")?);
        let is_of = |kind: &[u8]| channel.strip_prefix(kind) == Some(&self.symbol);
        match event {
            b"data" if is_of(b"diff_order_book_") => self.book(require(data, "`data`")?, message),
            b"trade" if is_of(b"live_trades_") => self.trade(require(data, "`data`")?, message),
            _ => Ok(()),
        }
    }

    fn book(&mut self, data: Raw<'_>, message: &mut Message) -> Result<(), DecodeError> {
        let [time, bids, asks] = Scanner::of(data).members(["microtimestamp", "bids", "asks"])?;
        let (event_ns, id) = microtime(time)?;
        if id <= self.last_id {
            let what = "microtimestamp is not after the last update's";
            return Err(DecodeError::new(what, data.offset));
        }
        let update = message.begin_update();
        update.event_ns = event_ns;
        update.previous_id = if self.last_id == 0 {
            id - 1
        } else {
            self.last_id
        };
        (update.first_id, update.last_id) = (id, id);
        Scanner::of(require(bids, "`bids`")?).levels(&mut self.grid, &mut update.bids)?;
        Scanner::of(require(asks, "`asks`")?).levels(&mut self.grid, &mut update.asks)?;
        self.last_id = id;
        Ok(())
    }

    fn trade(&mut self, data: Raw<'_>, message: &mut Message) -> Result<(), DecodeError> {
        let [time, price, size, taker] =
            Scanner::of(data).members(["microtimestamp", "price_str", "amount_str", "type"])?;
        let (trade_ns, _) = microtime(time)?;
        let (price, size) = self.grid.traded(
            require(price, "`price_str`")?,
            require(size, "`amount_str`")?,
        )?;
        let taker = require(taker, "the taker's side `type`")?;
        let trade = Trade {
            id: 0,
            price,
            size,
            taker: match taker.text {
                b"0" => Side::Buy,
                b"1" => Side::Sell,
                _ => return Err(taker.error("type", "is neither 0 nor 1")),
            },
            trade_ns,
            event_ns: trade_ns,
            is_market: true,
        };
        message.push_trade(trade, data.offset)
    }

    /// Decodes a REST `order_book` reply.
    ///
    /// # Errors
    /// The body is anything else, or malformed.
    pub fn decode_snapshot(&mut self, body: &[u8]) -> Result<&DepthSnapshot, DecodeError> {
        let mut scanner = Scanner::new(body);
        let [time, bids, asks] = scanner.members(["microtimestamp", "bids", "asks"])?;
        scanner.expect_end()?;
        let (Some(bids), Some(asks)) = (bids, asks) else {
            let what = format!("{} is no order book", quoted(body));
            return Err(DecodeError::new(what, 0));
        };
        let (event_ns, id) = microtime(time)?;
        self.snapshot.bids.clear();
        self.snapshot.asks.clear();
        (self.snapshot.event_ns, self.snapshot.last_id) = (Some(event_ns), id);
        Scanner::of(bids).levels(&mut self.grid, &mut self.snapshot.bids)?;
        Scanner::of(asks).levels(&mut self.grid, &mut self.snapshot.asks)?;
        Ok(&self.snapshot)
    }
}

/// The time, and its microseconds as an id.
pub(super) fn microtime(raw: Option<Raw<'_>>) -> Result<(TimestampNs, i64), DecodeError> {
    let raw = require(raw, "`microtimestamp`")?;
    let text = raw.string("microtimestamp")?;
    let event_ns = time::whole(raw, text, US_PER_S, "microtimestamp")?;
    Ok((event_ns, event_ns.0 / (NS_PER_S / US_PER_S)))
}
