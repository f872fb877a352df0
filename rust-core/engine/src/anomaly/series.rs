//! The panel of one plain series of numbers, whatever they measure.
//!
//! The values are judged by a robust z, an EWMA z, CUSUM, Page-Hinkley and a change-point detector, and their first
//! differences by the first two and the last. Like the Numenta Anomaly Benchmark, whoever reads the alarms wants one a disturbance:
//! after an alarm the panel is silent for a number of values. On that benchmark this is worth more than any
//! one detector (0 to 40 points for the same robust z).

use super::cause::{CAUSES, Cause};
use super::change_point::{ChangePoint, ChangePointParameters};
use super::cusum::{Cusum, DriftParameters, PageHinkley};
use super::episode::{Announcement, EpisodeParameters, Episodes, Verdict};
use super::ewma_z::{EwmaParameters, EwmaZ};
use super::robust_z::{MAX_WINDOW, RobustZScore};
use super::{DetectorError, Finding, MIN_STRENGTH, SCORE_AT_LIMIT, check_range};

/// How a series is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesParameters {
    /// Values that the robust z remembers.
    pub window: usize,
    /// Deviations, robust or not, that are the limit.
    pub threshold: f64,
    /// Values needed before the first judgement.
    pub min_samples: usize,
    /// Values after an alarm for which there is no other.
    pub suppression: usize,
}

impl Default for SeriesParameters {
    fn default() -> Self {
        Self {
            window: 240,
            threshold: 6.0,
            min_samples: 60,
            suppression: 200,
        }
    }
}

/// Where a value lies: what values and differences are both judged by.
#[derive(Debug, Clone)]
struct Place {
    robust_z: RobustZScore,
    ewma_z: EwmaZ,
    change_point: ChangePoint,
}

impl Place {
    fn new(parameters: &SeriesParameters) -> Result<Self, DetectorError> {
        let SeriesParameters {
            window,
            threshold,
            min_samples,
            ..
        } = *parameters;
        let ewma = EwmaParameters {
            threshold,
            half_life_samples: window as f64 / 2.0,
            min_samples: min_samples as u64,
            ..EwmaParameters::default()
        };
        let change = ChangePointParameters {
            min_samples: min_samples as u64,
            ..ChangePointParameters::default()
        };
        Ok(Self {
            robust_z: RobustZScore::new(window, threshold, min_samples)?,
            ewma_z: EwmaZ::new(ewma)?,
            change_point: ChangePoint::new(change)?,
        })
    }

    /// Judges a finite value by those before it, then learns it.
    fn update(&mut self, value: f64) -> [Option<Finding>; 3] {
        let position = self.robust_z.place(value).ok().flatten();
        let robust_z = position.and_then(|position| {
            let strength = position.z.abs() / self.robust_z.threshold();
            let evidence = [value, position.median, position.z];
            (strength >= MIN_STRENGTH).then(|| Finding::new(Cause::RobustZ, strength, evidence))
        });
        [
            robust_z,
            self.ewma_z.update(value),
            self.change_point.update(value),
        ]
    }
}

/// The same finding, made about a difference.
fn of_difference(finding: Finding) -> Finding {
    let cause = match finding.cause {
        Cause::ChangePoint => Cause::VolatilityChange,
        _ => Cause::Jump,
    };
    Finding { cause, ..finding }
}

/// The panel. One update after another, at a cost that does not grow.
#[derive(Debug, Clone)]
pub struct SeriesPanel {
    values: Place,
    differences: Place,
    cusum: Cusum,
    page_hinkley: PageHinkley,
    episodes: Episodes,
    suppression: i64,
    previous: Option<f64>,
    rows: i64,
    silent_until: i64,
    score: f64,
}

impl SeriesPanel {
    /// A panel that has seen nothing.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(parameters: &SeriesParameters) -> Result<Self, DetectorError> {
        check_range("suppression", parameters.suppression as f64, 0.0, 1e12)?;
        check_range(
            "min_samples",
            parameters.min_samples as f64,
            2.0,
            MAX_WINDOW as f64,
        )?;
        // Findings support each other within a row. An alarm's news is the suppression's business.
        let episodes = EpisodeParameters {
            memory: 0,
            quiet: 0,
            refractory: 0,
            reminder: 1,
        };
        let drift = DriftParameters {
            half_life_samples: 2.0 * parameters.window as f64,
            min_samples: parameters.min_samples as u64,
            ..DriftParameters::default()
        };
        Ok(Self {
            values: Place::new(parameters)?,
            differences: Place::new(parameters)?,
            cusum: Cusum::new(drift)?,
            page_hinkley: PageHinkley::new(drift)?,
            episodes: Episodes::new(episodes, series_weights())?,
            suppression: parameters.suppression as i64,
            previous: None,
            rows: 0,
            silent_until: 0,
            score: 0.0,
        })
    }

    /// Judges a value by those before it, then learns it; gives an alarm to be told. Its time is the value's
    /// row, from 0.
    ///
    /// # Errors
    /// The value is not finite; the panel is then as it was.
    pub fn update(&mut self, value: f64) -> Result<Option<Announcement>, DetectorError> {
        if !value.is_finite() {
            return Err(DetectorError::Value(value));
        }
        let row = self.rows;
        self.rows = self.rows.saturating_add(1);
        let [robust_z, ewma_z, change_point] = self.values.update(value);
        let (cusum, page_hinkley) = (self.cusum.update(value), self.page_hinkley.update(value));
        // A difference of the largest numbers might not be finite.
        let difference = self
            .previous
            .replace(value)
            .map(|previous| value - previous);
        let [jump, ewma_jump, volatility] =
            match difference.filter(|difference| difference.is_finite()) {
                Some(difference) => self
                    .differences
                    .update(difference)
                    .map(|found| found.map(of_difference)),
                None => [None; 3],
            };
        let jump = [jump, ewma_jump]
            .into_iter()
            .flatten()
            .reduce(Finding::stronger);
        let findings = [
            robust_z,
            ewma_z,
            change_point,
            cusum,
            page_hinkley,
            jump,
            volatility,
        ];
        let told = self.episodes.observe(findings, row);
        let has_found = findings.iter().any(Option::is_some);
        self.score = if has_found { self.verdict().score } else { 0.0 };
        Ok(self.suppress(told, row))
    }

    /// The last value's score, in [0, 1]: at [`SCORE_AT_LIMIT`] and more it is an alarm. In the silence after an
    /// alarm scores stay below, at half of what they are.
    pub fn score(&self) -> f64 {
        self.score
    }

    /// What the detectors say of the last values, silence or not.
    pub fn verdict(&self) -> Verdict {
        self.episodes.verdict(self.rows.saturating_sub(1))
    }

    /// Values seen so far.
    pub fn rows(&self) -> i64 {
        self.rows
    }

    fn suppress(&mut self, told: Option<Announcement>, row: i64) -> Option<Announcement> {
        if row < self.silent_until {
            self.score *= SCORE_AT_LIMIT;
            return None;
        }
        if self.score >= SCORE_AT_LIMIT {
            self.silent_until = row.saturating_add(1).saturating_add(self.suppression);
        }
        told
    }
}

/// Drifts are everywhere in what is not stationary: they support an alarm and do not make one.
fn series_weights() -> [f64; CAUSES] {
    let mut weights = [1.0; CAUSES];
    for cause in [Cause::Cusum, Cause::PageHinkley] {
        weights[cause.index()] = 0.45;
    }
    weights[Cause::ChangePoint.index()] = 0.7;
    weights[Cause::VolatilityChange.index()] = 0.7;
    weights
}
