//! Accounts beside ledgers computed by hand, and beside their law: equity changes by what prices, fees and
//! funding change it by, and by nothing else.

use openoutcry_engine::simulation::account::{Account, Charge, Contract, Execution, Totals};
use openoutcry_engine::simulation::fees::{FeeAsset, FeeRates, FeeSchedule, FeeTier};
use openoutcry_engine::simulation::funding::{FundingMoment, FundingSchedule};
use openoutcry_engine::simulation::{AccountError, MAX_RATE, RATE_ONE};
use openoutcry_engine::units::{NS_PER_S, PriceTicks, Side, SizeLots, TimestampNs};
use proptest::prelude::*;

const DAY_NS: i64 = 86_400 * NS_PER_S;
/// BTC/USDT: a tick of 0.1 and a lot of 0.001: a tick·lot is 0.0001 USDT.
const SPOT: Contract = Contract::Spot {
    atoms_per_tick_lot: 10_000,
    base_atoms_per_lot: 100_000,
};
const LINEAR: Contract = Contract::Linear {
    atoms_per_tick_lot: 10_000,
};
/// Contracts of 100 USD at a tick of 0.1.
const INVERSE: Contract = Contract::Inverse {
    atoms_at_one_tick: 100_000_000_000,
};
const OPENING: i128 = 1_000_000_000_000;

fn fees(maker: i64, taker: i64, asset: FeeAsset) -> FeeSchedule {
    FeeSchedule::flat(FeeRates { maker, taker }, asset).expect("rates")
}

fn fill(side: Side, price: i64, lots: i64, is_maker: bool) -> Execution {
    Execution {
        at: TimestampNs(0),
        side,
        price: PriceTicks(price),
        size: SizeLots(lots),
        is_maker,
    }
}

#[test]
fn a_grid_makes_a_contract_or_is_too_fine() {
    // A tick of 0.1 and lots of 0.001 BTC; contracts of 100 USD.
    assert_eq!(Contract::linear(10_000_000, 100_000), Ok(LINEAR));
    assert_eq!(Contract::inverse(10_000_000, 10_000_000_000), Ok(INVERSE));
    let too_fine = |tick_atoms, lot_atoms| {
        Err(AccountError::TooFine {
            tick_atoms,
            lot_atoms,
        })
    };
    assert_eq!(Contract::linear(1, 1), too_fine(1, 1));
    assert_eq!(Contract::inverse(3, 1), too_fine(3, 1));
    assert!(matches!(
        Contract::inverse(0, 1),
        Err(AccountError::Unit { .. })
    ));
    assert!(matches!(
        Contract::inverse(1, i64::MAX),
        Err(AccountError::Overflow(_))
    ));
}

#[test]
fn a_linear_ledger_by_hand() {
    // Maker -0.5 bp, taker 7 bp.
    let schedule = fees(-5_000, 70_000, FeeAsset::Settlement);
    let mut account = Account::new(LINEAR, schedule, OPENING).expect("an account");
    // 0.003 BTC at 61,737.7: 185.2131 USDT; 7 bp of them are 0.12964917.
    let charge = account.fill(&fill(Side::Buy, 617_377, 3, false));
    let atoms = |atoms| Charge {
        atoms,
        is_base: false,
    };
    assert_eq!(charge, Ok(atoms(12_964_917)));
    assert_eq!(
        account.totals().cash_atoms,
        OPENING - 18_521_310_000 - 12_964_917
    );
    // 0.005 BTC sold at 61,800: 309 USDT; half a basis point back is 0.01545.
    let charge = account.fill(&fill(Side::Sell, 618_000, 5, true));
    assert_eq!(charge, Ok(atoms(-1_545_000)));
    // Short 0.002 at a mark of 61,750.1: a rate of 0.0001 brings 0.01235002 USDT.
    assert_eq!(
        account.pay_funding(PriceTicks(617_501), 10_000),
        Ok(-1_235_002)
    );
    // At 0.00012345 it is 0.0152460... : the part of an atom is not received.
    assert_eq!(
        account.pay_funding(PriceTicks(617_501), 12_345),
        Ok(-1_524_609)
    );
    let cash = OPENING - 18_521_310_000 - 12_964_917 + 30_900_000_000 + 1_545_000 + 2_759_611;
    let expected = Totals {
        cash_atoms: cash,
        position_lots: -2,
        fees_atoms: 12_964_917,
        rebates_atoms: 1_545_000,
        funding_atoms: -2_759_611,
        fills: 2,
        ..Totals::default()
    };
    assert_eq!(account.totals(), &expected);
    assert_eq!(
        account.equity_atoms(PriceTicks(617_000)),
        Ok(cash - 2 * 617_000 * 10_000)
    );
}

#[test]
fn a_spot_ledger_with_the_fee_in_what_is_received() {
    // 10 bp, as a newcomer pays on Binance.
    let schedule = fees(100_000, 100_000, FeeAsset::Received);
    let mut account = Account::new(SPOT, schedule, OPENING).expect("an account");
    let bought = account.fill(&fill(Side::Buy, 600_000, 10, false));
    // 0.01 BTC: 0.00001 BTC of fee.
    let expected = Charge {
        atoms: 1_000,
        is_base: true,
    };
    assert_eq!(bought, Ok(expected));
    // 0.005 BTC at 61,000.3: 305.0015 USDT; 0.3050015 of fee.
    let sold = account.fill(&fill(Side::Sell, 610_003, 5, false));
    let expected = Charge {
        atoms: 30_500_150,
        is_base: false,
    };
    assert_eq!(sold, Ok(expected));
    let cash = OPENING - 60_000_000_000 + 30_500_150_000 - 30_500_150;
    assert_eq!(account.totals().cash_atoms, cash);
    assert_eq!(account.totals().base_fees_atoms, 1_000);
    // 0.00499 BTC are left: at 61,000.7 they are worth 304.393493 USDT.
    assert_eq!(
        account.equity_atoms(PriceTicks(610_007)),
        Ok(cash + 30_439_349_300)
    );
    // A lot has 100,000 base atoms, so a base atom may be worth a part of an atom: rounded down.
    let tiny = Contract::Spot {
        atoms_per_tick_lot: 1,
        base_atoms_per_lot: 100_000,
    };
    let mut account = Account::new(tiny, fees(1_000, 0, FeeAsset::Base), 0).expect("an account");
    account.fill(&fill(Side::Buy, 7, 1, true)).expect("a fill");
    assert_eq!(account.totals().base_fees_atoms, 1);
    assert_eq!(account.equity_atoms(PriceTicks(7)), Ok(-1));
}

#[test]
fn an_inverse_ledger_by_hand() {
    let schedule = fees(10_000, 50_000, FeeAsset::Settlement);
    let mut account = Account::new(INVERSE, schedule, 100_000_000).expect("an account");
    // 3 contracts of 100 USD at 60,000.0: 0.005 BTC; 5 bp are 0.0000025.
    account
        .fill(&fill(Side::Buy, 600_000, 3, false))
        .expect("a fill");
    assert_eq!(account.totals().cash_atoms, 100_000_000 + 500_000 - 250);
    // Sold at 63,000.0: 300 / 63,000 = 0.0047619047...: 476,191 atoms are given, so 23,809 were won; 1 bp of
    // 476,190.47 is 48.
    account
        .fill(&fill(Side::Sell, 630_000, 3, true))
        .expect("a fill");
    assert_eq!(account.totals().cash_atoms, 100_000_000 + 23_809 - 250 - 48);
    assert_eq!(
        account.equity_atoms(PriceTicks(1)),
        Ok(100_000_000 + 23_511)
    );
    // Short 1 at 50,000: 0.002 BTC. At 40,000 its value is 0.0025: 50,000 atoms are lost.
    account
        .fill(&fill(Side::Sell, 500_000, 1, true))
        .expect("a fill");
    let before = account.totals().cash_atoms;
    assert_eq!(
        account.equity_atoms(PriceTicks(500_000)),
        Ok(before + 200_000)
    );
    assert_eq!(
        account.equity_atoms(PriceTicks(400_000)),
        Ok(before + 250_000)
    );
    // A short pays a negative rate: 1 bp of 0.0025 BTC.
    assert_eq!(account.pay_funding(PriceTicks(400_000), -10_000), Ok(25));
}

#[test]
fn a_higher_tier_is_paid_from_the_next_day_on() {
    let tiers = [(0, 100_000), (10_000_000_000, 90_000)].map(|(from_atoms, taker)| FeeTier {
        from_atoms,
        rates: FeeRates { maker: 0, taker },
    });
    let schedule = FeeSchedule::tiered(tiers.to_vec(), FeeAsset::Settlement).expect("they rise");
    let mut account = Account::new(LINEAR, schedule, OPENING).expect("an account");
    let mut charge = |day: i64| {
        let at = TimestampNs(day * DAY_NS);
        let fill = Execution {
            at,
            ..fill(Side::Buy, 1_000_000, 1, false)
        };
        account.fill(&fill).expect("a fill").atoms
    };
    // 100 USDT a fill: 0.1 USDT at 10 bp, 0.09 at 9 bp.
    assert_eq!(
        [charge(0), charge(0), charge(1)],
        [10_000_000, 10_000_000, 9_000_000]
    );
    assert_eq!([charge(31), charge(62)], [9_000_000, 10_000_000]);
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let schedule = fees(0, 0, FeeAsset::Base);
    assert_eq!(
        Account::new(LINEAR, schedule, 0),
        Err(AccountError::FeeAsset)
    );
    let contract = Contract::Linear {
        atoms_per_tick_lot: 0,
    };
    let schedule = fees(0, MAX_RATE, FeeAsset::Settlement);
    assert!(Account::new(contract, schedule.clone(), 0).is_err());
    let mut spot = Account::new(SPOT, schedule.clone(), 0).expect("an account");
    assert_eq!(
        spot.pay_funding(PriceTicks(1), 1),
        Err(AccountError::NoFunding)
    );

    let mut account = Account::new(LINEAR, schedule, i128::MIN + 5_000).expect("an account");
    let before = account.clone();
    let wild = [
        fill(Side::Buy, 0, 1, true),
        fill(Side::Buy, 1, 0, true),
        fill(Side::Buy, 1, -5, true),
        fill(Side::Buy, i64::MAX, i64::MAX, true),
        // The value does not fit below the cash.
        fill(Side::Buy, 1, 1, false),
    ];
    for fill in wild {
        assert!(account.fill(&fill).is_err(), "{fill:?}");
        assert_eq!(account, before);
    }
    assert!(account.pay_funding(PriceTicks(1), MAX_RATE + 1).is_err());
    assert!(account.pay_funding(PriceTicks(0), 1).is_err());
    account.fill(&fill(Side::Sell, 1, 1, true)).expect("room");
    let before = account.clone();
    // The fee alone does not fit: the schedule has not counted the fill either.
    let contract = Contract::Linear {
        atoms_per_tick_lot: i64::MAX,
    };
    let tight = fees(0, MAX_RATE, FeeAsset::Settlement);
    let mut huge = Account::new(contract, tight, i128::MAX).expect("an account");
    assert!(huge.fill(&fill(Side::Buy, i64::MAX, 1, false)).is_err());
    assert_eq!(huge.fees().traded_atoms(), 0);
    assert_eq!(account, before);
}

/// A day in an account's life.
#[derive(Debug, Clone, Copy)]
enum Step {
    Fill {
        buys: bool,
        price: i64,
        size: i64,
        is_maker: bool,
    },
    Fund {
        mark: i64,
        rate: i64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let price = 1_i64..2_000_000;
    let filled = (any::<bool>(), price.clone(), 1_i64..5_000, any::<bool>()).prop_map(
        |(buys, price, size, is_maker)| Step::Fill {
            buys,
            price,
            size,
            is_maker,
        },
    );
    let funded =
        (price, -2_000_000_i64..2_000_000).prop_map(|(mark, rate)| Step::Fund { mark, rate });
    prop::collection::vec(prop_oneof![4 => filled, 1 => funded], 1..80)
}

fn sides(buys: bool) -> Side {
    if buys { Side::Buy } else { Side::Sell }
}

proptest! {
    /// At every price: the equity's change is Σ position · Δprice − fees + rebates − funding.
    #[test]
    fn a_linear_account_conserves_cash_and_position(
        steps in steps(),
        maker in -50_000_i64..50_000,
        taker in 0_i64..100_000,
        is_spot in any::<bool>(),
    ) {
        let contract = if is_spot { SPOT } else { LINEAR };
        let schedule = fees(maker, taker, FeeAsset::Settlement);
        let mut account = Account::new(contract, schedule, OPENING).expect("an account");
        let (mut mark, mut position, mut expected) = (1_000_000, 0_i64, OPENING);
        for step in steps {
            let price = match step {
                Step::Fill { price, .. } => price,
                Step::Fund { mark, .. } => mark,
            };
            expected += i128::from(position) * i128::from(price - mark) * 10_000;
            mark = price;
            match step {
                Step::Fill { buys, price, size, is_maker } => {
                    let charge = account.fill(&fill(sides(buys), price, size, is_maker)).expect("fits");
                    let notional = i128::from(price) * i128::from(size) * 10_000;
                    let rate = if is_maker { maker } else { taker };
                    let over = charge.atoms * i128::from(RATE_ONE) - notional * i128::from(rate);
                    prop_assert!((0..i128::from(RATE_ONE)).contains(&over), "rounded against us");
                    expected -= charge.atoms;
                    position += if buys { size } else { -size };
                }
                Step::Fund { mark, rate } if !is_spot => {
                    let paid = account.pay_funding(PriceTicks(mark), rate).expect("fits");
                    let due = i128::from(position) * i128::from(mark) * 10_000 * i128::from(rate);
                    let over = paid * i128::from(RATE_ONE) - due;
                    prop_assert!((0..i128::from(RATE_ONE)).contains(&over), "rounded against us");
                    expected -= paid;
                }
                Step::Fund { .. } => {}
            }
            prop_assert_eq!(account.equity_atoms(PriceTicks(mark)), Ok(expected));
            let totals = account.totals();
            prop_assert_eq!(totals.position_lots, position);
            prop_assert_eq!(
                totals.cash_atoms + totals.fees_atoms - totals.rebates_atoms + totals.funding_atoms
                    + i128::from(position) * i128::from(mark) * 10_000,
                expected + totals.fees_atoms - totals.rebates_atoms + totals.funding_atoms
            );
        }
    }

    /// A spot account whose fees are taken from what it receives: the base fee is gone from what is held.
    #[test]
    fn fees_in_base_are_taken_from_the_holding(steps in steps(), rate in -50_000_i64..100_000) {
        let schedule = fees(rate, rate, FeeAsset::Received);
        let mut account = Account::new(SPOT, schedule, OPENING).expect("an account");
        let (mut cash, mut base) = (OPENING, 0_i128);
        for step in steps {
            let Step::Fill { buys, price, size, is_maker } = step else { continue };
            let charge = account.fill(&fill(sides(buys), price, size, is_maker)).expect("fits");
            let notional = i128::from(price) * i128::from(size) * 10_000;
            prop_assert_eq!(charge.is_base, buys);
            if buys {
                cash -= notional;
                base += i128::from(size) * 100_000 - charge.atoms;
            } else {
                cash += notional - charge.atoms;
                base -= i128::from(size) * 100_000;
            }
            prop_assert_eq!(account.totals().cash_atoms, cash);
            // 10,000 atoms a tick·lot of 100,000 base atoms: a base atom is worth a tenth of an atom a tick.
            let worth = (base * i128::from(price)).div_euclid(10);
            prop_assert_eq!(account.equity_atoms(PriceTicks(price)), Ok(cash + worth));
        }
    }

    /// An inverse account is below the exact value by less than an atom a booking, and one for the valuation.
    #[test]
    fn an_inverse_account_is_rounded_against_us_only(steps in steps(), rate in -50_000_i64..100_000) {
        // Prices that divide this have exact values; a common denominator makes all of them whole.
        const PRICES: [i64; 8] = [7, 9, 11, 13, 16, 17, 19, 25];
        const WHOLE: i128 = 7 * 9 * 11 * 13 * 16 * 17 * 19 * 25;
        let contract = Contract::Inverse { atoms_at_one_tick: 1_000_003 };
        let schedule = fees(rate, rate, FeeAsset::Settlement);
        let mut account = Account::new(contract, schedule, OPENING).expect("an account");
        let (mut exact, mut position, mut bookings) = (OPENING * WHOLE, 0_i64, 0_i128);
        let worth = |lots: i64, price: i64| i128::from(lots) * 1_000_003 * (WHOLE / i128::from(price));
        for step in steps {
            let (Step::Fill { price, .. } | Step::Fund { mark: price, .. }) = step;
            let price = PRICES[(price % 8) as usize];
            match step {
                Step::Fill { buys, size, is_maker, .. } => {
                    let charge = account.fill(&fill(sides(buys), price, size, is_maker)).expect("fits");
                    let bought = if buys { size } else { -size };
                    position += bought;
                    exact += worth(bought, price) - charge.atoms * WHOLE;
                    bookings += 1;
                }
                Step::Fund { rate, .. } => {
                    let paid = account.pay_funding(PriceTicks(price), rate).expect("fits");
                    let over = paid * WHOLE * i128::from(RATE_ONE) - worth(position, price) * i128::from(rate);
                    prop_assert!((0..WHOLE * i128::from(RATE_ONE)).contains(&over));
                    exact -= paid * WHOLE;
                }
            }
            let equity = account.equity_atoms(PriceTicks(price)).expect("fits") * WHOLE;
            let lost = exact - worth(position, price) - equity;
            prop_assert!((0..=(bookings + 1) * WHOLE).contains(&lost), "{} of {}", lost, WHOLE);
        }
    }

    /// Nothing panics, and what fails changes nothing.
    #[test]
    fn wild_numbers_are_errors(
        cash in any::<i128>(),
        fills in prop::collection::vec((any::<i64>(), any::<bool>(), any::<i64>(), any::<i64>()), 1..20),
        unit in 1_i64..,
        is_inverse in any::<bool>(),
    ) {
        let contract = if is_inverse {
            Contract::Inverse { atoms_at_one_tick: unit }
        } else {
            Contract::Linear { atoms_per_tick_lot: unit }
        };
        let schedule = fees(-MAX_RATE, MAX_RATE, FeeAsset::Settlement);
        let mut account = Account::new(contract, schedule, cash).expect("an account");
        for (at, buys, price, size) in fills {
            let before = account.clone();
            let wild = Execution { at: TimestampNs(at), ..fill(sides(buys), price, size, buys) };
            if account.fill(&wild).is_err() {
                prop_assert_eq!(&account, &before);
            }
            let before = account.clone();
            if account.pay_funding(PriceTicks(price), size).is_err() {
                prop_assert_eq!(&account, &before);
            }
            let _ = account.equity_atoms(PriceTicks(price));
        }
    }
}

#[test]
fn funding_is_paid_by_a_schedule() {
    let moment = |at, rate| FundingMoment {
        at: TimestampNs(at),
        rate,
    };
    let moments = vec![moment(8, 10_000), moment(16, -5_000)];
    let mut schedule = FundingSchedule::new(moments).expect("in order");
    let mut account =
        Account::new(LINEAR, fees(0, 0, FeeAsset::Settlement), OPENING).expect("an account");
    account
        .fill(&fill(Side::Buy, 600_000, 1, true))
        .expect("a fill");
    let mut paid = Vec::new();
    for now in [7, 8, 9, 30] {
        while let Some(due) = schedule.due(TimestampNs(now)) {
            paid.push(
                account
                    .pay_funding(PriceTicks(600_000), due.rate)
                    .expect("fits"),
            );
        }
    }
    // 60 USDT: 1 bp is 0.006, half a basis point back 0.003.
    assert_eq!(paid, [600_000, -300_000]);
    assert_eq!(account.totals().funding_atoms, 300_000);
}
