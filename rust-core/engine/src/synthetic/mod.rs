//! A seeded market in the wire format of Binance spot, for use where no recording is at hand.
//!
//! Its lines are those of a recorder, `<received_ns> <json>`: depth every 100 ms with contiguous `U`/`u`,
//! trade with contiguous ids, bookTicker at every change of the touch. The first line is a depth frame, the
//! second the REST snapshot, whose `lastUpdateId` lies inside the next depth frame: a reader must join them by
//! the venue's rule. A line is received 1.3 to 1.7 ms after its event.
//!
//! The flow: market orders arrive in clusters with persistent sides and take the touch; some move the price,
//! most of the levels in the way being withdrawn before they are reached, and makers follow with a burst of new
//! quotes. Only integers and basic floating-point arithmetic are used, so a seed gives the same bytes everywhere.
//!
//! Measured on a recording of Binance spot BTCUSDT (two parts of five minutes, 2024-08-08 23:54 to 08-09 00:05
//! UTC), and on this market (three seeds, eleven minutes each):
//!
//! | figure | recording | here |
//! |---|---|---|
//! | depth, bookTicker, trade messages a second | 10, 81 to 148, 28 to 33 | 10, 87 to 91, 22 to 24 |
//! | levels in a depth message: median, p90, p99, mean | 16 to 30, 70 to 137, 378 to 391, 36 to 57 | 25, 54, 272, 38 |
//! | update ids in a depth message, mean | 53 to 90 | 47 |
//! | levels beyond 10,000 ticks, from 1,001, from 101, nearer | 19, 51, 21, 9 % | 20, 51, 19, 11 % |
//! | updates that delete a level | 48 % | 50 % |
//! | spread in ticks: median, p95, p99 | 1, 2 to 16, 227 to 763 | 1, 1, 182 |
//! | market orders a second; mean and deviation of their gaps | 9 to 13; 78 to 107 ms, 1.7 means | 9; 109 ms, 1.6 means |
//! | size of an order: median, p90, p99 | 0.003, 0.10, 0.95 to 1.2 | 0.0036, 0.10, 1.04 |
//! | size of a trade: median, p95, p99 | 0.0006, 0.1, 0.32 | 0.0017, 0.14, 0.41 |
//! | trades of an order, mean | 2.6 to 3.0 | 2.5 |
//! | same side as the order 1, 5, 20 before | 68 to 72, 62, 55 to 56 % | 69, 61, 52 % |
//! | mid's moves in 1 s and 10 s, standard deviation | 1.2 to 1.3, 4.1 to 4.5 bps | 1.2 to 1.4, 3.8 bps |
//! | seconds without a move | 39 to 60 % | 43 to 50 % |
//!
//! Not reproduced: the same order's changes to several levels, icebergs, spikes of activity beyond a few times the
//! usual, and any dependence on the time of day.

mod book;
mod flow;
mod wire;

use std::collections::VecDeque;

use self::book::Book;
use self::flow::{Flow, Quote};
use self::wire::{Fill, Writer};
use crate::feed::{SettingsError, check_symbol};
use crate::random::Random;
use crate::units::{NS_PER_MS, NS_PER_S, Side, TimestampNs};

/// Where a market starts unless told otherwise: 2024-08-09 00:00:00 UTC, in the middle of the measured recording.
pub const DEFAULT_START: TimestampNs = TimestampNs(1_723_161_600 * NS_PER_S);
/// How long it lasts unless told otherwise: one hour.
pub const DEFAULT_DURATION_NS: i64 = 3_600 * NS_PER_S;
/// The shortest market: one depth frame.
pub const MIN_DURATION_NS: i64 = DEPTH_US * NS_PER_US;
/// The longest market: 365 days.
pub const MAX_DURATION_NS: i64 = 365 * 86_400 * NS_PER_S;
/// No start is as late as this, 2099-01-01: every market ends before 2100.
pub const MAX_START: TimestampNs = TimestampNs(4_070_908_800 * NS_PER_S);
/// The grid of prices (0.01) and of sizes (0.00001), as text.
pub const PRICE_TICK: &str = "0.01";
/// See [`PRICE_TICK`].
pub const SIZE_STEP: &str = "0.00001";

const NS_PER_US: i64 = 1_000;
/// Between depth frames.
const DEPTH_US: i64 = 100_000;
/// The first best bid, 61,800.00.
const START_TICKS: i64 = 6_180_000;
const FIRST_UPDATE_ID: i64 = 50_000_000_000;
const FIRST_TRADE_ID: i64 = 3_700_000_000;
/// Levels a side at the start: as many as a REST snapshot shows, so that none is hidden.
const START_LEVELS: usize = 1_000;
/// Levels a side around which births and deaths balance, and below which none is withdrawn or swept.
const USUAL_LEVELS: f64 = 1_200.0;
const LEAST_LEVELS: usize = 200;
/// Share of changes behind the touch that withdraw a level, where the number of levels is usual.
const WITHDRAWN: f64 = 0.48;
const WITHDRAWN_PER_EXCESS: f64 = 0.3;
/// Share of the levels in the way of a move that are withdrawn before they are reached.
const FLEEING: f64 = 0.9;
/// Chance that a change repairs a spread wider than a tick.
const REPAIR: f64 = 0.6;
/// A line is received this long after its event, at least and in addition at most.
const LATENCY_NS: i64 = 1_300_000;
const LATENCY_JITTER_NS: u64 = 400_000;
/// Changes between the first depth frame and the snapshot.
const CHANGES_BEFORE_SNAPSHOT: usize = 5;

/// Why there is no such market.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MarketError {
    /// A symbol that would not stand in a frame as it is.
    #[error(transparent)]
    Symbol(#[from] SettingsError),
    /// A time out of range.
    #[error("start_ns is {0}; it must be a moment from 1970 to 2098 in nanoseconds")]
    Start(i64),
    /// Too short, or too long.
    #[error(
        "duration_ns is {0}; it must be from {MIN_DURATION_NS} (0.1 s) to {MAX_DURATION_NS} (365 days)"
    )]
    Duration(i64),
}

/// The market: a source of lines until its duration is over.
#[derive(Debug, Clone)]
pub struct SyntheticMarket {
    random: Random,
    book: Book,
    flow: Flow,
    writer: Writer,
    lines: VecDeque<Vec<u8>>,
    start_ns: i64,
    end_us: i64,
    now_us: i64,
    next_depth_us: i64,
    next_order_us: i64,
    next_quote_us: i64,
    /// Where the makers see the best bid; the best ask belongs one tick above.
    fair_ticks: i64,
    last_received_ns: i64,
    last_depth_id: i64,
    last_trade_id: i64,
    is_joined: bool,
}

impl SyntheticMarket {
    /// A market of its own for each seed.
    ///
    /// # Errors
    /// See [`MarketError`].
    pub fn new(
        seed: u64,
        symbol: &str,
        start: TimestampNs,
        duration_ns: i64,
    ) -> Result<Self, MarketError> {
        check_symbol(symbol)?;
        if start.0 < 0 || start >= MAX_START {
            return Err(MarketError::Start(start.0));
        }
        if !(MIN_DURATION_NS..=MAX_DURATION_NS).contains(&duration_ns) {
            return Err(MarketError::Duration(duration_ns));
        }
        let mut random = Random::new(seed);
        let flow = Flow::new(&mut random);
        let book = start_book(&mut random);
        Ok(Self {
            random,
            last_depth_id: book.update_id,
            book,
            flow,
            writer: Writer::new(symbol),
            lines: VecDeque::new(),
            start_ns: start.0,
            end_us: duration_ns / NS_PER_US / DEPTH_US * DEPTH_US,
            now_us: 0,
            next_depth_us: DEPTH_US,
            next_order_us: DEPTH_US,
            next_quote_us: 0,
            fair_ticks: START_TICKS,
            last_received_ns: start.0,
            last_trade_id: FIRST_TRADE_ID,
            is_joined: false,
        })
    }

    /// The next line, without a line feed; None at the end.
    pub fn next_line(&mut self) -> Option<Vec<u8>> {
        while self.lines.is_empty() {
            if self.next_depth_us > self.end_us {
                return None;
            }
            self.now_us = self.next_order_us.min(self.next_quote_us);
            if self.next_depth_us <= self.now_us {
                self.now_us = self.next_depth_us;
                self.depth();
                self.next_depth_us += DEPTH_US;
            } else if self.now_us == self.next_order_us {
                self.order();
                self.next_order_us += flow::order_gap_us(&mut self.random);
            } else {
                self.quote();
                self.next_quote_us += self.flow.quote_gap_us(self.now_us, &mut self.random);
            }
        }
        self.lines.pop_front()
    }

    fn depth(&mut self) {
        let (received_ns, event_ns) = (self.receive(), self.event_ns());
        let first_id = self.last_depth_id + 1;
        if first_id <= self.book.update_id {
            let line = self
                .writer
                .depth(&mut self.book, first_id, received_ns, event_ns);
            self.last_depth_id = self.book.update_id;
            self.lines.push_back(line);
        }
        if !self.is_joined {
            self.join();
        }
    }

    /// The snapshot that joins the stream: later than the first depth frame, and inside the next one.
    fn join(&mut self) {
        self.is_joined = true;
        for _ in 0..CHANGES_BEFORE_SNAPSHOT {
            self.change_behind_touch();
        }
        let received_ns = self.receive();
        self.lines
            .push_back(Writer::snapshot(&self.book, received_ns));
    }

    /// A market order comes and takes what it finds.
    fn order(&mut self) {
        let top = self.book.top();
        let distance = (self.fair_ticks - START_TICKS) as f64 / START_TICKS as f64;
        let order = self.flow.order(distance, &mut self.random);
        let fills = if self.move_is_possible(order) {
            self.flow.follow(order.move_ticks);
            self.move_price(order)
        } else {
            self.take_touch(order)
        };
        self.show_touch(top);
        // Half of the trades are told a millisecond after they took place.
        let trade_ns = self.event_ns();
        let event_ns = trade_ns + NS_PER_MS * self.random.below(2) as i64;
        for fill in fills {
            let received_ns = self.receive();
            let line = self.writer.trade(fill, received_ns, event_ns, trade_ns);
            self.lines.push_back(line);
        }
    }

    /// The fair price as a key of a side: no better level of it stands for long.
    fn fair_key(&self, side: Side) -> i64 {
        match side {
            Side::Buy => self.fair_ticks,
            Side::Sell => -(self.fair_ticks + 1),
        }
    }

    fn move_is_possible(&self, order: flow::Order) -> bool {
        let maker = order.taker.opposite();
        let half = self.book.half(maker);
        let swept = half.ahead_of(self.fair_key(maker) - order.move_ticks);
        order.move_ticks > 0 && half.len() > swept + LEAST_LEVELS
    }

    /// Clears the maker's levels in the way: the order takes what it can, the touch first, and the rest flees.
    fn move_price(&mut self, order: flow::Order) -> Vec<Fill> {
        let maker = order.taker.opposite();
        self.fair_ticks += if order.taker == Side::Buy {
            order.move_ticks
        } else {
            -order.move_ticks
        };
        let limit = self.fair_key(maker);
        let mut rest = order.lots;
        let mut fills = Vec::new();
        let (mut key, mut lots) = self.book.half(maker).best();
        while key > limit {
            if fills.is_empty() || !self.random.chance(FLEEING) {
                self.fill_level(&mut fills, order.taker, key, lots.min(rest));
                rest -= lots.min(rest);
            }
            self.book.set(maker, key, 0);
            (key, lots) = self.book.half(maker).best();
        }
        fills
    }

    fn take_touch(&mut self, order: flow::Order) -> Vec<Fill> {
        let maker = order.taker.opposite();
        let (key, standing) = self.book.half(maker).best();
        let lots = order.lots.min(standing);
        let mut fills = Vec::new();
        self.fill_level(&mut fills, order.taker, key, lots);
        self.book.set(maker, key, standing - lots);
        fills
    }

    /// The trades that `lots` at one level make: one for each resting order met.
    fn fill_level(&mut self, fills: &mut Vec<Fill>, taker: Side, key: i64, lots: i64) {
        let price_ticks = book::price(taker.opposite(), key);
        let mut rest = lots;
        while rest > 0 {
            let lots = flow::trade_lots(&mut self.random).min(rest);
            rest -= lots;
            self.last_trade_id += 1;
            fills.push(Fill {
                id: self.last_trade_id,
                price_ticks,
                lots,
                taker,
            });
        }
    }

    /// A resting level changes.
    fn quote(&mut self) {
        let top = self.book.top();
        if self.book.spread_ticks() > 1 && self.random.chance(REPAIR) {
            self.repair_spread();
        } else if self.is_joined && self.flow.quote(&mut self.random) == Quote::Touch {
            self.change_touch();
        } else {
            self.change_behind_touch();
        }
        self.show_touch(top);
    }

    /// Makers step up to the fair price.
    fn repair_spread(&mut self) {
        let first = flow::any_side(&mut self.random);
        let side = if self.book.half(first).best().0 < self.fair_key(first) {
            first
        } else {
            first.opposite()
        };
        let key = self
            .fair_key(side)
            .min(-self.book.half(side.opposite()).best().0 - 1);
        let lots = flow::touch_lots(&mut self.random);
        self.book.set(side, key, lots);
    }

    /// Someone joins the touch, leaves it in part, or replaces all of it.
    fn change_touch(&mut self) {
        let side = flow::any_side(&mut self.random);
        let (key, lots) = self.book.half(side).best();
        let change = flow::level_lots(&mut self.random);
        let new_lots = match self.random.below(10) {
            0..=1 => flow::touch_lots(&mut self.random),
            2..=4 => lots + change.min(lots.max(1_000)),
            _ => (lots - change).max(lots / 2).max(1),
        };
        if new_lots != lots {
            self.book.set(side, key, new_lots);
        }
    }

    /// A level behind the touch is withdrawn, placed or changed.
    fn change_behind_touch(&mut self) {
        let side = flow::any_side(&mut self.random);
        let half = self.book.half(side);
        let key = half.best().0 - flow::level_ticks(&mut self.random);
        let excess = half.len() as f64 / USUAL_LEVELS - 1.0;
        if self
            .random
            .chance(WITHDRAWN + excess * WITHDRAWN_PER_EXCESS)
        {
            let found = half.at_or_behind(key).filter(|_| half.len() > LEAST_LEVELS);
            if let Some(key) = found {
                self.book.set(side, key, 0);
            }
        } else {
            let lots = flow::level_lots(&mut self.random);
            self.book.set(side, key, lots);
        }
    }

    /// Tells the touch if it is no longer `before`.
    fn show_touch(&mut self, before: [(i64, i64); 2]) {
        if self.is_joined && self.book.top() != before {
            let received_ns = self.receive();
            self.lines
                .push_back(self.writer.book_ticker(&self.book, received_ns));
        }
    }

    fn event_ns(&self) -> i64 {
        self.start_ns + self.now_us * NS_PER_US
    }

    /// When the next line is received: after its event and after the line before.
    fn receive(&mut self) -> i64 {
        let latency_ns = LATENCY_NS + self.random.below(LATENCY_JITTER_NS) as i64;
        self.last_received_ns = (self.event_ns() + latency_ns).max(self.last_received_ns + 1);
        self.last_received_ns
    }
}

/// A thousand levels a side, as far apart as in the recording's snapshot.
fn start_book(random: &mut Random) -> Book {
    let mut book = Book::new(FIRST_UPDATE_ID);
    for (side, touch) in [(Side::Buy, START_TICKS), (Side::Sell, -(START_TICKS + 1))] {
        let mut key = touch;
        for level in 0..START_LEVELS {
            let lots = if level == 0 {
                flow::touch_lots(random)
            } else {
                flow::level_lots(random)
            };
            book.set(side, key, lots);
            let widest = if level < START_LEVELS / 2 { 58 } else { 23 };
            key -= 1 + random.below(widest) as i64;
        }
        book.half_mut(side).take_changes();
    }
    book.update_id = FIRST_UPDATE_ID;
    book
}

#[cfg(test)]
mod tests;
