//! The venue: its book, our resting orders, and how they meet.

use super::SimulationError;
use super::activity::Impact;
use super::book::{Book, is_better, reaches};
use super::impact::SquareRootImpact;
use super::latency::OrderLatency;
use super::order::{OrderRequest, Refusal, Report, ReportKind, Request};
use super::queue::{QueueModel, QueuePosition};
use super::resting::{FillMode, Resting, RestingSide};
use super::stream::{Event, EventKind};
use super::taken::Taken;
use crate::book::l3::Order as MarketOrder;
use crate::decode::Level;
use crate::matching::TimeInForce;
use crate::random::Random;
use crate::units::{PriceTicks, Side, SizeLots, TimestampNs};
use std::collections::VecDeque;

/// How a venue deals with our orders.
#[derive(Debug, Clone, PartialEq)]
pub struct VenueRules {
    /// What is filled at once.
    pub fill_mode: FillMode,
    /// How an order's place in its queue is estimated.
    pub queue_model: QueueModel,
    /// Times from which, and until when, orders are rejected and nothing matches; ascending, apart.
    pub halts: Vec<(TimestampNs, TimestampNs)>,
    /// The probability that the venue rejects a new order for no reason.
    pub reject_probability: f64,
    /// Most of our orders that rest at once.
    pub max_resting_orders: usize,
    /// What the size of an order that takes costs it; None is nothing.
    pub impact: Option<SquareRootImpact>,
}

/// Reports on their way to the trader. They never overtake each other.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    latency: OrderLatency,
    reports: VecDeque<(i64, Report)>,
}

impl Outbox {
    pub(super) fn new(latency: OrderLatency) -> Self {
        Self {
            latency,
            reports: VecDeque::new(),
        }
    }

    pub(super) fn send(&mut self, report: Report) {
        let arrival_ns = self.latency.answer_ns(report.exchange_ns.0);
        self.put(arrival_ns, report);
    }

    /// A report that arrives at a known moment.
    pub(super) fn put(&mut self, arrival_ns: i64, report: Report) {
        let last_ns = self.reports.back().map_or(arrival_ns, |(at, _)| *at);
        self.reports.push_back((arrival_ns.max(last_ns), report));
    }

    /// When the next report arrives; the end of time if there is none.
    #[inline]
    pub(super) fn next_ns(&self) -> i64 {
        self.reports.front().map_or(i64::MAX, |(at, _)| *at)
    }

    /// The next report, if it has arrived by then.
    pub(super) fn pop_until(&mut self, until_ns: i64) -> Option<Report> {
        self.reports.front().filter(|(at, _)| *at <= until_ns)?;
        self.reports.pop_front().map(|(_, report)| report)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Exchange {
    book: Book,
    resting: [RestingSide; 2],
    rules: VenueRules,
    /// A lot in units of the asset, which the logarithmic queue models count in.
    lot: f64,
    taken: Taken,
    impact: Option<Impact>,
    random: Random,
    /// Order events that did not fit the book.
    pub(super) misfits: u64,
}

impl Exchange {
    pub(super) fn new(book: Book, rules: VenueRules, lot: f64, seed: u64) -> Self {
        Self {
            book,
            resting: [RestingSide::new(Side::Buy), RestingSide::new(Side::Sell)],
            impact: rules.impact.map(Impact::new),
            rules,
            lot,
            taken: Taken::default(),
            random: Random::new(seed),
            misfits: 0,
        }
    }

    /// The lots before a resting order, as the venue's model has it.
    pub(super) fn queue_ahead(&self, id: i64) -> Option<f64> {
        let mut sides = self.resting.iter();
        sides
            .find_map(|side| side.get(id))
            .map(|order| order.queue.ahead())
    }

    #[inline]
    pub(super) fn on_event(&mut self, event: &Event, outbox: &mut Outbox) {
        match event.kind {
            EventKind::Level => self.on_level(event, outbox),
            EventKind::Trade => self.on_trade(event, outbox),
            _ => self.on_rare_event(event, outbox),
        }
    }

    #[inline]
    fn on_level(&mut self, event: &Event, outbox: &mut Outbox) {
        if self.resting[event.side as usize].spans(event.price) {
            let before = self.book.size_at(event.side, PriceTicks(event.price)).0;
            self.book.set_level(event);
            self.on_level_size(event.side, event.price, before, event.size);
        } else {
            self.book.set_level(event);
        }
        self.after_level(event, outbox);
    }

    #[inline]
    fn after_level(&mut self, event: &Event, outbox: &mut Outbox) {
        if !self.taken.is_empty() {
            self.taken.forget_changed(&self.book);
        }
        // After a halt there may be more to meet than this level.
        let is_met = self.resting[event.side.opposite() as usize].is_reached(event.price);
        if is_met || !self.rules.halts.is_empty() {
            self.meet_crossed(event, outbox);
        }
    }

    #[inline(never)]
    fn on_rare_event(&mut self, event: &Event, outbox: &mut Outbox) {
        match event.kind {
            EventKind::OnlyLevel if self.resting[event.side as usize].is_empty() => {
                self.book.set_only(event);
                self.after_level(event, outbox);
            }
            EventKind::Touch | EventKind::OnlyLevel => {
                if event.size > 0 {
                    self.resting[event.side as usize].on_better_gone(event.price);
                }
                let before = self.book.size_at(event.side, PriceTicks(event.price)).0;
                self.book.apply(event);
                self.on_level_size(event.side, event.price, before, event.size);
                self.after_level(event, outbox);
            }
            EventKind::Clear => {
                self.book.apply(event);
                self.taken.forget_changed(&self.book);
            }
            _ => self.on_order_event(event, outbox),
        }
    }

    fn on_level_size(&mut self, side: Side, price: i64, before: i64, after: i64) {
        let (model, lot) = (self.rules.queue_model, self.lot);
        self.resting[side as usize].on_level(price, before, after, model, lot);
    }

    fn on_trade(&mut self, event: &Event, outbox: &mut Outbox) {
        // By order, what traded is told by the order that was filled.
        if !matches!(self.book, Book::Orders(_)) {
            self.measure(event);
            self.trade_against(event.side.opposite(), event, outbox);
        }
    }

    #[inline]
    fn measure(&mut self, event: &Event) {
        if let Some(impact) = &mut self.impact {
            let touch = self.book.best(Side::Buy).zip(self.book.best(Side::Sell));
            let prices = touch.map(|(bid, ask)| (bid.price.0, ask.price.0));
            impact.on_trade(event.exchange_ns, event.size, prices);
        }
    }

    /// A trade that hit the resting orders of a side.
    fn trade_against(&mut self, side: Side, event: &Event, outbox: &mut Outbox) {
        let own = &mut self.resting[side as usize];
        if own.is_empty() || self.rules.is_halted(event.exchange_ns) {
            return;
        }
        let at = TimestampNs(event.exchange_ns);
        own.on_trade(
            self.rules.fill_mode,
            event.price,
            event.size,
            |order, lots| {
                outbox.send(maker_fill(side, order, lots, at));
            },
        );
    }

    fn on_order_event(&mut self, event: &Event, outbox: &mut Outbox) {
        let fits = match (event.kind, self.book.order(event.order_id)) {
            (EventKind::Add, None) => self.on_market_add(event),
            (EventKind::Fill, Some((order, lots_before))) => {
                return self.on_market_fill(event, &order, lots_before, outbox);
            }
            (EventKind::Cancel | EventKind::Modify, Some((order, lots_before))) => {
                self.on_market_change(event, &order, lots_before)
            }
            _ => false,
        };
        if !fits {
            self.misfits += 1;
            return;
        }
        self.taken.forget_changed(&self.book);
        for side in [Side::Buy, Side::Sell] {
            self.meet_crossed(&Event { side, ..*event }, outbox);
        }
    }

    /// An order of the market is added; false if it does not fit.
    fn on_market_add(&mut self, event: &Event) -> bool {
        let before = self.book.size_at(event.side, PriceTicks(event.price)).0;
        if !self.book.apply(event) {
            return false;
        }
        if self.rules.queue_model != QueueModel::Fifo {
            let after = before.saturating_add(event.size);
            self.on_level_size(event.side, event.price, before, after);
        }
        true
    }

    /// An order of the market is cancelled or modified; false if it does not fit.
    fn on_market_change(&mut self, event: &Event, order: &MarketOrder, lots_before: i64) -> bool {
        let (side, price) = (order.side, order.price);
        let before = self.book.size_at(side, price).0;
        if !self.book.apply(event) {
            return false;
        }
        if self.rules.queue_model != QueueModel::Fifo {
            let after = self.book.size_at(side, price).0;
            self.on_level_size(side, price.0, before, after);
            return true;
        }
        let keeps_place =
            event.kind == EventKind::Modify && event.price == price.0 && event.size <= order.size.0;
        let kept = if keeps_place { event.size } else { 0 };
        let own = &mut self.resting[side as usize];
        own.on_left_queue(price.0, lots_before, order.size.0 - kept);
        true
    }

    /// An order of the market was filled; the row after it tells what is left of it.
    fn on_market_fill(
        &mut self,
        event: &Event,
        order: &MarketOrder,
        lots_before: i64,
        outbox: &mut Outbox,
    ) {
        self.measure(event);
        let (side, price) = (order.side, order.price);
        if self.rules.queue_model != QueueModel::Fifo {
            let price = price.0;
            return self.trade_against(side, &Event { price, ..*event }, outbox);
        }
        let own = &mut self.resting[side as usize];
        if own.is_empty() || self.rules.is_halted(event.exchange_ns) {
            return;
        }
        let at = TimestampNs(event.exchange_ns);
        let mode = self.rules.fill_mode;
        own.on_fill_behind(mode, price.0, event.size, lots_before, |order, lots| {
            outbox.send(maker_fill(side, order, lots, at));
        });
    }

    /// The market's side of an event may have come to our orders on the other.
    fn meet_crossed(&mut self, event: &Event, outbox: &mut Outbox) {
        let own_side = event.side.opposite();
        let at = TimestampNs(event.exchange_ns);
        while let Some(first) = self.resting[own_side as usize].first() {
            let Some(level) = self.available(event.side) else {
                return;
            };
            if !reaches(own_side, first.price.0, level.price.0)
                || self.rules.is_halted(event.exchange_ns)
            {
                return;
            }
            let lots = match self.rules.fill_mode {
                FillMode::Whole => None,
                FillMode::Partial => Some(level.size.0),
            };
            let own = &mut self.resting[own_side as usize];
            let filled = own.fill_first(level.price.0, lots, |order, lots| {
                outbox.send(maker_fill(own_side, order, lots, at));
            });
            if let (Some(filled), FillMode::Partial) = (filled, self.rules.fill_mode) {
                self.taken.take(&self.book, event.side, level.price, filled);
            }
        }
    }

    /// The best level of a side that has something left to take.
    #[inline]
    fn available(&self, side: Side) -> Option<Level> {
        if self.taken.is_empty() {
            return self.book.best(side);
        }
        self.taken.available(&self.book, side).next()
    }

    pub(super) fn on_request(&mut self, request: Request, at_ns: i64, outbox: &mut Outbox) {
        let at = TimestampNs(at_ns);
        match request {
            Request::New { id, order } => self.on_new(&Arrival { id, order, at }, outbox),
            Request::Cancel { id } => {
                let mut sides = self.resting.iter_mut().zip([Side::Buy, Side::Sell]);
                let found = sides.find_map(|(own, side)| Some((own.remove(id)?, side)));
                outbox.send(match found {
                    Some((order, side)) => {
                        report_of(side, &order, ReportKind::Canceled, SizeLots::ZERO, at)
                    }
                    None => unknown_cancel(id, at),
                });
            }
        }
    }

    fn on_new(&mut self, arrival: &Arrival, outbox: &mut Outbox) {
        if let Some(refusal) = self.refusal(arrival) {
            return outbox.send(arrival.end(ReportKind::Rejected(refusal), arrival.order.size));
        }
        match self.rules.fill_mode {
            FillMode::Whole => self.match_whole(arrival, outbox),
            FillMode::Partial => self.match_partial(arrival, outbox),
        }
    }

    fn refusal(&mut self, arrival: &Arrival) -> Option<Refusal> {
        let resting: usize = self.resting.iter().map(RestingSide::len).sum();
        if self.rules.is_halted(arrival.at.0) {
            return Some(Refusal::Halted);
        }
        let probability = self.rules.reject_probability;
        if probability > 0.0 && self.random.chance(probability) {
            return Some(Refusal::Random);
        }
        if resting >= self.rules.max_resting_orders {
            return Some(Refusal::TooMany);
        }
        let is_taking = arrival.order.post_only && self.would_take(arrival);
        is_taking.then_some(Refusal::WouldTake)
    }

    /// A post-only order meets the market, or, where fills are partial, one of ours.
    fn would_take(&self, arrival: &Arrival) -> bool {
        let other = arrival.order.side.opposite();
        let market = self.available(other).map(|level| level.price);
        let own = self.resting[other as usize]
            .first()
            .map(|order| order.price);
        let own = own.filter(|_| self.rules.fill_mode == FillMode::Partial);
        let mut met = [market, own].into_iter().flatten();
        met.any(|price| arrival.reaches(price))
    }

    /// The whole order at the best price if it reaches it, as hftbacktest has it.
    fn match_whole(&mut self, arrival: &Arrival, outbox: &mut Outbox) {
        let order = &arrival.order;
        let best = self.book.best(order.side.opposite());
        match best.filter(|best| arrival.reaches(best.price)) {
            Some(best) => {
                let price = arrival.worsened(best.price, self.impact_ticks(order.size));
                outbox.send(arrival.fill(price, order.size, SizeLots::ZERO));
            }
            None => self.rest_or_expire(arrival, order.size, outbox),
        }
    }

    fn match_partial(&mut self, arrival: &Arrival, outbox: &mut Outbox) {
        let order = &arrival.order;
        let other = order.side.opposite();
        // What is offered at our own order's price or worse is behind it: an order does not meet its owner's.
        let own = self.resting[other as usize].first().map(|own| own.price);
        let is_open = |level: &Level| {
            arrival.reaches(level.price)
                && own.is_none_or(|own| is_better(other, level.price.0, own.0))
        };
        if order.time_in_force == TimeInForce::FillOrKill {
            let offered = self.taken.available(&self.book, other);
            let lots = offered
                .take_while(is_open)
                .map(|level| i128::from(level.size.0));
            if lots.sum::<i128>() < i128::from(order.size.0) {
                return outbox.send(arrival.end(ReportKind::Expired, order.size));
            }
        }
        let impact_ticks = self.impact_ticks(order.size);
        let mut leaves = order.size;
        while !leaves.is_zero() {
            let Some(level) = self.available(other).filter(is_open) else {
                break;
            };
            let lots = leaves.min(level.size);
            self.taken.take(&self.book, other, level.price, lots.0);
            leaves.0 -= lots.0;
            let price = arrival.worsened(level.price, impact_ticks);
            outbox.send(arrival.fill(price, lots, leaves));
        }
        if leaves.is_zero() {
            return;
        }
        if own.is_some_and(|own| arrival.reaches(own)) {
            return outbox.send(arrival.end(ReportKind::Expired, leaves));
        }
        self.rest_or_expire(arrival, leaves, outbox);
    }

    fn impact_ticks(&self, size: SizeLots) -> i64 {
        self.impact.as_ref().map_or(0, |impact| impact.ticks(size))
    }

    fn rest_or_expire(&mut self, arrival: &Arrival, leaves: SizeLots, outbox: &mut Outbox) {
        let order = &arrival.order;
        let price = order
            .price
            .filter(|_| order.time_in_force == TimeInForce::GoodTillCanceled);
        let Some(price) = price else {
            return outbox.send(arrival.end(ReportKind::Expired, leaves));
        };
        let resting = Resting {
            id: arrival.id,
            price,
            size: order.size,
            leaves,
            queue: QueuePosition::behind(self.book.size_at(order.side, price)),
        };
        self.resting[order.side as usize].insert(resting);
        outbox.send(arrival.end(ReportKind::Accepted, leaves));
    }
}

impl VenueRules {
    pub(super) fn check(&self) -> Result<(), SimulationError> {
        if !(0.0..=1.0).contains(&self.reject_probability) {
            let what = format!("is {}; it must be in 0 to 1", self.reject_probability);
            return Err(SimulationError::setting("reject_probability", what));
        }
        let mut last_ns = i64::MIN;
        for (from, until) in &self.halts {
            if from.0 < last_ns || until <= from {
                let what = "must be (from_ns, until_ns) windows, ascending and apart".to_owned();
                return Err(SimulationError::setting("halts", what));
            }
            last_ns = until.0;
        }
        Ok(())
    }

    #[inline]
    fn is_halted(&self, at_ns: i64) -> bool {
        if self.halts.is_empty() {
            return false;
        }
        let begun = self.halts.partition_point(|(from, _)| from.0 <= at_ns);
        let last = self.halts.get(begun.wrapping_sub(1));
        last.is_some_and(|(_, until)| at_ns < until.0)
    }
}

/// An order that has come to the venue.
struct Arrival {
    id: i64,
    order: OrderRequest,
    at: TimestampNs,
}

impl Arrival {
    fn reaches(&self, price: PriceTicks) -> bool {
        let limit = self.order.price;
        limit.is_none_or(|limit| reaches(self.order.side, limit.0, price.0))
    }

    /// A price so many ticks worse for the order, but within its limit.
    fn worsened(&self, price: PriceTicks, ticks: i64) -> PriceTicks {
        let limit = self.order.price.map(|limit| limit.0);
        PriceTicks(match self.order.side {
            Side::Buy => (price.0 + ticks).min(limit.unwrap_or(i64::MAX)),
            Side::Sell => (price.0 - ticks).max(limit.unwrap_or(1)),
        })
    }

    fn fill(&self, price: PriceTicks, last: SizeLots, leaves: SizeLots) -> Report {
        Report {
            price,
            last,
            ..self.end(ReportKind::Fill, leaves)
        }
    }

    fn end(&self, kind: ReportKind, leaves: SizeLots) -> Report {
        Report {
            id: self.id,
            kind,
            side: self.order.side,
            price: self.order.price.unwrap_or_default(),
            last: SizeLots::ZERO,
            filled: SizeLots(self.order.size.0 - leaves.0),
            leaves,
            is_maker: false,
            fee_atoms: 0,
            exchange_ns: self.at,
        }
    }
}

fn maker_fill(side: Side, order: &Resting, lots: SizeLots, at: TimestampNs) -> Report {
    report_of(side, order, ReportKind::Fill, lots, at)
}

fn report_of(
    side: Side,
    order: &Resting,
    kind: ReportKind,
    last: SizeLots,
    exchange_ns: TimestampNs,
) -> Report {
    Report {
        id: order.id,
        kind,
        side,
        price: order.price,
        last,
        filled: SizeLots(order.size.0 - order.leaves.0),
        leaves: order.leaves,
        is_maker: true,
        fee_atoms: 0,
        exchange_ns,
    }
}

fn unknown_cancel(id: i64, exchange_ns: TimestampNs) -> Report {
    Report {
        id,
        kind: ReportKind::CancelRejected(Refusal::Unknown),
        side: Side::Buy,
        price: PriceTicks::default(),
        last: SizeLots::ZERO,
        filled: SizeLots::ZERO,
        leaves: SizeLots::ZERO,
        is_maker: false,
        fee_atoms: 0,
        exchange_ns,
    }
}
