//! Binance's frames: bytes to a changed book and its best bid and ask, and bytes to a trade.
//!
//! `cargo bench -p openoutcry-engine --bench decode`. The frames are the seeded market's, in the venue's order
//! of fields and with the levels before everything that tells whose they are. A figure is a level's, or a trade's.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use openoutcry_engine::book::l2::{DEFAULT_WINDOW_TICKS, L2Book};
use openoutcry_engine::decode::Event;
use openoutcry_engine::decode::binance::{Decoder, Product};
use openoutcry_engine::feed::split_line;
use openoutcry_engine::synthetic::{DEFAULT_START, PRICE_TICK, SIZE_STEP, SyntheticMarket};
use openoutcry_engine::units::{NS_PER_S, Step};

const SYMBOL: &str = "BTCUSDT";
const DURATION_NS: i64 = 60 * NS_PER_S;

/// The frames of the seeded market that hold a text.
fn frames(text: &str) -> Vec<String> {
    let mut market = SyntheticMarket::new(7, SYMBOL, DEFAULT_START, DURATION_NS).expect("a market");
    let lines = std::iter::from_fn(|| market.next_line());
    let frames = lines.map(|line| {
        let (_, frame) = split_line(&line).expect("a recorder's line");
        String::from_utf8(frame.to_vec()).expect("text")
    });
    frames.filter(|frame| frame.contains(text)).collect()
}

/// A combined depth frame with `b` and `a` before the other members.
fn levels_first(frame: &str) -> String {
    let (stream, members) = frame.split_once("\"data\":{").expect("a combined frame");
    let (others, levels) = members.split_once(",\"b\":").expect("bids");
    let levels = levels.strip_suffix("}}").expect("the end");
    format!("{stream}\"data\":{{\"b\":{levels},{others}}}}}")
}

fn decoder() -> Decoder {
    let step = |text| Step::parse(text).expect("a step");
    Decoder::new(Product::Spot, SYMBOL, step(PRICE_TICK), step(SIZE_STEP))
}

/// Decodes every frame and applies the updates; returns how many levels or trades there were.
fn apply(decoder: &mut Decoder, book: &mut L2Book, frames: &[String]) -> usize {
    let mut count = 0;
    for frame in frames {
        match decoder.decode(black_box(frame.as_bytes())) {
            Ok(Event::Depth(update)) => {
                book.apply(update);
                count += update.bids.len() + update.asks.len();
                black_box(book.top());
            }
            Ok(Event::Trade(trade)) => {
                count += 1;
                black_box(trade);
            }
            other => panic!("{other:?}"),
        }
    }
    count
}

fn decoding(criterion: &mut Criterion) {
    let depth = frames("\"depthUpdate\"");
    let cases = [
        ("depth", depth.clone()),
        (
            "depth_levels_first",
            depth.iter().map(|frame| levels_first(frame)).collect(),
        ),
        ("trade", frames("\"e\":\"trade\"")),
    ];
    let mut group = criterion.benchmark_group("binance");
    for (name, frames) in cases {
        let (mut decoder, mut book) = (decoder(), L2Book::new(DEFAULT_WINDOW_TICKS));
        let count = apply(&mut decoder, &mut book, &frames);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| apply(&mut decoder, &mut book, &frames));
        });
    }
    group.finish();
}

criterion_group!(benches, decoding);
criterion_main!(benches);
