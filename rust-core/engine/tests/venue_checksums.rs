//! Kraken and OKX: a checksum, made by hand or taken from the venue's documentation, and what it forbids.

mod venue_feed;
#[path = "../../fuzz/src/wire.rs"]
#[expect(dead_code, reason = "the histories use the rest")]
mod wire;

use openoutcry_engine::decode::venue::Venue;
use openoutcry_engine::feed::{FrameKind, MarketFeed, ViolationKind};
use openoutcry_engine::units::TimestampNs;
use venue_feed::{apply, breach, levels, new_feed, refusal};
use wire::crc32;

fn assert_checksum_breach(feed: &mut MarketFeed, frame: u64) {
    let violation = breach(feed);
    let at = (violation.frame, violation.kind);
    assert_eq!(at, (frame, ViolationKind::Checksum));
    assert!(violation.what.contains("checksum"), "{}", violation.what);
    assert!(feed.needs_resubscription());
}

#[test]
fn the_tests_own_checksum_is_the_common_one() {
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
}

// Kraken v1

fn kraken_v1(maps: &str) -> String {
    format!(r#"[336,{maps},"book-10","XBT/USD"]"#)
}

fn kraken_feed(depth: usize) -> MarketFeed {
    new_feed(Venue::Kraken, "XBT/USD", depth, "0.00005", "0.00000001")
}

/// Levels of 0.00000500 each, as in the documentation's example.
fn doc_levels(prices: &[&str]) -> String {
    let level = |price: &&str| format!(r#"["{price}","0.00000500","1582905486.493008"]"#);
    format!(
        "[{}]",
        prices.iter().map(level).collect::<Vec<_>>().join(",")
    )
}

const DOC_ASKS: [&str; 10] = [
    "0.05005", "0.05010", "0.05015", "0.05020", "0.05025", "0.05030", "0.05035", "0.05040",
    "0.05045", "0.05050",
];
const DOC_BIDS: [&str; 10] = [
    "0.05000", "0.04995", "0.04990", "0.04980", "0.04975", "0.04970", "0.04965", "0.04960",
    "0.04955", "0.04950",
];

fn doc_whole() -> String {
    let (asks, bids) = (doc_levels(&DOC_ASKS[1..]), doc_levels(&DOC_BIDS[1..]));
    kraken_v1(&format!(r#"{{"as":{asks},"bs":{bids}}}"#))
}

/// The missing two levels, in two maps, with the documentation's checksum of the twenty.
fn doc_update() -> String {
    let (asks, bids) = (doc_levels(&DOC_ASKS[..1]), doc_levels(&DOC_BIDS[..1]));
    kraken_v1(&format!(r#"{{"a":{asks}}},{{"b":{bids},"c":"974947235"}}"#))
}

#[test]
fn kraken_v1_has_its_documentations_checksum() {
    let mut feed = kraken_feed(10);
    assert_eq!(apply(&mut feed, &doc_whole()), FrameKind::Depth);
    apply(&mut feed, &doc_update());
    let (bids, asks) = levels(&feed);
    assert_eq!((bids.len(), asks.len()), (10, 10));
    assert_eq!((bids[0], asks[0]), ((1_000, 500), (1_001, 500)));
    assert_eq!(feed.last_event_ns(), TimestampNs(1_582_905_486_493_008_000));
}

#[test]
fn kraken_v1_update_has_one_map_or_two_and_the_slash_may_be_escaped() {
    let (asks, bids) = (doc_levels(&DOC_ASKS[..1]), doc_levels(&DOC_BIDS[..1]));
    for maps in [
        format!(r#"{{"a":{asks},"b":{bids},"c":"974947235"}}"#),
        format!(r#"{{"c":"974947235","b":{bids},"a":{asks}}}"#),
        format!(r#"{{"b":{bids}}},{{"a":{asks},"c":"974947235"}}"#),
    ] {
        let mut feed = kraken_feed(10);
        apply(&mut feed, &doc_whole());
        apply(&mut feed, &kraken_v1(&maps).replace('/', r"\/"));
        assert_eq!(levels(&feed).0.len(), 10, "{maps}");
    }
}

#[test]
fn kraken_v1_books_of_another_checksum_are_not_shown() {
    let mut feed = kraken_feed(10);
    apply(&mut feed, &doc_whole());
    apply(&mut feed, &doc_update().replace("974947235", "974947236"));
    assert_checksum_breach(&mut feed, 2);
    assert_eq!(feed.checksum_mismatches(), 1);
    apply(&mut feed, &doc_update());
    assert!(feed.book().is_none(), "only a whole book heals it");
    apply(&mut feed, &doc_whole());
    apply(&mut feed, &doc_update());
    assert_eq!(levels(&feed).0.len(), 10);
    assert!(!feed.needs_resubscription() && feed.take_violations().is_empty());
    let unchecked = doc_update().replace(r#","c":"974947235""#, "");
    let error = refusal(&mut feed, &unchecked);
    assert!(error.contains("`c` is missing"), "{error}");
}

#[test]
fn kraken_v1_texts_count_not_numbers() {
    // 0.05005 and 0.050050 are one price and two texts.
    let mut feed = kraken_feed(10);
    apply(&mut feed, &doc_whole());
    apply(&mut feed, &doc_update().replace("0.05005", "0.050050"));
    assert_checksum_breach(&mut feed, 2);
}

#[test]
fn kraken_levels_beyond_the_depth_are_dropped_though_nobody_says_so() {
    let text = |asks: &[&str]| {
        let digits =
            |price: &&str| price.replace('.', "").trim_start_matches('0').to_owned() + "500";
        let sides = asks.iter().chain(&DOC_BIDS).map(digits);
        crc32(sides.collect::<String>().as_bytes())
    };
    let mut feed = new_feed(Venue::Kraken, "XBT/USD", 10, "0.00001", "0.00000001");
    apply(&mut feed, &doc_whole());
    apply(&mut feed, &doc_update());
    // A better ask pushes out 0.05050 ...
    let mut asks = vec!["0.05001"];
    asks.extend(&DOC_ASKS[..9]);
    let update = format!(
        r#"{{"a":{},"c":"{}"}}"#,
        doc_levels(&asks[..1]),
        text(&asks)
    );
    apply(&mut feed, &kraken_v1(&update));
    assert_eq!(levels(&feed).1.len(), 10);
    assert_eq!(levels(&feed).1.last(), Some(&(5_045, 500)));
    // ... and when that goes, another comes in at its place, told by the venue.
    asks.remove(0);
    asks.push("0.05055");
    let both =
        r#"["0.05001","0.00000000","1582905487.1"],["0.05055","0.00000500","1582905480.1","r"]"#;
    apply(
        &mut feed,
        &kraken_v1(&format!(r#"{{"a":[{both}],"c":"{}"}}"#, text(&asks))),
    );
    assert_eq!(levels(&feed).1.len(), 10);
    assert_eq!(levels(&feed).1.last(), Some(&(5_055, 500)));
}

#[test]
fn kraken_v1_trades_are_read() {
    let trades = r#"[0,[["0.05000","0.15850568","1534614057.321597","s","l",""],["0.05005","0.00000500","1534614059.324998","b","m",""]],"trade","XBT/USD"]"#;
    let mut feed = kraken_feed(10);
    assert_eq!(apply(&mut feed, trades), FrameKind::Trade);
    assert_eq!(
        (
            feed.counts().trade,
            feed.last_trade_id(),
            feed.missing_trades()
        ),
        (2, 2, None)
    );
    assert_eq!(feed.last_event_ns(), TimestampNs(1_534_614_059_324_998_000));
    for (old, new) in [
        (r#""s""#, r#""x""#),
        ("0.15850568", "0"),
        ("1534614057.321597", "1534614057.3215970001"),
    ] {
        refusal(&mut feed, &trades.replace(old, new));
    }
}

#[test]
fn kraken_book_of_another_depth_is_refused() {
    // What falls out of ten levels would stay in a book of a thousand, where no checksum covers it.
    let mut feed = kraken_feed(1_000);
    let error = refusal(&mut feed, &doc_whole());
    assert!(error.contains("10 levels deep, not 1000"), "{error}");
    let answer = |depth: usize, symbol: &str| {
        format!(
            r#"{{"method":"subscribe","result":{{"channel":"book","depth":{depth},"snapshot":true,"symbol":"{symbol}"}},"success":true,"time_in":"2023-10-06T17:35:55Z","time_out":"2023-10-06T17:35:55Z"}}"#
        )
    };
    let whole = kraken_v2("snapshot", &V2_BIDS, &V2_ASKS, 3_310_070_434);
    let mut feed = kraken_v2_feed();
    apply(&mut feed, &answer(25, "BTC/USD"));
    let error = refusal(&mut feed, &whole);
    assert!(error.contains("25 levels deep, not 10"), "{error}");
    apply(&mut feed, &answer(10, "BTC/USD"));
    apply(&mut feed, &answer(25, "ETH/USD"));
    apply(
        &mut feed,
        r#"{"method":"pong","result":{"warnings":[]},"success":true}"#,
    );
    apply(&mut feed, &whole.replace('/', r"\/"));
    assert_eq!(levels(&feed).0.len(), 10);
}

// Kraken v2: the example of "Book checksum (WebSocket v2)" in the venue's documentation.

const V2_BIDS: [(&str, &str); 10] = [
    ("45283.5", "0.10000000"),
    ("45283.4", "1.54582015"),
    ("45282.1", "0.10000000"),
    ("45281.0", "0.10000000"),
    ("45280.3", "1.54592586"),
    ("45279.0", "0.07990000"),
    ("45277.6", "0.03310103"),
    ("45277.5", "0.30000000"),
    ("45277.3", "1.54602737"),
    ("45276.6", "0.15445238"),
];
const V2_ASKS: [(&str, &str); 10] = [
    ("45285.2", "0.00100000"),
    ("45286.4", "1.54571953"),
    ("45286.6", "1.54571109"),
    ("45289.6", "1.54560911"),
    ("45290.2", "0.15890660"),
    ("45291.8", "1.54553491"),
    ("45294.7", "0.04454749"),
    ("45296.1", "0.35380000"),
    ("45297.5", "0.09945542"),
    ("45299.5", "0.18772827"),
];

fn kraken_v2(kind: &str, bids: &[(&str, &str)], asks: &[(&str, &str)], checksum: u32) -> String {
    let side = |levels: &[(&str, &str)]| {
        let level = |(price, size): &(&str, &str)| format!(r#"{{"price":{price},"qty":{size}}}"#);
        levels.iter().map(level).collect::<Vec<_>>().join(",")
    };
    format!(
        r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":[{}],"asks":[{}],"checksum":{checksum},"timestamp":"2023-10-06T17:35:55.440295Z"}}]}}"#,
        side(bids),
        side(asks)
    )
}

fn kraken_v2_feed() -> MarketFeed {
    new_feed(Venue::Kraken, "BTC/USD", 10, "0.1", "0.00000001")
}

#[test]
fn kraken_v2_has_its_documentations_checksum() {
    let mut feed = kraken_v2_feed();
    apply(
        &mut feed,
        &kraken_v2("snapshot", &V2_BIDS, &V2_ASKS, 3_310_070_434),
    );
    let (bids, asks) = levels(&feed);
    assert_eq!(
        (bids[1], asks[9]),
        ((452_834, 154_582_015), (452_995, 18_772_827))
    );
    assert_eq!(feed.last_event_ns(), TimestampNs(1_696_613_755_440_295_000));
    apply(
        &mut feed,
        &kraken_v2("update", &[("45283.5", "0.00000000")], &[], 3_310_070_434),
    );
    assert_checksum_breach(&mut feed, 2);
    // A whole book of another checksum is no better.
    apply(
        &mut feed,
        &kraken_v2("snapshot", &V2_BIDS, &V2_ASKS, 3_310_070_435),
    );
    assert_checksum_breach(&mut feed, 3);
    apply(
        &mut feed,
        &kraken_v2("snapshot", &V2_BIDS, &V2_ASKS, 3_310_070_434),
    );
    assert_eq!(levels(&feed).0.len(), 10);
}

#[test]
fn kraken_v2_updates_are_checked_and_other_symbols_are_not_ours() {
    let mut feed = kraken_v2_feed();
    apply(
        &mut feed,
        &kraken_v2("snapshot", &V2_BIDS, &V2_ASKS, 3_310_070_434),
    );
    let other = kraken_v2("update", &V2_BIDS, &V2_ASKS, 1).replace("BTC/USD", "ETH/USD");
    assert_eq!(apply(&mut feed, &other), FrameKind::Unknown);
    let mut digits = String::new();
    for (price, size) in V2_ASKS
        .iter()
        .chain(&[("45283.6", "2.00000000")])
        .chain(&V2_BIDS[..9])
    {
        for text in [price, size] {
            digits += text.replace('.', "").trim_start_matches('0');
        }
    }
    let better = [("45283.6", "2.00000000")];
    apply(
        &mut feed,
        &kraken_v2("update", &better, &[], crc32(digits.as_bytes())),
    );
    assert_eq!(levels(&feed).0.len(), 10);
    assert_eq!(feed.take_violations().len(), 0);
    let unchecked = kraken_v2("update", &better, &[], 7).replace(r#""checksum":7,"#, "");
    refusal(&mut feed, &unchecked);
}

#[test]
fn kraken_v2_trades_are_numbers_and_the_first_ones_no_news() {
    let trade = |id: i64, side: &str| {
        format!(
            r#"{{"symbol":"BTC/USD","side":"{side}","price":45283.5,"qty":0.00100000,"ord_type":"limit","trade_id":{id},"timestamp":"2023-10-06T17:35:5{id}.440295Z"}}"#
        )
    };
    let frame = |kind: &str, trades: &str| {
        format!(r#"{{"channel":"trade","type":"{kind}","data":[{trades}]}}"#)
    };
    let mut feed = kraken_v2_feed();
    apply(
        &mut feed,
        &kraken_v2("snapshot", &V2_BIDS, &V2_ASKS, 3_310_070_434),
    );
    assert_eq!(
        apply(&mut feed, &frame("snapshot", &trade(1, "buy"))),
        FrameKind::Unknown
    );
    let both = format!("{},{}", trade(2, "buy"), trade(3, "sell"));
    assert_eq!(apply(&mut feed, &frame("update", &both)), FrameKind::Trade);
    assert_eq!((feed.counts().trade, feed.last_trade_id()), (2, 3));
    assert!(
        feed.book().is_some(),
        "a trade says nothing against the book"
    );
}

// OKX

fn okx(action: &str, bids: &[(&str, &str)], asks: &[(&str, &str)], proof: &str) -> String {
    let side = |levels: &[(&str, &str)]| {
        let level = |(price, size): &(&str, &str)| format!(r#"["{price}","{size}","0","1"]"#);
        levels.iter().map(level).collect::<Vec<_>>().join(",")
    };
    format!(
        r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{action}","data":[{{"asks":[{}],"bids":[{}],"ts":"1700000000085"{proof}}}]}}"#,
        side(asks),
        side(bids)
    )
}

fn okx_ids(previous: i64, id: i64) -> String {
    format!(r#","checksum":0,"prevSeqId":{previous},"seqId":{id}"#)
}

fn okx_checksum(text: &str) -> String {
    format!(r#","checksum":{}"#, crc32(text.as_bytes()).cast_signed())
}

fn okx_feed() -> MarketFeed {
    new_feed(Venue::Okx, "BTC-USDT", 400, "0.1", "1")
}

// The books of "Checksum" in the venue's documentation: as many bids as asks, and more asks than bids.
const OKX_BIDS: [(&str, &str); 2] = [("3366.1", "7"), ("3366", "6")];
const OKX_ASKS: [(&str, &str); 3] = [("3366.8", "9"), ("3368", "8"), ("3372", "8")];

#[test]
fn okx_checksum_takes_bids_and_asks_in_turn() {
    let even = okx_checksum("3366.1:7:3366.8:9:3366:6:3368:8");
    let uneven = okx_checksum("3366.1:7:3366.8:9:3368:8:3372:8");
    let mut feed = okx_feed();
    apply(
        &mut feed,
        &okx("snapshot", &OKX_BIDS, &OKX_ASKS[..2], &even),
    );
    assert_eq!(
        levels(&feed),
        (
            vec![(33_661, 7), (33_660, 6)],
            vec![(33_668, 9), (33_680, 8)]
        )
    );
    apply(
        &mut feed,
        &okx("update", &[("3366", "0")], &OKX_ASKS[2..], &uneven),
    );
    assert_eq!(levels(&feed).0, [(33_661, 7)]);
    apply(&mut feed, &okx("update", &[("3365", "1")], &[], &uneven));
    assert_checksum_breach(&mut feed, 3);
    apply(&mut feed, &okx("update", &[], &[], &even));
    assert!(feed.book().is_none() && feed.needs_resubscription());
    apply(
        &mut feed,
        &okx("snapshot", &OKX_BIDS, &OKX_ASKS[..2], &even),
    );
    assert_eq!(levels(&feed).0.len(), 2);
    // 3366 and 3366.0 are one price and two texts.
    apply(&mut feed, &okx("update", &[("3366.0", "6")], &[], &even));
    assert_checksum_breach(&mut feed, 6);
}

#[test]
fn okx_checksum_covers_the_best_25_levels() {
    let prices: Vec<String> = (0..30).map(|level| format!("{}", 3_400 + level)).collect();
    let asks: Vec<(&str, &str)> = prices.iter().map(|price| (price.as_str(), "1")).collect();
    let text: Vec<String> = prices[..25]
        .iter()
        .map(|price| format!("{price}:1"))
        .collect();
    let proof = okx_checksum(&text.join(":"));
    let mut feed = okx_feed();
    apply(&mut feed, &okx("snapshot", &[], &asks, &proof));
    apply(&mut feed, &okx("update", &[], &[("3429", "0")], &proof));
    assert_eq!(levels(&feed).1.len(), 29, "beyond these it says nothing");
    apply(&mut feed, &okx("update", &[], &[("3424", "0")], &proof));
    assert_checksum_breach(&mut feed, 3);
}

#[test]
fn okx_ids_chain_and_may_begin_again_at_a_low_one() {
    let mut feed = okx_feed();
    let update =
        |bids: &[(&str, &str)], previous, id| okx("update", bids, &[], &okx_ids(previous, id));
    apply(
        &mut feed,
        &okx("snapshot", &OKX_BIDS, &OKX_ASKS, &okx_ids(-1, 10)),
    );
    apply(&mut feed, &update(&[("3366", "0")], 10, 15));
    apply(&mut feed, &update(&[], 15, 15)); // nothing new for a minute
    apply(&mut feed, &update(&[("3365", "3")], 15, 3)); // a new numbering
    apply(&mut feed, &update(&[("3364", "3")], 3, 5));
    assert_eq!(levels(&feed).0, [(33_661, 7), (33_650, 3), (33_640, 3)]);
    apply(&mut feed, &update(&[], 7, 9));
    let violations = feed.take_violations();
    assert_eq!((violations.len(), violations[0].frame), (1, 6));
    assert_eq!(violations[0].kind, ViolationKind::Gap);
    assert!(feed.book().is_none() && feed.needs_resubscription());
}

#[test]
fn okx_has_both_proofs_checked_and_refuses_neither() {
    let both = |text, ids: &str| okx_checksum(text) + &ids.replace(r#","checksum":0"#, "");
    let mut feed = okx_feed();
    let whole = both("3366.1:7:3366.8:9:3366:6:3368:8", &okx_ids(-1, 10));
    apply(
        &mut feed,
        &okx("snapshot", &OKX_BIDS, &OKX_ASKS[..2], &whole),
    );
    assert!(feed.book().is_some());
    apply(
        &mut feed,
        &okx(
            "update",
            &[("3366", "0")],
            &[],
            &both("x", &okx_ids(10, 11)),
        ),
    );
    assert_checksum_breach(&mut feed, 2);
    // Without ids, a checksum of 0 is a checksum.
    apply(
        &mut feed,
        &okx("snapshot", &OKX_BIDS, &OKX_ASKS, r#","checksum":0"#),
    );
    assert_checksum_breach(&mut feed, 3);
    for proof in [
        "",
        r#","seqId":7"#,
        r#","prevSeqId":-1"#,
        r#","prevSeqId":6"#,
    ] {
        let error = refusal(&mut feed, &okx("snapshot", &OKX_BIDS, &OKX_ASKS, proof));
        assert!(error.contains("are missing"), "{error}");
    }
}

#[test]
fn okx_trades_are_counted_by_the_tape() {
    let trade = |id: i64, side: &str| {
        format!(
            r#"{{"arg":{{"channel":"trades","instId":"BTC-USDT"}},"data":[{{"instId":"BTC-USDT","tradeId":"{id}","px":"3366.1","sz":"2","side":"{side}","ts":"170000000{id}","count":"3"}}]}}"#
        )
    };
    let mut feed = okx_feed();
    for (id, side) in [(1_000, "buy"), (1_500, "sell"), (9_000, "buy")] {
        assert_eq!(apply(&mut feed, &trade(id, side)), FrameKind::Trade);
    }
    assert_eq!((feed.counts().trade, feed.missing_trades()), (3, None));
    // After a new subscription the last one comes again.
    assert_eq!(apply(&mut feed, &trade(9_000, "buy")), FrameKind::Unknown);
    assert_eq!(feed.counts().trade, 3);
    let error = refusal(&mut feed, &trade(1_000, "Buy"));
    assert!(error.contains("neither buy nor sell"), "{error}");
}
