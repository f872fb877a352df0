//! Joins a snapshot with a stream of updates, and keeps away what cannot be trusted.
//!
//! Binance's rules (its "How to manage a local order book correctly") in one form for all products, with an
//! update that covers the ids `(previous, last]`, where `previous` is `U - 1` on spot and `pu` on futures:
//!
//! - before the snapshot, updates wait; those with `last <=` the snapshot's id are in it and are dropped;
//! - the first one kept must have `previous <=` the snapshot's id, so that nothing lies between;
//! - every later one must have `previous ==` the last id applied, else updates were lost: a gap.
//!
//! On futures the venue's text asks `U <= snapshot <= u` of the first update. Its ids are shared by all
//! instruments, so an id may lie between two updates of one instrument; `pu <= snapshot` says the same
//! without refusing that.

use std::collections::VecDeque;

use super::l2::L2Book;
use crate::decode::{DepthSnapshot, DepthUpdate};

/// Most updates that wait for a snapshot: 80 s of the busiest stream measured (one every 10 ms).
pub const MAX_WAITING_UPDATES: usize = 8_192;
/// Most levels in the updates that wait for a snapshot: 16 MiB.
pub const MAX_WAITING_LEVELS: usize = 1 << 20;

/// What an update did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateOutcome {
    /// It changed the book.
    Applied,
    /// It waits for a snapshot.
    Waiting,
    /// It is already contained in the book.
    Stale,
    /// Updates before it were lost: the book is no longer valid and waits for a snapshot.
    Gap,
    /// It would cross the book: the book is no longer valid and waits for a snapshot.
    Crossed,
}

/// What a snapshot did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotOutcome {
    /// The book is valid.
    Joined,
    /// The book was valid and as new already; nothing changed.
    Stale,
    /// It is older than the first update that waits: ask for another.
    TooOld,
    /// It is crossed, or the updates that waited cross it: ask for another.
    Crossed,
}

/// A book that is shown only while it is joined, free of gaps and not crossed.
#[derive(Debug, Clone)]
pub struct SyncedBook {
    book: L2Book,
    is_valid: bool,
    /// No update has followed the snapshot yet.
    is_fresh: bool,
    last_id: i64,
    waiting: VecDeque<DepthUpdate>,
    waiting_levels: usize,
    gaps: u64,
    crossed: u64,
}

impl SyncedBook {
    /// An empty book that waits for updates and then a snapshot.
    pub fn new(window_ticks: usize) -> Self {
        Self {
            book: L2Book::new(window_ticks),
            is_valid: false,
            is_fresh: false,
            last_id: 0,
            waiting: VecDeque::new(),
            waiting_levels: 0,
            gaps: 0,
            crossed: 0,
        }
    }

    /// The book, if it can be trusted.
    #[inline]
    pub fn book(&self) -> Option<&L2Book> {
        self.is_valid.then_some(&self.book)
    }

    /// True if the book is joined, free of gaps and not crossed.
    pub fn is_valid(&self) -> bool {
        self.is_valid
    }

    /// True if updates wait for a snapshot.
    pub fn needs_snapshot(&self) -> bool {
        !self.is_valid && !self.waiting.is_empty()
    }

    /// The last update id in the book; zero before the first snapshot and after a reset.
    pub fn last_id(&self) -> i64 {
        self.last_id
    }

    /// Gaps in the sequence of updates so far.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    /// Crossed states refused so far.
    pub fn crossed(&self) -> u64 {
        self.crossed
    }

    /// Forgets the book: the connection was lost.
    pub fn reset(&mut self) {
        self.invalidate();
        self.forget_waiting();
    }

    /// Takes the stream's next update.
    pub fn on_update(&mut self, update: &DepthUpdate) -> UpdateOutcome {
        if !self.is_valid {
            return self.wait(update);
        }
        if update.last_id <= self.last_id {
            return UpdateOutcome::Stale;
        }
        let follows = if self.is_fresh {
            update.previous_id <= self.last_id
        } else {
            update.previous_id == self.last_id
        };
        if !follows {
            self.gaps += 1;
            self.invalidate();
            self.push_waiting(update);
            return UpdateOutcome::Gap;
        }
        if self.apply(update) {
            UpdateOutcome::Applied
        } else {
            UpdateOutcome::Crossed
        }
    }

    /// Takes a snapshot and applies the updates that waited for it.
    pub fn on_snapshot(&mut self, snapshot: &DepthSnapshot) -> SnapshotOutcome {
        if self.is_valid && snapshot.last_id <= self.last_id {
            return SnapshotOutcome::Stale;
        }
        let first = self
            .waiting
            .iter()
            .find(|update| update.last_id > snapshot.last_id);
        if first.is_some_and(|update| update.previous_id > snapshot.last_id) {
            return SnapshotOutcome::TooOld;
        }
        self.book.replace(snapshot);
        self.last_id = snapshot.last_id;
        self.is_fresh = true;
        self.is_valid = true;
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_levels = 0;
        if self.refuse_crossed() {
            return SnapshotOutcome::Crossed;
        }
        for update in waiting
            .iter()
            .filter(|update| update.last_id > snapshot.last_id)
        {
            if !self.apply(update) {
                return SnapshotOutcome::Crossed;
            }
        }
        SnapshotOutcome::Joined
    }

    /// Applies an update that follows; false if the book was crossed by it and is no longer valid.
    #[inline]
    fn apply(&mut self, update: &DepthUpdate) -> bool {
        self.book.apply(update);
        self.last_id = update.last_id;
        self.is_fresh = false;
        !self.refuse_crossed()
    }

    #[inline]
    fn refuse_crossed(&mut self) -> bool {
        let is_crossed = self.book.is_crossed();
        if is_crossed {
            self.crossed += 1;
            self.invalidate();
        }
        is_crossed
    }

    fn invalidate(&mut self) {
        self.is_valid = false;
        self.book.clear();
        self.last_id = 0;
    }

    fn wait(&mut self, update: &DepthUpdate) -> UpdateOutcome {
        match self.waiting.back().map(|last| last.last_id) {
            Some(last_id) if update.last_id <= last_id => return UpdateOutcome::Stale,
            Some(last_id) if update.previous_id != last_id => {
                self.gaps += 1;
                self.forget_waiting();
                self.push_waiting(update);
                return UpdateOutcome::Gap;
            }
            _ => self.push_waiting(update),
        }
        UpdateOutcome::Waiting
    }

    /// Lets an update wait. The oldest make room: a snapshot must then be newer than these.
    fn push_waiting(&mut self, update: &DepthUpdate) {
        self.waiting.push_back(update.clone());
        self.waiting_levels += update.bids.len() + update.asks.len();
        while self.waiting.len() > MAX_WAITING_UPDATES || self.waiting_levels > MAX_WAITING_LEVELS {
            let Some(oldest) = self.waiting.pop_front() else {
                break;
            };
            self.waiting_levels -= oldest.bids.len() + oldest.asks.len();
        }
    }

    fn forget_waiting(&mut self) {
        self.waiting.clear();
        self.waiting_levels = 0;
    }
}
