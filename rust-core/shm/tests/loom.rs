//! The sequence lock under a model checker, which tries every interleaving and every value that the memory model
//! allows a load to return.
//!
//! `LOOM_MAX_PREEMPTIONS` bounds the search (2 here unless given: seconds; 4 or more: minutes).

use std::sync::atomic::Ordering;

use loom::model::Builder;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, fence};
use loom::thread;
use openoutcry_shm::seqlock::{self, Word};

const PREEMPTIONS: usize = 2;
const PREEMPTIONS_VARIABLE: &str = "LOOM_MAX_PREEMPTIONS";
const RECORD_WORDS: usize = 2;

/// The checker's own word.
struct Modelled(AtomicU64);

impl Word for Modelled {
    fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
    }

    fn fence(order: Ordering) {
        fence(order);
    }
}

/// A word without one of the fences: what the check must find.
struct Unfenced<const IS_RELEASE: bool>(AtomicU64);

impl<const IS_RELEASE: bool> Word for Unfenced<IS_RELEASE> {
    fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
    }

    fn fence(order: Ordering) {
        if (order == Ordering::Release) != IS_RELEASE {
            fence(order);
        }
    }
}

struct Slot<W> {
    sequence: W,
    record: [W; RECORD_WORDS],
}

impl<W: Word> Slot<W> {
    fn new(word: impl Fn() -> W) -> Self {
        Self {
            sequence: word(),
            record: [word(), word()],
        }
    }

    /// The record number `publication` holds that number in all words.
    fn write(&self, publication: u64) {
        seqlock::write(&self.sequence, &self.record, &[publication; RECORD_WORDS]);
    }

    fn read(&self, attempts: u32) -> Option<u64> {
        let mut values = [0; RECORD_WORDS];
        let sequence = seqlock::read(&self.sequence, &self.record, &mut values, attempts).ok()?;
        assert_eq!(values, [sequence / 2; RECORD_WORDS], "a torn record");
        Some(sequence / 2)
    }
}

fn check(test: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    if std::env::var_os(PREEMPTIONS_VARIABLE).is_none() {
        builder.preemption_bound = Some(PREEMPTIONS);
    }
    builder.check(test);
}

fn a_writer_and_readers<W: Word + Send + Sync + 'static>(word: fn() -> W, readers: usize) {
    check(move || {
        let slot = Arc::new(Slot::new(word));
        let reading: Vec<_> = (0..readers)
            .map(|_| {
                let slot = Arc::clone(&slot);
                thread::spawn(move || {
                    let first = slot.read(1);
                    let second = slot.read(1);
                    if let (Some(first), Some(second)) = (first, second) {
                        assert!(first <= second, "it went back");
                    }
                })
            })
            .collect();
        slot.write(1);
        slot.write(2);
        for each in reading {
            each.join().expect("read");
        }
        assert_eq!(slot.read(1), Some(2));
    });
}

fn modelled() -> Modelled {
    Modelled(AtomicU64::new(0))
}

#[test]
fn a_reader_sees_one_state_and_none_older_than_before() {
    a_writer_and_readers(modelled, 1);
}

#[test]
fn readers_do_not_disturb_each_other() {
    check(|| {
        let slot = Arc::new(Slot::new(modelled));
        let reading: Vec<_> = (0..2)
            .map(|_| {
                let slot = Arc::clone(&slot);
                thread::spawn(move || slot.read(1))
            })
            .collect();
        slot.write(1);
        for each in reading {
            assert!(matches!(each.join().expect("read"), None | Some(0 | 1)));
        }
    });
}

#[test]
fn a_writer_that_stopped_half_way_makes_readers_busy_and_no_more() {
    check(|| {
        let slot = Arc::new(Slot::new(modelled));
        let dying = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || {
                slot.sequence.store(1, Ordering::Relaxed);
                Modelled::fence(Ordering::Release);
                slot.record[0].store(1, Ordering::Relaxed);
            })
        };
        assert!(matches!(slot.read(2), None | Some(0)));
        dying.join().expect("dead");
        assert_eq!(slot.read(2), None);
    });
}

/// The check has teeth: without either fence it finds a torn record.
#[test]
#[should_panic(expected = "a torn record")]
fn without_the_writers_fence_it_would_be_torn() {
    a_writer_and_readers(|| Unfenced::<true>(AtomicU64::new(0)), 1);
}

#[test]
#[should_panic(expected = "a torn record")]
fn without_the_readers_fence_it_would_be_torn() {
    a_writer_and_readers(|| Unfenced::<false>(AtomicU64::new(0)), 1);
}
