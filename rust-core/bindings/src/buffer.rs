//! Buffers of integers from Python.

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;

/// What the format of numbers in the other byte order begins with. `PyO3` 0.30 takes these for its own on a
/// little-endian machine, which would read other numbers than were written.
const SWAPPED: &[u8] = if cfg!(target_endian = "big") {
    b"<"
} else {
    b">!"
};

/// A buffer of int64 in the machine's byte order; None for anything else.
pub(crate) fn int64(array: &Bound<'_, PyAny>) -> Option<PyBuffer<i64>> {
    let buffer = PyBuffer::<i64>::get(array).ok()?;
    let order = buffer.format().to_bytes().first()?;
    (!SWAPPED.contains(order)).then_some(buffer)
}
