//! What the recording shows that can be taken: its book, a newer touch, less what we took already.

use std::collections::BTreeMap;

use super::resting::is_better;
use crate::book::l2::{DEFAULT_WINDOW_TICKS, L2Book};
use crate::book::sync::{SnapshotOutcome, SyncedBook, UpdateOutcome};
use crate::decode::{BookTicker, DepthSnapshot, DepthUpdate, Level};
use crate::units::{PriceTicks, Side, SizeLots};

/// What we took of a level, and the size at which we saw it.
#[derive(Debug, Clone, Copy)]
struct Taken {
    seen: SizeLots,
    taken: SizeLots,
}

#[derive(Debug, Clone)]
pub(super) struct Liquidity {
    book: SyncedBook,
    ticker: Option<BookTicker>,
    taken: BTreeMap<(Side, PriceTicks), Taken>,
}

impl Liquidity {
    pub(super) fn new() -> Self {
        Self {
            book: SyncedBook::new(DEFAULT_WINDOW_TICKS),
            ticker: None,
            taken: BTreeMap::new(),
        }
    }

    /// Takes a depth update; true if the book changed and is valid.
    pub(super) fn on_update(&mut self, update: &DepthUpdate) -> bool {
        let is_changed = self.book.on_update(update) == UpdateOutcome::Applied;
        self.forget_taken();
        is_changed
    }

    /// Takes a snapshot; true if the book is new and valid.
    pub(super) fn on_snapshot(&mut self, snapshot: &DepthSnapshot) -> bool {
        let is_changed = self.book.on_snapshot(snapshot) == SnapshotOutcome::Joined;
        self.forget_taken();
        is_changed
    }

    /// Takes a bookTicker; true if it is news about a valid book.
    pub(super) fn on_ticker(&mut self, ticker: BookTicker) -> bool {
        let newest = self.ticker.map_or(0, |known| known.update_id);
        if ticker.update_id <= newest {
            return false;
        }
        self.ticker = Some(ticker);
        self.forget_taken();
        self.newer_ticker().is_some()
    }

    pub(super) fn book(&self) -> Option<&L2Book> {
        self.book.book()
    }

    pub(super) fn last_id(&self) -> i64 {
        self.book.last_id()
    }

    /// Best bid and best ask as the recording has them.
    pub(super) fn top(&self) -> Option<(Level, Level)> {
        self.visible(Side::Buy)
            .next()
            .zip(self.visible(Side::Sell).next())
    }

    /// The size that the recording shows at a price.
    pub(super) fn size_at(&self, side: Side, price: PriceTicks) -> SizeLots {
        let Some(book) = self.book() else {
            return SizeLots::ZERO;
        };
        match self.newer_touch(side) {
            Some(touch) if touch.price == price => touch.size,
            Some(touch) if touch.size.is_zero() || is_better(side, price, touch.price) => {
                SizeLots::ZERO
            }
            _ => book.size_at(side, price),
        }
    }

    /// Levels with something left to take, from the best outwards.
    pub(super) fn available(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.visible(side).filter_map(move |level| {
            let taken = self
                .taken
                .get(&(side, level.price))
                .map_or(0, |taken| taken.taken.0);
            (level.size.0 > taken).then(|| Level {
                size: SizeLots(level.size.0 - taken),
                ..level
            })
        })
    }

    /// Removes what we took until the recording shows another size there.
    pub(super) fn take(&mut self, side: Side, price: PriceTicks, lots: SizeLots) {
        let seen = self.size_at(side, price);
        let entry = self.taken.entry((side, price)).or_insert(Taken {
            seen,
            taken: SizeLots::ZERO,
        });
        entry.taken.0 += lots.0;
    }

    fn forget_taken(&mut self) {
        let mut taken = std::mem::take(&mut self.taken);
        taken.retain(|(side, price), taken| self.size_at(*side, *price) == taken.seen);
        self.taken = taken;
    }

    fn newer_ticker(&self) -> Option<&BookTicker> {
        self.ticker
            .as_ref()
            .filter(|ticker| self.book.is_valid() && ticker.update_id > self.book.last_id())
    }

    fn newer_touch(&self, side: Side) -> Option<Level> {
        self.newer_ticker().map(|ticker| match side {
            Side::Buy => ticker.bid,
            Side::Sell => ticker.ask,
        })
    }

    fn visible(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        let touch = self.newer_touch(side);
        let is_there = move |level: &Level| {
            touch.is_none_or(|touch| {
                !touch.size.is_zero() && is_better(side, touch.price, level.price)
            })
        };
        let levels = self
            .book()
            .into_iter()
            .flat_map(move |book| book.levels(side))
            .filter(is_there);
        touch
            .into_iter()
            .filter(|touch| !touch.size.is_zero())
            .chain(levels)
    }
}
