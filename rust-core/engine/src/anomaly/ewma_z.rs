//! Distance from an exponentially weighted moving average, in exponentially weighted deviations.
//!
//! Source: Roberts, "Control Chart Tests Based on Geometric Moving Averages" (1959). An outlier is learnt as a
//! value at four deviations at most, so it neither hides the next one nor is held against a new level for ever.

use super::baseline::Moments;
use super::cause::Cause;
use super::{DetectorError, Finding, MIN_STRENGTH, check_range};

/// How the average forgets, and what is far from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EwmaParameters {
    /// Samples after which one weighs half. A hundred follows a day's rhythm of minutes and not its noise.
    pub half_life_samples: f64,
    /// Deviations that are the limit. Six, as for the robust z-score: heavy tails make four a daily event.
    pub threshold: f64,
    /// Samples needed before the first judgement.
    pub min_samples: u64,
    /// The least deviation assumed, in the unit of the values.
    pub min_scale: f64,
}

impl Default for EwmaParameters {
    fn default() -> Self {
        Self {
            half_life_samples: 100.0,
            threshold: 6.0,
            min_samples: 30,
            min_scale: 0.0,
        }
    }
}

impl EwmaParameters {
    /// Refuses what is out of range.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn check(&self) -> Result<(), DetectorError> {
        check_range("half_life_samples", self.half_life_samples, 1.0, 1e6)?;
        check_range("threshold", self.threshold, 0.1, 1e6)?;
        check_range("min_samples", self.min_samples as f64, 2.0, 1e6)?;
        check_range("min_scale", self.min_scale, 0.0, f64::MAX)
    }
}

/// The detector; an update takes a few multiplications and no memory.
#[derive(Debug, Clone)]
pub struct EwmaZ {
    parameters: EwmaParameters,
    moments: Moments,
}

impl EwmaZ {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(parameters: EwmaParameters) -> Result<Self, DetectorError> {
        parameters.check()?;
        Ok(Self {
            parameters,
            moments: Moments::new(parameters.half_life_samples),
        })
    }

    /// False while it abstains.
    pub fn is_warm(&self) -> bool {
        self.moments.count() >= self.parameters.min_samples
    }

    /// Judges a finite value by those before it, then learns it.
    #[inline]
    pub fn update(&mut self, value: f64) -> Option<Finding> {
        let EwmaParameters {
            threshold,
            min_samples,
            min_scale,
            ..
        } = self.parameters;
        let (mean, z) = (self.moments.mean(), self.moments.z(value, min_scale));
        let is_warm = self.is_warm();
        self.moments.learn_clipped(value, min_samples, min_scale);
        let strength = z.abs() / threshold;
        (is_warm && strength >= MIN_STRENGTH)
            .then(|| Finding::new(Cause::EwmaZ, strength, [value, mean, z]))
    }
}
