//! The compiled module `openoutcry._core`: conversions between Python and the engine, and nothing else.

mod anomaly;
mod book;
mod book_segment;
mod buffer;
mod error;
mod feed;
mod halt;
mod history;
mod l3;
mod matching;
mod rows;
mod simulation;
mod slicing;
mod synthetic;

#[pyo3::pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::anomaly::{AnomalyPanel, RobustZScore, SeriesPanel};
    #[pymodule_export]
    use super::book::L2Book;
    #[pymodule_export]
    use super::book_segment::{BookPublisher, BookReader, clean_books};
    #[pymodule_export]
    use super::error::{BookError, CoreError};
    #[pymodule_export]
    use super::feed::MarketFeed;
    #[pymodule_export]
    use super::halt::HaltFlag;
    #[pymodule_export]
    use super::history::{HistoryDecoder, LobsterHistory};
    #[pymodule_export]
    use super::l3::L3Book;
    #[pymodule_export]
    use super::matching::SimulatedVenue;
    #[pymodule_export]
    use super::simulation::Simulator;
    #[pymodule_export]
    use super::slicing::{twap_schedule, vwap_schedule};
    #[pymodule_export]
    use super::synthetic::SyntheticMarket;

    #[pymodule_export]
    const BUILD_PROFILE: &str = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::error::add_to(module)
    }
}
