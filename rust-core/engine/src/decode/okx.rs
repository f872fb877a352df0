//! OKX v5's public frames: the incremental order book channels and trades.
//!
//! `books` and its faster kin send the whole book after each subscription, then updates. An update names the
//! `seqId` it follows (`prevSeqId`); the ids may start again at a low one, which still follows. A checksum comes
//! with every frame; since 2026 it is always 0, which says nothing where there are ids. A frame with neither
//! cannot be checked and is refused.

use super::grid::Grid;
use super::json::{Raw, Scanner, require};
use super::text::TextSide;
use super::{DecodeError, DepthUpdate, Message, Trade, time};
use crate::units::{NS_PER_MS, NS_PER_S, Side, Step, TimestampNs};

const MS_PER_S: i64 = NS_PER_S / NS_PER_MS;

/// Decodes the frames of one instrument.
#[derive(Debug, Clone)]
pub struct Decoder {
    symbol: Vec<u8>,
    grid: Grid,
    /// Updates without an id of the venue's, which the decoder counts.
    counted: i64,
    /// The venue's id of the last trade.
    last_trade_id: Option<i64>,
}

impl Decoder {
    /// A decoder for `symbol`, as `BTC-USDT`.
    pub fn new(symbol: &str, price_tick: Step, size_step: Step) -> Self {
        Self {
            symbol: symbol.as_bytes().to_vec(),
            grid: Grid::new(price_tick, size_step),
            counted: 0,
            last_trade_id: None,
        }
    }

    /// See [`super::venue::VenueDecoder::decode`].
    ///
    /// # Errors
    /// The frame is malformed.
    pub fn decode(&mut self, frame: &[u8], message: &mut Message) -> Result<(), DecodeError> {
        let mut scanner = Scanner::new(frame);
        if scanner.peek() != Some(b'{') {
            return Ok(()); // `pong`
        }
        let [arg, action, data] = scanner.members(["arg", "action", "data"])?;
        scanner.expect_end()?;
        let (Some(arg), Some(data)) = (arg, data) else {
            return Ok(());
        };
        let [channel, symbol] = Scanner::of(arg).members(["channel", "instId"])?;
        let channel = require(channel, "`channel`")?.string("channel")?;
        if symbol.map(Raw::unquoted) != Some(&self.symbol) {
            return Ok(());
        }
        match channel {
            b"books" | b"books-l2-tbt" | b"books50-l2-tbt" => {
                let is_whole = require(action, "`action`")?.either(
                    "action",
                    ("snapshot", true),
                    ("update", false),
                )?;
                Scanner::of(data).array(|scanner| {
                    let update = message.begin_update();
                    update.is_whole = is_whole;
                    self.book(scanner, update)
                })
            }
            b"trades" | b"trades-all" => {
                Scanner::of(data).array(|scanner| match self.trade(scanner)? {
                    Some(trade) => message.push_trade(trade, scanner.offset()),
                    None => Ok(()),
                })
            }
            _ => Ok(()),
        }
    }

    fn book(
        &mut self,
        scanner: &mut Scanner<'_>,
        update: &mut DepthUpdate,
    ) -> Result<(), DecodeError> {
        let [bids, asks, time, checksum, id, previous] =
            scanner.members(["bids", "asks", "ts", "checksum", "seqId", "prevSeqId"])?;
        update.event_ns = milliseconds(time, "ts")?;
        update.checksum = checksum.map(signed).transpose()?;
        match (id, previous) {
            (Some(id), Some(previous)) => {
                update.last_id = id.integer("seqId")?;
                // A whole book follows nothing: -1.
                update.previous_id = match previous.text {
                    b"-1" if update.is_whole => -1,
                    _ => previous.integer("prevSeqId")?,
                };
                update.checksum = update.checksum.filter(|checksum| *checksum != 0);
            }
            _ if update.checksum.is_some() => {
                update.previous_id = self.counted;
                self.counted += 1;
                update.last_id = self.counted;
            }
            _ => {
                let what = "both the checksum and `seqId` with `prevSeqId` are missing";
                return Err(DecodeError::new(what, time.map_or(0, |time| time.offset)));
            }
        }
        update.first_id = update.last_id;
        self.sides(require(bids, "`bids`")?, require(asks, "`asks`")?, update)
    }

    fn sides(
        &mut self,
        bids: Raw<'_>,
        asks: Raw<'_>,
        update: &mut DepthUpdate,
    ) -> Result<(), DecodeError> {
        TextSide {
            grid: &mut self.grid,
            levels: &mut update.bids,
            texts: &mut update.bid_texts,
        }
        .push_pairs(bids)?;
        TextSide {
            grid: &mut self.grid,
            levels: &mut update.asks,
            texts: &mut update.ask_texts,
        }
        .push_pairs(asks)
    }

    /// The venue gathers trades of one taker, so that ids have holes: the tape counts them. The last one comes
    /// again after a new subscription: None.
    fn trade(&mut self, scanner: &mut Scanner<'_>) -> Result<Option<Trade>, DecodeError> {
        let [id, price, size, taker, time] =
            scanner.members(["tradeId", "px", "sz", "side", "ts"])?;
        let id = require(id, "`tradeId`")?;
        let text = id.string("tradeId")?;
        let id = Raw { text, ..id }.integer("tradeId")?;
        let (price, size) = self
            .grid
            .traded(require(price, "`px`")?, require(size, "`sz`")?)?;
        let taker = require(taker, "the taker's `side`")?;
        let trade_ns = milliseconds(time, "ts")?;
        let trade = Trade {
            id: 0,
            price,
            size,
            taker: taker.either("side", ("buy", Side::Buy), ("sell", Side::Sell))?,
            trade_ns,
            event_ns: trade_ns,
            is_market: true,
        };
        let is_repeated = self.last_trade_id.replace(id) == Some(id);
        Ok((!is_repeated).then_some(trade))
    }
}

fn milliseconds(raw: Option<Raw<'_>>, field: &str) -> Result<TimestampNs, DecodeError> {
    let raw = require(raw, field)?;
    time::whole(raw, raw.string(field)?, MS_PER_S, field)
}

/// The checksum, which the venue writes as a signed 32-bit number.
fn signed(raw: Raw<'_>) -> Result<u32, DecodeError> {
    let (digits, is_negative) = match raw.text {
        [b'-', digits @ ..] => (digits, true),
        digits => (digits, false),
    };
    let magnitude = Raw {
        text: digits,
        ..raw
    }
    .integer("checksum")?;
    let value = if is_negative { -magnitude } else { magnitude };
    i32::try_from(value)
        .map(i32::cast_unsigned)
        .map_err(|_| raw.error("checksum", "is out of range"))
}
