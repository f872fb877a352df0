use super::*;
use crate::candle::CandleRule;
use crate::decode::binance::{Decoder, Product};
use crate::decode::venue::Venue;
use crate::decode::{BookTicker, Event};
use crate::features::FeatureSettings;
use crate::feed::{FeedSettings, MarketFeed};
use crate::units::Step;

fn market(seed: u64, seconds: i64) -> SyntheticMarket {
    SyntheticMarket::new(seed, "BTCUSDT", DEFAULT_START, seconds * NS_PER_S).expect("a market")
}

fn lines(seed: u64, seconds: i64) -> Vec<Vec<u8>> {
    let mut market = market(seed, seconds);
    std::iter::from_fn(|| market.next_line()).collect()
}

fn feed() -> MarketFeed {
    MarketFeed::new(&FeedSettings {
        venue: Venue::Binance(Product::Spot),
        symbol: "BTCUSDT".to_owned(),
        price_tick: Step::parse(PRICE_TICK).expect("a step"),
        size_step: Step::parse(SIZE_STEP).expect("a step"),
        candle_rule: CandleRule::Time {
            interval_ns: 10 * NS_PER_S,
        },
        depth: None,
        window_ticks: 16_384,
        resume_trade_id: 0,
        anomaly_window: 120,
        anomaly_threshold: 6.0,
        features: FeatureSettings::default(),
    })
    .expect("a feed")
}

fn split(line: &[u8]) -> (i64, &[u8]) {
    let space = line.iter().position(|byte| *byte == b' ').expect("a space");
    let received = std::str::from_utf8(&line[..space])
        .expect("digits")
        .parse()
        .expect("a number");
    (received, &line[space + 1..])
}

#[test]
fn a_seed_gives_the_same_bytes_and_another_gives_others() {
    assert_eq!(lines(1, 5), lines(1, 5));
    assert_ne!(lines(1, 5), lines(2, 5));
}

#[test]
fn a_longer_market_begins_as_a_shorter_one() {
    let (short, long) = (lines(3, 5), lines(3, 10));
    assert!(long.len() > short.len());
    assert_eq!(long[..short.len()], short);
}

#[test]
fn a_feed_joins_it_and_ends_at_the_last_ticker() {
    for seed in 0..8 {
        let mut feed = feed();
        feed.apply_lines(&lines(seed, 120).join(&b'\n'))
            .expect("good lines");
        assert_eq!(
            (feed.gaps(), feed.crossed(), feed.missing_trades()),
            (0, 0, None),
            "seed {seed}"
        );
        let ticker = feed.book_ticker().expect("a ticker");
        let book = feed.book().expect("a valid book");
        assert_eq!(book.top(), Some((ticker.bid, ticker.ask)), "seed {seed}");
        assert!(feed.last_update_id() >= ticker.update_id);
    }
}

#[test]
fn it_begins_with_depth_and_a_snapshot_inside_the_next_depth() {
    let lines = lines(9, 1);
    let mut decoder = decoder();
    let mut ids = |line: &[u8]| match decoder.decode(split(line).1).expect("a frame") {
        Event::Depth(update) => Some((update.first_id, update.last_id)),
        Event::Snapshot(snapshot) => Some((snapshot.last_id, snapshot.last_id)),
        _ => None,
    };
    let (first, snapshot) = (
        ids(&lines[0]).expect("depth"),
        ids(&lines[1]).expect("a snapshot"),
    );
    let next = lines[2..]
        .iter()
        .find_map(|line| ids(line))
        .expect("another depth frame");
    assert_eq!(next.0, first.1 + 1);
    assert!(first.1 < snapshot.0 && (next.0..next.1).contains(&snapshot.0));
}

#[test]
fn ids_are_contiguous_times_advance_and_the_ticker_is_the_touch() {
    let mut decoder = decoder();
    let (mut last_received, mut last_trade, mut last_depth) = (0, FIRST_TRADE_ID, FIRST_UPDATE_ID);
    let mut ticker: Option<BookTicker> = None;
    let mut feed = feed();
    for line in lines(4, 60) {
        let (received, frame) = split(&line);
        assert!(received > last_received);
        last_received = received;
        match decoder.decode(frame).expect("a frame") {
            Event::Depth(update) => {
                assert_eq!(update.first_id, last_depth + 1);
                last_depth = update.last_id;
                assert!(update.event_ns.0 < received && update.event_ns.0 % NS_PER_MS == 0);
                feed.apply_lines(&line).expect("a good line");
                // The touch of the book at a depth frame is what the last ticker said.
                if let (Some(ticker), Some(book)) = (ticker, feed.book()) {
                    assert_eq!(book.top(), Some((ticker.bid, ticker.ask)));
                }
            }
            Event::Trade(trade) => {
                assert_eq!(trade.id, last_trade + 1);
                last_trade = trade.id;
                assert!(trade.price.0 > 0 && trade.size.0 > 0 && trade.trade_ns <= trade.event_ns);
                assert!(trade.event_ns.0 < received);
            }
            Event::BookTicker(event) => {
                assert!(event.bid.price < event.ask.price && event.update_id > last_depth);
                ticker = Some(event);
            }
            Event::Snapshot(_) => drop(feed.apply_lines(&line).expect("a good line")),
            Event::Unknown => panic!("{:?}", String::from_utf8_lossy(&line)),
        }
    }
    assert!(last_trade > FIRST_TRADE_ID + 100);
}

#[test]
fn candles_move_as_they_do_in_the_recording() {
    let mut feed = feed();
    feed.apply_lines(&lines(5, 3_600).join(&b'\n'))
        .expect("good lines");
    let candles = feed.take_candles();
    assert!(candles.len() > 300, "{} candles", candles.len());
    let bps = |from: i64, to: i64| (to - from) as f64 / from as f64 * 1e4;
    let square = |candle: &crate::candle::Candle| bps(candle.open.0, candle.close.0).powi(2);
    let deviation = (candles.iter().map(square).sum::<f64>() / candles.len() as f64).sqrt();
    assert!((2.5..6.0).contains(&deviation), "{deviation} bps");
    let furthest = candles
        .iter()
        .map(|candle| bps(START_TICKS, candle.close.0).abs())
        .fold(0.0, f64::max);
    assert!(furthest < 300.0, "{furthest} bps");
}

#[test]
fn what_cannot_be_a_market_is_refused() {
    let refused = |symbol, start, duration| {
        SyntheticMarket::new(1, symbol, TimestampNs(start), duration).expect_err("refused")
    };
    for symbol in ["", "btcusdt", "BTC/USDT", "A\"B"] {
        assert!(matches!(
            refused(symbol, 0, NS_PER_S),
            MarketError::Symbol(_)
        ));
    }
    assert_eq!(refused("XY", -1, NS_PER_S), MarketError::Start(-1));
    assert_eq!(
        refused("XY", i64::MAX, NS_PER_S),
        MarketError::Start(i64::MAX)
    );
    assert_eq!(refused("XY", 0, 0), MarketError::Duration(0));
    assert_eq!(refused("XY", 0, i64::MAX), MarketError::Duration(i64::MAX));
}

fn decoder() -> Decoder {
    let grid = |text| Step::parse(text).expect("a step");
    Decoder::new(Product::Spot, "BTCUSDT", grid(PRICE_TICK), grid(SIZE_STEP))
}
