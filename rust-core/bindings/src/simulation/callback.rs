//! Calls of Python at each quote. An argument that is as it was last time is the same object again.

use openoutcry_engine::simulation::Touch;
use pyo3::prelude::*;
use pyo3::types::PyInt;

#[derive(Debug)]
struct Number<'py> {
    value: i64,
    object: Bound<'py, PyInt>,
}

impl<'py> Number<'py> {
    fn new(py: Python<'py>) -> Self {
        Self {
            value: 0,
            object: PyInt::new(py, 0_i64),
        }
    }

    #[inline]
    fn of(&mut self, value: i64) -> Bound<'py, PyInt> {
        if value != self.value {
            self.object = PyInt::new(self.object.py(), value);
            self.value = value;
        }
        self.object.clone()
    }
}

/// A function that is called with `now_ns, bid_ticks, bid_lots, ask_ticks, ask_lots`.
#[derive(Debug)]
pub(super) struct QuoteCallback<'a, 'py> {
    function: &'a Bound<'py, PyAny>,
    numbers: [Number<'py>; 4],
}

impl<'a, 'py> QuoteCallback<'a, 'py> {
    pub(super) fn new(function: &'a Bound<'py, PyAny>) -> Self {
        let py = function.py();
        Self {
            function,
            numbers: std::array::from_fn(|_| Number::new(py)),
        }
    }

    #[inline]
    pub(super) fn call(&mut self, now_ns: i64, touch: &Touch) -> PyResult<()> {
        let [bid, bid_lots, ask, ask_lots] = &mut self.numbers;
        self.function.call1((
            now_ns,
            bid.of(touch.bid_ticks),
            bid_lots.of(touch.bid_lots),
            ask.of(touch.ask_ticks),
            ask_lots.of(touch.ask_lots),
        ))?;
        Ok(())
    }
}
