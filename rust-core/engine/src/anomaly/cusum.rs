//! Drifts of the mean that no single value shows: CUSUM and the Page-Hinkley test.
//!
//! Both sum deviations from what is usual, less an allowance a step: with the allowance k that is the quickest
//! test for a shift of 2k deviations. A sum below zero begins anew (Page, "Continuous Inspection Schemes",
//! 1954), which is the same as its distance from its lowest value so far (Hinkley, "Inference about the
//! change-point from cumulative-sum tests", 1971). What differs is the mean: CUSUM's moves slowly with the
//! series; Page-Hinkley's is that of all values since the last alarm, after which it learns the new level.
//! Sums are in deviations of the series itself, and a step counts at most [`MAX_STEP_DEVIATIONS`], so that one
//! outlier is not a drift.

use super::baseline::Moments;
use super::cause::Cause;
use super::{DetectorError, Finding, MIN_STRENGTH, check_range};

/// The most that one value adds.
pub const MAX_STEP_DEVIATIONS: f64 = 3.0;

/// What is a drift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriftParameters {
    /// Samples after which one weighs half in CUSUM's mean and deviation; long beside the drifts looked for.
    pub half_life_samples: f64,
    /// Deviations taken off each step. 0.5 is the textbook's choice for shifts of one deviation.
    pub allowance: f64,
    /// The sum, in deviations, that is the limit. With allowance 0.5 a limit of 5 gives a false alarm in 930
    /// independent normal values (Montgomery, "Introduction to Statistical Quality Control", table 9.4), each
    /// deviation more makes it some e times rarer: 12 leaves it to what is not independent.
    pub limit: f64,
    /// Samples needed before the first judgement.
    pub min_samples: u64,
}

impl Default for DriftParameters {
    fn default() -> Self {
        Self {
            half_life_samples: 500.0,
            allowance: 0.5,
            limit: 12.0,
            min_samples: 60,
        }
    }
}

impl DriftParameters {
    fn check(&self) -> Result<(), DetectorError> {
        check_range("half_life_samples", self.half_life_samples, 1.0, 1e6)?;
        check_range("allowance", self.allowance, 0.0, 10.0)?;
        check_range("limit", self.limit, 0.1, 1e6)?;
        check_range("min_samples", self.min_samples as f64, 2.0, 1e6)
    }
}

/// Both sums, upwards and downwards, in deviations.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    up: f64,
    down: f64,
}

impl Sums {
    /// Adds a step and gives the larger sum; one at the limit begins both anew.
    #[inline]
    fn add(&mut self, z: f64, parameters: &DriftParameters) -> f64 {
        let step = z.clamp(-MAX_STEP_DEVIATIONS, MAX_STEP_DEVIATIONS);
        self.up = (self.up + step - parameters.allowance).max(0.0);
        self.down = (self.down - step - parameters.allowance).max(0.0);
        let sum = self.up.max(self.down);
        if sum >= parameters.limit {
            *self = Self::default();
        }
        sum
    }
}

/// The two-sided CUSUM.
#[derive(Debug, Clone)]
pub struct Cusum {
    parameters: DriftParameters,
    moments: Moments,
    sums: Sums,
}

impl Cusum {
    /// A test that has seen nothing.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(parameters: DriftParameters) -> Result<Self, DetectorError> {
        parameters.check()?;
        Ok(Self {
            parameters,
            moments: Moments::new(parameters.half_life_samples),
            sums: Sums::default(),
        })
    }

    /// False while it abstains.
    pub fn is_warm(&self) -> bool {
        self.moments.count() >= self.parameters.min_samples
    }

    /// Judges a finite value by those before it, then learns it.
    #[inline]
    pub fn update(&mut self, value: f64) -> Option<Finding> {
        let (mean, z) = (self.moments.mean(), self.moments.z(value, 0.0));
        let is_warm = self.is_warm();
        self.moments
            .learn_clipped(value, self.parameters.min_samples, 0.0);
        if !is_warm {
            return None;
        }
        let sum = self.sums.add(z, &self.parameters);
        finding(Cause::Cusum, &self.parameters, [value, mean, sum])
    }
}

/// The Page-Hinkley test, for a rise and for a fall.
#[derive(Debug, Clone)]
pub struct PageHinkley {
    parameters: DriftParameters,
    since_alarm: Moments,
    sums: Sums,
}

impl PageHinkley {
    /// A test that has seen nothing.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(parameters: DriftParameters) -> Result<Self, DetectorError> {
        parameters.check()?;
        Ok(Self {
            parameters,
            since_alarm: Moments::unweighted(),
            sums: Sums::default(),
        })
    }

    /// False while it abstains, also after each alarm.
    pub fn is_warm(&self) -> bool {
        self.since_alarm.count() >= self.parameters.min_samples
    }

    /// Judges a finite value by those before it, then learns it.
    #[inline]
    pub fn update(&mut self, value: f64) -> Option<Finding> {
        let (mean, z) = (self.since_alarm.mean(), self.since_alarm.z(value, 0.0));
        let is_warm = self.is_warm();
        self.since_alarm.learn(value);
        if !is_warm {
            return None;
        }
        let sum = self.sums.add(z, &self.parameters);
        if sum >= self.parameters.limit {
            self.since_alarm = Moments::unweighted();
        }
        finding(Cause::PageHinkley, &self.parameters, [value, mean, sum])
    }
}

#[inline]
fn finding(cause: Cause, parameters: &DriftParameters, evidence: [f64; 3]) -> Option<Finding> {
    let strength = evidence[2] / parameters.limit;
    (strength >= MIN_STRENGTH).then(|| Finding::new(cause, strength, evidence))
}
