//! `twap_schedule` and `vwap_schedule`.

use openoutcry_engine::slicing::{self, Parent, Schedule};
use openoutcry_engine::units::{SizeLots, TimestampNs};
use pyo3::prelude::*;

use crate::error::Error;

/// Equal slices over time as `(at_ns, lots)`.
#[pyfunction]
#[pyo3(signature = (*, total_lots, slices, start_ns, end_ns, min_lots = 1, jitter = 0.0, seed = 0))]
pub(crate) fn twap_schedule(
    total_lots: i64,
    slices: i64,
    start_ns: i64,
    end_ns: i64,
    min_lots: i64,
    jitter: f64,
    seed: u64,
) -> Result<Vec<(i64, i64)>, Error> {
    let parent = parent(total_lots, start_ns, end_ns, min_lots, jitter, seed);
    // A negative count is no count: as zero it is refused.
    Ok(pairs(&slicing::twap(
        &parent,
        usize::try_from(slices).unwrap_or(0),
    )?))
}

/// One slice a weight, in proportion to it, as `(at_ns, lots)`.
#[pyfunction]
#[pyo3(signature = (*, total_lots, weights, start_ns, end_ns, min_lots = 1, jitter = 0.0, seed = 0))]
#[expect(
    clippy::needless_pass_by_value,
    reason = "Python's list is copied into the vector"
)]
pub(crate) fn vwap_schedule(
    total_lots: i64,
    weights: Vec<f64>,
    start_ns: i64,
    end_ns: i64,
    min_lots: i64,
    jitter: f64,
    seed: u64,
) -> Result<Vec<(i64, i64)>, Error> {
    let parent = parent(total_lots, start_ns, end_ns, min_lots, jitter, seed);
    Ok(pairs(&slicing::vwap(&parent, &weights)?))
}

fn parent(
    total_lots: i64,
    start_ns: i64,
    end_ns: i64,
    min_lots: i64,
    jitter: f64,
    seed: u64,
) -> Parent {
    Parent {
        total: SizeLots(total_lots),
        start: TimestampNs(start_ns),
        end: TimestampNs(end_ns),
        min: SizeLots(min_lots),
        jitter,
        seed,
    }
}

fn pairs(schedule: &Schedule) -> Vec<(i64, i64)> {
    schedule
        .children()
        .iter()
        .map(|child| (child.at.0, child.size.0))
        .collect()
}

impl From<slicing::ScheduleError> for Error {
    fn from(error: slicing::ScheduleError) -> Self {
        Self::Order(error.to_string())
    }
}
