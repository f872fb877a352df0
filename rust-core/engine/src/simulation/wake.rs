//! What wakes the trader.

/// Bits of a wake's reasons.
pub mod reason {
    /// The moment of a timer.
    pub const TIMER: u32 = 1;
    /// News of an order.
    pub const REPORT: u32 = 2;
    /// A candle has closed.
    pub const CANDLE: u32 = 4;
    /// The best bid or ask has changed, in price or size.
    pub const TOUCH: u32 = 8;
    /// The spread has widened to what was waited for.
    pub const SPREAD: u32 = 16;
    /// The mid has come to, or crossed, the price that was waited for.
    pub const CROSSING: u32 = 32;
}

/// The trader is awake, after everything of this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wake {
    /// The moment.
    pub now_ns: i64,
    /// Bits of [`reason`].
    pub reasons: u32,
    /// The instrument that it is about; 0 for a timer.
    pub instrument: usize,
}

/// Best bid and ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// Best bid.
    pub bid_ticks: i64,
    /// What stands there.
    pub bid_lots: i64,
    /// Best ask.
    pub ask_ticks: i64,
    /// What stands there.
    pub ask_lots: i64,
}

/// What the trader waits for of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watch {
    /// News of his orders.
    pub is_report: bool,
    /// Each change of the touch.
    pub is_touch: bool,
    /// The spread becomes so many ticks or more.
    pub spread_ticks: Option<i64>,
    /// The mid comes to this price, or crosses it.
    pub crossing_ticks: Option<i64>,
    is_wide: bool,
    /// Where the mid was: below (-1), at (0) or above (1) the price.
    place: Option<i8>,
}

impl Watch {
    /// Waits for these.
    pub fn new(
        is_report: bool,
        is_touch: bool,
        spread_ticks: Option<i64>,
        crossing_ticks: Option<i64>,
    ) -> Self {
        Self {
            is_report,
            is_touch,
            spread_ticks,
            crossing_ticks,
            ..Self::default()
        }
    }

    #[inline]
    pub(super) fn looks_at_touch(&self) -> bool {
        self.is_touch || self.spread_ticks.is_some() || self.crossing_ticks.is_some()
    }

    /// The touch has changed.
    pub(super) fn on_touch(&mut self, touch: Option<Touch>) -> u32 {
        let mut reasons = if self.is_touch { reason::TOUCH } else { 0 };
        let Some(touch) = touch else {
            return reasons;
        };
        if let Some(spread_ticks) = self.spread_ticks {
            let is_wide = touch.ask_ticks - touch.bid_ticks >= spread_ticks;
            if is_wide && !self.is_wide {
                reasons |= reason::SPREAD;
            }
            self.is_wide = is_wide;
        }
        if let Some(price) = self.crossing_ticks {
            let place = (touch.bid_ticks - price)
                .saturating_add(touch.ask_ticks - price)
                .signum() as i8;
            if self
                .place
                .is_some_and(|before| before != place && before != 0)
            {
                reasons |= reason::CROSSING;
            }
            self.place = Some(place);
        }
        reasons
    }
}
