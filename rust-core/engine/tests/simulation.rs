//! The simulated market: quantity is conserved whatever is done to it, and nothing makes it panic.

use openoutcry_engine::matching::TimeInForce;
use openoutcry_engine::simulation::account::Contract;
use openoutcry_engine::simulation::fees::{FeeAsset, FeeRates, FeeSchedule, FeeTier};
use openoutcry_engine::simulation::impact::SquareRootImpact;
use openoutcry_engine::simulation::{
    Account, FillMode, InstrumentSettings, OrderLatency, OrderRequest, QueueModel, Quote, QuoteRow,
    Quotes, Report, ReportKind, Row, Simulation, Step, VenueRules, Watch, reason,
};
use openoutcry_engine::units::{PriceTicks, Side, SizeLots};
use proptest::prelude::*;
use std::collections::BTreeMap;

const ASK: i64 = 256;

fn settings(fill_mode: FillMode, queue_model: QueueModel, latency_ns: i64) -> InstrumentSettings {
    InstrumentSettings {
        rules: VenueRules {
            fill_mode,
            queue_model,
            halts: Vec::new(),
            reject_probability: 0.0,
            max_resting_orders: 50,
            impact: None,
        },
        latency: OrderLatency::constant(latency_ns, latency_ns).expect("in range"),
        account: Account::linear(1_000_000, 100_000, (-5_000, 70_000)).expect("in range"),
        lot: 0.001,
        is_by_order: queue_model == QueueModel::Fifo,
        window_ticks: 128,
    }
}

/// What the trader does at a timer.
#[derive(Debug, Clone)]
enum Act {
    Submit(OrderRequest),
    CancelOldest,
    Quote(i64, i64, i64),
    Nothing,
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn act() -> impl Strategy<Value = Act> {
    let time_in_force = prop_oneof![
        Just(TimeInForce::GoodTillCanceled),
        Just(TimeInForce::ImmediateOrCancel),
        Just(TimeInForce::FillOrKill)
    ];
    let submit = (
        side(),
        proptest::option::weighted(0.9, 95..=105_i64),
        1..40_i64,
        time_in_force,
        any::<bool>(),
    )
        .prop_map(|(side, price, size, time_in_force, post_only)| {
            let rests = price.is_some() && time_in_force == TimeInForce::GoodTillCanceled;
            Act::Submit(OrderRequest {
                side,
                price: price.map(PriceTicks),
                size: SizeLots(size),
                time_in_force,
                post_only: post_only && rests,
            })
        });
    prop_oneof![
        4 => submit,
        1 => Just(Act::CancelOldest),
        2 => (95..=100_i64, 101..=105_i64, 0..20_i64).prop_map(|(bid, ask, size)| Act::Quote(bid, ask, size)),
        1 => Just(Act::Nothing),
    ]
}

/// Levels, trades, touches and clears on a narrow grid, crossed at times; times are put in order.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    rows_of(1..120)
}

fn rows_of(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Row>> {
    let row = (
        0..30_i64,
        0..20_i64,
        0..12_u8,
        side(),
        95..=105_i64,
        0..30_i64,
    )
        .prop_map(|(gap, feed, code, side, price, size)| {
            let code = match code {
                0..=6 => 1,
                7..=9 => 2,
                10 => 5,
                _ => 3,
            };
            [gap, feed, code + ASK * side as i64, price, size, 0]
        });
    proptest::collection::vec(row, count).prop_map(|mut rows| {
        let (mut at_ns, mut seen_ns) = (0, 0);
        for row in &mut rows {
            at_ns += row[0];
            seen_ns = (at_ns + row[1]).max(seen_ns);
            (row[0], row[1]) = (at_ns, seen_ns);
        }
        rows
    })
}

/// Quotes with trades between them; one in forty rows tells of a second level, or clears one.
fn rows_of_quotes() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        0..30_i64,
        0..40_u8,
        side(),
        95..=105_i64,
        0..30_i64,
        any::<bool>(),
    )
        .prop_map(|(gap, code, side, price, size, is_same)| {
            let code = match code {
                0..=29 => 6,
                30..=38 => 2,
                _ => [1, 3, 5][size as usize % 3],
            };
            let gap = if is_same { 0 } else { gap };
            [gap, 0, code + ASK * side as i64, price, size, 0]
        });
    proptest::collection::vec(row, 1..150).prop_map(|mut rows| {
        let mut at_ns = 0;
        for row in &mut rows {
            at_ns += row[0];
            (row[0], row[1]) = (at_ns, at_ns + 3);
        }
        rows
    })
}

/// Adds, cancels, modifications and fills of orders, some of which do not fit.
fn rows_by_order() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        0..30_i64,
        10..=13_i64,
        side(),
        95..=105_i64,
        1..30_i64,
        1..25_i64,
    );
    proptest::collection::vec(row, 1..120).prop_map(|rows| {
        let mut at_ns = 0;
        let row = |(gap, code, side, price, size, id): (i64, i64, Side, i64, i64, i64)| {
            at_ns += gap;
            [at_ns, at_ns + 5, code + ASK * side as i64, price, size, id]
        };
        rows.into_iter().map(row).collect()
    })
}

/// Runs it; returns all reports and what is left open.
fn run(
    mut simulation: Simulation,
    rows: &[Row],
    acts: &[Act],
    chunk: usize,
) -> (Vec<Report>, Simulation) {
    let mut chunks = rows.chunks(chunk);
    let mut acts = acts.iter();
    let mut reports = Vec::new();
    loop {
        match simulation.advance().expect("it goes on") {
            Step::NeedRows(instrument) => match chunks.next() {
                Some(rows) => simulation.push_rows(instrument, rows).expect("in order"),
                None => simulation.end_rows(instrument).expect("it is there"),
            },
            Step::End => break,
            Step::Wake(wake) => {
                reports.extend(simulation.take_reports(0).expect("it is there"));
                if wake.reasons & reason::TIMER != 0 {
                    do_act(&mut simulation, acts.next().unwrap_or(&Act::Nothing));
                }
            }
        }
    }
    reports.extend(simulation.take_reports(0).expect("it is there"));
    (reports, simulation)
}

fn do_act(simulation: &mut Simulation, act: &Act) {
    match act {
        Act::Submit(order) => {
            simulation.submit(0, *order).expect("an order");
        }
        Act::CancelOldest => {
            let oldest = simulation
                .orders(0)
                .expect("it is there")
                .first()
                .map(|order| order.id);
            if let Some(id) = oldest {
                simulation.cancel(0, id).expect("it is open");
            }
        }
        Act::Quote(bid, ask, size) => {
            let quote = |price_ticks| Quote {
                price_ticks,
                size_lots: *size,
            };
            let quotes = Quotes {
                bid: quote(*bid),
                ask: quote(*ask),
            };
            simulation.set_quotes(0, &quotes).expect("quotes");
        }
        Act::Nothing => {}
    }
}

/// filled + leaves is the size at each report, fills add up, nothing comes after the end, and the account has it.
fn check_conservation(reports: &[Report], simulation: &Simulation) -> Result<(), TestCaseError> {
    let mut orders: BTreeMap<i64, (i64, i64, bool)> = BTreeMap::new();
    let mut position = 0;
    for report in reports {
        if matches!(report.kind, ReportKind::CancelRejected(_)) {
            continue;
        }
        let size = report.filled.0 + report.leaves.0;
        let (known, filled, is_over) = orders.entry(report.id).or_insert((size, 0, false));
        prop_assert!(!*is_over, "{report:?} after the end");
        *filled += report.last.0;
        *is_over = report.is_final();
        prop_assert_eq!((size, report.filled.0), (*known, *filled));
        prop_assert!(report.leaves.0 >= 0 && report.last.0 >= 0);
        prop_assert_eq!(report.last.0 > 0, report.kind == ReportKind::Fill);
        position += if report.side == Side::Buy {
            report.last.0
        } else {
            -report.last.0
        };
    }
    prop_assert_eq!(
        simulation.account(0).expect("it is there").position_lots(),
        position
    );
    for own in simulation.orders(0).expect("it is there") {
        let (size, filled, is_over) = orders[&own.id];
        prop_assert!(!is_over);
        prop_assert_eq!((size, size - filled), (own.order.size.0, own.leaves.0));
    }
    Ok(())
}

/// What we have bought up to any moment is no more than what was sold into the bids, and shown of the asks, until
/// then; and the same of what we have sold. Each row offers its size once.
fn check_supply(reports: &[Report], rows: &[Row]) -> Result<(), TestCaseError> {
    for side in [Side::Buy, Side::Sell] {
        let other = ASK * side.opposite() as i64;
        let mut bought = 0;
        for report in reports.iter().filter(|report| report.side == side) {
            bought += report.last.0;
            let offers = |row: &&Row| {
                row[0] <= report.exchange_ns.0 && row[2] & ASK == other && row[2] & 0xFF != 3
            };
            let offered: i64 = rows.iter().filter(offers).map(|row| row[4]).sum();
            prop_assert!(bought <= offered, "{bought} of {offered} by {report:?}");
        }
    }
    Ok(())
}

fn new_simulation(settings: InstrumentSettings) -> Simulation {
    let mut simulation = Simulation::new(7);
    simulation.add_instrument(settings).expect("before the run");
    simulation.every(17).expect("before the run");
    simulation
        .watch(0, Watch::new(true, false, None, None))
        .expect("it is there");
    simulation
}

/// Cash is what fills have moved, each rounded against us once, less their fees; at any price what is held and
/// owed makes it whole.
fn check_cash(
    reports: &[Report],
    simulation: &Simulation,
    contract: Contract,
) -> Result<(), TestCaseError> {
    let (mut cash, mut fees, mut exact) = (0, 0, 0.0);
    for report in reports.iter().filter(|report| report.last.0 > 0) {
        let bought = match report.side {
            Side::Buy => i128::from(report.last.0),
            Side::Sell => -i128::from(report.last.0),
        };
        let price = i128::from(report.price.0);
        cash += match contract {
            Contract::Inverse { atoms_at_one_tick } => {
                (bought * i128::from(atoms_at_one_tick)).div_euclid(price)
            }
            Contract::Spot {
                atoms_per_tick_lot, ..
            }
            | Contract::Linear { atoms_per_tick_lot } => {
                -bought * price * i128::from(atoms_per_tick_lot)
            }
        };
        if let Contract::Inverse { atoms_at_one_tick } = contract {
            exact += bought as f64 * atoms_at_one_tick as f64 * (1.0 / price as f64 - 1.0 / 100.0);
        }
        fees += report.fee_atoms;
    }
    let account = simulation.account(0).expect("it is there");
    let totals = account.totals();
    prop_assert_eq!(totals.cash_atoms, cash - fees);
    prop_assert_eq!(totals.fees_atoms - totals.rebates_atoms, fees);
    if matches!(contract, Contract::Inverse { .. }) {
        let lost =
            exact - fees as f64 - account.equity_atoms(PriceTicks(100)).expect("fits") as f64;
        // Floats of 10^12 are good for a thousandth of an atom.
        prop_assert!(
            (-0.1..totals.fills as f64 + 1.1).contains(&lost),
            "{lost} of {} fills",
            totals.fills
        );
    }
    Ok(())
}

/// Three tiers, the last of which is a rebate for makers.
fn tiered() -> FeeSchedule {
    let tier = |from_atoms, maker, taker| FeeTier {
        from_atoms,
        rates: FeeRates { maker, taker },
    };
    let tiers = vec![
        tier(0, 10_000, 90_000),
        tier(1_000_000, 3_000, 50_000),
        tier(1 << 40, -5_000, 40_000),
    ];
    FeeSchedule::tiered(tiers, FeeAsset::Settlement).expect("they rise")
}

fn model() -> impl Strategy<Value = QueueModel> {
    prop_oneof![
        Just(QueueModel::RiskAverse),
        Just(QueueModel::Power(2.0)),
        Just(QueueModel::Power2(1.5)),
        Just(QueueModel::Power3(3.0)),
        Just(QueueModel::Log),
        Just(QueueModel::Log2),
    ]
}

fn mode() -> impl Strategy<Value = FillMode> {
    prop_oneof![Just(FillMode::Partial), Just(FillMode::Whole)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn quantity_is_conserved(
        rows in rows(), acts in proptest::collection::vec(act(), 0..60), model in model(), mode in mode(),
        latency_ns in 0..40_i64, chunk in 1..40_usize,
    ) {
        let simulation = new_simulation(settings(mode, model, latency_ns));
        let (reports, simulation) = run(simulation, &rows, &acts, chunk);
        check_conservation(&reports, &simulation)?;
        if mode == FillMode::Partial {
            check_supply(&reports, &rows)?;
        }
    }

    #[test]
    fn quantity_is_conserved_by_order(
        rows in rows_by_order(), acts in proptest::collection::vec(act(), 0..60), mode in mode(),
        latency_ns in 0..40_i64,
    ) {
        let simulation = new_simulation(settings(mode, QueueModel::Fifo, latency_ns));
        let (reports, simulation) = run(simulation, &rows, &acts, 16);
        check_conservation(&reports, &simulation)?;
    }

    /// With tiers and impact, and for coins: an account is its fills. Impact changes prices of takers alone, for
    /// the worse and within their limits.
    #[test]
    fn cash_is_conserved_and_impact_only_costs(
        rows in rows_of(300..500), acts in proptest::collection::vec(act(), 0..200), mode in mode(),
        is_inverse in any::<bool>(), coefficient in 0.1..3.0_f64, gap_ns in 20_000_000..20_000_000_000_i64,
    ) {
        let contract = if is_inverse {
            Contract::inverse(10_000_000, 10_000_000_000)
        } else {
            Contract::linear(1_000_000, 100_000)
        };
        let contract = contract.expect("whole atoms");
        let rows: Vec<Row> = rows
            .into_iter()
            .map(|[at, seen, kind, price, size, id]| [at * gap_ns, seen * gap_ns, kind, price, size, id])
            .collect();
        let mut ran = Vec::new();
        for impact in [None, Some(SquareRootImpact::new(coefficient, 0.5).expect("numbers"))] {
            let mut settings = settings(mode, QueueModel::RiskAverse, 1_000);
            settings.account = Account::new(contract, tiered(), 0).expect("an account");
            settings.rules.impact = impact;
            let mut simulation = Simulation::new(7);
            simulation.add_instrument(settings).expect("before the run");
            simulation.every(17 * gap_ns).expect("before the run");
            simulation.watch(0, Watch::new(true, false, None, None)).expect("it is there");
            let (reports, simulation) = run(simulation, &rows, &acts, 100);
            check_conservation(&reports, &simulation)?;
            check_cash(&reports, &simulation, contract)?;
            ran.push(reports);
        }
        prop_assert_eq!(ran[0].len(), ran[1].len());
        for (free, paid) in ran[0].iter().zip(&ran[1]) {
            let worse = match free.side {
                Side::Buy => paid.price.0 - free.price.0,
                Side::Sell => free.price.0 - paid.price.0,
            };
            prop_assert!(worse >= 0 && (worse == 0 || !paid.is_maker));
            let same = Report { price: free.price, fee_atoms: free.fee_atoms, ..*paid };
            prop_assert_eq!(*free, same);
        }
    }

    /// Whether the sides run ahead of each other between timers, or go moment by moment, and in which pieces the
    /// rows come: the venue does the same.
    #[test]
    fn how_it_is_run_makes_no_difference(
        rows in rows(), acts in proptest::collection::vec(act(), 0..60), mode in mode(), latency_ns in 0..40_i64,
        chunk in 1..40_usize,
    ) {
        let settings = settings(mode, QueueModel::Power(2.0), latency_ns);
        let mut by_timer = new_simulation(settings.clone());
        by_timer.watch(0, Watch::default()).expect("it is there");
        let mut by_moment = new_simulation(settings);
        by_moment.watch(0, Watch::new(true, true, Some(1), Some(100))).expect("it is there");
        let (_, mut by_timer) = run(by_timer, &rows, &acts, 1_000);
        let (_, mut by_moment) = run(by_moment, &rows, &acts, chunk);
        prop_assert_eq!(by_timer.take_fills(0), by_moment.take_fills(0));
        prop_assert_eq!(by_timer.account(0), by_moment.account(0));
        prop_assert_eq!(by_timer.orders(0), by_moment.orders(0));
    }

    /// A book of one level is a ladder: one that has been told of depth, by a deletion of nothing, is the oracle.
    #[test]
    fn a_book_of_one_level_is_a_ladder(
        rows in rows_of_quotes(), acts in proptest::collection::vec(act(), 0..60), model in model(), mode in mode(),
        latency_ns in 0..40_i64,
    ) {
        let [at_ns, seen_ns, ..] = rows[0];
        let ran = [0, 1].map(|kind| {
            let mut told = vec![[at_ns, seen_ns, kind, 1, 0, 0]];
            told.extend(&rows);
            let mut simulation = new_simulation(settings(mode, model, latency_ns));
            simulation.watch(0, Watch::new(true, true, Some(2), Some(100))).expect("it is there");
            let (reports, mut simulation) = run(simulation, &told, &acts, 20);
            let levels = [Side::Buy, Side::Sell].map(|side| {
                simulation.levels(0, side).expect("it is there").collect::<Vec<_>>()
            });
            let fills = simulation.take_fills(0).expect("it is there");
            (reports, fills, levels, simulation.touch(0).expect("it is there"))
        });
        prop_assert_eq!(&ran[0], &ran[1]);
    }

    /// Quotes are rows of both sides' only levels; a bad one is refused, and leaves everything as it was.
    #[test]
    fn quotes_are_rows_of_only_levels(
        quotes in proptest::collection::vec((0..9_i64, 90..105_i64, 1..6_i64, 0..9_i64, 0..9_i64), 1..60),
        acts in proptest::collection::vec(act(), 0..30), feed_ns in 0..30_i64,
    ) {
        let mut at_ns = 0;
        let quotes: Vec<QuoteRow> = quotes
            .into_iter()
            .map(|(gap, bid, spread, bid_lots, ask_lots)| {
                at_ns += gap;
                [at_ns, bid, bid + spread, bid_lots, ask_lots]
            })
            .collect();
        let rows: Vec<Row> = quotes
            .iter()
            .flat_map(|[at, bid, ask, bid_lots, ask_lots]| {
                [[*at, at + feed_ns, 6, *bid, *bid_lots, 0], [*at, at + feed_ns, 6 + ASK, *ask, *ask_lots, 0]]
            })
            .collect();
        let mut as_quotes = new_simulation(settings(FillMode::Partial, QueueModel::RiskAverse, 2));
        let bad = [at_ns + 1, 5, 6, -1, 1];
        let wrong = as_quotes.push_quotes(0, &[quotes[0], bad], feed_ns);
        prop_assert_eq!(wrong.map_err(|error| error.row), Err(1));
        as_quotes.push_quotes(0, &quotes, feed_ns).expect("in order");
        let late = as_quotes.push_quotes(0, &[[-1, 5, 6, 1, 1]], feed_ns);
        prop_assert_eq!(late.map_err(|error| error.row), Err(quotes.len() as u64));
        let as_rows = new_simulation(settings(FillMode::Partial, QueueModel::RiskAverse, 2));
        let (told, by_quotes) = run(as_quotes, &[], &acts, 1);
        let (expected, by_rows) = run(as_rows, &rows, &acts, 1_000);
        prop_assert_eq!(told, expected);
        prop_assert_eq!(by_quotes.touch(0), by_rows.touch(0));
        prop_assert_eq!(by_quotes.rows(0), Ok((quotes.len() as u64, 0)));
    }

    /// Any numbers at all are taken or refused.
    #[test]
    fn wild_rows_are_refused_or_taken(
        rows in proptest::collection::vec(
            (any::<i64>(), any::<i64>(), 0..600_i64, any::<i64>(), any::<i64>(), any::<i64>())
                .prop_map(|(a, b, kind, price, size, id)| [a >> 1, b >> 1, kind, price, size, id]),
            0..50,
        ),
        mild in rows(), by_order in any::<bool>(),
    ) {
        let model = if by_order { QueueModel::Fifo } else { QueueModel::Log };
        let mut simulation = new_simulation(settings(FillMode::Partial, model, 1));
        for row in rows.iter().chain(&mild) {
            let _ = simulation.push_rows(0, &[*row]);
        }
        simulation.end_rows(0).expect("it is there");
        while simulation.advance().expect("it goes on") != Step::End {}
    }
}
