//! `HaltFlag`.

use std::path::PathBuf;

use openoutcry_shm::halt;
use pyo3::prelude::*;

use crate::error::Error;

/// A halt flag in shared memory, beside the durable record it stands for.
#[pyclass(frozen, module = "openoutcry._core")]
#[derive(Debug)]
pub(crate) struct HaltFlag(halt::HaltFlag);

#[pymethods]
impl HaltFlag {
    #[new]
    #[pyo3(signature = (*, flag, record))]
    #[allow(clippy::needless_pass_by_value)] // what Python gives is ours
    fn new(flag: PathBuf, record: PathBuf) -> Self {
        Self(halt::HaltFlag::open(&flag, &record))
    }

    /// Anything but proved to be clear.
    fn is_armed(&self) -> bool {
        self.0.permit().is_err()
    }

    /// Raises `HaltedError` unless an order may leave now.
    fn permit(&self) -> Result<(), Error> {
        Ok(self.0.permit()?)
    }

    /// Sets the flag.
    fn arm(&self, at_ns: u64) {
        self.0.arm(at_ns);
    }

    /// Clears the flag, unless it was armed anew since `seen`.
    fn clear(&self, seen: u64) -> Result<bool, Error> {
        Ok(self.0.clear(seen)?)
    }

    /// The generation in force.
    fn generation(&self) -> Result<u64, Error> {
        Ok(self.0.generation()?)
    }

    /// When it was armed last.
    fn armed_at_ns(&self) -> Result<u64, Error> {
        Ok(self.0.armed_at_ns()?)
    }
}
