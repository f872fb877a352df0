//! An instrument's history, as far as it is needed: two cursors over the same rows, the venue's and the trader's.
//!
//! The venue does what a row says at its `exchange_ns`, the trader sees it at its `local_ns`. Both go through
//! the rows in their order, so neither time may go back. Rows that both have passed are forgotten.

use super::{QuoteRow, Row, RowError, RowProblem};
use crate::units::{MAX_COUNT, Side};

/// No moment is later than this, the year 2116: what is added to it still fits.
pub const MAX_TIME_NS: i64 = 1 << 62;
/// The side's bit in a row's kind.
const SIDE_SHIFT: u32 = 8;
const CODE_MASK: i64 = 0xFF;

/// What a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventKind {
    /// A level is set; size 0 deletes it.
    Level,
    /// Trade; the side is the taker's.
    Trade,
    /// The side is cleared down to a price, or all of it.
    Clear,
    /// The best level of a side: what is better is gone.
    Touch,
    /// The only level of a side.
    OnlyLevel,
    Add,
    Cancel,
    Modify,
    Fill,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) exchange_ns: i64,
    pub(super) local_ns: i64,
    pub(super) price: i64,
    pub(super) size: i64,
    pub(super) order_id: i64,
    pub(super) kind: EventKind,
    pub(super) side: Side,
}

/// What comes next of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    At(i64),
    /// More rows are needed to know.
    Starved,
    Ended,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Stream {
    events: Vec<Event>,
    venue_at: usize,
    local_at: usize,
    is_ended: bool,
    /// Rows taken, padding included.
    rows: u64,
    last_exchange_ns: i64,
    last_local_ns: i64,
}

impl Stream {
    /// Rows taken so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// No more rows will come.
    pub(super) fn end(&mut self) {
        self.is_ended = true;
    }

    /// Takes rows, which must be in the order of both times. A bad row leaves the stream as it was.
    pub(super) fn push(&mut self, rows: &[Row], is_by_order: bool) -> Result<(), RowError> {
        self.forget_passed();
        let kept = self.events.len();
        self.events.reserve(rows.len());
        let (mut exchange_ns, mut local_ns) = (self.last_exchange_ns, self.last_local_ns);
        for (index, row) in rows.iter().enumerate() {
            if let Some(event) = plain(row, exchange_ns, local_ns, is_by_order) {
                (exchange_ns, local_ns) = (event.exchange_ns, event.local_ns);
                self.events.push(event);
                continue;
            }
            match checked(row, exchange_ns, local_ns, is_by_order) {
                Ok(Some(event)) => {
                    (exchange_ns, local_ns) = (event.exchange_ns, event.local_ns);
                    self.events.push(event);
                }
                Ok(None) => {}
                Err(problem) => {
                    self.events.truncate(kept);
                    let row = self.rows + index as u64;
                    return Err(RowError { row, problem });
                }
            }
        }
        self.rows += rows.len() as u64;
        (self.last_exchange_ns, self.last_local_ns) = (exchange_ns, local_ns);
        Ok(())
    }

    /// Takes quotes, each as the only level of both sides. A bad one leaves the stream as it was.
    pub(super) fn push_quotes(
        &mut self,
        quotes: &[QuoteRow],
        feed_latency_ns: i64,
    ) -> Result<(), RowError> {
        self.forget_passed();
        let kept = self.events.len();
        self.events.reserve(2 * quotes.len());
        let (mut exchange_ns, mut local_ns) = (self.last_exchange_ns, self.last_local_ns);
        for (index, quote) in quotes.iter().enumerate() {
            let seen_ns = quote[0].saturating_add(feed_latency_ns);
            if !is_plain_quote(quote, seen_ns, exchange_ns, local_ns) {
                let problem = problem_of(quote, seen_ns, exchange_ns, local_ns);
                self.events.truncate(kept);
                let row = self.rows + index as u64;
                return Err(RowError { row, problem });
            }
            let [at_ns, bid_ticks, ask_ticks, bid_lots, ask_lots] = *quote;
            (exchange_ns, local_ns) = (at_ns, seen_ns);
            let only = |side, price, size| Event {
                exchange_ns,
                local_ns,
                price,
                size,
                order_id: 0,
                kind: EventKind::OnlyLevel,
                side,
            };
            let both = [
                only(Side::Buy, bid_ticks, bid_lots),
                only(Side::Sell, ask_ticks, ask_lots),
            ];
            self.events.extend_from_slice(&both);
        }
        self.rows += quotes.len() as u64;
        (self.last_exchange_ns, self.last_local_ns) = (exchange_ns, local_ns);
        Ok(())
    }

    /// How far the venue has come; the beginning of time if it has not begun.
    pub(super) fn passed_by_venue_ns(&self) -> i64 {
        let last = self.venue_at.checked_sub(1);
        let event = last.and_then(|last| self.events.get(last));
        event.map_or(0, |event| event.exchange_ns)
    }

    #[inline]
    pub(super) fn next_for_venue(&self) -> Next {
        self.next(self.venue_at, |event| event.exchange_ns)
    }

    #[inline]
    pub(super) fn next_for_local(&self) -> Next {
        self.next(self.local_at, |event| event.local_ns)
    }

    /// The venue's next event if it is due.
    #[inline]
    pub(super) fn take_for_venue(&mut self, until_ns: i64) -> Option<&Event> {
        let event = self.events.get(self.venue_at)?;
        if event.exchange_ns > until_ns {
            return None;
        }
        self.venue_at += 1;
        Some(event)
    }

    /// The trader's next event if it is due.
    #[inline]
    pub(super) fn take_for_local(&mut self, until_ns: i64) -> Option<&Event> {
        let event = self.events.get(self.local_at)?;
        if event.local_ns > until_ns {
            return None;
        }
        self.local_at += 1;
        Some(event)
    }

    #[inline]
    fn next(&self, at: usize, time: impl Fn(&Event) -> i64) -> Next {
        match self.events.get(at) {
            Some(event) => Next::At(time(event)),
            None if self.is_ended => Next::Ended,
            None => Next::Starved,
        }
    }

    fn forget_passed(&mut self) {
        let passed = self.venue_at.min(self.local_at);
        self.events.drain(..passed);
        self.venue_at -= passed;
        self.local_at -= passed;
    }
}

/// A row of a level or a trade that is in order, which nearly all are, by one branch; None for any other.
#[inline]
#[expect(clippy::needless_bitwise_bool, reason = "one branch")]
fn plain(row: &Row, last_exchange_ns: i64, last_local_ns: i64, is_by_order: bool) -> Option<Event> {
    let [exchange_ns, local_ns, kind, price, lots, order_id] = *row;
    let is_ask = kind & (1 << SIDE_SHIFT) != 0;
    let code = kind & !(1 << SIDE_SHIFT);
    let is_trade = code == 2;
    let is_plain = ((code == 1) | is_trade)
        & !is_by_order
        & (exchange_ns >= last_exchange_ns)
        & (local_ns >= last_local_ns)
        & (exchange_ns.max(local_ns) <= MAX_TIME_NS)
        & (price >= 1)
        & (lots >= 0)
        & (price.max(lots) <= MAX_COUNT);
    is_plain.then_some(Event {
        exchange_ns,
        local_ns,
        price,
        size: lots,
        order_id,
        kind: if is_trade {
            EventKind::Trade
        } else {
            EventKind::Level
        },
        side: if is_ask { Side::Sell } else { Side::Buy },
    })
}

/// A quote that is in order, by one branch.
#[inline]
#[expect(clippy::needless_bitwise_bool, reason = "one branch")]
fn is_plain_quote(
    quote: &QuoteRow,
    seen_ns: i64,
    last_exchange_ns: i64,
    last_local_ns: i64,
) -> bool {
    let [at_ns, bid_ticks, ask_ticks, bid_lots, ask_lots] = *quote;
    let is_level = |price: i64, lots: i64| {
        (lots >= 0) & (price >= i64::from(lots > 0)) & (price.max(lots) <= MAX_COUNT)
    };
    (at_ns >= last_exchange_ns)
        & (seen_ns >= last_local_ns)
        & (at_ns.max(seen_ns) <= MAX_TIME_NS)
        & is_level(bid_ticks, bid_lots)
        & is_level(ask_ticks, ask_lots)
}

/// What is wrong with a quote that is not plain.
#[cold]
fn problem_of(quote: &QuoteRow, seen_ns: i64, exchange_ns: i64, local_ns: i64) -> RowProblem {
    let [at_ns, bid_ticks, ask_ticks, bid_lots, ask_lots] = *quote;
    let only = |side: i64, ticks, lots| [at_ns, seen_ns, (side << SIDE_SHIFT) | 6, ticks, lots, 0];
    let rows = [only(0, bid_ticks, bid_lots), only(1, ask_ticks, ask_lots)];
    let mut problems = rows
        .iter()
        .filter_map(|row| checked(row, exchange_ns, local_ns, false).err());
    problems.next().unwrap_or(RowProblem::Range)
}

/// A row as an event; None for padding.
#[cold]
fn checked(
    row: &Row,
    last_exchange_ns: i64,
    last_local_ns: i64,
    is_by_order: bool,
) -> Result<Option<Event>, RowProblem> {
    let [exchange_ns, local_ns, kind, price, lots, order_id] = *row;
    if kind == 0 {
        return Ok(None);
    }
    let side = match kind >> SIDE_SHIFT {
        0 => Side::Buy,
        1 => Side::Sell,
        _ => return Err(RowProblem::Kind(kind)),
    };
    let kind = match (kind & CODE_MASK, is_by_order) {
        (1 | 4, false) => EventKind::Level,
        (5, false) => EventKind::Touch,
        (6, false) => EventKind::OnlyLevel,
        (2, _) => EventKind::Trade,
        (3, _) => EventKind::Clear,
        (10, true) => EventKind::Add,
        (11, true) => EventKind::Cancel,
        (12, true) => EventKind::Modify,
        (13, true) => EventKind::Fill,
        (1 | 4 | 5 | 6, true) => return Err(RowProblem::Level(kind & CODE_MASK)),
        (10..=13, false) => return Err(RowProblem::Order(kind & CODE_MASK)),
        _ => return Err(RowProblem::Kind(kind)),
    };
    if exchange_ns < last_exchange_ns {
        return Err(RowProblem::Back(
            "exchange_ns",
            exchange_ns,
            last_exchange_ns,
        ));
    }
    if local_ns < last_local_ns {
        return Err(RowProblem::Back("local_ns", local_ns, last_local_ns));
    }
    let lowest_price = match kind {
        EventKind::Clear | EventKind::Cancel | EventKind::Fill => 0,
        EventKind::Touch | EventKind::OnlyLevel if lots == 0 => 0,
        _ => 1,
    };
    let is_time = exchange_ns <= MAX_TIME_NS && local_ns <= MAX_TIME_NS;
    if !is_time || !(lowest_price..=MAX_COUNT).contains(&price) || !(0..=MAX_COUNT).contains(&lots)
    {
        return Err(RowProblem::Range);
    }
    Ok(Some(Event {
        exchange_ns,
        local_ns,
        price,
        size: lots,
        order_id,
        kind,
        side,
    }))
}
