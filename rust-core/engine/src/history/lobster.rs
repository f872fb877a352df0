//! LOBSTER's messages to rows by order.

use super::row::{self, Content, Row};
use crate::book::l3::{BatchError, BatchProblem, L3Book, L3Error};
use crate::decode::Level;
use crate::decode::lobster::{Kind, Message, Messages};
use crate::decode::order::UnitsPerTick;
use crate::units::{PriceTicks, SizeLots};

const WINDOW_TICKS: usize = 16_384;

/// What happened on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LobsterCounts {
    /// Lines so far.
    pub lines: u64,
    /// Changes of orders that rested before the file begins: only their trades are told.
    pub unknown: u64,
    /// Trades of hidden orders between two ticks, which no row can tell.
    pub off_grid: u64,
}

/// Turns LOBSTER's lines into rows. There is no receive time: both times are the exchange's.
#[derive(Debug, Clone)]
pub struct LobsterHistory {
    book: L3Book,
    midnight_ns: i64,
    units_per_tick: UnitsPerTick,
    counts: LobsterCounts,
    rows: Vec<Row>,
}

impl LobsterHistory {
    /// A day that begins at `midnight_ns`, the exchange's midnight in ns UTC.
    pub fn new(midnight_ns: i64, units_per_tick: UnitsPerTick) -> Self {
        Self {
            book: L3Book::new(WINDOW_TICKS),
            midnight_ns,
            units_per_tick,
            counts: LobsterCounts::default(),
            rows: Vec::new(),
        }
    }

    /// What happened so far.
    pub fn counts(&self) -> LobsterCounts {
        self.counts
    }

    /// Decodes whole lines, and lends their rows out.
    ///
    /// # Errors
    /// A line is malformed or contradicts the book, or an order's price lies between two ticks.
    pub fn decode_lines(&mut self, lines: &[u8]) -> Result<&[Row], BatchError> {
        self.rows.clear();
        for (index, message) in Messages::new(lines).enumerate() {
            let problem = match message {
                Ok(message) => self.on_message(&message).err(),
                Err(error) => Some(BatchProblem::Decode(error)),
            };
            if let Some(problem) = problem {
                return Err(BatchError {
                    unit: "message",
                    index,
                    problem,
                });
            }
            self.counts.lines += 1;
        }
        Ok(&self.rows)
    }

    fn on_message(&mut self, message: &Message) -> Result<(), BatchProblem> {
        if matches!(message.kind, Kind::Halt | Kind::Cross) {
            return Ok(());
        }
        let Some(price) = message.price(self.units_per_tick) else {
            if message.kind.changes_book() {
                return Err(BatchProblem::OffGrid(message.price_units));
            }
            self.counts.off_grid += 1;
            return Ok(());
        };
        if matches!(message.kind, Kind::Execute | Kind::ExecuteHidden) {
            let trade = Content {
                code: row::TRADE,
                // The taker stands on the other side of the order that trades.
                side: message.side.opposite(),
                price,
                size: message.size,
                order_id: 0,
            };
            self.push(message, trade);
        }
        if message.kind.changes_book() {
            self.on_order(message, price)?;
        }
        Ok(())
    }

    /// What a message changes of a displayed order.
    fn on_order(&mut self, message: &Message, price: PriceTicks) -> Result<(), L3Error> {
        let Message { id, side, size, .. } = *message;
        if message.kind != Kind::Add && self.book.order(id).is_none() {
            self.counts.unknown += 1;
            return Ok(());
        }
        let (code, size) = match message.kind {
            Kind::Execute => {
                self.book.execute(id, size)?;
                (row::FILLED, size)
            }
            Kind::Reduce => match self.book.reduce(id, size)? {
                SizeLots::ZERO => (row::CANCELLED, size),
                left => (row::MODIFIED, left),
            },
            Kind::Delete => (row::CANCELLED, self.book.cancel(id)?.size),
            _ => {
                self.book.add(id, side, Level { price, size })?;
                (row::ADDED, size)
            }
        };
        let content = Content {
            code,
            side,
            price,
            size,
            order_id: id.0 as i64,
        };
        self.push(message, content);
        Ok(())
    }

    fn push(&mut self, message: &Message, content: Content) {
        let at_ns = self.midnight_ns + message.since_midnight_ns;
        self.rows.push(content.at(at_ns, at_ns));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &[u8] = b"1.5,1,7,10,5794000,1\n2,2,7,4,5794000,1\n3,4,7,1,5794000,1\n\
        4,4,99,3,5794100,-1\n5,5,0,2,5794050,1\n6,3,7,5,5794000,1\n7,3,98,5,5794000,1\n";

    #[test]
    fn orders_are_told_and_of_unknown_ones_their_trades() {
        let units = UnitsPerTick::new(100).expect("positive");
        let mut history = LobsterHistory::new(1_000, units);
        let rows = history.decode_lines(LINES).expect("well formed").to_vec();
        let told: Vec<_> = rows
            .iter()
            .map(|row| (row[2], row[3], row[4], row[5]))
            .collect();
        let sell = 1 << 8;
        let expected = [
            (row::ADDED, 57_940, 10, 7),
            (row::MODIFIED, 57_940, 6, 7),
            (row::TRADE | sell, 57_940, 1, 0),
            (row::FILLED, 57_940, 1, 7),
            (row::TRADE, 57_941, 3, 0),
            (row::CANCELLED, 57_940, 5, 7),
        ];
        assert_eq!(told, expected);
        assert_eq!(rows[0][0], 1_500_001_000);
        let counts = history.counts();
        assert_eq!((counts.lines, counts.unknown, counts.off_grid), (7, 2, 1));
    }
}
