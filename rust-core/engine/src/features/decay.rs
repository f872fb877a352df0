//! Sums that forget: an event of age `t` counts `exp(-t / T)`, so that the last `T` dominate.

use crate::units::TimestampNs;

/// `N` sums with one clock. Divided by how much time they remember they are rates: the exponential kernel
/// estimate of the intensity of a stream of events, in O(1) an event and without a window to keep.
///
/// Time does not go back here: what is told for an earlier moment counts as of the latest one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecayedSums<const N: usize> {
    time_constant_ns: f64,
    sums: [f64; N],
    begun: Option<TimestampNs>,
    at: TimestampNs,
}

impl<const N: usize> DecayedSums<N> {
    /// Sums that remember `time_constant_ns`, of which less than one counts as one, and have not begun.
    pub fn new(time_constant_ns: i64) -> Self {
        Self {
            time_constant_ns: time_constant_ns.max(1) as f64,
            sums: [0.0; N],
            begun: None,
            at: TimestampNs(0),
        }
    }

    /// Begins to watch at `now`, unless it has begun. An event at that moment is not to be added: a stretch of
    /// time that is chosen to begin with an event has more of them than others.
    pub fn begin(&mut self, now: TimestampNs) {
        if self.begun.is_none() {
            self.begun = Some(now);
            self.at = now;
        }
    }

    /// True if it has begun to watch.
    pub fn has_begun(&self) -> bool {
        self.begun.is_some()
    }

    /// Forgets everything: what follows begins anew.
    pub fn reset(&mut self) {
        self.sums = [0.0; N];
        self.begun = None;
    }

    /// Adds an event; nothing before the beginning, and nothing of a value that is not finite.
    #[inline]
    pub fn add(&mut self, now: TimestampNs, values: [f64; N]) {
        if self.begun.is_none() {
            return;
        }
        let factor = self.factor(now);
        for (sum, value) in self.sums.iter_mut().zip(values) {
            *sum = *sum * factor + if value.is_finite() { value } else { 0.0 };
        }
        self.at = self.at.max(now);
    }

    /// The sums as they stand at `now`.
    #[inline]
    pub fn sums(&self, now: TimestampNs) -> [f64; N] {
        let factor = self.factor(now);
        self.sums.map(|sum| sum * factor)
    }

    /// The sums by second, without bias from the short memory of a new beginning; None until one time constant
    /// has been watched, before which they say little.
    #[inline]
    pub fn rates_per_s(&self, now: TimestampNs) -> Option<[f64; N]> {
        let now = now.max(self.at);
        let watched = elapsed_ns(self.begun?, now) / self.time_constant_ns;
        if watched < 1.0 {
            return None;
        }
        // What is missing is below a float's precision by then.
        let share = if watched > 37.0 {
            1.0
        } else {
            1.0 - (-watched).exp()
        };
        let scale = NS_PER_S / (self.time_constant_ns * share);
        Some(self.sums(now).map(|sum| sum * scale))
    }

    #[inline]
    fn factor(&self, now: TimestampNs) -> f64 {
        if now <= self.at {
            return 1.0;
        }
        (-elapsed_ns(self.at, now) / self.time_constant_ns).exp()
    }
}

const NS_PER_S: f64 = crate::units::NS_PER_S as f64;

/// From an earlier moment to a later one.
#[inline]
fn elapsed_ns(from: TimestampNs, to: TimestampNs) -> f64 {
    to.0.saturating_sub(from.0) as f64
}
