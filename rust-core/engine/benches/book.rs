//! The level book: how long an update takes, alone and with the best bid and ask read after it.
//!
//! `cargo bench -p openoutcry-engine --bench book`. The updates are seeded: most are near a middle that walks,
//! a few far from it, and a third of them delete a level.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use openoutcry_engine::book::l2::{DEFAULT_WINDOW_TICKS, L2Book};
use openoutcry_engine::book::rows::Row;
use openoutcry_engine::random::{Quantiles, Random};

const ROWS: usize = 100_000;
const START_TICKS: i64 = 6_000_000;
/// Half of the updates are within ten ticks of the touch, and one in a hundred leaves the dense window.
const DISTANCE_TICKS: Quantiles = Quantiles(&[
    (0.0, 0.0),
    (0.5, 10.0),
    (0.95, 1_000.0),
    (0.99, 10_000.0),
    (1.0, 1_000_000.0),
]);
const DELETED: f64 = 0.32;
const MIDDLE_MOVES: f64 = 0.04;

fn rows(seed: u64) -> Vec<Row> {
    let mut random = Random::new(seed);
    let mut middle = START_TICKS;
    let mut row = || {
        if random.chance(MIDDLE_MOVES) {
            middle += random.below(3) as i64 - 1;
        }
        let side = random.below(2) as i64;
        let distance = DISTANCE_TICKS.draw_whole(&mut random);
        let price = if side == 0 {
            middle - distance
        } else {
            middle + 1 + distance
        };
        let is_deleted = random.chance(DELETED);
        let lots = if is_deleted {
            0
        } else {
            1 + random.below(5_000) as i64
        };
        [side, price, lots]
    };
    (0..ROWS).map(|_| row()).collect()
}

fn updates(criterion: &mut Criterion) {
    let rows = rows(7);
    let mut group = criterion.benchmark_group("l2_book");
    group.throughput(Throughput::Elements(ROWS as u64));
    let book = || L2Book::new(DEFAULT_WINDOW_TICKS);
    group.bench_function("set", |bencher| {
        let apply = |mut book: L2Book| {
            book.apply_rows(black_box(&rows), |_| {});
            book
        };
        bencher.iter_batched(book, apply, BatchSize::LargeInput);
    });
    group.bench_function("set_and_top", |bencher| {
        let apply = |mut book: L2Book| {
            book.apply_rows(black_box(&rows), |touch| {
                black_box(touch);
            });
            book
        };
        bencher.iter_batched(book, apply, BatchSize::LargeInput);
    });
    group.finish();
}

criterion_group!(benches, updates);
criterion_main!(benches);
