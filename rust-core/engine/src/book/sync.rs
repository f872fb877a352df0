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
//!
//! Other venues send the whole book in the stream, at its beginning: an update that `is_whole`. Every later one
//! must follow the one before it; where the venue sends a checksum of its book, ours must have the same. What
//! breaks a rule makes the book invalid until the venue has sent it whole again, for which it must be
//! subscribed anew.

use std::collections::VecDeque;

use super::checksum::{ChecksumRule, LevelTexts};
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
    /// After it the book is not the venue's by the venue's checksum: it is no longer valid.
    Checksum,
}

/// Where the book's beginning comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joining {
    /// From a snapshot that is asked for: updates wait for it.
    Snapshot,
    /// From the stream itself, once after each subscription.
    Stream,
}

/// A venue's rules for a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookRules {
    /// Where its beginning comes from.
    pub joining: Joining,
    /// The venue's checksum, if it sends one.
    pub checksum: Option<ChecksumRule>,
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
    joining: Joining,
    texts: Option<LevelTexts>,
    /// The stream was broken: the book has to be subscribed anew.
    is_broken: bool,
    is_valid: bool,
    /// No update has followed the snapshot yet.
    is_fresh: bool,
    last_id: i64,
    waiting: VecDeque<DepthUpdate>,
    waiting_levels: usize,
    gaps: u64,
    crossed: u64,
    checksum_mismatches: u64,
}

impl SyncedBook {
    /// An empty book that waits for updates and then a snapshot.
    pub fn new(window_ticks: usize) -> Self {
        let (joining, checksum) = (Joining::Snapshot, None);
        Self::with_rules(window_ticks, BookRules { joining, checksum })
    }

    /// An empty book of a venue with these rules.
    pub fn with_rules(window_ticks: usize, rules: BookRules) -> Self {
        Self {
            book: L2Book::new(window_ticks),
            joining: rules.joining,
            texts: rules.checksum.map(LevelTexts::new),
            is_broken: false,
            is_valid: false,
            is_fresh: false,
            last_id: 0,
            waiting: VecDeque::new(),
            waiting_levels: 0,
            gaps: 0,
            crossed: 0,
            checksum_mismatches: 0,
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

    /// True if the book must be subscribed anew: the stream sends it whole only then.
    pub fn needs_resubscription(&self) -> bool {
        self.is_broken
    }

    /// The last update id in the book; zero before the first snapshot and after a reset.
    pub fn last_id(&self) -> i64 {
        self.last_id
    }

    /// The last update id that was taken, into the book or to wait for it.
    pub fn newest_id(&self) -> i64 {
        self.waiting
            .back()
            .map_or(self.last_id, |update| update.last_id)
    }

    /// Gaps in the sequence of updates so far.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    /// Crossed states refused so far.
    pub fn crossed(&self) -> u64 {
        self.crossed
    }

    /// Updates after which the book was not the venue's, so far.
    pub fn checksum_mismatches(&self) -> u64 {
        self.checksum_mismatches
    }

    /// Forgets the book: the connection was lost.
    pub fn reset(&mut self) {
        self.invalidate();
        self.forget_waiting();
        self.is_broken = false;
    }

    /// Something of the stream was lost: the book is no longer valid. False if it was not anyway.
    pub fn lose(&mut self) -> bool {
        let was_valid = self.is_valid;
        self.gaps += u64::from(was_valid);
        self.invalidate();
        self.forget_waiting();
        was_valid
    }

    /// True if the update continues a valid book, so that it changes this.
    pub fn is_next(&self, update: &DepthUpdate) -> bool {
        let is_new = match self.joining {
            Joining::Snapshot => update.last_id > self.last_id,
            // Its ids may go back.
            Joining::Stream => !update.is_whole,
        };
        self.is_valid && is_new && self.follows(update)
    }

    /// True if no update is missing before this one.
    fn follows(&self, update: &DepthUpdate) -> bool {
        if self.is_fresh && self.joining == Joining::Snapshot {
            update.previous_id <= self.last_id
        } else {
            update.previous_id == self.last_id
        }
    }

    /// Takes the stream's next update.
    pub fn on_update(&mut self, update: &DepthUpdate) -> UpdateOutcome {
        if self.joining == Joining::Stream {
            return self.on_stream_update(update);
        }
        if !self.is_valid {
            return self.wait(update);
        }
        if update.last_id <= self.last_id {
            return UpdateOutcome::Stale;
        }
        if !self.follows(update) {
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

    /// Takes an update of a stream that brings its own beginning.
    fn on_stream_update(&mut self, update: &DepthUpdate) -> UpdateOutcome {
        if update.is_whole {
            self.book.clear();
            self.is_valid = true;
            self.is_broken = false;
        } else if !self.is_valid {
            self.is_broken = true;
            return UpdateOutcome::Waiting;
        } else if !self.follows(update) {
            self.gaps += 1;
            self.invalidate();
            return UpdateOutcome::Gap;
        }
        if !self.apply(update) {
            return UpdateOutcome::Crossed;
        }
        if !self.is_the_venues(update) {
            self.checksum_mismatches += 1;
            self.invalidate();
            return UpdateOutcome::Checksum;
        }
        UpdateOutcome::Applied
    }

    /// Takes an applied update's texts; false if the venue's checksum is another than theirs.
    fn is_the_venues(&mut self, update: &DepthUpdate) -> bool {
        let Some(texts) = &mut self.texts else {
            return true;
        };
        let book = &mut self.book;
        texts.apply(update, |side, level| {
            book.set(side, level);
        });
        update
            .checksum
            .is_none_or(|checksum| checksum == texts.checksum())
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
        // A stream that was broken stays so until it brings the whole book; a snapshot can be asked for.
        self.is_broken = self.joining == Joining::Stream;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_whose_ids_go_back_goes_on() {
        let rules = BookRules {
            joining: Joining::Stream,
            checksum: None,
        };
        let mut book = SyncedBook::with_rules(128, rules);
        let update = |previous_id, last_id| DepthUpdate {
            previous_id,
            last_id,
            ..DepthUpdate::default()
        };
        let whole = DepthUpdate {
            is_whole: true,
            ..update(-1, 900)
        };
        assert_eq!(book.on_update(&whole), UpdateOutcome::Applied);
        assert!(book.is_next(&update(900, 3)) && !book.is_next(&whole));
        assert_eq!(book.on_update(&update(900, 3)), UpdateOutcome::Applied);
    }
}
