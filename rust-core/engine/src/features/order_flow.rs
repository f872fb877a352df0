//! Order-flow imbalance: how much more size came to the bids, or left the asks, than the other way round.
//!
//! Source: Cont, Kukanov and Stoikov, "The Price Impact of Order Book Events" (2014), at the best level; the
//! same at deeper levels is Xu, Gould and Howison, "Multi-Level Order-Flow Imbalance in a Limit Order Book"
//! (2018). From one state of the book to the next, a side whose price at a level
//!
//! - improved: gained all that stands there now,
//! - worsened: lost all that stood there,
//! - stayed: gained the difference.
//!
//! The imbalance is the gain of the bids less the gain of the asks. Where a venue sends many changes in one
//! update, the flow is that between the states it shows; what cancelled out in between is not known.

use super::book::{TopLevels, TopSide};
use super::decay::DecayedSums;
use crate::decode::Level;
use crate::units::TimestampNs;

/// Depths, in levels a side, over which the flow is summed.
pub const FLOW_DEPTHS: [usize; 3] = [1, 5, 10];

/// Decayed order-flow imbalance of a book.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderFlow {
    sums: DecayedSums<{ FLOW_DEPTHS.len() }>,
}

impl OrderFlow {
    /// A flow that remembers `time_constant_ns` and has not begun.
    pub fn new(time_constant_ns: i64) -> Self {
        Self {
            sums: DecayedSums::new(time_constant_ns),
        }
    }

    /// Begins with a state of the book that is not compared with another.
    pub fn begin(&mut self, now: TimestampNs) {
        self.sums.begin(now);
    }

    /// Adds the flow that led from one state to the next.
    #[inline]
    pub fn on_change(&mut self, previous: &TopLevels, next: &TopLevels, now: TimestampNs) {
        let bids = gains(&previous.bids, &next.bids);
        let asks = gains(&previous.asks, &next.asks);
        let flow = std::array::from_fn(|index| bids[index] - asks[index]);
        self.sums.add(now, flow);
    }

    /// Forgets everything: what happened to the book in between is not known.
    pub fn reset(&mut self) {
        self.sums.reset();
    }

    /// Lots per second at [`FLOW_DEPTHS`], positive for more bids; None until one time constant has been
    /// watched.
    #[inline]
    pub fn lots_per_s(&self, now: TimestampNs) -> Option<[f64; FLOW_DEPTHS.len()]> {
        self.sums.rates_per_s(now)
    }
}

/// What a side gained from one state to the next, within each of [`FLOW_DEPTHS`].
#[inline]
fn gains(previous: &TopSide, next: &TopSide) -> [f64; FLOW_DEPTHS.len()] {
    let (mut total, mut begin) = (0.0, 0);
    FLOW_DEPTHS.map(|end| {
        for level in begin..end {
            let (before, after) = (previous.levels().get(level), next.levels().get(level));
            total += gain(next, before.copied(), after.copied());
        }
        begin = end;
        total
    })
}

/// A level that is not there is worse than any, and without size.
#[inline]
fn gain(side: &TopSide, before: Option<Level>, after: Option<Level>) -> f64 {
    let lots = |level: Option<Level>| level.map_or(0.0, |level| level.size.0 as f64);
    let rank = |level: Option<Level>| level.map(|level| side.rank(level.price));
    let (is_better, is_worse) = (rank(after) >= rank(before), rank(after) <= rank(before));
    let gained = if is_better { lots(after) } else { 0.0 };
    let lost = if is_worse { lots(before) } else { 0.0 };
    gained - lost
}
