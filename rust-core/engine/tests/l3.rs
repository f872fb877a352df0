//! The book by order against a slow, obvious one.

use std::collections::{BTreeMap, HashMap, VecDeque};

use openoutcry_engine::book::l3::{
    BatchProblem, FIRST_RESERVED_ID, L3Book, L3Error, Order, QueuePosition, RowError,
};
use openoutcry_engine::decode::Level;
use openoutcry_engine::decode::order::{OrderEvent, OrderId};
use openoutcry_engine::units::{MAX_COUNT, PriceTicks, Side, SizeLots};
use proptest::prelude::*;
use proptest::sample::Index;

/// Small, so that a short run leaves the window in both directions many times.
const WINDOW_TICKS: usize = 128;
const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

#[derive(Debug, Default)]
struct ReferenceBook {
    orders: HashMap<u64, (Side, i64, i64)>,
    queues: [BTreeMap<i64, VecDeque<u64>>; 2],
}

impl ReferenceBook {
    fn apply(&mut self, event: &OrderEvent) -> Result<(), L3Error> {
        match *event {
            OrderEvent::Add {
                id,
                side,
                price,
                size,
            } => self.add(id, side, Level { price, size }),
            OrderEvent::Cancel { id } => self.known(id).map(|_| self.remove(id.0)),
            OrderEvent::Reduce { id, size } | OrderEvent::Execute { id, size } => {
                self.take(id, size)
            }
            OrderEvent::Replace {
                id,
                new_id,
                price,
                size,
            } => {
                Self::check(price, size)?;
                let (side, ..) = self.known(id)?;
                if new_id != id && self.orders.contains_key(&new_id.0) {
                    return Err(L3Error::DuplicateOrder(new_id));
                }
                self.remove(id.0);
                self.add(new_id, side, Level { price, size })
            }
            OrderEvent::Amend { id, price, size } => {
                Self::check(price, size)?;
                let (side, old_price, lots) = self.known(id)?;
                if price.0 == old_price && size.0 <= lots {
                    self.orders.insert(id.0, (side, price.0, size.0));
                    return Ok(());
                }
                self.remove(id.0);
                self.add(id, side, Level { price, size })
            }
            OrderEvent::HiddenExecution => Ok(()),
        }
    }

    fn check(price: PriceTicks, size: SizeLots) -> Result<(), L3Error> {
        if price.0.unsigned_abs() > MAX_COUNT as u64 {
            return Err(L3Error::Price(price));
        }
        Self::check_size(size)
    }

    fn check_size(size: SizeLots) -> Result<(), L3Error> {
        if size.0 < 1 || size.0 > MAX_COUNT {
            return Err(L3Error::Size(size));
        }
        Ok(())
    }

    fn known(&self, id: OrderId) -> Result<(Side, i64, i64), L3Error> {
        let order = self.orders.get(&id.0).copied();
        order.ok_or(L3Error::UnknownOrder(id))
    }

    fn add(&mut self, id: OrderId, side: Side, at: Level) -> Result<(), L3Error> {
        Self::check(at.price, at.size)?;
        if self.orders.contains_key(&id.0) {
            return Err(L3Error::DuplicateOrder(id));
        }
        self.orders.insert(id.0, (side, at.price.0, at.size.0));
        let queue = self.queues[side as usize].entry(at.price.0).or_default();
        queue.push_back(id.0);
        Ok(())
    }

    fn take(&mut self, id: OrderId, taken: SizeLots) -> Result<(), L3Error> {
        Self::check_size(taken)?;
        let (side, price, lots) = self.known(id)?;
        let rests = SizeLots(lots);
        if taken > rests {
            return Err(L3Error::TooLarge { id, taken, rests });
        }
        if taken == rests {
            self.remove(id.0);
        } else {
            self.orders.insert(id.0, (side, price, lots - taken.0));
        }
        Ok(())
    }

    fn remove(&mut self, id: u64) {
        let (side, price, _) = self.orders.remove(&id).expect("known");
        let queues = &mut self.queues[side as usize];
        let queue = queues.get_mut(&price).expect("its level");
        queue.retain(|other| *other != id);
        if queue.is_empty() {
            queues.remove(&price);
        }
    }

    /// Price and orders, best first.
    fn levels(&self, side: Side) -> Vec<(i64, Vec<Order>)> {
        let orders = |(price, queue): (&i64, &VecDeque<u64>)| {
            let order = |id: &u64| Order {
                id: OrderId(*id),
                side,
                price: PriceTicks(*price),
                size: SizeLots(self.orders[id].2),
            };
            (*price, queue.iter().map(order).collect())
        };
        let queues = self.queues[side as usize].iter();
        match side {
            Side::Buy => queues.rev().map(orders).collect(),
            Side::Sell => queues.map(orders).collect(),
        }
    }
}

fn check_equal(book: &L3Book, reference: &ReferenceBook) -> Result<(), TestCaseError> {
    prop_assert_eq!(book.len(), reference.orders.len());
    for side in SIDES {
        let expected = reference.levels(side);
        let levels: Vec<Level> = book.levels(side).collect();
        prop_assert_eq!(book.level_count(side), expected.len());
        prop_assert_eq!(levels.len(), expected.len());
        prop_assert_eq!(book.best(side), levels.first().copied());
        prop_assert_eq!(
            book.front(side),
            expected.first().map(|(_, orders)| orders[0])
        );
        for (level, (price, orders)) in levels.iter().zip(&expected) {
            let lots = orders.iter().map(|order| order.size.0).sum();
            prop_assert_eq!((level.price.0, level.size.0), (*price, lots));
            prop_assert_eq!(book.size_at(side, level.price), level.size);
            prop_assert_eq!(book.orders_at(side, level.price), orders.len());
            prop_assert_eq!(&book.orders(side, level.price).collect::<Vec<_>>(), orders);
            let mut lots_ahead = 0;
            for (orders_ahead, order) in orders.iter().enumerate() {
                let position = QueuePosition {
                    orders_ahead,
                    lots_ahead: SizeLots(lots_ahead),
                };
                prop_assert_eq!(book.queue_position(order.id), Some(position));
                prop_assert_eq!(book.order(order.id), Some(*order));
                lots_ahead += order.size.0;
            }
        }
    }
    Ok(())
}

/// An event as it is drawn: which live order it is about is known only then.
#[derive(Debug, Clone)]
struct Step {
    choice: u8,
    which: Index,
    side: Side,
    price: i64,
    lots: i64,
    share: u8,
}

fn step() -> impl Strategy<Value = Step> {
    let price = prop_oneof![
        8 => -3_i64..3,
        3 => -400_i64..400,
        1 => prop_oneof![Just(i64::MIN), Just(-MAX_COUNT), Just(MAX_COUNT), Just(MAX_COUNT + 1)],
    ];
    let lots = prop_oneof![
        20 => 1_i64..100,
        1 => prop_oneof![Just(0), Just(-1), Just(MAX_COUNT), Just(i64::MAX), Just(i64::MIN)],
    ];
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let draws = (0_u8..100, any::<Index>(), side, price, lots, 0_u8..=10);
    draws.prop_map(|(choice, which, side, price, lots, share)| Step {
        choice,
        which,
        side,
        price,
        lots,
        share,
    })
}

fn event(step: &Step, live: &[u64], next_id: u64) -> OrderEvent {
    let (price, size) = (PriceTicks(step.price), SizeLots(step.lots));
    let is_unknown = live.is_empty() || step.choice.is_multiple_of(16);
    let id = OrderId(if is_unknown {
        next_id + 7
    } else {
        live[step.which.index(live.len())]
    });
    // A duplicate now and then.
    let new_id = if step.share == 10 {
        id
    } else {
        OrderId(next_id)
    };
    match step.choice {
        0..50 => OrderEvent::Add {
            id: new_id,
            side: step.side,
            price,
            size,
        },
        50..65 => OrderEvent::Cancel { id },
        65..72 => OrderEvent::Reduce { id, size },
        72..82 => OrderEvent::Execute { id, size },
        82..91 => OrderEvent::Replace {
            id,
            new_id,
            price,
            size,
        },
        91..98 => OrderEvent::Amend { id, price, size },
        _ => OrderEvent::HiddenExecution,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn it_is_the_slow_book(steps in prop::collection::vec(step(), 1..400), spread in 1_u64..9) {
        let mut book = L3Book::new(WINDOW_TICKS);
        let mut reference = ReferenceBook::default();
        let mut next_id = 1_000;
        for (number, step) in steps.iter().enumerate() {
            next_id += spread;
            let mut live: Vec<u64> = reference.orders.keys().copied().collect();
            live.sort_unstable();
            let event = event(step, &live, next_id);
            prop_assert_eq!(book.apply(&event), reference.apply(&event), "{:?}", event);
            if number % 20 == 0 || number + 1 == steps.len() {
                check_equal(&book, &reference)?;
            }
        }
        book.clear();
        check_equal(&book, &ReferenceBook::default())?;
    }
}

fn level(price: i64, lots: i64) -> Level {
    Level {
        price: PriceTicks(price),
        size: SizeLots(lots),
    }
}

fn ids(book: &L3Book, side: Side, price: i64) -> Vec<u64> {
    book.orders(side, PriceTicks(price))
        .map(|order| order.id.0)
        .collect()
}

#[test]
fn a_replacement_goes_to_the_end_and_a_smaller_amendment_stays() {
    let mut book = L3Book::new(WINDOW_TICKS);
    for id in 1..=4 {
        book.add(OrderId(id), Side::Buy, level(10, 5)).expect("new");
    }
    book.amend(OrderId(1), level(10, 3)).expect("smaller");
    assert_eq!(ids(&book, Side::Buy, 10), [1, 2, 3, 4]);
    book.amend(OrderId(2), level(10, 6)).expect("larger");
    assert_eq!(ids(&book, Side::Buy, 10), [1, 3, 4, 2]);
    book.replace(OrderId(1), OrderId(9), level(10, 3))
        .expect("as it was");
    assert_eq!(ids(&book, Side::Buy, 10), [3, 4, 2, 9]);
    assert_eq!(book.size_at(Side::Buy, PriceTicks(10)), SizeLots(19));
    let ahead = book.queue_position(OrderId(2)).expect("it rests");
    assert_eq!((ahead.orders_ahead, ahead.lots_ahead.0), (2, 10));
}

#[test]
fn a_level_does_not_overflow() {
    let mut book = L3Book::new(WINDOW_TICKS);
    let most = i64::MAX / MAX_COUNT;
    for id in 0..most as u64 {
        book.add(OrderId(id), Side::Sell, level(1, MAX_COUNT))
            .expect("it fits");
    }
    let full = Err(L3Error::LevelOverflow(PriceTicks(1)));
    assert_eq!(
        book.add(OrderId(9_999), Side::Sell, level(1, MAX_COUNT)),
        full
    );
    book.replace(OrderId(0), OrderId(5_000), level(1, MAX_COUNT))
        .expect("it takes the place of as much");
    book.add(OrderId(9_999), Side::Sell, level(2, MAX_COUNT))
        .expect("elsewhere");
    assert_eq!(
        book.replace(OrderId(9_999), OrderId(10_000), level(1, MAX_COUNT)),
        full
    );
    assert_eq!(
        book.order(OrderId(9_999)).map(|order| order.price.0),
        Some(2)
    );
    assert_eq!(book.orders_at(Side::Sell, PriceTicks(1)), most as usize);
}

#[test]
fn reserved_ids_are_the_books_own() {
    let mut book = L3Book::new(WINDOW_TICKS);
    let refused = Err(L3Error::ReservedId(FIRST_RESERVED_ID));
    assert_eq!(book.add(FIRST_RESERVED_ID, Side::Buy, level(1, 1)), refused);
    book.add(OrderId(1), Side::Buy, level(1, 1)).expect("new");
    assert_eq!(
        book.replace(OrderId(1), FIRST_RESERVED_ID, level(1, 1)),
        refused
    );
    let seeded = book.seed(Side::Buy, level(1, 7)).expect("the first there");
    assert_eq!(
        book.seed(Side::Buy, level(1, 7)),
        Err(L3Error::DuplicateOrder(seeded))
    );
    assert_eq!(
        book.replace(seeded, OrderId(2), level(2, 1)),
        Err(L3Error::ReservedId(seeded))
    );
    assert_ne!(book.seed(Side::Sell, level(1, 7)), Ok(seeded));
    assert_eq!(ids(&book, Side::Buy, 1), [1, seeded.0]);
}

#[test]
fn a_batch_names_the_row_and_keeps_those_before() {
    let mut book = L3Book::new(WINDOW_TICKS);
    let rows = [
        [0, 1, 0, 0, 10, 5],
        [3, 1, 0, 0, 0, 2],
        [1, 8, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
    ];
    let error = book.apply_rows(&rows).expect_err("8 is unknown");
    assert_eq!(error.index, 2);
    assert_eq!(
        error.problem,
        BatchProblem::Book(L3Error::UnknownOrder(OrderId(8)))
    );
    assert_eq!(error.after(100).to_string(), "row 102: order 8 is unknown");
    assert_eq!(book.best(Side::Buy), Some(level(10, 3)));
    for (row, problem) in [
        ([7, 1, 0, 0, 1, 1], RowError::Kind(7)),
        ([0, 2, 0, 2, 1, 1], RowError::Side(2)),
        ([1, -1, 0, 0, 1, 1], RowError::OrderId(-1)),
        ([4, 1, -1, 0, 1, 1], RowError::OrderId(-1)),
    ] {
        let error = book.apply_rows(&[row]).expect_err("no event");
        assert_eq!(error.problem, BatchProblem::Row(problem));
    }
    let rest = [
        [6, -1, 0, 9, 0, 0],
        [5, 1, 0, 0, 11, 9],
        [2, 1, 0, 0, 0, 4],
        [4, 1, 2, 0, 7, 8],
    ];
    assert_eq!(book.apply_rows(&rest), Ok(4));
    assert_eq!(book.best(Side::Buy), Some(level(7, 8)));
}
