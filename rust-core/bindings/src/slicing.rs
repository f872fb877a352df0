//! `twap_schedule` and `vwap_schedule`.

use openoutcry_engine::slicing::{self, Child, Parent};
use openoutcry_engine::units::{SizeLots, TimestampNs};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::error::Error;

/// Equal slices over time as `(at_ns, lots)`.
#[pyfunction]
#[pyo3(signature = (*, total_lots, slices, start_ns, end_ns, min_lots = 1, jitter = 0.0, seed = 0, rows = None))]
#[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
pub(crate) fn twap_schedule(
    py: Python<'_>,
    total_lots: i64,
    slices: i64,
    start_ns: i64,
    end_ns: i64,
    min_lots: i64,
    jitter: f64,
    seed: u64,
    rows: Option<PyBuffer<i64>>,
) -> PyResult<Slices> {
    let parent = parent(total_lots, start_ns, end_ns, min_lots, jitter, seed);
    // A negative count is no count: as zero it is refused.
    let slices = usize::try_from(slices).unwrap_or(0);
    let schedule = slicing::twap(&parent, slices).map_err(Error::from)?;
    Slices::new(py, schedule.children(), slices, rows)
}

/// One slice a weight, in proportion to it, as `(at_ns, lots)`.
#[pyfunction]
#[pyo3(signature = (*, total_lots, weights, start_ns, end_ns, min_lots = 1, jitter = 0.0, seed = 0, rows = None))]
#[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
pub(crate) fn vwap_schedule(
    py: Python<'_>,
    total_lots: i64,
    weights: Weights,
    start_ns: i64,
    end_ns: i64,
    min_lots: i64,
    jitter: f64,
    seed: u64,
    rows: Option<PyBuffer<i64>>,
) -> PyResult<Slices> {
    let parent = parent(total_lots, start_ns, end_ns, min_lots, jitter, seed);
    let Weights(weights) = weights;
    let schedule = slicing::vwap(&parent, &weights).map_err(Error::from)?;
    Slices::new(py, schedule.children(), weights.len(), rows)
}

/// A list's numbers, or a float64 buffer's, which costs no Python object a number.
pub(crate) struct Weights(Vec<f64>);

impl<'py> FromPyObject<'_, 'py> for Weights {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        // A list first: asking it for a buffer costs an exception.
        if !object.is_instance_of::<PyList>()
            && let Ok(buffer) = PyBuffer::<f64>::get(&object)
        {
            return Ok(Self(buffer.to_vec(object.py())?));
        }
        Ok(Self(object.extract()?))
    }
}

/// The slices as Python's objects, or their number if they were written into the caller's rows.
#[derive(IntoPyObject)]
pub(crate) enum Slices {
    Listed(Vec<(i64, i64)>),
    Written(usize),
}

impl Slices {
    fn new(
        py: Python<'_>,
        children: &[Child],
        slots: usize,
        rows: Option<PyBuffer<i64>>,
    ) -> PyResult<Self> {
        let Some(rows) = rows else {
            let pair = |child: &Child| (child.at.0, child.size.0);
            return Ok(Self::Listed(children.iter().map(pair).collect()));
        };
        if rows.shape() != [slots, 2] {
            return Err(PyValueError::new_err(format!(
                "rows are of shape {:?}; give ({slots}, 2)",
                rows.shape()
            )));
        }
        let mut flat = Vec::with_capacity(rows.item_count());
        for child in children {
            flat.extend([child.at.0, child.size.0]);
        }
        flat.resize(rows.item_count(), 0);
        rows.copy_from_slice(py, &flat)?;
        Ok(Self::Written(children.len()))
    }
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

impl From<slicing::ScheduleError> for Error {
    fn from(error: slicing::ScheduleError) -> Self {
        Self::Order(error.to_string())
    }
}
