//! Watches the log returns of one-second bars of trades with a robust z-score.

use super::cause::Cause;
use super::observation::{Detector, SecondSeen};
use super::robust_z::RobustZScore;
use super::{DetectorError, Finding, MIN_STRENGTH};

/// Returns needed before the first judgement.
const MIN_SAMPLES: usize = 30;
/// Moves up to one tick are the bounce between bid and ask, not an anomaly, however quiet it was before.
const MAX_BOUNCE_TICKS: u64 = 1;
/// The least deviation assumed, one basis point. In a quiet spot market trades bounce between two prices a
/// cent apart and the MAD all but vanishes (0.002 bp measured on BTCUSDT); every real move would be an anomaly.
const MIN_SCALE_BP: f64 = 1.0;

/// Judges the return of each second in which there was a trade, once the next such second begins.
#[derive(Debug, Clone)]
pub struct ReturnDetector {
    returns: RobustZScore,
}

impl ReturnDetector {
    /// A detector over the last `window` returns, for which `threshold` robust deviations are an anomaly.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(window: usize, threshold: f64) -> Result<Self, DetectorError> {
        let returns = RobustZScore::new(window, threshold, MIN_SAMPLES.min(window))?
            .with_min_scale(MIN_SCALE_BP);
        Ok(Self { returns })
    }
}

impl Detector for ReturnDetector {
    fn is_warm(&self) -> bool {
        self.returns.is_warm()
    }

    fn on_second(&mut self, second: &SecondSeen) -> Option<Finding> {
        let return_bp = second.return_bp();
        let position = self.returns.place(return_bp).ok().flatten()?;
        let move_ticks = second.close.0.abs_diff(second.previous_close.0);
        let strength = position.z.abs() / self.returns.threshold();
        (move_ticks > MAX_BOUNCE_TICKS && strength >= MIN_STRENGTH).then(|| {
            let evidence = [return_bp, position.z, move_ticks as f64];
            Finding::new(Cause::ReturnOutlier, strength, evidence)
        })
    }
}
