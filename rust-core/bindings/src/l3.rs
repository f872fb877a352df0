//! `L3Book`.

use openoutcry_engine::book::l3::{self, LobsterOptions};
use openoutcry_engine::decode::Level;
use openoutcry_engine::decode::order::{OrderId, UnitsPerTick};
use openoutcry_engine::units::{PriceTicks, Side, SizeLots};
use pyo3::prelude::*;

use crate::book::check_window;
use crate::error::Error;
use crate::matching::parse_side;
use crate::rows::for_each_chunk;

/// A level as (ticks, lots).
type LevelTuple = (i64, i64);
/// An order as (id, side, ticks, lots).
type OrderTuple = (u64, &'static str, i64, i64);

/// The book by order: every resting order in its place in the queue of its price.
#[pyclass(module = "openoutcry._core")]
#[derive(Debug)]
pub(crate) struct L3Book {
    book: l3::L3Book,
    units_per_tick: UnitsPerTick,
}

#[pymethods]
#[expect(
    clippy::doc_markdown,
    reason = "these are the docstrings that Python shows"
)]
impl L3Book {
    #[new]
    #[pyo3(signature = (*, window_ticks = 16384, units_per_tick = 1))]
    fn new(window_ticks: usize, units_per_tick: u32) -> Result<Self, Error> {
        check_window(window_ticks)?;
        let units_per_tick = UnitsPerTick::new(units_per_tick)
            .ok_or_else(|| Error::Value("units_per_tick must be positive".to_owned()))?;
        Ok(Self {
            book: l3::L3Book::new(window_ticks),
            units_per_tick,
        })
    }

    /// Apply rows of six integers; returns how many.
    fn apply(&mut self, rows: &Bound<'_, PyAny>) -> PyResult<usize> {
        let mut count = 0;
        for_each_chunk(rows, |before, rows| {
            let applied = self.book.apply_rows(rows);
            count += applied.map_err(|error| error.after(before))?;
            Ok(())
        })?;
        Ok(count)
    }

    /// Apply LOBSTER message lines with the interpreter released; returns (lines, skipped as unknown).
    #[pyo3(signature = (lines, *, skip_unknown = false))]
    fn apply_lobster(
        &mut self,
        py: Python<'_>,
        lines: &[u8],
        skip_unknown: bool,
    ) -> Result<(usize, usize), Error> {
        let options = LobsterOptions {
            units_per_tick: self.units_per_tick,
            skips_unknown: skip_unknown,
        };
        Ok(py.detach(|| self.book.apply_lobster(lines, options))?)
    }

    /// Apply length-prefixed ITCH 5.0 messages with the interpreter released; returns the order messages.
    #[pyo3(signature = (messages, stock_locate = None))]
    fn apply_itch(
        &mut self,
        py: Python<'_>,
        messages: &[u8],
        stock_locate: Option<u16>,
    ) -> Result<usize, Error> {
        let units = self.units_per_tick;
        Ok(py.detach(|| self.book.apply_itch(messages, units, stock_locate))?)
    }

    /// Rest a new order at the end of its price's queue.
    fn add(
        &mut self,
        order_id: u64,
        side: &str,
        price_ticks: i64,
        size_lots: i64,
    ) -> Result<(), Error> {
        Ok(self.book.add(
            OrderId(order_id),
            parse_side(side)?,
            level(price_ticks, size_lots),
        )?)
    }

    /// Withdraw an order; returns the lots that it had.
    fn cancel(&mut self, order_id: u64) -> Result<i64, Error> {
        Ok(self.book.cancel(OrderId(order_id))?.size.0)
    }

    /// Withdraw part of an order or all of it; returns the lots left.
    fn reduce(&mut self, order_id: u64, size_lots: i64) -> Result<i64, Error> {
        Ok(self.book.reduce(OrderId(order_id), SizeLots(size_lots))?.0)
    }

    /// Trade an order; returns the lots left.
    fn execute(&mut self, order_id: u64, size_lots: i64) -> Result<i64, Error> {
        Ok(self.book.execute(OrderId(order_id), SizeLots(size_lots))?.0)
    }

    /// Withdraw an order and rest another at the end of its price's queue.
    fn replace(
        &mut self,
        order_id: u64,
        new_order_id: u64,
        price_ticks: i64,
        size_lots: i64,
    ) -> Result<(), Error> {
        let (old, new) = (OrderId(order_id), OrderId(new_order_id));
        Ok(self.book.replace(old, new, level(price_ticks, size_lots))?)
    }

    /// Change an order, which keeps its place if its price stays and its size does not grow.
    fn amend(&mut self, order_id: u64, price_ticks: i64, size_lots: i64) -> Result<(), Error> {
        Ok(self
            .book
            .amend(OrderId(order_id), level(price_ticks, size_lots))?)
    }

    /// Rest size of unknown orders; returns the id of the one order that stands for them.
    fn seed(&mut self, side: &str, price_ticks: i64, size_lots: i64) -> Result<u64, Error> {
        let at = level(price_ticks, size_lots);
        Ok(self.book.seed(parse_side(side)?, at)?.0)
    }

    /// Forget every order.
    fn clear(&mut self) {
        self.book.clear();
    }

    /// (orders ahead, lots ahead) of an order at its price, or None if it does not rest.
    fn queue_position(&self, order_id: u64) -> Option<(usize, i64)> {
        let position = self.book.queue_position(OrderId(order_id))?;
        Some((position.orders_ahead, position.lots_ahead.0))
    }

    /// An order as (id, side, ticks, lots), or None if it does not rest.
    fn order(&self, order_id: u64) -> Option<OrderTuple> {
        self.book.order(OrderId(order_id)).map(order_tuple)
    }

    /// The order that is served next on a side.
    fn front(&self, side: &str) -> Result<Option<OrderTuple>, Error> {
        Ok(self.book.front(parse_side(side)?).map(order_tuple))
    }

    /// The orders at a price as (id, lots), oldest first.
    fn orders(&self, side: &str, price_ticks: i64) -> Result<Vec<(u64, i64)>, Error> {
        let orders = self.book.orders(parse_side(side)?, PriceTicks(price_ticks));
        Ok(orders.map(|order| (order.id.0, order.size.0)).collect())
    }

    /// (bid_ticks, bid_lots, ask_ticks, ask_lots), or None if a side is empty.
    fn top(&self) -> Option<(i64, i64, i64, i64)> {
        let (bid, ask) = self.book.top()?;
        Some((bid.price.0, bid.size.0, ask.price.0, ask.size.0))
    }

    /// The lots at a price.
    fn size_at(&self, side: &str, price_ticks: i64) -> Result<i64, Error> {
        Ok(self
            .book
            .size_at(parse_side(side)?, PriceTicks(price_ticks))
            .0)
    }

    /// Best `depth` levels a side as (ticks, lots): bids downwards, asks upwards.
    fn levels(&self, depth: usize) -> (Vec<LevelTuple>, Vec<LevelTuple>) {
        let side = |side| {
            let levels = self.book.levels(side).take(depth);
            levels.map(|level| (level.price.0, level.size.0)).collect()
        };
        (side(Side::Buy), side(Side::Sell))
    }

    /// How many orders rest.
    fn __len__(&self) -> usize {
        self.book.len()
    }
}

fn level(price_ticks: i64, size_lots: i64) -> Level {
    Level {
        price: PriceTicks(price_ticks),
        size: SizeLots(size_lots),
    }
}

fn order_tuple(order: l3::Order) -> OrderTuple {
    (order.id.0, order.side.as_str(), order.price.0, order.size.0)
}
