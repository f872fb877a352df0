//! Rows of integers out of any buffer of Python's.
//!
//! A buffer's memory is Python's to write to at any moment, so it is never borrowed: rows are copied a few at a
//! time into a place that stays in the cache, which costs a nanosecond or two a row.

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::{PyMemoryView, PySlice};

use crate::buffer::Numbers;
use crate::error::Error;

/// 24 KiB of the widest rows: half of a first-level cache, which the book needs too.
const CHUNK_ROWS: usize = 512;

/// Calls `visit` with the rows in order, some at a time and with the number of those before.
pub(crate) fn for_each_chunk<const COLUMNS: usize>(
    rows: &Bound<'_, PyAny>,
    mut visit: impl FnMut(usize, &[[i64; COLUMNS]]) -> Result<(), Error>,
) -> PyResult<()> {
    let py = rows.py();
    let count = check::<COLUMNS>(&rows.extract::<Numbers<i64>>()?)?;
    let view = PyMemoryView::from(rows)?;
    let mut copied = vec![0; CHUNK_ROWS.min(count) * COLUMNS];
    for begin in (0..count).step_by(CHUNK_ROWS) {
        let end = count.min(begin + CHUNK_ROWS);
        let chunk = view.get_item(PySlice::new(py, begin as isize, end as isize, 1))?;
        let copied = &mut copied[..(end - begin) * COLUMNS];
        PyBuffer::<i64>::get(&chunk)?.copy_to_slice(py, copied)?;
        visit(begin, copied.as_chunks().0)?;
    }
    Ok(())
}

/// The number of rows.
fn check<const COLUMNS: usize>(buffer: &Numbers<i64>) -> Result<usize, Error> {
    match buffer.shape() {
        [count, columns] if *columns == COLUMNS && buffer.is_c_contiguous() => Ok(*count),
        shape => Err(Error::Value(format!(
            "rows must be a C-contiguous int64 buffer of n by {COLUMNS}, not of shape {shape:?}"
        ))),
    }
}
