//! The trade tape: every trade once, in the order of its id, and the candles made of them.
//!
//! Trade ids are consecutive. A hole makes the later trades wait until the missing ones are told (a REST
//! reply fills it), so a candle is either complete or not reported at all. Where nobody can tell them, the tape is
//! told of the loss, and drops the candle instead of waiting for ever.

use std::collections::{BTreeMap, VecDeque};

use crate::candle::{Candle, CandleBuilder, CandleError, CandleRule};
use crate::decode::Trade;
use crate::units::TimestampNs;

/// Most trades that wait behind a hole. Further ones are refused, which leaves a hole behind these.
pub const MAX_WAITING_TRADES: usize = 100_000;

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
    last_id: i64,
    /// Trades were lost for good: the next one may have any id.
    is_torn: bool,
    /// Latest trade time: time on the tape does not go back.
    last_trade_ns: i64,
    waiting: BTreeMap<i64, Trade>,
    candles: CandleBuilder,
}

impl TradeTape {
    /// A tape that goes on after `resume_trade_id`, the last trade of a closed candle, or, with 0, begins at
    /// the first trade seen.
    pub fn new(candle_rule: CandleRule, resume_trade_id: i64) -> Self {
        Self {
            last_id: resume_trade_id.max(0),
            is_torn: false,
            last_trade_ns: 0,
            waiting: BTreeMap::new(),
            candles: CandleBuilder::new(candle_rule, resume_trade_id > 0),
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

    /// The ids that should have come before a trade.
    pub fn missing_before(&self, trade: &Trade) -> Option<(i64, i64)> {
        let expected_id = self.last_id.saturating_add(1);
        let is_hole = self.last_id != 0 && !self.is_torn && trade.id > expected_id;
        is_hole.then(|| (expected_id, trade.id - 1))
    }

    /// Trades were lost that nobody will tell: the candle that they may belong to is dropped, with what waits,
    /// and the tape goes on with the next trade.
    pub fn lose(&mut self) {
        if let Some((id, _)) = self.waiting.last_key_value() {
            self.last_id = self.last_id.max(*id);
        }
        self.waiting.clear();
        self.candles.lose();
        self.is_torn = true;
    }

    /// Takes the closed candles, oldest first.
    pub fn take_candles(&mut self) -> VecDeque<Candle> {
        self.candles.take_closed()
    }

    /// Takes a trade of the stream or of a REST reply, and calls `on_trade` for each market trade that comes
    /// onto the tape by it, in order, with its time on the tape.
    ///
    /// # Errors
    /// See [`CandleError`]. The tape then stands before the trade that it could not take.
    pub fn on_trade(
        &mut self,
        trade: &Trade,
        mut on_trade: impl FnMut(&Trade, TimestampNs),
    ) -> Result<TradeOutcome, CandleError> {
        let is_first = self.last_id == 0;
        let follows = is_first || self.is_torn || trade.id - 1 == self.last_id;
        if !is_first && trade.id <= self.last_id {
            return Ok(TradeOutcome::Stale);
        }
        if !follows {
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
    ) -> Result<(), CandleError> {
        if trade.is_market {
            let trade_ns = trade.trade_ns.0.max(self.last_trade_ns);
            self.candles.on_trade(trade, TimestampNs(trade_ns))?;
            self.last_trade_ns = trade_ns;
            on_trade(trade, TimestampNs(trade_ns));
        }
        self.last_id = trade.id;
        self.is_torn = false;
        Ok(())
    }
}
