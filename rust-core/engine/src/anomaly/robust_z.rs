//! Robust z-score over a sliding window: how many robust deviations a value lies from the median.
//!
//! Source: Iglewicz and Hoaglin, "How to Detect and Handle Outliers" (1993), the modified z-score. Where more
//! than half of the window is one value, the MAD is zero and, as they propose, the mean absolute deviation
//! takes its place.

use std::collections::VecDeque;

/// MAD to standard deviation of a normal distribution.
const MAD_TO_SIGMA: f64 = 1.4826;
/// Mean absolute deviation to standard deviation of a normal distribution.
const MEAN_DEVIATION_TO_SIGMA: f64 = 1.2533;
/// The longest window: an update costs time in proportion to it.
pub const MAX_WINDOW: usize = 100_000;

/// A value that is far from the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlier {
    /// `1 - threshold / |z|`, in (0, 1): how far beyond the threshold.
    pub score: f64,
    /// Robust deviations from the median, signed.
    pub z: f64,
}

/// Why a detector cannot be made or fed.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum DetectorError {
    /// A window that holds too few values to judge by, or too many to keep.
    #[error("window must be in 3..={MAX_WINDOW}, got {0}")]
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
    /// NaN or infinity, which would poison the window.
    #[error("value must be finite, got {0}")]
    Value(f64),
}

/// Streaming robust z-score.
#[derive(Debug, Clone)]
pub struct RobustZScore {
    window: usize,
    threshold: f64,
    min_samples: usize,
    min_scale: f64,
    values: VecDeque<f64>,
    sorted: Vec<f64>,
}

impl RobustZScore {
    /// A detector over the last `window` values, silent until it has `min_samples`.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(window: usize, threshold: f64, min_samples: usize) -> Result<Self, DetectorError> {
        if !(3..=MAX_WINDOW).contains(&window) {
            return Err(DetectorError::Window(window));
        }
        if !threshold.is_finite() || threshold <= 0.0 {
            return Err(DetectorError::Threshold(threshold));
        }
        if !(1..=window).contains(&min_samples) {
            return Err(DetectorError::MinSamples {
                min_samples,
                window,
            });
        }
        let (values, sorted) = (VecDeque::with_capacity(window), Vec::with_capacity(window));
        Ok(Self {
            window,
            threshold,
            min_samples,
            min_scale: 0.0,
            values,
            sorted,
        })
    }

    /// Takes the scale to be at least `min_scale`, in the unit of the values: what is small beside that is no
    /// outlier, however quiet the window.
    #[must_use]
    pub fn with_min_scale(self, min_scale: f64) -> Self {
        Self { min_scale, ..self }
    }

    /// Judges a value by the window, then takes it into the window.
    ///
    /// # Errors
    /// The value is not finite; the window is then as it was.
    pub fn update(&mut self, value: f64) -> Result<Option<Outlier>, DetectorError> {
        if !value.is_finite() {
            return Err(DetectorError::Value(value));
        }
        let outlier = self.judge(value);
        self.learn(value);
        Ok(outlier)
    }

    fn judge(&self, value: f64) -> Option<Outlier> {
        if self.sorted.len() < self.min_samples {
            return None;
        }
        let median = median_of_sorted(&self.sorted);
        let scale = self.scale(median).max(self.min_scale);
        // A window of equal values has no scale: nothing can be said of another value.
        let z = if scale > 0.0 {
            (value - median) / scale
        } else {
            0.0
        };
        let z = z.clamp(-f64::MAX, f64::MAX);
        (z.abs() > self.threshold).then(|| Outlier {
            score: 1.0 - self.threshold / z.abs(),
            z,
        })
    }

    fn scale(&self, median: f64) -> f64 {
        let mut deviations: Vec<f64> = self
            .sorted
            .iter()
            .map(|value| (value - median).abs())
            .collect();
        let middle = deviations.len() / 2;
        let is_even = deviations.len().is_multiple_of(2);
        let (lower, upper, _) = deviations.select_nth_unstable_by(middle, f64::total_cmp);
        let below = if is_even {
            lower.iter().copied().fold(0.0, f64::max)
        } else {
            *upper
        };
        let mad = f64::midpoint(below, *upper);
        if mad > 0.0 {
            return MAD_TO_SIGMA * mad;
        }
        MEAN_DEVIATION_TO_SIGMA * deviations.iter().sum::<f64>() / deviations.len() as f64
    }

    fn learn(&mut self, value: f64) {
        if self.values.len() == self.window
            && let Some(oldest) = self.values.pop_front()
        {
            let at = self
                .sorted
                .partition_point(|other| other.total_cmp(&oldest).is_lt());
            self.sorted.remove(at);
        }
        self.values.push_back(value);
        let at = self
            .sorted
            .partition_point(|other| other.total_cmp(&value).is_lt());
        self.sorted.insert(at, value);
    }
}

fn median_of_sorted(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    }
}
