//! Volume-weighted average price: slices in proportion to an expected volume profile.

use super::{Parent, Schedule, ScheduleError, WEIGHT_MAX, check};

/// Slices `parent` in proportion to `weights`, one slot each.
///
/// Weights count to 2^-40 of the largest. A slot whose share is below the least size leaves it to the next
/// one, and what remains at the end joins the last child.
///
/// # Errors
/// See [`ScheduleError`].
pub fn vwap(parent: &Parent, weights: &[f64]) -> Result<Schedule, ScheduleError> {
    check(parent, weights.len())?;
    let wrong = |weight: &f64| !weight.is_finite() || *weight < 0.0;
    if let Some(index) = weights.iter().position(wrong) {
        return Err(ScheduleError::Weight {
            index,
            weight: weights[index],
        });
    }
    let largest = weights.iter().copied().fold(0.0, f64::max);
    if largest <= 0.0 {
        return Err(ScheduleError::ZeroWeights);
    }
    // Half up: `round` would be a call where the target has no instruction for it.
    let scaled = |weight: &f64| (weight / largest * WEIGHT_MAX as f64 + 0.5) as u64;
    let weights: Vec<u64> = weights.iter().map(scaled).collect();
    Schedule::new(parent, weights.len(), weights.iter().copied())
}
