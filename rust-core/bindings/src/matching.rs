//! `SimulatedVenue`.

use openoutcry_engine::feed::{check_symbol, parse_product, parse_step};
use openoutcry_engine::matching::{self, NewOrder, OrderError, Report, TimeInForce};
use openoutcry_engine::units::{PriceTicks, Side, SizeLots, TimestampNs};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::Error;

/// An execution report in the contract's order.
type ReportTuple = (
    i64,
    &'static str,
    &'static str,
    i64,
    i64,
    i64,
    i64,
    i64,
    bool,
    i64,
);

/// Price-time matching of our orders against a replayed book and its trades.
#[pyclass(module = "openoutcry._core")]
#[derive(Debug)]
pub(crate) struct SimulatedVenue(matching::SimulatedVenue);

#[pymethods]
impl SimulatedVenue {
    #[new]
    #[pyo3(signature = (*, product, symbol, price_tick, size_step))]
    fn new(product: &str, symbol: &str, price_tick: &str, size_step: &str) -> Result<Self, Error> {
        check_symbol(symbol)?;
        let (tick, step) = (
            parse_step("price_tick", price_tick)?,
            parse_step("size_step", size_step)?,
        );
        Ok(Self(matching::SimulatedVenue::new(
            parse_product(product)?,
            symbol,
            tick,
            step,
        )))
    }

    /// Apply a recorded frame or snapshot line's JSON; returns the fills that it causes.
    fn apply(&mut self, frame: &[u8], received_ns: i64) -> Result<Vec<ReportTuple>, Error> {
        Ok(tuples(&self.0.apply(frame, TimestampNs(received_ns))?))
    }

    /// Match a new order; `price_ticks` None is a market order. The first report is NEW or REJECTED.
    #[pyo3(signature = (*, order_id, side, price_ticks, size_lots, time_in_force = "GTC", post_only = false, now_ns))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only in Python")]
    fn submit(
        &mut self,
        order_id: i64,
        side: &str,
        price_ticks: Option<i64>,
        size_lots: i64,
        time_in_force: &str,
        post_only: bool,
        now_ns: i64,
    ) -> Result<Vec<ReportTuple>, Error> {
        let order = NewOrder {
            id: order_id,
            side: parse_side(side)?,
            price: price_ticks.map(PriceTicks),
            size: SizeLots(size_lots),
            time_in_force: parse_time_in_force(time_in_force)?,
            post_only,
        };
        Ok(tuples(&self.0.submit(order, TimestampNs(now_ns))?))
    }

    /// Withdraw a resting order.
    fn cancel(&mut self, order_id: i64, now_ns: i64) -> Result<Vec<ReportTuple>, Error> {
        Ok(tuples(&self.0.cancel(order_id, TimestampNs(now_ns))?))
    }

    /// Lots ahead of a resting order at its level.
    fn queue_ahead(&self, order_id: i64) -> Result<i64, Error> {
        Ok(self.0.queue_ahead(order_id)?.0)
    }

    /// The book as the venue's REST depth reply (`lastUpdateId`, `bids`, `asks`).
    fn snapshot<'py>(&self, py: Python<'py>, depth: usize) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.snapshot(depth))
    }

    /// `(bid_ticks, bid_lots, ask_ticks, ask_lots)`, or None before the first snapshot.
    fn top(&self) -> Option<(i64, i64, i64, i64)> {
        self.0
            .top()
            .map(|(bid, ask)| (bid.price.0, bid.size.0, ask.price.0, ask.size.0))
    }

    /// The last update id of the recorded book; 0 while there is no valid one.
    #[getter]
    fn last_update_id(&self) -> i64 {
        self.0.last_update_id()
    }
}

impl From<OrderError> for Error {
    fn from(error: OrderError) -> Self {
        Self::Order(error.to_string())
    }
}

pub(crate) fn parse_side(name: &str) -> Result<Side, Error> {
    match name {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        _ => Err(Error::Order(format!("side is {name:?}; give buy or sell"))),
    }
}

pub(crate) fn parse_time_in_force(name: &str) -> Result<TimeInForce, Error> {
    let unknown = || Error::Order(format!("time_in_force is {name:?}; give GTC, IOC or FOK"));
    TimeInForce::parse(name).ok_or_else(unknown)
}

fn tuples(reports: &[Report]) -> Vec<ReportTuple> {
    let tuple = |report: &Report| {
        (
            report.order_id,
            report.kind.as_str(),
            report.side.as_str(),
            report.price.0,
            report.last.0,
            report.filled.0,
            report.leaves.0,
            report.trade_id,
            report.is_maker,
            report.at.0,
        )
    };
    reports.iter().map(tuple).collect()
}
