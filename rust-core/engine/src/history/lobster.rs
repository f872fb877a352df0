//! LOBSTER's messages to rows by order.

use super::row::{self, Content, Row};
use crate::book::l3::{BatchError, BatchProblem, L3Book, L3Error, Order};
use crate::decode::lobster::{Kind, Message, Messages};
use crate::decode::lobster_book::View;
use crate::decode::order::UnitsPerTick;
use crate::decode::{DecodeError, Level};
use crate::units::{PriceTicks, Side, SizeLots};

const WINDOW_TICKS: usize = 16_384;

/// What happened on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LobsterCounts {
    /// Lines so far.
    pub lines: u64,
    /// Changes of orders that are not known, as those that rested before the file begins: only their trades are told.
    pub unknown: u64,
    /// Orders that left unseen, dropped when the market traded or quoted through them.
    pub stale: u64,
    /// Trades of hidden orders between two ticks, which no row can tell.
    pub off_grid: u64,
    /// Sizes that a book file showed and no message told of, told as anonymous orders.
    pub appeared: u64,
    /// Orders of which a book file showed less than was told, and which left so far.
    pub left: u64,
}

/// Turns LOBSTER's lines into rows. A file of so many levels does not tell what leaves while it rests deeper: an
/// order is dropped when one on the other side is displayed at its price or through it, or when a worse one of its
/// own side trades, which price priority does not allow while it rests. With the book file what comes into its
/// levels, or has left them, is told as well ([`Self::decode_lines_with_book`]). There is no receive time: both times
/// are the exchange's.
#[derive(Debug, Clone)]
pub struct LobsterHistory {
    pub(super) book: L3Book,
    /// What the book file shows after the message that is being told.
    pub(super) view: View,
    has_views: bool,
    midnight_ns: i64,
    units_per_tick: UnitsPerTick,
    pub(super) counts: LobsterCounts,
    rows: Vec<Row>,
}

impl LobsterHistory {
    /// A day that begins at `midnight_ns`, the exchange's midnight in ns UTC.
    pub fn new(midnight_ns: i64, units_per_tick: UnitsPerTick) -> Self {
        Self {
            book: L3Book::new(WINDOW_TICKS),
            view: View::default(),
            has_views: false,
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
        self.has_views = false;
        for (index, message) in Messages::new(lines).enumerate() {
            let done = message.map_err(BatchProblem::Decode);
            let done = done.and_then(|message| self.on_message(&message));
            self.count(index, done)?;
        }
        Ok(&self.rows)
    }

    /// As [`Self::decode_lines`], with the lines of the book file, of which there is one after each message.
    ///
    /// # Errors
    /// As there, or a line of the book file is malformed, or one of the files has more lines.
    pub fn decode_lines_with_book(
        &mut self,
        lines: &[u8],
        book_lines: &[u8],
    ) -> Result<&[Row], BatchError> {
        self.rows.clear();
        self.has_views = true;
        let mut views = book_lines.split(|byte| *byte == b'\n');
        let mut count = 0;
        for message in Messages::new(lines) {
            let line = views.next().filter(|line| !line.is_empty());
            let done = message.map_err(BatchProblem::Decode);
            let done = done.and_then(|message| self.on_line(&message, line));
            self.count(count, done)?;
            count += 1;
        }
        if views.any(|line| !line.is_empty()) {
            self.count(count, Err(unpaired()))?;
        }
        Ok(&self.rows)
    }

    fn on_line(&mut self, message: &Message, line: Option<&[u8]>) -> Result<(), BatchProblem> {
        self.view
            .read(line.ok_or_else(unpaired)?, self.units_per_tick)?;
        self.on_message(message)?;
        for side in [Side::Buy, Side::Sell] {
            self.reconcile(message, side)?;
        }
        Ok(())
    }

    fn count(&mut self, index: usize, done: Result<(), BatchProblem>) -> Result<(), BatchError> {
        done.map_err(|problem| BatchError {
            unit: "message",
            index,
            problem,
        })?;
        self.counts.lines += 1;
        Ok(())
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
            self.drop_stale(message, message.side, |order| {
                is_better(message.side, order, price)
            })?;
        }
        if message.kind.changes_book() {
            self.on_order(message, price)?;
        }
        Ok(())
    }

    /// What a message changes of a displayed order.
    fn on_order(&mut self, message: &Message, price: PriceTicks) -> Result<(), L3Error> {
        let Message { id, side, size, .. } = *message;
        let mut size = size;
        if message.kind != Kind::Add {
            let Some(order) = self.book.order(id) else {
                if self.has_views {
                    return self.on_anonymous(message, price);
                }
                self.counts.unknown += 1;
                return Ok(());
            };
            if self.has_views {
                // A part may have been taken for what had left unseen.
                size = size.min(order.size);
            }
        }
        let (code, size) = match message.kind {
            Kind::Execute => {
                self.push_order(message, price, (row::FILLED, size));
                what_is_left(self.book.execute(id, size)?, size)
            }
            Kind::Reduce => what_is_left(self.book.reduce(id, size)?, size),
            Kind::Delete => (row::CANCELLED, self.book.cancel(id)?.size),
            _ => {
                let other = side.opposite();
                self.drop_stale(message, other, |order| !is_better(side, order, price))?;
                self.book.add(id, side, Level { price, size })?;
                (row::ADDED, size)
            }
        };
        self.push_order(message, price, (code, size));
        Ok(())
    }

    /// Tells that the best orders of a side are gone while their price says so.
    fn drop_stale(
        &mut self,
        message: &Message,
        side: Side,
        is_stale: impl Fn(PriceTicks) -> bool,
    ) -> Result<(), L3Error> {
        while let Some(order) = self.book.front(side).filter(|order| is_stale(order.price)) {
            self.book.cancel(order.id)?;
            self.counts.stale += 1;
            self.push_change(message, &order, (row::CANCELLED, order.size));
        }
        Ok(())
    }

    /// A row about an order that the message does not name.
    pub(super) fn push_change(
        &mut self,
        message: &Message,
        order: &Order,
        (code, size): (i64, SizeLots),
    ) {
        let content = Content {
            code,
            side: order.side,
            price: order.price,
            size,
            order_id: order.id.0 as i64,
        };
        self.push(message, content);
    }

    fn push_order(&mut self, message: &Message, price: PriceTicks, (code, size): (i64, SizeLots)) {
        let content = Content {
            code,
            side: message.side,
            price,
            size,
            order_id: message.id.0 as i64,
        };
        self.push(message, content);
    }

    fn push(&mut self, message: &Message, content: Content) {
        let at_ns = self.midnight_ns + message.since_midnight_ns;
        self.rows.push(content.at(at_ns, at_ns));
    }
}

fn unpaired() -> BatchProblem {
    let what = "a book file has one line after each message; these have not as many";
    DecodeError::new(what, 0).into()
}

/// True if a price is served before another on a side.
fn is_better(side: Side, price: PriceTicks, other: PriceTicks) -> bool {
    match side {
        Side::Buy => price > other,
        Side::Sell => price < other,
    }
}

/// The row of an order that lost a part of its size and has this left.
pub(super) fn what_is_left(left: SizeLots, part: SizeLots) -> (i64, SizeLots) {
    match left {
        SizeLots::ZERO => (row::CANCELLED, part),
        left => (row::MODIFIED, left),
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
            (row::MODIFIED, 57_940, 5, 7),
            (row::TRADE, 57_941, 3, 0),
            (row::CANCELLED, 57_940, 5, 7),
        ];
        assert_eq!(told, expected);
        assert_eq!(rows[0][0], 1_500_001_000);
        let counts = history.counts();
        assert_eq!((counts.lines, counts.unknown, counts.off_grid), (7, 2, 1));
        assert_eq!(counts.stale, 0);
    }

    #[test]
    fn orders_that_the_market_passed_are_gone() {
        let lines = b"1,1,1,10,5794000,1\n1,1,2,10,5793900,1\n1,1,3,9,5795000,-1\n\
            2,1,4,5,5793900,-1\n3,1,5,4,5793800,1\n3,1,6,4,5793700,1\n4,4,6,1,5793700,1\n";
        let units = UnitsPerTick::new(100).expect("positive");
        let mut history = LobsterHistory::new(0, units);
        let rows = history.decode_lines(lines).expect("well formed").to_vec();
        let gone: Vec<_> = rows
            .iter()
            .filter(|row| row[2] & 255 == row::CANCELLED)
            .map(|row| (row[0], row[3], row[4], row[5]))
            .collect();
        // A sale is displayed at 57,939: bids 1 and 2 are gone. Bid 6 trades: the better bid 5 is gone.
        let expected = [
            (2_000_000_000, 57_940, 10, 1),
            (2_000_000_000, 57_939, 10, 2),
            (4_000_000_000, 57_938, 4, 5),
        ];
        assert_eq!(gone, expected);
        assert_eq!(history.counts().stale, 3);
    }
}
