//! What a book file adds to LOBSTER's messages: what appears in its levels, and leaves them, unseen.
//!
//! A message file of ten levels says nothing of what lies deeper. When a price comes into view, what stands there
//! beyond the orders that are known appears as one *anonymous* order at the end of its queue; what is known but not
//! shown any more leaves from the end, which is the least favourable to an order of ours that waits there. A price
//! that leaves the view is remembered as it was until it is shown again. A message about an order that is not known
//! is about an anonymous one at its price, the oldest first.

use super::lobster::{LobsterHistory, what_is_left};
use super::row;
use crate::book::l3::{L3Error, Order};
use crate::decode::Level;
use crate::decode::lobster::{Kind, Message};
use crate::decode::order::OrderId;
use crate::units::{PriceTicks, Side, SizeLots};

/// Ids of the exchange are below.
pub(super) const FIRST_ANONYMOUS_ID: u64 = 1 << 60;

impl LobsterHistory {
    /// Does what a message says of an order that is not known.
    pub(super) fn on_anonymous(
        &mut self,
        message: &Message,
        price: PriceTicks,
    ) -> Result<(), L3Error> {
        let anonymous = |order: &Order| order.id.0 >= FIRST_ANONYMOUS_ID;
        let orders = self.book.orders(message.side, price).filter(anonymous);
        let orders: Vec<Order> = orders.collect();
        let mut rest = message.size;
        for order in orders {
            let part = order.size.min(rest);
            if part.is_zero() {
                break;
            }
            rest.0 -= part.0;
            if message.kind == Kind::Execute {
                self.push_change(message, &order, (row::FILLED, part));
            }
            let left = what_is_left(self.book.reduce(order.id, part)?, part);
            self.push_change(message, &order, left);
        }
        self.counts.unknown += u64::from(!rest.is_zero());
        Ok(())
    }

    /// Makes a side what the book file shows after a message.
    pub(super) fn reconcile(&mut self, message: &Message, side: Side) -> Result<(), L3Error> {
        let view = &self.view;
        let known = self.book.levels(side);
        let in_view = known.take_while(|level| view.shows(side, level.price));
        let shown = view.levels(side);
        if in_view.eq(shown.iter().copied()) {
            return Ok(());
        }
        let known = self.book.levels(side);
        let in_view = known.take_while(|level| view.shows(side, level.price));
        let is_shown = |level: &Level| shown.iter().any(|other| other.price == level.price);
        let mut wanted: Vec<Level> = in_view
            .filter(|level| !is_shown(level))
            .map(|level| Level {
                size: SizeLots::ZERO,
                ..level
            })
            .collect();
        wanted.extend_from_slice(shown);
        for level in wanted {
            let more = level.size.0 - self.book.size_at(side, level.price).0;
            if more > 0 {
                self.appear(message, side, level.price, SizeLots(more))?;
            } else if more < 0 {
                self.leave(message, side, level.price, SizeLots(-more))?;
            }
        }
        Ok(())
    }

    fn appear(
        &mut self,
        message: &Message,
        side: Side,
        price: PriceTicks,
        lots: SizeLots,
    ) -> Result<(), L3Error> {
        let id = OrderId(FIRST_ANONYMOUS_ID + self.counts.appeared);
        self.counts.appeared += 1;
        self.book.add(id, side, Level { price, size: lots })?;
        let order = Order {
            id,
            side,
            price,
            size: lots,
        };
        self.push_change(message, &order, (row::ADDED, lots));
        Ok(())
    }

    fn leave(
        &mut self,
        message: &Message,
        side: Side,
        price: PriceTicks,
        lots: SizeLots,
    ) -> Result<(), L3Error> {
        let mut rest = lots;
        let orders: Vec<Order> = self.book.orders(side, price).collect();
        for order in orders.iter().rev() {
            let part = order.size.min(rest);
            if part.is_zero() {
                break;
            }
            rest.0 -= part.0;
            self.counts.left += 1;
            let left = what_is_left(self.book.reduce(order.id, part)?, part);
            self.push_change(message, order, left);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::order::UnitsPerTick;

    const SELL: i64 = 1 << 8;

    fn told(lines: &[u8], book_lines: &[u8]) -> (Vec<(i64, i64, i64, i64)>, LobsterHistory) {
        let units = UnitsPerTick::new(100).expect("positive");
        let mut history = LobsterHistory::new(0, units);
        let rows = history.decode_lines_with_book(lines, book_lines);
        let rows = rows.expect("well formed").iter();
        let anonymous = FIRST_ANONYMOUS_ID as i64;
        let id = |id: i64| {
            if id < anonymous {
                id
            } else {
                anonymous - 1 - id
            }
        };
        let told = rows.map(|row| (row[2], row[3], row[4], id(row[5])));
        (told.collect(), history)
    }

    #[test]
    fn what_the_file_shows_at_first_is_anonymous_and_trades() {
        let lines = b"1,1,7,10,5794000,1\n2,4,3,2,5794000,1\n3,2,4,3,5795000,-1\n";
        let book = b"5795000,8,5794000,15\n5795000,8,5794000,13\n5795000,5,5794000,13\n";
        let (rows, history) = told(lines, book);
        let expected = [
            (row::ADDED, 57_940, 10, 7),
            (row::ADDED, 57_940, 5, -1),
            (row::ADDED | SELL, 57_950, 8, -2),
            (row::TRADE | SELL, 57_940, 2, 0),
            (row::FILLED, 57_940, 2, -1),
            (row::MODIFIED, 57_940, 3, -1),
            (row::MODIFIED | SELL, 57_950, 5, -2),
        ];
        assert_eq!(rows, expected);
        assert_eq!((history.counts.unknown, history.counts.appeared), (0, 2));
    }

    #[test]
    fn a_level_that_left_is_remembered_and_corrected_from_its_end_when_it_is_back() {
        let lines = b"1,1,1,10,100,1\n1,1,2,4,100,1\n2,1,3,5,200,1\n3,3,3,5,200,1\n4,2,1,2,100,1\n";
        let book = b"900,1,100,10\n900,1,100,14\n900,1,200,5\n900,1,100,11\n900,1,100,9\n";
        let (rows, history) = told(lines, book);
        let expected = [
            (row::ADDED, 1, 10, 1),
            (row::ADDED | SELL, 9, 1, -1),
            (row::ADDED, 1, 4, 2),
            (row::ADDED, 2, 5, 3),
            (row::CANCELLED, 2, 5, 3),
            (row::MODIFIED, 1, 1, 2),
            (row::MODIFIED, 1, 8, 1),
        ];
        assert_eq!(rows, expected);
        assert_eq!(history.counts.left, 1);
    }

    #[test]
    fn files_of_unequal_length_are_refused() {
        let units = UnitsPerTick::new(100).expect("positive");
        let mut history = LobsterHistory::new(0, units);
        let line = b"1,1,1,10,100,1\n";
        for book in [&b""[..], b"900,1,100,10\n900,1,100,10\n"] {
            let refused = history
                .clone()
                .decode_lines_with_book(line, book)
                .map(<[_]>::len);
            let text = refused.expect_err("unequal").to_string();
            assert!(text.contains("one line after each message"), "{text}");
        }
        assert!(
            history
                .decode_lines_with_book(line, b"900,1,100,10")
                .is_ok()
        );
    }
}
