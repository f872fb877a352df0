//! Small workloads whose instructions `make bench-gate` counts: `gate NAME` runs one, `gate` lists them.
//!
//! Inputs are seeded, and made before [`measured`], which is all that callgrind collects.

#![expect(
    clippy::unnecessary_wraps,
    reason = "a table holds workloads of one type"
)]

use std::hint::black_box;
use std::process::ExitCode;

use openoutcry_engine::anomaly::robust_z::RobustZScore;
use openoutcry_engine::anomaly::series::{SeriesPanel, SeriesParameters};
use openoutcry_engine::book::l2::L2Book;
use openoutcry_engine::book::l3::{L3Book, Row};
use openoutcry_engine::candle::CandleRule;
use openoutcry_engine::decode::Level;
use openoutcry_engine::decode::binance::{Decoder, Product};
use openoutcry_engine::decode::venue::Venue;
use openoutcry_engine::features::FeatureSettings;
use openoutcry_engine::feed::{FeedSettings, MarketFeed, parse_step, split_line};
use openoutcry_engine::random::Random;
use openoutcry_engine::simulation::market_maker::{QuoteGrid, SkewedQuoter};
use openoutcry_engine::simulation::{
    Account, FillMode, InstrumentSettings, OrderLatency, QueueModel, Row as EventRow, Simulation,
    VenueRules,
};
use openoutcry_engine::slicing::{Parent, twap, vwap};
use openoutcry_engine::synthetic::{DEFAULT_START, PRICE_TICK, SIZE_STEP, SyntheticMarket};
use openoutcry_engine::units::{PriceTicks, Side, SizeLots, Step, TimestampNs};

type Workload = Result<Box<dyn FnMut()>, Box<dyn std::error::Error>>;
type Prepare = fn() -> Workload;

const WORKLOADS: [(&str, Prepare); 11] = [
    ("l2_updates", l2_updates),
    ("l2_updates_with_touch", l2_updates_with_touch),
    ("decode_depth", decode_depth),
    ("decode_trades", decode_trades),
    ("feed_lines", feed_lines),
    ("robust_z", robust_z),
    ("schedules", schedules),
    ("l3_messages", l3_messages),
    ("series_panel", series_panel),
    ("simulated_replay", simulated_replay),
    ("simulated_market_maker", simulated_market_maker),
];

fn main() -> ExitCode {
    let Some(wanted) = std::env::args().nth(1) else {
        for (name, _) in WORKLOADS {
            println!("{name}");
        }
        return ExitCode::SUCCESS;
    };
    let Some((_, prepare)) = WORKLOADS.iter().find(|(name, _)| *name == wanted) else {
        eprintln!("gate: no workload {wanted:?}; without an argument they are listed");
        return ExitCode::FAILURE;
    };
    match prepare() {
        Ok(mut workload) => measured(workload.as_mut()),
        Err(error) => {
            eprintln!("gate: {wanted} cannot be prepared: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// What callgrind collects (`--toggle-collect=gate::measured`): never inlined, so that it has a name.
#[inline(never)]
fn measured(workload: &mut dyn FnMut()) {
    workload();
}

/// Rows around a walking middle, never crossed: two thirds near the touch, the others far away.
fn rows() -> Vec<(Side, Level)> {
    let mut random = Random::new(7);
    let mut middle = 600_000_i64;
    let row = |_| {
        if random.chance(0.04) {
            middle += if random.chance(0.5) { 1 } else { -1 };
        }
        let reach = if random.chance(0.66) { 20 } else { 20_000 };
        let distance = random.below(reach) as i64;
        let lots = if random.chance(0.45) {
            0
        } else {
            1 + random.below(5_000) as i64
        };
        let (side, price) = if random.chance(0.5) {
            (Side::Buy, middle - 10 - distance)
        } else {
            (Side::Sell, middle + 10 + distance)
        };
        let level = Level {
            price: PriceTicks(price),
            size: SizeLots(lots),
        };
        (side, level)
    };
    (0..200_000).map(row).collect()
}

fn l2_updates() -> Workload {
    let (rows, mut book) = (rows(), L2Book::new(16_384));
    Ok(Box::new(move || {
        for (side, level) in &rows {
            book.set(*side, *level);
        }
        black_box(book.top());
    }))
}

fn l2_updates_with_touch() -> Workload {
    let (rows, mut book) = (rows(), L2Book::new(16_384));
    Ok(Box::new(move || {
        for (side, level) in &rows {
            book.set(*side, *level);
            black_box(book.top());
        }
    }))
}

fn steps() -> Result<(Step, Step), Box<dyn std::error::Error>> {
    Ok((
        parse_step("price_tick", PRICE_TICK)?,
        parse_step("size_step", SIZE_STEP)?,
    ))
}

/// A minute of the synthetic market.
fn lines() -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error>> {
    let mut market = SyntheticMarket::new(1, "BTCUSDT", DEFAULT_START, 60_000_000_000)?;
    Ok(std::iter::from_fn(|| market.next_line()).collect())
}

/// The frames that carry `event`, decoded one by one.
fn decode(event: &'static [u8], repeats: usize) -> Workload {
    let (price_tick, size_step) = steps()?;
    let mut decoder = Decoder::new(Product::Spot, "BTCUSDT", price_tick, size_step);
    let mut frames = Vec::new();
    for line in lines()? {
        let (_, frame) = split_line(&line)?;
        if memchr::memmem::find(frame, event).is_some() {
            frames.push(frame.to_vec());
        }
    }
    Ok(Box::new(move || {
        for frame in frames.iter().cycle().take(frames.len() * repeats) {
            let _ = black_box(decoder.decode(black_box(frame)));
        }
    }))
}

fn decode_depth() -> Workload {
    decode(b"depthUpdate", 4)
}

fn decode_trades() -> Workload {
    decode(b"\"e\":\"trade\"", 10)
}

/// Decoding, book, tape and anomaly detection, as a replay does.
fn feed_lines() -> Workload {
    let (price_tick, size_step) = steps()?;
    let mut feed = MarketFeed::new(&FeedSettings {
        venue: Venue::Binance(Product::Spot),
        depth: None,
        symbol: "BTCUSDT".to_owned(),
        price_tick,
        size_step,
        candle_rule: CandleRule::Time {
            interval_ns: 5_000_000_000,
        },
        features: FeatureSettings::default(),
        window_ticks: 16_384,
        resume_trade_id: 0,
        anomaly_window: 120,
        anomaly_threshold: 6.0,
    })?;
    let blob = lines()?.join(&b'\n');
    Ok(Box::new(move || {
        let _ = black_box(feed.apply_lines(&blob));
    }))
}

fn robust_z() -> Workload {
    let mut detector = RobustZScore::new(120, 6.0, 30)?;
    let mut random = Random::new(23);
    let values: Vec<f64> = (0..20_000).map(|_| random.unit() - 0.5).collect();
    Ok(Box::new(move || {
        for value in &values {
            let _ = black_box(detector.update(*value));
        }
    }))
}

fn schedules() -> Workload {
    let parent = Parent {
        total: SizeLots(1_000_003),
        start: DEFAULT_START,
        end: TimestampNs(DEFAULT_START.0 + 3_600_000_000_007),
        min: SizeLots(10),
        jitter: 0.3,
        seed: 7,
    };
    let mut random = Random::new(11);
    let weights: Vec<f64> = (0..390).map(|_| 1.0 + random.unit()).collect();
    Ok(Box::new(move || {
        for _ in 0..200 {
            let _ = black_box(vwap(black_box(&parent), &weights));
            let _ = black_box(twap(black_box(&parent), weights.len()));
        }
    }))
}

/// Order messages that fit a book one after the other: some 4,000 live orders, half of the rows additions.
fn order_rows() -> Vec<Row> {
    const REST: usize = 4_000;
    let mut random = Random::new(11);
    let mut live: Vec<[i64; 3]> = Vec::new();
    let mut next_id = 1_000_000_i64;
    let row = |_| {
        next_id += 1 + random.below(8) as i64;
        let side = i64::from(random.chance(0.5));
        let reach = if random.chance(0.75) { 20 } else { 2_000 };
        let ticks = 600_000 + (2 * side - 1) * (1 + random.below(reach) as i64);
        let lots = 10 + random.below(20) as i64;
        if live.len() < REST || random.chance(0.47) {
            live.push([next_id, lots, side]);
            return [0, next_id, 0, side, ticks, lots];
        }
        let at = random.below(live.len() as u64) as usize;
        let [id, rest, order_side] = live[at];
        if random.chance(0.12) && rest > 1 {
            live[at][1] -= 1;
            return [
                if random.chance(0.5) { 2 } else { 3 },
                id,
                0,
                order_side,
                0,
                1,
            ];
        }
        if random.chance(0.1) {
            live[at] = [next_id, lots, order_side];
            let ticks = 600_000 + (2 * order_side - 1) * (ticks - 600_000).abs();
            return [4, id, next_id, order_side, ticks, lots];
        }
        live.swap_remove(at);
        [1, id, 0, order_side, 0, 0]
    };
    (0..200_000).map(row).collect()
}

fn l3_messages() -> Workload {
    let (rows, mut book) = (order_rows(), L3Book::new(16_384));
    Ok(Box::new(move || {
        let _ = black_box(book.apply_rows(&rows));
    }))
}

fn series_panel() -> Workload {
    let mut panel = SeriesPanel::new(&SeriesParameters::default())?;
    let mut random = Random::new(29);
    let values: Vec<f64> = (0..20_000).map(|_| random.unit() - 0.5).collect();
    Ok(Box::new(move || {
        for value in &values {
            let _ = black_box(panel.update(*value));
        }
    }))
}

const ASK: i64 = 256;
const TRADE: i64 = 2;
const LEVEL: i64 = 1;

/// [`rows`] as events a quarter of a millisecond apart, told 0.8 ms later; each sixteenth is a trade.
fn events() -> Vec<EventRow> {
    let mut random = Random::new(13);
    let mut now_ns = DEFAULT_START.0;
    let event = |(side, level): (Side, Level)| {
        now_ns += 1 + random.below(500_000) as i64;
        let is_ask = i64::from(side == Side::Sell);
        let kind = if random.chance(0.06) { TRADE } else { LEVEL };
        let lots = level.size.0.max(i64::from(kind == TRADE));
        let kind = kind + ASK * if kind == TRADE { 1 - is_ask } else { is_ask };
        [now_ns, now_ns + 800_000, kind, level.price.0, lots, 0]
    };
    rows().into_iter().map(event).collect()
}

/// A market with half a millisecond each way, and orders filled in parts.
fn simulation() -> Result<Simulation, Box<dyn std::error::Error>> {
    let mut simulation = Simulation::new(1);
    simulation.add_instrument(InstrumentSettings {
        rules: VenueRules {
            fill_mode: FillMode::Partial,
            queue_model: QueueModel::parse("power", Some(2.0))?,
            halts: Vec::new(),
            reject_probability: 0.0,
            max_resting_orders: 50,
            impact: None,
        },
        latency: OrderLatency::constant(500_000, 500_000)?,
        account: Account::linear(10_000_000, 100_000, (-5_000, 70_000))?,
        lot: 0.001,
        is_by_order: false,
        window_ticks: 4_096,
    })?;
    Ok(simulation)
}

/// Both books kept, nobody awake.
fn simulated_replay() -> Workload {
    let (events, mut simulation) = (events(), simulation()?);
    Ok(Box::new(move || {
        let _ = black_box(simulation.push_rows(0, &events));
        let _ = black_box(simulation.end_rows(0));
        let _ = black_box(simulation.advance());
    }))
}

/// A market maker that quotes every 10 ms.
fn simulated_market_maker() -> Workload {
    let (events, mut simulation) = (events(), simulation()?);
    simulation.every(10_000_000)?;
    let mut quoter = SkewedQuoter {
        grid: QuoteGrid {
            tick: 0.1,
            lot: 0.001,
            size_lots: 10,
            max_position_lots: 1_000,
        },
        skew: 0.05,
        half_spread_ticks: 2.0,
    };
    Ok(Box::new(move || {
        let mut decisions = 0;
        let _ = black_box(simulation.push_rows(0, &events));
        let _ = black_box(simulation.end_rows(0));
        let _ = black_box(simulation.run_quoter(0, &mut quoter, i64::MAX, &mut decisions));
        black_box(decisions);
    }))
}
