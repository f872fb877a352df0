//! Each venue's frames, made by hand, and each venue's integrity rule.

mod venue_feed;

use openoutcry_engine::candle::Candle;
use openoutcry_engine::decode::venue::Venue;
use openoutcry_engine::feed::{FrameKind, MarketFeed, ViolationKind};
use venue_feed::{RECEIVED_NS, apply, breach, levels, refusal};

const BYBIT: &str = r#"{"topic":"orderbook.50.BTCUSDT","type":"snapshot","ts":1700000000100,"data":{"s":"BTCUSDT","b":[["100.10","1.5"],["100.00","2"]],"a":[["100.20","0.25"]],"u":7,"seq":1},"cts":1}"#;
const BITSTAMP: &str = r#"{"data":{"timestamp":"1700000000","microtimestamp":"1700000000000200","bids":[["100.10","1.5"]],"asks":[["100.20","0.25"]]},"channel":"diff_order_book_btcusd","event":"data"}"#;
const BITSTAMP_REST: &str = r#"{"timestamp":"1700000000","microtimestamp":"1700000000000300","bids":[["100.10","1.5"],["100.00","2"]],"asks":[["100.20","0.25"]]}"#;
const COINBASE: &str = r#"{"channel":"l2_data","timestamp":"2026-01-02T03:04:05.123456789Z","sequence_num":0,"events":[{"type":"snapshot","product_id":"BTC-USD","updates":[{"side":"bid","price_level":"100.10","new_quantity":"1.5"},{"side":"bid","price_level":"100.00","new_quantity":"2"},{"side":"offer","price_level":"100.20","new_quantity":"0.25"}]}]}"#;
const KRAKEN_V1: &str = r#"[336,{"as":[["100.20","0.250","1700000000.5"]],"bs":[["100.10","1.500","1700000000.4"],["100.00","2.000","1700000000.3"]]},"book-10","XBT/USD"]"#;
const OKX: &str = r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":[["100.20","0.25","0","1"]],"bids":[["100.10","1.5","0","1"],["100.00","2","0","1"]],"ts":"1700000000100","checksum":0,"prevSeqId":-1,"seqId":10}]}"#;

/// The whole book that each of the above is.
const BIDS: [(i64, i64); 2] = [(10_010, 1_500), (10_000, 2_000)];
const ASKS: [(i64, i64); 1] = [(10_020, 250)];

fn new_feed(venue: Venue) -> MarketFeed {
    let symbol = match venue {
        Venue::Bitstamp => "btcusd",
        Venue::Coinbase => "BTC-USD",
        Venue::Kraken => "XBT/USD",
        Venue::Okx => "BTC-USDT",
        Venue::Bybit | Venue::Binance(_) => "BTCUSDT",
    };
    venue_feed::new_feed(venue, symbol, 10, "0.01", "0.001")
}

/// A feed that has taken these frames.
fn fed(venue: Venue, frames: &[&str]) -> MarketFeed {
    let mut feed = new_feed(venue);
    for frame in frames {
        apply(&mut feed, frame);
    }
    feed
}

fn assert_is_book(feed: &MarketFeed) {
    assert_eq!(levels(feed), (BIDS.to_vec(), ASKS.to_vec()));
}

/// The members of an object in every rotation and reversed, nested objects untouched.
fn reordered(object: &str) -> Vec<String> {
    let inside = &object[1..object.len() - 1];
    let (mut members, mut depth, mut begin) = (Vec::new(), 0, 0);
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => {
                members.push(&inside[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    members.push(&inside[begin..]);
    let mut orders = Vec::new();
    for first in 0..members.len() {
        let mut order = members.clone();
        order.rotate_left(first);
        orders.push(format!("{{{}}}", order.join(",")));
        order.reverse();
        orders.push(format!("{{{}}}", order.join(",")));
    }
    orders
}

#[test]
fn the_order_of_fields_means_nothing() {
    let inner_of = |frame: &str, begin: &str| {
        let at = frame.find(begin).expect("an inner object");
        let mut depth = 0;
        let end = frame[at..].bytes().position(|byte| {
            depth += i32::from(byte == b'{') - i32::from(byte == b'}');
            depth == 0
        });
        frame[at..=at + end.expect("its end")].to_owned()
    };
    for (venue, frame, inner) in [
        (Venue::Bybit, BYBIT, r#"{"s""#),
        (Venue::Coinbase, COINBASE, r#"{"type""#),
        (Venue::Coinbase, COINBASE, r#"{"side":"offer""#),
        (Venue::Kraken, KRAKEN_V1, r#"{"as""#),
        (Venue::Okx, OKX, r#"{"channel""#),
        (Venue::Okx, OKX, r#"{"asks""#),
    ] {
        let inner = inner_of(frame, inner);
        for order in reordered(&inner) {
            assert_is_book(&fed(venue, &[&frame.replace(&inner, &order)]));
        }
        if frame.starts_with('{') {
            for order in reordered(frame) {
                assert_is_book(&fed(venue, &[&order]));
            }
        }
    }
    for order in reordered(BITSTAMP) {
        let mut feed = fed(Venue::Bitstamp, &[&order]);
        assert_eq!(feed.counts().depth, 1, "{order}");
        for rest in reordered(BITSTAMP_REST) {
            assert!(feed.apply_snapshot(rest.as_bytes()).is_ok(), "{rest}");
        }
        assert_is_book(&feed);
    }
}

#[test]
fn other_instruments_and_other_channels_change_nothing() {
    for (venue, whole, own, others) in [
        (
            Venue::Bybit,
            BYBIT,
            "50.BTCUSDT",
            ["50.ETHUSDT", "50.XBTCUSDT", "rpi.BTCUSDT"],
        ),
        (
            Venue::Coinbase,
            COINBASE,
            "BTC-USD",
            ["ETH-USD", "BTC-USDC", "XBTC-USD"],
        ),
        (
            Venue::Kraken,
            KRAKEN_V1,
            "XBT/USD",
            ["ETH/USD", "XBT/USDT", "TXBT/USD"],
        ),
        (
            Venue::Okx,
            OKX,
            "BTC-USDT",
            ["ETH-USDT", "BTC-USDT-SWAP", "XBTC-USDT"],
        ),
    ] {
        for other in others {
            // Its numbers are on another grid, and none of our business.
            let frame = whole.replace(own, other).replace("100.", "0.00000");
            let mut feed = new_feed(venue);
            assert_eq!(apply(&mut feed, &frame), FrameKind::Unknown, "{frame}");
            apply(
                &mut feed,
                &whole.replace(r#""sequence_num":0"#, r#""sequence_num":1"#),
            );
            apply(
                &mut feed,
                &frame.replace(r#""sequence_num":0"#, r#""sequence_num":2"#),
            );
            assert_is_book(&feed);
            assert_eq!(feed.counts().unknown, 2);
        }
    }
    for frame in [
        "",
        "pong",
        "{}",
        "null",
        r#"{"event":"heartbeat"}"#,
        r#"{"type":"error","message":"no"}"#,
    ] {
        for venue in [
            Venue::Bitstamp,
            Venue::Bybit,
            Venue::Coinbase,
            Venue::Kraken,
            Venue::Okx,
        ] {
            assert_eq!(
                apply(&mut new_feed(venue), frame),
                FrameKind::Unknown,
                "{frame}"
            );
        }
    }
}

/// A venue, its frame, what is replaced in it by what, and what the error says.
const MALFORMED: [(Venue, &str, &str, &str, &str); 19] = [
    (
        Venue::Bybit,
        BYBIT,
        r#""u":7"#,
        r#""u":"7""#,
        "is not a whole number",
    ),
    (Venue::Bybit, BYBIT, r#""u":7,"#, "", "`u` is missing"),
    (
        Venue::Bybit,
        BYBIT,
        r#""u":7"#,
        r#""u":7,"u":8"#,
        "field `u` comes twice",
    ),
    (
        Venue::Bybit,
        BYBIT,
        "snapshot",
        "whole",
        "is neither snapshot nor delta",
    ),
    (
        Venue::Bybit,
        BYBIT,
        "1700000000100",
        "1700000000100000000",
        "is no time in its unit",
    ),
    (
        Venue::Bybit,
        BYBIT,
        "100.20",
        "100.205",
        "price `100.205` lies between two steps",
    ),
    (
        Venue::Bybit,
        BYBIT,
        "100.20",
        "1e2",
        "is not plain decimal text",
    ),
    (Venue::Bybit, BYBIT, "100.20", "-100.20", "is negative"),
    (
        Venue::Bybit,
        BYBIT,
        "100.20",
        "0.00",
        "price `0.00` is zero",
    ),
    (
        Venue::Bybit,
        BYBIT,
        "0.25",
        "99999999999999999999",
        "is out of range",
    ),
    (
        Venue::Coinbase,
        COINBASE,
        r#""sequence_num":0,"#,
        "",
        "`sequence_num` is missing",
    ),
    (
        Venue::Coinbase,
        COINBASE,
        "offer",
        "ask",
        "is neither bid nor offer",
    ),
    (
        Venue::Coinbase,
        COINBASE,
        "04:05.1",
        "04:65.1",
        "is no UTC time",
    ),
    (
        Venue::Kraken,
        KRAKEN_V1,
        r#","XBT/USD""#,
        "",
        "fewer than 4 elements",
    ),
    (
        Venue::Kraken,
        KRAKEN_V1,
        r#""as""#,
        r#""x""#,
        "`as` is missing",
    ),
    (
        Venue::Kraken,
        KRAKEN_V1,
        "100.20",
        "100.2000000000000000000000",
        "more than 24 characters",
    ),
    (
        Venue::Okx,
        OKX,
        r#""prevSeqId":-1"#,
        r#""prevSeqId":-2"#,
        "is not a whole number",
    ),
    (
        Venue::Okx,
        OKX,
        r#""checksum":0"#,
        r#""checksum":2147483648"#,
        "is out of range",
    ),
    (
        Venue::Okx,
        OKX,
        r#""ts":"1700000000100""#,
        r#""ts":1700000000100"#,
        "is not a string",
    ),
];

#[test]
fn malformed_frames_are_named_and_leave_no_book() {
    for (venue, whole, old, new, what) in MALFORMED {
        let frame = whole.replace(old, new);
        assert_ne!(frame, whole);
        let error = refusal(&mut new_feed(venue), &frame);
        assert!(error.contains(what), "{error}, expected {what}");
        // A book that stood does so no longer: the frame may have held a change of it.
        let mut feed = fed(venue, &[whole]);
        refusal(&mut feed, &frame);
        let violation = breach(&mut feed);
        let at = (violation.frame, violation.kind);
        assert_eq!(at, (2, ViolationKind::Malformed), "{frame}");
        assert_eq!(
            (violation.what, feed.needs_resubscription()),
            (error, true),
            "{frame}"
        );
    }
}

#[test]
fn every_cut_of_a_frame_is_an_error() {
    for (venue, frame) in [
        (Venue::Bybit, BYBIT),
        (Venue::Bitstamp, BITSTAMP),
        (Venue::Coinbase, COINBASE),
        (Venue::Kraken, KRAKEN_V1),
        (Venue::Okx, OKX),
    ] {
        for length in 1..frame.len() {
            refusal(&mut new_feed(venue), &frame[..length]);
        }
    }
}

#[test]
fn numbers_are_exact() {
    let mut feed = venue_feed::new_feed(Venue::Bybit, "BTCUSDT", 10, "0.00000001", "0.00000001");
    let exact = BYBIT
        .replace("100.20", "100.30000001")
        .replace("0.25", "123456789.12345678");
    apply(&mut feed, &exact);
    assert_eq!(levels(&feed).1, [(10_030_000_001, 12_345_678_912_345_678)]);
}

// Bybit

fn bybit(kind: &str, u: i64, bids: &str, asks: &str) -> String {
    format!(
        r#"{{"topic":"orderbook.50.BTCUSDT","type":"{kind}","ts":1700000000100,"data":{{"s":"BTCUSDT","b":{bids},"a":{asks},"u":{u},"seq":1}},"cts":1}}"#
    )
}

#[test]
fn bybit_updates_follow_by_u_and_a_gap_needs_a_whole_book() {
    let mut feed = fed(
        Venue::Bybit,
        &[
            BYBIT,
            &bybit("delta", 8, r#"[["100.10","0"]]"#, r#"[["100.15","1"]]"#),
        ],
    );
    assert_eq!(
        levels(&feed),
        (vec![(10_000, 2_000)], vec![(10_015, 1_000), (10_020, 250)])
    );
    apply(&mut feed, &bybit("delta", 10, "[]", "[]"));
    let violation = breach(&mut feed);
    assert_eq!((violation.frame, violation.kind), (3, ViolationKind::Gap));
    assert_eq!(violation.received_ns, RECEIVED_NS);
    let what = violation.what;
    assert!(
        what.contains("update 10 follows 9, the last one was 8"),
        "{what}"
    );
    assert!(feed.needs_resubscription() && !feed.needs_snapshot());
    apply(&mut feed, &bybit("delta", 11, "[]", "[]"));
    assert!(feed.book().is_none() && feed.needs_resubscription());
    apply(&mut feed, BYBIT);
    assert_is_book(&feed);
    assert!(!feed.needs_resubscription());
    assert_eq!((feed.gaps(), feed.take_violations().len()), (1, 0));
}

#[test]
fn bybit_sends_its_book_again_after_a_restart() {
    let again = bybit("snapshot", 1, r#"[["99.00","1"]]"#, r#"[["99.50","1"]]"#);
    let mut feed = fed(
        Venue::Bybit,
        &[
            BYBIT,
            &again,
            &bybit("delta", 2, r#"[["99.10","1"]]"#, "[]"),
        ],
    );
    assert_eq!(
        levels(&feed),
        (vec![(9_910, 1_000), (9_900, 1_000)], vec![(9_950, 1_000)])
    );
    // An update from before the restart does not follow.
    apply(&mut feed, &bybit("delta", 8, "[]", "[]"));
    assert_eq!(breach(&mut feed).kind, ViolationKind::Gap);
}

#[test]
fn an_update_that_comes_twice_is_a_gap_and_a_crossed_book_is_not_shown() {
    let update = bybit("delta", 8, "[]", r#"[["100.15","1"]]"#);
    let mut feed = fed(Venue::Bybit, &[BYBIT, &update, &update]);
    assert_eq!(breach(&mut feed).kind, ViolationKind::Gap);
    let mut feed = fed(
        Venue::Bybit,
        &[BYBIT, &bybit("delta", 8, r#"[["100.20","1"]]"#, "[]")],
    );
    assert_eq!(
        (breach(&mut feed).kind, feed.crossed()),
        (ViolationKind::Crossed, 1)
    );
    assert!(feed.needs_resubscription());
}

#[test]
fn bybit_trades_have_their_takers_side() {
    let trades = r#"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1700000000681,"data":[{"T":1700000000680,"s":"BTCUSDT","S":"Sell","v":"0.004","p":"100.20","i":"a"},{"T":1700000002680,"s":"BTCUSDT","S":"Buy","v":"1","p":"100.25","i":"b"},{"T":1700000003680,"s":"BTCUSDT","S":"Buy","v":"2","p":"100.26","i":"c"}]}"#;
    let mut feed = new_feed(Venue::Bybit);
    assert_eq!(apply(&mut feed, trades), FrameKind::Trade);
    let candles = feed.take_candles();
    assert_eq!(candles.len(), 1, "the first one began before the tape");
    assert_eq!(
        (candles[0].buy_volume.0, candles[0].close.0),
        (1_000, 10_025)
    );
    assert_eq!(feed.counts().trade, 3);
    refusal(&mut feed, &trades.replace("0.004", "0"));
}

#[test]
fn a_book_that_begins_in_the_stream_takes_no_reply() {
    for venue in [Venue::Bybit, Venue::Coinbase, Venue::Kraken, Venue::Okx] {
        assert!(
            new_feed(venue)
                .apply_snapshot(BITSTAMP_REST.as_bytes())
                .is_err()
        );
        assert!(new_feed(venue).apply_trades(b"[]").is_err());
    }
}

// Coinbase

fn coinbase(channel: &str, sequence: i64, events: &str) -> String {
    format!(
        r#"{{"channel":"{channel}","timestamp":"2026-01-02T03:04:05Z","sequence_num":{sequence},"events":[{events}]}}"#
    )
}

fn coinbase_update(sequence: i64) -> String {
    let event = r#"{"type":"update","product_id":"BTC-USD","updates":[{"side":"offer","price_level":"100.15","new_quantity":"1"}]}"#;
    coinbase("l2_data", sequence, event)
}

#[test]
fn coinbase_numbers_all_messages_of_a_connection() {
    let heartbeat = coinbase("heartbeats", 1, r#"{"heartbeat_counter":1}"#);
    let others = coinbase(
        "l2_data",
        2,
        r#"{"type":"update","product_id":"ETH-USD","updates":[]}"#,
    );
    let subscriptions = coinbase(
        "subscriptions",
        3,
        r#"{"subscriptions":{"level2":["BTC-USD"]}}"#,
    );
    let frames = [
        COINBASE,
        &heartbeat,
        &others,
        &subscriptions,
        &coinbase_update(4),
    ];
    let mut feed = fed(Venue::Coinbase, &frames);
    assert_eq!(levels(&feed).1, [(10_015, 1_000), (10_020, 250)]);
    for lost in 1..4 {
        let mut frames = frames.to_vec();
        frames.remove(lost);
        let mut feed = fed(Venue::Coinbase, &frames);
        let violation = breach(&mut feed);
        let at = (violation.frame, violation.kind);
        assert_eq!(at, (lost as u64 + 1, ViolationKind::Gap));
        let what = violation.what;
        assert!(
            what.contains(&format!("message {lost} is missing, {} came", lost + 1)),
            "{what}"
        );
        assert!(feed.needs_resubscription());
    }
    apply(&mut feed, &coinbase_update(4));
    assert_eq!(
        breach(&mut feed).kind,
        ViolationKind::Gap,
        "a message that comes twice"
    );
    feed.reset();
    apply(&mut feed, COINBASE);
    assert_is_book(&feed);
}

#[test]
fn a_lost_trade_of_coinbase_costs_its_candle_and_no_more() {
    let mut feed = new_feed(Venue::Coinbase);
    let mut sequence = 0;
    let mut trade = |id: i64, second: i64| {
        let trades = format!(
            r#"{{"type":"update","trades":[{{"product_id":"BTC-USD","trade_id":"{id}","price":"100.00","size":"1","time":"2026-08-09T21:05:{second:02}Z","side":"BUY"}}]}}"#
        );
        sequence += 1;
        apply(&mut feed, &coinbase("market_trades", sequence, &trades));
        feed.take_violations()
    };
    // Each second is a candle; the first is partial, and trade 4 of second 3 is lost.
    for (id, second) in [(1, 1), (2, 2), (3, 3)] {
        assert!(trade(id, second).is_empty());
    }
    let told = trade(5, 4);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].kind, ViolationKind::Trades);
    assert!(
        told[0].what.contains("trades 4 to 4 are lost"),
        "{}",
        told[0].what
    );
    for (id, second) in [(6, 5), (7, 6), (8, 7)] {
        assert!(trade(id, second).is_empty());
    }
    assert_eq!(feed.missing_trades(), None);
    let ids = |candle: &Candle| (candle.first_trade_id, candle.last_trade_id);
    let candles: Vec<_> = feed.take_candles().iter().map(ids).collect();
    // Second 2 is whole, 3 lost a trade, 4 may have begun before trade 5.
    assert_eq!(candles, [(2, 2), (6, 6), (7, 7)]);
}

#[test]
fn coinbase_holds_several_events_and_a_whole_book_heals_what_was_lost() {
    let (whole, update) = (
        COINBASE.replace(r#""sequence_num":0"#, r#""sequence_num":9"#),
        coinbase_update(9),
    );
    let event = update
        .split_once(r#""events":["#)
        .expect("events")
        .1
        .strip_suffix("]}")
        .expect("its end");
    let both = whole.replacen("]}]}", &format!("]}},{event}]}}"), 1);
    let mut feed = fed(Venue::Coinbase, &[COINBASE, &both]);
    assert_eq!(levels(&feed).1, [(10_015, 1_000), (10_020, 250)]);
    assert_eq!(feed.take_violations().len(), 1, "1 to 8 are missing");
}

#[test]
fn coinbase_names_the_makers_side_and_its_first_trades_are_no_news() {
    let trade = |id: i64, side: &str| {
        format!(
            r#"{{"product_id":"BTC-USD","trade_id":"{id}","price":"100.20","size":"0.5","time":"2026-01-02T03:04:0{id}.5Z","side":"{side}"}}"#
        )
    };
    let event = |kind: &str, trades: &[String]| {
        format!(r#"{{"type":"{kind}","trades":[{}]}}"#, trades.join(","))
    };
    let first = coinbase("market_trades", 0, &event("snapshot", &[trade(1, "BUY")]));
    // Newest first.
    let newest_first = [
        trade(5, "BUY"),
        trade(4, "BUY"),
        trade(3, "SELL"),
        trade(2, "BUY"),
    ];
    let update = event("update", &newest_first);
    let mut feed = fed(
        Venue::Coinbase,
        &[&first, &coinbase("market_trades", 1, &update)],
    );
    assert_eq!((feed.counts().trade, feed.last_trade_id()), (4, 5));
    let bought: Vec<(i64, i64)> = feed
        .take_candles()
        .iter()
        .map(|candle| (candle.first_trade_id, candle.buy_volume.0))
        .collect();
    assert_eq!(bought, [(3, 500), (4, 0)]);
    let far = event("update", &[trade(8, "BUY")]);
    apply(&mut feed, &coinbase("market_trades", 2, &far));
    assert_eq!((feed.missing_trades(), feed.last_trade_id()), (None, 8));
}
