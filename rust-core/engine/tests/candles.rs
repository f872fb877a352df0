//! Candles by every rule against slow, obvious ones.

use openoutcry_engine::candle::{Candle, CandleBuilder, CandleError, CandleRule, CandleRuleError};
use openoutcry_engine::decode::Trade;
use openoutcry_engine::tape::{TradeOutcome, TradeTape};
use openoutcry_engine::units::{PriceTicks, Side, SizeLots, TimestampNs};
use proptest::prelude::*;

const FIRST_ID: i64 = 500;

fn trade(id: i64, trade_ns: i64, price: i64, size: i64, taker: Side) -> Trade {
    Trade {
        id,
        price: PriceTicks(price),
        size: SizeLots(size),
        taker,
        trade_ns: TimestampNs(trade_ns),
        event_ns: TimestampNs(trade_ns),
        is_market: true,
    }
}

/// Trades with consecutive ids at times that do not go back.
fn trades() -> impl Strategy<Value = Vec<Trade>> {
    let step = (
        prop_oneof![3 => Just(0_i64), 3 => 1_i64..20, 1 => 100_i64..1_000],
        90_i64..110,
        prop_oneof![8 => 1_i64..20, 1 => 100_i64..1_000],
        any::<bool>(),
    );
    prop::collection::vec(step, 0..300).prop_map(|steps| {
        let mut now = 1_000;
        let trades =
            steps
                .into_iter()
                .zip(FIRST_ID..)
                .map(|((elapsed, price, size, is_buy), id)| {
                    now += elapsed;
                    let taker = if is_buy { Side::Buy } else { Side::Sell };
                    trade(id, now, price, size, taker)
                });
        trades.collect()
    })
}

fn rule() -> impl Strategy<Value = CandleRule> {
    prop_oneof![
        (1_i64..300).prop_map(|interval_ns| CandleRule::Time { interval_ns }),
        (1_i64..40).prop_map(|count| CandleRule::Trades { count }),
        (1_i64..400).prop_map(|lots| CandleRule::Volume { lots }),
        (1_i128..40_000).prop_map(|tick_lots| CandleRule::Notional { tick_lots }),
    ]
}

fn notional(trades: &[Trade]) -> i128 {
    let values = trades.iter().map(|trade| trade.price.notional(trade.size));
    values.sum()
}

fn volume(trades: &[Trade]) -> i64 {
    trades.iter().map(|trade| trade.size.0).sum()
}

/// True if these trades make a whole candle, told by all of them; by time, by the next one as well.
fn is_whole(rule: CandleRule, trades: &[Trade], next: Option<&Trade>) -> bool {
    match rule {
        CandleRule::Time { interval_ns } => next.is_some_and(|next| {
            next.trade_ns.0 / interval_ns != trades[0].trade_ns.0 / interval_ns
        }),
        CandleRule::Trades { count } => trades.len() as i64 == count,
        CandleRule::Volume { lots } => volume(trades) >= lots,
        CandleRule::Notional { tick_lots } => notional(trades) >= tick_lots,
    }
}

/// The candle of all these trades.
fn candle_of(rule: CandleRule, trades: &[Trade]) -> Candle {
    let (first, last) = (trades[0], trades[trades.len() - 1]);
    let prices = || trades.iter().map(|trade| trade.price);
    let (open_ns, close_ns) = match rule {
        CandleRule::Time { interval_ns } => {
            let index = first.trade_ns.0 / interval_ns;
            (index * interval_ns, (index + 1) * interval_ns)
        }
        _ => (first.trade_ns.0, last.trade_ns.0),
    };
    let bought: Vec<Trade> = trades
        .iter()
        .copied()
        .filter(|trade| trade.taker == Side::Buy)
        .collect();
    Candle {
        open_ns: TimestampNs(open_ns),
        close_ns: TimestampNs(close_ns),
        open: first.price,
        high: prices().max().expect("a trade"),
        low: prices().min().expect("a trade"),
        close: last.price,
        volume: SizeLots(volume(trades)),
        buy_volume: SizeLots(volume(&bought)),
        notional: notional(trades),
        trade_count: trades.len() as i64,
        first_trade_id: first.id,
        last_trade_id: last.id,
    }
}

/// The closed candles and the trades that are in none.
fn slow_candles(rule: CandleRule, trades: &[Trade]) -> (Vec<Candle>, &[Trade]) {
    let (mut candles, mut begin) = (Vec::new(), 0);
    for end in 1..=trades.len() {
        if is_whole(rule, &trades[begin..end], trades.get(end)) {
            candles.push(candle_of(rule, &trades[begin..end]));
            begin = end;
        }
    }
    (candles, &trades[begin..])
}

fn candles(rule: CandleRule, trades: &[Trade], resume_trade_id: i64) -> Vec<Candle> {
    let mut tape = TradeTape::new(rule, resume_trade_id);
    for trade in trades {
        tape.on_trade(trade, |_, _| {}).expect("a small trade");
    }
    tape.take_candles().into()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn candles_equal_the_obvious_ones(rule in rule(), trades in trades()) {
        let (expected, rest) = slow_candles(rule, &trades);
        let candles = candles(rule, &trades, FIRST_ID - 1);
        prop_assert_eq!(&candles, &expected);
        let closed: i64 = candles.iter().map(|candle| candle.volume.0).sum();
        prop_assert_eq!(closed + volume(rest), volume(&trades));
        let closed: i128 = candles.iter().map(|candle| candle.notional).sum();
        prop_assert_eq!(closed + notional(rest), notional(&trades));
        for candle in &candles {
            let last = trades[(candle.last_trade_id - FIRST_ID) as usize];
            let before_last = candle.volume.0 - last.size.0;
            match rule {
                CandleRule::Time { .. } => {}
                CandleRule::Trades { count } => prop_assert_eq!(candle.trade_count, count),
                CandleRule::Volume { lots } => {
                    prop_assert!(candle.volume.0 >= lots && before_last < lots);
                }
                CandleRule::Notional { tick_lots } => {
                    let before_last = candle.notional - last.price.notional(last.size);
                    prop_assert!(candle.notional >= tick_lots && before_last < tick_lots);
                }
            }
        }
    }

    #[test]
    fn who_goes_on_after_a_candle_makes_the_same_ones(rule in rule(), trades in trades(), at in any::<prop::sample::Index>()) {
        let all = candles(rule, &trades, FIRST_ID - 1);
        prop_assume!(!all.is_empty());
        let known = at.index(all.len());
        let resumed = candles(rule, &trades, all[known].last_trade_id);
        prop_assert_eq!(&resumed, &all[known + 1..]);
    }

    #[test]
    fn a_hole_makes_the_later_ones_wait_and_leaves_no_trace(
        rule in rule(), trades in trades(), at in any::<prop::sample::Index>(), lost in 1_usize..20,
    ) {
        prop_assume!(trades.len() > 1);
        let begin = 1 + at.index(trades.len() - 1);
        let end = (begin + lost).min(trades.len());
        let mut tape = TradeTape::new(rule, FIRST_ID - 1);
        for trade in trades[..begin].iter().chain(&trades[end..]) {
            tape.on_trade(trade, |_, _| {}).expect("a small trade");
        }
        let mut told = Vec::from(tape.take_candles());
        prop_assert_eq!(&told, &candles(rule, &trades[..begin], FIRST_ID - 1));
        for trade in trades[begin..end].iter().rev() {
            tape.on_trade(trade, |_, _| {}).expect("a small trade");
        }
        told.extend(tape.take_candles());
        prop_assert_eq!(told, candles(rule, &trades, FIRST_ID - 1));
    }
}

#[test]
fn the_candle_in_which_the_tape_begins_is_told_only_if_it_is_whole() {
    let trades: Vec<Trade> = (1..=6)
        .map(|id| trade(id, id * 10, 100, 1, Side::Buy))
        .collect();
    let told = |rule| -> Vec<i64> {
        let candles = candles(rule, &trades, 0);
        candles.iter().map(|candle| candle.last_trade_id).collect()
    };
    assert_eq!(told(CandleRule::Time { interval_ns: 20 }), [3, 5]);
    assert_eq!(told(CandleRule::Trades { count: 2 }), [2, 4, 6]);
    assert_eq!(told(CandleRule::Volume { lots: 3 }), [3, 6]);
    assert_eq!(told(CandleRule::Notional { tick_lots: 201 }), [3, 6]);
}

#[test]
fn a_trade_of_many_thresholds_closes_one_candle() {
    let rule = CandleRule::Volume { lots: 10 };
    let trades = [
        trade(1, 5, 100, 9, Side::Buy),
        trade(2, 7, 101, 500, Side::Sell),
        trade(3, 7, 102, 10, Side::Buy),
    ];
    let candles = candles(rule, &trades, 0);
    let volumes: Vec<i64> = candles.iter().map(|candle| candle.volume.0).collect();
    assert_eq!(volumes, [509, 10]);
    assert_eq!(
        (candles[0].open_ns, candles[0].close_ns),
        (TimestampNs(5), TimestampNs(7))
    );
    assert_eq!(candles[1].close_ns, TimestampNs(7));
}

#[test]
fn an_id_that_is_no_trade_is_in_no_candle() {
    let no_trade = Trade {
        is_market: false,
        ..trade(2, 20, 0, 0, Side::Buy)
    };
    let trades = [
        trade(1, 10, 100, 4, Side::Buy),
        no_trade,
        trade(3, 30, 100, 4, Side::Buy),
    ];
    let candles = candles(CandleRule::Trades { count: 2 }, &trades, 0);
    assert_eq!((candles[0].trade_count, candles[0].volume.0), (2, 8));
}

#[test]
fn what_overflows_is_refused_and_changes_nothing() {
    let rule = CandleRule::Volume { lots: i64::MAX };
    let mut tape = TradeTape::new(rule, 0);
    let mut put = |id, size| tape.on_trade(&trade(id, id, 1, size, Side::Buy), |_, _| {});
    assert_eq!(put(1, i64::MAX - 1), Ok(TradeOutcome::Applied));
    assert_eq!(put(2, 2), Err(CandleError::Overflow(2)));
    assert_eq!(put(2, 1), Ok(TradeOutcome::Applied));
    assert_eq!(tape.take_candles()[0].volume.0, i64::MAX);

    let interval_ns = i64::MAX;
    let mut builder = CandleBuilder::new(CandleRule::Time { interval_ns }, false);
    for trade_ns in [i64::MIN, -1, i64::MAX] {
        let late = trade(1, trade_ns, 1, 1, Side::Buy);
        let _ = builder.on_trade(&late, TimestampNs(trade_ns));
    }
    assert!(builder.take_closed().len() <= 1);
}

#[test]
fn rules_are_read_from_settings() {
    let read = CandleRule::from_settings;
    assert_eq!(
        read("time", Some(5), None),
        Ok(CandleRule::Time { interval_ns: 5 })
    );
    assert_eq!(
        read("trades", None, Some(5)),
        Ok(CandleRule::Trades { count: 5 })
    );
    assert_eq!(
        read("volume", None, Some(5)),
        Ok(CandleRule::Volume { lots: 5 })
    );
    let tick_lots = i128::from(i64::MAX) + 1;
    assert_eq!(
        read("notional", None, Some(tick_lots)),
        Ok(CandleRule::Notional { tick_lots })
    );
    assert_eq!(
        read("volume", None, Some(tick_lots)),
        Err(CandleRuleError::OutOfRange(tick_lots))
    );
    for (name, interval_ns, size, message) in [
        ("range", Some(5), None, "candle_rule \"range\" is unknown"),
        (
            "time",
            None,
            None,
            "candle_rule time needs candle_interval_ns",
        ),
        (
            "time",
            Some(0),
            None,
            "candle_interval_ns must be 1 or more, got 0",
        ),
        (
            "time",
            Some(5),
            Some(5),
            "candle_rule time does not use candle_size",
        ),
        ("trades", None, None, "candle_rule trades needs candle_size"),
        (
            "trades",
            Some(5),
            Some(5),
            "candle_rule trades does not use candle_interval_ns",
        ),
        (
            "notional",
            None,
            Some(-1),
            "candle_size must be 1 or more, got -1",
        ),
    ] {
        let error = read(name, interval_ns, size).expect_err("a bad rule");
        assert!(error.to_string().starts_with(message), "{error}");
    }
}
