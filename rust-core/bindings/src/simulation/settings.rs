//! An instrument's settings out of Python's arguments.

use openoutcry_engine::simulation::account::Contract;
use openoutcry_engine::simulation::fees::{FeeAsset, FeeRates, FeeSchedule, FeeTier};
use openoutcry_engine::simulation::impact::{DEFAULT_EXPONENT, SquareRootImpact};
use openoutcry_engine::simulation::{
    Account, AccountError, FillMode, InstrumentSettings, LatencyRow, OrderLatency, QueueModel,
    SimulationError, VenueRules,
};
use openoutcry_engine::units::{Step, TimestampNs};
use pyo3::prelude::*;

use crate::error::Error;
use crate::rows::for_each_chunk;

/// One atom: the smallest amount that is counted.
const ATOM: &str = "0.00000001";

/// The smallest differences of price and size, exactly and as floats.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    tick_atoms: i64,
    lot_atoms: i64,
    pub(super) tick: f64,
    pub(super) lot: f64,
}

impl Grid {
    pub(super) fn parse(price_tick: &str, size_step: &str) -> Result<Self, Error> {
        let (tick_atoms, tick) = parse("price_tick", price_tick)?;
        let (lot_atoms, lot) = parse("size_step", size_step)?;
        Ok(Self {
            tick_atoms,
            lot_atoms,
            tick,
            lot,
        })
    }
}

fn parse(name: &str, text: &str) -> Result<(i64, f64), Error> {
    let counted = Step::parse(ATOM).and_then(|atom| atom.count(text.as_bytes()));
    match (counted, text.parse::<f64>()) {
        (Ok(atoms), Ok(number)) if atoms > 0 => Ok((atoms, number)),
        _ => Err(Error::Value(format!(
            "{name} is {text:?}; give a positive decimal of at most 8 decimals, such as \"0.01\""
        ))),
    }
}

/// What `add_instrument` is given.
pub(super) struct InstrumentArguments<'a> {
    pub(super) grid: Grid,
    pub(super) fill_mode: &'a str,
    pub(super) queue: (&'a str, Option<f64>),
    pub(super) latency: (i64, i64),
    pub(super) p99: (Option<i64>, Option<i64>),
    pub(super) rates: (i64, i64),
    /// `(from_atoms, maker, taker)`, above `rates`.
    pub(super) fee_tiers: Vec<(i128, i64, i64)>,
    pub(super) is_inverse: bool,
    pub(super) impact_coefficient: Option<f64>,
    pub(super) halts: Vec<(i64, i64)>,
    pub(super) reject_probability: f64,
    pub(super) max_resting_orders: usize,
    pub(super) by_order: bool,
    pub(super) window_ticks: usize,
}

impl InstrumentArguments<'_> {
    /// Recorded, drawn or constant.
    pub(super) fn latency(
        &self,
        recorded: Option<&Bound<'_, PyAny>>,
        seed: u64,
    ) -> PyResult<OrderLatency> {
        let (entry_ns, response_ns) = self.latency;
        let latency = match (recorded, self.p99) {
            (Some(recorded), (None, None)) if self.latency == (0, 0) => {
                OrderLatency::recorded(&copied(recorded)?)
            }
            (None, (Some(entry_p99_ns), Some(response_p99_ns))) => OrderLatency::lognormal(
                (entry_ns, entry_p99_ns),
                (response_ns, response_p99_ns),
                seed,
            ),
            (None, (None, None)) => OrderLatency::constant(entry_ns, response_ns),
            _ => {
                let what = "latencies are given in more than one way; give latencies alone, or entry_ns and response_ns, with both entry_p99_ns and response_p99_ns or neither";
                return Err(Error::Value(what.to_owned()).into());
            }
        };
        Ok(latency.map_err(Error::from)?)
    }

    pub(super) fn settings(self, latency: OrderLatency) -> Result<InstrumentSettings, Error> {
        let fill_mode = match self.fill_mode {
            "whole" => FillMode::Whole,
            "partial" => FillMode::Partial,
            other => {
                let what = format!("fill_mode is {other:?}; use partial or whole");
                return Err(Error::Value(what));
            }
        };
        let account = self.account().map_err(SimulationError::from)?;
        let law = |coefficient| SquareRootImpact::new(coefficient, DEFAULT_EXPONENT);
        let impact = self.impact_coefficient.map(law).transpose();
        let window = |(from, until)| (TimestampNs(from), TimestampNs(until));
        Ok(InstrumentSettings {
            rules: VenueRules {
                fill_mode,
                queue_model: QueueModel::parse(self.queue.0, self.queue.1)?,
                halts: self.halts.into_iter().map(window).collect(),
                reject_probability: self.reject_probability,
                max_resting_orders: self.max_resting_orders,
                impact: impact.map_err(|error| Error::Value(error.to_string()))?,
            },
            latency,
            account,
            lot: self.grid.lot,
            is_by_order: self.by_order,
            window_ticks: self.window_ticks,
        })
    }

    fn account(&self) -> Result<Account, AccountError> {
        let Grid {
            tick_atoms,
            lot_atoms,
            ..
        } = self.grid;
        let contract = if self.is_inverse {
            Contract::inverse(tick_atoms, lot_atoms)?
        } else {
            Contract::linear(tick_atoms, lot_atoms)?
        };
        let tier = |(from_atoms, maker, taker)| FeeTier {
            from_atoms,
            rates: FeeRates { maker, taker },
        };
        let first = std::iter::once((0, self.rates.0, self.rates.1));
        let tiers = first.chain(self.fee_tiers.iter().copied()).map(tier);
        let fees = FeeSchedule::tiered(tiers.collect(), FeeAsset::Settlement)?;
        Account::new(contract, fees, 0)
    }
}

fn copied(recorded: &Bound<'_, PyAny>) -> PyResult<Vec<LatencyRow>> {
    let mut rows = Vec::new();
    for_each_chunk(recorded, |_, chunk: &[LatencyRow]| {
        rows.extend_from_slice(chunk);
        Ok(())
    })?;
    Ok(rows)
}
