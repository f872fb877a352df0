//! Recorded lines of a venue's frames to rows.
//!
//! Depth goes through the synchronised book first, so that rows are of a book that can be trusted: updates that
//! wait for a snapshot, or that it holds already, make no rows; one that breaks the venue's rule clears both
//! sides, and none follow until the book is joined anew.

use super::row::{self, Content, Row};
use crate::book::sync::{SnapshotOutcome, SyncedBook, UpdateOutcome};
use crate::decode::venue::Venue;
use crate::decode::{BookTicker, DepthSnapshot, DepthUpdate, Event, Level, Message, Trade};
use crate::feed::{FeedError, LineSplit, Wire, split_line};
use crate::units::{PriceTicks, Side, SizeLots, Step};

/// Dense enough for the instruments recorded; what lies beyond is kept too.
const WINDOW_TICKS: usize = 32_768;

/// What is decoded.
#[derive(Debug, Clone)]
pub struct Instrument {
    /// The venue and its market.
    pub venue: Venue,
    /// The venue's own symbol.
    pub symbol: String,
    /// Smallest price difference.
    pub price_tick: Step,
    /// Smallest size difference.
    pub size_step: Step,
    /// Levels a side that were subscribed, where the venue's checksum depends on it.
    pub depth: Option<usize>,
}

/// What happened on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Updates before the first snapshot, or between a break and the next.
    pub waiting: u64,
    /// Updates, tickers, trades and snapshots that said nothing new.
    pub stale: u64,
    /// Breaks: gaps, crossed books, checksums that differ.
    pub breaks: u64,
    /// Snapshots joined.
    pub snapshots: u64,
    /// Trades that the ids say are missing.
    pub missing_trades: u64,
    /// Frames whose event time lay before that of a frame received earlier: they got its time.
    pub late: u64,
    /// The most by which one did, in ns.
    pub latest_ns: i64,
}

/// Turns recorded lines of one instrument into rows.
#[derive(Debug, Clone)]
pub struct HistoryDecoder {
    wire: Wire,
    stream: Stream,
}

/// Everything that decoded events change.
#[derive(Debug, Clone)]
struct Stream {
    book: SyncedBook,
    ticker: Option<BookTicker>,
    last_trade_id: i64,
    exchange_ns: i64,
    local_ns: i64,
    /// Receive minus event time of the newest frame that had one.
    latency_ns: i64,
    counts: Counts,
    rows: Vec<Row>,
}

impl HistoryDecoder {
    /// A decoder that has seen nothing.
    pub fn new(instrument: &Instrument) -> Self {
        let Instrument { venue, depth, .. } = *instrument;
        let (tick, step) = (instrument.price_tick, instrument.size_step);
        Self {
            wire: Wire::of(venue, &instrument.symbol, tick, step, depth),
            stream: Stream {
                book: SyncedBook::with_rules(WINDOW_TICKS, venue.book_rules(depth)),
                ticker: None,
                last_trade_id: 0,
                exchange_ns: 0,
                local_ns: 0,
                latency_ns: 0,
                counts: Counts::default(),
                rows: Vec::new(),
            },
        }
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.stream.counts
    }

    /// Decodes whole lines `<received_ns> <json>`, and lends their rows out.
    ///
    /// # Errors
    /// A line is malformed; what came before it in this call is lost.
    pub fn decode_lines(&mut self, lines: &[u8]) -> Result<&[Row], FeedError> {
        self.stream.rows.clear();
        for (index, line) in LineSplit(lines).enumerate() {
            if line.is_empty() {
                continue;
            }
            self.decode_line(line).map_err(|source| FeedError::Line {
                number: index + 1,
                source: Box::new(source),
            })?;
        }
        Ok(&self.stream.rows)
    }

    fn decode_line(&mut self, line: &[u8]) -> Result<(), FeedError> {
        let (received_ns, frame) = split_line(line)?;
        self.stream.local_ns = self.stream.local_ns.max(received_ns.0);
        match &mut self.wire {
            Wire::Binance(decoder) => match decoder.decode(frame)? {
                Event::Depth(update) => self.stream.on_depth(update),
                Event::Snapshot(snapshot) => self.stream.on_snapshot(snapshot),
                Event::Trade(trade) => self.stream.on_trade(&trade),
                Event::BookTicker(ticker) => self.stream.on_ticker(ticker),
                Event::Unknown => {}
            },
            Wire::Venue { decoder, message } => {
                message.clear();
                decoder.decode(frame, message)?;
                self.stream.on_message(message);
            }
        }
        Ok(())
    }

    /// Joins the REST reply that the book of some venues begins with, received at `received_ns`; the rows are
    /// lent out.
    ///
    /// # Errors
    /// The body is malformed, or the venue's book begins in the stream.
    pub fn decode_snapshot(&mut self, body: &[u8], received_ns: i64) -> Result<&[Row], FeedError> {
        self.stream.rows.clear();
        self.stream.local_ns = self.stream.local_ns.max(received_ns);
        let snapshot = match &mut self.wire {
            Wire::Binance(decoder) => decoder.decode_snapshot(body)?,
            Wire::Venue { decoder, .. } => decoder.decode_snapshot(body)?,
        };
        self.stream.on_snapshot(snapshot);
        Ok(&self.stream.rows)
    }
}

impl Stream {
    /// The time of an event, which never goes back.
    fn see_time(&mut self, event_ns: i64) {
        self.latency_ns = self.local_ns - event_ns;
        if event_ns < self.exchange_ns {
            self.counts.late += 1;
            self.counts.latest_ns = self.counts.latest_ns.max(self.exchange_ns - event_ns);
        } else {
            self.exchange_ns = event_ns;
        }
    }

    /// The time of an event that carries none: as far from its receipt as the newest that did.
    fn guess_time(&mut self) {
        let is_known = self.exchange_ns > 0;
        let latency_ns = if is_known { self.latency_ns } else { 0 };
        self.exchange_ns = self.exchange_ns.max(self.local_ns - latency_ns);
    }

    fn push(&mut self, code: i64, side: Side, level: Level) {
        let content = Content {
            code,
            side,
            price: level.price,
            size: level.size,
            order_id: 0,
        };
        self.rows.push(content.at(self.exchange_ns, self.local_ns));
    }

    fn clear_both(&mut self) {
        let nothing = Level {
            price: PriceTicks(0),
            size: SizeLots::ZERO,
        };
        self.push(row::CLEAR, Side::Buy, nothing);
        self.push(row::CLEAR, Side::Sell, nothing);
    }

    fn on_message(&mut self, message: &Message) {
        if message.lost.is_some() && self.book.lose() {
            self.counts.breaks += 1;
            self.clear_both();
        }
        for update in message.updates() {
            self.on_depth(update);
        }
        for trade in &message.trades {
            self.on_trade(trade);
        }
    }

    fn on_depth(&mut self, update: &DepthUpdate) {
        let was_valid = self.book.is_valid();
        match self.book.on_update(update) {
            UpdateOutcome::Applied => {
                self.see_time(update.event_ns.0);
                let code = if update.is_whole {
                    self.clear_both();
                    row::SNAPSHOT
                } else {
                    row::LEVEL
                };
                for level in &update.bids {
                    self.push(code, Side::Buy, *level);
                }
                for level in &update.asks {
                    self.push(code, Side::Sell, *level);
                }
                self.repeat_touch();
            }
            UpdateOutcome::Waiting => self.counts.waiting += 1,
            UpdateOutcome::Stale => self.counts.stale += 1,
            UpdateOutcome::Gap | UpdateOutcome::Crossed | UpdateOutcome::Checksum => {
                self.counts.breaks += 1;
                if was_valid {
                    self.see_time(update.event_ns.0);
                    self.clear_both();
                }
            }
        }
    }

    fn on_snapshot(&mut self, snapshot: &DepthSnapshot) {
        match self.book.on_snapshot(snapshot) {
            SnapshotOutcome::Joined => self.counts.snapshots += 1,
            SnapshotOutcome::Stale => {
                self.counts.stale += 1;
                return;
            }
            SnapshotOutcome::TooOld | SnapshotOutcome::Crossed => return,
        }
        self.guess_time();
        self.clear_both();
        let Some(book) = self.book.book() else {
            return;
        };
        let sides = [Side::Buy, Side::Sell];
        let levels: Vec<_> = sides
            .into_iter()
            .flat_map(|side| book.levels(side).map(move |level| (side, level)))
            .collect();
        for (side, level) in levels {
            self.push(row::SNAPSHOT, side, level);
        }
        self.repeat_touch();
    }

    fn on_trade(&mut self, trade: &Trade) {
        if trade.id != 0 {
            if trade.id <= self.last_trade_id {
                self.counts.stale += 1;
                return;
            }
            if self.last_trade_id != 0 {
                self.counts.missing_trades += (trade.id - self.last_trade_id - 1) as u64;
            }
            self.last_trade_id = trade.id;
        }
        if trade.is_market {
            self.see_time(trade.event_ns.0);
            let (price, size) = (trade.price, trade.size);
            self.push(row::TRADE, trade.taker, Level { price, size });
        }
    }

    fn on_ticker(&mut self, ticker: BookTicker) {
        let is_old = self
            .ticker
            .is_some_and(|newest| ticker.update_id <= newest.update_id);
        let is_whole = !ticker.bid.size.is_zero() && !ticker.ask.size.is_zero();
        if is_old || !is_whole || ticker.bid.price >= ticker.ask.price {
            self.counts.stale += u64::from(is_old);
            return;
        }
        match ticker.event_ns {
            Some(event_ns) => self.see_time(event_ns.0),
            None => self.guess_time(),
        }
        self.ticker = Some(ticker);
        self.repeat_touch();
    }

    /// The newest ticker's touch, as long as the book's updates have not come so far. An update older than it
    /// may have put back what was gone.
    fn repeat_touch(&mut self) {
        let Some(ticker) = self.ticker else { return };
        let Some(book) = self.book.book() else { return };
        if ticker.update_id <= self.book.last_id() {
            return;
        }
        // The side that gives way comes first, so that the rows in between are no crossed book.
        let rises = book
            .best(Side::Sell)
            .is_some_and(|ask| ticker.bid.price >= ask.price);
        let touches = [(Side::Buy, ticker.bid), (Side::Sell, ticker.ask)];
        for index in if rises { [1, 0] } else { [0, 1] } {
            let (side, level) = touches[index];
            self.push(row::TOUCH, side, level);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::binance::Product;

    fn decoder() -> HistoryDecoder {
        let step = |text| Step::parse(text).expect("a step");
        HistoryDecoder::new(&Instrument {
            venue: Venue::Binance(Product::Spot),
            symbol: "BTCUSDT".to_owned(),
            price_tick: step("0.1"),
            size_step: step("1"),
            depth: None,
        })
    }

    fn depth(at_ms: i64, first: i64, last: i64, bids: &str, asks: &str) -> String {
        format!(
            "{}000000 {{\"e\":\"depthUpdate\",\"E\":{at_ms},\"s\":\"BTCUSDT\",\"U\":{first},\"u\":{last},\
             \"b\":[{bids}],\"a\":[{asks}]}}\n",
            at_ms + 1
        )
    }

    fn kinds(rows: &[Row]) -> Vec<i64> {
        rows.iter().map(|row| row[2]).collect()
    }

    const SNAPSHOT: &str =
        "1002000000 {\"lastUpdateId\":5,\"bids\":[[\"9.9\",\"2\"]],\"asks\":[[\"10.1\",\"3\"]]}\n";
    const SELL: i64 = 1 << 8;

    #[test]
    fn rows_begin_with_the_joined_book() {
        let mut decoder = decoder();
        let early = depth(1_000, 4, 5, "[\"9.8\",\"1\"]", "");
        let next = depth(1_001, 6, 7, "[\"9.9\",\"0\"],[\"9.7\",\"4\"]", "");
        let lines = [early.as_str(), next.as_str(), SNAPSHOT].concat();
        let rows = decoder.decode_lines(lines.as_bytes()).expect("well formed");
        let codes = [
            row::CLEAR,
            row::CLEAR | SELL,
            row::SNAPSHOT,
            row::SNAPSHOT | SELL,
        ];
        assert_eq!(kinds(rows), codes);
        assert_eq!(rows[2][3..5], [97, 4]);
        assert_eq!(
            (decoder.counts().waiting, decoder.counts().snapshots),
            (2, 1)
        );
    }

    #[test]
    fn a_gap_forgets_the_book_until_the_next_snapshot() {
        let mut decoder = decoder();
        let lines = [
            depth(1_000, 4, 5, "", ""),
            SNAPSHOT.to_owned(),
            depth(1_003, 9, 9, "[\"9.8\",\"1\"]", ""),
        ];
        let rows = decoder
            .decode_lines(lines.concat().as_bytes())
            .expect("well formed");
        assert_eq!(kinds(rows)[4..], [row::CLEAR, row::CLEAR | SELL]);
        assert_eq!(decoder.counts().breaks, 1);
        let later = depth(1_004, 10, 10, "[\"9.8\",\"1\"]", "");
        let rows = decoder.decode_lines(later.as_bytes()).expect("well formed");
        assert!(rows.is_empty());
    }

    #[test]
    fn a_newer_ticker_is_told_again_after_an_older_update() {
        let mut decoder = decoder();
        let ticker = "1003000000 {\"u\":8,\"s\":\"BTCUSDT\",\"b\":\"10.1\",\"B\":\"1\",\"a\":\"10.2\",\"A\":\"5\"}\n";
        let lines = [
            depth(1_000, 4, 5, "", ""),
            SNAPSHOT.to_owned(),
            ticker.to_owned(),
        ]
        .concat();
        let rows = decoder.decode_lines(lines.as_bytes()).expect("well formed");
        assert_eq!(kinds(rows)[4..], [row::TOUCH | SELL, row::TOUCH]);
        let older = depth(1_004, 6, 7, "", "[\"10.3\",\"6\"]");
        let rows = decoder.decode_lines(older.as_bytes()).expect("well formed");
        assert_eq!(
            kinds(rows),
            [row::LEVEL | SELL, row::TOUCH | SELL, row::TOUCH]
        );
        let newer = depth(1_005, 8, 9, "", "[\"10.3\",\"7\"]");
        let rows = decoder.decode_lines(newer.as_bytes()).expect("well formed");
        assert_eq!(kinds(rows), [row::LEVEL | SELL]);
    }

    #[test]
    fn times_never_go_back() {
        let mut decoder = decoder();
        let trade = |at_ms: i64, id: i64| {
            format!(
                "{}000000 {{\"e\":\"trade\",\"E\":{at_ms},\"s\":\"BTCUSDT\",\"t\":{id},\"p\":\"10.0\",\"q\":\"1\",\
                 \"T\":{at_ms},\"m\":true,\"M\":true}}\n",
                2_000 + id
            )
        };
        let lines = [
            trade(1_000, 1),
            trade(990, 2),
            trade(991, 2),
            trade(1_000, 4),
        ]
        .concat();
        let rows = decoder.decode_lines(lines.as_bytes()).expect("well formed");
        assert!(rows.is_sorted_by_key(|row| (row[0], row[1])));
        assert_eq!(kinds(rows), [row::TRADE | SELL; 3]);
        let counts = decoder.counts();
        assert_eq!(
            (
                counts.late,
                counts.latest_ns,
                counts.stale,
                counts.missing_trades
            ),
            (1, 10_000_000, 1, 1)
        );
    }
}
