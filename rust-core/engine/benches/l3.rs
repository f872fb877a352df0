//! The book by order on a seeded flow: as rows, and as LOBSTER's and ITCH's bytes. Times are of the whole flow.
//!
//! ITCH's mix (45 % adds, 42 % cancels, 5 % replacements, 5 % executions, 3 % reductions) with some 8,000 live
//! orders, most of them near the touch. LOBSTER writes a replacement as two lines.

use std::fmt::Write as _;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use openoutcry_engine::book::l2::DEFAULT_WINDOW_TICKS;
use openoutcry_engine::book::l3::{L3Book, LobsterOptions, Order, Row};
use openoutcry_engine::decode::order::{OrderId, UnitsPerTick};
use openoutcry_engine::random::Random;
use openoutcry_engine::units::{NS_PER_S, PriceTicks, Side, SizeLots};

const EVENTS: usize = 200_000;
const LIVE_ORDERS: usize = 8_000;
const BID_TICKS: i64 = 600_000;

const ADD: i64 = 0;
const CANCEL: i64 = 1;
const REDUCE: i64 = 2;
const EXECUTE: i64 = 3;
const REPLACE: i64 = 4;

/// Rows that fit a book one after the other, and the same as a venue would write them.
struct Flow {
    random: Random,
    book: L3Book,
    live: Vec<u64>,
    next_id: u64,
    rows: Vec<Row>,
    lobster: String,
    itch: Vec<u8>,
}

impl Flow {
    fn new() -> Self {
        let mut flow = Self {
            random: Random::new(11),
            book: L3Book::new(DEFAULT_WINDOW_TICKS),
            live: Vec::new(),
            next_id: 1_000_000,
            rows: Vec::new(),
            lobster: String::new(),
            itch: Vec::new(),
        };
        while flow.rows.len() < EVENTS {
            let (row, order) = flow.draw();
            flow.write_lobster(&row, &order);
            flow.write_itch(&row);
            flow.book.apply_rows(&[row]).expect("it fits");
            flow.rows.push(row);
        }
        flow
    }

    /// A row, and the order that it is about as it is now.
    fn draw(&mut self) -> (Row, Order) {
        let side = i64::from(self.random.chance(0.5));
        let near = [3, 30, 300][self.random.below(3) as usize];
        let distance = self.random.below(near) as i64;
        let price = BID_TICKS + side + if side == 0 { -distance } else { distance };
        let lots = self.random.below(20) as i64 * 10 + 20;
        let is_add = self.live.len() < LIVE_ORDERS || self.random.chance(0.45);
        if is_add {
            let id = self.next_id();
            let order = Order {
                id: OrderId(id as u64),
                side: if side == 0 { Side::Buy } else { Side::Sell },
                price: PriceTicks(price),
                size: SizeLots(lots),
            };
            return ([ADD, id, 0, side, price, lots], order);
        }
        let choice = self.random.below(100);
        let at = self.random.below(self.live.len() as u64) as usize;
        let order = self.book.order(OrderId(self.live[at])).expect("it rests");
        let (id, half) = (order.id.0 as i64, order.size.0 / 2);
        if choice < 14 && half > 0 {
            let kind = if choice < 5 { REDUCE } else { EXECUTE };
            return ([kind, id, 0, 0, 0, half], order);
        }
        self.live.swap_remove(at);
        if choice < 23 {
            let price = order.price.0;
            return ([REPLACE, id, self.next_id(), 0, price, lots], order);
        }
        ([CANCEL, id, 0, 0, 0, 0], order)
    }

    fn next_id(&mut self) -> i64 {
        self.next_id += 1 + self.random.below(8);
        self.live.push(self.next_id);
        self.next_id as i64
    }

    fn since_midnight_ns(&self) -> i64 {
        34_200 * NS_PER_S + self.rows.len() as i64 * 100_003
    }

    fn write_lobster(&mut self, row: &Row, order: &Order) {
        let ns = self.since_midnight_ns();
        let (second, fraction) = (ns / NS_PER_S, ns % NS_PER_S);
        let direction = if order.side == Side::Buy { 1 } else { -1 };
        let [kind, id, new_id, _, price, lots] = *row;
        let (old_price, old_lots) = (order.price.0, order.size.0);
        let mut line = |kind: i64, id: i64, lots: i64, price: i64| {
            let written = writeln!(
                self.lobster,
                "{second}.{fraction:09},{kind},{id},{lots},{price},{direction}"
            );
            written.expect("to memory");
        };
        match kind {
            ADD => line(1, id, lots, price),
            REDUCE => line(2, id, lots, old_price),
            EXECUTE => line(4, id, lots, old_price),
            _ => line(3, id, old_lots, old_price),
        }
        if kind == REPLACE {
            line(1, new_id, lots, price);
        }
    }

    fn write_itch(&mut self, row: &Row) {
        let [kind, id, new_id, side, price, lots] = *row;
        let (price, lots) = ((price as u32).to_be_bytes(), (lots as u32).to_be_bytes());
        let letter = [b'B', b'S'][side as usize];
        let (code, rest) = match kind {
            ADD => (b'A', [&[letter], &lots[..], b"SYMBOL  ", &price].concat()),
            REDUCE => (b'X', lots.to_vec()),
            EXECUTE => (b'E', [&lots[..], &[0; 8]].concat()),
            REPLACE => (b'U', [&new_id.to_be_bytes()[..], &lots, &price].concat()),
            _ => (b'D', Vec::new()),
        };
        let ns = self.since_midnight_ns().to_be_bytes();
        let body = [&[code, 0, 1, 0, 0], &ns[2..], &id.to_be_bytes(), &rest].concat();
        self.itch.extend((body.len() as u16).to_be_bytes());
        self.itch.extend(body);
    }
}

fn l3(criterion: &mut Criterion) {
    let flow = Flow::new();
    let mut group = criterion.benchmark_group("l3");
    let empty = || L3Book::new(DEFAULT_WINDOW_TICKS);
    let units_per_tick = UnitsPerTick::ONE;

    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("rows", |bencher| {
        let apply = |mut book: L3Book| (book.apply_rows(&flow.rows), book);
        bencher.iter_batched(empty, apply, BatchSize::LargeInput);
    });
    group.bench_function("itch", |bencher| {
        let apply = |mut book: L3Book| (book.apply_itch(&flow.itch, units_per_tick, None), book);
        bencher.iter_batched(empty, apply, BatchSize::LargeInput);
    });
    let lines = flow.lobster.lines().count();
    group.throughput(Throughput::Elements(lines as u64));
    let options = LobsterOptions {
        units_per_tick,
        skips_unknown: false,
    };
    group.bench_function("lobster", |bencher| {
        let apply = |mut book: L3Book| (book.apply_lobster(flow.lobster.as_bytes(), options), book);
        bencher.iter_batched(empty, apply, BatchSize::LargeInput);
    });
    group.throughput(Throughput::Elements(flow.live.len() as u64));
    group.bench_function("queue position", |bencher| {
        let positions = || {
            let ahead = flow.live.iter().map(|id| {
                let position = flow.book.queue_position(OrderId(*id));
                position.map_or(0, |position| position.orders_ahead)
            });
            ahead.sum::<usize>()
        };
        bencher.iter(positions);
    });
    group.finish();
}

criterion_group!(benches, l3);
criterion_main!(benches);
