//! What the decoded events change: book, ticker, tape, detectors and counts.

use super::analytics::Analytics;
use super::settings::{FeedSettings, SettingsError};
use super::violations::Violations;
use super::{FrameCounts, FrameKind, ReceivedTimes};
use crate::book::sync::{SnapshotOutcome, SyncedBook, UpdateOutcome};
use crate::candle::CandleError;
use crate::decode::{BookTicker, DecodeError, DepthSnapshot, DepthUpdate, Event, Message, Trade};
use crate::tape::{TradeOutcome, TradeTape};
use crate::units::TimestampNs;

/// Everything that the decoded events change.
#[derive(Debug, Clone)]
pub(super) struct Market {
    pub(super) book: SyncedBook,
    pub(super) ticker: Option<BookTicker>,
    pub(super) tape: TradeTape,
    /// None in a feed that keeps book and tape alone.
    pub(super) analytics: Option<Analytics>,
    pub(super) counts: FrameCounts,
    pub(super) received: ReceivedTimes,
    pub(super) last_event_ns: TimestampNs,
    pub(super) last_trade: Option<Trade>,
    /// The tape counts the trades, which the venue does not number.
    counts_trades: bool,
    pub(super) crossed_tickers: u64,
    pub(super) violations: Violations,
}

impl Market {
    pub(super) fn new(settings: &FeedSettings) -> Result<Self, SettingsError> {
        Ok(Self {
            book: SyncedBook::with_rules(
                settings.window_ticks,
                settings.venue.book_rules(settings.depth),
            ),
            ticker: None,
            tape: TradeTape::new(settings.candle_rule, settings.resume_trade_id),
            analytics: Some(Analytics::new(settings)?),
            counts: FrameCounts::default(),
            received: ReceivedTimes::default(),
            last_event_ns: TimestampNs::default(),
            last_trade: None,
            counts_trades: false,
            crossed_tickers: 0,
            violations: Violations::default(),
        })
    }

    pub(super) fn on_event(
        &mut self,
        event: Event<'_>,
        received_ns: TimestampNs,
    ) -> Result<FrameKind, CandleError> {
        self.violations.see_frame();
        Ok(match event {
            Event::Depth(update) => {
                self.on_depth(update, received_ns);
                FrameKind::Depth
            }
            Event::Trade(trade) => {
                self.put_on_tape(&trade)?;
                self.see_time(trade.event_ns);
                self.received.trade = received_ns;
                FrameKind::Trade
            }
            Event::BookTicker(ticker) => {
                self.on_book_ticker(ticker);
                self.received.book_ticker = received_ns;
                FrameKind::BookTicker
            }
            Event::Snapshot(snapshot) => {
                self.on_snapshot(snapshot);
                FrameKind::Unknown
            }
            Event::Unknown => {
                self.counts.unknown += 1;
                FrameKind::Unknown
            }
        })
    }

    /// Takes everything that one frame says.
    pub(super) fn on_message(
        &mut self,
        message: &Message,
        received_ns: TimestampNs,
    ) -> Result<FrameKind, CandleError> {
        self.violations.see_frame();
        if let Some(lost) = message.lost {
            self.book.lose();
            self.on_lost();
            self.violations.lost(lost, received_ns);
        }
        for update in message.updates() {
            self.on_depth(update, received_ns);
        }
        for trade in &message.trades {
            let trade = self.numbered(trade);
            if let Some(missing) = self.tape.missing_before(&trade) {
                // These venues are not asked for earlier trades, so a hole stays one.
                self.on_trades_lost();
                self.violations.trades_lost(missing, received_ns);
            }
            if let Err(error) = self.put_on_tape(&trade) {
                // It is lost, and so are those behind it.
                self.on_trades_lost();
                return Err(error);
            }
            self.see_time(trade.event_ns);
            self.received.trade = received_ns;
        }
        Ok(match (message.updates(), message.trades.as_slice()) {
            ([], []) => {
                self.counts.unknown += 1;
                FrameKind::Unknown
            }
            ([], _) => FrameKind::Trade,
            _ => FrameKind::Depth,
        })
    }

    /// A frame that cannot be read, and whose loss the next ones show.
    pub(super) fn see_unreadable(&mut self) {
        self.violations.see_frame();
    }

    /// A frame that cannot be read may have held a change of the book or a trade.
    pub(super) fn on_malformed(&mut self, error: &DecodeError, received_ns: TimestampNs) {
        self.violations.see_frame();
        self.on_lost();
        if self.book.lose() {
            self.violations.malformed(error, received_ns);
        }
    }

    /// Trades may have been missed: the next one's id will tell, and the tape can be filled.
    pub(super) fn on_connection_lost(&mut self) {
        self.on_book_lost();
        if let Some(analytics) = &mut self.analytics {
            analytics.features.set_tape_whole(false);
        }
    }

    /// Something of a stream was lost whose trades nobody can tell again.
    pub(super) fn on_lost(&mut self) {
        self.on_book_lost();
        self.on_trades_lost();
    }

    fn on_book_lost(&mut self) {
        if let Some(analytics) = &mut self.analytics {
            analytics.on_book_lost();
        }
    }

    fn on_trades_lost(&mut self) {
        if let Some(analytics) = &mut self.analytics {
            analytics.on_trades_lost();
        }
        self.tape.lose();
    }

    /// A trade of a venue that gives no consecutive ids is counted by the tape.
    fn numbered(&mut self, trade: &Trade) -> Trade {
        let mut trade = *trade;
        if trade.id == 0 {
            // A tape that is resumed cannot know what it missed.
            if !std::mem::replace(&mut self.counts_trades, true) {
                self.tape.lose();
            }
            trade.id = self.tape.last_id().saturating_add(1);
        }
        trade
    }

    fn on_depth(&mut self, update: &DepthUpdate, received_ns: TimestampNs) {
        let known_id = self.book.newest_id();
        if let (Some(analytics), Some(book)) = (&mut self.analytics, self.book.book())
            && self.book.is_next(update)
        {
            analytics.before_update(book, update);
        }
        let outcome = self.book.on_update(update);
        if outcome == UpdateOutcome::Stale {
            self.counts.stale += 1; // it is no sign that the book is up to date
        } else {
            self.counts.depth += 1;
            self.received.depth = received_ns;
        }
        self.violations
            .judge(outcome, known_id, update, received_ns);
        self.see_time(update.event_ns);
        match (&mut self.analytics, self.book.book()) {
            (Some(_), Some(_)) if outcome == UpdateOutcome::Stale => {}
            (Some(analytics), Some(book)) => {
                analytics.after_update(book, update, self.last_event_ns);
            }
            (Some(analytics), None) => analytics.on_book_lost(),
            (None, _) => {}
        }
    }

    pub(super) fn on_snapshot(&mut self, snapshot: &DepthSnapshot) -> bool {
        if let Some(event_ns) = snapshot.event_ns {
            self.see_time(event_ns);
        }
        let outcome = self.book.on_snapshot(snapshot);
        match (&mut self.analytics, self.book.book()) {
            (Some(_), Some(_)) if outcome == SnapshotOutcome::Stale => {}
            (Some(analytics), Some(book)) => analytics.features.on_book(book, self.last_event_ns),
            (Some(analytics), None) => analytics.on_book_lost(),
            (None, _) => {}
        }
        match outcome {
            SnapshotOutcome::Joined => self.counts.snapshot += 1,
            SnapshotOutcome::Stale => self.counts.stale += 1,
            SnapshotOutcome::TooOld | SnapshotOutcome::Crossed => return false,
        }
        true
    }

    fn on_book_ticker(&mut self, ticker: BookTicker) {
        if let Some(event_ns) = ticker.event_ns {
            self.see_time(event_ns);
        }
        if self
            .ticker
            .is_some_and(|newest| ticker.update_id <= newest.update_id)
        {
            self.counts.stale += 1;
            return;
        }
        self.counts.book_ticker += 1;
        let is_whole = !ticker.bid.size.is_zero() && !ticker.ask.size.is_zero();
        if is_whole && ticker.bid.price >= ticker.ask.price {
            self.crossed_tickers += 1;
            return;
        }
        self.ticker = Some(ticker);
        if let Some(analytics) = &mut self.analytics {
            analytics.panel.on_touch();
        }
    }

    pub(super) fn put_on_tape(&mut self, trade: &Trade) -> Result<TradeOutcome, CandleError> {
        let Self {
            tape,
            analytics,
            last_trade,
            ..
        } = self;
        let outcome = tape.on_trade(trade, |trade, trade_ns| {
            *last_trade = Some(*trade);
            if let Some(analytics) = analytics {
                analytics.on_trade(trade, trade_ns);
            }
        })?;
        if let Some(analytics) = analytics
            && outcome != TradeOutcome::Stale
        {
            let is_whole = tape.missing().is_none();
            analytics.features.set_tape_whole(is_whole);
        }
        match outcome {
            TradeOutcome::Stale => self.counts.stale += 1,
            TradeOutcome::Applied | TradeOutcome::Waiting => self.counts.trade += 1,
            TradeOutcome::Refused => {}
        }
        Ok(outcome)
    }

    fn see_time(&mut self, event_ns: TimestampNs) {
        self.last_event_ns = self.last_event_ns.max(event_ns);
    }
}
