//! Prices that should be equal and are not: another venue's middle, or a peg.
//!
//! The other price is told explicitly. Two venues differ by a basis that moves slowly (fees, funding, the quote
//! asset); a gap is judged against its own exponentially weighted mean and deviation, must be worth something
//! in basis points, and must last. A peg is a fixed price, judged by the allowed gap alone.

use super::baseline::{Held, Moments};
use super::cause::Cause;
use super::observation::{BookSeen, Detector, log_ratio_bp};
use super::{DetectorError, Finding, MIN_STRENGTH, check_range};
use crate::units::{NS_PER_MS, NS_PER_S, TimestampNs};

/// What is a divergence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DivergenceParameters {
    /// Deviations from the usual gap that are the limit.
    pub deviations: f64,
    /// The least change of the gap, in basis points, that is one: more than taker fees of both venues.
    pub min_gap_bp: f64,
    /// The gap to the peg that is the limit, in basis points. USDC stood 1,200 below it in March 2023; half a
    /// per cent was never an ordinary day of a stablecoin.
    pub peg_gap_bp: f64,
    /// How long it must last, in nanoseconds.
    pub hold_ns: i64,
    /// An older price of the other venue says nothing, in nanoseconds.
    pub max_age_ns: i64,
    /// Updates of the book after which one weighs half.
    pub half_life_samples: f64,
    /// Updates of the book beside a price of the other venue needed before the first judgement.
    pub min_samples: u64,
}

impl Default for DivergenceParameters {
    fn default() -> Self {
        Self {
            deviations: 8.0,
            min_gap_bp: 15.0,
            peg_gap_bp: 50.0,
            hold_ns: 1_000 * NS_PER_MS,
            max_age_ns: 5 * NS_PER_S,
            half_life_samples: 2_000.0,
            min_samples: 100,
        }
    }
}

impl DivergenceParameters {
    fn check(&self) -> Result<(), DetectorError> {
        check_range("deviations", self.deviations, 0.1, 1e6)?;
        check_range("min_gap_bp", self.min_gap_bp, 0.01, 1e4)?;
        check_range("peg_gap_bp", self.peg_gap_bp, 0.01, 1e4)?;
        check_range("hold_ns", self.hold_ns as f64, 0.0, 1e13)?;
        check_range("max_age_ns", self.max_age_ns as f64, 1.0, 1e13)?;
        check_range("half_life_samples", self.half_life_samples, 1.0, 1e6)?;
        check_range("min_samples", self.min_samples as f64, 2.0, 1e6)
    }
}

/// The detector. Without a reference or a peg it abstains.
#[derive(Debug, Clone)]
pub struct Divergence {
    parameters: DivergenceParameters,
    peg_ticks: Option<f64>,
    reference: Option<(f64, TimestampNs)>,
    gap: Moments,
    apart: Held,
    off_peg: Held,
}

impl Divergence {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(parameters: DivergenceParameters) -> Result<Self, DetectorError> {
        parameters.check()?;
        Ok(Self {
            parameters,
            peg_ticks: None,
            reference: None,
            gap: Moments::new(parameters.half_life_samples),
            apart: Held::default(),
            off_peg: Held::default(),
        })
    }

    /// Tells another venue's middle, in this instrument's ticks, and when it stood. What is not a positive
    /// number is ignored.
    pub fn set_reference(&mut self, mid_ticks: f64, at_ns: TimestampNs) {
        if mid_ticks > 0.0 && mid_ticks.is_finite() {
            self.reference = Some((mid_ticks, at_ns));
        }
    }

    /// Tells the price that the instrument is pegged to, in ticks; None if it is not.
    ///
    /// # Errors
    /// It is not positive.
    pub fn set_peg(&mut self, peg_ticks: Option<f64>) -> Result<(), DetectorError> {
        if let Some(peg_ticks) = peg_ticks {
            check_range("peg_ticks", peg_ticks, f64::MIN_POSITIVE, f64::MAX)?;
        }
        self.peg_ticks = peg_ticks;
        Ok(())
    }

    fn judge_venues(&mut self, mid_ticks: f64, now: TimestampNs) -> Option<Finding> {
        let (reference, at_ns) = self.reference?;
        if now.0.saturating_sub(at_ns.0) > self.parameters.max_age_ns {
            self.apart = Held::default();
            return None;
        }
        let DivergenceParameters {
            deviations,
            min_gap_bp,
            hold_ns,
            min_samples,
            ..
        } = self.parameters;
        let gap_bp = log_ratio_bp(mid_ticks, reference);
        let (usual_bp, z) = (self.gap.mean(), self.gap.z(gap_bp, LEAST_DEVIATION_BP));
        let is_warm = self.gap.count() >= min_samples;
        self.gap
            .learn_clipped(gap_bp, min_samples, LEAST_DEVIATION_BP);
        if !is_warm {
            return None;
        }
        let strength = (z.abs() / deviations).min((gap_bp - usual_bp).abs() / min_gap_bp);
        let held_ns = self.apart.update(strength >= MIN_STRENGTH, now)?;
        let evidence = [gap_bp, usual_bp, held_ns as f64 / NS_PER_MS as f64];
        (held_ns >= hold_ns).then(|| Finding::new(Cause::VenueDivergence, strength, evidence))
    }

    fn judge_peg(&mut self, mid_ticks: f64, now: TimestampNs) -> Option<Finding> {
        let gap_bp = log_ratio_bp(mid_ticks, self.peg_ticks?);
        let allowed_bp = self.parameters.peg_gap_bp;
        let strength = gap_bp.abs() / allowed_bp;
        let held_ns = self.off_peg.update(strength >= MIN_STRENGTH, now)?;
        let evidence = [gap_bp, allowed_bp, held_ns as f64 / NS_PER_MS as f64];
        (held_ns >= self.parameters.hold_ns).then(|| Finding::new(Cause::Depeg, strength, evidence))
    }
}

/// Two venues that never differed: a tenth of a basis point is no surprise.
const LEAST_DEVIATION_BP: f64 = 0.1;

impl Detector for Divergence {
    fn is_warm(&self) -> bool {
        self.peg_ticks.is_some() || self.gap.count() >= self.parameters.min_samples
    }

    fn on_book_lost(&mut self) {
        self.apart = Held::default();
        self.off_peg = Held::default();
    }

    fn on_book(&mut self, book: &BookSeen) -> Option<Finding> {
        let mid_ticks = book.mid_ticks();
        let findings = [
            self.judge_venues(mid_ticks, book.at_ns),
            self.judge_peg(mid_ticks, book.at_ns),
        ];
        findings.into_iter().flatten().reduce(Finding::stronger)
    }
}
