//! Six detectors over a vector of eight features a tick, in constant time and memory.
//!
//! The features, in this order: return (bp), spread (ticks), size at the touch (lots), imbalance in [-1, 1],
//! order-flow imbalance (lots), messages a second, share of cancels in [0, 1], mean trade size (lots). The six: an EWMA z
//! and a robust z from a stochastic median and MAD on each feature, a two-sided CUSUM on each, and three rules:
//! message rate with cancels (stuffing), imbalance with size and cancels (layering), and one-sided flow. Loops over
//! the features are of fixed length and without branches, for the vector unit.

use super::cause::Cause;
use super::{Finding, MIN_STRENGTH, SCORE_AT_LIMIT};

/// Features of a tick.
pub const FEATURES: usize = 8;
/// Names of the features, units last.
pub const FEATURE_NAMES: [&str; FEATURES] = [
    "return_bp",
    "spread_ticks",
    "touch_lots",
    "imbalance",
    "flow_lots",
    "messages_per_s",
    "cancel_share",
    "trade_lots",
];
const RETURN: usize = 0;
const SIZE: usize = 2;
const IMBALANCE: usize = 3;
const FLOW: usize = 4;
const RATE: usize = 5;
const CANCELS: usize = 6;

/// What a sample weighs in what is usual: half after 700 ticks.
const ALPHA: f64 = 1e-3;
/// Ticks before the first judgement.
const MIN_SAMPLES: u64 = 500;
/// Deviations that are the limit.
const Z_LIMIT: f64 = 8.0;
/// Robust deviations that are the limit, times the root mean square of them where tails are heavy.
const ROBUST_LIMIT: f64 = 8.0;
const CUSUM_ALLOWANCE: f64 = 0.75;
const CUSUM_LIMIT: f64 = 24.0;
const CUSUM_STEP: f64 = 3.0;
/// Deviations of the rules' features that count as extreme.
const RULE_Z: f64 = 3.0;

/// The detectors.
#[derive(Debug, Clone)]
pub struct TickPanel {
    samples: u64,
    mean: [f64; FEATURES],
    variance: [f64; FEATURES],
    median: [f64; FEATURES],
    mad: [f64; FEATURES],
    /// Mean squared robust z: how heavy the tails are.
    tail: [f64; FEATURES],
    up: [f64; FEATURES],
    down: [f64; FEATURES],
    /// Short-lived means of the standardised flow, imbalance and squared return.
    flow: f64,
    imbalance: f64,
    energy: f64,
}

impl Default for TickPanel {
    fn default() -> Self {
        Self::new()
    }
}

impl TickPanel {
    /// Detectors that have seen nothing.
    pub fn new() -> Self {
        Self {
            samples: 0,
            mean: [0.0; FEATURES],
            variance: [0.0; FEATURES],
            median: [0.0; FEATURES],
            mad: [0.0; FEATURES],
            tail: [1.0; FEATURES],
            up: [0.0; FEATURES],
            down: [0.0; FEATURES],
            flow: 0.0,
            imbalance: 0.0,
            energy: 1.0,
        }
    }

    /// False while it abstains.
    pub fn is_warm(&self) -> bool {
        self.samples >= MIN_SAMPLES
    }

    /// Judges a tick by those before it, then learns it. A tick that is not finite in every feature is neither.
    pub fn update(&mut self, features: &[f64; FEATURES]) -> Option<Finding> {
        if !features
            .iter()
            .fold(true, |all, value| all & (value.abs() <= MAX_FEATURE))
        {
            return None;
        }
        let is_warm = self.is_warm();
        let deviation = self.deviations();
        let (z, robust) = self.standardise(features, &deviation);
        self.samples = self.samples.saturating_add(1);
        self.learn(features, &z, &robust, &deviation);
        let sums = self.drift(&z);
        let rules = self.rules(&z, features);
        if !is_warm {
            return None;
        }
        let mut by_tail = [0.0; FEATURES];
        for at in 0..FEATURES {
            by_tail[at] = robust[at] / self.tail[at].max(1.0).sqrt();
        }
        let best = largest(&z, Z_LIMIT, Cause::EwmaZ, features, &self.mean)
            .stronger(largest(
                &by_tail,
                ROBUST_LIMIT,
                Cause::RobustZ,
                features,
                &self.median,
            ))
            .stronger(largest(
                &sums,
                CUSUM_LIMIT,
                Cause::Cusum,
                features,
                &self.mean,
            ))
            .stronger(rules);
        (best.score >= MIN_STRENGTH * SCORE_AT_LIMIT).then_some(best)
    }

    #[inline]
    fn deviations(&self) -> [f64; FEATURES] {
        self.variance
            .map(|variance| (variance + LEAST_VARIANCE).sqrt())
    }

    /// Deviations from the mean, and robust ones from the median.
    #[inline]
    fn standardise(
        &self,
        features: &[f64; FEATURES],
        deviation: &[f64; FEATURES],
    ) -> ([f64; FEATURES], [f64; FEATURES]) {
        let (mut z, mut robust) = ([0.0; FEATURES], [0.0; FEATURES]);
        for at in 0..FEATURES {
            z[at] = (features[at] - self.mean[at]) / deviation[at];
            // A feature that hardly moves has a MAD of nothing: a third of its deviation is the least.
            let scale = (MAD_TO_SIGMA * self.mad[at]).max(LEAST_SCALE * deviation[at]);
            robust[at] = (features[at] - self.median[at]) / scale;
        }
        (z, robust)
    }

    #[inline]
    fn learn(
        &mut self,
        features: &[f64; FEATURES],
        z: &[f64; FEATURES],
        robust: &[f64; FEATURES],
        deviation: &[f64; FEATURES],
    ) {
        let alpha = ALPHA.max(1.0 / self.samples as f64);
        // An outlier teaches as much as one at four deviations, once there is a deviation.
        let reach = if self.samples > MIN_SAMPLES {
            4.0
        } else {
            f64::MAX
        };
        for at in 0..FEATURES {
            let step = z[at].clamp(-reach, reach) * deviation[at];
            self.mean[at] += alpha * step;
            self.variance[at] = (1.0 - alpha) * (self.variance[at] + alpha * step * step);
            // Stochastic approximation of a quantile: a step up or down that leaves as many above as below.
            let move_by = 2.0 * alpha * deviation[at];
            let away = features[at] - self.median[at];
            self.median[at] += move_by * sign(away);
            self.mad[at] = (self.mad[at] + move_by * sign(away.abs() - self.mad[at])).max(0.0);
            let square = (robust[at] * robust[at]).min(MAX_SQUARE);
            self.tail[at] += ALPHA * (square - self.tail[at]);
        }
    }

    /// The two-sided sums, each at its larger side.
    #[inline]
    fn drift(&mut self, z: &[f64; FEATURES]) -> [f64; FEATURES] {
        let mut sums = [0.0; FEATURES];
        for at in 0..FEATURES {
            let step = z[at].clamp(-CUSUM_STEP, CUSUM_STEP);
            let up = (self.up[at] + step - CUSUM_ALLOWANCE).max(0.0);
            let down = (self.down[at] - step - CUSUM_ALLOWANCE).max(0.0);
            sums[at] = up.max(down);
            // Twice the limit is enough: what is larger would only take longer to forget.
            self.up[at] = up.min(2.0 * CUSUM_LIMIT);
            self.down[at] = down.min(2.0 * CUSUM_LIMIT);
        }
        sums
    }

    /// The strongest of the three rules and of the energy of the returns.
    #[inline]
    fn rules(&mut self, z: &[f64; FEATURES], features: &[f64; FEATURES]) -> Finding {
        const FAST: f64 = 0.15;
        self.flow += FAST * (z[FLOW].clamp(-6.0, 6.0) - self.flow);
        self.imbalance += FAST * (z[IMBALANCE] - self.imbalance);
        self.energy += FAST * ((z[RETURN] * z[RETURN]).min(36.0) - self.energy);
        let cancels = z[CANCELS].max(0.0);
        let stuffing = (z[RATE] / (2.0 * RULE_Z)).min(cancels / 1.0);
        let layering = (self.imbalance.abs() / 0.8)
            .min(cancels / 0.8)
            .min((z[SIZE] + 1.0).max(0.0));
        let flow = self.flow.abs() / 2.0;
        let energy = self.energy / 12.0;
        let findings = [
            Finding::new(
                Cause::QuoteStuffing,
                stuffing,
                [features[RATE], self.mean[RATE], features[CANCELS]],
            ),
            Finding::new(
                Cause::Layering,
                layering,
                [features[SIZE], self.mean[SIZE], features[IMBALANCE]],
            ),
            Finding::new(
                Cause::OneSidedFlow,
                flow,
                [features[FLOW], self.mean[FLOW], self.flow],
            ),
            Finding::new(
                Cause::ReturnOutlier,
                energy,
                [features[RETURN], z[RETURN], self.energy],
            ),
        ];
        findings.into_iter().fold(findings[0], Finding::stronger)
    }
}

/// The least robust scale, in deviations.
const LEAST_SCALE: f64 = 0.3;
/// What one robust z adds to the tails at most.
const MAX_SQUARE: f64 = 900.0;
const MAD_TO_SIGMA: f64 = 1.4826;
const LEAST_VARIANCE: f64 = 1e-18;
/// Squares of what is larger might not be finite.
const MAX_FEATURE: f64 = 1e100;

#[inline]
fn sign(value: f64) -> f64 {
    f64::from(u8::from(value > 0.0)) - f64::from(u8::from(value < 0.0))
}

/// The finding about the feature that lies farthest beyond the limit.
#[inline]
fn largest(
    strengths: &[f64; FEATURES],
    limit: f64,
    cause: Cause,
    features: &[f64; FEATURES],
    usual: &[f64; FEATURES],
) -> Finding {
    let mut at = 0;
    for other in 1..FEATURES {
        if strengths[other].abs() > strengths[at].abs() {
            at = other;
        }
    }
    let strength = strengths[at].abs() / limit;
    Finding::new(cause, strength, [features[at], usual[at], strengths[at]])
}
