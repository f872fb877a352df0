//! The windowed book against a slow, obvious one.

use std::collections::BTreeMap;

use openoutcry_engine::book::l2::L2Book;
use openoutcry_engine::decode::Level;
use openoutcry_engine::units::{PriceTicks, Side, SizeLots};
use proptest::prelude::*;

/// Small, so that a short run leaves the window in both directions many times.
const WINDOW_TICKS: usize = 128;

#[derive(Debug, Default)]
struct ReferenceBook {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl ReferenceBook {
    fn set(&mut self, side: Side, price: i64, lots: i64) -> i64 {
        let levels = if side == Side::Buy {
            &mut self.bids
        } else {
            &mut self.asks
        };
        let previous = if lots == 0 {
            levels.remove(&price)
        } else {
            levels.insert(price, lots)
        };
        previous.unwrap_or(0)
    }

    fn levels(&self, side: Side) -> Vec<(i64, i64)> {
        let copied = |(price, size): (&i64, &i64)| (*price, *size);
        match side {
            Side::Buy => self.bids.iter().rev().map(copied).collect(),
            Side::Sell => self.asks.iter().map(copied).collect(),
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Set a level at an offset from the drifting middle.
    Set(Side, i64, i64),
    /// Delete the best level of a side, as a market order does.
    DeleteBest(Side),
    /// The market moves.
    Drift(i64),
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let side = || prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let offset = prop_oneof![6 => -40_i64..40, 3 => -400_i64..400, 1 => -1_000_000_i64..1_000_000];
    let lots = prop_oneof![3 => Just(0_i64), 5 => 1_i64..1_000];
    prop_oneof![
        80 => (side(), offset, lots).prop_map(|(side, offset, lots)| Step::Set(side, offset, lots)),
        20 => side().prop_map(Step::DeleteBest),
        6 => (-300_i64..300).prop_map(Step::Drift),
        1 => Just(Step::Clear),
    ]
}

fn pairs(book: &L2Book, side: Side) -> Vec<(i64, i64)> {
    book.levels(side)
        .map(|level| (level.price.0, level.size.0))
        .collect()
}

fn level(price: i64, size: i64) -> Level {
    Level {
        price: PriceTicks(price),
        size: SizeLots(size),
    }
}

fn check_equal(book: &L2Book, reference: &ReferenceBook) -> Result<(), TestCaseError> {
    for side in [Side::Buy, Side::Sell] {
        let expected = reference.levels(side);
        let best = book.best(side).map(|level| (level.price.0, level.size.0));
        prop_assert_eq!(best, expected.first().copied());
        prop_assert_eq!(book.len(side), expected.len());
        prop_assert_eq!(pairs(book, side), expected);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_windowed_book_equals_the_obvious_one(steps in prop::collection::vec(step(), 1..400)) {
        let mut book = L2Book::new(WINDOW_TICKS);
        let mut reference = ReferenceBook::default();
        let mut middle = 2_000_000;
        for step in steps {
            let (side, price, lots) = match step {
                Step::Drift(ticks) => { middle += ticks; continue }
                Step::Clear => { book.clear(); reference = ReferenceBook::default(); continue }
                Step::Set(side, offset, lots) => (side, middle + offset, lots),
                Step::DeleteBest(side) => match reference.levels(side).first() {
                    Some((price, _)) => (side, *price, 0),
                    None => continue,
                },
            };
            let known = book.size_at(side, PriceTicks(price)).0;
            let previous = book.set(side, level(price, lots)).0;
            prop_assert_eq!(previous, reference.set(side, price, lots));
            prop_assert_eq!(previous, known);
            prop_assert_eq!(book.size_at(side, PriceTicks(price)).0, lots);
            check_equal(&book, &reference)?;
        }
    }

    #[test]
    fn any_price_at_all_is_kept(prices in prop::collection::vec((any::<i64>(), 0_i64..3), 1..60)) {
        let mut book = L2Book::new(WINDOW_TICKS);
        let mut reference = ReferenceBook::default();
        for (price, lots) in prices {
            let price = price.max(-i64::MAX);
            for side in [Side::Buy, Side::Sell] {
                book.set(side, level(price, lots));
                reference.set(side, price, lots);
            }
            check_equal(&book, &reference)?;
        }
    }
}

#[test]
fn the_extreme_prices_are_kept() {
    let mut book = L2Book::new(WINDOW_TICKS);
    let mut reference = ReferenceBook::default();
    for price in [i64::MAX, 1, -i64::MAX, i64::MAX - 1, 0] {
        for side in [Side::Buy, Side::Sell] {
            book.set(side, level(price, 1));
            reference.set(side, price, 1);
        }
        check_equal(&book, &reference).expect("equal books");
    }
}

#[test]
fn deleting_an_unknown_level_changes_nothing() {
    let mut book = L2Book::new(WINDOW_TICKS);
    for price in [1, 100, 5_000_000] {
        assert_eq!(book.set(Side::Buy, level(price, 0)), SizeLots::ZERO);
    }
    assert!(book.is_empty());
    book.set(Side::Buy, level(100, 7));
    for price in [1, 99, 101, 5_000_000] {
        assert_eq!(book.set(Side::Buy, level(price, 0)), SizeLots::ZERO);
    }
    assert_eq!(pairs(&book, Side::Buy), [(100, 7)]);
}

#[test]
fn a_crossed_book_says_so() {
    let mut book = L2Book::new(WINDOW_TICKS);
    book.set(Side::Buy, level(100, 1));
    assert!(!book.is_crossed(), "one side cannot cross");
    book.set(Side::Sell, level(101, 1));
    assert!(!book.is_crossed());
    book.set(Side::Sell, level(100, 1));
    assert!(book.is_crossed(), "equal prices would have traded");
}
