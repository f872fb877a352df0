//! What the features know, and when: holes, empty sides, silence, time and settings.

use openoutcry_engine::book::l2::L2Book;
use openoutcry_engine::decode::Level;
use openoutcry_engine::features::book::{BookFeatures, TopLevels};
use openoutcry_engine::features::decay::DecayedSums;
use openoutcry_engine::features::trade_flow::{TradeFlow, TradeFlowSettings};
use openoutcry_engine::features::vector::{FEATURE_COUNT, FEATURES};
use openoutcry_engine::features::{FeatureEngine, FeatureSettings};
use openoutcry_engine::units::{NS_PER_S, PriceTicks, Side, SizeLots, TimestampNs};

const TIME_CONSTANT_NS: i64 = 10 * NS_PER_S;

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

/// An engine with a book of one level a side and a complete history.
fn known_engine(settings: &FeatureSettings) -> (FeatureEngine, L2Book, TimestampNs) {
    let mut engine = FeatureEngine::new(settings).expect("settings");
    let mut book = L2Book::new(128);
    book.set(Side::Buy, level(1_000, 5));
    book.set(Side::Sell, level(1_002, 5));
    engine.on_book(&book, TimestampNs(0));
    let mut now = TimestampNs(0);
    for second in 0..20 {
        now = TimestampNs(second * NS_PER_S);
        let changed = [level(1_000, 5 + second % 2)];
        book.set(Side::Buy, changed[0]);
        engine.on_update(&book, &changed, &[], now);
        engine.on_trade(SizeLots(3), Side::Buy, now);
    }
    (engine, book, now)
}

#[test]
fn what_is_not_known_is_nan_and_only_that() {
    let settings = FeatureSettings::default();
    let nothing = FeatureEngine::new(&settings).expect("settings");
    assert!(
        nothing
            .vector(TimestampNs(5))
            .iter()
            .all(|value| value.is_nan())
    );

    let (engine, _, now) = known_engine(&settings);
    let vector = engine.vector(now);
    assert!(engine.is_complete(&vector));
    assert!(
        vector[..FEATURE_COUNT - 1]
            .iter()
            .all(|value| value.is_finite())
    );
    assert!(
        vector[FEATURE_COUNT - 1].is_nan(),
        "vpin has no bucket size"
    );

    let with_vpin = FeatureSettings {
        vpin_bucket_lots: Some(3),
        ..settings
    };
    let (engine, _, now) = known_engine(&with_vpin);
    assert!(!engine.is_complete(&engine.vector(now)), "20 of 50 buckets");
}

#[test]
fn a_lost_book_is_forgotten_and_the_trades_are_not() {
    let (mut engine, mut book, now) = known_engine(&FeatureSettings::default());
    let before = engine.vector(now);
    engine.on_book_lost();
    let lost = engine.vector(now);
    assert!(lost[..12].iter().all(|value| value.is_nan()));
    assert!(are_close(&lost[12..], &before[12..]));
    assert!(engine.book().is_none() && engine.top().is_none());

    engine.on_book(&book, now);
    let joined = engine.vector(now);
    assert!(are_close(&joined[..8], &before[..8]));
    assert!(
        joined[8..12].iter().all(|value| value.is_nan()),
        "what happened meanwhile is not known"
    );

    let crossing = [level(1_002, 1)];
    book.set(Side::Buy, crossing[0]);
    engine.on_update(&book, &crossing, &[], now);
    assert!(engine.book().is_none(), "a crossed book is none");
    book.set(Side::Buy, level(1_002, 0));
    engine.on_update(&book, &[level(1_002, 0)], &[], now);
    assert!(are_close(&engine.vector(now)[..8], &before[..8]));
}

#[test]
fn while_trades_are_missing_what_they_say_is_unknown() {
    let (mut engine, _, now) = known_engine(&FeatureSettings::default());
    let before = engine.vector(now);
    engine.set_tape_whole(false);
    let missing = engine.vector(now);
    assert!(missing[12..].iter().all(|value| value.is_nan()));
    assert!(are_close(&missing[..12], &before[..12]));
    engine.set_tape_whole(true);
    assert!(are_close(&engine.vector(now), &before));
}

#[test]
fn an_empty_side_has_no_price_and_its_flow_counts() {
    let (mut engine, mut book, now) = known_engine(&FeatureSettings::default());
    let flow_before = engine.vector(now)[8];
    let gone = [level(1_002, 0)];
    book.set(Side::Sell, gone[0]);
    engine.on_update(&book, &[], &gone, now);
    let vector = engine.vector(now);
    assert!(vector[..8].iter().all(|value| value.is_nan()));
    assert!(vector[8] > flow_before, "five lots left the asks");
    assert!(vector[11].is_nan(), "there was no mid for a while");
}

#[test]
fn a_long_silence_leaves_rates_of_zero_and_no_sign_mean() {
    let (engine, _, now) = known_engine(&FeatureSettings::default());
    let later = TimestampNs(now.0 + 24 * 3_600 * NS_PER_S);
    let vector = engine.vector(later);
    let of = |name| {
        vector[FEATURES
            .iter()
            .position(|(other, _)| *other == name)
            .expect("a name")]
    };
    assert!(of("trade_sign_mean").is_nan());
    for name in [
        "order_flow_1",
        "buy_rate",
        "sell_rate",
        "buy_volume_rate",
        "trade_intensity",
    ] {
        assert!(is_close(of(name), 0.0), "{name}");
    }
    assert!(is_close(of("trade_sign"), 1.0));
    assert!(is_close(of("spread_ticks"), 2.0));
}

#[test]
fn time_does_not_go_back() {
    let mut sums = DecayedSums::<1>::new(NS_PER_S);
    sums.begin(TimestampNs(0));
    sums.add(TimestampNs(5 * NS_PER_S), [1.0]);
    sums.add(TimestampNs(3 * NS_PER_S), [1.0]);
    assert!(is_close(sums.sums(TimestampNs(0))[0], 2.0));
    sums.add(TimestampNs(5 * NS_PER_S), [f64::NAN]);
    assert!(is_close(sums.sums(TimestampNs(5 * NS_PER_S))[0], 2.0));
    let early = sums
        .rates_per_s(TimestampNs(0))
        .expect("five time constants")[0];
    assert!(is_close(early, 2.0 / (1.0 - (-5.0_f64).exp())));
}

#[test]
fn a_steady_stream_has_its_rate_from_the_first_time_constant_on() {
    let mut flow = TradeFlow::new(&TradeFlowSettings {
        time_constant_ns: TIME_CONSTANT_NS,
        kernel_ns: NS_PER_S,
        branching_ratio: 0.7,
    });
    for index in 0..2_000 {
        let now = TimestampNs(index * NS_PER_S / 20);
        flow.on_trade(SizeLots(4), Side::Sell, now);
        if let Some(features) = flow.features(now) {
            assert!((features.sells_per_s - 20.0).abs() < 0.2);
            assert!((features.sell_lots_per_s - 80.0).abs() < 0.8);
            assert!((features.intensity_per_s - 20.0).abs() < 0.6);
            assert!(is_close(features.sign_mean, -1.0));
        }
        assert_eq!(flow.features(now).is_some(), now.0 >= TIME_CONSTANT_NS);
    }
}

#[test]
fn names_are_unique_and_the_first_are_the_books() {
    let mut names: Vec<&str> = FEATURES.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names[..4],
        [
            "spread_ticks",
            "mid_ticks",
            "microprice_ticks",
            "imbalance_1"
        ]
    );
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), FEATURE_COUNT);
    let mut book = L2Book::new(128);
    book.set(Side::Buy, level(9, 1));
    book.set(Side::Sell, level(10, 3));
    let features = BookFeatures::of(&TopLevels::of(&book)).expect("a touch");
    assert!(are_close(&features.values()[..4], &[1.0, 9.5, 9.25, -0.5]));
}

#[test]
fn settings_out_of_range_are_refused() {
    let good = FeatureSettings::default();
    for (settings, message) in [
        (
            FeatureSettings {
                time_constant_ns: 0,
                ..good
            },
            "time_constant_ns must be 1 or more, got 0",
        ),
        (
            FeatureSettings {
                kernel_ns: -1,
                ..good
            },
            "kernel_ns must be 1 or more, got -1",
        ),
        (
            FeatureSettings {
                vpin_bucket_lots: Some(0),
                ..good
            },
            "vpin_bucket_lots must be 1 or more, got 0",
        ),
        (
            FeatureSettings {
                vpin_buckets: 0,
                ..good
            },
            "vpin_buckets must be in 1..=65536, got 0",
        ),
        (
            FeatureSettings {
                volatility_bars: 9,
                ..good
            },
            "volatility_bars must be in 10..=1048576, got 9",
        ),
        (
            FeatureSettings {
                branching_ratio: 1.0,
                ..good
            },
            "branching_ratio must be in [0, 1), got 1",
        ),
        (
            FeatureSettings {
                branching_ratio: f64::NAN,
                ..good
            },
            "branching_ratio must be in [0, 1), got NaN",
        ),
    ] {
        let error = FeatureEngine::new(&settings).expect_err("a bad setting");
        assert_eq!(error.to_string(), message);
    }
}
