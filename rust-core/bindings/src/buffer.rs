//! Buffers of numbers from Python.

use std::any::type_name;
use std::ops::Deref;

use pyo3::buffer::{Element, PyBuffer};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// What the format of numbers in the other byte order begins with. `PyO3` 0.30 takes these for its own on a
/// little-endian machine, which would read other numbers than were written.
const SWAPPED: &[u8] = if cfg!(target_endian = "big") {
    b"<"
} else {
    b">!"
};

/// A buffer of numbers in the machine's byte order.
#[derive(Debug)]
pub(crate) struct Numbers<T: Element>(PyBuffer<T>);

impl<T: Element> Numbers<T> {
    /// None for anything else.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> Option<Self> {
        let buffer = PyBuffer::get(object).ok()?;
        let order = buffer.format().to_bytes().first()?;
        (!SWAPPED.contains(order)).then_some(Self(buffer))
    }
}

impl<T: Element> Deref for Numbers<T> {
    type Target = PyBuffer<T>;

    fn deref(&self) -> &PyBuffer<T> {
        &self.0
    }
}

impl<'py, T: Element> FromPyObject<'_, 'py> for Numbers<T> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Self::of(&object).ok_or_else(|| {
            let number = type_name::<T>().replace('i', "int").replace('f', "float");
            let what = format!("a buffer of {number} in the machine's byte order is needed");
            PyTypeError::new_err(what)
        })
    }
}
