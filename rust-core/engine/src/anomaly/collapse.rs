//! Liquidity that goes: a spread far wider than usual, and a side of the book far thinner than usual.
//!
//! Both are judged by their logarithm against an exponentially weighted mean of it, and must last: a trade that
//! sweeps a few levels opens both for the moment that market makers need.

use super::baseline::{Held, Moments};
use super::cause::Cause;
use super::observation::{BookSeen, Detector, log_ratio_bp};
use super::{DetectorError, Finding, check_range};
use crate::units::{NS_PER_MS, Side, TimestampNs};

/// What is a collapse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CollapseParameters {
    /// Times the usual spread that is the limit.
    pub spread_ratio: f64,
    /// The least spread, in basis points, that can be a collapse: where the usual one is a cent, ten of them
    /// are nothing.
    pub min_spread_bp: f64,
    /// Times thinner than usual that is the limit.
    pub depth_ratio: f64,
    /// How long a wide spread must last, in nanoseconds: a sweep is filled in sooner.
    pub hold_ns: i64,
    /// How long a thin side must last, in nanoseconds. The best levels are thin for a second now and then.
    pub depth_hold_ns: i64,
    /// Least time between two samples of what is usual, in nanoseconds.
    pub sample_ns: i64,
    /// Samples after which one weighs half.
    pub half_life_samples: f64,
    /// Samples needed before the first judgement.
    pub min_samples: u64,
}

impl Default for CollapseParameters {
    fn default() -> Self {
        Self {
            spread_ratio: 8.0,
            min_spread_bp: 2.0,
            depth_ratio: 8.0,
            hold_ns: 300 * NS_PER_MS,
            depth_hold_ns: 2_000 * NS_PER_MS,
            sample_ns: 100 * NS_PER_MS,
            half_life_samples: 600.0,
            min_samples: 100,
        }
    }
}

impl CollapseParameters {
    fn check(&self) -> Result<(), DetectorError> {
        check_range("spread_ratio", self.spread_ratio, 1.1, 1e6)?;
        check_range("min_spread_bp", self.min_spread_bp, 0.0, 1e4)?;
        check_range("depth_ratio", self.depth_ratio, 1.1, 1e6)?;
        check_range("hold_ns", self.hold_ns as f64, 0.0, 1e12)?;
        check_range("depth_hold_ns", self.depth_hold_ns as f64, 0.0, 1e12)?;
        check_range("sample_ns", self.sample_ns as f64, 0.0, 1e12)?;
        check_range("half_life_samples", self.half_life_samples, 1.0, 1e6)?;
        check_range("min_samples", self.min_samples as f64, 2.0, 1e6)
    }
}

/// The detector.
#[derive(Debug, Clone)]
pub struct Collapse {
    parameters: CollapseParameters,
    /// Logarithms of the limits.
    log_spread_ratio: f64,
    log_depth_ratio: f64,
    /// Logarithm of the spread.
    spread: Moments,
    /// Logarithms of the bid's and the ask's depth.
    depth: [Moments; 2],
    wide: Held,
    thin: [Held; 2],
    sampled_ns: Option<TimestampNs>,
}

impl Collapse {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(parameters: CollapseParameters) -> Result<Self, DetectorError> {
        parameters.check()?;
        let moments = Moments::new(parameters.half_life_samples);
        Ok(Self {
            parameters,
            log_spread_ratio: parameters.spread_ratio.ln(),
            log_depth_ratio: parameters.depth_ratio.ln(),
            spread: moments,
            depth: [moments; 2],
            wide: Held::default(),
            thin: [Held::default(); 2],
            sampled_ns: None,
        })
    }

    fn judge_spread(
        &mut self,
        spread_bp: f64,
        log_spread: f64,
        now: TimestampNs,
    ) -> Option<Finding> {
        let parameters = &self.parameters;
        let excess = log_spread - self.spread.mean();
        let strength =
            (excess / self.log_spread_ratio).min(spread_bp / parameters.min_spread_bp.max(1e-9));
        let held_ns = self.wide.update(strength >= 1.0, now)?;
        (held_ns >= parameters.hold_ns).then(|| {
            let evidence = [
                spread_bp,
                self.spread.mean().exp(),
                held_ns as f64 / NS_PER_MS as f64,
            ];
            Finding::new(Cause::SpreadCollapse, strength, evidence)
        })
    }

    fn judge_depth(
        &mut self,
        side: Side,
        lots: f64,
        log_lots: f64,
        now: TimestampNs,
    ) -> Option<Finding> {
        let at = side as usize;
        let lack = self.depth[at].mean() - log_lots;
        let strength = lack / self.log_depth_ratio;
        let held_ns = self.thin[at].update(strength >= 1.0, now)?;
        (held_ns >= self.parameters.depth_hold_ns).then(|| {
            let evidence = [
                lots,
                self.depth[at].mean().exp(),
                held_ns as f64 / NS_PER_MS as f64,
            ];
            Finding::new(Cause::DepthCollapse, strength, evidence)
        })
    }

    /// Learns a sample now and then, so that a busy moment does not count for more than a quiet one.
    fn learn(&mut self, log_spread: f64, log_lots: [f64; 2], now: TimestampNs) {
        let is_due = |last: TimestampNs| now.0.saturating_sub(last.0) >= self.parameters.sample_ns;
        if !self.sampled_ns.is_none_or(is_due) {
            return;
        }
        self.sampled_ns = Some(now);
        let min_samples = self.parameters.min_samples;
        self.spread
            .learn_clipped(log_spread, min_samples, LEAST_LOG_DEVIATION);
        for (moments, log_lots) in self.depth.iter_mut().zip(log_lots) {
            moments.learn_clipped(log_lots, min_samples, LEAST_LOG_DEVIATION);
        }
    }
}

/// A series that has never moved still learns: a tenth is no surprise.
const LEAST_LOG_DEVIATION: f64 = 0.1;

impl Detector for Collapse {
    fn is_warm(&self) -> bool {
        self.spread.count() >= self.parameters.min_samples
    }

    fn on_book_lost(&mut self) {
        self.wide = Held::default();
        self.thin = [Held::default(); 2];
    }

    fn on_book(&mut self, book: &BookSeen) -> Option<Finding> {
        let spread_bp = log_ratio_bp(book.ask.price.0 as f64, book.bid.price.0 as f64).max(1e-6);
        let log_spread = spread_bp.ln();
        let lots = [book.bid_depth, book.ask_depth].map(|depth| (depth.0 as f64).max(1.0));
        let log_lots = lots.map(f64::ln);
        let mut worst: Option<Finding> = None;
        if self.is_warm() {
            let findings = [
                self.judge_spread(spread_bp, log_spread, book.at_ns),
                self.judge_depth(Side::Buy, lots[0], log_lots[0], book.at_ns),
                self.judge_depth(Side::Sell, lots[1], log_lots[1], book.at_ns),
            ];
            worst = findings.into_iter().flatten().reduce(Finding::stronger);
        }
        self.learn(log_spread, log_lots, book.at_ns);
        worst
    }
}
