//! Slices a parent order into children over time, exactly: the children always sum to the parent.
//!
//! The interval is cut into equal slots. After each slot a share of the parent, in proportion to the slots'
//! weights so far, ought to have been sent; this *cumulative target* is rounded, and a child is the
//! difference between the target and what went before. So rounding never adds up, a slot too small for a
//! child leaves its share to the next one, and no prefix is off by more than a slice and the least child.

mod twap;
mod vwap;

pub use twap::twap;
pub use vwap::vwap;

use crate::random::Random;
use crate::units::{SizeLots, TimestampNs};

/// Most slices of one schedule.
pub const MAX_SLICES: usize = 1 << 20;

/// One child of a parent order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Child {
    /// When it is due.
    pub at: TimestampNs,
    /// Its size.
    pub size: SizeLots,
}

/// What to slice, over which interval, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parent {
    /// The size to slice.
    pub total: SizeLots,
    /// The interval's first moment.
    pub start: TimestampNs,
    /// The first moment after the interval.
    pub end: TimestampNs,
    /// The least size of a child.
    pub min: SizeLots,
    /// How much of its slot a child may be late, in `[0, 1)`.
    pub jitter: f64,
    /// Chooses the jitter.
    pub seed: u64,
}

/// The children of a parent in the order of their times.
///
/// They sum to the parent's total; each is at least the least size, or there is one child of the total; times
/// increase strictly and lie in the parent's interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    children: Vec<Child>,
}

impl Schedule {
    /// The children, earliest first; there is at least one.
    pub fn children(&self) -> &[Child] {
        &self.children
    }

    /// One slot a weight; `weights` are not all zero, and at most [`WEIGHT_MAX`] each.
    fn new(parent: &Parent, weights: &[u64]) -> Result<Self, ScheduleError> {
        let slots = Slots::new(parent, weights.len())?;
        let mut random = Random::new(parent.seed);
        let weight_sum: u128 = weights.iter().copied().map(u128::from).sum();
        let mut weight_so_far = 0_u128;
        let mut sent = 0_i64;
        let mut children: Vec<Child> = Vec::with_capacity(weights.len());
        for (index, weight) in weights.iter().enumerate() {
            let at = slots.time(index, parent.jitter * random.unit());
            weight_so_far += u128::from(*weight);
            let share = u128::from(parent.total.0.unsigned_abs()) * weight_so_far;
            let target = ((share + weight_sum / 2) / weight_sum) as i64;
            if target - sent >= parent.min.0 {
                children.push(Child {
                    at,
                    size: SizeLots(target - sent),
                });
                sent = target;
            }
        }
        let rest = parent.total.0 - sent;
        match children.last_mut() {
            Some(last) => last.size.0 += rest,
            // The whole parent is smaller than the least child.
            None => children.push(Child {
                at: slots.time(0, 0.0),
                size: parent.total,
            }),
        }
        Ok(Self { children })
    }
}

/// The largest weight: 2^63 lots times the sum of 2^20 such weights fits a `u128`.
const WEIGHT_MAX: u64 = 1 << 40;

/// Equal cuts of an interval, to the nanosecond.
struct Slots {
    start: i64,
    length_ns: u128,
    count: u128,
}

impl Slots {
    fn new(parent: &Parent, count: usize) -> Result<Self, ScheduleError> {
        let length_ns = i128::from(parent.end.0) - i128::from(parent.start.0);
        if length_ns < count as i128 {
            return Err(ScheduleError::ShortInterval {
                length_ns,
                slots: count,
            });
        }
        Ok(Self {
            start: parent.start.0,
            length_ns: length_ns.unsigned_abs(),
            count: count as u128,
        })
    }

    /// The moment `share` (in `[0, 1)`) into a slot, always before the next one.
    fn time(&self, index: usize, share: f64) -> TimestampNs {
        let begin = self.length_ns * index as u128 / self.count;
        let length = self.length_ns * (index as u128 + 1) / self.count - begin;
        let late = ((length as f64 * share) as u128).min(length - 1);
        TimestampNs((i128::from(self.start) + (begin + late) as i128) as i64)
    }
}

/// Why a parent order cannot be sliced.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// Nothing to slice.
    #[error("total_lots is {0}; it must be positive")]
    Total(i64),
    /// No least size.
    #[error("min_lots is {0}; it must be positive")]
    Min(i64),
    /// No slice, or too many.
    #[error("{0} slices were asked for; give 1 to {MAX_SLICES}")]
    Slices(usize),
    /// The interval is empty, or ends before it starts.
    #[error("the interval [{start}, {end}) ns is empty; end_ns must be after start_ns")]
    EmptyInterval {
        /// Its first moment.
        start: i64,
        /// The first moment after it.
        end: i64,
    },
    /// The slots would be shorter than a nanosecond.
    #[error(
        "an interval of {length_ns} ns has no {slots} different times; give fewer slices or more time"
    )]
    ShortInterval {
        /// The interval.
        length_ns: i128,
        /// The slots wanted.
        slots: usize,
    },
    /// Jitter beyond a slot.
    #[error("jitter is {0}; it must be in [0, 1)")]
    Jitter(f64),
    /// A weight that is no share of anything.
    #[error("weight {index} is {weight}; weights must be finite and not negative")]
    Weight {
        /// Its position.
        index: usize,
        /// What was given.
        weight: f64,
    },
    /// Nothing to go by.
    #[error("all weights are zero; at least one must be positive")]
    ZeroWeights,
}

fn check(parent: &Parent, slices: usize) -> Result<(), ScheduleError> {
    if parent.total.0 <= 0 {
        return Err(ScheduleError::Total(parent.total.0));
    }
    if parent.min.0 <= 0 {
        return Err(ScheduleError::Min(parent.min.0));
    }
    if slices == 0 || slices > MAX_SLICES {
        return Err(ScheduleError::Slices(slices));
    }
    if parent.end <= parent.start {
        return Err(ScheduleError::EmptyInterval {
            start: parent.start.0,
            end: parent.end.0,
        });
    }
    if !(0.0..1.0).contains(&parent.jitter) {
        return Err(ScheduleError::Jitter(parent.jitter));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
