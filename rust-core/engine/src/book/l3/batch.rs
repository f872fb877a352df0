//! Many events at once: rows of integers, or a venue's bytes. What came before a failure stays applied.

use super::{L3Book, L3Error};
use crate::decode::order::{OrderId, UnitsPerTick};
use crate::decode::{DecodeError, Level, itch, lobster};
use crate::units::{PriceTicks, Side, SizeLots};

/// An event as integers: kind, order id, new order id, side, price in ticks, size in lots.
///
/// | kind | event | uses |
/// |---|---|---|
/// | 0 | add | id, side, price, size |
/// | 1 | cancel | id |
/// | 2 | reduce by a size | id, size |
/// | 3 | execute a size | id, size |
/// | 4 | replace, losing its place | id, new id, price, size |
/// | 5 | amend, keeping its place if price stays and size does not grow | id, price, size |
/// | 6 | hidden execution: changes nothing | |
///
/// Sides are 0 for bids and 1 for asks. What a kind does not use is not looked at.
pub type Row = [i64; 6];

/// A row that is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Not in 0 to 6.
    #[error("kind {0} is not 0 to 6")]
    Kind(i64),
    /// Neither 0 nor 1.
    #[error("side {0} is not 0 or 1")]
    Side(i64),
    /// Negative.
    #[error("order id {0} is negative")]
    OrderId(i64),
}

/// What ended a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchProblem {
    /// A row is no event.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The bytes are not what the venue sends.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A displayed order's price lies between two ticks.
    #[error("price {0} (1/10,000) lies between two ticks")]
    OffGrid(i64),
    /// An event does not fit the book.
    #[error(transparent)]
    Book(#[from] L3Error),
}

/// Where and why a batch ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{unit} {index}: {problem}")]
pub struct BatchError {
    /// `row`, or `message`.
    pub unit: &'static str,
    /// Counts from 0: so many were applied.
    pub index: usize,
    /// What is wrong with it.
    #[source]
    pub problem: BatchProblem,
}

impl BatchError {
    /// The error of a batch that was cut into pieces, with `count` rows or messages before this one.
    #[must_use]
    pub fn after(mut self, count: usize) -> Self {
        self.index = self.index.saturating_add(count);
        self
    }
}

/// How LOBSTER's messages are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LobsterOptions {
    /// The price's grid.
    pub units_per_tick: UnitsPerTick,
    /// Count events of orders that are neither known nor seeded instead of failing.
    pub skips_unknown: bool,
}

#[inline]
fn row_side(side: i64) -> Result<Side, RowError> {
    match side {
        0 => Ok(Side::Buy),
        1 => Ok(Side::Sell),
        other => Err(RowError::Side(other)),
    }
}

#[inline]
fn order_id(id: i64) -> Result<OrderId, RowError> {
    u64::try_from(id)
        .map(OrderId)
        .map_err(|_| RowError::OrderId(id))
}

impl L3Book {
    /// Applies rows; returns how many.
    ///
    /// # Errors
    /// The first row that is no event or does not fit; those before it stay applied.
    pub fn apply_rows(&mut self, rows: &[Row]) -> Result<usize, BatchError> {
        for (index, row) in rows.iter().enumerate() {
            self.apply_row(row)
                .map_err(|problem| error("row", index, problem))?;
        }
        Ok(rows.len())
    }

    #[inline]
    fn apply_row(&mut self, row: &Row) -> Result<(), BatchProblem> {
        let [kind, id, new_id, bid_or_ask, ticks, lots] = *row;
        let size = SizeLots(lots);
        let at = Level {
            price: PriceTicks(ticks),
            size,
        };
        if kind == 6 {
            return Ok(());
        }
        let id = order_id(id)?;
        match kind {
            0 => self.add(id, row_side(bid_or_ask)?, at)?,
            1 => {
                self.cancel(id)?;
            }
            2 => {
                self.reduce(id, size)?;
            }
            3 => {
                self.execute(id, size)?;
            }
            4 => self.replace(id, order_id(new_id)?, at)?,
            5 => self.amend(id, at)?,
            other => return Err(RowError::Kind(other).into()),
        }
        Ok(())
    }

    /// Applies length-prefixed ITCH messages of one instrument, or of all as if they were one; returns how many
    /// were order messages of it.
    ///
    /// # Errors
    /// The first message that is malformed or does not fit; those before it stay applied.
    pub fn apply_itch(
        &mut self,
        bytes: &[u8],
        units_per_tick: UnitsPerTick,
        stock_locate: Option<u16>,
    ) -> Result<usize, BatchError> {
        let mut count = 0;
        for message in itch::Messages::new(bytes, units_per_tick, stock_locate) {
            let failed = |problem| error("message", count, problem);
            let event = message.map_err(|error| failed(error.into()))?.event;
            self.apply(&event).map_err(|error| failed(error.into()))?;
            count += 1;
        }
        Ok(count)
    }

    /// Applies LOBSTER's lines; returns how many there were, and how many of them were skipped as unknown.
    ///
    /// # Errors
    /// The first message that is malformed or does not fit; those before it stay applied.
    pub fn apply_lobster(
        &mut self,
        text: &[u8],
        options: LobsterOptions,
    ) -> Result<(usize, usize), BatchError> {
        let (mut count, mut skipped) = (0, 0);
        for message in lobster::Messages::new(text) {
            let failed = |problem| error("message", count, problem);
            let message = message.map_err(|error| failed(error.into()))?;
            if message.kind.changes_book() {
                let price = message.price(options.units_per_tick);
                let price = price.ok_or_else(|| failed(off_grid(&message)))?;
                match self.apply_lobster_message(&message, price) {
                    Ok(()) => {}
                    Err(L3Error::UnknownOrder(_)) if options.skips_unknown => skipped += 1,
                    Err(error) => return Err(failed(error.into())),
                }
            }
            count += 1;
        }
        Ok((count, skipped))
    }
}

fn off_grid(message: &lobster::Message) -> BatchProblem {
    BatchProblem::OffGrid(message.price_units)
}

#[cold]
fn error(unit: &'static str, index: usize, problem: BatchProblem) -> BatchError {
    BatchError {
        unit,
        index,
        problem,
    }
}
