//! A book's changes as rows of integers, which is how arrays hold them.

use super::l2::L2Book;
use crate::decode::Level;
use crate::units::{MAX_COUNT, PriceTicks, Side, SizeLots};

/// One change: side (0 for bids, 1 for asks), price in ticks, size in lots, zero to delete.
pub type Row = [i64; 3];
/// A touch: best bid's ticks and lots, best ask's ticks and lots. An empty side has zeros.
pub type TouchRow = [i64; 4];

/// A row that no book can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The side is neither bids nor asks.
    #[error("side is {0}; it must be 0 (bids) or 1 (asks)")]
    Side(i64),
    /// A price that is not positive, or beyond every grid.
    #[error("price_ticks is {0}; it must be from 1 to {MAX_COUNT}")]
    Price(i64),
    /// A negative size, or one beyond every grid.
    #[error("size_lots is {0}; it must be from 0 to {MAX_COUNT}")]
    Size(i64),
}

/// Checks one change.
///
/// # Errors
/// See [`RowError`].
#[inline]
pub fn check_row([side, ticks, lots]: Row) -> Result<(Side, Level), RowError> {
    if !is_valid([side, ticks, lots]) {
        return Err(reason([side, ticks, lots]));
    }
    Ok(split_row([side, ticks, lots]))
}

/// Checks changes; an error has the index of the first row that is wrong.
///
/// # Errors
/// See [`RowError`].
pub fn check_rows(rows: &[Row]) -> Result<(), (usize, RowError)> {
    match rows.iter().position(|row| !is_valid(*row)) {
        None => Ok(()),
        Some(index) => Err((index, reason(rows[index]))),
    }
}

#[inline]
fn is_valid([side, ticks, lots]: Row) -> bool {
    (0..=1).contains(&side) && (1..=MAX_COUNT).contains(&ticks) && (0..=MAX_COUNT).contains(&lots)
}

#[cold]
fn reason([side, ticks, lots]: Row) -> RowError {
    if !(0..=1).contains(&side) {
        RowError::Side(side)
    } else if !(1..=MAX_COUNT).contains(&ticks) {
        RowError::Price(ticks)
    } else {
        RowError::Size(lots)
    }
}

#[inline]
fn split_row([side, ticks, lots]: Row) -> (Side, Level) {
    let side = if side == 0 { Side::Buy } else { Side::Sell };
    let level = Level {
        price: PriceTicks(ticks),
        size: SizeLots(lots),
    };
    (side, level)
}

impl L2Book {
    /// Applies rows as one update, and tells `on_touch` the touch after each of them; levels beyond the book's
    /// depth are dropped after the last. Rows that no book can hold must have been refused before, by
    /// [`check_rows`].
    #[inline]
    pub fn apply_rows(&mut self, rows: &[Row], mut on_touch: impl FnMut(TouchRow)) {
        for row in rows {
            let (side, level) = split_row(*row);
            self.set(side, level);
            on_touch(self.touch_row());
        }
        self.truncate();
    }

    /// The touch as a row.
    #[inline]
    pub fn touch_row(&self) -> TouchRow {
        let side = |side| {
            self.best(side)
                .map_or((0, 0), |level| (level.price.0, level.size.0))
        };
        let ((bid_ticks, bid_lots), (ask_ticks, ask_lots)) = (side(Side::Buy), side(Side::Sell));
        [bid_ticks, bid_lots, ask_ticks, ask_lots]
    }
}
