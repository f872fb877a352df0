//! Slices a parent order into children over time, exactly: the children always sum to the parent.
//!
//! The interval is cut into equal slots. After each slot a share of the parent, in proportion to the slots'
//! weights so far, ought to have been sent; this *cumulative target* is rounded, and a child is the
//! difference between the target and what went before. So rounding never adds up, a slot too small for a
//! child leaves its share to the next one, and no prefix is off by more than a slice and the least child.

mod divisor;
mod slots;
mod twap;
mod vwap;

pub use twap::twap;
pub use vwap::vwap;

use self::divisor::Divisor;
use self::slots::SlotTimes;
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

    /// One slot a weight; `weights` are `count`, not all zero, and at most [`WEIGHT_MAX`] each.
    fn new(
        parent: &Parent,
        count: usize,
        weights: impl Iterator<Item = u64> + Clone,
    ) -> Result<Self, ScheduleError> {
        let mut times = SlotTimes::new(parent, count)?;
        let weight_sum: u64 = weights.clone().sum();
        let divisor = Divisor::new(weight_sum);
        let total = parent.total.0.unsigned_abs();
        let mut weight_so_far = 0_u64;
        let mut sent = 0_i64;
        let mut children: Vec<Child> = Vec::with_capacity(count);
        for weight in weights {
            let at = times.next_time();
            weight_so_far += weight;
            let share = u128::from(total) * u128::from(weight_so_far);
            let target = divisor.divide(share + u128::from(weight_sum / 2)) as i64;
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
                at: parent.start,
                size: parent.total,
            }),
        }
        Ok(Self { children })
    }
}

/// The largest weight: the sum of 2^20 such weights times 2^63 lots has a quotient of 64 bits.
const WEIGHT_MAX: u64 = 1 << 40;

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
