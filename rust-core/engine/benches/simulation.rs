//! A backtest over a seeded flow of levels and trades: what an event costs with both books kept. Times are of the
//! whole flow.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use openoutcry_engine::book::l2::L2Book;
use openoutcry_engine::decode::Level;
use openoutcry_engine::random::Random;
use openoutcry_engine::simulation::market_maker::{QuoteGrid, SkewedQuoter};
use openoutcry_engine::simulation::{
    Account, FillMode, InstrumentSettings, OrderLatency, QueueModel, Row, Simulation, Step,
    VenueRules,
};
use openoutcry_engine::units::{PriceTicks, Side, SizeLots};

const EVENTS: usize = 400_000;
const CHUNK_ROWS: usize = 1_024;
const WINDOW_TICKS: usize = 4_096;
const MID_TICKS: i64 = 600_000;
const MEAN_NS: u64 = 250_000;
const FEED_LATENCY_NS: i64 = 800_000;
const ORDER_LATENCY_NS: i64 = 500_000;
const EVERY_NS: i64 = 10_000_000;

/// Levels around a mid that walks, a third of them deleted again, and one trade in sixteen.
fn rows() -> Vec<Row> {
    let mut random = Random::new(5);
    let mut book = L2Book::new(WINDOW_TICKS);
    let mut rows = Vec::with_capacity(EVENTS);
    let (mut mid, mut now_ns) = (MID_TICKS, 1_000_000_000);
    while rows.len() < EVENTS {
        now_ns += random.below(2 * MEAN_NS) as i64 + 1;
        let side = if random.chance(0.5) {
            Side::Buy
        } else {
            Side::Sell
        };
        let best = book.best(side);
        let mut put = |kind: i64, side: Side, price: i64, size: i64| {
            let kind = kind + 256 * side as i64;
            rows.push([now_ns, now_ns + FEED_LATENCY_NS, kind, price, size, 0]);
        };
        let draw = random.below(64);
        let (price, lots) = match best {
            Some(best) if draw < 4 => {
                let traded = (best.size.0 / 4).max(1);
                put(2, side.opposite(), best.price.0, traded);
                (best.price.0, best.size.0 - traded)
            }
            Some(best) if draw < 6 && best.price.0.abs_diff(mid) < 2 => {
                mid += if side == Side::Buy { -1 } else { 1 };
                (best.price.0, 0)
            }
            _ => {
                let near = [3, 30, 300][random.below(3) as usize];
                let away = random.below(near) as i64;
                let price = if side == Side::Buy {
                    mid - away
                } else {
                    mid + 1 + away
                };
                let is_deleted = random.chance(0.3);
                (
                    price,
                    if is_deleted {
                        0
                    } else {
                        random.below(5_000) as i64 + 1
                    },
                )
            }
        };
        put(1, side, price, lots);
        let level = Level {
            price: PriceTicks(price),
            size: SizeLots(lots),
        };
        book.set(side, level);
    }
    rows.truncate(EVENTS);
    rows
}

fn simulation(fill_mode: FillMode) -> Simulation {
    let mut simulation = Simulation::new(0);
    let settings = InstrumentSettings {
        rules: VenueRules {
            fill_mode,
            queue_model: QueueModel::Power(2.0),
            halts: Vec::new(),
            reject_probability: 0.0,
            max_resting_orders: 100,
            impact: None,
        },
        latency: OrderLatency::constant(ORDER_LATENCY_NS, ORDER_LATENCY_NS).expect("in range"),
        account: Account::linear(10_000_000, 100_000, (-5_000, 70_000)).expect("in range"),
        lot: 0.001,
        is_by_order: false,
        window_ticks: WINDOW_TICKS,
    };
    simulation.add_instrument(settings).expect("before the run");
    simulation.every(EVERY_NS).expect("before the run");
    simulation
}

/// Runs to the end; `advance` is how to go on.
fn run(
    simulation: &mut Simulation,
    rows: &[Row],
    mut advance: impl FnMut(&mut Simulation) -> Step,
) -> u64 {
    let mut chunks = rows.chunks(CHUNK_ROWS);
    let mut wakes = 0;
    loop {
        match advance(simulation) {
            Step::Wake(_) => wakes += 1,
            Step::End => return wakes,
            Step::NeedRows(instrument) => match chunks.next() {
                Some(chunk) => simulation.push_rows(instrument, chunk).expect("in order"),
                None => simulation.end_rows(instrument).expect("it is there"),
            },
        }
    }
}

fn bench(criterion: &mut Criterion) {
    let rows = rows();
    let mut group = criterion.benchmark_group("simulation");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.sample_size(10);
    group.bench_function("timer of 10 ms", |bencher| {
        bencher.iter_batched(
            || simulation(FillMode::Whole),
            |mut simulation| {
                run(&mut simulation, &rows, |it| {
                    it.advance().expect("it goes on")
                })
            },
            BatchSize::LargeInput,
        );
    });
    for (name, mode) in [("whole", FillMode::Whole), ("partial", FillMode::Partial)] {
        group.bench_function(format!("market maker of 10 ms, {name} fills"), |bencher| {
            bencher.iter_batched(
                || simulation(mode),
                |mut simulation| {
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
                    let mut decisions = 0;
                    run(&mut simulation, &rows, |it| {
                        it.run_quoter(0, &mut quoter, i64::MAX, &mut decisions)
                            .expect("it goes on")
                    });
                    assert!(simulation.account(0).expect("it is there").totals().fills > 0);
                    decisions
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
