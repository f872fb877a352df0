//! The study of the queue models (`examples/queue_models`): its rules on a made day, and on LOBSTER's GOOG sample in
//! `../shared/data` beside the checkout; says so and passes where that is absent.

#[allow(dead_code, reason = "the example uses the rest")]
#[path = "../examples/queue_models/lobster_day.rs"]
mod lobster_day;
#[allow(dead_code, reason = "the example uses the rest")]
#[path = "../examples/queue_models/phantom.rs"]
mod phantom;
#[allow(dead_code, reason = "the example uses the rest")]
#[path = "../examples/queue_models/replay.rs"]
mod replay;

use std::path::PathBuf;

use lobster_day::Day;
use openoutcry_engine::simulation::QueueModel;
use phantom::{Fate, Meeting, Phantom};
use replay::{End, Plan, RealOrder};

const NS_PER_S: i64 = 1_000_000_000;
const MODELS: [QueueModel; 4] = [
    QueueModel::RiskAverse,
    QueueModel::Power(1.0),
    QueueModel::Power3(3.0),
    QueueModel::Log,
];

fn plan(from_s: i64, to_s: i64, count: usize) -> Plan {
    Plan {
        seed: 7,
        count,
        from_ns: from_s * NS_PER_S,
        to_ns: to_s * NS_PER_S,
        stay_ns: 60 * NS_PER_S,
        depth_every_ns: 0,
    }
}

/// One bid level of 300 shares by three orders, of which the middle one is withdrawn; and an ask far away. A line is
/// a message and the book after it: ask price, ask size, bid price, bid size.
const DAY: [(&str, &str); 8] = [
    ("1,1,10,100,1000,1", "2000,50,1000,100"),
    ("2,1,11,100,1000,1", "2000,50,1000,200"),
    ("3,1,12,100,1000,1", "2000,50,1000,300"),
    // The phantoms join here, behind 300, and another order behind them.
    ("5,1,13,100,1000,1", "2000,50,1000,400"),
    ("6,3,11,100,1000,1", "2000,50,1000,300"),
    ("7,4,10,100,1000,1", "2000,50,1000,200"),
    ("8,4,12,100,1000,1", "2000,50,1000,100"),
    ("9,4,13,40,1000,1", "2000,50,1000,60"),
];

fn made_day(lines: &[(&str, &str)]) -> Day {
    let text = |part: fn(&(&str, &str)) -> String| lines.iter().map(part).collect::<String>();
    let messages = text(|line| format!("{}\n", line.0));
    let books = text(|line| format!("{}\n", line.1));
    Day::parse(messages.as_bytes(), books.as_bytes()).expect("a day")
}

/// The bids at the best level that join between the third and the fourth message.
fn joined(day: &Day) -> Vec<Phantom> {
    let found = replay::phantoms(day, &plan(3, 5, 60), &MODELS);
    let found = found
        .into_iter()
        .filter(|phantom| phantom.place.price == 1_000 && phantom.place.at_ns > 3 * NS_PER_S);
    found.collect()
}

#[test]
fn a_phantom_is_filled_when_its_turn_has_come_and_an_execution_reaches_it() {
    let found = joined(&made_day(&DAY));
    assert!(!found.is_empty());
    for phantom in found {
        assert_eq!(phantom.place.ahead, 300);
        assert_eq!(phantom.truth.first_ns, Some(9 * NS_PER_S));
        let is_whole = phantom.place.size <= 40;
        assert_eq!(phantom.truth.whole_ns.is_some(), is_whole, "40 shares came");
        assert_eq!(phantom.cause, Some(Meeting::AtPrice));
        assert_eq!(phantom.touched, Some((Meeting::AtPrice, 7 * NS_PER_S)));
        // 400 shares, 100 of which go without a trade: from behind, says the first, and then 200 trades do not
        // reach behind 300; the second takes a quarter of them from behind, so that 225 stand before.
        let first = |index: usize| phantom.believed[index].first_ns;
        assert_eq!(first(0), None);
        assert_eq!(first(1), Some(9 * NS_PER_S));
    }
}

#[test]
fn a_trade_at_a_worse_price_or_an_order_that_crosses_fills_too() {
    let mut lines = DAY[..4].to_vec();
    lines.push(("6,4,1,30,900,1", "2000,50,1000,400"));
    for phantom in joined(&made_day(&lines)) {
        assert_eq!(phantom.truth.first_ns, Some(6 * NS_PER_S));
        assert_eq!(phantom.cause, Some(Meeting::Through));
        let fates: Vec<Fate> = phantom.believed.clone();
        assert!(fates.iter().all(|fate| *fate == phantom.truth));
    }
    lines.truncate(4);
    lines.push(("6,1,14,30,1000,-1", "1000,30,1000,400"));
    for phantom in joined(&made_day(&lines)) {
        assert_eq!(phantom.cause, Some(Meeting::Cross));
    }
}

/// The rule says what is recorded, at the very message.
fn agrees(order: &RealOrder) -> bool {
    match order.end {
        End::Withdrawn | End::Unknown => order.reached.is_none(),
        End::Traded => order.reached == Some(order.ended),
    }
}

#[test]
fn real_orders_are_filled_when_the_rule_says() {
    let found = replay::real_orders(&made_day(&DAY), &plan(0, 100, 0));
    let told: Vec<_> = found
        .iter()
        .map(|order| (order.end, order.ended, agrees(order)))
        .collect();
    let expected = [
        (End::Withdrawn, 4, true),
        (End::Traded, 5, true),
        (End::Traded, 6, true),
        (End::Traded, 7, true),
    ];
    assert_eq!(told, expected);
    // Out of turn: the second is served before the first.
    let lines = [DAY[0], DAY[1], ("7,4,11,100,1000,1", "2000,50,1000,100")];
    let lines = [&lines[..], &[("8,4,10,100,1000,1", "2000,50,900,1")]].concat();
    let found = replay::real_orders(&made_day(&lines), &plan(0, 100, 0));
    let agrees: Vec<bool> = found.iter().map(agrees).collect();
    assert_eq!(agrees, [true, false]);
}

fn recorded() -> Option<Day> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/lobster_l3_2012");
    let file = |kind: &str| {
        folder.join(format!(
            "GOOG_2012-06-21_34200000_57600000_{kind}_10.csv.zst"
        ))
    };
    if !folder.is_dir() {
        eprintln!("skipped: no {}", folder.display());
        return None;
    }
    Some(Day::read(&file("message"), &file("orderbook")).expect("a day"))
}

#[test]
fn the_rule_tells_the_fate_of_recorded_orders() {
    let Some(day) = recorded() else { return };
    let plan = Plan {
        stay_ns: 300 * NS_PER_S,
        ..plan(34_200, 57_600, 0)
    };
    let mut told = [(0, 0); 3];
    for order in replay::real_orders(&day, &plan) {
        let (all, agree) = &mut told[order.end as usize];
        *all += 1;
        *agree += usize::from(agrees(&order));
    }
    // Withdrawn, traded; and those that may have been withdrawn out of view, of which the rule fills some.
    assert_eq!(told, [(61_779, 61_778), (5_443, 5_440), (3_900, 2_807)]);
}

#[test]
fn a_slice_of_the_study_is_the_same_again_and_the_cautious_model_fills_nothing_too_early() {
    let Some(day) = recorded() else { return };
    let plan = plan(36_000, 37_800, 2_000);
    let found = replay::phantoms(&day, &plan, &MODELS);
    let again = replay::phantoms(&day, &plan, &MODELS);
    assert_eq!(found.len(), 2_000);
    let fates = |phantoms: &[Phantom]| -> Vec<(Fate, Vec<Fate>)> {
        let fate = |phantom: &Phantom| (phantom.truth, phantom.believed.clone());
        phantoms.iter().map(fate).collect()
    };
    assert_eq!(fates(&found), fates(&again));
    let early = |index: usize| {
        let is_early = |phantom: &&Phantom| {
            let believed = phantom.believed[index].first_ns;
            believed.is_some_and(|at| phantom.truth.first_ns.is_none_or(|truth| at < truth))
        };
        found.iter().filter(is_early).count()
    };
    assert_eq!(early(0), 0);
    assert!(early(1) > 0);
    let touched_too_late = found.iter().any(|phantom| {
        phantom
            .truth
            .first_ns
            .is_some_and(|truth| phantom.touched.is_none_or(|(_, at)| at > truth))
    });
    assert!(!touched_too_late);
}
