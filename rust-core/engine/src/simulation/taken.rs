//! What we took of the levels that the data shows: it stays gone until the data shows another size there.

use super::book::Book;
use crate::decode::Level;
use crate::units::{PriceTicks, Side, SizeLots};

#[derive(Debug, Clone, Copy)]
struct TakenLevel {
    side: Side,
    price: PriceTicks,
    seen: SizeLots,
    taken: i64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Taken(Vec<TakenLevel>);

impl Taken {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Levels of a side with something left to take, from the best outwards.
    pub(super) fn available<'a>(
        &'a self,
        book: &'a Book,
        side: Side,
    ) -> impl Iterator<Item = Level> + 'a {
        book.levels(side).filter_map(move |level| {
            let left = level.size.0 - self.of(side, level.price);
            (left > 0).then_some(Level {
                size: SizeLots(left),
                ..level
            })
        })
    }

    pub(super) fn take(&mut self, book: &Book, side: Side, price: PriceTicks, lots: i64) {
        let mut levels = self.0.iter_mut();
        match levels.find(|level| level.side == side && level.price == price) {
            Some(level) => level.taken += lots,
            None => self.0.push(TakenLevel {
                side,
                price,
                seen: book.size_at(side, price),
                taken: lots,
            }),
        }
    }

    pub(super) fn forget_changed(&mut self, book: &Book) {
        self.0
            .retain(|level| book.size_at(level.side, level.price) == level.seen);
    }

    fn of(&self, side: Side, price: PriceTicks) -> i64 {
        let mut levels = self.0.iter();
        let level = levels.find(|level| level.side == side && level.price == price);
        level.map_or(0, |level| level.taken)
    }
}
