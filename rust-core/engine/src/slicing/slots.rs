//! Equal cuts of an interval, to the nanosecond, and a time in each.

use super::{Parent, ScheduleError};
use crate::random::Random;
use crate::units::TimestampNs;

/// The time of each slot in turn.
///
/// Slot `i` begins at `length * i / count`, rounded down. The quotient's fraction is carried from slot to
/// slot, so that no slot needs a division.
pub(super) struct SlotTimes {
    start: i64,
    count: u64,
    /// A slot's length: whole nanoseconds, and `count`-ths of one.
    whole_ns: u64,
    parts: u64,
    /// Where the next slot begins after the start.
    begin_ns: u64,
    begin_parts: u64,
    jitter: f64,
    random: Random,
}

impl SlotTimes {
    pub(super) fn new(parent: &Parent, slots: usize) -> Result<Self, ScheduleError> {
        // The callers have checked that the interval is not empty: any two timestamps' distance fits 64 bits.
        let length_ns = parent.end.0.abs_diff(parent.start.0);
        let count = slots as u64;
        if length_ns < count {
            return Err(ScheduleError::ShortInterval {
                length_ns: i128::from(length_ns),
                slots,
            });
        }
        Ok(Self {
            start: parent.start.0,
            count,
            whole_ns: length_ns / count,
            parts: length_ns % count,
            begin_ns: 0,
            begin_parts: 0,
            jitter: parent.jitter,
            random: Random::new(parent.seed),
        })
    }

    /// A moment of the next slot: its first one, or a share of up to `jitter` later. Called once a slot.
    #[inline]
    pub(super) fn next_time(&mut self) -> TimestampNs {
        let begin_ns = self.begin_ns;
        let mut length_ns = self.whole_ns;
        self.begin_parts += self.parts;
        if self.begin_parts >= self.count {
            self.begin_parts -= self.count;
            length_ns += 1;
        }
        self.begin_ns += length_ns;
        let mut late_ns = 0;
        if self.jitter > 0.0 {
            let share = self.jitter * self.random.unit();
            late_ns = ((length_ns as f64 * share) as u64).min(length_ns - 1);
        }
        // Before the interval's end, so within the type.
        TimestampNs(self.start.wrapping_add_unsigned(begin_ns + late_ns))
    }
}
