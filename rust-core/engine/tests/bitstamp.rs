//! Bitstamp: updates that only have a time, and a book that begins with a reply.

mod venue_feed;

use openoutcry_engine::decode::venue::Venue;
use openoutcry_engine::feed::{MarketFeed, ViolationKind};
use venue_feed::{apply, breach, levels, refusal};

/// The reply of 300 µs.
const REPLY: &str = r#"{"timestamp":"1700000000","microtimestamp":"1700000000000300","bids":[["100.10","1.5"],["100.00","2"]],"asks":[["100.20","0.25"]]}"#;

fn reply(microseconds: i64) -> Vec<u8> {
    REPLY
        .replace("000300", &format!("{microseconds:06}"))
        .into_bytes()
}

fn update(microseconds: i64, bids: &str, asks: &str) -> String {
    format!(
        r#"{{"data":{{"timestamp":"1700000000","microtimestamp":"{}","bids":{bids},"asks":{asks}}},"channel":"diff_order_book_btcusd","event":"data"}}"#,
        1_700_000_000_000_000 + microseconds
    )
}

/// A feed that has taken an update of 200 µs.
fn begun() -> MarketFeed {
    let mut feed = venue_feed::new_feed(Venue::Bitstamp, "btcusd", 10, "0.01", "0.001");
    apply(&mut feed, &update(200, r#"[["100.10","9"]]"#, "[]"));
    feed
}

#[test]
fn a_reply_joins_that_lies_between_two_updates() {
    let mut feed = begun();
    assert!(feed.needs_snapshot() && !feed.needs_resubscription());
    apply(&mut feed, &update(400, "[]", r#"[["100.15","1"]]"#));
    assert_eq!(
        feed.apply_snapshot(&reply(100)),
        Ok(false),
        "older than what waits"
    );
    assert_eq!(feed.apply_snapshot(&reply(300)), Ok(true));
    // What the reply holds already is not applied again.
    let bids = vec![(10_010, 1_500), (10_000, 2_000)];
    assert_eq!(levels(&feed), (bids, vec![(10_015, 1_000), (10_020, 250)]));
}

#[test]
fn time_neither_goes_back_nor_stands_still() {
    for microseconds in [350, 400] {
        let mut feed = begun();
        assert_eq!(feed.apply_snapshot(&reply(300)), Ok(true));
        apply(&mut feed, &update(400, "[]", "[]"));
        let error = refusal(
            &mut feed,
            &update(microseconds, r#"[["100.11","1"]]"#, "[]"),
        );
        assert!(error.contains("microtimestamp"), "{error}");
        assert_eq!(breach(&mut feed).kind, ViolationKind::Malformed);
    }
}

#[test]
fn a_reply_must_be_newer_than_what_could_not_be_read() {
    let mut feed = begun();
    assert_eq!(feed.apply_snapshot(&reply(300)), Ok(true));
    refusal(&mut feed, &update(400, r#"[["100.11","x"]]"#, "[]"));
    apply(&mut feed, &update(500, "[]", "[]"));
    assert_eq!(
        feed.apply_snapshot(&reply(300)),
        Ok(false),
        "400 lies between"
    );
    assert_eq!(feed.apply_snapshot(&reply(500)), Ok(true));
}

#[test]
fn a_crossed_book_is_not_shown() {
    let mut feed = begun();
    assert_eq!(feed.apply_snapshot(&reply(300)), Ok(true));
    apply(&mut feed, &update(400, r#"[["100.20","1"]]"#, "[]"));
    assert_eq!(breach(&mut feed).kind, ViolationKind::Crossed);
    assert!(!feed.needs_resubscription(), "a reply heals it");
    apply(&mut feed, &update(500, "[]", "[]"));
    assert!(feed.needs_snapshot());
    let crossed = REPLY
        .replace("000300", "000500")
        .replace("100.20", "100.10");
    assert_eq!(feed.apply_snapshot(crossed.as_bytes()), Ok(false));
    apply(&mut feed, &update(600, "[]", "[]"));
    assert_eq!(feed.apply_snapshot(&reply(600)), Ok(true));
}

#[test]
fn trades_have_their_takers_side() {
    let trade = |kind: &str, second: i64| {
        format!(
            r#"{{"data":{{"id":{second},"timestamp":"1","amount":0.5,"amount_str":"0.50000000","price":100.15,"price_str":"100.15","type":{kind},"microtimestamp":"170000000{second}000000","buy_order_id":1,"sell_order_id":2}},"channel":"live_trades_btcusd","event":"trade"}}"#
        )
    };
    let mut feed = venue_feed::new_feed(Venue::Bitstamp, "btcusd", 10, "0.01", "0.001");
    for (kind, second) in [("0", 1), ("0", 3), ("1", 3), ("1", 5)] {
        apply(&mut feed, &trade(kind, second));
    }
    let candles = feed.take_candles();
    assert_eq!(
        candles.len(),
        1,
        "the first one began before the tape, the last is open"
    );
    assert_eq!((candles[0].volume.0, candles[0].buy_volume.0), (1_000, 500));
    let error = refusal(&mut feed, &trade("2", 6));
    assert!(error.contains("neither 0 nor 1"), "{error}");
}
