//! The trade tape: every trade once, in the order of its id, and the candles made of them.
//!
//! Trade ids are consecutive. A hole makes the later trades wait until the missing ones are told (a REST
//! reply fills it), so a candle is either complete or not reported at all.

use std::collections::{BTreeMap, VecDeque};

use crate::decode::Trade;
use crate::units::{PriceTicks, Side, SizeLots, TimestampNs};

/// Most trades that wait behind a hole. Further ones are refused, which leaves a hole behind these.
pub const MAX_WAITING_TRADES: usize = 100_000;
/// Most closed candles that wait to be taken: 12 days of one-second candles.
pub const MAX_WAITING_CANDLES: usize = 1 << 20;

/// All trades with `open_ns <= time < close_ns`. Nothing is closed without a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candle {
    /// Begin, a multiple of the interval since the epoch.
    pub open_ns: TimestampNs,
    /// End, exclusive.
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
    fn begin(trade: &Trade, open_ns: i64, interval_ns: i64) -> Option<Self> {
        Some(Self {
            open_ns: TimestampNs(open_ns),
            close_ns: TimestampNs(open_ns.checked_add(interval_ns)?),
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
        })
    }

    /// The candle with one trade more, or None if a sum overflows.
    fn with(mut self, trade: &Trade) -> Option<Self> {
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

/// Why the tape refused a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TapeError {
    /// The sum of sizes in a candle exceeds an `i64`.
    #[error("trade {0} overflows its candle's volume or time; check the size step and the trade")]
    Overflow(i64),
    /// Nobody takes the closed candles.
    #[error("{MAX_WAITING_CANDLES} closed candles wait; take them")]
    CandlesNotTaken,
}

/// What a trade did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TradeOutcome {
    /// It is on the tape, and so are those that waited for it.
    Applied,
    /// It waits for the missing trades before it.
    Waiting,
    /// It is known already.
    Stale,
    /// Too many wait; it was not kept.
    Refused,
}

/// Puts trades in order and closes candles.
#[derive(Debug, Clone)]
pub struct TradeTape {
    interval_ns: i64,
    last_id: i64,
    /// Latest trade time: time on the tape does not go back.
    last_trade_ns: i64,
    waiting: BTreeMap<i64, Trade>,
    candle: Option<Candle>,
    /// The current candle began before the tape did.
    is_partial: bool,
    closed: VecDeque<Candle>,
}

impl TradeTape {
    /// A tape that goes on after `resume_trade_id`, the last trade of a closed candle, or, with 0, begins at
    /// the first trade seen. Candles last `interval_ns`, which must be positive.
    pub fn new(interval_ns: i64, resume_trade_id: i64) -> Self {
        Self {
            interval_ns: interval_ns.max(1),
            last_id: resume_trade_id.max(0),
            last_trade_ns: 0,
            waiting: BTreeMap::new(),
            candle: None,
            is_partial: resume_trade_id <= 0,
            closed: VecDeque::new(),
        }
    }

    /// Id of the last trade on the tape; 0 before the first.
    pub fn last_id(&self) -> i64 {
        self.last_id
    }

    /// The hole that trades wait behind: its first and last id.
    pub fn missing(&self) -> Option<(i64, i64)> {
        self.waiting
            .keys()
            .next()
            .map(|next| (self.last_id.saturating_add(1), next - 1))
    }

    /// Takes the closed candles, oldest first.
    pub fn take_candles(&mut self) -> VecDeque<Candle> {
        std::mem::take(&mut self.closed)
    }

    /// Takes a trade of the stream or of a REST reply, and calls `on_trade` for each market trade that comes
    /// onto the tape by it, in order, with its time on the tape.
    ///
    /// # Errors
    /// See [`TapeError`]. The tape then stands before the trade that it could not take.
    pub fn on_trade(
        &mut self,
        trade: &Trade,
        mut on_trade: impl FnMut(&Trade, TimestampNs),
    ) -> Result<TradeOutcome, TapeError> {
        let is_first = self.last_id == 0;
        if !is_first && trade.id <= self.last_id {
            return Ok(TradeOutcome::Stale);
        }
        if !is_first && trade.id - 1 != self.last_id {
            return Ok(self.wait(trade));
        }
        self.append(trade, &mut on_trade)?;
        while let Some((id, next)) = self
            .waiting
            .first_key_value()
            .map(|(id, next)| (*id, *next))
        {
            let expected_id = self.last_id.saturating_add(1);
            if id > expected_id {
                break;
            }
            if id == expected_id {
                self.append(&next, &mut on_trade)?;
            }
            self.waiting.remove(&id);
        }
        Ok(TradeOutcome::Applied)
    }

    fn wait(&mut self, trade: &Trade) -> TradeOutcome {
        if self.waiting.contains_key(&trade.id) {
            return TradeOutcome::Stale;
        }
        if self.waiting.len() >= MAX_WAITING_TRADES {
            return TradeOutcome::Refused;
        }
        self.waiting.insert(trade.id, *trade);
        TradeOutcome::Waiting
    }

    fn append(
        &mut self,
        trade: &Trade,
        on_trade: &mut impl FnMut(&Trade, TimestampNs),
    ) -> Result<(), TapeError> {
        if trade.is_market {
            let trade_ns = trade.trade_ns.0.max(self.last_trade_ns);
            self.extend_candle(trade, trade_ns)?;
            self.last_trade_ns = trade_ns;
            on_trade(trade, TimestampNs(trade_ns));
        }
        self.last_id = trade.id;
        Ok(())
    }

    /// Adds a trade to the current candle, or closes that and begins the next. An error changes nothing.
    fn extend_candle(&mut self, trade: &Trade, trade_ns: i64) -> Result<(), TapeError> {
        let overflow = TapeError::Overflow(trade.id);
        if let Some(candle) = self.candle.filter(|candle| trade_ns < candle.close_ns.0) {
            self.candle = Some(candle.with(trade).ok_or(overflow)?);
            return Ok(());
        }
        if self.closed.len() >= MAX_WAITING_CANDLES {
            return Err(TapeError::CandlesNotTaken);
        }
        let open_ns = trade_ns - trade_ns.rem_euclid(self.interval_ns);
        let next =
            Candle::begin(trade, open_ns, self.interval_ns).and_then(|candle| candle.with(trade));
        if let Some(closed) = self.candle.replace(next.ok_or(overflow)?) {
            if !self.is_partial {
                self.closed.push_back(closed);
            }
            self.is_partial = false;
        }
        Ok(())
    }
}
