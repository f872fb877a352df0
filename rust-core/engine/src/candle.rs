//! Candles by time, by trades, by volume and by notional, made of whole trades in the order of the tape.
//!
//! The last three are the tick, volume and dollar bars of López de Prado, "Advances in Financial Machine
//! Learning" (2018), chapter 2: a candle closes *with* the trade that brings it to its threshold. That trade is
//! not split and nothing is carried over, so a candle may exceed its threshold by less than one trade. In
//! return each trade is in exactly one candle, ids have no seam, and whoever goes on after a candle's last
//! trade makes the same candles as whoever never stopped.

use std::collections::VecDeque;

use crate::decode::Trade;
use crate::units::{PriceTicks, Side, SizeLots, TimestampNs};

/// Most closed candles that wait to be taken: 12 days of one-second candles.
pub const MAX_WAITING_CANDLES: usize = 1 << 20;
/// How much of an unknown rule's name an error quotes, in characters.
const MAX_QUOTED_CHARS: usize = 40;

/// What closes a candle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CandleRule {
    /// The first trade of a later interval; intervals are counted from the epoch.
    Time {
        /// Length of an interval.
        interval_ns: i64,
    },
    /// The trade that makes it so many.
    Trades {
        /// Number of trades.
        count: i64,
    },
    /// The trade with which the volume reaches the threshold.
    Volume {
        /// Threshold in lots.
        lots: i64,
    },
    /// The trade with which the sum of price times size reaches the threshold.
    Notional {
        /// Threshold in tick·lots.
        tick_lots: i128,
    },
}

/// Why a rule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CandleRuleError {
    /// Not the name of a rule.
    #[error("candle_rule {0:?} is unknown; use time, trades, volume or notional")]
    Unknown(String),
    /// An interval or a threshold of nothing.
    #[error("{name} must be 1 or more, got {value}")]
    NotPositive {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: i128,
    },
    /// A threshold beyond what can be counted.
    #[error("candle_size is out of range, got {0}")]
    OutOfRange(i128),
    /// The setting that the rule needs is missing.
    #[error("candle_rule {rule} needs {name}")]
    Missing {
        /// The rule.
        rule: &'static str,
        /// The setting that it needs.
        name: &'static str,
    },
    /// A setting of another rule, which would be ignored.
    #[error("candle_rule {rule} does not use {name}")]
    Unused {
        /// The rule.
        rule: &'static str,
        /// The setting that it has no use for.
        name: &'static str,
    },
}

const INTERVAL: &str = "candle_interval_ns";
const SIZE: &str = "candle_size";

impl CandleRule {
    /// Reads a rule from settings: `time` needs an interval, the others a size (trades, lots or tick·lots).
    ///
    /// # Errors
    /// The name is unknown; a number is missing, out of range or of no use to the rule.
    pub fn from_settings(
        name: &str,
        interval_ns: Option<i64>,
        size: Option<i128>,
    ) -> Result<Self, CandleRuleError> {
        if name == "time" {
            if size.is_some() {
                let (rule, name) = ("time", SIZE);
                return Err(CandleRuleError::Unused { rule, name });
            }
            let (rule, name) = ("time", INTERVAL);
            let interval_ns = interval_ns.ok_or(CandleRuleError::Missing { rule, name })?;
            return Self::Time { interval_ns }.checked();
        }
        let rule = ["trades", "volume", "notional"]
            .into_iter()
            .find(|rule| *rule == name)
            .ok_or_else(|| {
                CandleRuleError::Unknown(name.chars().take(MAX_QUOTED_CHARS).collect())
            })?;
        if interval_ns.is_some() {
            let name = INTERVAL;
            return Err(CandleRuleError::Unused { rule, name });
        }
        let size = size.ok_or(CandleRuleError::Missing { rule, name: SIZE })?;
        let narrow = || i64::try_from(size).map_err(|_| CandleRuleError::OutOfRange(size));
        match rule {
            "trades" => Self::Trades { count: narrow()? },
            "volume" => Self::Volume { lots: narrow()? },
            _ => Self::Notional { tick_lots: size },
        }
        .checked()
    }

    /// The rule, if its number is positive.
    ///
    /// # Errors
    /// The number is zero or negative.
    pub fn checked(self) -> Result<Self, CandleRuleError> {
        let (name, value) = match self {
            Self::Time { interval_ns } => (INTERVAL, i128::from(interval_ns)),
            Self::Trades { count } => (SIZE, i128::from(count)),
            Self::Volume { lots } => (SIZE, i128::from(lots)),
            Self::Notional { tick_lots } => (SIZE, tick_lots),
        };
        if value >= 1 {
            return Ok(self);
        }
        Err(CandleRuleError::NotPositive { name, value })
    }

    /// When a candle opens whose first trade is at `trade_ns`, and when it closes if that is known before its
    /// last trade; None on overflow.
    fn bounds(self, trade_ns: i64) -> Option<(i64, i64)> {
        match self {
            Self::Time { interval_ns } => {
                let open_ns = trade_ns.checked_sub(trade_ns.rem_euclid(interval_ns.max(1)))?;
                Some((open_ns, open_ns.checked_add(interval_ns.max(1))?))
            }
            _ => Some((trade_ns, trade_ns)),
        }
    }

    /// True if a trade at `trade_ns` begins another candle.
    fn is_over(self, candle: &Candle, trade_ns: i64) -> bool {
        matches!(self, Self::Time { .. }) && trade_ns >= candle.close_ns.0
    }

    /// True if a candle closes with the trade that it took last.
    fn is_reached(self, candle: &Candle) -> bool {
        match self {
            Self::Time { .. } => false,
            Self::Trades { count } => candle.trade_count >= count,
            Self::Volume { lots } => candle.volume.0 >= lots,
            Self::Notional { tick_lots } => candle.notional >= tick_lots,
        }
    }
}

/// Consecutive trades. Nothing is closed without a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candle {
    /// Begin: by time, a multiple of the interval since the epoch; else the time of the first trade.
    pub open_ns: TimestampNs,
    /// End: by time, the end of the interval, exclusive; else the time of the last trade.
    pub close_ns: TimestampNs,
    /// Price of the first trade.
    pub open: PriceTicks,
    /// Highest price.
    pub high: PriceTicks,
    /// Lowest price.
    pub low: PriceTicks,
    /// Price of the last trade.
    pub close: PriceTicks,
    /// Sum of the sizes.
    pub volume: SizeLots,
    /// The part of the volume that takers bought.
    pub buy_volume: SizeLots,
    /// Sum of price times size, in tick·lots.
    pub notional: i128,
    /// Number of trades.
    pub trade_count: i64,
    /// Id of the first trade.
    pub first_trade_id: i64,
    /// Id of the last trade.
    pub last_trade_id: i64,
}

impl Candle {
    fn begin(trade: &Trade, (open_ns, close_ns): (i64, i64)) -> Self {
        Self {
            open_ns: TimestampNs(open_ns),
            close_ns: TimestampNs(close_ns),
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume: SizeLots::ZERO,
            buy_volume: SizeLots::ZERO,
            notional: 0,
            trade_count: 0,
            first_trade_id: trade.id,
            last_trade_id: trade.id,
        }
    }

    /// The candle with one trade more, or None if a sum overflows.
    fn with(mut self, trade: &Trade, trade_ns: i64) -> Option<Self> {
        self.close_ns.0 = self.close_ns.0.max(trade_ns);
        self.high = self.high.max(trade.price);
        self.low = self.low.min(trade.price);
        self.close = trade.price;
        self.volume = self.volume.checked_add(trade.size)?;
        if trade.taker == Side::Buy {
            self.buy_volume = self.buy_volume.checked_add(trade.size)?;
        }
        self.notional = self
            .notional
            .checked_add(trade.price.notional(trade.size))?;
        self.trade_count += 1;
        self.last_trade_id = trade.id;
        Some(self)
    }
}

/// Why a trade cannot be put into a candle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CandleError {
    /// The sum of sizes in a candle exceeds an `i64`, or its end a timestamp.
    #[error("trade {0} overflows its candle's volume or time; check the size step and the trade")]
    Overflow(i64),
    /// Nobody takes the closed candles.
    #[error("{MAX_WAITING_CANDLES} closed candles wait; take them")]
    NotTaken,
}

/// Makes candles of trades that come in order.
#[derive(Debug, Clone)]
pub struct CandleBuilder {
    rule: CandleRule,
    candle: Option<Candle>,
    /// The current candle began before the first trade seen.
    is_partial: bool,
    closed: VecDeque<Candle>,
}

impl CandleBuilder {
    /// A builder that has seen no trade. `is_resumed` says that the first trade is known to be the first of its
    /// candle. If it is not, the first candle by time is not reported: it began before the first trade seen.
    /// The other rules have no such candle, as theirs begin with the first trade that there is.
    pub fn new(rule: CandleRule, is_resumed: bool) -> Self {
        Self {
            rule,
            candle: None,
            is_partial: !is_resumed && matches!(rule, CandleRule::Time { .. }),
            closed: VecDeque::new(),
        }
    }

    /// Takes the closed candles, oldest first.
    pub fn take_closed(&mut self) -> VecDeque<Candle> {
        std::mem::take(&mut self.closed)
    }

    /// Adds a trade that took place at `trade_ns`, which must not go back.
    ///
    /// # Errors
    /// See [`CandleError`]. An error changes nothing.
    pub fn on_trade(&mut self, trade: &Trade, trade_ns: TimestampNs) -> Result<(), CandleError> {
        let TimestampNs(trade_ns) = trade_ns;
        let overflow = CandleError::Overflow(trade.id);
        let current = self
            .candle
            .filter(|candle| !self.rule.is_over(candle, trade_ns));
        let candle = match current {
            Some(candle) => candle,
            None => Candle::begin(trade, self.rule.bounds(trade_ns).ok_or(overflow)?),
        };
        let candle = candle.with(trade, trade_ns).ok_or(overflow)?;
        let is_reached = self.rule.is_reached(&candle);
        if (current.is_none() || is_reached) && self.closed.len() >= MAX_WAITING_CANDLES {
            return Err(CandleError::NotTaken);
        }
        let previous = self.candle.replace(candle);
        if current.is_none() {
            self.close(previous);
        }
        if is_reached {
            let reached = self.candle.take();
            self.close(reached);
        }
        Ok(())
    }

    /// Trades were lost: the current candle is dropped, and so is the one by time that the next trade is in.
    pub fn lose(&mut self) {
        self.candle = None;
        self.is_partial = matches!(self.rule, CandleRule::Time { .. });
    }

    fn close(&mut self, candle: Option<Candle>) {
        let Some(candle) = candle else {
            return;
        };
        if !self.is_partial {
            self.closed.push_back(candle);
        }
        self.is_partial = false;
    }
}
