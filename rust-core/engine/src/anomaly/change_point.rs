//! Bayesian online change-point detection with a bounded number of run lengths.
//!
//! Source: Adams and `MacKay`, "Bayesian Online Changepoint Detection" (2007), with a normal likelihood of unknown
//! mean and variance and its conjugate normal-gamma prior (Murphy, "Conjugate Bayesian analysis of the Gaussian
//! distribution", 2007): the predictive of each run length is a Student t. A run length is a hypothesis of how
//! many values the present regime has lasted. Each value lengthens every hypothesis by one and adds a new one;
//! of [`MAX_HYPOTHESES`] the least probable makes room. So an update costs the same for ever.
//!
//! The densities of all hypotheses are made by one loop of plain arithmetic that a compiler turns into vector
//! instructions: `(1 + t²/ν)^(-(ν+1)/2)` through a polynomial logarithm and exponential in base two, with an
//! error below 10⁻⁹, and the gamma functions from a table.

use super::baseline::Moments;
use super::cause::Cause;
use super::{DetectorError, Finding, MIN_STRENGTH, check_range};

/// Run lengths kept.
pub const MAX_HYPOTHESES: usize = 48;
/// Longer runs count as this long: their mean and variance then forget slowly.
pub const MAX_RUN_LENGTH: usize = 1_023;
/// Prior: a virtual observation of the mean, and the variance as known by two of them.
const PRIOR_KAPPA: f64 = 1.0;
const PRIOR_NU: usize = 2;
/// Prior scale (the beta of the gamma prior), of values that are brought to deviation 1.
const PRIOR_BETA: f64 = 1.0;
/// The longest run of a constant keeps this much variance.
const LEAST_BETA: f64 = 1e-6;
/// Beyond so many deviations a value says the same; squares stay finite.
const MAX_DEVIATIONS: f64 = 1e6;
/// Below this every density has vanished, and the value says nothing about the run length.
const LEAST_EVIDENCE: f64 = 1e-290;

/// What is a change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePointParameters {
    /// Values that a regime lasts on average, before anything is known: the inverse of the hazard.
    pub mean_run_length: f64,
    /// Probability, of a run length in `confirmed_after..=recent`, that is the limit.
    pub probability: f64,
    /// Values of the new regime that are needed: one outlier alone starts no regime.
    pub confirmed_after: usize,
    /// A change longer ago is no news.
    pub recent: usize,
    /// Values needed before the first judgement; they give the scale.
    pub min_samples: u64,
}

impl Default for ChangePointParameters {
    fn default() -> Self {
        Self {
            mean_run_length: 1_000.0,
            probability: 0.8,
            confirmed_after: 6,
            recent: 20,
            min_samples: 60,
        }
    }
}

impl ChangePointParameters {
    fn check(&self) -> Result<(), DetectorError> {
        check_range("mean_run_length", self.mean_run_length, 2.0, 1e9)?;
        check_range("probability", self.probability, 0.01, 1.0)?;
        check_range("confirmed_after", self.confirmed_after as f64, 0.0, 1_000.0)?;
        check_range(
            "recent",
            self.recent as f64,
            self.confirmed_after as f64,
            1_000.0,
        )?;
        check_range("min_samples", self.min_samples as f64, 2.0, 1e6)
    }
}

/// The posterior of the run length, over values that a caller has brought to a scale of about 1.
#[derive(Debug, Clone)]
pub struct RunLengths {
    hazard: f64,
    /// By hypothesis; the first `len` are in use.
    len: usize,
    run: [u16; MAX_HYPOTHESES],
    probability: [f64; MAX_HYPOTHESES],
    mean: [f64; MAX_HYPOTHESES],
    beta: [f64; MAX_HYPOTHESES],
    by_run: Vec<ByRun>,
}

/// What depends on a run length alone.
#[derive(Debug, Clone, Copy, Default)]
struct ByRun {
    /// κ / (κ+1) / 2: `t²/ν = (x - mean)² · spread / beta`, as the t's squared scale is beta·(κ+1) / (alpha·κ).
    spread: f64,
    /// -(ν+1)/2.
    power: f64,
    /// Γ((ν+1)/2) / Γ(ν/2) / √π · √spread.
    factor: f64,
    /// κ / (κ+1) / 2.
    beta_step: f64,
    /// 1 / (κ+1).
    mean_step: f64,
}

impl RunLengths {
    /// The posterior before the first value: a regime that has just begun.
    ///
    /// # Errors
    /// `mean_run_length` is out of range.
    pub fn new(mean_run_length: f64) -> Result<Self, DetectorError> {
        check_range("mean_run_length", mean_run_length, 2.0, 1e9)?;
        let mut lengths = Self {
            hazard: 1.0 / mean_run_length,
            len: 0,
            run: [0; MAX_HYPOTHESES],
            probability: [0.0; MAX_HYPOTHESES],
            mean: [0.0; MAX_HYPOTHESES],
            beta: [PRIOR_BETA; MAX_HYPOTHESES],
            by_run: by_run(),
        };
        lengths.begin(0, 1.0);
        Ok(lengths)
    }

    /// Takes a value; what is no number says nothing and is left out.
    pub fn update(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        let value = value.clamp(-MAX_DEVIATIONS, MAX_DEVIATIONS);
        let density = self.densities(value);
        let mut evidence = 0.0;
        for (probability, density) in self.probability[..self.len].iter_mut().zip(density) {
            *probability *= density;
            evidence += *probability;
        }
        if evidence > LEAST_EVIDENCE {
            for probability in &mut self.probability[..self.len] {
                *probability *= (1.0 - self.hazard) / evidence;
            }
        } else {
            self.forget_evidence();
        }
        self.learn(value);
        let slot = if self.len < MAX_HYPOTHESES {
            self.len
        } else {
            self.least_probable()
        };
        self.begin(slot, self.hazard);
    }

    /// The probability that the present regime has lasted between `from` and `to` values, both included.
    pub fn probability_between(&self, from: usize, to: usize) -> f64 {
        let sum: f64 = self
            .hypotheses()
            .filter(|(run, _)| (from..=to).contains(run))
            .map(|(_, probability)| probability)
            .sum();
        // What was pruned is missing; the rest is taken for the whole.
        (sum / self.total()).clamp(0.0, 1.0)
    }

    /// The most probable run length.
    pub fn most_probable(&self) -> usize {
        let likelier =
            |one: (usize, f64), other: (usize, f64)| if other.1 > one.1 { other } else { one };
        self.hypotheses().fold((0, 0.0), likelier).0
    }

    /// (Run length, probability) of each hypothesis, in no order. Together they are 1, less what was pruned.
    pub fn hypotheses(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        let runs = self.run[..self.len].iter().map(|run| usize::from(*run));
        runs.zip(self.probability[..self.len].iter().copied())
    }

    fn total(&self) -> f64 {
        self.probability[..self.len]
            .iter()
            .sum::<f64>()
            .max(f64::MIN_POSITIVE)
    }

    /// Student-t densities of a value under every hypothesis. All slots are calculated, used or not: a loop of
    /// fixed length without branches.
    #[inline]
    fn densities(&self, value: f64) -> [f64; MAX_HYPOTHESES] {
        let mut spread = [0.0; MAX_HYPOTHESES];
        let mut power = [0.0; MAX_HYPOTHESES];
        let mut factor = [0.0; MAX_HYPOTHESES];
        for slot in 0..MAX_HYPOTHESES {
            let by_run = &self.by_run[usize::from(self.run[slot]).min(MAX_RUN_LENGTH)];
            spread[slot] = by_run.spread;
            power[slot] = by_run.power;
            factor[slot] = by_run.factor;
        }
        let mut density = [0.0; MAX_HYPOTHESES];
        for slot in 0..MAX_HYPOTHESES {
            let step = value - self.mean[slot];
            let inverse_beta = 1.0 / self.beta[slot];
            let base = 1.0 + step * step * spread[slot] * inverse_beta;
            density[slot] = factor[slot] * inverse_beta.sqrt() * exp2(power[slot] * log2(base));
        }
        density
    }

    fn learn(&mut self, value: f64) {
        for slot in 0..self.len {
            let by_run = &self.by_run[usize::from(self.run[slot])];
            let step = value - self.mean[slot];
            self.beta[slot] += by_run.beta_step * step * step;
            self.mean[slot] += by_run.mean_step * step;
            if usize::from(self.run[slot]) < MAX_RUN_LENGTH {
                self.run[slot] += 1;
            } else {
                // As long as the longest run: keep the variance, forget a share of its evidence.
                let kept = 1.0 - 1.0 / (MAX_RUN_LENGTH + PRIOR_NU) as f64;
                self.beta[slot] = (self.beta[slot] * kept).max(LEAST_BETA);
            }
        }
    }

    fn begin(&mut self, slot: usize, probability: f64) {
        self.run[slot] = 0;
        self.probability[slot] = probability;
        self.mean[slot] = 0.0;
        self.beta[slot] = PRIOR_BETA;
        self.len = self.len.max(slot + 1);
    }

    /// Every hypothesis finds the value impossible: they stay as probable as they were.
    fn forget_evidence(&mut self) {
        let share = (1.0 - self.hazard) / self.len.max(1) as f64;
        self.probability[..self.len].fill(share);
    }

    fn least_probable(&self) -> usize {
        let mut least = 0;
        for slot in 1..self.len {
            if self.probability[slot] < self.probability[least] {
                least = slot;
            }
        }
        least
    }
}

/// The tables: after n values κ = κ₀ + n, ν = 2·alpha = ν₀ + n.
fn by_run() -> Vec<ByRun> {
    // Γ((ν+1)/2) / Γ(ν/2): 1/√π for ν = 1, and its value for ν + 1 is ν/2 divided by that for ν.
    let mut gamma_ratio = 1.0 / std::f64::consts::PI.sqrt();
    for nu in 1..PRIOR_NU {
        gamma_ratio = nu as f64 / 2.0 / gamma_ratio;
    }
    (0..=MAX_RUN_LENGTH)
        .map(|run| {
            let (kappa, nu) = (PRIOR_KAPPA + run as f64, (PRIOR_NU + run) as f64);
            let spread = kappa / (kappa + 1.0) / 2.0;
            let entry = ByRun {
                spread,
                power: -f64::midpoint(nu, 1.0),
                factor: gamma_ratio / std::f64::consts::PI.sqrt() * spread.sqrt(),
                beta_step: kappa / (kappa + 1.0) / 2.0,
                mean_step: 1.0 / (kappa + 1.0),
            };
            gamma_ratio = nu / 2.0 / gamma_ratio;
            entry
        })
        .collect()
}

const MANTISSA_BITS: u32 = 52;
const MANTISSA: u64 = (1 << MANTISSA_BITS) - 1;
const EXPONENT_BIAS: f64 = 1_023.0;

/// Logarithm in base two of a finite number of at least 1, to some 10⁻¹⁰.
#[inline]
fn log2(value: f64) -> f64 {
    let bits = value.to_bits();
    // 2^52 + n as a float has n in its mantissa: an integer becomes a float without a conversion.
    let exponent =
        f64::from_bits((bits >> MANTISSA_BITS) | 0x4330_0000_0000_0000) - 4_503_599_627_370_496.0;
    let mantissa = f64::from_bits((bits & MANTISSA) | 0x3FF0_0000_0000_0000);
    // log2(m) = 2/ln 2 · artanh((m-c)/(m+c)) + log2(c), with c = √2 in the middle of [1, 2).
    let s = (mantissa - std::f64::consts::SQRT_2) / (mantissa + std::f64::consts::SQRT_2);
    let q = s * s;
    let series =
        1.0 + q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0)))));
    exponent - EXPONENT_BIAS + 0.5 + 2.0 * std::f64::consts::LOG2_E * s * series
}

/// Two to the power of a number of at most 0, to some 10⁻¹⁰ of it; 0 below 2⁻¹⁰⁰⁰.
#[inline]
fn exp2(power: f64) -> f64 {
    // Adding 1.5·2^52 rounds to an integer and leaves it in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let bounded = power.max(-1_000.0);
    let rounded = bounded + ROUND;
    let x = (bounded - (rounded - ROUND)) * std::f64::consts::LN_2;
    let series = 1.0
        + x * (1.0
            + x * (1.0 / 2.0
                + x * (1.0 / 6.0
                    + x * (1.0 / 24.0
                        + x * (1.0 / 120.0
                            + x * (1.0 / 720.0 + x * (1.0 / 5_040.0 + x / 40_320.0)))))));
    let scale = f64::from_bits((rounded.to_bits().wrapping_add(1_023)) << MANTISSA_BITS);
    series * scale
}

/// The detector: the posterior over a series brought to its own scale.
#[derive(Debug, Clone)]
pub struct ChangePoint {
    parameters: ChangePointParameters,
    scale: Moments,
    lengths: RunLengths,
}

/// The normal likelihood finds a single value farther away impossible, and would take it for a new regime.
const MAX_JUDGED_DEVIATIONS: f64 = 4.0;
/// Samples after which one weighs half in the scale: long beside any change that is looked for.
const SCALE_HALF_LIFE_SAMPLES: f64 = 1_000.0;

impl ChangePoint {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(parameters: ChangePointParameters) -> Result<Self, DetectorError> {
        parameters.check()?;
        Ok(Self {
            parameters,
            scale: Moments::new(SCALE_HALF_LIFE_SAMPLES),
            lengths: RunLengths::new(parameters.mean_run_length)?,
        })
    }

    /// False while it abstains.
    pub fn is_warm(&self) -> bool {
        self.scale.count() >= self.parameters.min_samples
    }

    /// Judges a finite value by those before it, then learns it.
    pub fn update(&mut self, value: f64) -> Option<Finding> {
        let is_warm = self.is_warm();
        let z = self
            .scale
            .z(value, 0.0)
            .clamp(-MAX_JUDGED_DEVIATIONS, MAX_JUDGED_DEVIATIONS);
        self.scale
            .learn_clipped(value, self.parameters.min_samples, 0.0);
        if !is_warm {
            return None;
        }
        self.lengths.update(z);
        let ChangePointParameters {
            confirmed_after,
            recent,
            probability: limit,
            ..
        } = self.parameters;
        // Until the first regime is older than that, every run is recent.
        if self.scale.count() <= self.parameters.min_samples + recent as u64 {
            return None;
        }
        let probability = self.lengths.probability_between(confirmed_after, recent);
        let strength = probability / limit;
        (strength >= MIN_STRENGTH).then(|| {
            let evidence = [value, probability, self.lengths.most_probable() as f64];
            Finding::new(Cause::ChangePoint, strength, evidence)
        })
    }
}
