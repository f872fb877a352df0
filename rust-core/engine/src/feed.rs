//! One instrument's market data: decoding, the synchronised book, the trade tape and anomaly detection.

use std::collections::VecDeque;

use crate::anomaly::Alert;
use crate::anomaly::returns::ReturnDetector;
use crate::anomaly::robust_z::DetectorError;
use crate::book::features::BookFeatures;
use crate::book::l2::{L2Book, MAX_WINDOW_TICKS};
use crate::book::sync::{SnapshotOutcome, SyncedBook, UpdateOutcome};
use crate::decode::binance::{Decoder, Product};
use crate::decode::{BookTicker, DecodeError, DepthSnapshot, DepthUpdate, Event, Level, Trade};
use crate::tape::{Candle, TapeError, TradeOutcome, TradeTape};
use crate::units::{DecimalError, Step, TimestampNs};

/// Most alerts that wait to be taken; beyond it the oldest are forgotten.
pub const MAX_WAITING_ALERTS: usize = 4_096;
/// How much of a bad setting an error quotes, in characters.
const MAX_QUOTED_CHARS: usize = 40;

/// What a feed is of, and how it works.
#[derive(Debug, Clone)]
pub struct FeedSettings {
    /// The venue's market.
    pub product: Product,
    /// The venue's symbol, as `BTCUSDT`.
    pub symbol: String,
    /// Smallest price difference.
    pub price_tick: Step,
    /// Smallest size difference.
    pub size_step: Step,
    /// Length of a candle.
    pub candle_interval_ns: i64,
    /// Width of the book's dense window.
    pub window_ticks: usize,
    /// Last trade of the last candle already known, or 0.
    pub resume_trade_id: i64,
    /// Returns that the anomaly detector remembers.
    pub anomaly_window: usize,
    /// Robust deviations that make an anomaly.
    pub anomaly_threshold: f64,
}

/// Why a feed cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// Not one of the venue's markets.
    #[error("product {0:?} is unknown; use spot, usdm or coinm")]
    Product(String),
    /// Not a symbol of the venue.
    #[error("symbol {0:?} is not the venue's own, as BTCUSDT: capital letters, digits and `_`")]
    Symbol(String),
    /// A grid that cannot be read.
    #[error("{name} {text:?} {reason}")]
    Step {
        /// The setting.
        name: &'static str,
        /// Its value.
        text: String,
        /// What is wrong with it.
        reason: DecimalError,
    },
    /// A number out of range.
    #[error("{name} must be in {range}, got {value}")]
    Range {
        /// The setting.
        name: &'static str,
        /// What is allowed.
        range: &'static str,
        /// Its value.
        value: i64,
    },
    /// A detector that cannot be made.
    #[error("anomaly detector: {0}")]
    Detector(#[from] DetectorError),
}

/// Reads a grid from a setting's text.
///
/// # Errors
/// The text is no positive plain decimal.
pub fn parse_step(name: &'static str, text: &str) -> Result<Step, SettingsError> {
    Step::parse(text).map_err(|reason| {
        let text = text.chars().take(MAX_QUOTED_CHARS).collect();
        SettingsError::Step { name, text, reason }
    })
}

/// Reads a product from a setting's text.
///
/// # Errors
/// The name is unknown.
pub fn parse_product(name: &str) -> Result<Product, SettingsError> {
    Product::parse(name)
        .ok_or_else(|| SettingsError::Product(name.chars().take(MAX_QUOTED_CHARS).collect()))
}

/// Checks a symbol as the venue writes it.
///
/// # Errors
/// It is empty or holds anything but capital letters, digits and `_`.
pub fn check_symbol(symbol: &str) -> Result<(), SettingsError> {
    let is_valid = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if !symbol.is_empty() && symbol.len() <= MAX_QUOTED_CHARS && symbol.bytes().all(is_valid) {
        return Ok(());
    }
    Err(SettingsError::Symbol(
        symbol.chars().take(MAX_QUOTED_CHARS).collect(),
    ))
}

/// Why a feed refused data.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FeedError {
    /// A malformed frame.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A malformed recorded line. The lines before it stay applied.
    #[error("line {number}: {source}")]
    Line {
        /// The line's number, from 1.
        number: usize,
        /// What is wrong with it.
        source: Box<FeedError>,
    },
    /// A trade that the tape cannot take.
    #[error(transparent)]
    Tape(#[from] TapeError),
}

/// What a frame was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// A depth update.
    Depth,
    /// A trade.
    Trade,
    /// A best bid and ask.
    BookTicker,
    /// Anything else; left untouched.
    Unknown,
}

/// Frames by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// Depth updates, those that wait for a snapshot included.
    pub depth: u64,
    /// Trades, those that wait for missing ones and those of REST replies included.
    pub trade: u64,
    /// Best bids and asks.
    pub book_ticker: u64,
    /// Frames left untouched.
    pub unknown: u64,
    /// Snapshots joined.
    pub snapshot: u64,
    /// Updates, trades, tickers and snapshots that told nothing new.
    pub stale: u64,
}

/// When the newest frame of each channel was received; zero before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReceivedTimes {
    /// Depth updates.
    pub depth: TimestampNs,
    /// Trades.
    pub trade: TimestampNs,
    /// Best bids and asks.
    pub book_ticker: TimestampNs,
}

/// One instrument's market data: wire frames in; book, trades, candles, features and alerts out.
#[derive(Debug, Clone)]
pub struct MarketFeed {
    decoder: Decoder,
    market: Market,
}

/// Everything that the decoded events change.
#[derive(Debug, Clone)]
struct Market {
    book: SyncedBook,
    ticker: Option<BookTicker>,
    tape: TradeTape,
    returns: ReturnDetector,
    alerts: VecDeque<Alert>,
    counts: FrameCounts,
    received: ReceivedTimes,
    last_event_ns: TimestampNs,
    crossed_tickers: u64,
}

impl MarketFeed {
    /// A feed that has seen nothing.
    ///
    /// # Errors
    /// A setting is out of range.
    pub fn new(settings: &FeedSettings) -> Result<Self, SettingsError> {
        check_symbol(&settings.symbol)?;
        let range = |name, range, value| Err(SettingsError::Range { name, range, value });
        if settings.candle_interval_ns <= 0 {
            return range(
                "candle_interval_ns",
                "1 or more",
                settings.candle_interval_ns,
            );
        }
        if !(1..=MAX_WINDOW_TICKS).contains(&settings.window_ticks) {
            return range("window_ticks", "1 to 4194304", settings.window_ticks as i64);
        }
        if settings.resume_trade_id < 0 {
            return range("resume_trade_id", "0 or more", settings.resume_trade_id);
        }
        let market = Market {
            book: SyncedBook::new(settings.window_ticks),
            ticker: None,
            tape: TradeTape::new(settings.candle_interval_ns, settings.resume_trade_id),
            returns: ReturnDetector::new(settings.anomaly_window, settings.anomaly_threshold)?,
            alerts: VecDeque::new(),
            counts: FrameCounts::default(),
            received: ReceivedTimes::default(),
            last_event_ns: TimestampNs::default(),
            crossed_tickers: 0,
        };
        let decoder = Decoder::new(
            settings.product,
            &settings.symbol,
            settings.price_tick,
            settings.size_step,
        );
        Ok(Self { decoder, market })
    }

    /// Applies one WebSocket text frame, raw or combined.
    ///
    /// # Errors
    /// The frame is malformed, or the tape cannot take its trade.
    pub fn apply(
        &mut self,
        frame: &[u8],
        received_ns: TimestampNs,
    ) -> Result<FrameKind, FeedError> {
        let event = self.decoder.decode(frame)?;
        if matches!(event, Event::Snapshot(_)) {
            // A stream sends no REST reply: not ours to judge.
            return Ok(self.market.on_event(Event::Unknown, received_ns)?);
        }
        Ok(self.market.on_event(event, received_ns)?)
    }

    /// Applies recorded lines `<received_ns> <json>`, snapshot lines too; returns how many there were.
    ///
    /// # Errors
    /// A line is malformed; those before it stay applied.
    pub fn apply_lines(&mut self, lines: &[u8]) -> Result<usize, FeedError> {
        let mut applied = 0;
        for (index, line) in LineSplit(lines).enumerate() {
            if line.is_empty() {
                continue;
            }
            self.apply_line(line).map_err(|source| FeedError::Line {
                number: index + 1,
                source: Box::new(source),
            })?;
            applied += 1;
        }
        Ok(applied)
    }

    fn apply_line(&mut self, line: &[u8]) -> Result<(), FeedError> {
        let (received_ns, frame) = split_line(line)?;
        let event = self.decoder.decode(frame)?;
        self.market.on_event(event, received_ns)?;
        Ok(())
    }

    /// Joins a REST depth snapshot with the updates that wait; false: ask for another.
    ///
    /// # Errors
    /// The body is malformed.
    pub fn apply_snapshot(&mut self, body: &[u8]) -> Result<bool, FeedError> {
        let snapshot = self.decoder.decode_snapshot(body)?;
        Ok(self.market.on_snapshot(snapshot))
    }

    /// Fills a hole in the tape from a REST `historicalTrades` reply; returns the trades used. A tape that
    /// has not begun uses none: it begins with the stream.
    ///
    /// # Errors
    /// The body is malformed, or the tape cannot take a trade.
    pub fn apply_trades(&mut self, body: &[u8]) -> Result<usize, FeedError> {
        let mut trades = Vec::new();
        self.decoder.decode_trades(body, &mut trades)?;
        if self.market.tape.last_id() == 0 {
            return Ok(0);
        }
        trades.sort_unstable_by_key(|trade| trade.id);
        let mut used = 0;
        for trade in &trades {
            let outcome = self.market.put_on_tape(trade)?;
            used += usize::from(matches!(
                outcome,
                TradeOutcome::Applied | TradeOutcome::Waiting
            ));
        }
        Ok(used)
    }

    /// Forgets the book and the ticker: the connection was lost. The tape stays.
    pub fn reset(&mut self) {
        self.market.book.reset();
        self.market.ticker = None;
    }

    /// Takes the candles closed since the last call, oldest first.
    pub fn take_candles(&mut self) -> VecDeque<Candle> {
        self.market.tape.take_candles()
    }

    /// Takes the alerts since the last call, oldest first.
    pub fn take_alerts(&mut self) -> VecDeque<Alert> {
        std::mem::take(&mut self.market.alerts)
    }

    /// The freshest best bid and ask, of the book or of a newer ticker; None if the book is not valid or a
    /// side is empty.
    pub fn top(&self) -> Option<(Level, Level)> {
        let book = self.market.book.book()?;
        match self.market.ticker {
            Some(ticker) if ticker.update_id > self.market.book.last_id() => {
                let is_whole = !ticker.bid.size.is_zero() && !ticker.ask.size.is_zero();
                is_whole.then_some((ticker.bid, ticker.ask))
            }
            _ => book.top(),
        }
    }

    /// The book, if it can be trusted.
    pub fn book(&self) -> Option<&L2Book> {
        self.market.book.book()
    }

    /// The newest ticker.
    pub fn book_ticker(&self) -> Option<BookTicker> {
        self.market.ticker
    }

    /// Features of the book; None if it is not valid or a side is empty.
    pub fn features(&self) -> Option<BookFeatures> {
        self.book().and_then(BookFeatures::of)
    }

    /// True if updates wait for a snapshot.
    pub fn needs_snapshot(&self) -> bool {
        self.market.book.needs_snapshot()
    }

    /// The hole in the trade tape: its first and last id.
    pub fn missing_trades(&self) -> Option<(i64, i64)> {
        self.market.tape.missing()
    }

    /// The last update id in the book; 0 while it is not valid.
    pub fn last_update_id(&self) -> i64 {
        self.market.book.last_id()
    }

    /// The last trade on the tape; 0 before the first.
    pub fn last_trade_id(&self) -> i64 {
        self.market.tape.last_id()
    }

    /// Venue time of the newest frame that carried one.
    pub fn last_event_ns(&self) -> TimestampNs {
        self.market.last_event_ns
    }

    /// Sequence gaps in the depth stream.
    pub fn gaps(&self) -> u64 {
        self.market.book.gaps()
    }

    /// Crossed states refused, of the book and of tickers.
    pub fn crossed(&self) -> u64 {
        self.market.book.crossed() + self.market.crossed_tickers
    }

    /// Frames by kind.
    pub fn counts(&self) -> FrameCounts {
        self.market.counts
    }

    /// When the newest frame of each channel was received.
    pub fn last_received(&self) -> ReceivedTimes {
        self.market.received
    }
}

impl Market {
    fn on_event(
        &mut self,
        event: Event<'_>,
        received_ns: TimestampNs,
    ) -> Result<FrameKind, TapeError> {
        Ok(match event {
            Event::Depth(update) => {
                self.on_depth(update);
                self.received.depth = received_ns;
                FrameKind::Depth
            }
            Event::Trade(trade) => {
                self.put_on_tape(&trade)?;
                self.see_time(trade.event_ns);
                self.received.trade = received_ns;
                FrameKind::Trade
            }
            Event::BookTicker(ticker) => {
                self.on_book_ticker(ticker);
                self.received.book_ticker = received_ns;
                FrameKind::BookTicker
            }
            Event::Snapshot(snapshot) => {
                self.on_snapshot(snapshot);
                FrameKind::Unknown
            }
            Event::Unknown => {
                self.counts.unknown += 1;
                FrameKind::Unknown
            }
        })
    }

    fn on_depth(&mut self, update: &DepthUpdate) {
        match self.book.on_update(update) {
            UpdateOutcome::Stale => self.counts.stale += 1,
            _ => self.counts.depth += 1,
        }
        self.see_time(update.event_ns);
    }

    fn on_snapshot(&mut self, snapshot: &DepthSnapshot) -> bool {
        if let Some(event_ns) = snapshot.event_ns {
            self.see_time(event_ns);
        }
        match self.book.on_snapshot(snapshot) {
            SnapshotOutcome::Joined => self.counts.snapshot += 1,
            SnapshotOutcome::Stale => self.counts.stale += 1,
            SnapshotOutcome::TooOld | SnapshotOutcome::Crossed => return false,
        }
        true
    }

    fn on_book_ticker(&mut self, ticker: BookTicker) {
        if let Some(event_ns) = ticker.event_ns {
            self.see_time(event_ns);
        }
        if self
            .ticker
            .is_some_and(|newest| ticker.update_id <= newest.update_id)
        {
            self.counts.stale += 1;
            return;
        }
        self.counts.book_ticker += 1;
        let is_whole = !ticker.bid.size.is_zero() && !ticker.ask.size.is_zero();
        if is_whole && ticker.bid.price >= ticker.ask.price {
            self.crossed_tickers += 1;
            return;
        }
        self.ticker = Some(ticker);
    }

    fn put_on_tape(&mut self, trade: &Trade) -> Result<TradeOutcome, TapeError> {
        let Self {
            tape,
            returns,
            alerts,
            ..
        } = self;
        let outcome = tape.on_trade(trade, |trade, trade_ns| {
            if let Some(alert) = returns.on_trade(trade.price, trade_ns) {
                if alerts.len() == MAX_WAITING_ALERTS {
                    alerts.pop_front();
                }
                alerts.push_back(alert);
            }
        })?;
        match outcome {
            TradeOutcome::Stale => self.counts.stale += 1,
            TradeOutcome::Applied | TradeOutcome::Waiting => self.counts.trade += 1,
            TradeOutcome::Refused => {}
        }
        Ok(outcome)
    }

    fn see_time(&mut self, event_ns: TimestampNs) {
        self.last_event_ns = self.last_event_ns.max(event_ns);
    }
}

/// Lines without their ends.
struct LineSplit<'a>(&'a [u8]);

impl<'a> Iterator for LineSplit<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let (line, rest) = match memchr::memchr(b'\n', self.0) {
            Some(end) => (&self.0[..end], &self.0[end + 1..]),
            None => (self.0, &self.0[self.0.len()..]),
        };
        self.0 = rest;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// Splits a recorded line into its time and its frame.
///
/// # Errors
/// It does not begin with a time in nanoseconds and a blank.
pub fn split_line(line: &[u8]) -> Result<(TimestampNs, &[u8]), DecodeError> {
    let malformed = || DecodeError {
        what: "a line is `<received_ns> <json>`".into(),
        offset: 0,
    };
    let blank = memchr::memchr(b' ', line).ok_or_else(malformed)?;
    let digits = std::str::from_utf8(&line[..blank]).map_err(|_| malformed())?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed());
    }
    let received_ns = digits.parse().map_err(|_| malformed())?;
    Ok((TimestampNs(received_ns), &line[blank + 1..]))
}
