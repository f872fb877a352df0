//! One session: the input's lines are frames of a connection, and what must hold after each.
//!
//! A line is a frame, but for these beginnings: `S` the body of a REST snapshot, `T` of a REST reply with trades, `R`
//! the connection is new, a digit a recorded line `<received_ns> <json>`.
//!
//! A second feed gets the same lines with a blank before each level, which is the same to JSON but is read digit
//! by digit: both must come to the same.

use openoutcry_engine::book::l2::L2Book;
use openoutcry_engine::decode::Level;
use openoutcry_engine::feed::{FeedError, MarketFeed};
use openoutcry_engine::units::{Side, TimestampNs};

use super::Target;

/// The longest text of an error or of a violation, in bytes: what is quoted of a frame is short.
const MAX_ERROR_BYTES: usize = 512;
/// The least bytes that a level takes on the wire: `["1","1"]`.
const MIN_LEVEL_BYTES: usize = 9;

/// Drives a feed through a session.
///
/// # Panics
/// Something that must hold does not: that is what fuzzing looks for.
pub fn run(target: Target, session: &[u8]) {
    let (mut feed, mut by_digit) = (target.feed(), target.feed());
    for (number, line) in session.split(|byte| *byte == b'\n').enumerate() {
        let received_ns = TimestampNs(number as i64);
        let is_read = step(&mut feed, line, received_ns);
        assert!(
            is_read || !target.invalidates_on_error() || feed.book().is_none(),
            "a book is shown although a frame could not be read"
        );
        let is_read_by_digit = step(&mut by_digit, &with_blanks(line), received_ns);
        assert_eq!(is_read, is_read_by_digit, "read in one of two ways");
        check_touch(&feed);
    }
    check_equal(&feed, &by_digit);
    check_violations(&mut feed);
    check_tape(&mut feed);
    if let Some(book) = feed.book() {
        check_levels(book, Side::Buy, session.len());
        check_levels(book, Side::Sell, session.len());
    }
}

/// The line with a blank between each opening bracket and a string.
fn with_blanks(line: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(2 * line.len());
    for (at, byte) in line.iter().enumerate() {
        text.push(*byte);
        if *byte == b'[' && line.get(at + 1) == Some(&b'"') {
            text.push(b' ');
        }
    }
    text
}

fn check_equal(feed: &MarketFeed, other: &MarketFeed) {
    let seen = |feed: &MarketFeed| {
        let ids = (
            feed.last_update_id(),
            feed.last_trade_id(),
            feed.missing_trades(),
        );
        let breaches = (feed.gaps(), feed.crossed(), feed.checksum_mismatches());
        (
            ids,
            breaches,
            feed.counts(),
            feed.top(),
            feed.frames(),
            feed.last_event_ns(),
        )
    };
    assert_eq!(seen(feed), seen(other), "fast and slow differ");
    match (feed.book(), other.book()) {
        (Some(book), Some(other)) => {
            for side in [Side::Buy, Side::Sell] {
                assert!(
                    book.levels(side).eq(other.levels(side)),
                    "fast and slow differ"
                );
            }
        }
        (book, other) => assert_eq!(book.is_none(), other.is_none()),
    }
}

/// Applies one line; false if it was a frame that could not be read.
fn step(feed: &mut MarketFeed, line: &[u8], received_ns: TimestampNs) -> bool {
    let result = match line {
        [b'S', body @ ..] => {
            check_error(feed.apply_snapshot(body).err().as_ref());
            return true;
        }
        [b'T', body @ ..] => {
            check_error(feed.apply_trades(body).err().as_ref());
            return true;
        }
        [b'R', ..] => {
            feed.reset();
            assert!(feed.book().is_none() && !feed.needs_resubscription());
            return true;
        }
        [b'0'..=b'9', ..] => {
            check_error(feed.apply_lines(line).err().as_ref());
            return true;
        }
        frame => feed.apply(frame, received_ns),
    };
    check_error(result.as_ref().err());
    !matches!(result, Err(FeedError::Decode(_)))
}

fn check_error(error: Option<&FeedError>) {
    if let Some(error) = error {
        let text = error.to_string();
        assert!(
            text.len() <= MAX_ERROR_BYTES,
            "an error of {} bytes",
            text.len()
        );
    }
}

/// What is shown is not crossed, and nothing is shown that has to be subscribed anew.
fn check_touch(feed: &MarketFeed) {
    let is_uncrossed = |(bid, ask): (Level, Level)| bid.price < ask.price;
    assert!(feed.top().is_none_or(is_uncrossed), "a crossed touch");
    let Some(book) = feed.book() else {
        assert!(feed.features().is_none() && feed.top().is_none());
        return;
    };
    assert!(book.top().is_none_or(is_uncrossed), "a crossed book");
    assert!(!feed.needs_resubscription() && !feed.needs_snapshot());
}

fn check_violations(feed: &mut MarketFeed) {
    let mut last_frame = 0;
    for violation in feed.take_violations() {
        assert!(violation.what.len() <= MAX_ERROR_BYTES);
        assert!((last_frame..=feed.frames()).contains(&violation.frame));
        last_frame = violation.frame;
    }
}

fn check_tape(feed: &mut MarketFeed) {
    if let Some((first, last)) = feed.missing_trades() {
        assert!(first <= last, "a hole that ends before it begins");
    }
    for candle in feed.take_candles() {
        assert!(candle.low <= candle.open && candle.open <= candle.high);
        assert!(candle.low <= candle.close && candle.close <= candle.high);
        assert!(candle.buy_volume <= candle.volume && candle.trade_count > 0);
        assert!(candle.open_ns < candle.close_ns);
    }
    for alert in feed.take_alerts() {
        assert!((0.0..=1.0).contains(&alert.score));
    }
}

/// Levels come from the best outwards, none is empty, and there are no more than the session has text for.
fn check_levels(book: &L2Book, side: Side, session_bytes: usize) {
    let (mut count, mut last) = (0, None);
    for level in book.levels(side) {
        assert!(level.price.0 > 0 && level.size.0 > 0, "an empty level");
        let is_worse = |last| match side {
            Side::Buy => level.price < last,
            Side::Sell => level.price > last,
        };
        assert!(last.is_none_or(is_worse), "levels out of order");
        last = Some(level.price);
        count += 1;
    }
    assert_eq!(count, book.len(side));
    assert!(
        count <= session_bytes / MIN_LEVEL_BYTES,
        "levels from nowhere"
    );
}
