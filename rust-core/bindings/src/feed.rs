//! `MarketFeed`.

use openoutcry_engine::book::l2::L2Book;
use openoutcry_engine::candle::{Candle, CandleRule};
use openoutcry_engine::decode::Level;
use openoutcry_engine::features::FeatureSettings;
use openoutcry_engine::features::vector::FEATURES;
use openoutcry_engine::feed::{self, FeedSettings, FrameKind, parse_step, parse_venue};
use openoutcry_engine::units::{Side, TimestampNs};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict, PyString};

use crate::buffer::Numbers;
use crate::error::Error;

/// A level as (ticks, lots).
pub(crate) type LevelTuple = (i64, i64);
/// A candle in the contract's order.
type CandleTuple = (i64, i64, i64, i64, i64, i64, i64, i64, i128, i64, i64, i64);

/// One instrument's market data: wire frames in; book, trades, candles, features and alerts out.
#[pyclass(module = "openoutcry._core")]
#[derive(Debug)]
pub(crate) struct MarketFeed(feed::MarketFeed);

impl MarketFeed {
    /// The engine's own.
    pub(crate) fn engine(&self) -> &feed::MarketFeed {
        &self.0
    }
}

#[pymethods]
#[expect(
    clippy::doc_markdown,
    reason = "these are the docstrings that Python shows"
)]
impl MarketFeed {
    #[new]
    #[pyo3(signature = (*, venue = "binance", product = "spot", symbol, price_tick, size_step,
        candle_interval_ns = None, candle_rule = "time", candle_size = None, window_ticks = 32768, depth = None,
        resume_trade_id = 0, anomaly_window = 120, anomaly_threshold = 8.0, vpin_bucket_lots = None, analytics = true))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only in Python")]
    fn new(
        venue: &str,
        product: &str,
        symbol: String,
        price_tick: &str,
        size_step: &str,
        candle_interval_ns: Option<i64>,
        candle_rule: &str,
        candle_size: Option<i128>,
        window_ticks: usize,
        depth: Option<usize>,
        resume_trade_id: i64,
        anomaly_window: usize,
        anomaly_threshold: f64,
        vpin_bucket_lots: Option<i64>,
        analytics: bool,
    ) -> Result<Self, Error> {
        let settings = FeedSettings {
            venue: parse_venue(venue, product)?,
            symbol,
            price_tick: parse_step("price_tick", price_tick)?,
            size_step: parse_step("size_step", size_step)?,
            candle_rule: CandleRule::from_settings(candle_rule, candle_interval_ns, candle_size)?,
            window_ticks,
            depth,
            resume_trade_id,
            anomaly_window,
            anomaly_threshold,
            features: FeatureSettings {
                vpin_bucket_lots,
                ..FeatureSettings::default()
            },
        };
        let make = if analytics {
            feed::MarketFeed::new
        } else {
            feed::MarketFeed::without_analytics
        };
        Ok(Self(make(&settings)?))
    }

    /// Apply one WebSocket text frame, raw or combined.
    fn apply<'py>(
        &mut self,
        py: Python<'py>,
        frame: &[u8],
        received_ns: i64,
    ) -> Result<&'py Bound<'py, PyString>, Error> {
        Ok(match self.0.apply(frame, TimestampNs(received_ns))? {
            FrameKind::Depth => intern!(py, "depth"),
            FrameKind::Trade => intern!(py, "trade"),
            FrameKind::BookTicker => intern!(py, "book_ticker"),
            FrameKind::Unknown => intern!(py, "unknown"),
        })
    }

    /// Apply recorded lines `<received_ns> <json>` with the interpreter released.
    fn apply_lines(&mut self, py: Python<'_>, lines: &[u8]) -> Result<usize, Error> {
        Ok(py.detach(|| self.0.apply_lines(lines))?)
    }

    /// Join a REST depth snapshot with the deltas buffered since the last reset.
    #[expect(
        unused_variables,
        reason = "a REST reply is no sign of life of a channel"
    )]
    fn apply_snapshot(&mut self, body: &[u8], received_ns: i64) -> Result<bool, Error> {
        Ok(self.0.apply_snapshot(body)?)
    }

    /// Fill a hole in the trade tape from a REST `historicalTrades` reply; returns the trades used.
    #[expect(
        unused_variables,
        reason = "a REST reply is no sign of life of a channel"
    )]
    fn apply_trades(&mut self, body: &[u8], received_ns: i64) -> Result<usize, Error> {
        Ok(self.0.apply_trades(body)?)
    }

    /// Forget the book (a connection was lost): buffer deltas until the next snapshot. Binance's tape stays.
    fn reset(&mut self) {
        self.0.reset();
    }

    /// Candles closed since the last call, oldest first.
    fn take_candles(&mut self) -> Vec<CandleTuple> {
        self.0.take_candles().iter().map(candle_tuple).collect()
    }

    /// Anomalies seen since the last call: (event_ns, detector, score in [0, 1], evidence).
    fn take_alerts(&mut self) -> Vec<(i64, &'static str, f64, String)> {
        let alerts = self.0.take_alerts().into_iter();
        alerts
            .map(|alert| {
                (
                    alert.event_ns.0,
                    alert.detector,
                    alert.score,
                    alert.evidence,
                )
            })
            .collect()
    }

    /// Tell another venue's middle, in this instrument's ticks, for the detector of divergence.
    fn set_reference(&mut self, mid_ticks: f64, at_ns: i64) {
        self.0.set_reference(mid_ticks, TimestampNs(at_ns));
    }

    /// Breaches of the venue's rule since the last call: (frame, received_ns, kind, what was wrong).
    fn take_violations(&mut self) -> Vec<(u64, i64, &'static str, String)> {
        let violations = self.0.take_violations().into_iter();
        violations
            .map(|violation| {
                let kind = violation.kind.name();
                (
                    violation.frame,
                    violation.received_ns.0,
                    kind,
                    violation.what,
                )
            })
            .collect()
    }

    /// The freshest touch, of the book or of a newer bookTicker.
    fn top(&self) -> Option<(i64, i64, i64, i64)> {
        self.0
            .top()
            .map(|(bid, ask)| (bid.price.0, bid.size.0, ask.price.0, ask.size.0))
    }

    /// Best `depth` levels a side as (ticks, lots): bids downwards, asks upwards. Empty if not valid.
    fn levels(&self, depth: usize) -> (Vec<LevelTuple>, Vec<LevelTuple>) {
        let side = |side| {
            self.0
                .book()
                .map_or_else(Vec::new, |book| level_tuples(book, side, depth))
        };
        (side(Side::Buy), side(Side::Sell))
    }

    /// The book's features by name; empty if it is not valid or a side is empty.
    fn features<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let values = self.0.features().map(|features| features.values());
        let names = FEATURES.into_iter().map(|(name, _)| name);
        names.zip(values.into_iter().flatten()).into_py_dict(py)
    }

    /// Write all features into a float64 buffer, NaN where unknown; True if all are known.
    #[expect(clippy::needless_pass_by_value, reason = "Python gives a value")]
    fn feature_vector(&self, py: Python<'_>, out: Numbers<f64>) -> PyResult<bool> {
        let (vector, is_complete) = self.0.feature_vector();
        if out.item_count() != vector.len() {
            let (expected, found) = (vector.len(), out.item_count());
            let message = format!("out must hold {expected} float64, got {found}");
            return Err(Error::Value(message).into());
        }
        out.copy_from_slice(py, &vector)?;
        Ok(is_complete)
    }

    /// The names of the features, in the order of `feature_vector`.
    #[staticmethod]
    fn feature_names() -> Vec<&'static str> {
        FEATURES.into_iter().map(|(name, _)| name).collect()
    }

    /// The units of the features, in the order of `feature_vector`.
    #[staticmethod]
    fn feature_units() -> Vec<&'static str> {
        FEATURES.into_iter().map(|(_, unit)| unit).collect()
    }

    /// The book is joined, gap-free and not crossed.
    #[getter]
    fn is_valid(&self) -> bool {
        self.0.book().is_some()
    }

    /// Deltas are waiting for a snapshot.
    #[getter]
    fn needs_snapshot(&self) -> bool {
        self.0.needs_snapshot()
    }

    /// The book must be subscribed anew: the venue sends it whole only then.
    #[getter]
    fn needs_resubscription(&self) -> bool {
        self.0.needs_resubscription()
    }

    /// Updates after which the book was not the venue's by its checksum.
    #[getter]
    fn checksum_mismatches(&self) -> u64 {
        self.0.checksum_mismatches()
    }

    /// Frames applied so far, malformed ones included.
    #[getter]
    fn frames(&self) -> u64 {
        self.0.frames()
    }

    /// The hole in the trade tape as (first missing id, last missing id), or None.
    #[getter]
    fn missing_trades(&self) -> Option<(i64, i64)> {
        self.0.missing_trades()
    }

    /// The last update id in the book; 0 while it is not valid.
    #[getter]
    fn last_update_id(&self) -> i64 {
        self.0.last_update_id()
    }

    /// The last trade on the tape; 0 before the first.
    #[getter]
    fn last_trade_id(&self) -> i64 {
        self.0.last_trade_id()
    }

    /// Venue time of the newest frame applied.
    #[getter]
    fn last_event_ns(&self) -> i64 {
        self.0.last_event_ns().0
    }

    /// Sequence gaps seen in the depth stream.
    #[getter]
    fn gaps(&self) -> u64 {
        self.0.gaps()
    }

    /// Crossed states refused.
    #[getter]
    fn crossed(&self) -> u64 {
        self.0.crossed()
    }

    /// Frames applied by kind: depth, trade, book_ticker, unknown, snapshot, stale (already known).
    #[getter]
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = self.0.counts();
        [
            ("depth", counts.depth),
            ("trade", counts.trade),
            ("book_ticker", counts.book_ticker),
            ("unknown", counts.unknown),
            ("snapshot", counts.snapshot),
            ("stale", counts.stale),
        ]
        .into_py_dict(py)
    }

    /// When the newest frame of each channel came: depth (with news), trade, book_ticker. For staleness.
    #[getter]
    fn last_received_ns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let received = self.0.last_received();
        [
            ("depth", received.depth.0),
            ("trade", received.trade.0),
            ("book_ticker", received.book_ticker.0),
        ]
        .into_py_dict(py)
    }
}

pub(crate) fn level_tuples(book: &L2Book, side: Side, depth: usize) -> Vec<LevelTuple> {
    book.levels(side)
        .take(depth)
        .map(|Level { price, size }| (price.0, size.0))
        .collect()
}

fn candle_tuple(candle: &Candle) -> CandleTuple {
    (
        candle.open_ns.0,
        candle.close_ns.0,
        candle.open.0,
        candle.high.0,
        candle.low.0,
        candle.close.0,
        candle.volume.0,
        candle.buy_volume.0,
        candle.notional,
        candle.trade_count,
        candle.first_trade_id,
        candle.last_trade_id,
    )
}
