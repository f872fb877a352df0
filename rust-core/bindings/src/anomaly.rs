//! `RobustZScore`.

use openoutcry_engine::anomaly::robust_z;
use pyo3::prelude::*;

use crate::error::Error;

/// Streaming robust z-score over a bounded window: (x - median) / (1.4826 · MAD).
#[pyclass(module = "openoutcry._core")]
#[derive(Debug)]
pub(crate) struct RobustZScore(robust_z::RobustZScore);

#[pymethods]
impl RobustZScore {
    #[new]
    #[pyo3(signature = (*, window = 120, threshold = 6.0, min_samples = 30))]
    fn new(window: usize, threshold: f64, min_samples: usize) -> Result<Self, Error> {
        Ok(Self(robust_z::RobustZScore::new(
            window,
            threshold,
            min_samples,
        )?))
    }

    /// Judge a value, then learn it: (score in [0, 1], z) if |z| exceeds the threshold, else None.
    fn update(&mut self, value: f64) -> Result<Option<(f64, f64)>, Error> {
        Ok(self
            .0
            .update(value)?
            .map(|outlier| (outlier.score, outlier.z)))
    }
}
