//! Realised volatility of the mid price over a bounded window of short bars.
//!
//! The square root of the sum of squared log returns (Andersen, Bollerslev, Diebold and Labys, "Modeling and
//! Forecasting Realized Volatility", 2003), divided by that of the time they cover: basis points per square
//! root of a second. It is not annualised: multiplied by the root of a horizon in seconds it is the standard
//! deviation of the return over that horizon. The mid is used because trades bounce between bid and ask.

use crate::units::{NS_PER_S, TimestampNs};

/// Fewest returns that a volatility is made of.
pub const MIN_RETURNS: usize = 10;
/// Longest window: 8 MiB.
pub const MAX_RETURNS: usize = 1 << 20;

const BASIS_POINTS: f64 = 10_000.0;

/// Realised volatility of a mid price that is told at each change. Each bar ends with the mid that stood at its
/// end (previous-tick sampling), so bars without a change have a return of zero.
#[derive(Debug, Clone, PartialEq)]
pub struct RealisedVolatility {
    interval_ns: i64,
    max_returns: usize,
    /// Squares of log returns, a ring once it is full.
    squares: Vec<f64>,
    next: usize,
    sum: f64,
    current: Option<Bar>,
    previous_close: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Bar {
    index: i64,
    mid_ticks: f64,
}

impl RealisedVolatility {
    /// A volatility of the last `returns` bars of `interval_ns`, each clamped to what is possible: at least
    /// [`MIN_RETURNS`] and at most [`MAX_RETURNS`], at least 1 ns.
    pub fn new(interval_ns: i64, returns: usize) -> Self {
        Self {
            interval_ns: interval_ns.max(1),
            max_returns: returns.clamp(MIN_RETURNS, MAX_RETURNS),
            squares: Vec::new(),
            next: 0,
            sum: 0.0,
            current: None,
            previous_close: None,
        }
    }

    /// Takes the mid that stands from `now` on. A price that is not positive and finite has no return: it is a
    /// hole. A time that goes back counts as the latest bar's.
    #[inline]
    pub fn on_mid(&mut self, mid_ticks: f64, now: TimestampNs) {
        if !mid_ticks.is_finite() || mid_ticks <= 0.0 {
            self.reset();
            return;
        }
        let index = now.0.div_euclid(self.interval_ns);
        match &mut self.current {
            Some(bar) if index <= bar.index => bar.mid_ticks = mid_ticks,
            Some(bar) => {
                let ended = *bar;
                *bar = Bar { index, mid_ticks };
                self.end(ended, index);
            }
            None => self.current = Some(Bar { index, mid_ticks }),
        }
    }

    /// Forgets everything: the price was not known for a while, and what was before is not what is now.
    pub fn reset(&mut self) {
        self.squares.clear();
        self.next = 0;
        self.sum = 0.0;
        self.current = None;
        self.previous_close = None;
    }

    /// Basis points per square root of a second over the bars that have ended, or None for fewer than
    /// [`MIN_RETURNS`] of them since the last hole.
    #[inline]
    pub fn bps_per_sqrt_s(&self) -> Option<f64> {
        if self.squares.len() < MIN_RETURNS {
            return None;
        }
        let time_s = self.squares.len() as f64 * self.interval_ns as f64 / NS_PER_S as f64;
        Some((self.sum.max(0.0) / time_s).sqrt() * BASIS_POINTS)
    }

    /// Ends a bar, and the bars without a change between it and the one of the given index.
    fn end(&mut self, bar: Bar, next_index: i64) {
        if let Some(previous) = self.previous_close {
            let log_return = (bar.mid_ticks / previous).ln();
            self.push(log_return * log_return);
        }
        self.previous_close = Some(bar.mid_ticks);
        let unchanged = next_index.saturating_sub(bar.index).saturating_sub(1);
        for _ in 0..unchanged.clamp(0, self.max_returns as i64) {
            self.push(0.0);
        }
    }

    fn push(&mut self, square: f64) {
        if self.squares.len() < self.max_returns {
            self.squares.push(square);
            self.sum += square;
            return;
        }
        let oldest = std::mem::replace(&mut self.squares[self.next], square);
        self.sum += square - oldest;
        self.next += 1;
        if self.next == self.max_returns {
            self.next = 0;
            // Rounding errors do not live longer than the window.
            self.sum = self.squares.iter().sum();
        }
    }
}
