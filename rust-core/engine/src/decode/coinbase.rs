//! Coinbase Advanced Trade's public frames: `l2_data` and `market_trades`.
//!
//! Every message of a connection, of whatever channel and instrument, has a `sequence_num` that is one more than
//! the last: a decoder must be given all of them. A book begins with an event of type `snapshot`. Its updates
//! have no numbers of their own, so the decoder counts them.

use super::grid::Grid;
use super::json::{Raw, Scanner, require};
use super::{DecodeError, DepthUpdate, Level, Lost, Message, Trade, time};
use crate::units::{Side, Step, TimestampNs};

/// Most levels in one event; a whole book has some 50,000.
const MAX_LEVELS: usize = 1_000_000;

/// Decodes the frames of one instrument.
#[derive(Debug, Clone)]
pub struct Decoder {
    symbol: Vec<u8>,
    grid: Grid,
    /// The connection's last message.
    last_sequence: Option<i64>,
    updates: i64,
}

/// One event of a frame.
struct Event<'a> {
    is_snapshot: bool,
    product: Option<Raw<'a>>,
    updates: Option<Raw<'a>>,
    trades: Option<Raw<'a>>,
}

impl Decoder {
    /// A decoder for `symbol`, as `BTC-USD`.
    pub fn new(symbol: &str, price_tick: Step, size_step: Step) -> Self {
        Self {
            symbol: symbol.as_bytes().to_vec(),
            grid: Grid::new(price_tick, size_step),
            last_sequence: None,
            updates: 0,
        }
    }

    /// The connection is new: its numbering begins anew.
    pub fn reset(&mut self) {
        self.last_sequence = None;
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
        let [channel, sent, sequence, events] =
            scanner.members(["channel", "timestamp", "sequence_num", "events"])?;
        scanner.expect_end()?;
        let Some(channel) = channel else {
            return Ok(()); // `{"type":"error",…}` is the only message without a channel
        };
        message.lost = self.follow(require(sequence, "`sequence_num`")?)?;
        let take = match channel.string("channel")? {
            b"l2_data" => Self::book,
            b"market_trades" => Self::trades,
            _ => return Ok(()),
        };
        let sent_ns = utc(sent, "timestamp")?;
        Scanner::of(require(events, "`events`")?).array(|scanner| {
            let [kind, product, updates, trades] =
                scanner.members(["type", "product_id", "updates", "trades"])?;
            let event = Event {
                is_snapshot: require(kind, "`type`")?.either(
                    "type",
                    ("snapshot", true),
                    ("update", false),
                )?,
                product,
                updates,
                trades,
            };
            take(self, &event, sent_ns, message)
        })
    }

    /// What lies between the connection's last message and this one.
    fn follow(&mut self, raw: Raw<'_>) -> Result<Option<Lost>, DecodeError> {
        let found = raw.integer("sequence_num")?;
        let last = self.last_sequence.replace(found);
        let expected = last.map_or(found, |last| last.saturating_add(1));
        Ok((found != expected).then_some(Lost { expected, found }))
    }

    fn book(
        &mut self,
        event: &Event<'_>,
        sent_ns: TimestampNs,
        message: &mut Message,
    ) -> Result<(), DecodeError> {
        if require(event.product, "`product_id`")?.string("product_id")? != self.symbol {
            return Ok(());
        }
        let update = message.begin_update();
        update.is_whole = event.is_snapshot;
        update.previous_id = self.updates;
        self.updates += 1;
        (update.first_id, update.last_id) = (self.updates, self.updates);
        update.event_ns = sent_ns;
        let mut scanner = Scanner::of(require(event.updates, "`updates`")?);
        scanner.array(|scanner| self.level(scanner, update))
    }

    fn level(
        &mut self,
        scanner: &mut Scanner<'_>,
        update: &mut DepthUpdate,
    ) -> Result<(), DecodeError> {
        let offset = scanner.offset();
        let [offered, price, size] = scanner.members(["side", "price_level", "new_quantity"])?;
        if update.bids.len() + update.asks.len() >= MAX_LEVELS {
            let what = format!("an event has more than {MAX_LEVELS} levels");
            return Err(DecodeError::new(what, offset));
        }
        let offered = require(offered, "`side`")?;
        let price = require(price, "`price_level`")?;
        let size = require(size, "`new_quantity`")?;
        let levels = match offered.either("side", ("bid", Side::Buy), ("offer", Side::Sell))? {
            Side::Buy => &mut update.bids,
            Side::Sell => &mut update.asks,
        };
        levels.push(Level {
            price: self
                .grid
                .price(price.string("price_level")?, price.offset)?,
            size: self.grid.size(size.string("new_quantity")?, size.offset)?,
        });
        Ok(())
    }

    /// A snapshot holds trades from before the subscription, newest first: they are no news.
    fn trades(
        &mut self,
        event: &Event<'_>,
        sent_ns: TimestampNs,
        message: &mut Message,
    ) -> Result<(), DecodeError> {
        if event.is_snapshot {
            return Ok(());
        }
        let begin = message.trades.len();
        Scanner::of(require(event.trades, "`trades`")?).array(|scanner| {
            match self.trade(scanner, sent_ns)? {
                Some(trade) => message.push_trade(trade, scanner.offset()),
                None => Ok(()),
            }
        })?;
        message.trades[begin..].sort_unstable_by_key(|trade| trade.id);
        Ok(())
    }

    /// A trade, unless it is another instrument's.
    fn trade(
        &mut self,
        scanner: &mut Scanner<'_>,
        event_ns: TimestampNs,
    ) -> Result<Option<Trade>, DecodeError> {
        let [product, id, price, size, time, taker] =
            scanner.members(["product_id", "trade_id", "price", "size", "time", "side"])?;
        if require(product, "`product_id`")?.string("product_id")? != self.symbol {
            return Ok(None);
        }
        let taker = require(taker, "`side`")?;
        let id = require(id, "`trade_id`")?;
        let text = id.string("trade_id")?;
        let (price, size) = self
            .grid
            .traded(require(price, "`price`")?, require(size, "`size`")?)?;
        Ok(Some(Trade {
            id: Raw { text, ..id }.positive("trade_id")?,
            price,
            size,
            // The venue names the maker's side: in a recorded session 71 of 71 trades at the touch say so.
            taker: taker.either("side", ("BUY", Side::Sell), ("SELL", Side::Buy))?,
            trade_ns: utc(time, "time")?,
            event_ns,
            is_market: true,
        }))
    }
}

fn utc(raw: Option<Raw<'_>>, field: &str) -> Result<TimestampNs, DecodeError> {
    let raw = require(raw, field)?;
    time::rfc3339(raw, raw.string(field)?, field)
}
