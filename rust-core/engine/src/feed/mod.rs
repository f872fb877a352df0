//! One instrument's market data: decoding, the synchronised book, the trade tape and anomaly detection.

mod analytics;
mod lines;
mod market;
mod settings;
mod violations;

use std::collections::VecDeque;

pub(crate) use self::lines::LineSplit;
pub use self::lines::split_line;
use self::market::Market;
pub use self::settings::{
    FeedSettings, SettingsError, check_symbol, parse_product, parse_step, parse_venue,
};
pub use self::violations::{Violation, ViolationKind};
use crate::anomaly::Alert;
use crate::anomaly::episode::Verdict;
use crate::book::l2::L2Book;
use crate::candle::{Candle, CandleError};
use crate::decode::venue::{Venue, VenueDecoder};
use crate::decode::{BookTicker, DecodeError, Event, Level, Message, Trade};
use crate::decode::{binance, bitstamp, bybit, coinbase, kraken, okx};
use crate::features::book::{BookFeatures, TopLevels};
use crate::features::vector::FEATURE_COUNT;
use crate::tape::TradeOutcome;
use crate::units::{Step, TimestampNs};

/// Most alerts that wait to be taken; beyond it the oldest are forgotten.
pub const MAX_WAITING_ALERTS: usize = 4_096;

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
    Tape(#[from] CandleError),
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
    /// Depth updates, but for those that told nothing new.
    pub depth: TimestampNs,
    /// Trades.
    pub trade: TimestampNs,
    /// Best bids and asks.
    pub book_ticker: TimestampNs,
}

/// One instrument's market data: wire frames in; book, trades, candles, features and alerts out.
#[derive(Debug, Clone)]
pub struct MarketFeed {
    wire: Wire,
    market: Market,
}

/// How frames are read. Binance's hold one event, and the book's beginning comes from elsewhere.
#[derive(Debug, Clone)]
pub(crate) enum Wire {
    /// Binance's.
    Binance(binance::Decoder),
    /// Any other venue's, whose frames may hold several events.
    Venue {
        /// Reads a frame.
        decoder: VenueDecoder,
        /// What the frame said.
        message: Message,
    },
}

impl MarketFeed {
    /// A feed that has seen nothing.
    ///
    /// # Errors
    /// A setting is out of range.
    pub fn new(settings: &FeedSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self {
            wire: Wire::of(
                settings.venue,
                &settings.symbol,
                settings.price_tick,
                settings.size_step,
                settings.depth,
            ),
            market: Market::new(settings)?,
        })
    }

    /// A feed that keeps book, tape and candles alone: no features, no anomaly panel. A frame costs less.
    ///
    /// # Errors
    /// A setting is out of range.
    pub fn without_analytics(settings: &FeedSettings) -> Result<Self, SettingsError> {
        let mut feed = Self::new(settings)?;
        feed.market.analytics = None;
        Ok(feed)
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
        match &mut self.wire {
            Wire::Binance(decoder) => {
                let event = match decoder.decode(frame) {
                    // A stream sends no REST reply: not ours to judge.
                    Ok(Event::Snapshot(_)) => Event::Unknown,
                    Ok(event) => event,
                    // The ids of the next update tell whether it was one: the book stays.
                    Err(error) => {
                        self.market.see_unreadable();
                        return Err(error.into());
                    }
                };
                Ok(self.market.on_event(event, received_ns)?)
            }
            Wire::Venue { decoder, message } => {
                message.clear();
                if let Err(error) = decoder.decode(frame, message) {
                    self.market.on_malformed(&error, received_ns);
                    return Err(error.into());
                }
                Ok(self.market.on_message(message, received_ns)?)
            }
        }
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
        if let Wire::Binance(decoder) = &mut self.wire {
            match decoder.decode(frame) {
                Ok(event) => self.market.on_event(event, received_ns)?,
                Err(error) => {
                    self.market.see_unreadable();
                    return Err(error.into());
                }
            };
            return Ok(());
        }
        self.apply(frame, received_ns)?;
        Ok(())
    }

    /// Joins a REST depth snapshot with the updates that wait; false: ask for another.
    ///
    /// # Errors
    /// The body is malformed.
    pub fn apply_snapshot(&mut self, body: &[u8]) -> Result<bool, FeedError> {
        let snapshot = match &mut self.wire {
            Wire::Binance(decoder) => decoder.decode_snapshot(body)?,
            Wire::Venue { decoder, .. } => decoder.decode_snapshot(body)?,
        };
        Ok(self.market.on_snapshot(snapshot))
    }

    /// Fills a hole in the tape from a REST `historicalTrades` reply; returns the trades used. A tape that
    /// has not begun uses none: it begins with the stream.
    ///
    /// # Errors
    /// The body is malformed, or the tape cannot take a trade.
    pub fn apply_trades(&mut self, body: &[u8]) -> Result<usize, FeedError> {
        let mut trades = Vec::new();
        match &mut self.wire {
            Wire::Binance(decoder) => decoder.decode_trades(body, &mut trades)?,
            Wire::Venue { decoder, .. } => return Err(decoder.refuse_trades().into()),
        }
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

    /// Forgets the book and the ticker: the connection was lost. Binance's tape waits for the trades missed;
    /// another venue's drops the candle that they may belong to, for nobody can tell them.
    pub fn reset(&mut self) {
        self.market.book.reset();
        match &mut self.wire {
            Wire::Binance(_) => self.market.on_connection_lost(),
            Wire::Venue { decoder, .. } => {
                decoder.reset();
                self.market.on_lost();
            }
        }
        self.market.ticker = None;
    }

    /// Takes the candles closed since the last call, oldest first.
    pub fn take_candles(&mut self) -> VecDeque<Candle> {
        self.market.tape.take_candles()
    }

    /// Takes the alerts since the last call, oldest first.
    pub fn take_alerts(&mut self) -> VecDeque<Alert> {
        let Some(analytics) = &mut self.market.analytics else {
            return VecDeque::new();
        };
        let told = analytics.alerts.drain(..);
        told.map(|announcement| announcement.alert()).collect()
    }

    /// What the anomaly detectors together say now; None in a feed without them.
    pub fn anomaly_verdict(&self) -> Option<Verdict> {
        let analytics = self.market.analytics.as_ref()?;
        Some(analytics.panel.verdict())
    }

    /// Tells another venue's middle, in this instrument's ticks, to the detector of divergence.
    pub fn set_reference(&mut self, mid_ticks: f64, at_ns: TimestampNs) {
        if let Some(analytics) = &mut self.market.analytics {
            analytics.panel.set_reference(mid_ticks, at_ns);
        }
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

    /// The best levels of the book, where they are at hand; None if it is not valid or has no analytics.
    pub fn top_levels(&self) -> Option<&TopLevels> {
        self.market.analytics.as_ref()?.features.top()
    }

    /// Features of the book; None if it is not valid, a side is empty, or the feed has no analytics.
    pub fn features(&self) -> Option<BookFeatures> {
        self.market.analytics.as_ref()?.features.book()
    }

    /// All features as of the newest event, in the order of [`crate::features::vector::FEATURES`], NaN for
    /// what is not known; and whether all are known that this feed measures.
    pub fn feature_vector(&self) -> ([f64; FEATURE_COUNT], bool) {
        let Some(analytics) = &self.market.analytics else {
            return ([f64::NAN; FEATURE_COUNT], false);
        };
        let features = &analytics.features;
        let vector = features.vector(self.market.last_event_ns);
        (vector, features.is_complete(&vector))
    }

    /// True if updates wait for a snapshot.
    pub fn needs_snapshot(&self) -> bool {
        self.market.book.needs_snapshot()
    }

    /// True if the book must be subscribed anew: the venue sends it whole only then.
    pub fn needs_resubscription(&self) -> bool {
        self.market.book.needs_resubscription()
    }

    /// Takes the breaches of the venue's integrity rule since the last call, oldest first.
    pub fn take_violations(&mut self) -> VecDeque<Violation> {
        self.market.violations.take()
    }

    /// Frames applied so far, malformed ones included.
    pub fn frames(&self) -> u64 {
        self.market.violations.frames()
    }

    /// Updates after which the book was not the venue's by its checksum.
    pub fn checksum_mismatches(&self) -> u64 {
        self.market.book.checksum_mismatches()
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

    /// The last market trade on the tape.
    pub fn last_trade(&self) -> Option<Trade> {
        self.market.last_trade
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

impl Wire {
    /// The reader of one instrument's frames; `depth` is the number of levels a side that were subscribed.
    pub(crate) fn of(
        venue: Venue,
        symbol: &str,
        tick: Step,
        step: Step,
        depth: Option<usize>,
    ) -> Self {
        let decoder = match venue {
            Venue::Binance(product) => {
                return Self::Binance(binance::Decoder::new(product, symbol, tick, step));
            }
            Venue::Bitstamp => VenueDecoder::Bitstamp(bitstamp::Decoder::new(symbol, tick, step)),
            Venue::Bybit => VenueDecoder::Bybit(bybit::Decoder::new(symbol, tick, step)),
            Venue::Coinbase => VenueDecoder::Coinbase(coinbase::Decoder::new(symbol, tick, step)),
            Venue::Kraken => {
                let depth = depth.unwrap_or(kraken::DEFAULT_DEPTH);
                VenueDecoder::Kraken(kraken::Decoder::new(symbol, tick, step, depth))
            }
            Venue::Okx => VenueDecoder::Okx(okx::Decoder::new(symbol, tick, step)),
        };
        Self::Venue {
            decoder,
            message: Message::default(),
        }
    }
}
