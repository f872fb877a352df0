//! An instrument's history out of Python: arrays from an iterator, copied a few rows at a time.

use openoutcry_engine::simulation::Simulation;
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyMemoryView, PySlice};

use crate::buffer::Numbers;
use crate::error::Error;

/// 48 KiB of rows: they stay in the cache until both sides have read them.
const CHUNK_ROWS: usize = 1_024;
const ROW_COLUMNS: usize = 6;
const QUOTE_COLUMNS: usize = 5;

/// The array that is being read.
#[derive(Debug)]
struct Current {
    view: Py<PyMemoryView>,
    rows: usize,
    columns: usize,
    at: usize,
}

#[derive(Debug)]
pub(super) struct Chunks {
    arrays: Py<PyIterator>,
    current: Option<Current>,
    feed_latency_ns: i64,
    copied: Vec<i64>,
    columns: usize,
}

impl Chunks {
    pub(super) fn new(arrays: &Bound<'_, PyAny>, feed_latency_ns: i64) -> PyResult<Self> {
        if !(0..=openoutcry_engine::simulation::MAX_LATENCY_NS).contains(&feed_latency_ns) {
            let what = format!("feed_latency_ns is {feed_latency_ns}; it must be 0 to an hour");
            return Err(Error::Value(what).into());
        }
        Ok(Self {
            arrays: arrays.try_iter()?.unbind(),
            current: None,
            feed_latency_ns,
            copied: Vec::new(),
            columns: ROW_COLUMNS,
        })
    }

    /// Copies the next rows; false if there are none.
    pub(super) fn next(&mut self, py: Python<'_>) -> PyResult<bool> {
        loop {
            if let Some(current) = &mut self.current {
                let end = current.rows.min(current.at + CHUNK_ROWS);
                if end > current.at {
                    let slice = PySlice::new(py, current.at as isize, end as isize, 1);
                    let rows = current.view.bind(py).get_item(slice)?;
                    self.copied.resize((end - current.at) * current.columns, 0);
                    PyBuffer::<i64>::get(&rows)?.copy_to_slice(py, &mut self.copied)?;
                    self.columns = current.columns;
                    current.at = end;
                    return Ok(true);
                }
            }
            self.current = None;
            match self.arrays.bind(py).clone().next() {
                Some(array) => self.current = Some(Current::new(&array?)?),
                None => return Ok(false),
            }
        }
    }

    pub(super) fn push_to(&self, simulation: &mut Simulation, instrument: usize) -> PyResult<()> {
        let pushed = if self.columns == QUOTE_COLUMNS {
            let quotes = self.copied.as_chunks().0;
            simulation.push_quotes(instrument, quotes, self.feed_latency_ns)
        } else {
            simulation.push_rows(instrument, self.copied.as_chunks().0)
        };
        let error = |error| Error::Decode(format!("instrument {instrument}, {error}"));
        Ok(pushed.map_err(error)?)
    }
}

impl Current {
    fn new(array: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer: Numbers<i64> = array.extract()?;
        let (rows, columns) = match buffer.shape() {
            [rows, columns @ (ROW_COLUMNS | QUOTE_COLUMNS)] if buffer.is_c_contiguous() => {
                (*rows, *columns)
            }
            shape => {
                return Err(Error::Value(format!(
                    "a stream's arrays must be C-contiguous int64, n by {ROW_COLUMNS} for rows or n by {QUOTE_COLUMNS} for quotes, not of shape {shape:?}; see numpy.ascontiguousarray"
                ))
                .into());
            }
        };
        Ok(Self {
            view: PyMemoryView::from(array)?.unbind(),
            rows,
            columns,
            at: 0,
        })
    }
}
