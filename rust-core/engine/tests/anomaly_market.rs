//! The detectors of a market: each fires on a planted pattern and not on its calm counterpart; and the panel.

use openoutcry_engine::anomaly::Finding;
use openoutcry_engine::anomaly::burst::{Burst, BurstParameters};
use openoutcry_engine::anomaly::cause::{CAUSES, Cause, CauseSet};
use openoutcry_engine::anomaly::collapse::{Collapse, CollapseParameters};
use openoutcry_engine::anomaly::divergence::{Divergence, DivergenceParameters};
use openoutcry_engine::anomaly::episode::{EpisodeParameters, Episodes, Severity};
use openoutcry_engine::anomaly::iceberg::{Iceberg, IcebergParameters};
use openoutcry_engine::anomaly::ignition::{Ignition, IgnitionParameters};
use openoutcry_engine::anomaly::layering::{Layering, LayeringParameters};
use openoutcry_engine::anomaly::observation::{
    BookSeen, Detector, LevelChange, SecondSeen, TradeSeen,
};
use openoutcry_engine::anomaly::panel::{MarketPanel, PanelParameters};
use openoutcry_engine::anomaly::stuffing::{Stuffing, StuffingParameters};
use openoutcry_engine::anomaly::wash::{Wash, WashParameters};
use openoutcry_engine::book::l2::L2Book;
use openoutcry_engine::decode::{DepthUpdate, Level};
use openoutcry_engine::random::Random;
use openoutcry_engine::units::{NS_PER_MS, NS_PER_S, PriceTicks, Side, SizeLots, TimestampNs};
use proptest::prelude::*;

const MID: i64 = 6_000_000;

fn ms(at: i64) -> TimestampNs {
    TimestampNs((1_700_000_000_000 + at) * NS_PER_MS)
}

fn trade(at_ms: i64, taker: Side, price: i64, lots: i64) -> TradeSeen {
    TradeSeen {
        at_ns: ms(at_ms),
        price: PriceTicks(price),
        size: SizeLots(lots),
        taker,
    }
}

fn change(at_ms: i64, side: Side, distance_ticks: i64, before: i64, after: i64) -> LevelChange {
    let price = match side {
        Side::Buy => MID - distance_ticks,
        Side::Sell => MID + distance_ticks,
    };
    LevelChange {
        at_ns: ms(at_ms),
        side,
        price: PriceTicks(price),
        before: SizeLots(before),
        after: SizeLots(after),
        distance_ticks,
    }
}

fn book(at_ms: i64, bid: i64, ask: i64, lots: i64, depth: i64) -> BookSeen {
    let level = |price| Level {
        price: PriceTicks(price),
        size: SizeLots(lots),
    };
    BookSeen {
        at_ns: ms(at_ms),
        bid: level(bid),
        ask: level(ask),
        bid_depth: SizeLots(depth),
        ask_depth: SizeLots(depth),
    }
}

fn second(number: i64, from: i64, to: i64, trades: u32, lots: f64, signed: f64) -> SecondSeen {
    SecondSeen {
        end_ns: TimestampNs(number * NS_PER_S),
        close: PriceTicks(to),
        previous_close: PriceTicks(from),
        trades,
        volume_lots: lots,
        signed_lots: signed,
    }
}

fn causes(findings: impl IntoIterator<Item = Option<Finding>>) -> Vec<Cause> {
    let found = findings.into_iter().flatten();
    found
        .filter(Finding::is_alarm)
        .map(|finding| finding.cause)
        .collect()
}

fn last_text(findings: &[Option<Finding>]) -> String {
    let last = findings.iter().flatten().last().expect("a finding");
    last.text()
}

#[test]
fn a_spread_that_stays_wide_collapses_and_one_that_closes_does_not() {
    let mut collapse = Collapse::new(CollapseParameters::default()).expect("in range");
    let mut calm = Vec::new();
    for at in 0..300 {
        calm.push(collapse.on_book(&book(at * 100, MID, MID + 60, 100, 5_000)));
    }
    calm.push(collapse.on_book(&book(30_000, MID, MID + 6_000, 100, 5_000)));
    calm.push(collapse.on_book(&book(30_100, MID, MID + 60, 100, 5_000)));
    assert!(causes(calm).is_empty());
    let wide: Vec<_> = (0..6)
        .map(|at| collapse.on_book(&book(31_000 + at * 100, MID, MID + 6_000, 100, 5_000)))
        .collect();
    assert_eq!(causes(wide.clone())[0], Cause::SpreadCollapse);
    assert!(wide[..3].iter().all(Option::is_none), "it must last");
    assert!(
        last_text(&wide).starts_with("wide spread: spread_bp 9.99"),
        "{}",
        last_text(&wide)
    );
}

/// What the panel tells of a spread that is wide, and a minute later again.
fn twice_wide(between: impl FnOnce(&mut MarketPanel)) -> Vec<Cause> {
    let mut panel = MarketPanel::new(&PanelParameters::default()).expect("in range");
    for at in 0..300 {
        panel.on_book(&book(at * 100, MID, MID + 60, 100, 5_000));
    }
    panel.on_book(&book(31_000, MID, MID + 6_000, 100, 5_000));
    between(&mut panel);
    let told = panel.on_book(&book(91_000, MID, MID + 6_000, 100, 5_000));
    told.into_iter().map(|told| told.leading.cause).collect()
}

#[test]
fn what_went_on_in_a_lost_book_does_not_go_on_in_the_next() {
    assert_eq!(twice_wide(|_| ()), [Cause::SpreadCollapse], "it lasted");
    assert_eq!(twice_wide(MarketPanel::on_book_lost), []);
}

/// What the panel tells of a price that is another after an hour.
fn after_an_hour(between: impl FnOnce(&mut MarketPanel)) -> CauseSet {
    let mut panel = MarketPanel::new(&PanelParameters::default()).expect("in range");
    for at in 0..200 {
        panel.on_trade(&trade(at * 1_000, Side::Buy, MID + at % 5 * 100, 10));
    }
    between(&mut panel);
    for at in 3_800..3_803 {
        panel.on_trade(&trade(at * 1_000, Side::Buy, MID * 2, 10));
    }
    panel.verdict().causes
}

#[test]
fn a_price_is_not_compared_with_that_before_lost_trades() {
    assert!(after_an_hour(|_| ()).contains(Cause::ReturnOutlier));
    let causes = after_an_hour(MarketPanel::on_trades_lost);
    assert!(!causes.contains(Cause::ReturnOutlier), "{causes:?}");
}

#[test]
fn a_side_that_stays_thin_collapses() {
    let mut collapse = Collapse::new(CollapseParameters::default()).expect("in range");
    for at in 0..300 {
        let depth = 5_000 + (at % 7) * 100;
        assert_eq!(
            collapse.on_book(&book(at * 100, MID, MID + 10, 100, depth)),
            None
        );
    }
    let thin: Vec<_> = (0..30)
        .map(|at| collapse.on_book(&book(31_000 + at * 100, MID, MID + 10, 10, 200)))
        .collect();
    assert_eq!(causes(thin)[0], Cause::DepthCollapse);
}

fn stuffing(churning: bool) -> Vec<Cause> {
    let mut stuffing = Stuffing::new(StuffingParameters::default()).expect("in range");
    let mut found = Vec::new();
    for at in 0..600 {
        let is_flood = (500..510).contains(&at);
        let messages = if is_flood { 1_000 } else { 60 };
        // What was put there is gone again before the update, or stays.
        let changes = if is_flood && !churning { messages } else { 30 };
        for number in 0..changes as i64 {
            let (before, after) = if number % 2 == 0 { (0, 10) } else { (10, 0) };
            found.push(stuffing.on_level(&change(at * 100, Side::Buy, number % 50, before, after)));
        }
        stuffing.on_messages(messages);
    }
    causes(found)
}

#[test]
fn a_flood_that_leaves_no_trace_is_stuffing_and_one_that_moves_the_book_is_not() {
    assert!(
        stuffing(true)
            .iter()
            .all(|cause| *cause == Cause::QuoteStuffing)
    );
    assert!(!stuffing(true).is_empty());
    assert_eq!(stuffing(false), []);
}

/// Updates that change twenty levels. For a second each also tells levels as they were before, and between them
/// come new touches.
fn told_unchanged(levels: i64, touches: u32, counts_messages: bool) -> Vec<Cause> {
    let parameters = PanelParameters {
        counts_messages,
        ..PanelParameters::default()
    };
    let mut panel = MarketPanel::new(&parameters).expect("in range");
    let mut book = L2Book::new(4_096);
    let level = |price, lots| Level {
        price: PriceTicks(price),
        size: SizeLots(lots),
    };
    book.set(Side::Buy, level(MID, 1));
    book.set(Side::Sell, level(MID + 1, 1));
    let mut found = Vec::new();
    for at in 0..600_i64 {
        let is_flood = (500..510).contains(&at);
        let lots = |price| if price < 20 { 1 + (at + price) % 2 } else { 0 };
        let prices = 0..20 + if is_flood { levels } else { 2 };
        let update = DepthUpdate {
            event_ns: ms(at * 100),
            first_id: at + 1,
            last_id: at + 1,
            previous_id: at,
            bids: prices
                .map(|price| level(MID - 1 - price, lots(price)))
                .collect(),
            ..DepthUpdate::default()
        };
        for _ in 0..if is_flood { touches } else { 2 } {
            panel.on_touch();
        }
        let told = panel.before_update(&book, &update);
        found.extend(told.map(|told| told.leading.cause));
        for level in &update.bids {
            book.set(Side::Buy, *level);
        }
    }
    found
}

#[test]
fn what_leaves_the_book_as_it_was_is_counted_unless_ids_count_it() {
    assert_eq!(told_unchanged(1_000, 2, false), [Cause::QuoteStuffing]);
    assert_eq!(told_unchanged(2, 2_000, false), [Cause::QuoteStuffing]);
    assert_eq!(told_unchanged(2, 2, false), []);
    assert_eq!(
        told_unchanged(1_000, 2_000, true),
        [],
        "the ids say that there was one"
    );
}

#[test]
fn touches_told_while_there_is_no_book_are_not_counted() {
    let mut stuffing = Stuffing::new(StuffingParameters::default()).expect("in range");
    let mut lossy = stuffing.clone();
    lossy.on_messages(1_000_000);
    for at in 0..200 {
        if at == 150 {
            lossy.on_book_lost();
            lossy.on_messages(1_000_000);
            stuffing.on_book_lost();
        }
        let row = change(at * 100, Side::Buy, 1, 10 * (at % 2), 10 * ((at + 1) % 2));
        assert_eq!(lossy.on_level(&row), stuffing.on_level(&row));
        stuffing.on_messages(60);
        lossy.on_messages(60);
    }
    assert_eq!(format!("{lossy:?}"), format!("{stuffing:?}"));
}

/// Market makers move levels of up to 20 lots; then a level of `lots` comes, and goes after `life_ms`.
fn wall(lots: i64, life_ms: i64, executions: i64, traded: i64) -> Vec<Cause> {
    wall_by(
        LayeringParameters::default(),
        lots,
        life_ms,
        executions,
        traded,
    )
}

fn wall_by(
    parameters: LayeringParameters,
    lots: i64,
    life_ms: i64,
    executions: i64,
    traded: i64,
) -> Vec<Cause> {
    let mut layering = Layering::new(parameters).expect("in range");
    let mut random = Random::new(1);
    let mut found = Vec::new();
    for at in 0..400 {
        let size = 5 + random.below(15) as i64;
        found.push(layering.on_level(&change(at * 100, Side::Buy, 500 + at % 9, 0, size)));
        found.push(layering.on_level(&change(at * 100 + 50, Side::Buy, 500 + at % 9, size, 0)));
    }
    found.push(layering.on_level(&change(50_000, Side::Buy, 600, 0, lots)));
    for number in 0..executions {
        found.push(layering.on_trade(&trade(50_010 + number, Side::Buy, MID + 1, 3)));
    }
    if traded > 0 {
        found.push(layering.on_trade(&trade(50_030, Side::Sell, MID - 600, traded)));
    }
    found.push(layering.on_level(&change(50_000 + life_ms, Side::Buy, 600, lots - traded, 0)));
    causes(found)
}

#[test]
fn layers_are_not_judged_by_a_few_seconds() {
    let parameters = LayeringParameters {
        min_seen_ns: 60 * NS_PER_S,
        ..LayeringParameters::default()
    };
    assert_eq!(wall_by(parameters, 100, 500, 4, 0), [], "seen for 50 s");
}

#[test]
fn a_wall_withdrawn_after_executions_opposite_is_spoofing() {
    assert_eq!(wall(100, 500, 4, 0), [Cause::Layering]);
    assert_eq!(wall(20, 500, 4, 0), [], "as large as any");
    assert_eq!(
        wall(100, 500, 0, 0),
        [],
        "nothing was executed on the other side"
    );
    assert_eq!(wall(100, 60_000, 4, 0), [], "it stood for a minute");
    assert_eq!(wall(100, 500, 4, 60), [], "it was traded with");
}

#[test]
fn several_levels_at_once_are_layers() {
    let mut layering = Layering::new(LayeringParameters::default()).expect("in range");
    let mut found = Vec::new();
    for at in 0..200 {
        found.push(layering.on_level(&change(at * 500, Side::Sell, 500, 0, 20)));
        found.push(layering.on_level(&change(at * 500 + 50, Side::Sell, 500, 20, 0)));
    }
    assert!(causes(found.clone()).is_empty());
    found.clear();
    for rank in 0..6 {
        found.push(layering.on_level(&change(200_000 + rank, Side::Sell, 600 + rank, 0, 30)));
    }
    for number in 0..3 {
        found.push(layering.on_trade(&trade(200_020 + number, Side::Sell, MID, 3)));
    }
    for rank in 0..6 {
        found.push(layering.on_level(&change(200_200 + rank, Side::Sell, 600 + rank, 30, 0)));
    }
    assert_eq!(causes(found)[0], Cause::Layering);
}

/// A run of bought trades over `move_ticks`, and a way back of `back_ticks`.
fn ignition(move_ticks: i64, back_ticks: i64) -> Vec<Cause> {
    let mut ignition = Ignition::new(IgnitionParameters::default()).expect("in range");
    let mut found = Vec::new();
    for number in 0..60 {
        let (from, to) = (MID + number % 2 * 30, MID + (number + 1) % 2 * 30);
        found.push(ignition.on_second(&second(number, from, to, 5, 50.0, 0.0)));
    }
    for step in 0..=20 {
        let price = MID + move_ticks * step / 20;
        found.push(ignition.on_trade(&trade(60_000 + step * 50, Side::Buy, price, 10)));
    }
    for step in 1..=10 {
        let price = MID + move_ticks - back_ticks * step / 10;
        found.push(ignition.on_trade(&trade(61_200 + step * 50, Side::Sell, price, 10)));
    }
    causes(found)
}

#[test]
fn a_run_that_is_reversed_is_ignition_and_one_that_stays_is_news() {
    assert_eq!(ignition(6_000, 6_000), [Cause::MomentumIgnition]);
    assert_eq!(ignition(6_000, 500), []);
    assert_eq!(ignition(200, 200), [], "an ordinary move");
}

/// An ignited run of `steps` trades, 50 ms apart or all at once, with an order against it here and there.
fn run_of(pause_ms: i64, wait_ms: i64, opposite: i64) -> Vec<Cause> {
    let mut ignition = Ignition::new(IgnitionParameters::default()).expect("in range");
    let mut found = Vec::new();
    for number in 0..60 {
        let (from, to) = (MID + number % 2 * 30, MID + (number + 1) % 2 * 30);
        found.push(ignition.on_second(&second(number, from, to, 5, 50.0, 0.0)));
    }
    for step in 0..=20 {
        let (at_ms, price) = (60_000 + step * pause_ms, MID + 300 * step);
        found.push(ignition.on_trade(&trade(at_ms, Side::Buy, price, 10)));
        if step % 5 == 1 {
            found.push(ignition.on_trade(&trade(at_ms, Side::Sell, price, opposite)));
        }
    }
    let back_ms = 60_000 + 20 * pause_ms + wait_ms;
    found.push(ignition.on_trade(&trade(back_ms, Side::Sell, MID, 10)));
    // What comes after it is another matter.
    found.push(ignition.on_trade(&trade(back_ms + 1, Side::Sell, MID, 10)));
    causes(found)
}

#[test]
fn a_run_takes_time_bears_orders_against_it_and_is_reversed_soon() {
    assert_eq!(run_of(50, 300, 1), [Cause::MomentumIgnition]);
    assert_eq!(
        run_of(50, 300, 12),
        [Cause::MomentumIgnition],
        "the other side trades as well"
    );
    assert_eq!(run_of(0, 300, 1), [], "one order took all levels");
    assert_eq!(run_of(50, 3_000, 1), [], "it came back by itself");
}

/// Trades of 10 lots at a level that shows `shown` all the while.
fn iceberg(shown: i64) -> Vec<Cause> {
    let mut iceberg = Iceberg::new(IcebergParameters::default()).expect("in range");
    let mut found = Vec::new();
    for at in 0..20 {
        found.push(iceberg.on_book(&book(at * 100, MID, MID + 1, shown, 5_000)));
        found.push(iceberg.on_trade(&trade(at * 100 + 10, Side::Sell, MID, 10)));
    }
    causes(found)
}

#[test]
fn more_traded_than_ever_shown_is_an_iceberg() {
    assert!(iceberg(10).iter().all(|cause| *cause == Cause::Iceberg) && !iceberg(10).is_empty());
    assert_eq!(iceberg(200), []);
}

#[test]
fn a_lasting_gap_to_another_venue_or_to_the_peg_is_a_divergence() {
    let mut divergence = Divergence::new(DivergenceParameters::default()).expect("in range");
    let mut calm = Vec::new();
    for at in 0..400 {
        divergence.set_reference((MID + at % 3 * 10) as f64, ms(at * 100));
        calm.push(divergence.on_book(&book(at * 100, MID, MID + 1, 10, 100)));
    }
    assert!(causes(calm).is_empty());
    let mut apart = Vec::new();
    for at in 400..430 {
        divergence.set_reference(MID as f64, ms(at * 100));
        let mid = MID + MID / 200;
        apart.push(divergence.on_book(&book(at * 100, mid, mid + 1, 10, 100)));
    }
    assert_eq!(causes(apart.clone())[0], Cause::VenueDivergence);
    assert!(apart[..10].iter().all(Option::is_none), "it must last");
    let stale = divergence.on_book(&book(60_000, MID * 2, MID * 2 + 1, 10, 100));
    assert_eq!(stale, None, "an old price of the other venue says nothing");

    divergence.set_peg(Some(MID as f64)).expect("positive");
    let off: Vec<_> = (0..20)
        .map(|at| {
            divergence.on_book(&book(
                70_000 + at * 100,
                MID * 99 / 100,
                MID * 99 / 100 + 1,
                10,
                100,
            ))
        })
        .collect();
    assert_eq!(causes(off)[0], Cause::Depeg);
    assert!(divergence.set_peg(Some(0.0)).is_err());
}

#[test]
fn one_sided_trading_far_beyond_the_usual_is_a_burst() {
    let mut burst = Burst::new(BurstParameters::default()).expect("in range");
    let calm: Vec<_> = (0..200)
        .map(|number| burst.on_second(&second(number, MID, MID, 10, 100.0, 50.0)))
        .collect();
    assert!(causes(calm).is_empty());
    let mut both_sides = burst.clone();
    let balanced: Vec<_> = (200..206)
        .map(|number| both_sides.on_second(&second(number, MID, MID, 400, 9_000.0, 100.0)))
        .collect();
    assert!(causes(balanced).is_empty());
    let bought: Vec<_> = (200..206)
        .map(|number| burst.on_second(&second(number, MID, MID, 400, 9_000.0, 8_500.0)))
        .collect();
    assert_eq!(causes(bought)[0], Cause::TradeBurst);
}

/// Sixteen trades of `lots`, in turn bought and sold or all bought.
fn wash(lots: impl Fn(i64) -> i64, in_turn: bool) -> Vec<Cause> {
    let mut wash = Wash::new(WashParameters::default()).expect("in range");
    let mut random = Random::new(2);
    let mut found = Vec::new();
    for at in 0..200 {
        let side = if random.chance(0.5) {
            Side::Buy
        } else {
            Side::Sell
        };
        let lots = 1 + random.below(100) as i64;
        found.push(wash.on_trade(&trade(at * 100, side, MID, lots)));
    }
    for at in 0..16 {
        let side = if in_turn && at % 2 == 0 {
            Side::Sell
        } else {
            Side::Buy
        };
        found.push(wash.on_trade(&trade(30_000 + at * 100, side, MID, lots(at))));
    }
    causes(found)
}

#[test]
fn equal_sizes_back_and_forth_are_wash_prints() {
    assert!(!wash(|_| 77, true).is_empty());
    assert!(
        wash(|_| 77, true)
            .iter()
            .all(|cause| *cause == Cause::WashPrints)
    );
    assert_eq!(wash(|at| 77 + at, true), [], "different sizes");
    assert_eq!(wash(|_| 77, false), [], "one side");
    assert_eq!(wash(|_| 1, true), [], "a size that everybody trades");
}

fn episodes() -> Episodes {
    let parameters = EpisodeParameters {
        memory: 2,
        quiet: 5,
        refractory: 5,
        reminder: 10,
    };
    Episodes::new(parameters, [1.0; CAUSES]).expect("in range")
}

fn finding(cause: Cause, strength: f64) -> Finding {
    Finding::new(cause, strength, [0.0; 3])
}

#[test]
fn one_disturbance_is_told_once_with_its_causes_and_again_while_it_lasts() {
    let mut episodes = episodes();
    let told: Vec<_> = (0..25)
        .filter_map(|now| {
            let cause = if now % 2 == 0 {
                Cause::Layering
            } else {
                Cause::TradeBurst
            };
            episodes.observe([Some(finding(cause, 2.0))], now)
        })
        .collect();
    let when: Vec<_> = told
        .iter()
        .map(|told| (told.at_ns.0, told.began_ns.0))
        .collect();
    assert_eq!(when, [(0, 0), (10, 0), (20, 0)]);
    assert_eq!(told[1].causes.len(), 2);
    assert!(told[1].text().contains("with "), "{}", told[1].text());
    let verdict = episodes.verdict(24);
    assert_eq!((verdict.severity, verdict.began_ns.0), (Severity::Alarm, 0));
    assert_eq!(episodes.verdict(27).severity, Severity::Calm);
    assert!(
        episodes
            .observe([Some(finding(Cause::Iceberg, 2.0))], 40)
            .is_some_and(|told| told.began_ns.0 == 40)
    );
}

#[test]
fn weak_findings_support_each_other_but_two_are_not_enough() {
    let mut episodes = episodes();
    assert_eq!(
        episodes.observe([Some(finding(Cause::Layering, 0.7))], 0),
        None
    );
    assert_eq!(
        episodes.observe([Some(finding(Cause::TradeBurst, 0.7))], 0),
        None
    );
    assert_eq!(episodes.verdict(0).severity, Severity::Watch);
    assert!(
        episodes
            .observe([Some(finding(Cause::QuoteStuffing, 0.95))], 0)
            .is_some()
    );
}

#[test]
fn a_set_of_causes_holds_each() {
    let mut set = CauseSet::default();
    assert!(set.is_empty());
    for (at, cause) in Cause::ALL.into_iter().enumerate() {
        assert_eq!(cause.index(), at);
        set.insert(cause);
        assert!(set.contains(cause) && set.len() == at + 1);
    }
    let mut names: Vec<_> = set.iter().map(Cause::name).collect();
    names.dedup();
    assert_eq!(names.len(), CAUSES);
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![0..100_i64, Just(i64::MAX), 1..1_000_000_i64]
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Trade(TradeSeen),
    Level(LevelChange),
    Book(BookSeen),
    Reference(f64, i64),
}

fn step() -> impl Strategy<Value = Step> {
    let at = || {
        prop_oneof![
            0..400_000_i64,
            Just(i64::MAX / NS_PER_MS - 1_700_000_000_000)
        ]
    };
    prop_oneof![
        (at(), side(), 1..200_i64, amount())
            .prop_map(|(at, side, price, lots)| Step::Trade(trade(at, side, MID + price, lots))),
        (at(), side(), -50..9_000_i64, amount(), amount()).prop_map(
            |(at, side, distance, before, after)| Step::Level(change(
                at, side, distance, before, after
            ))
        ),
        (at(), 1..500_i64, amount(), amount()).prop_map(|(at, spread, lots, depth)| Step::Book(
            book(at, MID, MID + spread, lots, depth)
        )),
        (any::<f64>(), at()).prop_map(|(mid, at)| Step::Reference(mid, at)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_scores_are_scores_and_the_same_again(steps in prop::collection::vec(step(), 1..600)) {
        let parameters = PanelParameters::default();
        let mut panels = [0, 1].map(|_| MarketPanel::new(&parameters).expect("in range"));
        for step in steps {
            let told = panels.each_mut().map(|panel| match step {
                Step::Trade(trade) => panel.on_trade(&trade),
                Step::Level(change) => panel.on_level(&change),
                Step::Book(book) => panel.on_book(&book),
                Step::Reference(mid, at) => {
                    panel.set_reference(mid, ms(at));
                    None
                }
            });
            prop_assert_eq!(told[0], told[1]);
            let score = panels[0].verdict().score;
            prop_assert!((0.0..=1.0).contains(&score), "{}", score);
            if let Some(told) = told[0] {
                prop_assert!(!told.text().contains("NaN"), "{}", told.text());
            }
        }
    }
}

#[test]
fn parameters_out_of_range_are_refused() {
    let parameters = PanelParameters {
        layering: LayeringParameters {
            withdrawn_share: 2.0,
            ..LayeringParameters::default()
        },
        ..PanelParameters::default()
    };
    let error = MarketPanel::new(&parameters)
        .map(|_| ())
        .expect_err("refused");
    assert_eq!(
        error.to_string(),
        "withdrawn_share must be in [0.01, 1], got 2"
    );
    let mut weights = [1.0; CAUSES];
    weights[0] = f64::NAN;
    let parameters = PanelParameters {
        weights,
        ..PanelParameters::default()
    };
    assert!(MarketPanel::new(&parameters).is_err());
}

#[test]
fn a_new_panel_abstains() {
    let panel = MarketPanel::new(&PanelParameters::default()).expect("in range");
    let (abstaining, detectors) = panel.abstaining();
    assert_eq!(abstaining, detectors);
    assert_eq!(panel.verdict().severity, Severity::Calm);
}
