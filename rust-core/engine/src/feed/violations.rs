//! Breaches of a venue's integrity rule: which frame, when, and what was wrong.

use std::collections::VecDeque;

use crate::book::sync::UpdateOutcome;
use crate::decode::{DecodeError, DepthUpdate, Lost};
use crate::units::TimestampNs;

/// Most violations that wait to be taken; beyond it the oldest are forgotten.
const MAX_WAITING_VIOLATIONS: usize = 1_024;

/// What was breached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViolationKind {
    /// Updates or messages were lost.
    Gap,
    /// The book would be crossed.
    Crossed,
    /// The book is not the venue's, by the venue's checksum.
    Checksum,
    /// Trades were lost, and with them a candle; the book stands.
    Trades,
    /// A frame could not be read, and no rule of the venue would show what was lost with it.
    Malformed,
}

impl ViolationKind {
    /// The kind in a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Crossed => "crossed",
            Self::Checksum => "checksum",
            Self::Trades => "trades",
            Self::Malformed => "malformed",
        }
    }
}

/// A breach. The book was made invalid by it, unless it was of the trades only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The frame's number in this feed, from 1.
    pub frame: u64,
    /// When the frame was received.
    pub received_ns: TimestampNs,
    /// What was breached.
    pub kind: ViolationKind,
    /// What was expected and what came.
    pub what: String,
}

/// Numbers the frames and keeps the breaches.
#[derive(Debug, Clone, Default)]
pub(super) struct Violations {
    frames: u64,
    waiting: VecDeque<Violation>,
}

impl Violations {
    pub(super) fn see_frame(&mut self) {
        self.frames += 1;
    }

    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    pub(super) fn take(&mut self) -> VecDeque<Violation> {
        std::mem::take(&mut self.waiting)
    }

    /// Keeps what an update breached, if anything.
    #[inline]
    pub(super) fn judge(
        &mut self,
        outcome: UpdateOutcome,
        known_id: i64,
        update: &DepthUpdate,
        received_ns: TimestampNs,
    ) {
        if matches!(
            outcome,
            UpdateOutcome::Gap | UpdateOutcome::Crossed | UpdateOutcome::Checksum
        ) {
            self.breached(outcome, known_id, update, received_ns);
        }
    }

    #[cold]
    fn breached(
        &mut self,
        outcome: UpdateOutcome,
        known_id: i64,
        update: &DepthUpdate,
        received_ns: TimestampNs,
    ) {
        let (previous_id, last_id) = (update.previous_id, update.last_id);
        let (kind, what) = match outcome {
            UpdateOutcome::Gap => (
                ViolationKind::Gap,
                format!("update {last_id} follows {previous_id}, the last one was {known_id}"),
            ),
            UpdateOutcome::Checksum => (
                ViolationKind::Checksum,
                format!(
                    "after update {last_id} the venue's checksum is {}, the book's is another",
                    update.checksum.unwrap_or_default()
                ),
            ),
            _ => (
                ViolationKind::Crossed,
                format!("after update {last_id} the best bid is at or above the best ask"),
            ),
        };
        self.keep(kind, what, received_ns);
    }

    pub(super) fn lost(&mut self, lost: Lost, received_ns: TimestampNs) {
        let Lost { expected, found } = lost;
        let what = format!("the connection's message {expected} is missing, {found} came");
        self.keep(ViolationKind::Gap, what, received_ns);
    }

    pub(super) fn trades_lost(&mut self, (first, last): (i64, i64), received_ns: TimestampNs) {
        let what = format!("trades {first} to {last} are lost, and their candle with them");
        self.keep(ViolationKind::Trades, what, received_ns);
    }

    pub(super) fn malformed(&mut self, error: &DecodeError, received_ns: TimestampNs) {
        self.keep(ViolationKind::Malformed, error.to_string(), received_ns);
    }

    fn keep(&mut self, kind: ViolationKind, what: String, received_ns: TimestampNs) {
        if self.waiting.len() == MAX_WAITING_VIOLATIONS {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Violation {
            frame: self.frames,
            received_ns,
            kind,
            what,
        });
    }
}
