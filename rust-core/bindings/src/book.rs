//! `L2Book`.

use openoutcry_engine::book::l2::{self, MAX_WINDOW_TICKS};
use openoutcry_engine::book::rows::{Row, TouchRow, check_row, check_rows};
use openoutcry_engine::decode::Level;
use openoutcry_engine::units::Side;
use pyo3::prelude::*;

use crate::buffer::Numbers;
use crate::error::Error;
use crate::feed::{LevelTuple, level_tuples};

const ROW_LENGTH: usize = size_of::<Row>() / size_of::<i64>();
const TOUCH_LENGTH: usize = size_of::<TouchRow>() / size_of::<i64>();

/// From so many rows on, about 100 µs of work, the interpreter is released.
const DETACHED_ROWS: usize = 10_000;

/// A touch: the bid's ticks and lots, and the ask's.
type TouchTuple = (i64, i64, i64, i64);

/// Both sides of a book by price level.
#[pyclass(module = "openoutcry._core")]
#[derive(Debug)]
pub(crate) struct L2Book(l2::L2Book);

#[pymethods]
#[expect(
    clippy::doc_markdown,
    reason = "these are the docstrings that Python shows"
)]
impl L2Book {
    #[new]
    #[pyo3(signature = (*, window_ticks = 16384, depth = None))]
    fn new(window_ticks: usize, depth: Option<usize>) -> Result<Self, Error> {
        check_window(window_ticks)?;
        if depth == Some(0) {
            return Err(Error::Value("depth is 0; it must be 1 or more".into()));
        }
        let depth = depth.unwrap_or(usize::MAX);
        Ok(Self(l2::L2Book::with_depth(window_ticks, depth)))
    }

    /// Set the size at a price, zero to delete the level; returns what stood there.
    fn set(&mut self, side: i64, price_ticks: i64, size_lots: i64) -> Result<i64, Error> {
        self.put([side, price_ticks, size_lots])
    }

    /// As `set`; returns the touch after it.
    fn set_top(
        &mut self,
        side: i64,
        price_ticks: i64,
        size_lots: i64,
    ) -> Result<TouchTuple, Error> {
        self.put([side, price_ticks, size_lots])?;
        Ok(self.0.touch_row().into())
    }

    /// Apply rows (side, price_ticks, size_lots) as one update; returns how many.
    #[pyo3(signature = (rows, top = None))]
    fn apply(
        &mut self,
        py: Python<'_>,
        rows: &Bound<'_, PyAny>,
        top: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<usize> {
        // Python may write to its buffer at any moment: what was checked is a copy, and so is what is applied.
        let cells = matrix(rows, "rows", ROW_LENGTH)?.to_vec(py)?;
        let rows = cells.as_chunks::<ROW_LENGTH>().0;
        let touches = top.map(|top| touch_matrix(top, rows.len())).transpose()?;
        let book = &mut self.0;
        let told = if rows.len() < DETACHED_ROWS {
            apply_rows(book, rows, touches.is_some())
        } else {
            py.detach(|| apply_rows(book, rows, touches.is_some()))
        }?;
        if let Some(touches) = touches {
            touches.copy_from_slice(py, told.as_flattened())?;
        }
        Ok(rows.len())
    }

    /// The best bid and ask, or None if a side is empty.
    fn top(&self) -> Option<TouchTuple> {
        let (bid, ask) = self.0.top()?;
        Some((bid.price.0, bid.size.0, ask.price.0, ask.size.0))
    }

    /// Best `depth` levels a side as (ticks, lots): bids downwards, asks upwards.
    fn levels(&self, depth: usize) -> (Vec<LevelTuple>, Vec<LevelTuple>) {
        let side = |side| level_tuples(&self.0, side, depth);
        (side(Side::Buy), side(Side::Sell))
    }

    /// Forget every level.
    fn clear(&mut self) {
        self.0.clear();
    }

    /// The best bid is at or above the best ask, which no real book is.
    #[getter]
    fn is_crossed(&self) -> bool {
        self.0.is_crossed()
    }

    fn __len__(&self) -> usize {
        self.0.len(Side::Buy) + self.0.len(Side::Sell)
    }
}

impl L2Book {
    #[inline]
    fn put(&mut self, row: Row) -> Result<i64, Error> {
        let (side, level): (Side, Level) =
            check_row(row).map_err(|reason| Error::Value(reason.to_string()))?;
        let previous = self.0.set(side, level);
        self.0.truncate();
        Ok(previous.0)
    }
}

/// Refuses a window that would be clamped.
pub(crate) fn check_window(window_ticks: usize) -> Result<(), Error> {
    if (1..=MAX_WINDOW_TICKS).contains(&window_ticks) {
        return Ok(());
    }
    let what = format!("window_ticks is {window_ticks}; it must be 1 to {MAX_WINDOW_TICKS}");
    Err(Error::Value(what))
}

/// Applies rows, or none of them if one is wrong; returns the touches after each if they are wanted.
fn apply_rows(
    book: &mut l2::L2Book,
    rows: &[Row],
    are_touches_wanted: bool,
) -> Result<Vec<TouchRow>, Error> {
    let reason = |(index, reason)| Error::Value(format!("row {index}: {reason}"));
    check_rows(rows).map_err(reason)?;
    if !are_touches_wanted {
        book.apply_rows(rows, |_| {});
        return Ok(Vec::new());
    }
    let mut touches = Vec::with_capacity(rows.len());
    book.apply_rows(rows, |touch| touches.push(touch));
    Ok(touches)
}

/// A C-contiguous matrix of int64 with so many columns.
fn matrix(array: &Bound<'_, PyAny>, name: &str, columns: usize) -> Result<Numbers<i64>, Error> {
    let refusal = |found: &str| {
        let wanted = format!("a C-contiguous int64 array of shape (n, {columns})");
        Error::Value(format!("{name} must be {wanted}; it {found}"))
    };
    let buffer = Numbers::of(array).ok_or_else(|| refusal("is no buffer of int64"))?;
    match buffer.shape() {
        [_, found] if *found == columns && buffer.is_c_contiguous() => Ok(buffer),
        [_, found] if *found == columns => Err(refusal("is not contiguous")),
        shape => Err(refusal(&format!("has the shape {shape:?}"))),
    }
}

/// The matrix that takes the touches of `rows` rows.
fn touch_matrix(array: &Bound<'_, PyAny>, rows: usize) -> Result<Numbers<i64>, Error> {
    let buffer = matrix(array, "top", TOUCH_LENGTH)?;
    let found = buffer.item_count() / TOUCH_LENGTH;
    if found != rows {
        return Err(Error::Value(format!(
            "top has {found} rows; rows has {rows}"
        )));
    }
    if buffer.readonly() {
        return Err(Error::Value("top is read-only".into()));
    }
    Ok(buffer)
}
