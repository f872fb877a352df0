//! What one frame says of one instrument, where a frame may hold several books, updates and trades.

use super::{DecodeError, DepthUpdate, Trade};

/// Most trades in one frame.
const MAX_TRADES: usize = 10_000;

/// Messages of the connection that never came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// The number that should have come.
    pub expected: i64,
    /// The number that came.
    pub found: i64,
}

/// A frame's content, in the venue's order, decoded as a whole before any of it is applied. The buffers are
/// used again for the next frame.
#[derive(Debug, Clone, Default)]
pub struct Message {
    updates: Vec<DepthUpdate>,
    used: usize,
    /// Trades, oldest first. An id of zero: the venue gives none that are consecutive.
    pub trades: Vec<Trade>,
    /// What the connection's own numbering says was lost before this frame.
    pub lost: Option<Lost>,
}

impl Message {
    /// Forgets the last frame.
    pub fn clear(&mut self) {
        self.used = 0;
        self.trades.clear();
        self.lost = None;
    }

    /// A cleared update, the next of the frame.
    pub fn begin_update(&mut self) -> &mut DepthUpdate {
        if self.used == self.updates.len() {
            self.updates.push(DepthUpdate::default());
        }
        let update = &mut self.updates[self.used];
        self.used += 1;
        update.clear();
        update
    }

    /// Keeps a trade.
    ///
    /// # Errors
    /// The frame has too many; `offset` is where it ends.
    pub fn push_trade(&mut self, trade: Trade, offset: usize) -> Result<(), DecodeError> {
        if self.trades.len() == MAX_TRADES {
            let what = format!("more than {MAX_TRADES} trades in one frame");
            return Err(DecodeError::new(what, offset));
        }
        self.trades.push(trade);
        Ok(())
    }

    /// The frame's books and updates, in its order.
    pub fn updates(&self) -> &[DepthUpdate] {
        &self.updates[..self.used]
    }
}
