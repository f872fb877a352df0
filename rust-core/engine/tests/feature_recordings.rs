//! The features of recorded streams against the same from scratch: from the whole book, and from all events so
//! far. Says so and passes where `../shared/data` is absent.

use std::fs::File;
use std::path::PathBuf;

use openoutcry_engine::book::l2::{DEFAULT_WINDOW_TICKS, L2Book};
use openoutcry_engine::candle::CandleRule;
use openoutcry_engine::decode::binance::{Decoder, Product};
use openoutcry_engine::decode::venue::Venue;
use openoutcry_engine::decode::{Event, Level, Trade};
use openoutcry_engine::features::FeatureSettings;
use openoutcry_engine::features::book::{BookFeatures, TopLevels};
use openoutcry_engine::features::order_flow::FLOW_DEPTHS;
use openoutcry_engine::feed::{FeedSettings, MarketFeed, split_line};
use openoutcry_engine::units::{NS_PER_S, Side, Step};

/// zstd's window in the recordings, as a power of two.
const WINDOW_LOG: u32 = 25;
/// One state in so many is compared.
const SAMPLE_EVERY: usize = 997;
const TIME_CONSTANT_NS: f64 = 10.0 * NS_PER_S as f64;

struct Recording {
    file: &'static str,
    product: Product,
    symbol: &'static str,
    price_tick: &'static str,
    size_step: &'static str,
}

const RECORDINGS: [Recording; 3] = [
    Recording {
        file: "spot_btcusdt_20240808",
        product: Product::Spot,
        symbol: "BTCUSDT",
        price_tick: "0.01",
        size_step: "0.00001",
    },
    Recording {
        file: "usdm_btcusdt_20240808",
        product: Product::UsdMargined,
        symbol: "BTCUSDT",
        price_tick: "0.1",
        size_step: "0.001",
    },
    Recording {
        file: "cm_ethusd_perp_20240808",
        product: Product::CoinMargined,
        symbol: "ETHUSD_PERP",
        price_tick: "0.01",
        size_step: "1",
    },
];

impl Recording {
    fn steps(&self) -> (Step, Step) {
        let step = |text| Step::parse(text).expect("a step");
        (step(self.price_tick), step(self.size_step))
    }

    fn feed(&self) -> MarketFeed {
        let (price_tick, size_step) = self.steps();
        MarketFeed::new(&FeedSettings {
            venue: Venue::Binance(self.product),
            symbol: self.symbol.to_owned(),
            price_tick,
            size_step,
            candle_rule: CandleRule::Trades { count: 1_000 },
            window_ticks: DEFAULT_WINDOW_TICKS,
            depth: None,
            resume_trade_id: 0,
            anomaly_window: 120,
            anomaly_threshold: 6.0,
            features: FeatureSettings::default(),
        })
        .expect("settings are in range")
    }

    fn lines(&self) -> Option<Vec<u8>> {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../../shared/data/binance_l2_2024")
            .join(format!("{}.raw.zst", self.file));
        let Ok(file) = File::open(&path) else {
            println!("skipped: the recording {} is absent", path.display());
            return None;
        };
        let mut decoder = zstd::Decoder::new(file).expect("a zstd frame");
        decoder.window_log_max(WINDOW_LOG).expect("a window log");
        let mut lines = Vec::new();
        std::io::copy(&mut decoder, &mut lines).expect("a whole zstd stream");
        Some(lines)
    }

    /// Every trade of the market, in order.
    fn trades(&self, lines: &[u8]) -> Vec<Trade> {
        let (price_tick, size_step) = self.steps();
        let mut decoder = Decoder::new(self.product, self.symbol, price_tick, size_step);
        let mut trades = Vec::new();
        for line in split(lines) {
            let (_, frame) = split_line(line).expect("a recorded line");
            if let Event::Trade(trade) = decoder.decode(frame).expect("a frame")
                && trade.is_market
            {
                trades.push(trade);
            }
        }
        trades
    }
}

fn split(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
}

fn are_close(one: &[f64], other: &[f64]) -> bool {
    one.iter().zip(other).all(|(one, other)| {
        let scale = 1.0 + one.abs().max(other.abs());
        one.is_nan() && other.is_nan() || (one - other).abs() <= 1e-9 * scale
    })
}

/// Rate at `now` of events, each (time, value), watched since `begun`: NaN before one time constant has passed.
fn slow_rate(events: &[(i64, f64)], begun: i64, now: i64) -> f64 {
    let watched = (now - begun) as f64 / TIME_CONSTANT_NS;
    if watched < 1.0 {
        return f64::NAN;
    }
    let weight = |at: i64| (-((now - at) as f64) / TIME_CONSTANT_NS).exp();
    let sum: f64 = events.iter().map(|(at, value)| value * weight(*at)).sum();
    sum * NS_PER_S as f64 / TIME_CONSTANT_NS / (1.0 - (-watched).exp())
}

/// The best ten levels a side as (price, lots).
type State = [Vec<(i64, i64)>; 2];

fn state(book: &L2Book) -> State {
    [Side::Buy, Side::Sell].map(|side| {
        let pair = |level: Level| (level.price.0, level.size.0);
        book.levels(side).take(10).map(pair).collect()
    })
}

/// The flow of Cont, Kukanov and Stoikov over the best `depth` levels, as their paper writes it.
fn slow_flow(before: &State, after: &State, depth: usize) -> f64 {
    let at = |state: &State, side: usize, rank: usize| state[side][rank];
    let flow = |rank| {
        let ((bid_0, bid_size_0), (bid_1, bid_size_1)) = (at(before, 0, rank), at(after, 0, rank));
        let ((ask_0, ask_size_0), (ask_1, ask_size_1)) = (at(before, 1, rank), at(after, 1, rank));
        i64::from(bid_1 >= bid_0) * bid_size_1
            - i64::from(bid_1 <= bid_0) * bid_size_0
            - i64::from(ask_1 <= ask_0) * ask_size_1
            + i64::from(ask_1 >= ask_0) * ask_size_0
    };
    (0..depth).map(flow).sum::<i64>() as f64
}

#[derive(Default)]
struct Watched {
    begun: i64,
    before: Option<(i64, State)>,
    flows: [Vec<(i64, f64)>; FLOW_DEPTHS.len()],
}

impl Watched {
    fn see(&mut self, feed: &MarketFeed, book: &L2Book) {
        let (id, now) = (feed.last_update_id(), feed.last_event_ns().0);
        match &self.before {
            None => self.begun = now,
            Some((known_id, _)) if *known_id == id => return,
            Some((_, before)) => {
                let after = state(book);
                for (flows, depth) in self.flows.iter_mut().zip(FLOW_DEPTHS) {
                    flows.push((now, slow_flow(before, &after, depth)));
                }
            }
        }
        self.before = Some((id, state(book)));
    }

    fn rates(&self, now: i64) -> [f64; FLOW_DEPTHS.len()] {
        let flows = self.flows.each_ref();
        flows.map(|flows| slow_rate(flows, self.begun, now))
    }
}

/// Buys, sells, lots bought and lots sold per second, of all trades up to `last_id`.
fn slow_trade_rates(trades: &[Trade], last_id: i64, now: i64) -> [f64; 4] {
    let seen: Vec<&Trade> = trades.iter().filter(|trade| trade.id <= last_id).collect();
    let Some(first) = seen.first() else {
        return [f64::NAN; 4];
    };
    let rate = |side, value: fn(&Trade) -> f64| {
        let mut latest = 0;
        let mut events = Vec::new();
        for trade in &seen {
            latest = trade.trade_ns.0.max(latest);
            if trade.taker == side && trade.id != first.id {
                events.push((latest, value(trade)));
            }
        }
        slow_rate(&events, first.trade_ns.0, now)
    };
    let (one, lots) = (|_: &Trade| 1.0, |trade: &Trade| trade.size.0 as f64);
    [
        rate(Side::Buy, one),
        rate(Side::Sell, one),
        rate(Side::Buy, lots),
        rate(Side::Sell, lots),
    ]
}

#[test]
fn what_follows_a_stream_equals_what_is_made_from_scratch() {
    for recording in &RECORDINGS {
        let Some(lines) = recording.lines() else {
            return;
        };
        let trades = recording.trades(&lines);
        let mut feed = recording.feed();
        let (mut watched, mut compared) = (Watched::default(), 0);
        for (index, line) in split(&lines).enumerate() {
            feed.apply_lines(line).expect("a recorded line");
            let Some(book) = feed.book() else {
                continue;
            };
            watched.see(&feed, book);
            let slow = BookFeatures::of(&TopLevels::of(book)).map(|features| features.values());
            let followed = feed.features().map(|features| features.values());
            assert_eq!(followed, slow, "{} line {index}", recording.file);
            if index % SAMPLE_EVERY != 0 {
                continue;
            }
            let now = feed.last_event_ns().0;
            let (vector, _) = feed.feature_vector();
            let flow = watched.rates(now);
            assert!(are_close(&vector[8..11], &flow), "{vector:?} {flow:?}");
            let rates = slow_trade_rates(&trades, feed.last_trade_id(), now);
            assert!(are_close(&vector[14..18], &rates), "{vector:?} {rates:?}");
            compared += usize::from(vector[..19].iter().all(|value| value.is_finite()));
        }
        println!("{}: {compared} whole vectors are equal", recording.file);
        assert!(compared >= 5, "{}", recording.file);
    }
}
