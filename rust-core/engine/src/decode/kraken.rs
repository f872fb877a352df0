//! Kraken's public frames, v1 (arrays) and v2 (objects): order book and trades.
//!
//! A book begins with a whole one. Its updates have no numbers, so the decoder counts them; each carries a
//! checksum of the best ten levels, which is the only proof that none was lost. v1's whole book has none, v2's
//! has. v1 writes its decimals as strings, v2 as numbers.

use super::grid::Grid;
use super::json::{Raw, Scanner, require};
use super::text::TextSide;
use super::{DecodeError, DepthUpdate, Message, Trade, time};
use crate::units::{Side, Step, TimestampNs};

/// Levels a side of a book unless told otherwise: the most it can be subscribed with.
pub const DEFAULT_DEPTH: usize = 1_000;
/// Most elements of a v1 frame: channel number, two maps, channel name, pair.
const V1_ELEMENTS_MAX: usize = 5;

/// Decodes the frames of one instrument.
#[derive(Debug, Clone)]
pub struct Decoder {
    symbol: Vec<u8>,
    grid: Grid,
    depth: usize,
    /// The depth that v2 said the book was subscribed with.
    subscribed: Option<usize>,
    updates: i64,
}

impl Decoder {
    /// A decoder for `symbol`, as `XBT/USD` in v1 and `BTC/USD` in v2, whose book was subscribed with `depth` levels
    /// a side.
    pub fn new(symbol: &str, price_tick: Step, size_step: Step, depth: usize) -> Self {
        Self {
            symbol: symbol.as_bytes().to_vec(),
            grid: Grid::new(price_tick, size_step),
            depth,
            subscribed: None,
            updates: 0,
        }
    }

    /// See [`super::venue::VenueDecoder::decode`].
    ///
    /// # Errors
    /// The frame is malformed.
    pub fn decode(&mut self, frame: &[u8], message: &mut Message) -> Result<(), DecodeError> {
        let mut scanner = Scanner::new(frame);
        match scanner.peek() {
            Some(b'[') => self.v1(scanner, message),
            Some(b'{') => self.v2(scanner, message),
            _ => Ok(()),
        }
    }

    // v1

    fn v1(&mut self, mut scanner: Scanner<'_>, message: &mut Message) -> Result<(), DecodeError> {
        let mut elements = [None; V1_ELEMENTS_MAX];
        let mut count = 0;
        scanner.array(|scanner| {
            let offset = scanner.offset();
            let Some(place) = elements.get_mut(count) else {
                let what = format!("more than {V1_ELEMENTS_MAX} elements");
                return Err(DecodeError::new(what, offset));
            };
            *place = Some(scanner.value()?);
            count += 1;
            Ok(())
        })?;
        scanner.expect_end()?;
        let (first, second, channel, pair) = match elements {
            [_, Some(content), Some(channel), Some(pair), None] => (content, None, channel, pair),
            [_, Some(asks), Some(bids), Some(channel), Some(pair)] => {
                (asks, Some(bids), channel, pair)
            }
            _ => return Err(DecodeError::new("fewer than 4 elements", 0)),
        };
        if !self.is_ours(Some(pair))? {
            return Ok(());
        }
        let name = channel.string("channel")?;
        if let Some(depth) = name.strip_prefix(b"book-") {
            let text = depth;
            let depth = Raw { text, ..channel }.integer("depth")?;
            self.check_depth(usize::try_from(depth).ok(), channel.offset)?;
            return self.v1_book(first, second, message);
        }
        match name {
            b"trade" => self.v1_trades(first, message),
            _ => Ok(()),
        }
    }

    /// An update's asks and bids may stand in two maps; the checksum is in the last.
    fn v1_book(
        &mut self,
        first: Raw<'_>,
        second: Option<Raw<'_>>,
        message: &mut Message,
    ) -> Result<(), DecodeError> {
        let update = message.begin_update();
        self.number(update);
        for map in [Some(first), second].into_iter().flatten() {
            let [whole_asks, whole_bids, asks, bids, checksum] =
                Scanner::of(map).members(["as", "bs", "a", "b", "c"])?;
            if whole_asks.is_some() || whole_bids.is_some() {
                update.is_whole = true;
                self.asks(update).push_pairs(require(whole_asks, "`as`")?)?;
                self.bids(update).push_pairs(require(whole_bids, "`bs`")?)?;
            }
            if let Some(asks) = asks {
                update.event_ns = update.event_ns.max(newest_time(asks)?);
                self.asks(update).push_pairs(asks)?;
            }
            if let Some(bids) = bids {
                update.event_ns = update.event_ns.max(newest_time(bids)?);
                self.bids(update).push_pairs(bids)?;
            }
            if let Some(checksum) = checksum {
                update.checksum = Some(unsigned(checksum, "c")?);
            }
        }
        if !update.is_whole && update.checksum.is_none() {
            return Err(DecodeError::new(
                "the checksum `c` is missing",
                first.offset,
            ));
        }
        Ok(())
    }

    fn v1_trades(&mut self, trades: Raw<'_>, message: &mut Message) -> Result<(), DecodeError> {
        Scanner::of(trades).array(|scanner| {
            let [price, size, time, taker] = scanner.elements()?;
            let time = require(time, "the trade's time")?;
            let taker = require(taker, "the taker's side")?;
            let (price, size) = self.grid.traded(
                require(price, "the trade's price")?,
                require(size, "the trade's size")?,
            )?;
            let trade_ns = time::seconds(time, time.unquoted(), "time")?;
            let trade = Trade {
                id: 0,
                price,
                size,
                taker: taker.either("side", ("b", Side::Buy), ("s", Side::Sell))?,
                trade_ns,
                event_ns: trade_ns,
                is_market: true,
            };
            message.push_trade(trade, scanner.offset())
        })
    }

    // v2

    fn v2(&mut self, mut scanner: Scanner<'_>, message: &mut Message) -> Result<(), DecodeError> {
        let [channel, kind, data, result] =
            scanner.members(["channel", "type", "data", "result"])?;
        scanner.expect_end()?;
        let (Some(channel), Some(data)) = (channel, data) else {
            // An answer to a request, or v1's system status.
            return result.map_or(Ok(()), |result| self.v2_answer(result));
        };
        match channel.string("channel")? {
            b"book" => {
                let is_whole = is_snapshot(require(kind, "`type`")?)?;
                Scanner::of(data).array(|scanner| self.v2_book(scanner, is_whole, message))
            }
            b"trade" => {
                // A snapshot holds trades from before the subscription: they are no news.
                if is_snapshot(require(kind, "`type`")?)? {
                    return Ok(());
                }
                Scanner::of(data).array(|scanner| match self.v2_trade(scanner)? {
                    Some(trade) => message.push_trade(trade, scanner.offset()),
                    None => Ok(()),
                })
            }
            _ => Ok(()),
        }
    }

    /// The answer to a subscription says how deep the book is.
    fn v2_answer(&mut self, result: Raw<'_>) -> Result<(), DecodeError> {
        let mut scanner = Scanner::of(result);
        if scanner.peek() != Some(b'{') {
            return Ok(());
        }
        let [channel, symbol, depth] = scanner.members(["channel", "symbol", "depth"])?;
        if channel.is_some_and(|channel| channel.text == b"\"book\"")
            && let Some(depth) = depth
            && self.is_ours(symbol)?
        {
            self.subscribed = usize::try_from(depth.integer("depth")?).ok();
        }
        Ok(())
    }

    fn v2_book(
        &mut self,
        scanner: &mut Scanner<'_>,
        is_whole: bool,
        message: &mut Message,
    ) -> Result<(), DecodeError> {
        let [symbol, bids, asks, checksum, time] =
            scanner.members(["symbol", "bids", "asks", "checksum", "timestamp"])?;
        if !self.is_ours(symbol)? {
            return Ok(());
        }
        let offset = symbol.map_or(0, |symbol| symbol.offset);
        self.check_depth(self.subscribed.or(Some(self.depth)), offset)?;
        let update = message.begin_update();
        self.number(update);
        update.is_whole = is_whole;
        update.checksum = Some(unsigned(require(checksum, "`checksum`")?, "checksum")?);
        if let Some(time) = time {
            update.event_ns = utc(time)?;
        }
        self.bids(update).push_objects(require(bids, "`bids`")?)?;
        self.asks(update).push_objects(require(asks, "`asks`")?)
    }

    /// A trade, unless it is another instrument's.
    fn v2_trade(&mut self, scanner: &mut Scanner<'_>) -> Result<Option<Trade>, DecodeError> {
        let [symbol, taker, price, size, id, time] =
            scanner.members(["symbol", "side", "price", "qty", "trade_id", "timestamp"])?;
        if !self.is_ours(symbol)? {
            return Ok(None);
        }
        let taker = require(taker, "`side`")?;
        let (price, size) = self
            .grid
            .traded(require(price, "`price`")?, require(size, "`qty`")?)?;
        let trade_ns = utc(require(time, "`timestamp`")?)?;
        Ok(Some(Trade {
            id: require(id, "`trade_id`")?.positive("trade_id")?,
            price,
            size,
            taker: taker.either("side", ("buy", Side::Buy), ("sell", Side::Sell))?,
            trade_ns,
            event_ns: trade_ns,
            is_market: true,
        }))
    }

    // both

    /// The slash may be escaped: `XBT\/USD`.
    fn is_ours(&self, symbol: Option<Raw<'_>>) -> Result<bool, DecodeError> {
        let text = require(symbol, "`symbol`")?.string("symbol")?;
        let plain = text.iter().filter(|byte| **byte != b'\\');
        Ok(plain.eq(&self.symbol))
    }

    /// The venue tells nothing of what falls out of the depth subscribed: with another one, levels would stay that
    /// are gone, beyond what the checksum covers.
    fn check_depth(&self, subscribed: Option<usize>, offset: usize) -> Result<(), DecodeError> {
        if subscribed == Some(self.depth) {
            return Ok(());
        }
        let (found, depth) = (subscribed.unwrap_or_default(), self.depth);
        let what = format!("the book is subscribed {found} levels deep, not {depth} as expected");
        Err(DecodeError::new(what, offset))
    }

    fn number(&mut self, update: &mut DepthUpdate) {
        update.previous_id = self.updates;
        self.updates += 1;
        (update.first_id, update.last_id) = (self.updates, self.updates);
    }

    fn bids<'a>(&'a mut self, update: &'a mut DepthUpdate) -> TextSide<'a> {
        TextSide {
            grid: &mut self.grid,
            levels: &mut update.bids,
            texts: &mut update.bid_texts,
        }
    }

    fn asks<'a>(&'a mut self, update: &'a mut DepthUpdate) -> TextSide<'a> {
        TextSide {
            grid: &mut self.grid,
            levels: &mut update.asks,
            texts: &mut update.ask_texts,
        }
    }
}

/// The newest of v1's level times, `[["price","size","seconds"],…]`.
fn newest_time(levels: Raw<'_>) -> Result<TimestampNs, DecodeError> {
    let mut newest = TimestampNs::default();
    Scanner::of(levels).array(|scanner| {
        let [_, _, time] = scanner.elements()?;
        if let Some(time) = time {
            newest = newest.max(time::seconds(time, time.unquoted(), "time")?);
        }
        Ok(())
    })?;
    Ok(newest)
}

fn is_snapshot(kind: Raw<'_>) -> Result<bool, DecodeError> {
    kind.either("type", ("snapshot", true), ("update", false))
}

fn unsigned(raw: Raw<'_>, field: &str) -> Result<u32, DecodeError> {
    let text = raw.unquoted();
    u32::try_from(Raw { text, ..raw }.integer(field)?)
        .map_err(|_| raw.error(field, "is out of range"))
}

fn utc(raw: Raw<'_>) -> Result<TimestampNs, DecodeError> {
    time::rfc3339(raw, raw.string("timestamp")?, "timestamp")
}
