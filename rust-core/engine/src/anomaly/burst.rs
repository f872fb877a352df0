//! Bursts of trading on one side, as in a pump: volume and number of trades far beyond their own usual.
//!
//! Source of the pattern: La Morgia, Mei, Sassi and Stefa, "Pump and Dumps in the Bitcoin Era" (2020): rush orders
//! in the first seconds, the number of trades and the volume against their moving average. A second alone proves
//! little (a single large order makes hundreds of trades), so a few seconds are taken together.

use super::baseline::{DecayingSum, Moments};
use super::cause::Cause;
use super::observation::{Detector, SecondSeen};
use super::{DetectorError, Finding, MIN_STRENGTH, check_range};
use crate::units::NS_PER_S;

/// What is a burst.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BurstParameters {
    /// Time in which a trade's weight halves, in nanoseconds: the length of what is taken together.
    pub half_life_ns: i64,
    /// Times the usual volume that is the limit. Ordinary moves reach ten now and then.
    pub volume_ratio: f64,
    /// Times the usual number of trades that is the limit.
    pub trade_ratio: f64,
    /// Least share of the volume that the other side does not balance.
    pub one_sided_share: f64,
    /// Seconds with trades after which one weighs half in what is usual.
    pub half_life_s: f64,
    /// Seconds with trades needed before the first judgement.
    pub min_samples: u64,
}

impl Default for BurstParameters {
    fn default() -> Self {
        Self {
            half_life_ns: 3 * NS_PER_S,
            volume_ratio: 14.0,
            trade_ratio: 8.0,
            one_sided_share: 0.6,
            half_life_s: 300.0,
            min_samples: 60,
        }
    }
}

impl BurstParameters {
    fn check(&self) -> Result<(), DetectorError> {
        check_range("half_life_ns", self.half_life_ns as f64, 1e6, 1e13)?;
        check_range("volume_ratio", self.volume_ratio, 1.1, 1e6)?;
        check_range("trade_ratio", self.trade_ratio, 1.1, 1e6)?;
        check_range("one_sided_share", self.one_sided_share, 0.01, 1.0)?;
        check_range("half_life_s", self.half_life_s, 1.0, 1e6)?;
        check_range("min_samples", self.min_samples as f64, 2.0, 1e6)
    }
}

/// The detector.
#[derive(Debug, Clone)]
pub struct Burst {
    parameters: BurstParameters,
    volume: DecayingSum,
    signed: DecayingSum,
    trades: DecayingSum,
    usual_volume: Moments,
    usual_trades: Moments,
}

impl Burst {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(parameters: BurstParameters) -> Result<Self, DetectorError> {
        parameters.check()?;
        let (sum, moments) = (
            DecayingSum::new(parameters.half_life_ns),
            Moments::new(parameters.half_life_s),
        );
        Ok(Self {
            parameters,
            volume: sum,
            signed: sum,
            trades: sum,
            usual_volume: moments,
            usual_trades: moments,
        })
    }
}

impl Detector for Burst {
    fn is_warm(&self) -> bool {
        self.usual_volume.count() >= self.parameters.min_samples
    }

    fn on_second(&mut self, second: &SecondSeen) -> Option<Finding> {
        let (now_ns, is_warm) = (second.end_ns.0, self.is_warm());
        self.volume.add(second.volume_lots, now_ns);
        self.signed.add(second.signed_lots, now_ns);
        self.trades.add(f64::from(second.trades), now_ns);
        let (volume, trades) = (self.volume.at(now_ns), self.trades.at(now_ns));
        let volume_ratio = volume / self.usual_volume.mean().max(1.0);
        let trade_ratio = trades / self.usual_trades.mean().max(1.0);
        self.usual_volume
            .learn_clipped(volume, self.parameters.min_samples, 1.0);
        self.usual_trades
            .learn_clipped(trades, self.parameters.min_samples, 1.0);
        if !is_warm || volume <= 0.0 {
            return None;
        }
        let one_sided = (self.signed.at(now_ns).abs() / volume).min(1.0);
        let strength = (volume_ratio / self.parameters.volume_ratio)
            .min(trade_ratio / self.parameters.trade_ratio)
            .min(one_sided / self.parameters.one_sided_share * MAX_STRENGTH_BY_SIDE);
        let is_one_sided = one_sided >= self.parameters.one_sided_share;
        (is_one_sided && strength >= MIN_STRENGTH).then(|| {
            Finding::new(
                Cause::TradeBurst,
                strength,
                [volume_ratio, trade_ratio, one_sided],
            )
        })
    }
}

/// One-sidedness is a condition, not a measure of strength: it ends at 1.
const MAX_STRENGTH_BY_SIDE: f64 = 10.0;
