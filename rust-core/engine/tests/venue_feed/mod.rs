//! A small feed of any venue, and what its book holds.
#![allow(dead_code, reason = "no test uses all of it")]

use openoutcry_engine::candle::CandleRule;
use openoutcry_engine::decode::venue::Venue;
use openoutcry_engine::features::FeatureSettings;
use openoutcry_engine::feed::{FeedSettings, FrameKind, MarketFeed, Violation};
use openoutcry_engine::units::{NS_PER_S, Side, Step, TimestampNs};

/// When frames are received.
pub const RECEIVED_NS: TimestampNs = TimestampNs(5);
/// Small, so that a few levels leave it.
const WINDOW_TICKS: usize = 128;

/// Ticks and lots, in order of price, bids and asks.
pub type Levels = (Vec<(i64, i64)>, Vec<(i64, i64)>);

/// A feed that has seen nothing.
pub fn new_feed(
    venue: Venue,
    symbol: &str,
    depth: usize,
    price_tick: &str,
    size_step: &str,
) -> MarketFeed {
    feed_with(venue, symbol, |settings| {
        settings.depth = (venue == Venue::Kraken).then_some(depth);
        settings.price_tick = Step::parse(price_tick).expect("a step");
        settings.size_step = Step::parse(size_step).expect("a step");
    })
}

/// As `new_feed`, on a grid of cents and ten-thousandths unless `change` says otherwise.
pub fn feed_with(venue: Venue, symbol: &str, change: impl FnOnce(&mut FeedSettings)) -> MarketFeed {
    let mut settings = FeedSettings {
        venue,
        symbol: symbol.to_owned(),
        price_tick: Step::parse("0.01").expect("a step"),
        size_step: Step::parse("0.0001").expect("a step"),
        candle_rule: CandleRule::Time {
            interval_ns: NS_PER_S,
        },
        window_ticks: WINDOW_TICKS,
        depth: None,
        resume_trade_id: 0,
        anomaly_window: 8,
        anomaly_threshold: 3.0,
        features: FeatureSettings::default(),
    };
    change(&mut settings);
    MarketFeed::new(&settings).expect("settings are in range")
}

/// Applies a frame that can be read.
pub fn apply(feed: &mut MarketFeed, frame: &str) -> FrameKind {
    feed.apply(frame.as_bytes(), RECEIVED_NS).expect(frame)
}

/// The error of a frame that cannot be read, which leaves no book and names its place.
pub fn refusal(feed: &mut MarketFeed, frame: &str) -> String {
    let error = feed
        .apply(frame.as_bytes(), RECEIVED_NS)
        .expect_err(frame)
        .to_string();
    assert!(feed.book().is_none(), "{frame}");
    assert!(error.starts_with("malformed frame at byte "), "{error}");
    error
}

/// The levels of both sides from the best outwards, if the book is shown.
pub fn shown_levels(feed: &MarketFeed) -> Option<Levels> {
    let book = feed.book()?;
    let of = |side| {
        book.levels(side)
            .map(|level| (level.price.0, level.size.0))
            .collect()
    };
    Some((of(Side::Buy), of(Side::Sell)))
}

/// The levels of a book that must be shown.
pub fn levels(feed: &MarketFeed) -> Levels {
    shown_levels(feed).expect("a valid book")
}

/// The one breach, after which nothing is shown.
pub fn breach(feed: &mut MarketFeed) -> Violation {
    let mut violations = feed.take_violations();
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert!(feed.book().is_none() && feed.top().is_none() && feed.features().is_none());
    violations.pop_front().expect("one")
}
