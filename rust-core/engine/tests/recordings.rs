//! Replays the recordings in `../shared/data` beside the checkout; says so and passes where they are absent.
//!
//! The oracle is the venue's own bookTicker. It tells the best levels after an update id, in the same
//! numbering as the depth updates, so that "the book equals the bookTicker" has three exact meanings, all
//! asserted: the freshest touch at the end is the last ticker's; the depth book after every single update is
//! what the newest ticker up to that update's id says; and no line leaves a crossed state visible.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use openoutcry_engine::book::l2::{DEFAULT_WINDOW_TICKS, L2Book};
use openoutcry_engine::candle::{Candle, CandleRule};
use openoutcry_engine::decode::binance::{Decoder, Product};
use openoutcry_engine::decode::venue::Venue;
use openoutcry_engine::decode::{BookTicker, Event, Level};
use openoutcry_engine::features::FeatureSettings;
use openoutcry_engine::feed::{FeedSettings, MarketFeed, split_line};
use openoutcry_engine::units::{NS_PER_S, Side, SizeLots, Step};

/// zstd's window in the recordings, as a power of two.
const WINDOW_LOG: u32 = 25;
const CANDLE_INTERVAL_NS: i64 = 10 * NS_PER_S;

struct Recording {
    product: Product,
    file: &'static str,
    symbol: &'static str,
    price_tick: &'static str,
    size_step: &'static str,
    days: &'static [&'static str],
    /// Depth states between which the venue sent no ticker although the touch had moved: it conflates
    /// tickers in a burst (171 and 187 are sent, the state after 174 is not).
    untold_states: usize,
}

const FIRST_DAY: &[&str] = &["20240808"];
const BOTH_DAYS: &[&str] = &["20240808", "20240809"];

const fn spot(
    file: &'static str,
    symbol: &'static str,
    size_step: &'static str,
    days: &'static [&'static str],
) -> Recording {
    let (product, price_tick) = (Product::Spot, "0.01");
    Recording {
        product,
        file,
        symbol,
        price_tick,
        size_step,
        days,
        untold_states: 0,
    }
}

const fn usdm(file: &'static str, symbol: &'static str, price_tick: &'static str) -> Recording {
    let (product, size_step, days) = (Product::UsdMargined, "0.001", FIRST_DAY);
    Recording {
        product,
        file,
        symbol,
        price_tick,
        size_step,
        days,
        untold_states: 0,
    }
}

const fn coinm(
    file: &'static str,
    symbol: &'static str,
    price_tick: &'static str,
    days: &'static [&'static str],
) -> Recording {
    let (product, size_step) = (Product::CoinMargined, "1");
    Recording {
        product,
        file,
        symbol,
        price_tick,
        size_step,
        days,
        untold_states: 0,
    }
}

const RECORDINGS: [Recording; 10] = [
    spot("spot_btcusdt", "BTCUSDT", "0.00001", FIRST_DAY),
    Recording {
        untold_states: 2,
        ..spot("spot_btcusdt", "BTCUSDT", "0.00001", BOTH_DAYS)
    },
    spot("spot_ethusdt", "ETHUSDT", "0.0001", FIRST_DAY),
    spot("spot_ethusdt", "ETHUSDT", "0.0001", BOTH_DAYS),
    usdm("usdm_btcusdt", "BTCUSDT", "0.1"),
    usdm("usdm_ethusdt", "ETHUSDT", "0.01"),
    coinm("cm_btcusd_perp", "BTCUSD_PERP", "0.1", FIRST_DAY),
    coinm("cm_btcusd_perp", "BTCUSD_PERP", "0.1", BOTH_DAYS),
    coinm("cm_ethusd_perp", "ETHUSD_PERP", "0.01", FIRST_DAY),
    coinm("cm_ethusd_perp", "ETHUSD_PERP", "0.01", BOTH_DAYS),
];

impl Recording {
    fn price_tick(&self) -> Step {
        Step::parse(self.price_tick).expect("a step")
    }

    fn size_step(&self) -> Step {
        Step::parse(self.size_step).expect("a step")
    }

    fn decoder(&self) -> Decoder {
        Decoder::new(
            self.product,
            self.symbol,
            self.price_tick(),
            self.size_step(),
        )
    }

    fn feed(&self) -> MarketFeed {
        self.resumed_feed(0)
    }

    fn resumed_feed(&self, resume_trade_id: i64) -> MarketFeed {
        MarketFeed::new(&FeedSettings {
            venue: Venue::Binance(self.product),
            symbol: self.symbol.to_owned(),
            price_tick: self.price_tick(),
            size_step: self.size_step(),
            candle_rule: CandleRule::Time {
                interval_ns: CANDLE_INTERVAL_NS,
            },
            depth: None,
            window_ticks: DEFAULT_WINDOW_TICKS,
            resume_trade_id,
            anomaly_window: 120,
            anomaly_threshold: 6.0,
            features: FeatureSettings::default(),
        })
        .expect("settings are in range")
    }

    /// The recorded lines of all days, or None (with the reason on the screen) where they are absent.
    fn lines(&self) -> Option<Vec<u8>> {
        let mut lines = Vec::new();
        for day in self.days {
            let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
                .join("../../../shared/data/binance_l2_2024")
                .join(format!("{}_{day}.raw.zst", self.file));
            let Ok(file) = File::open(&path) else {
                println!("skipped: the recording {} is absent", path.display());
                return None;
            };
            let mut decoder = zstd::Decoder::new(file).expect("a zstd frame");
            decoder.window_log_max(WINDOW_LOG).expect("a window log");
            std::io::copy(&mut decoder, &mut lines).expect("a whole zstd stream");
        }
        Some(lines)
    }

    /// The venue's touch by update id.
    fn tickers(&self, lines: &[u8]) -> BTreeMap<i64, BookTicker> {
        let mut decoder = self.decoder();
        let mut tickers = BTreeMap::new();
        for line in split(lines) {
            let (_, frame) = split_line(line).expect("a recorded line");
            if let Event::BookTicker(ticker) = decoder.decode(frame).expect("a frame") {
                tickers.insert(ticker.update_id, ticker);
            }
        }
        tickers
    }

    /// The book as the venue's REST reply, to its whole depth.
    fn snapshot_of(&self, book: &L2Book, last_id: i64) -> String {
        let side = |side| {
            let text = |level: Level| {
                let (price, size) = (
                    self.price_tick().text(level.price.0),
                    self.size_step().text(level.size.0),
                );
                format!("[\"{price}\",\"{size}\"]")
            };
            book.levels(side).map(text).collect::<Vec<_>>().join(",")
        };
        let (bids, asks) = (side(Side::Buy), side(Side::Sell));
        format!("{{\"lastUpdateId\":{last_id},\"bids\":[{bids}],\"asks\":[{asks}]}}")
    }
}

fn split(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
}

fn is_depth(line: &[u8]) -> bool {
    memchr::memmem::find(line, b"\"depthUpdate\"").is_some()
}

fn levels(feed: &MarketFeed) -> (Vec<Level>, Vec<Level>) {
    let book = feed.book().expect("a valid book");
    (
        book.levels(Side::Buy).collect(),
        book.levels(Side::Sell).collect(),
    )
}

#[test]
fn every_state_of_every_stream_agrees_with_the_venues_ticker() {
    for recording in &RECORDINGS {
        let Some(lines) = recording.lines() else {
            return;
        };
        let tickers = recording.tickers(&lines);
        let mut feed = recording.feed();
        let (mut last_id, mut agreed, mut untold) = (0, 0, 0);
        for line in split(&lines) {
            feed.apply_lines(line).expect("a recorded line");
            let Some((bid, ask)) = feed.book().and_then(L2Book::top) else {
                continue;
            };
            assert!(
                bid.price < ask.price,
                "{}: the book is crossed",
                recording.file
            );
            let (fresh_bid, fresh_ask) = feed.top().expect("a touch");
            assert!(
                fresh_bid.price < fresh_ask.price,
                "{}: the touch is crossed",
                recording.file
            );
            if feed.last_update_id() != last_id {
                last_id = feed.last_update_id();
                if let Some((ticker_id, ticker)) = tickers.range(..=last_id).next_back() {
                    let is_equal = (bid, ask) == (ticker.bid, ticker.ask);
                    assert!(
                        is_equal || *ticker_id != last_id,
                        "{}: differs at {last_id}",
                        recording.file
                    );
                    agreed += usize::from(is_equal);
                    untold += usize::from(!is_equal);
                }
            }
        }
        check_end(recording, &feed, &tickers);
        assert_eq!(
            untold, recording.untold_states,
            "{} {:?}",
            recording.file, recording.days
        );
        println!(
            "{} {:?}: {agreed} depth states equal the newest ticker",
            recording.file, recording.days
        );
    }
}

fn check_end(recording: &Recording, feed: &MarketFeed, tickers: &BTreeMap<i64, BookTicker>) {
    let (_, last) = tickers.last_key_value().expect("a ticker");
    assert_eq!(
        feed.top(),
        Some((last.bid, last.ask)),
        "{}: the final touch",
        recording.file
    );
    assert_eq!((feed.gaps(), feed.crossed()), (0, 0), "{}", recording.file);
    assert_eq!(feed.missing_trades(), None, "{}", recording.file);
    let counts = feed.counts();
    assert_eq!(
        (counts.snapshot, counts.stale, counts.unknown),
        (1, 0, 0),
        "{}",
        recording.file
    );
    assert_eq!(
        counts.book_ticker,
        tickers.len() as u64,
        "{}",
        recording.file
    );
}

#[test]
fn a_lost_update_is_a_gap_and_a_later_snapshot_heals_the_book_exactly() {
    for recording in &RECORDINGS {
        let Some(lines) = recording.lines() else {
            return;
        };
        let lines: Vec<&[u8]> = split(&lines).collect();
        let (lost, snapshot_at) = (lines.len() / 2, lines.len() * 3 / 4);
        let lost = (lost..lines.len())
            .find(|index| is_depth(lines[*index]))
            .expect("a depth line");
        let (mut whole, mut broken) = (recording.feed(), recording.feed());
        let mut early_snapshot = String::new();
        for (index, line) in lines.iter().enumerate() {
            whole.apply_lines(line).expect("a recorded line");
            if index == lost {
                early_snapshot =
                    recording.snapshot_of(whole.book().expect("valid"), whole.last_update_id());
            } else {
                broken.apply_lines(line).expect("a recorded line");
            }
            if index == snapshot_at {
                assert!(
                    !is_shown(&broken) && broken.needs_snapshot(),
                    "{}",
                    recording.file
                );
                assert_eq!(
                    (broken.gaps(), broken.last_update_id()),
                    (1, 0),
                    "{}",
                    recording.file
                );
                let snapshot =
                    recording.snapshot_of(whole.book().expect("valid"), whole.last_update_id());
                assert_eq!(
                    broken.apply_snapshot(snapshot.as_bytes()),
                    Ok(true),
                    "{}",
                    recording.file
                );
                assert_eq!(levels(&broken), levels(&whole), "{}", recording.file);
            }
        }
        assert_eq!(
            broken.apply_snapshot(early_snapshot.as_bytes()),
            Ok(true),
            "an old one is ignored"
        );
        assert_eq!(broken.top(), whole.top(), "{}", recording.file);
        assert_eq!(levels(&broken), levels(&whole), "{}", recording.file);
    }
}

/// True if the feed shows anything of its book.
fn is_shown(feed: &MarketFeed) -> bool {
    feed.book().is_some() || feed.top().is_some() || feed.features().is_some()
}

#[test]
fn listening_after_the_snapshot_shows_nothing_instead_of_a_wrong_book() {
    for recording in &RECORDINGS {
        let Some(lines) = recording.lines() else {
            return;
        };
        let lines: Vec<&[u8]> = split(&lines).collect();
        let is_snapshot = |line: &&[u8]| memchr::memmem::find(line, b"\"lastUpdateId\"").is_some();
        let snapshot = lines.iter().position(is_snapshot).expect("a snapshot line");
        let mut feed = recording.feed();
        feed.apply_lines(lines[snapshot]).expect("the snapshot");
        let missed = 200;
        for line in lines[snapshot + missed..]
            .iter()
            .filter(|line| is_depth(line))
        {
            feed.apply_lines(line).expect("a recorded line");
            assert!(!is_shown(&feed), "{}", recording.file);
        }
        assert_eq!((feed.gaps(), feed.crossed()), (1, 0), "{}", recording.file);
    }
}

#[test]
fn candles_hold_every_trade_once_and_resume_without_a_seam() {
    for recording in &RECORDINGS {
        let Some(lines) = recording.lines() else {
            return;
        };
        let mut feed = recording.feed();
        feed.apply_lines(&lines).expect("recorded lines");
        let candles: Vec<Candle> = feed.take_candles().into();
        assert!(
            candles.len() >= 20,
            "{}: {} candles",
            recording.file,
            candles.len()
        );
        for (candle, next) in candles.iter().zip(&candles[1..]) {
            assert_eq!(
                candle.last_trade_id + 1,
                next.first_trade_id,
                "{}",
                recording.file
            );
            assert!(candle.close_ns <= next.open_ns, "{}", recording.file);
        }
        for candle in &candles {
            let ids = candle.last_trade_id - candle.first_trade_id + 1;
            assert_eq!(candle.trade_count, ids, "{}", recording.file);
            assert!(
                candle.low <= candle.open.min(candle.close),
                "{}",
                recording.file
            );
            assert!(
                candle.high >= candle.open.max(candle.close),
                "{}",
                recording.file
            );
            assert!(SizeLots::ZERO <= candle.buy_volume && candle.buy_volume <= candle.volume);
        }
        let mut resumed = recording.resumed_feed(candles[4].last_trade_id);
        resumed.apply_lines(&lines).expect("recorded lines");
        assert_eq!(
            Vec::from(resumed.take_candles()),
            candles[5..],
            "{}",
            recording.file
        );
        // Six to eleven minutes of an ordinary market: the sharpest seconds, seen on every product, and a few large
        // levels moved. Less than one alarm a minute.
        assert!(feed.take_alerts().len() <= 9, "{}", recording.file);
        assert_eq!(resumed.missing_trades(), None, "{}", recording.file);
    }
}
