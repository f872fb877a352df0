//! What the features cost, on a seeded flow of single-level updates and trades; times are a tick.
//!
//! In `far` one update in ten lies within the tenth level; in a recorded stream it was one in 13. In `near` all lie
//! within the twentieth, which is the worst there is. The book itself is timed as well, alone: what the features
//! cost is the difference.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use openoutcry_engine::book::l2::{DEFAULT_WINDOW_TICKS, L2Book};
use openoutcry_engine::decode::Level;
use openoutcry_engine::features::{FeatureEngine, FeatureSettings};
use openoutcry_engine::random::Random;
use openoutcry_engine::units::{NS_PER_MS, PriceTicks, Side, SizeLots, TimestampNs};

const TICKS: usize = 100_000;
/// The first tick, long after the features began to watch.
const FIRST_TICK_MS: i64 = 1_000_000;
const MID_TICKS: i64 = 1_000_000;
/// Levels a side, one at each tick.
const LEVELS: u64 = 400;
/// Updates within so many ticks of the touch.
const NEAR_TICKS: u64 = 20;
const FAR_TICKS: u64 = 130;
/// One tick in so many is a trade.
const TRADE_EVERY: u64 = 10;

#[derive(Clone, Copy)]
enum Tick {
    Update(Side, Level),
    Trade(Side, SizeLots),
}

fn level(side: Side, offset: u64, lots: u64) -> Level {
    let price = match side {
        Side::Buy => MID_TICKS - 1 - offset as i64,
        Side::Sell => MID_TICKS + offset as i64,
    };
    Level {
        price: PriceTicks(price),
        size: SizeLots(lots as i64),
    }
}

fn ticks(within_ticks: u64) -> Vec<Tick> {
    let mut random = Random::new(17);
    let tick = |_| {
        let side = if random.chance(0.5) {
            Side::Buy
        } else {
            Side::Sell
        };
        let lots = 1 + random.below(1_000);
        if random.below(TRADE_EVERY) == 0 {
            return Tick::Trade(side, SizeLots(lots as i64));
        }
        // One in four deletes a level, if it is there.
        let lots = if random.chance(0.25) { 0 } else { lots };
        Tick::Update(side, level(side, random.below(within_ticks), lots))
    };
    (0..TICKS).map(tick).collect()
}

fn full_book() -> L2Book {
    let mut book = L2Book::new(DEFAULT_WINDOW_TICKS);
    for offset in 0..LEVELS {
        for side in [Side::Buy, Side::Sell] {
            book.set(side, level(side, offset, 500));
        }
    }
    book
}

fn engine(book: &L2Book) -> FeatureEngine {
    let settings = FeatureSettings {
        vpin_bucket_lots: Some(100_000),
        ..FeatureSettings::default()
    };
    let mut engine = FeatureEngine::new(&settings).expect("settings are in range");
    engine.on_book(book, TimestampNs(0));
    engine.on_trade(SizeLots(1), Side::Buy, TimestampNs(0));
    engine
}

fn apply_to_book(book: &mut L2Book, ticks: &[Tick]) {
    for tick in ticks {
        if let Tick::Update(side, level) = tick {
            black_box(book.set(*side, *level));
        }
    }
}

fn follow(engine: &mut FeatureEngine, book: &mut L2Book, ticks: &[Tick], is_read: bool) {
    for (index, tick) in ticks.iter().enumerate() {
        let now = TimestampNs((FIRST_TICK_MS + index as i64) * NS_PER_MS);
        match tick {
            Tick::Update(side, level) => {
                book.set(*side, *level);
                let changed = std::slice::from_ref(level);
                match side {
                    Side::Buy => engine.on_update(book, changed, &[], now),
                    Side::Sell => engine.on_update(book, &[], changed, now),
                }
            }
            Tick::Trade(taker, size) => engine.on_trade(*size, *taker, now),
        }
        if is_read {
            black_box(engine.vector(now));
        }
    }
}

fn features(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("features");
    group.throughput(Throughput::Elements(TICKS as u64));
    for (name, within_ticks) in [("far", FAR_TICKS), ("near", NEAR_TICKS)] {
        let ticks = ticks(within_ticks);
        group.bench_function(format!("{name}/book_alone"), |bencher| {
            bencher.iter_batched_ref(
                full_book,
                |book| apply_to_book(book, &ticks),
                BatchSize::LargeInput,
            );
        });
        for (work, is_read) in [("followed", false), ("followed_and_read", true)] {
            group.bench_function(format!("{name}/{work}"), |bencher| {
                let fresh = || {
                    let book = full_book();
                    (engine(&book), book)
                };
                bencher.iter_batched_ref(
                    fresh,
                    |(engine, book)| follow(engine, book, &ticks, is_read),
                    BatchSize::LargeInput,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, features);
criterion_main!(benches);
