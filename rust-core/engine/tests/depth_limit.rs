//! A book of bounded depth, and changes as rows, against a slow, obvious one.

use std::collections::BTreeMap;

use openoutcry_engine::book::l2::L2Book;
use openoutcry_engine::book::rows::{Row, RowError, check_row, check_rows};
use openoutcry_engine::decode::{DepthUpdate, Level};
use openoutcry_engine::units::{MAX_COUNT, PriceTicks, Side, SizeLots};
use proptest::prelude::*;

const WINDOW_TICKS: usize = 128;
const MIDDLE_TICKS: i64 = 2_000_000;

/// Sizes by key, which is higher the better the price.
#[derive(Debug, Default)]
struct ReferenceSide(BTreeMap<i64, i64>);

impl ReferenceSide {
    fn set(&mut self, key: i64, lots: i64) {
        match lots {
            0 => self.0.remove(&key),
            _ => self.0.insert(key, lots),
        };
    }

    fn truncate(&mut self, depth: usize) {
        while self.0.len() > depth {
            self.0.pop_first();
        }
    }

    fn best(&self) -> (i64, i64) {
        let best = self.0.last_key_value();
        best.map_or((0, 0), |(key, lots)| (key.abs(), *lots))
    }

    fn levels(&self) -> Vec<(i64, i64)> {
        self.0
            .iter()
            .rev()
            .map(|(key, lots)| (key.abs(), *lots))
            .collect()
    }
}

fn levels(book: &L2Book, side: Side) -> Vec<(i64, i64)> {
    book.levels(side)
        .map(|level| (level.price.0, level.size.0))
        .collect()
}

fn level((offset, lots): (i64, i64)) -> Level {
    Level {
        price: PriceTicks(MIDDLE_TICKS + offset),
        size: SizeLots(lots),
    }
}

fn changes() -> impl Strategy<Value = Vec<(i64, i64)>> {
    let offset = prop_oneof![6 => -30_i64..30, 3 => -400_i64..400, 1 => -1_000_000_i64..1_000_000];
    let lots = prop_oneof![2 => Just(0_i64), 5 => 1_i64..1_000];
    prop::collection::vec((offset, lots), 0..12)
}

fn row() -> impl Strategy<Value = Row> {
    let offset = prop_oneof![6 => -30_i64..30, 3 => -400_i64..400, 1 => -1_000_000_i64..1_000_000];
    let lots = prop_oneof![2 => Just(0_i64), 5 => 1_i64..1_000];
    (0_i64..2, offset, lots).prop_map(|(side, offset, lots)| [side, MIDDLE_TICKS + offset, lots])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_update_is_applied_as_a_whole_before_the_depth_is_cut(
        depth in 1_usize..30,
        updates in prop::collection::vec((changes(), changes()), 1..60),
    ) {
        let mut book = L2Book::with_depth(WINDOW_TICKS, depth);
        let mut sides = [ReferenceSide::default(), ReferenceSide::default()];
        for (bids, asks) in updates {
            let update = DepthUpdate {
                bids: bids.into_iter().map(level).collect(),
                asks: asks.into_iter().map(level).collect(),
                ..DepthUpdate::default()
            };
            book.apply(&update);
            for bid in &update.bids { sides[0].set(bid.price.0, bid.size.0); }
            for ask in &update.asks { sides[1].set(-ask.price.0, ask.size.0); }
            for (side, expected) in [Side::Buy, Side::Sell].into_iter().zip(&mut sides) {
                expected.truncate(depth);
                prop_assert_eq!(levels(&book, side), expected.levels());
                prop_assert_eq!(book.len(side), expected.0.len());
            }
        }
    }

    #[test]
    fn rows_tell_the_touch_after_each(rows in prop::collection::vec(row(), 0..200)) {
        let mut book = L2Book::new(WINDOW_TICKS);
        let mut touches = Vec::new();
        prop_assert_eq!(check_rows(&rows), Ok(()));
        book.apply_rows(&rows, |touch| touches.push(touch));
        let mut sides = [ReferenceSide::default(), ReferenceSide::default()];
        for ([side, price, lots], touch) in rows.iter().zip(touches) {
            sides[*side as usize].set(if *side == 0 { *price } else { -price }, *lots);
            let (bid, ask) = (sides[0].best(), sides[1].best());
            prop_assert_eq!(touch, [bid.0, bid.1, ask.0, ask.1]);
        }
    }
}

#[test]
fn a_row_that_no_book_can_hold_is_named() {
    assert_eq!(check_row([2, 1, 1]), Err(RowError::Side(2)));
    assert_eq!(check_row([-1, 1, 1]), Err(RowError::Side(-1)));
    assert_eq!(check_row([0, 0, 1]), Err(RowError::Price(0)));
    assert_eq!(check_row([0, i64::MIN, 1]), Err(RowError::Price(i64::MIN)));
    assert_eq!(
        check_row([0, MAX_COUNT + 1, 1]),
        Err(RowError::Price(MAX_COUNT + 1))
    );
    assert_eq!(check_row([1, 1, -1]), Err(RowError::Size(-1)));
    assert_eq!(
        check_row([1, 1, MAX_COUNT + 1]),
        Err(RowError::Size(MAX_COUNT + 1))
    );
    assert!(check_row([1, MAX_COUNT, MAX_COUNT]).is_ok());
    let rows = [[0, 5, 5], [1, 6, 0], [1, 6, -6]];
    assert_eq!(check_rows(&rows), Err((2, RowError::Size(-6))));
    assert_eq!(check_rows(&rows[..2]), Ok(()));
}
