//! One instrument: its history, the venue's side and the trader's side of it, and the wires between.
//!
//! Both sides go through the same rows in the order of their own times, and meet in requests and reports alone.
//! So either may run ahead of the other as far as no message can reach it. At equal times data comes before
//! messages, as hftbacktest has it.

use std::collections::VecDeque;

use super::exchange::{Exchange, Outbox};
use super::latency::OrderLatency;
use super::local::Local;
use super::local::OwnOrder;
use super::order::{OrderRequest, Refusal, Report, ReportKind, Request};
use super::stream::{Next, Stream};
use super::{SimulationError, Stop};
use crate::units::{SizeLots, TimestampNs};

#[derive(Debug, Clone)]
pub(super) struct Market {
    pub(super) stream: Stream,
    pub(super) venue: Exchange,
    pub(super) local: Local,
    pub(super) is_by_order: bool,
    pub(super) window_ticks: usize,
    index: usize,
    /// Requests on their way; they never overtake each other.
    requests: VecDeque<(i64, Request)>,
    outbox: Outbox,
    latency: OrderLatency,
}

impl Market {
    pub(super) fn new(
        index: usize,
        venue: Exchange,
        local: Local,
        latency: OrderLatency,
        is_by_order: bool,
        window_ticks: usize,
    ) -> Self {
        Self {
            index,
            window_ticks,
            stream: Stream::default(),
            venue,
            local,
            is_by_order,
            requests: VecDeque::new(),
            outbox: Outbox::new(latency.clone()),
            latency,
        }
    }

    /// When something happens first; the end of time if nothing does any more.
    pub(super) fn next_ns(&self) -> Result<i64, Stop> {
        let messages_ns = self.next_request_ns().min(self.outbox.next_ns());
        let venue_ns = self.time_of(self.stream.next_for_venue())?;
        let local_ns = self.time_of(self.stream.next_for_local())?;
        Ok(messages_ns.min(venue_ns).min(local_ns))
    }

    /// When the venue has something to do.
    #[inline]
    pub(super) fn next_venue_ns(&self) -> Result<i64, Stop> {
        let data_ns = self.time_of(self.stream.next_for_venue())?;
        Ok(data_ns.min(self.next_request_ns()))
    }

    #[inline]
    pub(super) fn next_data_ns(&self) -> Result<i64, Stop> {
        self.time_of(self.stream.next_for_local())
    }

    /// When the trader hears of an order, as far as the venue has come.
    #[inline]
    pub(super) fn next_report_ns(&self) -> i64 {
        self.outbox.next_ns()
    }

    /// Brings the venue to a moment, that moment included. With `HEEDS_REPORTS` it stops before the moment at
    /// which the trader hears of what it did.
    #[inline]
    pub(super) fn advance_venue<const HEEDS_REPORTS: bool>(
        &mut self,
        until_ns: i64,
    ) -> Result<(), Stop> {
        loop {
            let until_ns = if HEEDS_REPORTS {
                until_ns.min(self.outbox.next_ns().saturating_sub(1))
            } else {
                until_ns
            };
            let request_ns = self.next_request_ns();
            let data_until_ns = until_ns.min(request_ns);
            let mut is_heard = false;
            while let Some(event) = self.stream.take_for_venue(data_until_ns) {
                self.venue.on_event(event, &mut self.outbox);
                if HEEDS_REPORTS && self.outbox.next_ns() <= until_ns {
                    is_heard = true;
                    break;
                }
            }
            if is_heard {
                continue;
            }
            if self.stream.next_for_venue() == Next::Starved {
                return Err(Stop::Starved(self.index));
            }
            // Without a request its time is the end of time, which may be where this goes.
            match self.pop_request(until_ns) {
                Some((at_ns, request)) => {
                    self.venue.on_request(request, at_ns, &mut self.outbox);
                }
                None => return Ok(()),
            }
        }
    }

    /// Brings the trader to a moment, that moment included.
    #[inline]
    pub(super) fn advance_local(&mut self, until_ns: i64) -> Result<(), Stop> {
        loop {
            let report_ns = self.outbox.next_ns();
            let data_until_ns = until_ns.min(report_ns);
            if self.local.features.is_some() {
                self.show_with_features(data_until_ns)?;
            }
            while let Some(event) = self.stream.take_for_local(data_until_ns) {
                self.local.on_event(event)?;
            }
            if self.stream.next_for_local() == Next::Starved {
                return Err(Stop::Starved(self.index));
            }
            match self.outbox.pop_until(until_ns) {
                Some(report) => self.local.on_report(&report, report_ns)?,
                None => return Ok(()),
            }
        }
    }

    /// Shows the trader the rows up to a moment. It stands apart so that nobody pays for it who asks for no
    /// features.
    #[cold]
    fn show_with_features(&mut self, until_ns: i64) -> Result<(), SimulationError> {
        while let Some(event) = self.stream.take_for_local(until_ns) {
            self.local.on_event_with_features(event)?;
        }
        Ok(())
    }

    /// Brings the trader as far as no report of what the venue has yet to do can reach him.
    pub(super) fn catch_up(&mut self) -> Result<(), SimulationError> {
        match self.advance_local(self.stream.passed_by_venue_ns().saturating_sub(1)) {
            Ok(()) | Err(Stop::Starved(_)) => Ok(()),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    pub(super) fn submit(&mut self, id: i64, order: OrderRequest, now_ns: i64) {
        self.local.orders.push(OwnOrder {
            id,
            order,
            leaves: order.size,
            is_accepted: false,
            is_cancelling: false,
            sent_ns: TimestampNs(now_ns),
        });
        match self.latency.arrival_ns(now_ns) {
            Ok(arrival_ns) => self.send(arrival_ns, Request::New { id, order }),
            Err(heard_ns) => {
                let kind = ReportKind::Rejected(Refusal::Lost);
                self.outbox
                    .put(heard_ns, lost(id, &order, order.size, kind, now_ns));
            }
        }
    }

    /// Asks to withdraw the order at a place of the trader's list, unless that is under way.
    pub(super) fn cancel(&mut self, position: usize, now_ns: i64) {
        let Some(own) = self.local.orders.get_mut(position) else {
            return;
        };
        if std::mem::replace(&mut own.is_cancelling, true) {
            return;
        }
        let own = *own;
        match self.latency.arrival_ns(now_ns) {
            Ok(arrival_ns) => self.send(arrival_ns, Request::Cancel { id: own.id }),
            Err(heard_ns) => {
                let kind = ReportKind::CancelRejected(Refusal::Lost);
                let report = lost(own.id, &own.order, own.leaves, kind, now_ns);
                self.outbox.put(heard_ns, report);
            }
        }
    }

    fn send(&mut self, arrival_ns: i64, request: Request) {
        let last_ns = self.requests.back().map_or(arrival_ns, |(at, _)| *at);
        self.requests.push_back((arrival_ns.max(last_ns), request));
    }

    #[inline]
    fn time_of(&self, next: Next) -> Result<i64, Stop> {
        match next {
            Next::At(at_ns) => Ok(at_ns),
            Next::Ended => Ok(i64::MAX),
            Next::Starved => Err(Stop::Starved(self.index)),
        }
    }

    fn pop_request(&mut self, until_ns: i64) -> Option<(i64, Request)> {
        let is_due = self
            .requests
            .front()
            .is_some_and(|(at_ns, _)| *at_ns <= until_ns);
        is_due.then(|| self.requests.pop_front()).flatten()
    }

    #[inline]
    fn next_request_ns(&self) -> i64 {
        self.requests.front().map_or(i64::MAX, |(at, _)| *at)
    }
}

fn lost(id: i64, order: &OrderRequest, leaves: SizeLots, kind: ReportKind, now_ns: i64) -> Report {
    Report {
        id,
        kind,
        side: order.side,
        price: order.price.unwrap_or_default(),
        last: SizeLots::ZERO,
        filled: SizeLots(order.size.0 - leaves.0),
        leaves,
        is_maker: false,
        fee_atoms: 0,
        exchange_ns: TimestampNs(now_ns),
    }
}
