//! Robust z-score over a sliding window: how many robust deviations a value lies from the median.
//!
//! Source: Iglewicz and Hoaglin, "How to Detect and Handle Outliers" (1993), the modified z-score. Where more
//! than half of the window is one value, the MAD is zero and, as they propose, the mean absolute deviation
//! takes its place.
//!
//! The window is kept in order, so the median is one look, and the MAD is found by binary search in the two
//! sorted runs of deviations on its sides: O(log window). Only where the MAD is zero are all deviations
//! summed.

use std::collections::VecDeque;

use super::DetectorError;
use super::sorted_window::SortedWindow;

/// MAD to standard deviation of a normal distribution.
const MAD_TO_SIGMA: f64 = 1.4826;
/// Mean absolute deviation to standard deviation of a normal distribution.
const MEAN_DEVIATION_TO_SIGMA: f64 = 1.2533;
/// The longest window: 1.6 MB.
pub const MAX_WINDOW: usize = 100_000;

/// A value that is far from the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlier {
    /// `1 - threshold / |z|`, in (0, 1): how far beyond the threshold.
    pub score: f64,
    /// Robust deviations from the median, signed.
    pub z: f64,
}

/// Where a value lies in the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// Robust deviations from the median, signed.
    pub z: f64,
    /// The window's median.
    pub median: f64,
}

/// Streaming robust z-score.
#[derive(Debug, Clone)]
pub struct RobustZScore {
    window: usize,
    threshold: f64,
    min_samples: usize,
    min_scale: f64,
    values: VecDeque<f64>,
    sorted: SortedWindow,
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
        Ok(Self {
            window,
            threshold,
            min_samples,
            min_scale: 0.0,
            values: VecDeque::with_capacity(window),
            sorted: SortedWindow::new(),
        })
    }

    /// Takes the scale to be at least `min_scale`, in the unit of the values: what is small beside that is no
    /// outlier, however quiet the window.
    #[must_use]
    pub fn with_min_scale(self, min_scale: f64) -> Self {
        Self { min_scale, ..self }
    }

    /// False until it has `min_samples`.
    pub fn is_warm(&self) -> bool {
        self.sorted.len() >= self.min_samples
    }

    /// Robust deviations that make an outlier.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Judges a value by the window, then takes it into the window.
    ///
    /// # Errors
    /// The value is not finite; the window is then as it was.
    pub fn update(&mut self, value: f64) -> Result<Option<Outlier>, DetectorError> {
        let position = self.place(value)?;
        Ok(position
            .map(|position| position.z)
            .filter(|z| z.abs() > self.threshold)
            .map(|z| Outlier {
                score: 1.0 - self.threshold / z.abs(),
                z,
            }))
    }

    /// Says where a value lies in the window, then takes it into the window; None while there are too few.
    ///
    /// # Errors
    /// The value is not finite; the window is then as it was.
    #[inline]
    pub fn place(&mut self, value: f64) -> Result<Option<Position>, DetectorError> {
        if !value.is_finite() {
            return Err(DetectorError::Value(value));
        }
        let position = self.is_warm().then(|| self.judge(value));
        self.learn(value);
        Ok(position)
    }

    fn judge(&self, value: f64) -> Position {
        let median = self.median();
        let scale = self.scale(median).max(self.min_scale);
        // A window of equal values has no scale: nothing can be said of another value.
        let z = if scale > 0.0 {
            (value - median) / scale
        } else {
            0.0
        };
        Position {
            z: z.clamp(-f64::MAX, f64::MAX),
            median,
        }
    }

    fn median(&self) -> f64 {
        let middle = self.sorted.len() / 2;
        if self.sorted.len().is_multiple_of(2) {
            f64::midpoint(self.sorted.get(middle - 1), self.sorted.get(middle))
        } else {
            self.sorted.get(middle)
        }
    }

    fn scale(&self, median: f64) -> f64 {
        let len = self.sorted.len();
        let upper = self.deviation_of_rank(len / 2, median);
        let mad = if len.is_multiple_of(2) {
            f64::midpoint(self.deviation_of_rank(len / 2 - 1, median), upper)
        } else {
            upper
        };
        if mad > 0.0 {
            return MAD_TO_SIGMA * mad;
        }
        let sum: f64 = self.sorted.iter().map(|value| (value - median).abs()).sum();
        MEAN_DEVIATION_TO_SIGMA * sum / len as f64
    }

    /// The deviation from the median of rank `rank`, from 0. Below the middle of the window deviations fall
    /// with the rank, above they rise: the `rank + 1` smallest are the nearest `below` of the lower run and
    /// the nearest `above` of the upper run, and `below` is found by binary search.
    fn deviation_of_rank(&self, rank: usize, median: f64) -> f64 {
        let len = self.sorted.len();
        let lower = len / 2;
        let below_deviation = |nearest: usize| median - self.sorted.get(lower - 1 - nearest);
        let above_deviation = |nearest: usize| self.sorted.get(lower + nearest) - median;
        let wanted = rank + 1;
        let (mut low, mut high) = (wanted.saturating_sub(len - lower), wanted.min(lower));
        while low < high {
            let below = usize::midpoint(low, high);
            // One more of the lower run is needed if it is nearer than the last taken of the upper run.
            if below_deviation(below) < above_deviation(wanted - below - 1) {
                low = below + 1;
            } else {
                high = below;
            }
        }
        let from_below = if low > 0 {
            below_deviation(low - 1)
        } else {
            0.0
        };
        let from_above = if wanted > low {
            above_deviation(wanted - low - 1)
        } else {
            0.0
        };
        from_below.max(from_above).max(0.0)
    }

    fn learn(&mut self, value: f64) {
        match (self.values.len() == self.window)
            .then(|| self.values.pop_front())
            .flatten()
        {
            Some(oldest) => self.sorted.replace(oldest, value),
            None => self.sorted.insert(value),
        }
        self.values.push_back(value);
    }
}
