//! `SyntheticMarket`.

use openoutcry_engine::synthetic::{self, DEFAULT_DURATION_NS, DEFAULT_START, MarketError};
use openoutcry_engine::units::TimestampNs;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::Error;

/// A seeded market in the spot wire format, its order flow calibrated on recorded BTC/USDT.
#[pyclass(module = "openoutcry._core")]
#[derive(Debug)]
pub(crate) struct SyntheticMarket(synthetic::SyntheticMarket);

#[pymethods]
impl SyntheticMarket {
    #[new]
    #[pyo3(signature = (*, seed, symbol = "BTCUSDT", start_ns = DEFAULT_START.0, duration_ns = DEFAULT_DURATION_NS))]
    fn new(seed: u64, symbol: &str, start_ns: i64, duration_ns: i64) -> Result<Self, Error> {
        Ok(Self(synthetic::SyntheticMarket::new(
            seed,
            symbol,
            TimestampNs(start_ns),
            duration_ns,
        )?))
    }

    /// The next lines `<received_ns> <json>`; an empty list at the end.
    fn next_lines<'py>(&mut self, py: Python<'py>, count: usize) -> Vec<Bound<'py, PyBytes>> {
        let lines = std::iter::from_fn(|| self.0.next_line()).take(count);
        lines.map(|line| PyBytes::new(py, &line)).collect()
    }
}

impl From<MarketError> for Error {
    fn from(error: MarketError) -> Self {
        Self::Value(error.to_string())
    }
}
