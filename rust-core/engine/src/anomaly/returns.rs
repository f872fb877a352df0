//! Watches the log returns of one-second bars of trades with a robust z-score.

use super::Alert;
use super::robust_z::{DetectorError, Outlier, RobustZScore};
use crate::units::{NS_PER_S, PriceTicks, TimestampNs};

/// Returns needed before the first judgement.
const MIN_SAMPLES: usize = 30;
/// The detector's name in its alerts.
const NAME: &str = "return_robust_z";
/// Moves up to one tick are the bounce between bid and ask, not an anomaly, however quiet it was before.
const MAX_BOUNCE_TICKS: u64 = 1;
/// The least deviation assumed, one basis point. In a quiet spot market trades bounce between two prices a
/// cent apart and the MAD all but vanishes (0.002 bp measured on BTCUSDT); every real move would be an anomaly.
const MIN_SCALE: f64 = 1.0 / BASIS_POINTS;
const BASIS_POINTS: f64 = 10_000.0;

/// Judges the return of each second in which there was a trade, once the next such second begins.
#[derive(Debug, Clone)]
pub struct ReturnDetector {
    returns: RobustZScore,
    bar: Option<Bar>,
    previous_close: Option<PriceTicks>,
}

#[derive(Debug, Clone, Copy)]
struct Bar {
    second: i64,
    close: PriceTicks,
}

impl ReturnDetector {
    /// A detector over the last `window` returns.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(window: usize, threshold: f64) -> Result<Self, DetectorError> {
        let returns = RobustZScore::new(window, threshold, MIN_SAMPLES.min(window))?
            .with_min_scale(MIN_SCALE);
        Ok(Self {
            returns,
            bar: None,
            previous_close: None,
        })
    }

    /// Takes a trade; times must not go back. An alert is stamped with the end of the second it judges.
    pub fn on_trade(&mut self, price: PriceTicks, trade_ns: TimestampNs) -> Option<Alert> {
        let bar = Bar {
            second: trade_ns.0.div_euclid(NS_PER_S),
            close: price,
        };
        let closed = self
            .bar
            .replace(bar)
            .filter(|closed| closed.second < bar.second)?;
        let previous = self.previous_close.replace(closed.close)?;
        let log_return = (closed.close.0 as f64 / previous.0 as f64).ln();
        // A price is positive, so its return is finite; were it not, the window stays as it was.
        let outlier = self.returns.update(log_return).ok().flatten()?;
        let is_bounce = closed.close.0.abs_diff(previous.0) <= MAX_BOUNCE_TICKS;
        (!is_bounce).then(|| alert(closed, log_return, outlier))
    }
}

fn alert(bar: Bar, log_return: f64, outlier: Outlier) -> Alert {
    Alert {
        event_ns: TimestampNs(bar.second.saturating_add(1).saturating_mul(NS_PER_S)),
        detector: NAME,
        score: outlier.score,
        evidence: format!(
            "1 s return {:+.2} bp lies {:+.1} robust deviations from the median",
            log_return * BASIS_POINTS,
            outlier.z
        ),
    }
}
