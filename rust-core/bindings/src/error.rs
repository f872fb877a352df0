//! The one mapping of the core's errors to Python's.

use openoutcry_engine::anomaly::DetectorError;
use openoutcry_engine::book::l3::{BatchError, BatchProblem, L3Error};
use openoutcry_engine::candle::CandleRuleError;
use openoutcry_engine::decode::DecodeError as FrameError;
use openoutcry_engine::feed::{FeedError, SettingsError};
use openoutcry_shm::book::SegmentError;
use openoutcry_shm::halt::{FileError, Refusal};
use pyo3::exceptions::{PyException, PyFileNotFoundError, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};
use pyo3::{PyTypeInfo, create_exception, import_exception};

create_exception!(
    openoutcry._core,
    CoreError,
    PyException,
    "Base of the core's errors."
);
create_exception!(
    openoutcry._core,
    BookError,
    CoreError,
    "A book that cannot be trusted: a sequence gap, a crossed state, a snapshot older than the stream."
);

// A halt is the same error wherever it is noticed: the domain's, which is below the core.
import_exception!(openoutcry.domain.errors, HaltedError);

/// `DecodeError` and `OrderError` are a `CoreError` and a `ValueError` both, which `create_exception!` cannot
/// say; Python's own `type` makes them.
static DECODE_ERROR: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static ORDER_ERROR: PyOnceLock<Py<PyType>> = PyOnceLock::new();

const DECODE_ERROR_DOC: &str =
    "A frame that is not what its venue sends: truncated, malformed, out of range or off the grid.";
const ORDER_ERROR_DOC: &str = "An order or a schedule that cannot be made: zero or negative size, off the grid, unknown order.";

/// An error on its way to Python.
#[derive(Debug)]
pub(crate) enum Error {
    /// `BookError`: the book and what it is told do not agree.
    Book(String),
    /// `CoreError`: the core cannot go on.
    Core(String),
    /// `DecodeError`: malformed data.
    Decode(String),
    /// `FileNotFoundError`: a file that is not there.
    Absent(String),
    /// `HaltedError`: nothing may be sent.
    Halted(String),
    /// `OrderError`: an order or a schedule that cannot be made.
    Order(String),
    /// `OSError`: a file that cannot be used.
    Os(String),
    /// `ValueError`: a bad setting.
    Value(String),
}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        Python::attach(|py| match error {
            Error::Absent(message) => PyFileNotFoundError::new_err(message),
            Error::Book(message) => BookError::new_err(message),
            Error::Core(message) => CoreError::new_err(message),
            Error::Halted(message) => HaltedError::new_err(message),
            Error::Os(message) => PyOSError::new_err(message),
            Error::Value(message) => PyValueError::new_err(message),
            Error::Decode(message) => raise(decode_error(py), message),
            Error::Order(message) => raise(order_error(py), message),
        })
    }
}

impl From<FrameError> for Error {
    fn from(error: FrameError) -> Self {
        Self::Decode(error.to_string())
    }
}

impl From<FeedError> for Error {
    fn from(error: FeedError) -> Self {
        let message = error.to_string();
        match error {
            FeedError::Decode(_) => Self::Decode(message),
            FeedError::Tape(_) => Self::Core(message),
            FeedError::Line { source, .. } => match Self::from(*source) {
                Self::Core(_) => Self::Core(message),
                _ => Self::Decode(message),
            },
        }
    }
}

impl From<L3Error> for Error {
    fn from(error: L3Error) -> Self {
        Self::of_book(error, error.to_string())
    }
}

impl From<BatchError> for Error {
    fn from(error: BatchError) -> Self {
        let message = error.to_string();
        match error.problem {
            BatchProblem::Book(problem) => Self::of_book(problem, message),
            BatchProblem::Decode(_) | BatchProblem::OffGrid(_) => Self::Decode(message),
            BatchProblem::Row(_) => Self::Order(message),
        }
    }
}

impl Error {
    /// What no book would take is a bad order; the rest is the book's disagreement with what it is told.
    fn of_book(error: L3Error, message: String) -> Self {
        match error {
            L3Error::Size(_) | L3Error::Price(_) | L3Error::ReservedId(_) => Self::Order(message),
            _ => Self::Book(message),
        }
    }
}

impl From<SettingsError> for Error {
    fn from(error: SettingsError) -> Self {
        Self::Value(error.to_string())
    }
}

impl From<CandleRuleError> for Error {
    fn from(error: CandleRuleError) -> Self {
        Self::Value(error.to_string())
    }
}

impl From<DetectorError> for Error {
    fn from(error: DetectorError) -> Self {
        Self::Value(error.to_string())
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Halted(refusal.to_string())
    }
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        Self::Os(error.to_string())
    }
}

impl From<SegmentError> for Error {
    fn from(error: SegmentError) -> Self {
        let message = error.to_string();
        match error {
            SegmentError::Setting(_) => Self::Value(message),
            SegmentError::Absent(_) => Self::Absent(message),
            SegmentError::Forked => Self::Core(message),
            SegmentError::Taken { .. } | SegmentError::File(_) => Self::Os(message),
        }
    }
}

/// Adds the errors that are not declared to the module.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("DecodeError", decode_error(module.py())?)?;
    module.add("OrderError", order_error(module.py())?)
}

fn decode_error(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    value_error_type(py, &DECODE_ERROR, "DecodeError", DECODE_ERROR_DOC)
}

fn order_error(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    value_error_type(py, &ORDER_ERROR, "OrderError", ORDER_ERROR_DOC)
}

fn value_error_type<'py>(
    py: Python<'py>,
    cell: &PyOnceLock<Py<PyType>>,
    name: &str,
    doc: &str,
) -> PyResult<Bound<'py, PyType>> {
    let class = cell.get_or_try_init(py, || -> PyResult<Py<PyType>> {
        let bases = (CoreError::type_object(py), PyValueError::type_object(py));
        let namespace = PyDict::new(py);
        namespace.set_item("__module__", "openoutcry._core")?;
        namespace.set_item("__doc__", doc)?;
        Ok(py
            .get_type::<PyType>()
            .call1((name, bases, namespace))?
            .cast_into::<PyType>()?
            .unbind())
    })?;
    Ok(class.bind(py).clone())
}

fn raise(class: PyResult<Bound<'_, PyType>>, message: String) -> PyErr {
    match class {
        Ok(class) => PyErr::from_type(class, message),
        Err(error) => error,
    }
}
