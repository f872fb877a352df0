//! What is usual: exponentially weighted moments of a series, robust against what is judged by them.

use crate::units::TimestampNs;

/// Deviations beyond which a value teaches no more than a value at that distance.
const MAX_TAUGHT_DEVIATIONS: f64 = 4.0;

/// Exponentially weighted mean and variance, by samples.
///
/// Source: Finch, "Incremental calculation of weighted mean and variance" (2009). Until the half-life is
/// reached, all samples weigh the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moments {
    alpha: f64,
    count: u64,
    mean: f64,
    variance: f64,
}

impl Moments {
    /// Moments in which a sample's weight halves every `half_life` samples.
    pub(super) fn new(half_life: f64) -> Self {
        Self {
            alpha: 1.0 - (-std::f64::consts::LN_2 / half_life.max(1.0)).exp(),
            count: 0,
            mean: 0.0,
            variance: 0.0,
        }
    }

    /// Moments in which every sample weighs the same, but one in a million at least.
    pub(super) fn unweighted() -> Self {
        Self {
            alpha: 1e-6,
            count: 0,
            mean: 0.0,
            variance: 0.0,
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn mean(&self) -> f64 {
        self.mean
    }

    pub(super) fn deviation(&self) -> f64 {
        self.variance.sqrt()
    }

    /// How many deviations a value lies from the mean, the deviation taken to be at least `min_scale`; 0
    /// where there is no scale to judge by.
    #[inline]
    pub(super) fn z(&self, value: f64, min_scale: f64) -> f64 {
        let scale = self.deviation().max(min_scale);
        if scale > 0.0 {
            ((value - self.mean) / scale).clamp(-f64::MAX, f64::MAX)
        } else {
            0.0
        }
    }

    /// Learns a value as it is.
    #[inline]
    pub(super) fn learn(&mut self, value: f64) {
        self.count = self.count.saturating_add(1);
        let alpha = self.alpha.max(1.0 / self.count as f64);
        let step = value - self.mean;
        let mean = self.mean + alpha * step;
        let variance = (1.0 - alpha) * (self.variance + alpha * step * step);
        // A step too large to square leaves the moments as they were: they stay finite.
        if variance.is_finite() && mean.is_finite() {
            self.mean = mean;
            self.variance = variance;
        }
    }

    /// Learns a value, but never more than four deviations of it once there are `min_samples`: an outlier
    /// does not make the next one usual, and a lasting change is learnt step by step.
    #[inline]
    pub(super) fn learn_clipped(&mut self, value: f64, min_samples: u64, min_scale: f64) {
        let reach = MAX_TAUGHT_DEVIATIONS * self.deviation().max(min_scale);
        if self.count >= min_samples && reach > 0.0 {
            self.learn(value.clamp(self.mean - reach, self.mean + reach));
        } else {
            self.learn(value);
        }
    }
}

/// A sum that halves every `half_life_ns`: of sizes, of counts, of anything that comes at moments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct DecayingSum {
    rate_per_ns: f64,
    sum: f64,
    at_ns: i64,
}

impl DecayingSum {
    pub(super) fn new(half_life_ns: i64) -> Self {
        Self {
            rate_per_ns: std::f64::consts::LN_2 / half_life_ns.max(1) as f64,
            sum: 0.0,
            at_ns: 0,
        }
    }

    /// The sum as it stands at a moment; time that goes back stands still.
    #[inline]
    pub(super) fn at(&self, now_ns: i64) -> f64 {
        let elapsed_ns = now_ns.saturating_sub(self.at_ns).max(0);
        self.sum * (-(elapsed_ns as f64) * self.rate_per_ns).exp()
    }

    #[inline]
    pub(super) fn add(&mut self, value: f64, now_ns: i64) {
        self.sum = self.at(now_ns) + value;
        self.at_ns = self.at_ns.max(now_ns);
    }
}

/// Since when something has been beyond its limit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Held(Option<TimestampNs>);

impl Held {
    /// How long, in nanoseconds; None while it is within.
    #[inline]
    pub(super) fn update(&mut self, is_beyond: bool, now: TimestampNs) -> Option<i64> {
        if !is_beyond {
            self.0 = None;
            return None;
        }
        let since = *self.0.get_or_insert(now);
        Some(now.0.saturating_sub(since.0).max(0))
    }
}

/// A decaying maximum: what is the most that is usual. A larger value lifts it by a share only, so it takes
/// several to make one usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Peak {
    rate_per_ns: f64,
    largest: f64,
    at_ns: i64,
    count: u64,
}

/// The most that one value lifts a peak, as a ratio.
const MAX_LIFT: f64 = 1.2;

impl Peak {
    pub(super) fn new(half_life_ns: i64) -> Self {
        Self {
            rate_per_ns: std::f64::consts::LN_2 / half_life_ns.max(1) as f64,
            largest: 0.0,
            at_ns: 0,
            count: 0,
        }
    }

    /// Values seen so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The peak as it stands at a moment; zero before the first value.
    #[inline]
    pub(super) fn at(&self, now_ns: i64) -> f64 {
        let elapsed_ns = now_ns.saturating_sub(self.at_ns).max(0);
        self.largest * (-(elapsed_ns as f64) * self.rate_per_ns).exp()
    }

    /// Learns a finite value; the first `free` lift the peak to what they are.
    pub(super) fn learn(&mut self, value: f64, now_ns: i64, free: u64) {
        let peak = self.at(now_ns);
        let limit = if self.count < free {
            f64::MAX
        } else {
            MAX_LIFT * peak
        };
        self.largest = peak.max(value.min(limit));
        self.at_ns = self.at_ns.max(now_ns);
        self.count = self.count.saturating_add(1);
    }
}
