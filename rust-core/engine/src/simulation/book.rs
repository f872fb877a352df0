//! A book as the rows tell it, by level or by order; the venue and the trader have one each.
//!
//! Rows can contradict themselves: a level may come that reaches or passes the other side's, because a deletion
//! was lost. **The newer side wins**: what it reaches of the other side is gone. Rows by order are kept as they
//! are, since each order's end is told; an order event that does not fit (unknown, told twice) is ignored and
//! counted.
//!
//! A book by level is of one level a side as long as its rows tell of no more ([`TouchBook`]), as those of quotes.

use super::stream::{Event, EventKind};
use super::touch_book::TouchBook;
use crate::book::l2::L2Book;
use crate::book::l3::{L3Book, L3Error};
use crate::decode::Level;
use crate::decode::order::OrderId;
use crate::units::{PriceTicks, Side, SizeLots};

#[derive(Debug, Clone)]
pub(super) enum Book {
    Touch(TouchBook),
    Levels(L2Book),
    Orders(L3Book),
}

impl Book {
    pub(super) fn new(window_ticks: usize, is_by_order: bool) -> Self {
        if is_by_order {
            Self::Orders(L3Book::new(window_ticks))
        } else {
            Self::Touch(TouchBook::new(window_ticks))
        }
    }

    #[inline]
    pub(super) fn best(&self, side: Side) -> Option<Level> {
        // What most rows are of first, here and below.
        if let Self::Levels(book) = self {
            return book.best(side);
        }
        match self {
            Self::Touch(book) => book.best(side),
            Self::Levels(book) => book.best(side),
            Self::Orders(book) => book.best(side),
        }
    }

    #[inline]
    pub(super) fn size_at(&self, side: Side, price: PriceTicks) -> SizeLots {
        if let Self::Levels(book) = self {
            return book.size_at(side, price);
        }
        match self {
            Self::Touch(book) => book.size_at(side, price),
            Self::Levels(book) => book.size_at(side, price),
            Self::Orders(book) => book.size_at(side, price),
        }
    }

    /// Levels of a side from the best outwards.
    pub(super) fn levels(&self, side: Side) -> Box<dyn Iterator<Item = Level> + '_> {
        match self {
            Self::Touch(book) => Box::new(book.best(side).into_iter()),
            Self::Levels(book) => Box::new(book.levels(side)),
            Self::Orders(book) => Box::new(book.levels(side)),
        }
    }

    /// The order of the market that an event is about, and what is served before it.
    pub(super) fn order(&self, id: i64) -> Option<(crate::book::l3::Order, i64)> {
        let Self::Orders(book) = self else {
            return None;
        };
        let id = OrderId(id.cast_unsigned());
        Some((book.order(id)?, book.queue_position(id)?.lots_ahead.0))
    }

    /// The price of an order of the market.
    pub(super) fn price_of(&self, id: i64) -> Option<PriceTicks> {
        let Self::Orders(book) = self else {
            return None;
        };
        Some(book.order(OrderId(id.cast_unsigned()))?.price)
    }

    /// Sets the level that a row is of.
    #[inline]
    pub(super) fn set_level(&mut self, event: &Event) {
        if let Self::Levels(book) = self {
            set(book, event);
        } else {
            self.deepen(event);
        }
    }

    /// Sets a side's only level.
    #[inline]
    pub(super) fn set_only(&mut self, event: &Event) {
        match self {
            Self::Touch(book) => book.set_only(event),
            Self::Levels(book) => set_only(book, event),
            Self::Orders(_) => {}
        }
    }

    /// Does what a row says that tells of more than one level.
    #[cold]
    fn deepen(&mut self, event: &Event) {
        if let Self::Touch(book) = self {
            let mut deep = book.deepened();
            apply_level(&mut deep, event);
            *self = Self::Levels(deep);
        }
    }

    /// Does what a row says; false says that it does not fit.
    pub(super) fn apply(&mut self, event: &Event) -> bool {
        match self {
            Self::Touch(book) if event.kind == EventKind::OnlyLevel => {
                book.set_only(event);
                true
            }
            Self::Touch(_) => {
                self.deepen(event);
                true
            }
            Self::Levels(book) => {
                apply_level(book, event);
                true
            }
            Self::Orders(book) => apply_order(book, event).is_ok(),
        }
    }
}

fn apply_level(book: &mut L2Book, event: &Event) {
    match event.kind {
        EventKind::Level => set(book, event),
        EventKind::Touch => set_touch(book, event),
        EventKind::OnlyLevel => set_only(book, event),
        EventKind::Clear => clear(book, event),
        EventKind::Trade
        | EventKind::Add
        | EventKind::Cancel
        | EventKind::Modify
        | EventKind::Fill => {}
    }
}

fn set_only(book: &mut L2Book, event: &Event) {
    while let Some(best) = book.best(event.side) {
        delete(book, event.side, best.price);
    }
    set(book, event);
}

#[inline]
fn set(book: &mut L2Book, event: &Event) {
    let price = PriceTicks(event.price);
    let size = SizeLots(event.size);
    book.set(event.side, Level { price, size });
    // One branch, almost never taken: whether a level is set or deleted is chance.
    if (event.size > 0) & book.reaches_other(event.side, price) {
        delete_reached(book, event);
    }
}

#[cold]
fn delete_reached(book: &mut L2Book, event: &Event) {
    let other = event.side.opposite();
    while let Some(best) = book.best(other) {
        if !reaches(event.side, event.price, best.price.0) {
            break;
        }
        delete(book, other, best.price);
    }
}

/// A touch without size says that the side is empty.
fn set_touch(book: &mut L2Book, event: &Event) {
    while let Some(best) = book.best(event.side) {
        if event.size > 0 && !is_better(event.side, best.price.0, event.price) {
            break;
        }
        delete(book, event.side, best.price);
    }
    if event.size > 0 {
        set(book, event);
    }
}

/// Deletes levels from the best to the event's price, or all.
fn clear(book: &mut L2Book, event: &Event) {
    while let Some(best) = book.best(event.side) {
        if event.price > 0 && is_better(event.side, event.price, best.price.0) {
            break;
        }
        delete(book, event.side, best.price);
    }
}

fn delete(book: &mut L2Book, side: Side, price: PriceTicks) {
    let none = SizeLots::ZERO;
    book.set(side, Level { price, size: none });
}

fn apply_order(book: &mut L3Book, event: &Event) -> Result<(), L3Error> {
    let id = OrderId(event.order_id.cast_unsigned());
    let level = Level {
        price: PriceTicks(event.price),
        size: SizeLots(event.size),
    };
    match event.kind {
        EventKind::Add => book.add(id, event.side, level),
        EventKind::Cancel => book.cancel(id).map(|_| ()),
        EventKind::Modify => book.amend(id, level),
        // What is left of a filled order is told by the row after it.
        EventKind::Clear => clear_orders(book, event),
        EventKind::Fill
        | EventKind::Trade
        | EventKind::Level
        | EventKind::Touch
        | EventKind::OnlyLevel => Ok(()),
    }
}

fn clear_orders(book: &mut L3Book, event: &Event) -> Result<(), L3Error> {
    while let Some(front) = book.front(event.side) {
        if event.price > 0 && is_better(event.side, event.price, front.price.0) {
            break;
        }
        book.cancel(front.id)?;
    }
    Ok(())
}

/// True if a price has strictly higher priority than another on a side.
#[inline]
pub(super) fn is_better(side: Side, price: i64, other: i64) -> bool {
    match side {
        Side::Buy => price > other,
        Side::Sell => price < other,
    }
}

/// True if an order of a side at `price` meets the other side's `other`.
#[inline]
pub(super) fn reaches(side: Side, price: i64, other: i64) -> bool {
    match side {
        Side::Buy => price >= other,
        Side::Sell => price <= other,
    }
}
