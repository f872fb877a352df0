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

use super::decay::DecayedSums;
use crate::units::TimestampNs;

/// Depths, in levels a side, over which the flow is summed.
pub const FLOW_DEPTHS: [usize; 3] = [1, 5, 10];

const FLOW_LEVELS: usize = FLOW_DEPTHS[FLOW_DEPTHS.len() - 1];

/// Lots of flow within each of [`FLOW_DEPTHS`].
pub type Flow = [f64; FLOW_DEPTHS.len()];

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
    pub fn add(&mut self, flow: Flow, now: TimestampNs) {
        self.sums.add(now, flow);
    }

    /// Forgets everything: what happened to the book in between is not known.
    pub fn reset(&mut self) {
        self.sums.reset();
    }

    /// Lots per second at [`FLOW_DEPTHS`], positive for more bids; None until one time constant has been
    /// watched.
    #[inline]
    pub fn lots_per_s(&self, now: TimestampNs) -> Option<Flow> {
        self.sums.rates_per_s(now)
    }
}

/// The levels of a side that flow is measured by.
#[derive(Debug, Clone, Copy)]
pub(super) struct FlowLevels {
    ranks: [i64; FLOW_LEVELS],
    lots: [i64; FLOW_LEVELS],
}

impl FlowLevels {
    /// The first of `len` levels. One that is not there is worse than any, and without size.
    #[inline]
    pub(super) fn of<const KEPT: usize>(
        len: usize,
        all_ranks: &[i64; KEPT],
        all_lots: &[i64; KEPT],
    ) -> Self {
        let mut ranks: [i64; FLOW_LEVELS] = std::array::from_fn(|index| all_ranks[index]);
        let mut lots: [i64; FLOW_LEVELS] = std::array::from_fn(|index| all_lots[index]);
        if len < FLOW_LEVELS {
            ranks[len..].fill(i64::MIN);
            lots[len..].fill(0);
        }
        Self { ranks, lots }
    }
}

/// What a side gained from one state to the next, which differ from the level `from` on only.
#[inline]
pub(super) fn gains(previous: &FlowLevels, next: &FlowLevels, from: usize) -> Flow {
    let (mut total, mut begin) = (0, from);
    FLOW_DEPTHS.map(|end| {
        for index in begin..end {
            let (old_rank, rank) = (previous.ranks[index], next.ranks[index]);
            total += if rank >= old_rank {
                next.lots[index]
            } else {
                0
            };
            total -= if rank <= old_rank {
                previous.lots[index]
            } else {
                0
            };
        }
        begin = end.max(from);
        total as f64
    })
}
