//! Decoding: exact where it succeeds, an error where it cannot be, and never a panic.

use openoutcry_engine::candle::CandleRule;
use openoutcry_engine::decode::binance::{Decoder, Product};
use openoutcry_engine::decode::venue::Venue;
use openoutcry_engine::decode::{DecodeError, Event, Level};
use openoutcry_engine::features::FeatureSettings;
use openoutcry_engine::feed::{FeedSettings, MarketFeed};
use openoutcry_engine::units::{
    DecimalError, MAX_COUNT, PriceTicks, Side, SizeLots, Step, TimestampNs,
};
use proptest::prelude::*;

const DEPTH: &str = r#"{"e":"depthUpdate","E":1700000000100,"s":"BTCUSDT","U":11,"u":13,"b":[["100.10","1.5"],["99.00","0"]],"a":[["100.20","0.25"]]}"#;
const TRADE: &str = r#"{"e":"trade","E":1700000000101,"s":"BTCUSDT","t":77,"p":"100.15000000","q":"0.50000000","T":1700000000099,"m":true,"M":true}"#;
const TICKER: &str = r#"{"u":14,"s":"BTCUSDT","b":"100.10","B":"1.5","a":"100.20","A":"0.25"}"#;
const SNAPSHOT: &str = r#"{"lastUpdateId":12,"bids":[["100.00","2.0"]],"asks":[["100.30","3.0"]]}"#;
const FUTURES_DEPTH: &str = r#"{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1700000000100,"T":1700000000098,"s":"BTCUSDT","U":11,"u":13,"pu":9,"b":[],"a":[["100.20","0.25"]]}}"#;
const FUTURES_TRADE: &str = r#"{"e":"trade","E":1700000000101,"T":1700000000099,"s":"BTCUSDT","t":78,"p":"0","q":"0","X":"NA","m":false}"#;
const ALL: [&str; 6] = [DEPTH, TRADE, TICKER, SNAPSHOT, FUTURES_DEPTH, FUTURES_TRADE];

fn step(text: &str) -> Step {
    Step::parse(text).expect("a step")
}

fn decoder(product: Product) -> Decoder {
    Decoder::new(product, "BTCUSDT", step("0.01"), step("0.00001"))
}

fn level(price: i64, size: i64) -> Level {
    Level {
        price: PriceTicks(price),
        size: SizeLots(size),
    }
}

/// What is wrong with a spot frame.
fn refusal(frame: &str) -> String {
    match decoder(Product::Spot).decode(frame.as_bytes()) {
        Err(error) => error.to_string(),
        Ok(event) => panic!("{frame} was taken for {event:?}"),
    }
}

#[test]
fn a_spot_depth_update_is_read_exactly() {
    let mut decoder = decoder(Product::Spot);
    let Ok(Event::Depth(update)) = decoder.decode(DEPTH.as_bytes()) else {
        panic!("no depth")
    };
    assert_eq!(
        (update.previous_id, update.first_id, update.last_id),
        (10, 11, 13)
    );
    assert_eq!(update.event_ns, TimestampNs(1_700_000_000_100_000_000));
    assert_eq!(update.bids, [level(10_010, 150_000), level(9_900, 0)]);
    assert_eq!(update.asks, [level(10_020, 25_000)]);
}

#[test]
fn blanks_change_nothing() {
    for frame in ALL {
        let (mut plain, mut spaced) = (decoder(Product::Spot), decoder(Product::Spot));
        let blanks = frame
            .replace(',', " ,\n")
            .replace('[', "[ ")
            .replace(':', " :\t");
        assert_eq!(
            plain.decode(frame.as_bytes()),
            spaced.decode(format!(" {blanks}\r\n").as_bytes()),
            "{frame}"
        );
    }
}

#[test]
fn a_futures_depth_update_follows_pu() {
    let mut decoder = decoder(Product::UsdMargined);
    let Ok(Event::Depth(update)) = decoder.decode(FUTURES_DEPTH.as_bytes()) else {
        panic!("no depth")
    };
    assert_eq!(
        (update.previous_id, update.first_id, update.last_id),
        (9, 11, 13)
    );
    let error = decoder
        .decode(DEPTH.as_bytes())
        .expect_err("futures need pu");
    assert!(error.to_string().contains("`pu` is missing"), "{error}");
}

#[test]
fn a_trade_is_read_exactly_and_its_taker_is_who_did_not_make() {
    let mut decoder = decoder(Product::Spot);
    let Ok(Event::Trade(trade)) = decoder.decode(TRADE.as_bytes()) else {
        panic!("no trade")
    };
    assert_eq!(
        (trade.id, trade.price, trade.size),
        (77, PriceTicks(10_015), SizeLots(50_000))
    );
    assert_eq!((trade.taker, trade.is_market), (Side::Sell, true));
    assert_eq!(trade.trade_ns, TimestampNs(1_700_000_000_099_000_000));
    assert_eq!(trade.event_ns, TimestampNs(1_700_000_000_101_000_000));
}

#[test]
fn a_futures_id_without_a_trade_in_the_book_is_no_market_trade() {
    let mut decoder = decoder(Product::UsdMargined);
    let Ok(Event::Trade(trade)) = decoder.decode(FUTURES_TRADE.as_bytes()) else {
        panic!("no trade")
    };
    assert_eq!((trade.id, trade.is_market), (78, false));
    let mut trades = Vec::new();
    let history = br#"[{"id":79,"price":"0","qty":"0","quoteQty":"0","time":1700000000099,"isBuyerMaker":true}]"#;
    decoder
        .decode_trades(history, &mut trades)
        .expect("REST gives no X");
    assert!(!trades[0].is_market);
    let market = FUTURES_TRADE.replace("NA", "MARKET");
    assert!(
        decoder.decode(market.as_bytes()).is_err(),
        "a market trade has a price"
    );
}

#[test]
fn a_ticker_without_a_name_is_known_by_its_fields() {
    let mut decoder = decoder(Product::Spot);
    let Ok(Event::BookTicker(ticker)) = decoder.decode(TICKER.as_bytes()) else {
        panic!("no ticker")
    };
    assert_eq!((ticker.update_id, ticker.event_ns), (14, None));
    assert_eq!(
        (ticker.bid, ticker.ask),
        (level(10_010, 150_000), level(10_020, 25_000))
    );
    let empty = TICKER.replace("100.20", "0.00").replace("0.25", "0.00");
    let Ok(Event::BookTicker(ticker)) = decoder.decode(empty.as_bytes()) else {
        panic!("no ticker")
    };
    assert_eq!(ticker.ask, level(0, 0));
}

#[test]
fn a_snapshot_is_only_read_where_it_is_whole() {
    let mut decoder = decoder(Product::Spot);
    let snapshot = decoder
        .decode_snapshot(SNAPSHOT.as_bytes())
        .expect("a snapshot");
    assert_eq!(
        (snapshot.last_id, snapshot.bids.len(), snapshot.asks.len()),
        (12, 1, 1)
    );
    let partial = format!(r#"{{"stream":"btcusdt@depth20@100ms","data":{SNAPSHOT}}}"#);
    assert_eq!(decoder.decode(partial.as_bytes()), Ok(Event::Unknown));
    let error = decoder
        .decode_snapshot(br#"{"code":-1121,"msg":"Invalid symbol."}"#)
        .expect_err("an error");
    assert!(error.to_string().contains("Invalid symbol"), "{error}");
    let other = SNAPSHOT.replacen('{', r#"{"symbol":"ETHUSDT","#, 1);
    let error = decoder
        .decode_snapshot(other.as_bytes())
        .expect_err("another symbol's");
    assert!(
        error.to_string().contains("another instrument's"),
        "{error}"
    );
}

#[test]
fn other_frames_and_other_symbols_are_left_alone() {
    let mut decoder = decoder(Product::Spot);
    let others = [
        "",
        "pong",
        "[1,2]",
        "{}",
        r#"{"result":null,"id":1}"#,
        r#"{"e":"kline","E":1,"s":"BTCUSDT","k":{"t":1,"o":"NaN","x":[[{}]]}}"#,
        r#"{"e":"aggTrade","E":1,"s":"BTCUSDT","a":5,"p":"x"}"#,
        r#"{"id":"a","status":200,"result":{"lastUpdateId":1,"bids":[["x"]]}}"#,
    ];
    for frame in others {
        assert_eq!(
            decoder.decode(frame.as_bytes()),
            Ok(Event::Unknown),
            "{frame}"
        );
    }
    for frame in [DEPTH, TRADE, TICKER] {
        // Its numbers are on another grid, and none of our business.
        let frame = frame
            .replace("BTCUSDT", "ETHUSDT")
            .replace("100.", "0.0000000");
        assert_eq!(
            decoder.decode(frame.as_bytes()),
            Ok(Event::Unknown),
            "{frame}"
        );
    }
}

#[test]
fn what_is_wrong_is_said() {
    let cases = [
        (
            DEPTH.replace("100.10", "NaN"),
            "price `NaN` is not plain decimal text",
        ),
        (
            DEPTH.replace("100.10", "1e2"),
            "price `1e2` is not plain decimal text",
        ),
        (DEPTH.replace("100.10", ""), "price `` is empty"),
        (
            DEPTH.replace("100.10", "100."),
            "price `100.` is not plain decimal text",
        ),
        (
            DEPTH.replace("100.10", ".5"),
            "price `.5` is not plain decimal text",
        ),
        (
            DEPTH.replace("100.10", "+1"),
            "price `+1` is not plain decimal text",
        ),
        (
            DEPTH.replace("100.10", "100.101"),
            "price `100.101` lies between two steps of the grid",
        ),
        (DEPTH.replace("100.10", "0.00"), "price `0.00` is zero"),
        (
            DEPTH.replace("100.10", "99999999999999999999"),
            "is out of range",
        ),
        (
            DEPTH.replace("\"1.5\"", "\"-1.5\""),
            "size `-1.5` is negative",
        ),
        (DEPTH.replace("\"1.5\"", "1.5"), "expected `\"`"),
        (DEPTH.replace("\"1.5\"", "\"1.5\",[]"), "expected `]`"),
        (
            DEPTH.replace("\"U\":11", "\"U\":14"),
            "update ids are out of order",
        ),
        (
            DEPTH.replace("\"U\":11", "\"U\":-11"),
            "is not a whole number",
        ),
        (
            DEPTH.replace("\"u\":13", "\"u\":\"13\""),
            "is not a whole number",
        ),
        (
            DEPTH.replace("\"u\":13", "\"u\":99999999999999999999"),
            "is out of range",
        ),
        (
            DEPTH.replace("\"E\":17", "\"E\":1700017"),
            "is no time in milliseconds",
        ),
        (DEPTH.replace("\"E\":1700000000100,", ""), "`E` is missing"),
        (
            DEPTH.replace("\"s\":\"BTCUSDT\",", ""),
            "the symbol `s` is missing",
        ),
        (
            DEPTH.replace("\"u\":13", "\"u\":13,\"u\":13"),
            "field `u` comes twice",
        ),
        (
            DEPTH.replace("]],\"a\"", "]],\"b\":[],\"a\""),
            "field `b` comes twice",
        ),
        (format!("{DEPTH}{DEPTH}"), "expected the end"),
        (TRADE.replace("0.50000000", "0.00000000"), "is zero"),
        (TRADE.replace("100.15000000", "0"), "is zero"),
        (TRADE.replace("true", "1"), "is not true or false"),
        (TRADE.replace("\"t\":77", "\"t\":0"), "is zero"),
        (TICKER.replace(",\"A\":\"0.25\"", ""), "`A` is missing"),
        (
            TICKER.replace("100.20", "0.00"),
            "must both be zero or neither",
        ),
        (
            SNAPSHOT.replace("\"asks\"", "\"usks\""),
            "`asks` is missing",
        ),
        ("{\"e\":NaN".to_owned(), "found the end"),
    ];
    for (frame, expected) in cases {
        let message = refusal(&frame);
        assert!(message.contains(expected), "{frame}\n{message}\n{expected}");
        assert!(message.starts_with("malformed frame at byte "), "{message}");
    }
}

#[test]
fn a_refused_trades_reply_leaves_nothing_behind() {
    let mut decoder = decoder(Product::Spot);
    let mut trades = Vec::new();
    let good = r#"{"id":1,"price":"1.00","qty":"1","quoteQty":"1","time":1700000000000,"isBuyerMaker":false}"#;
    let bad = format!("[{good},{}]", good.replace("1.00", "x"));
    assert!(decoder.decode_trades(bad.as_bytes(), &mut trades).is_err());
    assert!(trades.is_empty());
    decoder
        .decode_trades(format!("[{good}]").as_bytes(), &mut trades)
        .expect("a reply");
    assert_eq!((trades.len(), trades[0].taker), (1, Side::Buy));
}

#[test]
fn a_size_finer_than_the_step_is_rounded_down_but_not_to_nothing_and_not_often() {
    let mut decoder = decoder(Product::Spot);
    let frame = DEPTH
        .replace("\"1.5\"", "\"25.426189\"")
        .replace("\"0.25\"", "\"0.000001\"");
    let Ok(Event::Depth(update)) = decoder.decode(frame.as_bytes()) else {
        panic!("no depth")
    };
    assert_eq!(
        (update.bids[0].size, update.asks[0].size),
        (SizeLots(2_542_618), SizeLots(1))
    );
    assert_eq!(decoder.finer_sizes(), 2);
    let mut coarse = Decoder::new(Product::Spot, "BTCUSDT", step("0.01"), step("1"));
    let error = (0..100)
        .find_map(|_| coarse.decode(DEPTH.as_bytes()).err())
        .expect("the step is wrong");
    assert!(
        error.to_string().contains("finer than the size step 1"),
        "{error}"
    );
}

#[test]
fn a_step_is_read_and_written() {
    for (text, shown) in [
        ("0.01", "0.01"),
        ("0.01000000", "0.01"),
        ("1.00", "1"),
        ("5", "5"),
        ("0.5", "0.5"),
    ] {
        assert_eq!(step(text).to_string(), shown);
    }
    for (text, reason) in [
        ("", DecimalError::Empty),
        ("0.00", DecimalError::ZeroStep),
        ("-1", DecimalError::Negative),
        ("1.", DecimalError::NotDecimal),
        (".1", DecimalError::NotDecimal),
        ("1e-2", DecimalError::NotDecimal),
        ("NaN", DecimalError::NotDecimal),
        ("0.0000000000000000001", DecimalError::OutOfRange),
    ] {
        assert_eq!(Step::parse(text), Err(reason), "{text}");
    }
}

/// The fields of a frame in any order must say the same.
fn reordered(frame: &str, order: &[usize]) -> String {
    // Members are split at commas outside of brackets.
    let (mut members, mut depth) = (vec![String::new()], 0_i32);
    for letter in frame[1..frame.len() - 1].chars() {
        depth += i32::from(letter == '[') - i32::from(letter == ']');
        match members.last_mut() {
            Some(member) if letter != ',' || depth > 0 => member.push(letter),
            _ => members.push(String::new()),
        }
    }
    let mut keyed: Vec<_> = members.into_iter().zip(order.iter().cycle()).collect();
    keyed.sort_by_key(|(_, key)| **key);
    let members: Vec<_> = keyed.into_iter().map(|(member, _)| member).collect();
    format!("{{ {} }}", members.join(" , "))
}

fn feed(product: Product) -> MarketFeed {
    MarketFeed::new(&FeedSettings {
        venue: Venue::Binance(product),
        symbol: "BTCUSDT".to_owned(),
        price_tick: step("0.01"),
        size_step: step("0.00001"),
        candle_rule: CandleRule::Time {
            interval_ns: 1_000_000_000,
        },
        depth: None,
        window_ticks: 128,
        resume_trade_id: 0,
        anomaly_window: 10,
        anomaly_threshold: 6.0,
        features: FeatureSettings::default(),
    })
    .expect("settings are in range")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decimal_text_is_counted_exactly(
        whole in 0_u64..10_000_000,
        fraction in "[0-9]{0,12}",
        mantissa in 1_u32..1_000,
        decimals in 0_usize..9,
    ) {
        let text = if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") };
        let unit = 10_u128.pow(decimals as u32);
        let (step_whole, step_fraction) = (u128::from(mantissa) / unit, u128::from(mantissa) % unit);
        let grid = step(format!("{step_whole}.{step_fraction:0decimals$}").trim_end_matches('.'));
        // In units of 10^-12, where everything is whole.
        let value: u128 = format!("{whole}{fraction:0<12}").parse().expect("digits");
        let one_step = u128::from(mantissa) * 10_u128.pow(12 - decimals as u32);
        match grid.count(text.as_bytes()) {
            Ok(count) => {
                prop_assert_eq!(count as u128 * one_step, value);
                prop_assert_eq!(grid.count(grid.text(count).as_bytes()), Ok(count));
            }
            Err(DecimalError::OffGrid) => prop_assert!(!value.is_multiple_of(one_step)),
            Err(reason) => prop_assert!(reason == DecimalError::OutOfRange && value / one_step > MAX_COUNT as u128),
        }
    }

    #[test]
    fn any_text_is_a_count_or_an_error(text in prop::collection::vec(any::<u8>(), 0..30)) {
        if let Ok(count) = step("0.01").count(&text) {
            prop_assert!(count >= 0);
            prop_assert!(text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.'));
        }
    }

    #[test]
    fn the_order_of_fields_does_not_matter(order in prop::collection::vec(0_usize..100, 10)) {
        for (product, frame) in [
            (Product::Spot, DEPTH),
            (Product::Spot, TRADE),
            (Product::Spot, TICKER),
            (Product::Spot, SNAPSHOT),
            (Product::UsdMargined, FUTURES_TRADE),
        ] {
            let (mut first, mut second) = (decoder(product), decoder(product));
            let shuffled = reordered(frame, &order);
            prop_assert_eq!(first.decode(frame.as_bytes()), second.decode(shuffled.as_bytes()), "{}", shuffled);
        }
    }

    #[test]
    fn a_truncated_frame_is_an_error(which in 0..ALL.len(), share in 0.0_f64..1.0) {
        let frame = ALL[which];
        let length = (frame.len() as f64 * share) as usize;
        let event = decoder(Product::Spot).decode(&frame.as_bytes()[..length]).map(|event| format!("{event:?}"));
        if length == 0 {
            prop_assert_eq!(event, Ok("Unknown".to_owned()));
        } else {
            prop_assert!(event.is_err(), "{:?}", event);
        }
    }

    #[test]
    fn a_mutated_frame_never_panics(
        which in 0..ALL.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        is_futures in any::<bool>(),
    ) {
        let mut frame = ALL[which].as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(frame.len());
            match byte % 4 {
                0 => { frame.remove(at); }
                1 => frame.insert(at, byte),
                2 => frame[at] = b"0123456789\"[]{},:.-eN"[usize::from(byte / 4) % 21],
                _ => frame[at] = byte,
            }
            if frame.is_empty() { break }
        }
        let product = if is_futures { Product::UsdMargined } else { Product::Spot };
        let mut feed = feed(product);
        let _: Result<Event<'_>, DecodeError> = decoder(product).decode(&frame);
        let _ = feed.apply(&frame, TimestampNs(1));
        let _ = feed.apply_snapshot(&frame);
        let _ = feed.apply_trades(&frame);
        let _ = feed.apply_lines(&[b"1 ", frame.as_slice()].concat());
        if let Some((bid, ask)) = feed.top() {
            prop_assert!(bid.price < ask.price);
        }
    }
}
