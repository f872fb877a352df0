//! The statistics of the seconds: outliers, drifts and changes in volume, flow and returns.
//!
//! None of these is an alarm by itself: a market's volume drifts all day. They support the detectors that look
//! for one pattern each. All run once a second of trading, and so does the change-point detector, whose update
//! costs more than all others together.

use super::change_point::{ChangePoint, ChangePointParameters};
use super::cusum::{Cusum, DriftParameters, PageHinkley};
use super::ewma_z::{EwmaParameters, EwmaZ};
use super::observation::{Detector, SecondSeen};
use super::{DetectorError, Finding};

/// The detectors of the seconds.
#[derive(Debug, Clone)]
pub struct Regime {
    volume: EwmaZ,
    flow: Cusum,
    activity: PageHinkley,
    returns: ChangePoint,
}

impl Regime {
    /// Detectors that have seen nothing, with the parameters that these have by default.
    ///
    /// # Errors
    /// None with these parameters.
    pub fn new() -> Result<Self, DetectorError> {
        Ok(Self {
            volume: EwmaZ::new(EwmaParameters::default())?,
            flow: Cusum::new(DriftParameters::default())?,
            activity: PageHinkley::new(DriftParameters::default())?,
            returns: ChangePoint::new(ChangePointParameters::default())?,
        })
    }
}

impl Detector for Regime {
    fn is_warm(&self) -> bool {
        self.volume.is_warm() && self.flow.is_warm() && self.returns.is_warm()
    }

    fn on_second(&mut self, second: &SecondSeen) -> Option<Finding> {
        let net_share = second.signed_lots / second.volume_lots.max(1.0);
        let findings = [
            self.volume.update(second.volume_lots.ln_1p()),
            self.flow.update(net_share),
            self.activity.update(f64::from(second.trades).ln_1p()),
            self.returns.update(second.return_bp()),
        ];
        findings.into_iter().flatten().reduce(Finding::stronger)
    }
}
