//! Time-weighted average price: equal slices over time.

use super::{Parent, Schedule, ScheduleError, check};

/// Slices `parent` into `slices` equal children, or fewer where these would be smaller than the least size.
/// Children differ by one lot at most.
///
/// # Errors
/// See [`ScheduleError`].
pub fn twap(parent: &Parent, slices: usize) -> Result<Schedule, ScheduleError> {
    check(parent, slices)?;
    let affordable = (parent.total.0 / parent.min.0).max(1);
    let slots = usize::try_from(affordable)
        .unwrap_or(usize::MAX)
        .min(slices);
    Schedule::new(parent, slots, std::iter::repeat_n(1, slots))
}
