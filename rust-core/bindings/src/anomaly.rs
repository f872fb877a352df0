//! `RobustZScore`, `AnomalyPanel` and `SeriesPanel`.

use openoutcry_engine::anomaly::SCORE_AT_LIMIT;
use openoutcry_engine::anomaly::cause::Cause;
use openoutcry_engine::anomaly::episode::{Announcement, Verdict};
use openoutcry_engine::anomaly::observation::{BookSeen, LevelChange, TradeSeen};
use openoutcry_engine::anomaly::panel::{MarketPanel, PanelParameters};
use openoutcry_engine::anomaly::robust_z;
use openoutcry_engine::anomaly::series::{self, SeriesParameters};
use openoutcry_engine::anomaly::ticks::{FEATURES, TickPanel};
use openoutcry_engine::decode::Level;
use openoutcry_engine::units::{PriceTicks, SizeLots, TimestampNs};
use pyo3::prelude::*;

use crate::buffer::Numbers;
use crate::error::Error;
use crate::matching::parse_side;

/// (`severity`, `score`, `causes`, `began`, `evidence`).
type VerdictTuple = (&'static str, f64, Vec<&'static str>, i64, String);
/// (`at`, `cause`, `score`, `evidence`).
type AlertTuple = (i64, &'static str, f64, String);

/// Streaming robust z-score over a bounded window: (x - median) / (1.4826 · MAD).
#[pyclass(module = "openoutcry._core")]
#[derive(Debug)]
pub(crate) struct RobustZScore(robust_z::RobustZScore);

#[pymethods]
impl RobustZScore {
    #[new]
    #[pyo3(signature = (*, window = 120, threshold = 6.0, min_samples = 30))]
    fn new(window: usize, threshold: f64, min_samples: usize) -> Result<Self, Error> {
        Ok(Self(robust_z::RobustZScore::new(
            window,
            threshold,
            min_samples,
        )?))
    }

    /// Judge a value, then learn it: (score in [0, 1], z) if |z| exceeds the threshold, else None.
    fn update(&mut self, value: f64) -> Result<Option<(f64, f64)>, Error> {
        Ok(self
            .0
            .update(value)?
            .map(|outlier| (outlier.score, outlier.z)))
    }
}

/// The anomaly panel of one market, fed event by event.
#[pyclass(module = "openoutcry._core")]
#[derive(Debug)]
pub(crate) struct AnomalyPanel {
    market: MarketPanel,
    ticks: TickPanel,
    told: Vec<Announcement>,
}

#[pymethods]
#[expect(
    clippy::doc_markdown,
    clippy::needless_pass_by_value,
    reason = "these are the docstrings and the arguments that Python has"
)]
impl AnomalyPanel {
    #[new]
    #[pyo3(signature = (*, window = 120, threshold = 8.0))]
    fn new(window: usize, threshold: f64) -> Result<Self, Error> {
        let parameters = PanelParameters {
            return_window: window,
            return_threshold: threshold,
            ..PanelParameters::default()
        };
        Ok(Self {
            market: MarketPanel::new(&parameters)?,
            ticks: TickPanel::new(),
            told: Vec::new(),
        })
    }

    /// Take a trade; `taker` is the taker's side.
    fn on_trade(
        &mut self,
        at_ns: i64,
        price_ticks: i64,
        size_lots: i64,
        taker: &str,
    ) -> Result<(), Error> {
        let told = self.market.on_trade(&TradeSeen {
            at_ns: TimestampNs(at_ns),
            price: PriceTicks(positive("price_ticks", price_ticks)?),
            size: SizeLots(positive("size_lots", size_lots)?),
            taker: parse_side(taker)?,
        });
        self.told.extend(told);
        Ok(())
    }

    /// Take a changed level near the touch.
    #[pyo3(signature = (at_ns, side, price_ticks, before_lots, after_lots, *, distance_ticks))]
    fn on_level(
        &mut self,
        at_ns: i64,
        side: &str,
        price_ticks: i64,
        before_lots: i64,
        after_lots: i64,
        distance_ticks: i64,
    ) -> Result<(), Error> {
        let told = self.market.on_level(&LevelChange {
            at_ns: TimestampNs(at_ns),
            side: parse_side(side)?,
            price: PriceTicks(positive("price_ticks", price_ticks)?),
            before: SizeLots(not_negative("before_lots", before_lots)?),
            after: SizeLots(not_negative("after_lots", after_lots)?),
            distance_ticks,
        });
        self.told.extend(told);
        Ok(())
    }

    /// Take the book after an update: best levels, and the size of the best 20 levels a side.
    #[pyo3(signature = (at_ns, bid_ticks, bid_lots, ask_ticks, ask_lots, *, bid_depth_lots, ask_depth_lots))]
    #[expect(clippy::too_many_arguments, reason = "the fields of a book")]
    fn on_book(
        &mut self,
        at_ns: i64,
        bid_ticks: i64,
        bid_lots: i64,
        ask_ticks: i64,
        ask_lots: i64,
        bid_depth_lots: i64,
        ask_depth_lots: i64,
    ) -> Result<(), Error> {
        let level = |price, size| -> Result<Level, Error> {
            Ok(Level {
                price: PriceTicks(positive("price_ticks", price)?),
                size: SizeLots(positive("size_lots", size)?),
            })
        };
        let told = self.market.on_book(&BookSeen {
            at_ns: TimestampNs(at_ns),
            bid: level(bid_ticks, bid_lots)?,
            ask: level(ask_ticks, ask_lots)?,
            bid_depth: SizeLots(not_negative("bid_depth_lots", bid_depth_lots)?),
            ask_depth: SizeLots(not_negative("ask_depth_lots", ask_depth_lots)?),
        });
        self.told.extend(told);
        Ok(())
    }

    /// Tell another venue's middle, in this instrument's ticks.
    fn set_reference(&mut self, mid_ticks: f64, at_ns: i64) {
        self.market.set_reference(mid_ticks, TimestampNs(at_ns));
    }

    /// Tell the price that the instrument is pegged to, in ticks; None if it is not.
    fn set_peg(&mut self, peg_ticks: Option<f64>) -> Result<(), Error> {
        Ok(self.market.set_peg(peg_ticks)?)
    }

    /// (severity, score, causes, began_ns, evidence) at the latest event.
    fn verdict(&self) -> VerdictTuple {
        verdict_tuple(&self.market.verdict())
    }

    /// (detectors that abstain because they have not seen enough, all detectors).
    #[getter]
    fn abstaining(&self) -> (usize, usize) {
        self.market.abstaining()
    }

    /// Alarms since the last call: (event_ns, cause, score, evidence).
    fn take_alerts(&mut self) -> Vec<AlertTuple> {
        self.told.drain(..).map(|told| alert_tuple(&told)).collect()
    }

    /// Judge rows of eight features; returns how many are alarms, and writes each row's score to `out`.
    #[pyo3(signature = (features, out = None))]
    fn tick(
        &mut self,
        py: Python<'_>,
        features: Numbers<f64>,
        out: Option<Numbers<f64>>,
    ) -> Result<usize, Error> {
        let rows = features
            .to_vec(py)
            .map_err(|error| Error::Value(error.to_string()))?;
        if features.shape().last() != Some(&FEATURES) {
            let message = format!("features must be rows of {FEATURES} numbers");
            return Err(Error::Value(message));
        }
        check_length(out.as_ref(), rows.len() / FEATURES)?;
        let ticks = &mut self.ticks;
        let scores: Vec<f64> = py.detach(|| {
            let (rows, _) = rows.as_chunks::<FEATURES>();
            rows.iter()
                .map(|row| ticks.update(row).map_or(0.0, |finding| finding.score))
                .collect()
        });
        write(py, out.as_ref(), &scores)?;
        Ok(scores
            .iter()
            .filter(|score| **score >= SCORE_AT_LIMIT)
            .count())
    }
}

/// The anomaly panel of one plain series of numbers.
#[pyclass(module = "openoutcry._core")]
#[derive(Debug)]
pub(crate) struct SeriesPanel(series::SeriesPanel);

#[pymethods]
#[expect(
    clippy::needless_pass_by_value,
    reason = "these are the arguments that Python has"
)]
impl SeriesPanel {
    #[new]
    #[pyo3(signature = (*, window = 240, threshold = 6.0, min_samples = 60, suppression = 200))]
    fn new(
        window: usize,
        threshold: f64,
        min_samples: usize,
        suppression: usize,
    ) -> Result<Self, Error> {
        Ok(Self(series::SeriesPanel::new(&SeriesParameters {
            window,
            threshold,
            min_samples,
            suppression,
        })?))
    }

    /// Judge a value, then learn it: its score in [0, 1], 0.5 and more for an alarm.
    fn update(&mut self, value: f64) -> Result<f64, Error> {
        self.0.update(value)?;
        Ok(self.0.score())
    }

    /// Judge every value and write each one's score to `out`; returns the number of alarms.
    fn scores(
        &mut self,
        py: Python<'_>,
        values: Numbers<f64>,
        out: Numbers<f64>,
    ) -> Result<usize, Error> {
        check_length(Some(&out), values.item_count())?;
        let (scores, told) = self.judge(py, &values)?;
        write(py, Some(&out), &scores)?;
        Ok(told.len())
    }

    /// Judge every value; returns the alarms: (row, cause, score, evidence), rows from 0 since the beginning.
    fn alarms(&mut self, py: Python<'_>, values: Numbers<f64>) -> Result<Vec<AlertTuple>, Error> {
        let (_, told) = self.judge(py, &values)?;
        Ok(told.iter().map(alert_tuple).collect())
    }

    /// (severity, score, causes, row of the episode's begin, evidence) of the last values.
    fn verdict(&self) -> VerdictTuple {
        verdict_tuple(&self.0.verdict())
    }

    /// Values seen so far.
    #[getter]
    fn rows(&self) -> i64 {
        self.0.rows()
    }
}

impl SeriesPanel {
    /// Judges a buffer with the interpreter released. A value that is not finite leaves the panel as it was.
    fn judge(
        &mut self,
        py: Python<'_>,
        values: &Numbers<f64>,
    ) -> Result<(Vec<f64>, Vec<Announcement>), Error> {
        let values = values
            .to_vec(py)
            .map_err(|error| Error::Value(error.to_string()))?;
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let message = format!("value {at} must be finite, got {}", values[at]);
            return Err(Error::Value(message));
        }
        let panel = &mut self.0;
        py.detach(|| {
            let (mut scores, mut told) = (Vec::with_capacity(values.len()), Vec::new());
            for value in values {
                told.extend(panel.update(value)?);
                scores.push(panel.score());
            }
            Ok((scores, told))
        })
    }
}

fn check_length(out: Option<&Numbers<f64>>, len: usize) -> Result<(), Error> {
    match out {
        Some(out) if out.item_count() != len => {
            let message = format!("out must hold {len} numbers, got {}", out.item_count());
            Err(Error::Value(message))
        }
        _ => Ok(()),
    }
}

fn write(py: Python<'_>, out: Option<&Numbers<f64>>, scores: &[f64]) -> Result<(), Error> {
    out.map_or(Ok(()), |out| out.copy_from_slice(py, scores))
        .map_err(|error| Error::Value(error.to_string()))
}

fn positive(name: &str, value: i64) -> Result<i64, Error> {
    if value > 0 {
        return Ok(value);
    }
    Err(Error::Value(format!(
        "{name} must be positive, got {value}"
    )))
}

fn not_negative(name: &str, value: i64) -> Result<i64, Error> {
    if value >= 0 {
        return Ok(value);
    }
    Err(Error::Value(format!(
        "{name} must not be negative, got {value}"
    )))
}

fn verdict_tuple(verdict: &Verdict) -> VerdictTuple {
    (
        verdict.severity.as_str(),
        verdict.score,
        verdict.causes.iter().map(Cause::name).collect(),
        verdict.began_ns.0,
        verdict
            .leading
            .map_or_else(String::new, |finding| finding.text()),
    )
}

fn alert_tuple(told: &Announcement) -> AlertTuple {
    (
        told.at_ns.0,
        told.leading.cause.name(),
        told.score,
        told.text(),
    )
}
