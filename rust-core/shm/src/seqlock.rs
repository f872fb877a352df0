//! A record that one process writes and any number read, without a lock: a sequence lock.
//!
//! The sequence is odd while the record is written. Whoever saw the same even sequence before and after has read
//! one state of the record; nobody waits for a writer, which may be dead. The words are atomics and the fences
//! are those of H.-J. Boehm, "Can Seqlocks Get Along with Programming Language Memory Models?" (MSPC 2012), so
//! that reading while it is written is no data race.
//!
//! It is generic over the words so that a model checker can put its own in their place (`tests/loom.rs`).

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// An atomic word, and the fence that orders it.
pub trait Word {
    /// As [`AtomicU64::load`].
    fn load(&self, order: Ordering) -> u64;
    /// As [`AtomicU64::store`].
    fn store(&self, value: u64, order: Ordering);
    /// As [`std::sync::atomic::fence`].
    fn fence(order: Ordering);
}

impl Word for AtomicU64 {
    #[inline]
    fn load(&self, order: Ordering) -> u64 {
        Self::load(self, order)
    }

    #[inline]
    fn store(&self, value: u64, order: Ordering) {
        Self::store(self, value, order);
    }

    #[inline]
    fn fence(order: Ordering) {
        fence(order);
    }
}

/// The record was being written at every attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record was being written at every attempt to read it")]
pub struct Busy;

/// Writes a record, as far as there are both words and values. There must be one writer only.
#[inline]
pub fn write<W: Word>(sequence: &W, record: &[W], values: &[u64]) {
    let before = sequence.load(Ordering::Relaxed);
    sequence.store(before.wrapping_add(1), Ordering::Relaxed);
    // Whoever sees one of the new words and then asks for the sequence finds it changed.
    W::fence(Ordering::Release);
    for (word, value) in record.iter().zip(values) {
        word.store(*value, Ordering::Relaxed);
    }
    sequence.store(before.wrapping_add(2), Ordering::Release);
}

/// Reads a record into `values`, as far as there are both, and returns its sequence, which is even: two for each
/// time that it was written. What `values` holds after an error is of no one state.
///
/// # Errors
/// [`Busy`] after so many `attempts`.
#[inline]
pub fn read<W: Word>(
    sequence: &W,
    record: &[W],
    values: &mut [u64],
    attempts: u32,
) -> Result<u64, Busy> {
    for _ in 0..attempts {
        let before = sequence.load(Ordering::Acquire);
        if before.is_multiple_of(2) {
            for (value, word) in values.iter_mut().zip(record) {
                *value = word.load(Ordering::Relaxed);
            }
            W::fence(Ordering::Acquire);
            if sequence.load(Ordering::Relaxed) == before {
                return Ok(before);
            }
        }
        spin_loop();
    }
    Err(Busy)
}
