//! Binance's market-data frames: spot, USDT-margined and coin-margined futures.
//!
//! Frames come raw (`{"e":"depthUpdate",…}`) or combined (`{"stream":…,"data":{…}}`). Nothing depends on
//! the order of fields, which differs between products. Spot's bookTicker has no event name; it is known by
//! its fields.

use super::grid::Grid;
use super::json::{Raw, Scanner, quoted, require, twice};
use super::{BookTicker, DecodeError, DepthSnapshot, DepthUpdate, Event, Level, Trade};
use crate::units::{PriceTicks, Side, Step, TimestampNs};

/// The latest time accepted, 2100-01-01: a number beyond it is in another unit than milliseconds.
const MAX_TIME_MS: i64 = 4_102_444_800_000;
/// Most trades in one REST reply; the venue's limit is 1,000.
const MAX_TRADES: usize = 10_000;

/// Which of Binance's markets: they differ in their sequence rules and in some fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Spot: a depth update follows the one with `u == U - 1`.
    Spot,
    /// USDT-margined futures: a depth update follows the one with `u == pu`.
    UsdMargined,
    /// Coin-margined futures: as USDT-margined; sizes are contracts.
    CoinMargined,
}

impl Product {
    /// Reads `spot`, `usdm` or `coinm`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "spot" => Some(Self::Spot),
            "usdm" => Some(Self::UsdMargined),
            "coinm" => Some(Self::CoinMargined),
            _ => None,
        }
    }
}

/// The members of a frame that matter, as they stand in it. Judged only once the frame is known to be ours.
#[derive(Debug, Default)]
struct Fields<'a> {
    event: Option<Raw<'a>>,
    symbol: Option<Raw<'a>>,
    event_time: Option<Raw<'a>>,
    trade_time: Option<Raw<'a>>,
    first_id: Option<Raw<'a>>,
    last_id: Option<Raw<'a>>,
    previous_id: Option<Raw<'a>>,
    bids: Option<Raw<'a>>,
    asks: Option<Raw<'a>>,
    bid_size: Option<Raw<'a>>,
    ask_size: Option<Raw<'a>>,
    trade_id: Option<Raw<'a>>,
    price: Option<Raw<'a>>,
    size: Option<Raw<'a>>,
    execution: Option<Raw<'a>>,
    is_buyer_maker: Option<Raw<'a>>,
    stream: Option<Raw<'a>>,
    snapshot_id: Option<Raw<'a>>,
    /// The levels of a side stand in the decoder's update already.
    has_read_bids: bool,
    has_read_asks: bool,
    /// The first member that came twice.
    repeated: Option<(&'a [u8], usize)>,
}

impl<'a> Fields<'a> {
    #[inline]
    fn slot(&mut self, key: &[u8]) -> Option<&mut Option<Raw<'a>>> {
        Some(match key {
            [letter] => match letter {
                b'e' => &mut self.event,
                b's' => &mut self.symbol,
                b'E' => &mut self.event_time,
                b'T' => &mut self.trade_time,
                b'U' => &mut self.first_id,
                b'u' => &mut self.last_id,
                b'b' => &mut self.bids,
                b'a' => &mut self.asks,
                b'B' => &mut self.bid_size,
                b'A' => &mut self.ask_size,
                b't' => &mut self.trade_id,
                b'p' => &mut self.price,
                b'q' => &mut self.size,
                b'X' => &mut self.execution,
                b'm' => &mut self.is_buyer_maker,
                _ => return None,
            },
            b"pu" => &mut self.previous_id,
            b"symbol" => &mut self.symbol,
            b"time" => &mut self.trade_time,
            b"bids" => &mut self.bids,
            b"asks" => &mut self.asks,
            b"id" => &mut self.trade_id,
            b"price" => &mut self.price,
            b"qty" => &mut self.size,
            b"isBuyerMaker" => &mut self.is_buyer_maker,
            b"stream" => &mut self.stream,
            b"lastUpdateId" => &mut self.snapshot_id,
            _ => return None,
        })
    }

    /// Takes one member's value.
    fn take(&mut self, scanner: &mut Scanner<'a>, key: &'a [u8]) -> Result<(), DecodeError> {
        let value = scanner.value()?;
        self.put(key, value);
        Ok(())
    }

    fn put(&mut self, key: &'a [u8], value: Raw<'a>) {
        if let Some(slot) = self.slot(key)
            && slot.replace(value).is_some()
            && self.repeated.is_none()
        {
            self.repeated = Some((key, value.offset));
        }
    }

    fn refuse_repeated(&self) -> Result<(), DecodeError> {
        match self.repeated {
            None => Ok(()),
            Some((key, offset)) => Err(twice(key, offset)),
        }
    }
}

/// The kinds of frame that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Depth,
    Trade,
    BookTicker,
}

/// Decodes the frames of one instrument into buffers of its own.
#[derive(Debug, Clone)]
pub struct Decoder {
    product: Product,
    /// The venue's symbol in quotes, as it stands in a frame.
    quoted_symbol: Vec<u8>,
    grid: Grid,
    update: DepthUpdate,
    snapshot: DepthSnapshot,
}

impl Decoder {
    /// A decoder for the venue's `symbol` (as `BTCUSDT`) on its grid of prices and sizes.
    pub fn new(product: Product, symbol: &str, price_tick: Step, size_step: Step) -> Self {
        Self {
            product,
            quoted_symbol: format!("\"{symbol}\"").into_bytes(),
            grid: Grid::new(price_tick, size_step),
            update: DepthUpdate::default(),
            snapshot: DepthSnapshot::default(),
        }
    }

    /// The product decoded.
    pub fn product(&self) -> Product {
        self.product
    }

    /// Sizes finer than the size step so far: rounded down to whole lots, but never to nothing. Orders
    /// older than the instrument's present step have such sizes.
    pub fn finer_sizes(&self) -> u64 {
        self.grid.finer_sizes()
    }

    /// Decodes one WebSocket text frame, or the JSON of a REST depth reply.
    ///
    /// # Errors
    /// The frame is no well-formed JSON object, or it claims to be depth, trade or bookTicker of this symbol
    /// and is malformed. Text that does not begin with `{` is `Unknown`.
    pub fn decode(&mut self, frame: &[u8]) -> Result<Event<'_>, DecodeError> {
        let mut scanner = Scanner::new(frame);
        if scanner.peek() != Some(b'{') {
            return Ok(Event::Unknown);
        }
        self.update.bids.clear();
        self.update.asks.clear();
        let counts = self.grid.counts();
        let mut fields = Fields::default();
        let mut is_combined = false;
        scanner.object(|scanner, key| {
            if key == b"data" && scanner.peek() == Some(b'{') {
                is_combined = true;
                return scanner.object(|scanner, key| self.member(&mut fields, scanner, key));
            }
            self.member(&mut fields, scanner, key)
        })?;
        scanner.expect_end()?;
        // A partial-depth stream also carries `lastUpdateId`, but not the whole book: it is left alone.
        if fields.snapshot_id.is_some() && fields.event.is_none() && !is_combined {
            self.grid.set_counts(counts);
            return self.finish_snapshot(&fields).map(Event::Snapshot);
        }
        let kind = self.kind(&fields)?;
        if kind != Some(Kind::Depth) {
            self.grid.set_counts(counts);
        }
        match kind {
            None => Ok(Event::Unknown),
            Some(Kind::Depth) => self.finish_depth(&fields).map(Event::Depth),
            Some(Kind::Trade) => self.finish_trade(&fields).map(Event::Trade),
            Some(Kind::BookTicker) => self.finish_book_ticker(&fields).map(Event::BookTicker),
        }
    }

    /// Decodes a REST depth reply.
    ///
    /// # Errors
    /// The body is anything else, or malformed.
    pub fn decode_snapshot(&mut self, body: &[u8]) -> Result<&DepthSnapshot, DecodeError> {
        match self.decode(body)? {
            Event::Snapshot(_) => Ok(&self.snapshot),
            _ => Err(DecodeError::new(
                format!("{} is no depth snapshot", quoted(body)),
                0,
            )),
        }
    }

    /// Decodes a REST `historicalTrades` (or `trades`) reply, appending to `trades`.
    ///
    /// # Errors
    /// The body is anything else, or malformed; `trades` is then as it was.
    pub fn decode_trades(
        &mut self,
        body: &[u8],
        trades: &mut Vec<Trade>,
    ) -> Result<(), DecodeError> {
        let kept = trades.len();
        let mut scanner = Scanner::new(body);
        let result = scanner
            .array(|scanner| {
                let mut fields = Fields::default();
                scanner.object(|scanner, key| fields.take(scanner, key))?;
                if trades.len() - kept == MAX_TRADES {
                    return Err(DecodeError::new(
                        format!("more than {MAX_TRADES} trades in one reply"),
                        scanner.offset(),
                    ));
                }
                trades.push(self.finish_trade(&fields)?);
                Ok(())
            })
            .and_then(|()| scanner.expect_end());
        if result.is_err() {
            trades.truncate(kept);
        }
        result
    }

    /// Takes one member. Levels are read at once unless the frame is known to be another's: where the fields
    /// that tell come later, that is a guess, which `decode` takes back if it was wrong.
    fn member<'a>(
        &mut self,
        fields: &mut Fields<'a>,
        scanner: &mut Scanner<'a>,
        key: &'a [u8],
    ) -> Result<(), DecodeError> {
        let is_side = matches!(key, b"b" | b"a") && scanner.peek() == Some(b'[');
        if !is_side || !self.may_be_our_depth(fields) {
            return fields.take(scanner, key);
        }
        let (levels, has_read) = if key == b"b" {
            (&mut self.update.bids, &mut fields.has_read_bids)
        } else {
            (&mut self.update.asks, &mut fields.has_read_asks)
        };
        let (begin, counts) = (scanner.mark(), self.grid.counts());
        let result = scanner.levels(&mut self.grid, levels);
        *has_read = result.is_ok();
        if result.is_err() {
            if fields.event.is_some() && fields.symbol.is_some() {
                return result;
            }
            levels.clear();
            self.grid.set_counts(counts);
            scanner.return_to(begin);
            return fields.take(scanner, key);
        }
        fields.put(key, scanner.since(begin));
        Ok(())
    }

    /// Nothing so far says that the frame is no depth update of our symbol.
    fn may_be_our_depth(&self, fields: &Fields<'_>) -> bool {
        fields
            .event
            .is_none_or(|event| event.text == b"\"depthUpdate\"")
            && (fields.symbol.is_none() || self.is_ours(fields))
    }

    fn is_ours(&self, fields: &Fields<'_>) -> bool {
        fields
            .symbol
            .is_some_and(|symbol| symbol.text == self.quoted_symbol)
    }

    /// What the frame claims to be, if it claims to be ours.
    fn kind(&self, fields: &Fields<'_>) -> Result<Option<Kind>, DecodeError> {
        let kind = match fields.event.map(|event| event.text) {
            Some(b"\"depthUpdate\"") => Kind::Depth,
            Some(b"\"trade\"") => Kind::Trade,
            Some(b"\"bookTicker\"") => Kind::BookTicker,
            None if is_nameless_ticker(fields) => Kind::BookTicker,
            _ => return Ok(None),
        };
        if fields.symbol.is_some() && !self.is_ours(fields) {
            return Ok(None);
        }
        require(fields.symbol, "the symbol `s`")?;
        fields.refuse_repeated()?;
        Ok(Some(kind))
    }

    fn finish_depth(&mut self, fields: &Fields<'_>) -> Result<&DepthUpdate, DecodeError> {
        let first = require(fields.first_id, "`U`")?;
        let (first_id, last_id) = (
            first.integer("U")?,
            require(fields.last_id, "`u`")?.integer("u")?,
        );
        let previous_id = match self.product {
            Product::Spot => first_id - 1,
            Product::UsdMargined | Product::CoinMargined => {
                require(fields.previous_id, "`pu`")?.integer("pu")?
            }
        };
        if first_id > last_id || previous_id >= last_id {
            let what =
                format!("update ids are out of order: pu {previous_id}, U {first_id}, u {last_id}");
            return Err(DecodeError::new(what, first.offset));
        }
        self.update.previous_id = previous_id;
        self.update.first_id = first_id;
        self.update.last_id = last_id;
        self.update.event_ns = time(require(fields.event_time, "`E`")?, "E")?;
        let (bids, asks) = (require(fields.bids, "`b`")?, require(fields.asks, "`a`")?);
        if !fields.has_read_bids {
            Scanner::of(bids).levels(&mut self.grid, &mut self.update.bids)?;
        }
        if !fields.has_read_asks {
            Scanner::of(asks).levels(&mut self.grid, &mut self.update.asks)?;
        }
        Ok(&self.update)
    }

    fn finish_snapshot(&mut self, fields: &Fields<'_>) -> Result<&DepthSnapshot, DecodeError> {
        fields.refuse_repeated()?;
        if let Some(symbol) = fields.symbol
            && !self.is_ours(fields)
        {
            return Err(symbol.error("symbol", "is another instrument's"));
        }
        self.snapshot.bids.clear();
        self.snapshot.asks.clear();
        self.snapshot.last_id =
            require(fields.snapshot_id, "`lastUpdateId`")?.integer("lastUpdateId")?;
        self.snapshot.event_ns = fields.event_time.map(|raw| time(raw, "E")).transpose()?;
        Scanner::of(require(fields.bids, "`bids`")?)
            .levels(&mut self.grid, &mut self.snapshot.bids)?;
        Scanner::of(require(fields.asks, "`asks`")?)
            .levels(&mut self.grid, &mut self.snapshot.asks)?;
        Ok(&self.snapshot)
    }

    fn finish_trade(&mut self, fields: &Fields<'_>) -> Result<Trade, DecodeError> {
        fields.refuse_repeated()?;
        let trade_ns = time(require(fields.trade_time, "the trade's time")?, "T")?;
        let event_ns = fields
            .event_time
            .map_or(Ok(trade_ns), |raw| time(raw, "E"))?;
        let price_raw = require(fields.price, "the trade's price")?;
        let price = self
            .grid
            .price_or_zero(price_raw.string("price")?, price_raw.offset)?;
        let size_raw = require(fields.size, "the trade's size")?;
        let size = self.grid.size(size_raw.string("size")?, size_raw.offset)?;
        // Futures spend ids on what is no trade in the book; REST marks these by a price of zero only.
        let is_futures = self.product != Product::Spot;
        let is_market = fields
            .execution
            .map_or(!is_futures || price != PriceTicks(0), |kind| {
                kind.text == b"\"MARKET\""
            });
        if is_market && price == PriceTicks(0) {
            return Err(price_raw.error("price", "is zero"));
        }
        if is_market && size.is_zero() {
            return Err(size_raw.error("size", "is zero"));
        }
        let is_buyer_maker = require(fields.is_buyer_maker, "the maker's side")?.boolean("m")?;
        Ok(Trade {
            id: require(fields.trade_id, "the trade's id")?.positive("trade id")?,
            price,
            size,
            taker: if is_buyer_maker {
                Side::Sell
            } else {
                Side::Buy
            },
            trade_ns,
            event_ns,
            is_market,
        })
    }

    fn finish_book_ticker(&mut self, fields: &Fields<'_>) -> Result<BookTicker, DecodeError> {
        Ok(BookTicker {
            update_id: require(fields.last_id, "`u`")?.integer("u")?,
            bid: self.ticker_side(
                require(fields.bids, "`b`")?,
                require(fields.bid_size, "`B`")?,
            )?,
            ask: self.ticker_side(
                require(fields.asks, "`a`")?,
                require(fields.ask_size, "`A`")?,
            )?,
            event_ns: fields.event_time.map(|raw| time(raw, "E")).transpose()?,
        })
    }

    fn ticker_side(&mut self, price: Raw<'_>, size: Raw<'_>) -> Result<Level, DecodeError> {
        let level = Level {
            price: self
                .grid
                .price_or_zero(price.string("price")?, price.offset)?,
            size: self.grid.size(size.string("size")?, size.offset)?,
        };
        if (level.price.0 == 0) != level.size.is_zero() {
            return Err(price.error("price", "and its size must both be zero or neither"));
        }
        Ok(level)
    }
}

/// Spot's bookTicker has no event name: it is known by its stream's name or by its fields.
fn is_nameless_ticker(fields: &Fields<'_>) -> bool {
    let has_name = fields
        .stream
        .is_some_and(|stream| stream.text.ends_with(b"@bookTicker\""));
    let sides = [fields.bids, fields.bid_size, fields.asks, fields.ask_size];
    let has_fields =
        fields.last_id.is_some() && fields.symbol.is_some() && sides.iter().any(Option::is_some);
    has_name || has_fields
}

fn time(raw: Raw<'_>, field: &str) -> Result<TimestampNs, DecodeError> {
    let ms = raw.positive(field)?;
    if ms > MAX_TIME_MS {
        return Err(raw.error(field, "is no time in milliseconds"));
    }
    TimestampNs::from_millis(ms).ok_or_else(|| raw.error(field, "is out of range"))
}
