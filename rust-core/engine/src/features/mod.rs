//! Features of one instrument, kept up to date with each update and each trade.
//!
//! A feature is known or it is not. What has not been watched without a hole for long enough is unknown: None
//! in the parts, NaN in the vector. It is never zero, which would say something, and never the last known
//! value, which may be of another market by now. NaN is what numpy and tree models take for "missing", and it
//! cannot be mistaken for a value further on.
//!
//! Time is the venue's, and told by the caller. Floats are used here only, and for statistics only.

pub mod book;
pub mod decay;
pub mod order_flow;
pub mod trade_flow;
pub mod vector;
pub mod volatility;
pub mod vpin;

use crate::book::l2::L2Book;
use crate::decode::Level;
use crate::units::{NS_PER_S, Side, SizeLots, TimestampNs};
use book::{BookFeatures, TopLevels};
use order_flow::OrderFlow;
use trade_flow::{TradeFlow, TradeFlowSettings};
use vector::{FEATURE_COUNT, Parts, VPIN};
use volatility::RealisedVolatility;
use vpin::Vpin;

/// How features are measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeatureSettings {
    /// Memory of the order-flow imbalance and of the trade rates.
    pub time_constant_ns: i64,
    /// Memory of the kernel in the trade intensity.
    pub kernel_ns: i64,
    /// Share of the trades that other trades brought about, in [0, 1).
    pub branching_ratio: f64,
    /// Length of a bar of the volatility.
    pub volatility_interval_ns: i64,
    /// Bars in the volatility's window.
    pub volatility_bars: usize,
    /// Size of a bucket of VPIN, or None to do without: what is a good size depends on the instrument, and its
    /// authors take a fiftieth of a day's volume.
    pub vpin_bucket_lots: Option<i64>,
    /// Buckets in VPIN's window.
    pub vpin_buckets: usize,
}

impl Default for FeatureSettings {
    /// Ten seconds as in Cont, Kukanov and Stoikov (2014); a branching ratio of 0.7 as Filimonov and Sornette,
    /// "Quantifying reflexivity in financial markets" (2012), found on futures; a minute of one-second bars; 50
    /// buckets as in Easley, López de Prado and O'Hara (2012), of no size.
    fn default() -> Self {
        Self {
            time_constant_ns: 10 * NS_PER_S,
            kernel_ns: NS_PER_S,
            branching_ratio: 0.7,
            volatility_interval_ns: NS_PER_S,
            volatility_bars: 60,
            vpin_bucket_lots: None,
            vpin_buckets: 50,
        }
    }
}

/// A setting that is out of range.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum FeatureError {
    /// A time, a size or a number of nothing.
    #[error("{name} must be 1 or more, got {value}")]
    NotPositive {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: i64,
    },
    /// More than is kept.
    #[error("{name} must be in {min}..={max}, got {value}")]
    Range {
        /// The setting.
        name: &'static str,
        /// The least that makes sense.
        min: usize,
        /// The most that is kept.
        max: usize,
        /// Its value.
        value: usize,
    },
    /// A process that would never end.
    #[error("branching_ratio must be in [0, 1), got {0}")]
    BranchingRatio(f64),
}

impl FeatureSettings {
    fn check(&self) -> Result<(), FeatureError> {
        let numbers = [
            ("time_constant_ns", self.time_constant_ns),
            ("kernel_ns", self.kernel_ns),
            ("volatility_interval_ns", self.volatility_interval_ns),
            ("vpin_bucket_lots", self.vpin_bucket_lots.unwrap_or(1)),
        ];
        if let Some((name, value)) = numbers.into_iter().find(|(_, value)| *value < 1) {
            return Err(FeatureError::NotPositive { name, value });
        }
        let (bars, buckets) = (self.volatility_bars, self.vpin_buckets);
        let (min, max) = (volatility::MIN_RETURNS, volatility::MAX_RETURNS);
        if !(min..=max).contains(&bars) {
            let (name, value) = ("volatility_bars", bars);
            return Err(FeatureError::Range {
                name,
                min,
                max,
                value,
            });
        }
        let (min, max) = (1, vpin::MAX_BUCKETS);
        if !(min..=max).contains(&buckets) {
            let (name, value) = ("vpin_buckets", buckets);
            return Err(FeatureError::Range {
                name,
                min,
                max,
                value,
            });
        }
        if !(0.0..1.0).contains(&self.branching_ratio) {
            return Err(FeatureError::BranchingRatio(self.branching_ratio));
        }
        Ok(())
    }
}

/// All features of one instrument.
#[derive(Debug, Clone)]
pub struct FeatureEngine {
    /// None while the book is not followed.
    top: Option<TopLevels>,
    order_flow: OrderFlow,
    volatility: RealisedVolatility,
    /// The trades are followed without a hole.
    is_tape_whole: bool,
    trades: TradeFlow,
    vpin: Option<Vpin>,
}

impl FeatureEngine {
    /// An engine that knows nothing.
    ///
    /// # Errors
    /// A setting is out of range.
    pub fn new(settings: &FeatureSettings) -> Result<Self, FeatureError> {
        settings.check()?;
        Ok(Self {
            top: None,
            order_flow: OrderFlow::new(settings.time_constant_ns),
            volatility: RealisedVolatility::new(
                settings.volatility_interval_ns,
                settings.volatility_bars,
            ),
            is_tape_whole: false,
            trades: TradeFlow::new(&TradeFlowSettings {
                time_constant_ns: settings.time_constant_ns,
                kernel_ns: settings.kernel_ns,
                branching_ratio: settings.branching_ratio,
            }),
            vpin: settings
                .vpin_bucket_lots
                .map(|lots| Vpin::new(lots, settings.vpin_buckets)),
        })
    }

    /// Takes a whole book: nothing is known of how it became so. An empty side has no price, and a crossed book
    /// is none.
    pub fn on_book(&mut self, book: &L2Book, now: TimestampNs) {
        self.on_book_lost();
        if book.is_crossed() {
            return;
        }
        self.top = Some(TopLevels::of(book));
        self.order_flow.begin(now);
        self.see_mid(now);
    }

    /// Takes a book in which exactly the levels `bids` and `asks` have been set since the last call.
    #[inline]
    pub fn on_update(&mut self, book: &L2Book, bids: &[Level], asks: &[Level], now: TimestampNs) {
        let Some(top) = &mut self.top else {
            self.on_book(book, now);
            return;
        };
        let Some(flow) = top.follow(book, bids, asks) else {
            return;
        };
        if book.is_crossed() {
            self.on_book_lost();
            return;
        }
        self.order_flow.add(flow, now);
        self.see_mid(now);
    }

    /// The book is not to be trusted any more.
    pub fn on_book_lost(&mut self) {
        if self.top.take().is_some() {
            self.order_flow.reset();
            self.volatility.reset();
        }
    }

    /// Takes a trade that follows the one before.
    #[inline]
    pub fn on_trade(&mut self, size: SizeLots, taker: Side, trade_ns: TimestampNs) {
        self.is_tape_whole = true;
        self.trades.on_trade(size, taker, trade_ns);
        if let Some(vpin) = &mut self.vpin {
            vpin.on_trade(size, taker);
        }
    }

    /// Says whether trades are missing. While they are, what trades say is unknown; it is not forgotten,
    /// because they can be told later.
    pub fn set_tape_whole(&mut self, is_whole: bool) {
        self.is_tape_whole = is_whole;
    }

    /// Trades were lost that nobody will tell: what trades say begins anew.
    pub fn on_trades_lost(&mut self) {
        self.is_tape_whole = false;
        self.trades.reset();
        if let Some(vpin) = &mut self.vpin {
            vpin.reset();
        }
    }

    /// The best levels, if the book is known.
    pub fn top(&self) -> Option<&TopLevels> {
        self.top.as_ref()
    }

    /// Features of the book; None if it is not known or a side is empty.
    #[inline]
    pub fn book(&self) -> Option<BookFeatures> {
        self.top().and_then(BookFeatures::of)
    }

    /// All features at `now` in the order of [`vector::FEATURES`], NaN for those that are not known. Time does
    /// not go back: a `now` before the last event counts as that.
    #[inline]
    pub fn vector(&self, now: TimestampNs) -> [f64; FEATURE_COUNT] {
        let trades = self.is_tape_whole.then_some(&self.trades);
        Parts {
            book: self.book(),
            order_flow: self.order_flow.lots_per_s(now),
            volatility: self.volatility.bps_per_sqrt_s(),
            sign: trades.and_then(TradeFlow::sign),
            trades: trades.and_then(|trades| trades.features(now)),
            vpin: self
                .vpin
                .as_ref()
                .filter(|_| self.is_tape_whole)
                .and_then(Vpin::value),
        }
        .vector()
    }

    /// True if each feature in a vector of this engine is known; without a bucket size, `vpin` does not count.
    pub fn is_complete(&self, vector: &[f64; FEATURE_COUNT]) -> bool {
        let expected = if self.vpin.is_some() {
            FEATURE_COUNT
        } else {
            VPIN
        };
        vector[..expected].iter().all(|value| value.is_finite())
    }

    #[inline]
    fn see_mid(&mut self, now: TimestampNs) {
        match self.top().and_then(TopLevels::touch) {
            Some((bid, ask)) => self.volatility.on_mid(book::mid_ticks(bid, ask), now),
            None => self.volatility.reset(),
        }
    }
}
