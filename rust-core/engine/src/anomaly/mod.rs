//! Anomaly detectors: each judges a stream of values one by one, in bounded memory.

pub mod returns;
pub mod robust_z;

use crate::units::TimestampNs;

/// An anomaly: who saw it, how strong it is, and the evidence in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Venue time of what was judged.
    pub event_ns: TimestampNs,
    /// The detector's name.
    pub detector: &'static str,
    /// Strength in [0, 1].
    pub score: f64,
    /// What was seen.
    pub evidence: String,
}
