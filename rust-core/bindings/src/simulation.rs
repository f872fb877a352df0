//! `Simulator`.

mod callback;
mod settings;
mod streams;
mod tuples;

use openoutcry_engine::features::vector::FEATURES;
use openoutcry_engine::simulation::market_maker::{
    AvellanedaStoikov, QuoteGrid, Quoter, SkewedQuoter,
};
use openoutcry_engine::simulation::{
    AccountError, OrderRequest, Quote, Quotes, Simulation, SimulationError, Step, Touch, Wake,
    Watch, reason,
};
use openoutcry_engine::units::{PriceTicks, SizeLots};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict};

use crate::error::Error;
use crate::matching::{parse_side, parse_time_in_force};
use callback::QuoteCallback;
use settings::{Grid, InstrumentArguments};
use streams::Chunks;
use tuples::{
    CandleTuple, FillTuple, OrderTuple, ReportTuple, WakeTuple, candle_tuple, fill_tuple,
    order_tuple, report_tuple,
};

/// Backtests over recorded events: two books, orders with latency, queues, fills.
#[pyclass(module = "openoutcry._core")]
#[derive(Debug)]
pub(crate) struct Simulator {
    simulation: Simulation,
    instruments: Vec<Instrument>,
}

#[derive(Debug)]
struct Instrument {
    grid: Grid,
    /// None while rows are pulled, and before `add_stream`.
    chunks: Option<Chunks>,
    has_stream: bool,
    watch: Watch,
}

#[pymethods]
impl Simulator {
    #[new]
    #[pyo3(signature = (*, seed = 0))]
    fn new(seed: u64) -> Self {
        Self {
            simulation: Simulation::new(seed),
            instruments: Vec::new(),
        }
    }

    /// Add an instrument; returns its number.
    #[pyo3(signature = (*, price_tick, size_step, fill_mode = "partial", queue_model = "risk-averse",
        queue_exponent = None, entry_ns = 0, response_ns = 0, entry_p99_ns = None, response_p99_ns = None,
        latencies = None, maker_rate = 0, taker_rate = 0, fee_tiers = Vec::new(),
        is_inverse = false, impact_coefficient = None, halts = Vec::new(), reject_probability = 0.0,
        max_resting_orders = 200, by_order = false, window_ticks = 4096))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only in Python")]
    fn add_instrument(
        &mut self,
        price_tick: &str,
        size_step: &str,
        fill_mode: &str,
        queue_model: &str,
        queue_exponent: Option<f64>,
        entry_ns: i64,
        response_ns: i64,
        entry_p99_ns: Option<i64>,
        response_p99_ns: Option<i64>,
        latencies: Option<&Bound<'_, PyAny>>,
        maker_rate: i64,
        taker_rate: i64,
        fee_tiers: Vec<(i128, i64, i64)>,
        is_inverse: bool,
        impact_coefficient: Option<f64>,
        halts: Vec<(i64, i64)>,
        reject_probability: f64,
        max_resting_orders: usize,
        by_order: bool,
        window_ticks: usize,
    ) -> PyResult<usize> {
        let seed = self.instruments.len() as u64;
        let arguments = InstrumentArguments {
            grid: Grid::parse(price_tick, size_step)?,
            fill_mode,
            queue: (queue_model, queue_exponent),
            latency: (entry_ns, response_ns),
            p99: (entry_p99_ns, response_p99_ns),
            rates: (maker_rate, taker_rate),
            fee_tiers,
            is_inverse,
            impact_coefficient,
            halts,
            reject_probability,
            max_resting_orders,
            by_order,
            window_ticks,
        };
        let grid = arguments.grid;
        let latency = arguments.latency(latencies, seed)?;
        let settings = arguments.settings(latency)?;
        let number = self
            .simulation
            .add_instrument(settings)
            .map_err(Error::from)?;
        self.instruments.push(Instrument {
            grid,
            chunks: None,
            has_stream: false,
            watch: Watch::default(),
        });
        Ok(number)
    }

    /// Give an instrument its history: an iterable of int64 arrays, pulled when the run needs the next.
    #[pyo3(signature = (instrument, chunks, *, feed_latency_ns = 0))]
    fn add_stream(
        &mut self,
        instrument: usize,
        chunks: &Bound<'_, PyAny>,
        feed_latency_ns: i64,
    ) -> PyResult<()> {
        let known = self.instrument_mut(instrument)?;
        if known.has_stream {
            let what = format!("instrument {instrument} has a stream; merge its histories by time");
            return Err(Error::Value(what).into());
        }
        known.chunks = Some(Chunks::new(chunks, feed_latency_ns)?);
        known.has_stream = true;
        Ok(())
    }

    /// Wait for these things of an instrument, and for no others any more.
    #[pyo3(signature = (instrument, *, reports = false, touch = false, spread_ticks = None,
        crossing_ticks = None, candle_interval_ns = None, features = false))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only in Python")]
    fn subscribe(
        &mut self,
        instrument: usize,
        reports: bool,
        touch: bool,
        spread_ticks: Option<i64>,
        crossing_ticks: Option<i64>,
        candle_interval_ns: Option<i64>,
        features: bool,
    ) -> PyResult<()> {
        self.instrument_mut(instrument)?;
        if features {
            self.simulation
                .watch_features(instrument)
                .map_err(Error::from)?;
        }
        if let Some(interval_ns) = candle_interval_ns {
            self.simulation
                .watch_candles(instrument, interval_ns)
                .map_err(Error::from)?;
        }
        self.watch(
            instrument,
            Watch::new(reports, touch, spread_ticks, crossing_ticks),
        )?;
        Ok(())
    }

    /// Wake every so many nanoseconds, first that long after the first event.
    fn every(&mut self, every_ns: i64) -> Result<(), Error> {
        Ok(self.simulation.every(every_ns)?)
    }

    /// Wake once at a moment.
    fn wake_at(&mut self, at_ns: i64) -> Result<(), Error> {
        Ok(self.simulation.wake_at(at_ns)?)
    }

    /// Go on to the next wake, `(now_ns, reasons, instrument)`; None at the end.
    fn advance(slf: &Bound<'_, Self>) -> PyResult<Option<WakeTuple>> {
        let wake = Self::next_wake(slf)?;
        Ok(wake.map(|wake| (wake.now_ns, wake.reasons, wake.instrument)))
    }

    /// Call `on_wake(now_ns, reasons, instrument)` at each wake to the end; returns how many there were.
    fn run(slf: &Bound<'_, Self>, on_wake: &Bound<'_, PyAny>) -> PyResult<u64> {
        let mut wakes = 0;
        while let Some(wake) = Self::next_wake(slf)? {
            wakes += 1;
            on_wake.call1((wake.now_ns, wake.reasons, wake.instrument))?;
        }
        Ok(wakes)
    }

    /// Call `on_quote(now_ns, bid_ticks, bid_lots, ask_ticks, ask_lots)` at each change of an instrument's touch.
    #[pyo3(signature = (on_quote, *, instrument = 0))]
    fn run_quotes(
        slf: &Bound<'_, Self>,
        on_quote: &Bound<'_, PyAny>,
        instrument: usize,
    ) -> PyResult<u64> {
        {
            let mut simulator = slf.borrow_mut();
            let mut watch = simulator.instrument_mut(instrument)?.watch;
            watch.is_touch = true;
            simulator.watch(instrument, watch)?;
        }
        let mut quotes = 0;
        let mut callback = QuoteCallback::new(on_quote);
        while let Some((now_ns, touch)) = Self::next_touch(slf, instrument)? {
            quotes += 1;
            callback.call(now_ns, &touch)?;
        }
        Ok(quotes)
    }

    /// Let the core quote around the mid, skewed against the position; returns its decisions.
    #[pyo3(signature = (instrument = 0, *, size_lots, max_position_lots, skew, half_spread_ticks,
        until_ns = i64::MAX))]
    fn run_market_maker(
        slf: &Bound<'_, Self>,
        instrument: usize,
        size_lots: i64,
        max_position_lots: i64,
        skew: f64,
        half_spread_ticks: f64,
        until_ns: i64,
    ) -> PyResult<(u64, bool)> {
        let grid = Self::quote_grid(slf, instrument, size_lots, max_position_lots)?;
        for (name, number) in [("skew", skew), ("half_spread_ticks", half_spread_ticks)] {
            if !(number >= 0.0 && number.is_finite()) {
                return Err(
                    Error::Value(format!("{name} is {number}; it must be 0 or more")).into(),
                );
            }
        }
        let mut quoter = SkewedQuoter {
            grid,
            skew,
            half_spread_ticks,
        };
        Self::run_quoter(slf, instrument, &mut quoter, until_ns)
    }

    /// Let the core quote after Avellaneda and Stoikov; returns its decisions.
    #[pyo3(signature = (instrument = 0, *, size_lots, max_position_lots, risk_aversion, arrival_decay,
        horizon_ns, end_ns = None, window = 100, until_ns = i64::MAX))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only in Python")]
    fn run_avellaneda_stoikov(
        slf: &Bound<'_, Self>,
        instrument: usize,
        size_lots: i64,
        max_position_lots: i64,
        risk_aversion: f64,
        arrival_decay: f64,
        horizon_ns: i64,
        end_ns: Option<i64>,
        window: usize,
        until_ns: i64,
    ) -> PyResult<(u64, bool)> {
        let grid = Self::quote_grid(slf, instrument, size_lots, max_position_lots)?;
        let time = (horizon_ns, end_ns);
        let mut quoter = AvellanedaStoikov::new(grid, risk_aversion, arrival_decay, time, window)
            .map_err(Error::from)?;
        Self::run_quoter(slf, instrument, &mut quoter, until_ns)
    }

    /// Send an order; returns its number.
    #[pyo3(signature = (instrument, side, price_ticks, size_lots, time_in_force = "GTC", post_only = false))]
    fn submit(
        &mut self,
        instrument: usize,
        side: &str,
        price_ticks: Option<i64>,
        size_lots: i64,
        time_in_force: &str,
        post_only: bool,
    ) -> Result<i64, Error> {
        let order = OrderRequest {
            side: parse_side(side)?,
            price: price_ticks.map(PriceTicks),
            size: SizeLots(size_lots),
            time_in_force: parse_time_in_force(time_in_force)?,
            post_only,
        };
        Ok(self.simulation.submit(instrument, order)?)
    }

    /// Ask to withdraw an order.
    fn cancel(&mut self, instrument: usize, order_id: i64) -> Result<(), Error> {
        Ok(self.simulation.cancel(instrument, order_id)?)
    }

    /// Make what rests match two quotes.
    fn set_quotes(
        &mut self,
        instrument: usize,
        bid_ticks: i64,
        bid_lots: i64,
        ask_ticks: i64,
        ask_lots: i64,
    ) -> Result<(), Error> {
        let quote = |price_ticks, size_lots| Quote {
            price_ticks,
            size_lots,
        };
        let quotes = Quotes {
            bid: quote(bid_ticks, bid_lots),
            ask: quote(ask_ticks, ask_lots),
        };
        Ok(self.simulation.set_quotes(instrument, &quotes)?)
    }

    /// `(bid_ticks, bid_lots, ask_ticks, ask_lots)` as the trader sees it; None if a side is empty.
    fn touch(&self, instrument: usize) -> Result<Option<(i64, i64, i64, i64)>, Error> {
        let touch = self.simulation.touch(instrument)?;
        Ok(touch.map(|touch| {
            (
                touch.bid_ticks,
                touch.bid_lots,
                touch.ask_ticks,
                touch.ask_lots,
            )
        }))
    }

    /// The best levels of a side as the trader sees them, `(price_ticks, size_lots)`.
    fn levels(
        &self,
        instrument: usize,
        side: &str,
        depth: usize,
    ) -> Result<Vec<(i64, i64)>, Error> {
        let levels = self.simulation.levels(instrument, parse_side(side)?)?;
        Ok(levels
            .take(depth)
            .map(|level| (level.price.0, level.size.0))
            .collect())
    }

    /// Lots held; below zero is short.
    fn position_lots(&self, instrument: usize) -> Result<i64, Error> {
        Ok(self.simulation.account(instrument)?.position_lots())
    }

    /// `(cash_atoms, fees_atoms, position_lots, fills)`.
    fn account(&self, instrument: usize) -> Result<(i128, i128, i64, u64), Error> {
        let totals = self.simulation.account(instrument)?.totals();
        Ok((
            totals.cash_atoms,
            totals.fees_atoms - totals.rebates_atoms,
            totals.position_lots,
            totals.fills,
        ))
    }

    /// Open orders, oldest first.
    fn orders(&self, instrument: usize) -> Result<Vec<OrderTuple>, Error> {
        Ok(self
            .simulation
            .orders(instrument)?
            .iter()
            .map(order_tuple)
            .collect())
    }

    /// Take the fills heard of since the last time.
    fn fills(&mut self, instrument: usize) -> Result<Vec<FillTuple>, Error> {
        let fills = self.simulation.take_fills(instrument)?;
        Ok(fills.iter().map(fill_tuple).collect())
    }

    /// Take the reports since the last time, if they are subscribed.
    fn reports(&mut self, instrument: usize) -> Result<Vec<ReportTuple>, Error> {
        let reports = self.simulation.take_reports(instrument)?;
        Ok(reports.iter().map(report_tuple).collect())
    }

    /// All features as of the newest event seen, by name, NaN where unknown; empty if not subscribed.
    fn features<'py>(
        &mut self,
        py: Python<'py>,
        instrument: usize,
    ) -> PyResult<Bound<'py, PyDict>> {
        let values = self.simulation.features(instrument).map_err(Error::from)?;
        let names = FEATURES.into_iter().map(|(name, _)| name);
        names.zip(values.into_iter().flatten()).into_py_dict(py)
    }

    /// Take the candles closed since the last time, if they are subscribed.
    fn candles(&mut self, instrument: usize) -> Result<Vec<CandleTuple>, Error> {
        let candles = self.simulation.take_candles(instrument)?;
        Ok(candles.iter().map(candle_tuple).collect())
    }

    /// The lots before an order of ours at the venue; None if it does not rest.
    fn queue_ahead(&self, instrument: usize, order_id: i64) -> Result<Option<f64>, Error> {
        Ok(self.simulation.queue_ahead(instrument, order_id)?)
    }

    /// `(rows, misfits)`: rows read, and order events that did not fit the book.
    fn counters(&self, instrument: usize) -> Result<(u64, u64), Error> {
        Ok(self.simulation.rows(instrument)?)
    }

    /// The market's time; None before the first wake.
    #[getter]
    fn now_ns(&self) -> Option<i64> {
        self.simulation.now_ns()
    }
}

impl Simulator {
    fn instrument_mut(&mut self, instrument: usize) -> Result<&mut Instrument, Error> {
        let known = self.instruments.get_mut(instrument);
        known.ok_or_else(|| SimulationError::NoInstrument(instrument).into())
    }

    fn watch(&mut self, instrument: usize, watch: Watch) -> Result<(), Error> {
        self.simulation.watch(instrument, watch)?;
        self.instrument_mut(instrument)?.watch = watch;
        Ok(())
    }

    /// Borrowed step by step, so that what is called between the steps may use the simulator.
    fn next_wake(slf: &Bound<'_, Self>) -> PyResult<Option<Wake>> {
        loop {
            let step = slf.borrow_mut().simulation.advance().map_err(Error::from)?;
            match step {
                Step::Wake(wake) => return Ok(Some(wake)),
                Step::NeedRows(instrument) => Self::feed(slf, instrument)?,
                Step::End => return Ok(None),
            }
        }
    }

    /// To the next change of an instrument's touch that leaves it two sides.
    fn next_touch(slf: &Bound<'_, Self>, instrument: usize) -> PyResult<Option<(i64, Touch)>> {
        loop {
            let mut simulator = slf.borrow_mut();
            match simulator.simulation.advance().map_err(Error::from)? {
                Step::Wake(wake) => {
                    if wake.reasons & reason::TOUCH == 0 || wake.instrument != instrument {
                        continue;
                    }
                    let touch = simulator.simulation.touch(instrument);
                    if let Some(touch) = touch.map_err(Error::from)? {
                        return Ok(Some((wake.now_ns, touch)));
                    }
                }
                Step::NeedRows(starved) => {
                    drop(simulator);
                    Self::feed(slf, starved)?;
                }
                Step::End => return Ok(None),
            }
        }
    }

    fn run_quoter(
        slf: &Bound<'_, Self>,
        instrument: usize,
        quoter: &mut (dyn Quoter + Send),
        until_ns: i64,
    ) -> PyResult<(u64, bool)> {
        let py = slf.py();
        let mut decisions = 0;
        loop {
            let step = {
                let mut simulator = slf.borrow_mut();
                let simulation = &mut simulator.simulation;
                py.detach(|| simulation.run_quoter(instrument, quoter, until_ns, &mut decisions))
            };
            match step.map_err(Error::from)? {
                Step::NeedRows(starved) => Self::feed(slf, starved)?,
                Step::Wake(_) => return Ok((decisions, false)),
                Step::End => return Ok((decisions, true)),
            }
        }
    }

    /// Pulls an instrument's next rows. The simulator is not borrowed meanwhile: an iterator may use it.
    fn feed(slf: &Bound<'_, Self>, instrument: usize) -> PyResult<()> {
        slf.py().check_signals()?;
        let chunks = slf.borrow_mut().instrument_mut(instrument)?.chunks.take();
        let Some(mut chunks) = chunks else {
            let mut simulator = slf.borrow_mut();
            if simulator.instrument_mut(instrument)?.has_stream {
                let what = "a stream's iterator called the simulator's run; pull rows without it";
                return Err(Error::Core(what.to_owned()).into());
            }
            return Ok(simulator
                .simulation
                .end_rows(instrument)
                .map_err(Error::from)?);
        };
        let rows = chunks.next(slf.py());
        let mut simulator = slf.borrow_mut();
        let fed = rows.and_then(|has_rows| {
            if has_rows {
                return chunks.push_to(&mut simulator.simulation, instrument);
            }
            Ok(simulator
                .simulation
                .end_rows(instrument)
                .map_err(Error::from)?)
        });
        simulator.instrument_mut(instrument)?.chunks = Some(chunks);
        fed
    }

    fn quote_grid(
        slf: &Bound<'_, Self>,
        instrument: usize,
        size_lots: i64,
        max_position_lots: i64,
    ) -> PyResult<QuoteGrid> {
        for (name, lots) in [
            ("size_lots", size_lots),
            ("max_position_lots", max_position_lots),
        ] {
            if lots < 1 {
                return Err(Error::Value(format!("{name} is {lots}; it must be 1 or more")).into());
            }
        }
        let grid = slf.borrow_mut().instrument_mut(instrument)?.grid;
        Ok(QuoteGrid {
            tick: grid.tick,
            lot: grid.lot,
            size_lots,
            max_position_lots,
        })
    }
}

impl From<SimulationError> for Error {
    fn from(error: SimulationError) -> Self {
        let message = error.to_string();
        match error {
            SimulationError::Order(_) | SimulationError::NotOpen(_) => Self::Order(message),
            SimulationError::Account(AccountError::Overflow(_))
            | SimulationError::FillsNotTaken
            | SimulationError::Candle(_)
            | SimulationError::Begun(_)
            | SimulationError::NotBegun => Self::Core(message),
            SimulationError::Setting { .. }
            | SimulationError::Account(_)
            | SimulationError::NoInstrument(_)
            | SimulationError::CandleRule(_)
            | SimulationError::Features(_) => Self::Value(message),
        }
    }
}
