//! Anomaly detectors: each judges a stream one observation at a time, in bounded memory.
//!
//! A detector measures a *strength*: how far what it saw lies beyond what it allows, 1 being exactly the
//! limit. [`score_of`] maps a strength to a score in [0, 1], the same for all detectors: 0.5 at the limit, 0.8
//! at two and a half times the limit. [`panel`] combines the findings about one market into one verdict and
//! [`series`] those about one series of numbers; [`episode`] sees to it that one disturbance is told once.

mod baseline;
pub mod burst;
pub mod cause;
pub mod change_point;
pub mod collapse;
pub mod cusum;
pub mod divergence;
pub mod episode;
pub mod ewma_z;
pub mod iceberg;
pub mod ignition;
pub mod layering;
pub mod observation;
pub mod panel;
pub mod regime;
pub mod returns;
pub mod robust_z;
pub mod series;
mod sorted_window;
pub mod stuffing;
pub mod ticks;
pub mod wash;

use cause::Cause;

use crate::units::TimestampNs;

const BASIS_POINTS: f64 = 10_000.0;

/// The score of a finding exactly at its detector's limit.
pub const SCORE_AT_LIMIT: f64 = 0.5;

/// What is weaker is not told: half of the limit.
pub const MIN_STRENGTH: f64 = 0.5;

/// An anomaly: who saw it, how strong it is, and the evidence in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Venue time of what was judged.
    pub event_ns: TimestampNs,
    /// The leading cause's name.
    pub detector: &'static str,
    /// Strength in [0, 1].
    pub score: f64,
    /// What was seen.
    pub evidence: String,
}

/// What one detector says about one observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// In [0, 1]; [`SCORE_AT_LIMIT`] and more is beyond the detector's limit.
    pub score: f64,
    /// What it is.
    pub cause: Cause,
    /// Numbers, named by [`Cause::evidence_names`].
    pub evidence: [f64; 3],
}

impl Finding {
    /// A finding of the given strength; 1 is the detector's limit.
    #[inline]
    pub fn new(cause: Cause, strength: f64, evidence: [f64; 3]) -> Self {
        Self {
            score: score_of(strength),
            cause,
            evidence,
        }
    }

    /// True if the detector's limit is reached.
    #[inline]
    pub fn is_alarm(&self) -> bool {
        self.score >= SCORE_AT_LIMIT
    }

    /// The one with the higher score; of equals the first.
    #[must_use]
    pub fn stronger(self, other: Self) -> Self {
        if other.score > self.score {
            other
        } else {
            self
        }
    }

    /// The evidence in words: the cause, then each number with its name.
    pub fn text(&self) -> String {
        let mut text = self.cause.title().to_owned();
        for (at, (name, value)) in self
            .cause
            .evidence_names()
            .into_iter()
            .zip(self.evidence)
            .enumerate()
        {
            text.push_str(if at == 0 { ": " } else { ", " });
            text.push_str(name);
            text.push(' ');
            text.push_str(&short(value));
        }
        text
    }
}

/// Four significant digits: evidence is read, not calculated with.
fn short(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e6).contains(&size) {
        let decimals = (3 - size.max(1e-3).log10().floor() as i32).clamp(0, 6) as usize;
        format!("{value:.decimals$}")
    } else {
        format!("{value:.3e}")
    }
}

/// The score of a strength: half of it up to the limit, then rising towards 1 as `1 - 1 / (2 · strength)`.
/// The two meet with the same slope. What is no number scores 0.
#[inline]
pub fn score_of(strength: f64) -> f64 {
    if strength >= 1.0 {
        1.0 - 0.5 / strength
    } else if strength > 0.0 {
        0.5 * strength
    } else {
        0.0
    }
}

/// Why a detector cannot be made or fed.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum DetectorError {
    /// A window that holds too few values to judge by, or too many to keep.
    #[error("window must be in 3..={max}, got {0}", max = robust_z::MAX_WINDOW)]
    Window(usize),
    /// A threshold that is not positive.
    #[error("threshold must be positive and finite, got {0}")]
    Threshold(f64),
    /// More samples asked for than the window holds, or none.
    #[error("min_samples must be in 1..={window}, got {min_samples}")]
    MinSamples {
        /// What was asked.
        min_samples: usize,
        /// What the window holds.
        window: usize,
    },
    /// A parameter out of range.
    #[error("{name} must be in [{low}, {high}], got {value}")]
    Range {
        /// The parameter.
        name: &'static str,
        /// Its least value.
        low: f64,
        /// Its greatest value.
        high: f64,
        /// What was asked.
        value: f64,
    },
    /// NaN or infinity, which would poison what was learnt.
    #[error("value must be finite, got {0}")]
    Value(f64),
}

/// Refuses a parameter outside `[low, high]`, NaN included.
fn check_range(name: &'static str, value: f64, low: f64, high: f64) -> Result<(), DetectorError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(DetectorError::Range {
        name,
        low,
        high,
        value,
    })
}
