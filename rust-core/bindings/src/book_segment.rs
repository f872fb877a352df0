//! `BookPublisher`, `BookReader` and `clean_books`.

use std::path::PathBuf;
use std::time::Duration;

use openoutcry_engine::decode::Level;
use openoutcry_engine::features::book::DEPTH;
use openoutcry_engine::features::vector::FEATURES;
use openoutcry_engine::feed;
use openoutcry_engine::units::Side;
use openoutcry_shm::book::{
    self, BookDraft, Health, LastTrade, Outcome, Reading, Shape, Writer, field, flag,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::buffer::Numbers;
use crate::error::Error;
use crate::feed::MarketFeed;

/// Publishes one venue's books in shared memory, for any process of this user.
#[pyclass(module = "openoutcry._core")]
#[derive(Debug)]
pub(crate) struct BookPublisher(book::BookPublisher);

#[pymethods]
impl BookPublisher {
    /// How many features there are to publish.
    #[classattr]
    const FEATURES_MAX: usize = FEATURES.len();

    #[new]
    #[pyo3(signature = (*, folder = None, venue, instruments, depth = 20, features = FEATURES.len()))]
    #[allow(clippy::needless_pass_by_value)] // what Python gives is ours
    fn new(
        folder: Option<PathBuf>,
        venue: &str,
        instruments: Vec<String>,
        depth: usize,
        features: usize,
    ) -> Result<Self, Error> {
        let Some(published) = FEATURES.get(..features) else {
            let most = FEATURES.len();
            let text = format!("features must be in 0 to {most}, got {features}");
            return Err(Error::Value(text));
        };
        let names: Vec<String> = published
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let folder = folder.unwrap_or_else(book::default_folder);
        let made = book::BookPublisher::create(&folder, venue, &instruments, depth, &names)?;
        Ok(Self(made))
    }

    /// Publish an instrument's book, last trade, features and health, as the feed has them.
    fn publish(
        &mut self,
        symbol_index: usize,
        feed: &MarketFeed,
        now_ns: i64,
    ) -> Result<(), Error> {
        let fill = |draft: &mut BookDraft| fill(draft, feed.engine(), now_ns);
        Ok(self.0.publish(symbol_index, fill)?)
    }

    /// Say that the writer lives; False if its segment was taken away.
    fn beat(&self) -> Result<bool, Error> {
        Ok(self.0.beat_and_look()?)
    }

    /// Close the segment and remove it.
    fn close(&mut self) {
        self.0.close();
    }

    /// The segment's file.
    #[getter]
    fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

fn fill(draft: &mut BookDraft, feed: &feed::MarketFeed, now_ns: i64) {
    let received = feed.last_received();
    draft.set_health(&Health {
        is_valid: feed.book().is_some(),
        event_ns: feed.last_event_ns().0,
        depth_received_ns: received.depth.0,
        trade_received_ns: received.trade.0,
        published_ns: now_ns,
        last_update_id: feed.last_update_id(),
    });
    if let Some(trade) = feed.last_trade() {
        draft.set_trade(&LastTrade {
            id: trade.id,
            price_ticks: trade.price.0,
            size_lots: trade.size.0,
            trade_ns: trade.trade_ns.0,
            taker_bought: trade.taker == Side::Buy,
        });
    }
    match (feed.book(), feed.top_levels()) {
        (Some(_), Some(top)) if draft.depth() <= DEPTH => {
            draft.set_bids(top.bids.levels().map(pair));
            draft.set_asks(top.asks.levels().map(pair));
        }
        (Some(book), _) => {
            draft.set_bids(book.levels(Side::Buy).map(pair));
            draft.set_asks(book.levels(Side::Sell).map(pair));
        }
        (None, _) => {}
    }
    if draft.has_features() {
        let (features, _) = feed.feature_vector();
        draft.set_features(&features);
    }
}

fn pair(level: Level) -> (i64, i64) {
    (level.price.0, level.size.0)
}

/// Reads one venue's books from shared memory.
#[pyclass(module = "openoutcry._core")]
#[derive(Debug)]
pub(crate) struct BookReader {
    reader: book::BookReader,
    record: Vec<u64>,
    /// The record as Python has it.
    signed: Vec<i64>,
    publication: u64,
}

#[pymethods]
impl BookReader {
    // The words of a record.
    #[classattr]
    const FLAGS: usize = field::FLAGS;
    #[classattr]
    const EVENT_NS: usize = field::EVENT_NS;
    #[classattr]
    const DEPTH_RECEIVED_NS: usize = field::DEPTH_RECEIVED_NS;
    #[classattr]
    const TRADE_RECEIVED_NS: usize = field::TRADE_RECEIVED_NS;
    #[classattr]
    const PUBLISHED_NS: usize = field::PUBLISHED_NS;
    #[classattr]
    const LAST_UPDATE_ID: usize = field::LAST_UPDATE_ID;
    #[classattr]
    const TRADE_ID: usize = field::TRADE_ID;
    #[classattr]
    const TRADE_PRICE_TICKS: usize = field::TRADE_PRICE_TICKS;
    #[classattr]
    const TRADE_SIZE_LOTS: usize = field::TRADE_SIZE_LOTS;
    #[classattr]
    const TRADE_NS: usize = field::TRADE_NS;
    #[classattr]
    const BIDS: usize = field::BIDS;
    #[classattr]
    const ASKS: usize = field::ASKS;
    #[classattr]
    const LEVELS: usize = field::LEVELS;
    // The bits of the first.
    #[classattr]
    const VALID: u64 = flag::VALID;
    #[classattr]
    const TAKER_BOUGHT: u64 = flag::TAKER_BOUGHT;

    #[new]
    #[pyo3(signature = (*, folder = None, venue, heartbeat_timeout_ms = 1_000))]
    fn new(folder: Option<PathBuf>, venue: &str, heartbeat_timeout_ms: u64) -> Result<Self, Error> {
        let folder = folder.unwrap_or_else(book::default_folder);
        let timeout = Duration::from_millis(heartbeat_timeout_ms);
        let reader = book::BookReader::open(&folder, venue, timeout)?;
        Ok(Self {
            record: vec![0; reader.shape().record_words()],
            signed: vec![0; reader.shape().record_words()],
            reader,
            publication: 0,
        })
    }

    /// Copy an instrument's record into a writable int64 buffer of `record_words`.
    #[expect(clippy::needless_pass_by_value, reason = "Python gives a value")]
    fn read(
        &mut self,
        py: Python<'_>,
        symbol_index: usize,
        out: Numbers<i64>,
    ) -> PyResult<&'static str> {
        let (words, room) = (self.record.len(), out.item_count());
        if room != words {
            let text = format!("a record has {words} words, and out has room for {room}");
            return Err(Error::Value(text).into());
        }
        let outcome = self.read_record(symbol_index)?;
        if outcome.has_record() {
            for (signed, word) in self.signed.iter_mut().zip(&self.record) {
                *signed = *word as i64;
            }
            out.copy_from_slice(py, &self.signed)?;
        }
        Ok(outcome_name(outcome))
    }

    /// The same as a dict.
    fn read_dict<'py>(
        &mut self,
        py: Python<'py>,
        symbol_index: usize,
    ) -> PyResult<Bound<'py, PyDict>> {
        let outcome = self.read_record(symbol_index)?;
        let shown = PyDict::new(py);
        shown.set_item("status", outcome_name(outcome))?;
        if outcome.has_record() {
            self.show_head(&shown)?;
            self.show_levels(&shown)?;
        }
        Ok(shown)
    }

    /// Ask the kernel what has become of the writer.
    fn writer(&self) -> &'static str {
        match self.reader.writer() {
            Writer::Alive => "alive",
            Writer::Dead => "dead",
            Writer::Closed => "closed",
            Writer::Gone => "gone",
        }
    }

    /// The process that writes, or wrote.
    #[getter]
    fn writer_pid(&self) -> u64 {
        self.reader.writer_pid()
    }

    /// The segment's file.
    #[getter]
    fn path(&self) -> PathBuf {
        self.reader.path().to_owned()
    }

    /// The instruments by number.
    #[getter]
    fn instruments(&self) -> Vec<String> {
        self.reader.instruments()
    }

    /// The features' names.
    #[getter]
    fn features(&self) -> Vec<String> {
        self.reader.features()
    }

    /// Levels a side.
    #[getter]
    fn depth(&self) -> usize {
        self.shape().depth()
    }

    /// Length of a record.
    #[getter]
    fn record_words(&self) -> usize {
        self.record.len()
    }

    /// Where the bids begin.
    #[getter]
    fn bids_at(&self) -> usize {
        self.shape().bids_at()
    }

    /// Where the asks begin.
    #[getter]
    fn asks_at(&self) -> usize {
        self.shape().asks_at()
    }

    /// Where the features begin.
    #[getter]
    fn features_at(&self) -> usize {
        self.shape().features_at()
    }

    /// Number of the publication that was read last.
    #[getter]
    fn publication(&self) -> u64 {
        self.publication
    }
}

impl BookReader {
    fn shape(&self) -> Shape {
        self.reader.shape()
    }

    fn read_record(&mut self, symbol_index: usize) -> Result<Outcome, Error> {
        let Reading {
            outcome,
            publication,
        } = self.reader.read(symbol_index, &mut self.record)?;
        if outcome.has_record() {
            self.publication = publication;
        }
        Ok(outcome)
    }

    fn show_head(&self, shown: &Bound<'_, PyDict>) -> PyResult<()> {
        let word = |at: usize| self.record[at] as i64;
        let flags = self.record[field::FLAGS];
        shown.set_item("publication", self.publication)?;
        shown.set_item("is_valid", flags & flag::VALID != 0)?;
        for (name, at) in [
            ("event_ns", field::EVENT_NS),
            ("depth_received_ns", field::DEPTH_RECEIVED_NS),
            ("trade_received_ns", field::TRADE_RECEIVED_NS),
            ("published_ns", field::PUBLISHED_NS),
            ("last_update_id", field::LAST_UPDATE_ID),
        ] {
            shown.set_item(name, word(at))?;
        }
        let trade = (word(field::TRADE_ID) != 0).then(|| {
            let is_buy = flags & flag::TAKER_BOUGHT != 0;
            (
                word(field::TRADE_ID),
                word(field::TRADE_PRICE_TICKS),
                word(field::TRADE_SIZE_LOTS),
                if is_buy { "buy" } else { "sell" },
                word(field::TRADE_NS),
            )
        });
        shown.set_item("last_trade", trade)
    }

    fn show_levels(&self, shown: &Bound<'_, PyDict>) -> PyResult<()> {
        let shape = self.shape();
        for (name, at, count_at) in [
            ("bids", shape.bids_at(), field::BIDS),
            ("asks", shape.asks_at(), field::ASKS),
        ] {
            let count = usize::try_from(self.record[count_at]).unwrap_or(usize::MAX);
            let places = self.record[at..].chunks_exact(2);
            let levels: Vec<(i64, i64)> = places
                .take(count.min(shape.depth()))
                .map(|place| (place[0] as i64, place[1] as i64))
                .collect();
            shown.set_item(name, levels)?;
        }
        let features = PyDict::new(shown.py());
        let values = &self.record[shape.features_at()..];
        for (name, value) in self.reader.features().iter().zip(values) {
            features.set_item(name, f64::from_bits(*value))?;
        }
        shown.set_item("features", features)
    }
}

/// Remove the segments of a folder whose writers are dead; returns their paths.
#[pyfunction]
#[pyo3(signature = (folder = None))]
#[allow(clippy::needless_pass_by_value)] // what Python gives is ours
pub(crate) fn clean_books(folder: Option<PathBuf>) -> Result<Vec<PathBuf>, Error> {
    Ok(book::clean(&folder.unwrap_or_else(book::default_folder))?)
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Fresh => "fresh",
        Outcome::Empty => "empty",
        Outcome::Stalled => "stalled",
        Outcome::Dead => "dead",
        Outcome::Closed => "closed",
        Outcome::Busy => "busy",
        Outcome::Torn => "torn",
        Outcome::Gone => "gone",
    }
}
