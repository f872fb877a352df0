//! The trader's side: the book as he sees it, his orders as he knows them, what he holds.

use std::collections::VecDeque;

use super::account::{Account, Execution};
use super::book::Book;
use super::features::RowFeatures;
use super::order::{OrderRequest, Report, ReportKind};
use super::stream::{Event, EventKind};
use super::wake::{Touch, Watch, reason};
use super::{MAX_WAITING_FILLS, SimulationError};
use crate::candle::{Candle, CandleBuilder};
use crate::decode::Trade;
use crate::units::{PriceTicks, Side, SizeLots, TimestampNs};

/// One of our orders, as far as the trader knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnOrder {
    /// Its number.
    pub id: i64,
    /// What was asked for.
    pub order: OrderRequest,
    /// Not filled as yet.
    pub leaves: SizeLots,
    /// The venue has said that it rests.
    pub is_accepted: bool,
    /// A cancel is on its way.
    pub is_cancelling: bool,
    /// When it was sent.
    pub sent_ns: TimestampNs,
}

/// A fill, when the trader heard of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnFill {
    /// What the venue said.
    pub report: Report,
    /// When it was heard.
    pub local_ns: TimestampNs,
}

#[derive(Debug, Clone)]
pub(super) struct Local {
    pub(super) book: Book,
    /// By number, ascending.
    pub(super) orders: Vec<OwnOrder>,
    pub(super) account: Account,
    pub(super) watch: Watch,
    pub(super) fills: VecDeque<OwnFill>,
    /// Reports since they were last taken, if they wake anybody.
    pub(super) reports: VecDeque<Report>,
    pub(super) candles: Option<CandleBuilder>,
    pub(super) closed: VecDeque<Candle>,
    /// None if nobody asks for them.
    pub(super) features: Option<Box<RowFeatures>>,
    /// Why to wake the trader at the end of this moment: bits of [`reason`].
    pub(super) reasons: u32,
    trades: i64,
    touch: Option<Touch>,
}

impl Local {
    pub(super) fn new(book: Book, account: Account) -> Self {
        Self {
            book,
            orders: Vec::new(),
            account,
            watch: Watch::default(),
            fills: VecDeque::new(),
            reports: VecDeque::new(),
            candles: None,
            closed: VecDeque::new(),
            features: None,
            reasons: 0,
            trades: 0,
            touch: None,
        }
    }

    #[inline]
    pub(super) fn on_event(&mut self, event: &Event) -> Result<(), SimulationError> {
        match event.kind {
            EventKind::Level => self.book.set_level(event),
            EventKind::OnlyLevel => self.book.set_only(event),
            EventKind::Trade => self.on_trade(event)?,
            // The venue's side counts what does not fit.
            _ => {
                let _ = self.book.apply(event);
            }
        }
        Ok(())
    }

    /// As [`Self::on_event`], for a trader who looks at features.
    #[inline(never)]
    pub(super) fn on_event_with_features(&mut self, event: &Event) -> Result<(), SimulationError> {
        let features = self.features.as_mut();
        let left = features.and_then(|features| features.before(event, &self.book));
        match event.kind {
            EventKind::Trade => self.on_trade(event)?,
            _ => {
                let _ = self.book.apply(event);
            }
        }
        if let Some(features) = &mut self.features {
            features.after(event, left, &self.book);
        }
        Ok(())
    }

    fn on_trade(&mut self, event: &Event) -> Result<(), SimulationError> {
        let Some(candles) = &mut self.candles else {
            return Ok(());
        };
        self.trades += 1;
        let at = TimestampNs(event.exchange_ns);
        let trade = Trade {
            id: self.trades,
            price: PriceTicks(event.price),
            size: SizeLots(event.size),
            taker: event.side,
            trade_ns: at,
            event_ns: at,
            is_market: true,
        };
        candles.on_trade(&trade, at)?;
        let closed = candles.take_closed();
        if !closed.is_empty() {
            self.closed.extend(closed);
            self.reasons |= reason::CANDLE;
        }
        Ok(())
    }

    pub(super) fn on_report(
        &mut self,
        report: &Report,
        now_ns: i64,
    ) -> Result<(), SimulationError> {
        let mut report = *report;
        if report.kind == ReportKind::Fill {
            let Report {
                side,
                price,
                last,
                is_maker,
                ..
            } = report;
            // By the trader's time: of two reports the venue's later one may come first.
            let charge = self.account.fill(&Execution {
                at: TimestampNs(now_ns),
                side,
                price,
                size: last,
                is_maker,
            })?;
            report.fee_atoms = charge.atoms;
            if self.fills.len() >= MAX_WAITING_FILLS {
                return Err(SimulationError::FillsNotTaken);
            }
            let local_ns = TimestampNs(now_ns);
            self.fills.push_back(OwnFill { report, local_ns });
        }
        if self.watch.is_report {
            self.reports.push_back(report);
            self.reasons |= reason::REPORT;
        }
        let Some(position) = self.position_of(report.id) else {
            return Ok(());
        };
        if report.is_final() {
            self.orders.remove(position);
            return Ok(());
        }
        let order = &mut self.orders[position];
        match report.kind {
            ReportKind::CancelRejected(_) => order.is_cancelling = false,
            ReportKind::Accepted => {
                order.is_accepted = true;
                order.leaves = report.leaves;
            }
            _ => order.leaves = report.leaves,
        }
        Ok(())
    }

    /// Something other than a timer can wake the trader.
    #[inline]
    pub(super) fn is_watching(&self) -> bool {
        self.watch.is_report || self.watch.looks_at_touch() || self.candles.is_some()
    }

    /// A moment is over: what of it wakes the trader?
    #[inline]
    pub(super) fn end_moment(&mut self) -> u32 {
        if self.watch.looks_at_touch() {
            let touch = self.touch();
            if touch != self.touch {
                self.reasons |= self.watch.on_touch(touch);
                self.touch = touch;
            }
        }
        std::mem::take(&mut self.reasons)
    }

    #[inline]
    pub(super) fn touch(&self) -> Option<Touch> {
        let bid = self.book.best(Side::Buy)?;
        let ask = self.book.best(Side::Sell)?;
        Some(Touch {
            bid_ticks: bid.price.0,
            bid_lots: bid.size.0,
            ask_ticks: ask.price.0,
            ask_lots: ask.size.0,
        })
    }

    pub(super) fn position_of(&self, id: i64) -> Option<usize> {
        self.orders.binary_search_by_key(&id, |order| order.id).ok()
    }
}
