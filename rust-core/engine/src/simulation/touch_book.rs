//! A book of one level a side: all that quotes tell. Ladders are made for depth, and cost several times as much.

use super::book::reaches;
use super::stream::Event;
use crate::book::l2::L2Book;
use crate::decode::Level;
use crate::units::{PriceTicks, Side, SizeLots};

#[derive(Debug, Clone)]
pub(super) struct TouchBook {
    /// Of the side at its place; without size there is none.
    levels: [Level; 2],
    /// Of the book that it becomes once a row tells of depth.
    window_ticks: usize,
}

impl TouchBook {
    pub(super) fn new(window_ticks: usize) -> Self {
        let none = Level {
            price: PriceTicks(0),
            size: SizeLots::ZERO,
        };
        Self {
            levels: [none; 2],
            window_ticks,
        }
    }

    #[inline]
    pub(super) fn best(&self, side: Side) -> Option<Level> {
        let level = self.levels[side as usize];
        (level.size.0 > 0).then_some(level)
    }

    #[inline]
    pub(super) fn size_at(&self, side: Side, price: PriceTicks) -> SizeLots {
        let level = self.levels[side as usize];
        if level.price == price {
            level.size
        } else {
            SizeLots::ZERO
        }
    }

    /// The only level of a side from now on; what it reaches of the other side is gone.
    #[inline]
    pub(super) fn set_only(&mut self, event: &Event) {
        self.levels[event.side as usize] = Level {
            price: PriceTicks(event.price),
            size: SizeLots(event.size),
        };
        let other = &mut self.levels[event.side.opposite() as usize];
        if event.size > 0 && reaches(event.side, event.price, other.price.0) {
            other.size = SizeLots::ZERO;
        }
    }

    /// The same as a book with depth.
    #[cold]
    pub(super) fn deepened(&self) -> L2Book {
        let mut book = L2Book::new(self.window_ticks);
        for side in [Side::Buy, Side::Sell] {
            if let Some(level) = self.best(side) {
                book.set(side, level);
            }
        }
        book
    }
}
