//! Trades that nobody can tell again: their candle is dropped, and the tape goes on.

mod venue_feed;

use openoutcry_engine::candle::CandleRule;
use openoutcry_engine::decode::venue::Venue;
use openoutcry_engine::feed::{MarketFeed, ViolationKind};
use openoutcry_engine::units::NS_PER_S;
use venue_feed::{apply, feed_with, refusal};

const BY_TIME: CandleRule = CandleRule::Time {
    interval_ns: 10 * NS_PER_S,
};
const BY_TRADES: CandleRule = CandleRule::Trades { count: 2 };

/// A trade of a tenth at 100, so many seconds after some begin.
fn bybit_trade(second: i64) -> String {
    let ms = 1_700_000_000_000 + second * 1_000;
    format!(
        r#"{{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":{ms},"data":[{{"T":{ms},"s":"BTCUSDT","S":"Buy","v":"0.1","p":"100.0","i":"x"}}]}}"#
    )
}

fn coinbase_trade(sequence: i64, id: i64) -> String {
    format!(
        r#"{{"channel":"market_trades","timestamp":"2026-01-02T03:04:05Z","sequence_num":{sequence},"events":[{{"type":"update","trades":[{{"product_id":"BTC-USD","trade_id":"{id}","price":"100.0","size":"0.1","time":"2026-01-02T03:04:05Z","side":"BUY"}}]}}]}}"#
    )
}

fn bybit(rule: CandleRule, resume_trade_id: i64, seconds: &[i64]) -> MarketFeed {
    let mut feed = feed_with(Venue::Bybit, "BTCUSDT", |settings| {
        settings.candle_rule = rule;
        settings.resume_trade_id = resume_trade_id;
    });
    for second in seconds {
        apply(&mut feed, &bybit_trade(*second));
    }
    feed
}

/// First and last trade of each candle.
fn candles(feed: &mut MarketFeed) -> Vec<(i64, i64)> {
    let closed = feed.take_candles();
    closed
        .iter()
        .map(|candle| (candle.first_trade_id, candle.last_trade_id))
        .collect()
}

#[test]
fn a_candle_by_time_does_not_span_a_lost_connection() {
    let mut feed = bybit(BY_TIME, 0, &[0, 10, 12]);
    assert_eq!(candles(&mut feed), [], "it began before the first trade");
    feed.reset();
    // The trades of the outage belong to the candles at 10 and at 20.
    for second in [22, 30, 40] {
        apply(&mut feed, &bybit_trade(second));
    }
    assert_eq!(candles(&mut feed), [(5, 5)]);
}

#[test]
fn a_candle_by_trades_begins_anew_after_a_lost_connection_or_a_frame_that_cannot_be_read() {
    let mut feed = bybit(BY_TRADES, 0, &[0, 1, 2]);
    assert_eq!(candles(&mut feed), [(1, 2)]);
    feed.reset();
    apply(&mut feed, &bybit_trade(9));
    assert_eq!(candles(&mut feed), [], "3 is not followed by 4");
    refusal(&mut feed, &bybit_trade(10).replace("Buy", "Bought"));
    apply(&mut feed, &bybit_trade(11));
    apply(&mut feed, &bybit_trade(12));
    assert_eq!(candles(&mut feed), [(5, 6)]);
}

#[test]
fn a_tape_that_the_venue_does_not_number_is_not_resumed_as_if_nothing_were_missing() {
    let mut feed = bybit(BY_TIME, 41, &[3, 10, 20]);
    assert_eq!(
        candles(&mut feed),
        [(43, 43)],
        "42 is in a candle of unknown begin"
    );
}

#[test]
fn a_tape_with_ids_that_cannot_be_filled_goes_on_after_a_lost_message() {
    let mut feed = feed_with(Venue::Coinbase, "BTC-USD", |settings| {
        settings.candle_rule = BY_TRADES;
    });
    apply(&mut feed, &coinbase_trade(0, 7));
    apply(&mut feed, &coinbase_trade(2, 10));
    assert_eq!(feed.missing_trades(), None);
    assert!(candles(&mut feed).is_empty(), "7 is not followed by 10");
    apply(&mut feed, &coinbase_trade(3, 9));
    assert_eq!(feed.counts().stale, 1);
    apply(&mut feed, &coinbase_trade(4, 11));
    assert_eq!(candles(&mut feed), [(10, 11)]);
    // A hole in the ids alone is told, and nothing waits behind it.
    feed.take_violations();
    apply(&mut feed, &coinbase_trade(5, 14));
    assert_eq!((feed.missing_trades(), feed.last_trade_id()), (None, 14));
    assert_eq!(feed.take_violations()[0].kind, ViolationKind::Trades);
    feed.reset();
    for (sequence, id) in [(0, 13), (1, 15), (2, 16)] {
        apply(&mut feed, &coinbase_trade(sequence, id));
    }
    assert_eq!(candles(&mut feed), [(15, 16)]);
}
