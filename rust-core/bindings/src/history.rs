//! `HistoryDecoder` and `LobsterHistory`.

use openoutcry_engine::decode::order::UnitsPerTick;
use openoutcry_engine::feed::{parse_step, parse_venue};
use openoutcry_engine::history;
use openoutcry_engine::history::Row;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyBytes, PyDict};

use crate::error::Error;

const BYTES: usize = size_of::<i64>();

/// Turns recorded lines of one instrument into rows of history.
#[pyclass(module = "openoutcry._core")]
#[derive(Debug)]
pub(crate) struct HistoryDecoder(history::HistoryDecoder);

#[pymethods]
impl HistoryDecoder {
    #[new]
    #[pyo3(signature = (*, venue = "binance", product = "spot", symbol, price_tick, size_step, depth = None))]
    fn new(
        venue: &str,
        product: &str,
        symbol: String,
        price_tick: &str,
        size_step: &str,
        depth: Option<usize>,
    ) -> Result<Self, Error> {
        let instrument = history::Instrument {
            venue: parse_venue(venue, product)?,
            symbol,
            price_tick: parse_step("price_tick", price_tick)?,
            size_step: parse_step("size_step", size_step)?,
            depth,
        };
        Ok(Self(history::HistoryDecoder::new(&instrument)))
    }

    /// Decode whole lines `<received_ns> <json>` with the interpreter released.
    fn decode_lines<'py>(
        &mut self,
        py: Python<'py>,
        lines: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let decoder = &mut self.0;
        let rows = py
            .detach(|| decoder.decode_lines(lines))
            .map_err(Error::from)?;
        row_bytes(py, rows)
    }

    /// Join the REST reply that some venues' books begin with.
    fn decode_snapshot<'py>(
        &mut self,
        py: Python<'py>,
        body: &[u8],
        received_ns: i64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let rows = self.0.decode_snapshot(body, received_ns);
        row_bytes(py, rows.map_err(Error::from)?)
    }

    /// What happened so far, by name.
    #[getter]
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = self.0.counts();
        [
            ("waiting", counts.waiting),
            ("stale", counts.stale),
            ("breaks", counts.breaks),
            ("snapshots", counts.snapshots),
            ("missing_trades", counts.missing_trades),
            ("late", counts.late),
            ("latest_ns", counts.latest_ns.unsigned_abs()),
        ]
        .into_py_dict(py)
    }
}

/// Turns LOBSTER's message lines into rows of history by order.
#[pyclass(module = "openoutcry._core")]
#[derive(Debug)]
pub(crate) struct LobsterHistory(history::LobsterHistory);

#[pymethods]
impl LobsterHistory {
    #[new]
    #[pyo3(signature = (*, midnight_ns, units_per_tick = 100))]
    fn new(midnight_ns: i64, units_per_tick: u32) -> Result<Self, Error> {
        let units = UnitsPerTick::new(units_per_tick)
            .ok_or_else(|| Error::Value("units_per_tick must be positive".to_owned()))?;
        Ok(Self(history::LobsterHistory::new(midnight_ns, units)))
    }

    /// Decode whole lines, and those of the book file if there is one, with the interpreter released.
    #[pyo3(signature = (lines, book_lines = None))]
    fn decode_lines<'py>(
        &mut self,
        py: Python<'py>,
        lines: &[u8],
        book_lines: Option<&[u8]>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let history = &mut self.0;
        let rows = py
            .detach(|| match book_lines {
                None => history.decode_lines(lines),
                Some(book_lines) => history.decode_lines_with_book(lines, book_lines),
            })
            .map_err(Error::from)?;
        row_bytes(py, rows)
    }

    /// What happened so far, by name.
    #[getter]
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = self.0.counts();
        [
            ("lines", counts.lines),
            ("unknown", counts.unknown),
            ("stale", counts.stale),
            ("off_grid", counts.off_grid),
            ("appeared", counts.appeared),
            ("left", counts.left),
        ]
        .into_py_dict(py)
    }
}

/// Rows as bytes of int64 in the machine's order.
fn row_bytes<'py>(py: Python<'py>, rows: &[Row]) -> PyResult<Bound<'py, PyBytes>> {
    let values = rows.as_flattened();
    PyBytes::new_with(py, values.len() * BYTES, |out| {
        let (places, _) = out.as_chunks_mut::<BYTES>();
        for (place, value) in places.iter_mut().zip(values) {
            *place = value.to_ne_bytes();
        }
        Ok(())
    })
}
