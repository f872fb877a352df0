//! Every feature against the same from scratch: from the whole book, or from all events so far.

use std::collections::BTreeMap;

use openoutcry_engine::book::l2::L2Book;
use openoutcry_engine::decode::Level;
use openoutcry_engine::features::book::{DEPTH, IMBALANCE_DEPTHS, PRESSURE_HALF_BPS, TopLevels};
use openoutcry_engine::features::order_flow::FLOW_DEPTHS;
use openoutcry_engine::features::trade_flow::{TradeFlow, TradeFlowSettings};
use openoutcry_engine::features::volatility::{MIN_RETURNS, RealisedVolatility};
use openoutcry_engine::features::vpin::Vpin;
use openoutcry_engine::features::{FeatureEngine, FeatureSettings};
use openoutcry_engine::units::{NS_PER_S, PriceTicks, Side, SizeLots, TimestampNs};
use proptest::prelude::*;

const TIME_CONSTANT_NS: i64 = 10 * NS_PER_S;

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn level(price: i64, size: i64) -> Level {
    Level {
        price: PriceTicks(price),
        size: SizeLots(size),
    }
}

/// True for equal numbers but for rounding, and for two unknown ones.
fn is_close(one: f64, other: f64) -> bool {
    let scale = 1.0 + one.abs().max(other.abs());
    one.is_nan() && other.is_nan() || (one - other).abs() <= 1e-9 * scale
}

fn are_close(one: &[f64], other: &[f64]) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .all(|(one, other)| is_close(*one, *other))
}

/// A book as two sorted lists, best first.
#[derive(Debug, Clone, Default)]
struct State {
    bids: Vec<(i64, i64)>,
    asks: Vec<(i64, i64)>,
}

#[derive(Debug, Default)]
struct ReferenceBook {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl ReferenceBook {
    fn set(&mut self, side: Side, level: Level) {
        let levels = match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        if level.size.0 == 0 {
            levels.remove(&level.price.0);
        } else {
            levels.insert(level.price.0, level.size.0);
        }
    }

    /// Deletes the worst levels beyond so many a side, as a venue does that does not tell it; returns which.
    fn truncate(&mut self, max_levels: usize) -> Vec<(Side, Level)> {
        let State { bids, asks } = self.state();
        let beyond = |side, levels: Vec<(i64, i64)>| {
            let worst = levels.into_iter().skip(max_levels);
            worst.map(move |(price, _)| (side, level(price, 0)))
        };
        let gone: Vec<_> = beyond(Side::Buy, bids)
            .chain(beyond(Side::Sell, asks))
            .collect();
        for (side, level) in &gone {
            self.set(*side, *level);
        }
        gone
    }

    fn state(&self) -> State {
        let copied = |(price, size): (&i64, &i64)| (*price, *size);
        State {
            bids: self.bids.iter().rev().map(copied).collect(),
            asks: self.asks.iter().map(copied).collect(),
        }
    }
}

fn size_to(levels: &[(i64, i64)], depth: usize) -> f64 {
    levels
        .iter()
        .take(depth)
        .map(|(_, size)| *size as f64)
        .sum()
}

fn weighted(levels: &[(i64, i64)]) -> f64 {
    let best = levels[0].0 as f64;
    let half = best * PRESSURE_HALF_BPS / 10_000.0;
    let weight = |price: i64| 1.0 / (1.0 + (price as f64 - best).abs() / half);
    let within = levels.iter().take(DEPTH);
    within
        .map(|(price, size)| *size as f64 * weight(*price))
        .sum()
}

/// The features of a book in the order of the vector, NaN without a touch.
fn slow_book_features(state: &State) -> [f64; 8] {
    let (Some((bid, bid_size)), Some((ask, ask_size))) = (state.bids.first(), state.asks.first())
    else {
        return [f64::NAN; 8];
    };
    let balance = |bids: f64, asks: f64| (bids - asks) / (bids + asks);
    let imbalance = IMBALANCE_DEPTHS
        .map(|depth| balance(size_to(&state.bids, depth), size_to(&state.asks, depth)));
    let (bid, ask) = (*bid as f64, *ask as f64);
    let (bid_size, ask_size) = (*bid_size as f64, *ask_size as f64);
    [
        ask - bid,
        f64::midpoint(bid, ask),
        bid + (ask - bid) * bid_size / (bid_size + ask_size),
        imbalance[0],
        imbalance[1],
        imbalance[2],
        imbalance[3],
        balance(weighted(&state.bids), weighted(&state.asks)),
    ]
}

/// The paper's `e` at one level: `1{Pb' >= Pb} qb' - 1{Pb' <= Pb} qb - 1{Pa' <= Pa} qa' + 1{Pa' >= Pa} qa`,
/// where a missing level is the worst price there is, with no size.
fn slow_flow_at(rank: usize, before: &State, after: &State) -> f64 {
    let bid = |state: &State| state.bids.get(rank).copied().unwrap_or((i64::MIN, 0));
    let ask = |state: &State| state.asks.get(rank).copied().unwrap_or((i64::MAX, 0));
    let ((bid_0, bid_size_0), (bid_1, bid_size_1)) = (bid(before), bid(after));
    let ((ask_0, ask_size_0), (ask_1, ask_size_1)) = (ask(before), ask(after));
    let mut flow = 0;
    flow += if bid_1 >= bid_0 { bid_size_1 } else { 0 };
    flow -= if bid_1 <= bid_0 { bid_size_0 } else { 0 };
    flow -= if ask_1 <= ask_0 { ask_size_1 } else { 0 };
    flow += if ask_1 >= ask_0 { ask_size_0 } else { 0 };
    flow as f64
}

/// Rate at `now` of events, each (time, value), watched since `begun`: NaN before one time constant has passed.
fn slow_rate(events: &[(i64, f64)], begun: i64, now: i64, time_constant_ns: i64) -> f64 {
    let time = time_constant_ns as f64;
    let watched = (now - begun) as f64 / time;
    if watched < 1.0 {
        return f64::NAN;
    }
    let weight = |at: i64| (-((now - at) as f64) / time).exp();
    let sum: f64 = events.iter().map(|(at, value)| value * weight(*at)).sum();
    sum * NS_PER_S as f64 / time / (1.0 - (-watched).exp())
}

/// One update: changed levels a side, as (offset from the touch, size), and the time since the last.
#[derive(Debug, Clone)]
struct Update {
    bids: Vec<(i64, i64)>,
    asks: Vec<(i64, i64)>,
    elapsed_ns: i64,
    drift_ticks: i64,
}

fn updates() -> impl Strategy<Value = Vec<Update>> {
    let side = || {
        let offset = prop_oneof![6 => 0_i64..30, 2 => 0_i64..200, 1 => 0_i64..50_000];
        let size = prop_oneof![3 => Just(0_i64), 5 => 1_i64..1_000];
        prop::collection::vec((offset, size), 0..6)
    };
    let elapsed = prop_oneof![3 => Just(0_i64), 5 => 0_i64..NS_PER_S, 1 => 0_i64..60 * NS_PER_S];
    let drift = prop_oneof![8 => Just(0_i64), 1 => -8_i64..8];
    let update =
        (side(), side(), elapsed, drift).prop_map(|(bids, asks, elapsed_ns, drift_ticks)| Update {
            bids,
            asks,
            elapsed_ns,
            drift_ticks,
        });
    prop::collection::vec(update, 1..120)
}

/// The levels that an update sets so that the book is not crossed: bids below `mid`, asks at or above it, and
/// what the new middle has passed is gone.
fn changed(update: &Update, mid: i64, state: &State) -> (Vec<Level>, Vec<Level>) {
    let passed_bids = state.bids.iter().filter(|(price, _)| *price >= mid);
    let passed_asks = state.asks.iter().filter(|(price, _)| *price < mid);
    let mut bids: Vec<Level> = passed_bids.map(|(price, _)| level(*price, 0)).collect();
    let mut asks: Vec<Level> = passed_asks.map(|(price, _)| level(*price, 0)).collect();
    let bid = |(offset, size): &(i64, i64)| level(mid - 1 - offset, *size);
    let ask = |(offset, size): &(i64, i64)| level(mid + offset, *size);
    bids.extend(update.bids.iter().map(bid));
    asks.extend(update.asks.iter().map(ask));
    (bids, asks)
}

#[test]
fn a_level_that_a_book_of_limited_depth_dropped_is_not_kept() {
    let mut book = L2Book::new(128);
    let ask = |price, size| level(price, size);
    let set_all = |book: &mut L2Book, levels: &[Level]| {
        for level in levels {
            book.set(Side::Sell, *level);
        }
    };
    set_all(
        &mut book,
        &(100..128).map(|price| ask(price, 1)).collect::<Vec<_>>(),
    );
    let mut engine = FeatureEngine::new(&FeatureSettings::default()).expect("settings");
    engine.on_book(&book, TimestampNs(1));
    // Five better ones push out as many, of which nobody tells; then nine go.
    let better: Vec<Level> = (95..100).map(|price| ask(price, 1)).collect();
    set_all(&mut book, &better);
    set_all(
        &mut book,
        &(123..128).map(|price| ask(price, 0)).collect::<Vec<_>>(),
    );
    engine.on_update(&book, &[], &better, TimestampNs(2));
    let gone: Vec<Level> = (95..104).map(|price| ask(price, 0)).collect();
    set_all(&mut book, &gone);
    engine.on_update(&book, &[], &gone, TimestampNs(3));
    let found: Vec<Level> = engine.top().expect("a book").asks.levels().collect();
    assert_eq!(found, book.levels(Side::Sell).collect::<Vec<_>>());
    assert_eq!(found.len(), 19);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_books_features_equal_those_from_scratch(
        updates in updates(), max_levels in prop_oneof![2 => Just(usize::MAX), 1 => 1_usize..40],
    ) {
        let mut book = L2Book::new(128);
        let mut reference = ReferenceBook::default();
        let mut engine = FeatureEngine::new(&FeatureSettings::default()).expect("settings");
        let (mut now, mut mid) = (NS_PER_S, 1_000_000);
        let begun = now;
        engine.on_book(&book, TimestampNs(begun));
        let mut before = State::default();
        let mut flows: [Vec<(i64, f64)>; FLOW_DEPTHS.len()] = Default::default();
        for update in updates {
            now += update.elapsed_ns;
            mid += update.drift_ticks;
            let (bids, asks) = changed(&update, mid, &before);
            for (side, levels) in [(Side::Buy, &bids), (Side::Sell, &asks)] {
                for level in levels {
                    book.set(side, *level);
                    reference.set(side, *level);
                }
            }
            for (side, level) in reference.truncate(max_levels) {
                book.set(side, level);
            }
            engine.on_update(&book, &bids, &asks, TimestampNs(now));
            let state = reference.state();
            for (flows, depth) in flows.iter_mut().zip(FLOW_DEPTHS) {
                let flow = (0..depth).map(|rank| slow_flow_at(rank, &before, &state)).sum();
                flows.push((now, flow));
            }
            before = state;

            let top = engine.top().expect("a book that is not crossed");
            for (side, levels) in [(&top.bids, &before.bids), (&top.asks, &before.asks)] {
                let found: Vec<(i64, i64)> = side.levels().map(|level| (level.price.0, level.size.0)).collect();
                prop_assert_eq!(&found, &levels[..levels.len().min(DEPTH)]);
            }
            let vector = engine.vector(TimestampNs(now));
            let expected = slow_book_features(&before);
            prop_assert!(are_close(&vector[..8], &expected), "{:?} {:?}", vector, expected);
            let expected = flows.each_ref().map(|flows| slow_rate(flows, begun, now, TIME_CONSTANT_NS));
            prop_assert!(are_close(&vector[8..11], &expected), "{:?} {:?}", vector, expected);
        }
    }

    #[test]
    fn the_imbalance_is_known_at_every_depth(
        bids in prop::collection::btree_map(1_i64..500, 1_i64..100, 1..40),
        asks in prop::collection::btree_map(500_i64..900, 1_i64..100, 1..40),
    ) {
        let mut book = L2Book::new(1_024);
        for (price, size) in &bids { book.set(Side::Buy, level(*price, *size)); }
        for (price, size) in &asks { book.set(Side::Sell, level(*price, *size)); }
        let top = TopLevels::of(&book);
        for depth in 1..=DEPTH {
            let bid: i64 = bids.values().rev().take(depth).sum();
            let ask: i64 = asks.values().take(depth).sum();
            let expected = (bid - ask) as f64 / (bid + ask) as f64;
            prop_assert!(is_close(top.imbalance(depth).expect("a touch"), expected));
        }
        prop_assert_eq!((top.imbalance(0), top.imbalance(DEPTH + 1)), (None, None));
    }

    #[test]
    fn trade_rates_equal_those_of_all_trades(
        trades in prop::collection::vec((0_i64..4 * NS_PER_S, 0_i64..500, any::<bool>()), 1..100),
        read_after_ns in 0_i64..100 * NS_PER_S,
    ) {
        let settings = TradeFlowSettings { time_constant_ns: TIME_CONSTANT_NS, kernel_ns: NS_PER_S, branching_ratio: 0.4 };
        let mut flow = TradeFlow::new(&settings);
        let (mut now, mut begun) = (0, None);
        let mut events: [Vec<(i64, f64)>; 4] = Default::default();
        let mut sign = None;
        for (elapsed, size, is_buy) in trades {
            now += elapsed;
            let taker = if is_buy { Side::Buy } else { Side::Sell };
            flow.on_trade(SizeLots(size), taker, TimestampNs(now));
            if size == 0 {
                continue;
            }
            sign = Some(if is_buy { 1.0 } else { -1.0 });
            if begun.is_none() {
                begun = Some(now);
                continue;
            }
            let side = usize::from(!is_buy);
            events[side].push((now, 1.0));
            events[2 + side].push((now, size as f64));
        }
        prop_assert_eq!(flow.sign(), sign);
        let now = now + read_after_ns;
        let Some(begun) = begun else {
            prop_assert!(flow.features(TimestampNs(now)).is_none());
            return Ok(());
        };
        let rates = events.each_ref().map(|events| slow_rate(events, begun, now, TIME_CONSTANT_NS));
        let all: Vec<(i64, f64)> = events[..2].concat();
        let recent = slow_rate(&all, begun, now, NS_PER_S);
        match flow.features(TimestampNs(now)) {
            None => prop_assert!(rates[0].is_nan()),
            Some(features) => {
                let found = [features.buys_per_s, features.sells_per_s, features.buy_lots_per_s, features.sell_lots_per_s];
                prop_assert!(are_close(&found, &rates), "{:?} {:?}", found, rates);
                let intensity = 0.6 * (rates[0] + rates[1]) + 0.4 * recent;
                prop_assert!(is_close(features.intensity_per_s, intensity));
                let sign_mean = (rates[0] - rates[1]) / (rates[0] + rates[1]);
                prop_assert!(is_close(features.sign_mean, sign_mean));
            }
        }
    }

    #[test]
    fn volatility_equals_that_of_the_sampled_prices(
        mids in prop::collection::vec((0_i64..30, 900_u16..1_100), 1..200), window in MIN_RETURNS..40,
    ) {
        const INTERVAL_NS: i64 = 10;
        let mut volatility = RealisedVolatility::new(INTERVAL_NS, window);
        let (mut now, mut path) = (0, Vec::new());
        for (elapsed, mid) in mids {
            now += elapsed;
            volatility.on_mid(f64::from(mid), TimestampNs(now));
            path.push((now, f64::from(mid)));
            let first = path[0].0 / INTERVAL_NS;
            // The mid at the end of each bar that has ended.
            let closes: Vec<f64> = (first..now / INTERVAL_NS)
                .map(|bar| path.iter().rev().find(|(at, _)| at / INTERVAL_NS <= bar).expect("a mid").1)
                .collect();
            let returns: Vec<f64> = closes.windows(2).map(|pair| (pair[1] / pair[0]).ln()).collect();
            let used = &returns[returns.len().saturating_sub(window)..];
            let found = volatility.bps_per_sqrt_s();
            if used.len() < MIN_RETURNS {
                prop_assert_eq!(found, None);
                continue;
            }
            let time_s = used.len() as f64 * 1e-8;
            let expected = (used.iter().map(|value| value * value).sum::<f64>() / time_s).sqrt() * 10_000.0;
            prop_assert!((found.expect("enough bars") - expected).abs() <= 1e-6 * expected.max(1.0));
        }
    }

    #[test]
    fn vpin_equals_that_of_single_lots(
        trades in prop::collection::vec((prop_oneof![6 => 0_i64..15, 1 => 0_i64..400], any::<bool>()), 1..120),
        bucket_lots in 1_i64..40, buckets in 1_usize..12,
    ) {
        let mut vpin = Vpin::new(bucket_lots, buckets);
        let mut lots = Vec::new();
        for (size, is_buy) in trades {
            vpin.on_trade(SizeLots(size), if is_buy { Side::Buy } else { Side::Sell });
            lots.extend((0..size).map(|_| if is_buy { 1_i64 } else { -1 }));
            let full: Vec<i64> = lots.chunks_exact(bucket_lots as usize).map(|bucket| bucket.iter().sum::<i64>().abs()).collect();
            let expected = (full.len() >= buckets).then(|| {
                let window = &full[full.len() - buckets..];
                window.iter().sum::<i64>() as f64 / (bucket_lots * buckets as i64) as f64
            });
            prop_assert_eq!(vpin.value(), expected);
        }
    }

    #[test]
    fn nothing_that_is_told_panics_or_is_infinite(
        events in prop::collection::vec((any::<i64>(), any::<i64>(), any::<i64>(), any::<bool>(), 0_u8..6), 1..80),
    ) {
        let settings = FeatureSettings { vpin_bucket_lots: Some(7), vpin_buckets: 3, ..FeatureSettings::default() };
        let mut engine = FeatureEngine::new(&settings).expect("settings");
        let mut book = L2Book::new(128);
        for (now, price, size, is_buy, kind) in events {
            let (side, now) = (if is_buy { Side::Buy } else { Side::Sell }, TimestampNs(now));
            let changed = [level(price.max(-i64::MAX), size)];
            match kind {
                0 => engine.on_book(&book, now),
                1 => engine.on_book_lost(),
                2 | 3 => {
                    book.set(side, changed[0]);
                    let (bids, asks): (&[Level], &[Level]) = if is_buy { (&changed, &[]) } else { (&[], &changed) };
                    engine.on_update(&book, bids, asks, now);
                }
                _ => engine.on_trade(SizeLots(size), side, now),
            }
            let vector = engine.vector(now);
            prop_assert!(vector.iter().all(|value| !value.is_infinite()), "{:?}", vector);
        }
    }
}
