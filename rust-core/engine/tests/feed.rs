//! The feed as a whole: sequence, tape, candles, alerts and freshness.

use openoutcry_engine::candle::CandleRule;
use openoutcry_engine::decode::binance::Product;
use openoutcry_engine::decode::venue::Venue;
use openoutcry_engine::features::FeatureSettings;
use openoutcry_engine::feed::{FeedError, FeedSettings, FrameKind, MarketFeed, SettingsError};
use openoutcry_engine::units::{Side, Step, TimestampNs};

const START_MS: i64 = 1_700_000_000_000;
const SECOND_MS: i64 = 1_000;

fn settings(product: Product) -> FeedSettings {
    FeedSettings {
        venue: Venue::Binance(product),
        symbol: "BTCUSDT".to_owned(),
        price_tick: Step::parse("0.1").expect("a step"),
        size_step: Step::parse("0.001").expect("a step"),
        candle_rule: CandleRule::Time {
            interval_ns: 10_000_000_000,
        },
        depth: None,
        window_ticks: 128,
        resume_trade_id: 0,
        anomaly_window: 60,
        anomaly_threshold: 6.0,
        features: FeatureSettings::default(),
    }
}

fn feed(product: Product) -> MarketFeed {
    MarketFeed::new(&settings(product)).expect("settings are in range")
}

fn resumed_feed(resume_trade_id: i64) -> MarketFeed {
    MarketFeed::new(&FeedSettings {
        resume_trade_id,
        ..settings(Product::Spot)
    })
    .expect("settings are in range")
}

/// A spot update of one bid and one ask; an empty price changes nothing there.
fn depth(first: i64, last: i64, bid: &str, ask: &str) -> String {
    let side = |price: &str| {
        if price.is_empty() {
            String::new()
        } else {
            format!("[\"{price}\",\"1\"]")
        }
    };
    format!(
        r#"{{"e":"depthUpdate","E":{START_MS},"s":"BTCUSDT","U":{first},"u":{last},"b":[{}],"a":[{}]}}"#,
        side(bid),
        side(ask)
    )
}

fn futures_depth(previous: i64, first: i64, last: i64, bid: &str) -> String {
    depth(first, last, bid, "").replace("\"u\"", &format!("\"pu\":{previous},\"u\""))
}

fn snapshot(last_id: i64, bid: &str, ask: &str) -> String {
    format!(r#"{{"lastUpdateId":{last_id},"bids":[["{bid}","1"]],"asks":[["{ask}","1"]]}}"#)
}

fn ticker(id: i64, bid: &str, ask: &str) -> String {
    format!(r#"{{"u":{id},"s":"BTCUSDT","b":"{bid}","B":"7","a":"{ask}","A":"7"}}"#)
}

fn trade(id: i64, time_ms: i64, price: &str) -> String {
    format!(
        r#"{{"e":"trade","E":{time_ms},"s":"BTCUSDT","t":{id},"p":"{price}","q":"0.010","T":{time_ms},"m":false}}"#
    )
}

fn rest_trade(id: i64, time_ms: i64, price: &str) -> String {
    format!(
        r#"{{"id":{id},"price":"{price}","qty":"0.010","quoteQty":"1","time":{time_ms},"isBuyerMaker":false}}"#
    )
}

fn apply(feed: &mut MarketFeed, frame: &str) -> FrameKind {
    feed.apply(frame.as_bytes(), TimestampNs(5))
        .expect("a good frame")
}

fn touch(feed: &MarketFeed) -> Option<(i64, i64)> {
    feed.top().map(|(bid, ask)| (bid.price.0, ask.price.0))
}

fn joined_spot() -> MarketFeed {
    let mut feed = feed(Product::Spot);
    apply(&mut feed, &depth(9, 11, "99.0", "101.0"));
    assert_eq!(
        feed.apply_snapshot(snapshot(10, "98.0", "102.0").as_bytes()),
        Ok(true)
    );
    feed
}

#[test]
fn spot_joins_by_first_and_last_id() {
    let mut feed = feed(Product::Spot);
    assert!(
        !feed.needs_snapshot(),
        "a snapshot taken now would be older than the stream"
    );
    apply(&mut feed, &depth(5, 7, "97.0", ""));
    apply(&mut feed, &depth(8, 11, "99.0", "101.0"));
    assert!(feed.needs_snapshot() && feed.book().is_none());
    assert_eq!(
        feed.apply_snapshot(snapshot(3, "98.0", "102.0").as_bytes()),
        Ok(false),
        "5 follows 4"
    );
    assert!(feed.needs_snapshot());
    assert_eq!(
        feed.apply_snapshot(snapshot(7, "98.0", "102.0").as_bytes()),
        Ok(true)
    );
    assert_eq!(
        (touch(&feed), feed.last_update_id()),
        (Some((990, 1010)), 11)
    );
    let book = feed.book().expect("a valid book");
    assert_eq!(
        book.size_at(Side::Buy, openoutcry_engine::units::PriceTicks(970))
            .0,
        0,
        "7 was in the snapshot"
    );
    apply(&mut feed, &depth(12, 12, "99.5", ""));
    assert_eq!(touch(&feed), Some((995, 1010)));
    assert_eq!(
        (feed.gaps(), feed.counts().snapshot, feed.counts().depth),
        (0, 1, 3)
    );
}

#[test]
fn a_snapshot_newer_than_all_that_waits_is_followed_by_the_next_update_only() {
    let mut feed = feed(Product::Spot);
    apply(&mut feed, &depth(5, 7, "97.0", ""));
    assert_eq!(
        feed.apply_snapshot(snapshot(20, "98.0", "102.0").as_bytes()),
        Ok(true)
    );
    apply(&mut feed, &depth(8, 19, "101.9", ""));
    assert_eq!(touch(&feed), Some((980, 1020)), "already in the snapshot");
    apply(&mut feed, &depth(20, 22, "99.0", ""));
    assert_eq!((touch(&feed), feed.gaps()), (Some((990, 1020)), 0));
    apply(&mut feed, &depth(22, 23, "99.0", ""));
    assert_eq!(
        (touch(&feed), feed.gaps()),
        (None, 1),
        "only the first may overlap"
    );
}

#[test]
fn futures_join_by_the_previous_id_and_ids_of_other_instruments_lie_between() {
    let mut feed = feed(Product::UsdMargined);
    apply(&mut feed, &futures_depth(90, 100, 110, "99.0"));
    apply(&mut feed, &futures_depth(110, 150, 160, "99.5"));
    assert_eq!(
        feed.apply_snapshot(snapshot(80, "98.0", "102.0").as_bytes()),
        Ok(false)
    );
    assert_eq!(
        feed.apply_snapshot(snapshot(120, "98.0", "102.0").as_bytes()),
        Ok(true),
        "110 < 120 < 150"
    );
    assert_eq!(
        (touch(&feed), feed.last_update_id()),
        (Some((995, 1020)), 160)
    );
    apply(&mut feed, &futures_depth(160, 170, 180, "99.6"));
    assert_eq!(touch(&feed), Some((996, 1020)));
    apply(&mut feed, &futures_depth(181, 190, 200, "99.7"));
    assert_eq!((touch(&feed), feed.gaps()), (None, 1));
}

#[test]
fn after_a_gap_nothing_is_shown_until_a_newer_snapshot() {
    let mut feed = joined_spot();
    apply(&mut feed, &ticker(50, "99.9", "100.1"));
    apply(&mut feed, &depth(13, 14, "99.5", ""));
    assert_eq!((feed.gaps(), feed.last_update_id()), (1, 0));
    assert!(feed.book().is_none() && feed.top().is_none() && feed.features().is_none());
    assert!(feed.needs_snapshot());
    assert_eq!(
        feed.apply_snapshot(snapshot(11, "98.0", "102.0").as_bytes()),
        Ok(false)
    );
    assert_eq!(
        feed.apply_snapshot(snapshot(12, "98.0", "102.0").as_bytes()),
        Ok(true)
    );
    assert_eq!(
        touch(&feed),
        Some((999, 1001)),
        "the ticker is newer than the book"
    );
}

#[test]
fn a_gap_among_the_waiting_updates_is_counted_and_forgets_the_older_ones() {
    let mut feed = feed(Product::Spot);
    apply(&mut feed, &depth(5, 7, "97.0", ""));
    apply(&mut feed, &depth(9, 10, "99.0", ""));
    assert_eq!(feed.gaps(), 1);
    assert_eq!(
        feed.apply_snapshot(snapshot(6, "98.0", "102.0").as_bytes()),
        Ok(false),
        "8 is lost"
    );
    assert_eq!(
        feed.apply_snapshot(snapshot(8, "98.0", "102.0").as_bytes()),
        Ok(true)
    );
}

#[test]
fn a_crossed_state_is_counted_and_never_shown() {
    let mut feed = joined_spot();
    apply(&mut feed, &depth(12, 12, "101.0", ""));
    assert_eq!((feed.crossed(), feed.gaps()), (1, 0));
    assert!(feed.book().is_none() && feed.top().is_none());
    apply(&mut feed, &depth(13, 13, "99.5", ""));
    assert!(feed.needs_snapshot());
    assert_eq!(
        feed.apply_snapshot(snapshot(12, "101.0", "101.0").as_bytes()),
        Ok(false),
        "crossed itself"
    );
    assert_eq!(feed.crossed(), 2);
    apply(&mut feed, &depth(14, 14, "99.6", ""));
    assert_eq!(
        feed.apply_snapshot(snapshot(13, "98.0", "102.0").as_bytes()),
        Ok(true)
    );
    assert_eq!(touch(&feed), Some((996, 1020)));
    apply(&mut feed, &ticker(99, "103.0", "102.0"));
    assert_eq!(
        (touch(&feed), feed.crossed()),
        (Some((996, 1020)), 3),
        "a crossed ticker is not believed"
    );
}

#[test]
fn the_touch_is_the_fresher_of_book_and_ticker() {
    let mut feed = joined_spot();
    apply(&mut feed, &ticker(12, "99.1", "100.9"));
    assert_eq!(touch(&feed), Some((991, 1009)));
    apply(&mut feed, &depth(12, 13, "99.2", ""));
    assert_eq!(touch(&feed), Some((992, 1010)), "the book is newer");
    apply(&mut feed, &ticker(13, "99.3", "100.7"));
    assert_eq!(touch(&feed), Some((992, 1010)), "not newer than the book");
    apply(&mut feed, &ticker(12, "99.4", "100.6"));
    assert_eq!(feed.counts().stale, 1, "older than the newest ticker");
    let one_sided = ticker(14, "99.4", "0.0").replace("\"A\":\"7\"", "\"A\":\"0\"");
    apply(&mut feed, &one_sided);
    assert_eq!(touch(&feed), None, "a side is empty");
}

#[test]
fn a_repeated_update_is_stale() {
    let mut feed = joined_spot();
    let received_ns = feed.last_received().depth;
    let repeated = depth(9, 11, "99.9", "");
    let outcome = feed.apply(repeated.as_bytes(), TimestampNs(i64::MAX));
    assert_eq!(outcome, Ok(FrameKind::Depth));
    assert_eq!(
        (touch(&feed), feed.counts().stale, feed.gaps()),
        (Some((990, 1010)), 1, 0)
    );
    assert_eq!(feed.last_received().depth, received_ns, "no news");
}

#[test]
fn a_reset_keeps_the_tape_and_forgets_the_book() {
    let mut feed = joined_spot();
    apply(&mut feed, &trade(7, START_MS, "100.0"));
    feed.reset();
    assert!(feed.book().is_none() && !feed.needs_snapshot());
    assert_eq!((feed.last_trade_id(), feed.last_update_id()), (7, 0));
    apply(&mut feed, &depth(40, 41, "99.0", ""));
    assert_eq!(
        (feed.gaps(), feed.needs_snapshot()),
        (0, true),
        "a new connection is no gap"
    );
}

#[test]
fn a_refused_frame_changes_nothing() {
    let mut feed = joined_spot();
    let before = format!(
        "{:?}",
        (
            feed.counts(),
            feed.last_received(),
            feed.top(),
            feed.last_event_ns()
        )
    );
    let bad = depth(12, 13, "99.55", "");
    assert!(matches!(
        feed.apply(bad.as_bytes(), TimestampNs(9)),
        Err(FeedError::Decode(_))
    ));
    let after = format!(
        "{:?}",
        (
            feed.counts(),
            feed.last_received(),
            feed.top(),
            feed.last_event_ns()
        )
    );
    assert_eq!(before, after);
    apply(&mut feed, &depth(12, 13, "99.5", ""));
    assert_eq!((touch(&feed), feed.gaps()), (Some((995, 1010)), 0));
}

#[test]
fn a_candle_closes_at_the_first_trade_after_it_and_the_first_one_is_not_told() {
    let mut feed = feed(Product::Spot);
    // START_MS begins a period; the trades at 20 s and 45 s end the one from 10 s and the one from 20 s.
    let closed_after = [(9, 0), (10, 0), (12, 0), (19, 0), (20, 1), (45, 1)];
    for (id, (second, closed)) in (100..).zip(closed_after) {
        apply(
            &mut feed,
            &trade(id, START_MS + second * SECOND_MS, "100.0"),
        );
        assert_eq!(feed.take_candles().len(), closed, "after {second} s");
    }
}

#[test]
fn a_candle_sums_its_trades_exactly() {
    let mut feed = resumed_feed(99);
    let prices = ["101.0", "103.0", "99.0"];
    for (index, price) in prices.iter().enumerate() {
        apply(
            &mut feed,
            &trade(
                100 + index as i64,
                START_MS + index as i64 * SECOND_MS,
                price,
            ),
        );
    }
    apply(
        &mut feed,
        &trade(103, START_MS + 25 * SECOND_MS, "100.0").replace("false", "true"),
    );
    apply(&mut feed, &trade(104, START_MS + 31 * SECOND_MS, "100.0"));
    let candles = feed.take_candles();
    let first = candles[0];
    assert_eq!(
        (first.open_ns.0, first.close_ns.0),
        (START_MS * 1_000_000, (START_MS + 10_000) * 1_000_000)
    );
    assert_eq!(
        [first.open, first.high, first.low, first.close].map(|price| price.0),
        [1010, 1030, 990, 990]
    );
    assert_eq!(
        (first.volume.0, first.buy_volume.0, first.notional),
        (30, 30, 30_300)
    );
    assert_eq!(
        (first.trade_count, first.first_trade_id, first.last_trade_id),
        (3, 100, 102)
    );
    assert_eq!(
        (candles[1].volume.0, candles[1].buy_volume.0),
        (10, 0),
        "the taker sold"
    );
    assert_eq!(candles.len(), 2, "an empty period closes no candle");
}

#[test]
fn a_hole_in_the_tape_waits_for_the_missing_trades() {
    let mut feed = resumed_feed(99);
    apply(&mut feed, &trade(100, START_MS, "100.0"));
    apply(&mut feed, &trade(103, START_MS + 11 * SECOND_MS, "103.0"));
    apply(&mut feed, &trade(103, START_MS + 11 * SECOND_MS, "103.0"));
    apply(&mut feed, &trade(105, START_MS + 21 * SECOND_MS, "105.0"));
    assert_eq!(
        (feed.missing_trades(), feed.last_trade_id()),
        (Some((101, 102)), 100)
    );
    assert!(feed.take_candles().is_empty());
    let reply = format!(
        "[{},{},{}]",
        rest_trade(102, START_MS + SECOND_MS, "102.0"),
        rest_trade(100, START_MS, "100.0"),
        rest_trade(101, START_MS + SECOND_MS, "101.0")
    );
    assert_eq!(feed.apply_trades(reply.as_bytes()), Ok(2));
    assert_eq!(
        (feed.missing_trades(), feed.last_trade_id()),
        (Some((104, 104)), 103)
    );
    let candles = feed.take_candles();
    assert_eq!(
        (
            candles.len(),
            candles[0].trade_count,
            candles[0].last_trade_id
        ),
        (1, 3, 102)
    );
    let reply = format!("[{}]", rest_trade(104, START_MS + 12 * SECOND_MS, "104.0"));
    assert_eq!(feed.apply_trades(reply.as_bytes()), Ok(1));
    assert_eq!((feed.missing_trades(), feed.last_trade_id()), (None, 105));
    assert_eq!(feed.counts().stale, 2);
}

#[test]
fn a_resumed_tape_asks_for_what_it_missed() {
    let mut feed = resumed_feed(50);
    assert_eq!(feed.last_trade_id(), 50);
    apply(&mut feed, &trade(60, START_MS, "100.0"));
    assert_eq!(feed.missing_trades(), Some((51, 59)));
    let mut fresh = self::feed(Product::Spot);
    let reply = format!("[{}]", rest_trade(1, START_MS, "100.0"));
    assert_eq!(
        fresh.apply_trades(reply.as_bytes()),
        Ok(0),
        "a fresh tape begins with the stream"
    );
}

#[test]
fn a_futures_id_without_a_market_trade_keeps_the_sequence_only() {
    let mut feed = feed(Product::UsdMargined);
    let market = |id, second: i64| {
        trade(id, START_MS + second * SECOND_MS, "100.0").replace("\"m\"", "\"X\":\"MARKET\",\"m\"")
    };
    apply(&mut feed, &market(1, 0));
    apply(&mut feed, &market(2, 10));
    apply(
        &mut feed,
        &market(3, 11)
            .replace("MARKET", "NA")
            .replace("100.0", "0")
            .replace("0.010", "0"),
    );
    apply(&mut feed, &market(4, 12));
    apply(&mut feed, &market(5, 20));
    let candles = feed.take_candles();
    assert_eq!(
        (candles.len(), candles[0].trade_count, candles[0].low.0),
        (1, 2, 1000)
    );
    assert_eq!(feed.missing_trades(), None);
}

#[test]
fn a_jump_of_the_price_is_an_alert() {
    let mut feed = feed(Product::Spot);
    for second in 0..60 {
        let price = ["100.0", "100.1", "100.2", "100.1"][second as usize % 4];
        apply(
            &mut feed,
            &trade(second + 1, START_MS + second * SECOND_MS, price),
        );
    }
    assert!(feed.take_alerts().is_empty());
    apply(&mut feed, &trade(61, START_MS + 60 * SECOND_MS, "110.0"));
    assert!(feed.take_alerts().is_empty(), "the second is not over");
    apply(&mut feed, &trade(62, START_MS + 61 * SECOND_MS, "110.0"));
    let alerts = feed.take_alerts();
    assert_eq!(alerts.len(), 1);
    assert_eq!(
        (alerts[0].event_ns.0, alerts[0].detector),
        ((START_MS + 61_000) * 1_000_000, "return_robust_z")
    );
    assert!(
        0.5 < alerts[0].score && alerts[0].score < 1.0,
        "{}",
        alerts[0].score
    );
    assert!(alerts[0].evidence.contains("bp"), "{}", alerts[0].evidence);
}

#[test]
fn lines_are_counted_and_the_malformed_one_is_named() {
    let mut feed = feed(Product::Spot);
    let lines = format!(
        "1 {}\n\n2 {}\r\n3 {}",
        depth(9, 11, "99.0", "101.0"),
        snapshot(10, "98.0", "102.0"),
        trade(1, START_MS, "1.0")
    );
    assert_eq!(feed.apply_lines(lines.as_bytes()), Ok(3));
    assert_eq!(touch(&feed), Some((990, 1010)));
    assert_eq!(
        (feed.last_received().depth.0, feed.last_received().trade.0),
        (1, 3)
    );
    for (bad, expected) in [
        ("4 {\"e\":\"trade\"", "line 2: malformed frame"),
        ("x {}", "line 2: malformed frame at byte 0: a line is"),
        ("{}", "line 2: malformed frame at byte 0: a line is"),
        (
            "99999999999999999999 {}",
            "line 2: malformed frame at byte 0: a line is",
        ),
    ] {
        let error = feed
            .apply_lines(format!("4 {{}}\n{bad}\n5 {{}}").as_bytes())
            .expect_err("a bad line");
        assert!(error.to_string().starts_with(expected), "{error}");
    }
    assert_eq!(feed.counts().unknown, 4, "the lines before it stay applied");
}

#[test]
fn a_rest_reply_on_the_stream_is_not_ours() {
    let mut feed = feed(Product::Spot);
    assert_eq!(
        apply(&mut feed, &snapshot(10, "98.0", "102.0")),
        FrameKind::Unknown
    );
    assert!(feed.book().is_none());
}

#[test]
fn bad_settings_are_refused() {
    let good = settings(Product::Spot);
    let refused =
        |settings: FeedSettings| MarketFeed::new(&settings).expect_err("refused").to_string();
    assert!(
        refused(FeedSettings {
            symbol: "btcusdt".to_owned(),
            ..good.clone()
        })
        .contains("symbol \"btcusdt\"")
    );
    assert!(
        refused(FeedSettings {
            symbol: String::new(),
            ..good.clone()
        })
        .contains("symbol")
    );
    assert!(
        refused(FeedSettings {
            candle_rule: CandleRule::Time { interval_ns: 0 },
            ..good.clone()
        })
        .contains("candle_interval_ns")
    );
    assert!(
        refused(FeedSettings {
            depth: Some(10),
            ..good.clone()
        })
        .contains("depth is not used")
    );
    assert!(
        refused(FeedSettings {
            window_ticks: 0,
            ..good.clone()
        })
        .contains("window_ticks")
    );
    assert!(
        refused(FeedSettings {
            resume_trade_id: -1,
            ..good.clone()
        })
        .contains("resume_trade_id")
    );
    let error = MarketFeed::new(&FeedSettings {
        anomaly_threshold: f64::NAN,
        ..good.clone()
    });
    assert!(matches!(error, Err(SettingsError::Detector(_))));
    assert!(
        refused(FeedSettings {
            anomaly_window: 2,
            ..good
        })
        .contains("window must be in")
    );
}

#[test]
fn frames_that_cannot_be_read_are_counted_and_the_book_stays() {
    let mut feed = joined_spot();
    let frames = feed.frames();
    let cut = &depth(12, 12, "99.1", "").as_bytes()[..40].to_vec();
    assert!(feed.apply(cut, TimestampNs(5)).is_err());
    assert!(feed.book().is_some(), "the ids of the next update tell");
    assert_eq!(feed.frames(), frames + 1);
}
