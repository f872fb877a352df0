use proptest::prelude::*;

use super::resting::{Resting, RestingSide, Vanished};
use super::*;
use crate::decode::binance::Product;
use crate::synthetic::{DEFAULT_START, PRICE_TICK, SIZE_STEP, SyntheticMarket};
use crate::units::{NS_PER_S, Step};

/// A venue on a grid of 1 with bids 99, 98, 97 and asks 101, 102, 103 of 10 lots each, at update id 10.
struct Floor {
    venue: SimulatedVenue,
    update_id: i64,
    trade_id: i64,
}

const NOW: TimestampNs = TimestampNs(7);

impl Floor {
    fn empty() -> Self {
        let one = || Step::parse("1").expect("a step");
        Self {
            venue: SimulatedVenue::new(Product::Spot, "XY", one(), one()),
            update_id: 10,
            trade_id: 0,
        }
    }

    fn new() -> Self {
        let mut floor = Self::empty();
        let body = r#"{"lastUpdateId":10,"bids":[["99","10"],["98","10"],["97","10"]],"asks":[["101","10"],["102","10"],["103","10"]]}"#;
        assert_eq!(floor.frame(body), []);
        floor
    }

    fn frame(&mut self, text: &str) -> Vec<Report> {
        self.venue
            .apply(text.as_bytes(), NOW)
            .expect("a good frame")
    }

    fn depth(&mut self, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Vec<Report> {
        self.update_id += 1;
        let levels = |levels: &[(i64, i64)]| {
            levels
                .iter()
                .map(|(p, q)| format!(r#"["{p}","{q}"]"#))
                .collect::<Vec<_>>()
                .join(",")
        };
        let (id, bids, asks) = (self.update_id, levels(bids), levels(asks));
        self.frame(&format!(
            r#"{{"stream":"xy@depth","data":{{"e":"depthUpdate","E":5,"s":"XY","U":{id},"u":{id},"b":[{bids}],"a":[{asks}]}}}}"#
        ))
    }

    fn ticker(&mut self, bid: (i64, i64), ask: (i64, i64)) -> Vec<Report> {
        let id = self.update_id + 1;
        let (b, bq, a, aq) = (bid.0, bid.1, ask.0, ask.1);
        self.frame(&format!(
            r#"{{"u":{id},"s":"XY","b":"{b}","B":"{bq}","a":"{a}","A":"{aq}"}}"#
        ))
    }

    /// A trade whose taker is on `taker`.
    fn trade(&mut self, taker: Side, price: i64, lots: i64) -> Vec<Report> {
        self.trade_id += 1;
        let (id, maker) = (self.trade_id, taker == Side::Sell);
        self.frame(&format!(
            r#"{{"e":"trade","E":5,"s":"XY","t":{id},"p":"{price}","q":"{lots}","T":5,"m":{maker},"M":true}}"#
        ))
    }

    fn order(&mut self, order: NewOrder) -> Vec<Report> {
        self.venue.submit(order, NOW).expect("a good order")
    }

    fn rest(&mut self, id: i64, side: Side, price: i64, lots: i64) {
        let reports = self.order(limit(id, side, price, lots));
        assert_eq!(kinds(&reports), [ReportKind::New]);
    }

    fn ahead(&self, id: i64) -> i64 {
        self.venue.queue_ahead(id).expect("a resting order").0
    }
}

fn limit(id: i64, side: Side, price: i64, lots: i64) -> NewOrder {
    NewOrder {
        id,
        side,
        price: Some(PriceTicks(price)),
        size: SizeLots(lots),
        time_in_force: TimeInForce::GoodTillCanceled,
        post_only: false,
    }
}

fn kinds(reports: &[Report]) -> Vec<ReportKind> {
    reports.iter().map(|report| report.kind).collect()
}

/// Trades as (order, price, lots, leaves, `is_maker`).
fn trades(reports: &[Report]) -> Vec<(i64, i64, i64, i64, bool)> {
    let trades = reports
        .iter()
        .filter(|report| report.kind == ReportKind::Trade);
    trades
        .map(|r| (r.order_id, r.price.0, r.last.0, r.leaves.0, r.is_maker))
        .collect()
}

#[test]
fn a_resting_order_waits_for_its_queue() {
    let mut floor = Floor::new();
    floor.rest(1, Side::Buy, 99, 5);
    assert_eq!(floor.ahead(1), 10);
    assert_eq!(floor.trade(Side::Sell, 99, 4), []);
    assert_eq!(floor.trade(Side::Buy, 101, 9), []);
    assert_eq!(floor.ahead(1), 6);
    let fills = floor.trade(Side::Sell, 99, 8);
    assert_eq!(trades(&fills), [(1, 99, 2, 3, true)]);
    assert_eq!((fills[0].filled, fills[0].at), (SizeLots(2), NOW));
    assert_eq!(fills[0].trade_id, FIRST_OWN_TRADE_ID);
    let last = floor.trade(Side::Sell, 99, 8);
    assert_eq!(trades(&last), [(1, 99, 3, 0, true)]);
    assert_eq!(floor.venue.queue_ahead(1), Err(OrderError::UnknownOrder(1)));
}

#[test]
fn a_shrinking_level_moves_an_order_only_below_its_place() {
    let mut floor = Floor::new();
    floor.rest(1, Side::Sell, 102, 5);
    floor.depth(&[], &[(102, 30)]);
    assert_eq!(floor.ahead(1), 10);
    floor.depth(&[], &[(102, 12)]);
    assert_eq!(floor.ahead(1), 10);
    floor.depth(&[], &[(102, 7)]);
    assert_eq!(floor.ahead(1), 7);
    floor.depth(&[], &[(102, 0)]);
    assert_eq!(floor.ahead(1), 0);
}

#[test]
fn a_trade_told_after_its_level_shrank_does_not_count_twice() {
    let mut floor = Floor::new();
    floor.rest(1, Side::Buy, 99, 5);
    floor.ticker((99, 4), (101, 10));
    assert_eq!(floor.ahead(1), 4);
    assert_eq!(floor.trade(Side::Sell, 99, 6), []);
    assert_eq!(floor.ahead(1), 4);
    assert_eq!(
        trades(&floor.trade(Side::Sell, 99, 6)),
        [(1, 99, 2, 3, true)]
    );
}

#[test]
fn what_no_trade_explained_was_cancelled() {
    let mut floor = Floor::new();
    floor.rest(1, Side::Buy, 99, 5);
    floor.depth(&[(99, 4)], &[]);
    floor.depth(&[], &[]);
    floor.depth(&[], &[]);
    assert_eq!(
        trades(&floor.trade(Side::Sell, 99, 6)),
        [(1, 99, 2, 3, true)]
    );
}

#[test]
fn a_trade_through_fills_best_price_first_and_no_more_than_it_traded() {
    let mut floor = Floor::new();
    floor.rest(1, Side::Buy, 98, 5);
    floor.rest(2, Side::Buy, 99, 5);
    floor.rest(3, Side::Buy, 100, 1);
    let fills = floor.trade(Side::Sell, 97, 8);
    assert_eq!(
        trades(&fills),
        [
            (3, 100, 1, 0, true),
            (2, 99, 5, 0, true),
            (1, 98, 2, 3, true)
        ]
    );
}

#[test]
fn orders_at_one_price_are_served_in_the_order_they_came() {
    let mut floor = Floor::new();
    floor.rest(1, Side::Buy, 99, 2);
    floor.depth(&[(99, 13)], &[]);
    floor.rest(2, Side::Buy, 99, 2);
    assert_eq!((floor.ahead(1), floor.ahead(2)), (10, 13));
    assert_eq!(
        trades(&floor.trade(Side::Sell, 99, 14)),
        [(1, 99, 2, 0, true)]
    );
    assert_eq!(floor.ahead(2), 1);
    assert_eq!(
        trades(&floor.trade(Side::Sell, 99, 2)),
        [(2, 99, 1, 1, true)]
    );
}

#[test]
fn one_trade_can_fill_two_orders_of_one_queue() {
    let mut floor = Floor::new();
    floor.rest(1, Side::Buy, 99, 2);
    floor.depth(&[(99, 13)], &[]);
    floor.rest(2, Side::Buy, 99, 2);
    let fills = floor.trade(Side::Sell, 99, 16);
    assert_eq!(trades(&fills), [(1, 99, 2, 0, true), (2, 99, 1, 1, true)]);
}

#[test]
fn the_opposite_side_coming_to_our_price_fills_us_once_with_what_it_shows() {
    let mut floor = Floor::new();
    floor.rest(1, Side::Buy, 100, 20);
    let fills = floor.depth(&[(99, 0)], &[(100, 7), (99, 4)]);
    assert_eq!(
        trades(&fills),
        [(1, 100, 4, 16, true), (1, 100, 7, 9, true)]
    );
    assert_eq!(floor.depth(&[(97, 11)], &[(100, 7)]), []);
    assert_eq!(
        trades(&floor.depth(&[], &[(100, 3)])),
        [(1, 100, 3, 6, true)]
    );
    // A newer bookTicker tells it too.
    assert_eq!(
        trades(&floor.ticker((98, 10), (99, 5))),
        [(1, 100, 5, 1, true)]
    );
}

#[test]
fn a_crossing_order_takes_levels_outwards_and_then_rests() {
    let mut floor = Floor::new();
    let reports = floor.order(limit(1, Side::Buy, 102, 25));
    assert_eq!(
        kinds(&reports),
        [ReportKind::New, ReportKind::Trade, ReportKind::Trade]
    );
    assert_eq!(
        trades(&reports),
        [(1, 101, 10, 15, false), (1, 102, 10, 5, false)]
    );
    assert_eq!(reports[0].price, PriceTicks(102));
    // What it took stays gone, until the recording shows another size there.
    let again = floor.order(NewOrder {
        price: None,
        ..limit(2, Side::Buy, 1, 3)
    });
    assert_eq!(trades(&again), [(2, 103, 3, 0, false)]);
    let fills = floor.depth(&[], &[(101, 4)]);
    assert_eq!(trades(&fills), [(1, 102, 4, 1, true)]);
}

#[test]
fn market_and_immediate_orders_never_rest() {
    let mut floor = Floor::new();
    let market = NewOrder {
        price: None,
        ..limit(1, Side::Sell, 1, 45)
    };
    let reports = floor.order(market);
    assert_eq!(trades(&reports).iter().map(|fill| fill.2).sum::<i64>(), 30);
    let last = reports.last().expect("reports");
    assert_eq!(
        (last.kind, last.filled, last.leaves),
        (ReportKind::Expired, SizeLots(30), SizeLots(15))
    );
    let immediate = NewOrder {
        time_in_force: TimeInForce::ImmediateOrCancel,
        ..limit(2, Side::Buy, 101, 11)
    };
    let reports = floor.order(immediate);
    assert_eq!(
        kinds(&reports),
        [ReportKind::New, ReportKind::Trade, ReportKind::Expired]
    );
    assert!(floor.venue.cancel(2, NOW).is_err());
}

#[test]
fn fill_or_kill_is_all_or_nothing() {
    let mut floor = Floor::new();
    let order = NewOrder {
        time_in_force: TimeInForce::FillOrKill,
        ..limit(1, Side::Buy, 102, 21)
    };
    assert_eq!(
        kinds(&floor.order(order)),
        [ReportKind::New, ReportKind::Expired]
    );
    let order = NewOrder {
        size: SizeLots(20),
        ..order
    };
    assert_eq!(
        trades(&floor.order(order)),
        [(1, 101, 10, 10, false), (1, 102, 10, 0, false)]
    );
}

#[test]
fn post_only_is_rejected_where_it_would_take() {
    let mut floor = Floor::new();
    let order = NewOrder {
        post_only: true,
        ..limit(1, Side::Buy, 101, 1)
    };
    let reports = floor.order(order);
    assert_eq!(
        (kinds(&reports), reports[0].leaves),
        (vec![ReportKind::Rejected], SizeLots(1))
    );
    assert_eq!(
        kinds(&floor.order(NewOrder {
            price: Some(PriceTicks(100)),
            ..order
        })),
        [ReportKind::New]
    );
}

#[test]
fn our_orders_do_not_trade_with_each_other() {
    let mut floor = Floor::new();
    floor.rest(1, Side::Sell, 102, 5);
    let reports = floor.order(limit(2, Side::Buy, 103, 25));
    assert_eq!(
        kinds(&reports),
        [ReportKind::New, ReportKind::Trade, ReportKind::Expired]
    );
    assert_eq!(trades(&reports), [(2, 101, 10, 15, false)]);
    let maker = NewOrder {
        post_only: true,
        ..limit(3, Side::Buy, 102, 5)
    };
    assert_eq!(kinds(&floor.order(maker)), [ReportKind::Rejected]);
    assert_eq!(floor.ahead(1), 10);
}

#[test]
fn a_cancelled_order_is_gone() {
    let mut floor = Floor::new();
    floor.rest(1, Side::Buy, 99, 5);
    floor.trade(Side::Sell, 99, 12);
    let reports = floor.venue.cancel(1, NOW).expect("a resting order");
    assert_eq!(
        (kinds(&reports), reports[0].filled, reports[0].leaves),
        (vec![ReportKind::Canceled], SizeLots(2), SizeLots(3))
    );
    assert_eq!(floor.venue.cancel(1, NOW), Err(OrderError::UnknownOrder(1)));
    assert_eq!(floor.trade(Side::Sell, 99, 50), []);
}

#[test]
fn orders_that_make_no_sense_change_nothing() {
    let mut floor = Floor::new();
    floor.rest(1, Side::Buy, 99, 5);
    let good = limit(2, Side::Buy, 99, 5);
    let mut refused = |order| floor.venue.submit(order, NOW).expect_err("refused");
    assert_eq!(
        refused(NewOrder {
            size: SizeLots(0),
            ..good
        }),
        OrderError::Size { id: 2, size: 0 }
    );
    assert_eq!(
        refused(NewOrder {
            size: SizeLots(-1),
            ..good
        }),
        OrderError::Size { id: 2, size: -1 }
    );
    assert_eq!(
        refused(NewOrder {
            price: Some(PriceTicks(0)),
            ..good
        }),
        OrderError::Price { id: 2, price: 0 }
    );
    assert_eq!(
        refused(NewOrder { id: 1, ..good }),
        OrderError::DuplicateId(1)
    );
    let post_only = NewOrder {
        post_only: true,
        ..good
    };
    assert_eq!(
        refused(NewOrder {
            price: None,
            ..post_only
        }),
        OrderError::PostOnlyTaker(2)
    );
    let immediate = NewOrder {
        time_in_force: TimeInForce::ImmediateOrCancel,
        ..post_only
    };
    assert_eq!(refused(immediate), OrderError::PostOnlyTaker(2));
    assert!(floor.venue.queue_ahead(2).is_err());
}

#[test]
fn without_a_book_to_trust_orders_are_rejected_and_resting_ones_stay() {
    let mut floor = Floor::empty();
    assert_eq!(
        kinds(&floor.order(limit(1, Side::Buy, 99, 5))),
        [ReportKind::Rejected]
    );
    assert_eq!((floor.venue.top(), floor.venue.last_update_id()), (None, 0));
    assert_eq!(
        floor.venue.snapshot(5),
        br#"{"lastUpdateId":0,"bids":[],"asks":[]}"#
    );
    let mut floor = Floor::new();
    floor.rest(1, Side::Buy, 99, 5);
    floor.update_id += 5;
    floor.depth(&[(99, 1)], &[]);
    assert_eq!(floor.venue.top(), None);
    assert_eq!(
        kinds(&floor.order(limit(2, Side::Buy, 99, 5))),
        [ReportKind::Rejected]
    );
    assert_eq!(
        trades(&floor.trade(Side::Sell, 99, 11)),
        [(1, 99, 1, 4, true)]
    );
}

#[test]
fn a_trade_told_twice_counts_once() {
    let mut floor = Floor::new();
    floor.rest(1, Side::Buy, 99, 5);
    floor.trade(Side::Sell, 99, 4);
    floor.trade_id -= 1;
    floor.trade(Side::Sell, 99, 4);
    assert_eq!(floor.ahead(1), 6);
}

#[test]
fn a_newer_ticker_corrects_the_touch() {
    let mut floor = Floor::new();
    floor.ticker((100, 2), (102, 6));
    let top = floor.venue.top().expect("a top");
    assert_eq!(
        (top.0.price.0, top.0.size.0, top.1.price.0, top.1.size.0),
        (100, 2, 102, 6)
    );
    let reports = floor.order(NewOrder {
        price: None,
        ..limit(1, Side::Buy, 1, 8)
    });
    assert_eq!(
        trades(&reports),
        [(1, 102, 6, 2, false), (1, 103, 2, 0, false)]
    );
    // The snapshot is of the depth stream, which it must join.
    let text = String::from_utf8(floor.venue.snapshot(1)).expect("ASCII");
    assert_eq!(
        text,
        r#"{"lastUpdateId":10,"bids":[["99.00000000","10.00000000"]],"asks":[["101.00000000","10.00000000"]]}"#
    );
}

/// What happens at one price, in the recording and by us.
#[derive(Debug, Clone)]
enum Act {
    /// The recording adds lots at the end of the queue.
    Add(i64),
    /// The recording cancels lots from the end of the queue.
    CancelBehind(i64),
    /// The recording cancels the lot at a share of the queue's length.
    CancelAt(f64),
    /// A trade, told before or after the size it leaves.
    Trade { lots: i64, is_told_late: bool },
    /// We join.
    Join(i64),
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (1_i64..8).prop_map(Act::Add),
        (1_i64..6).prop_map(Act::CancelBehind),
        (0.0..1.0).prop_map(Act::CancelAt),
        ((1_i64..10), any::<bool>())
            .prop_map(|(lots, is_told_late)| Act::Trade { lots, is_told_late }),
        (1_i64..6).prop_map(Act::Join),
    ]
}

/// The obvious queue: one entry a lot, ours (with the order's id) or the market's (None).
#[derive(Default)]
struct Oracle {
    queue: Vec<Option<i64>>,
    fills: Fills,
}

impl Oracle {
    fn market_lots(&self) -> i64 {
        self.queue.iter().filter(|lot| lot.is_none()).count() as i64
    }

    fn cancel(&mut self, market_index: i64) {
        let mut market = self
            .queue
            .iter()
            .enumerate()
            .filter(|(_, lot)| lot.is_none());
        if let Some((index, _)) = market.nth(market_index as usize) {
            self.queue.remove(index);
        }
    }

    /// The recording trades `lots` of its own; of these ours get what our places give us.
    fn trade(&mut self, lots: i64) {
        let left = self.market_lots() - lots;
        let served: Vec<Option<i64>> = self
            .queue
            .drain(..(lots as usize).min(self.queue.len()))
            .collect();
        for id in served.into_iter().flatten() {
            match self.fills.last_mut() {
                Some((last, filled)) if *last == id => *filled += 1,
                _ => self.fills.push((id, 1)),
            }
        }
        while self.market_lots() > left {
            self.cancel(self.market_lots() - 1);
        }
    }
}

/// Fills as (order, lots).
type Fills = Vec<(i64, i64)>;

/// Runs the acts against both; returns (ours, oracle's) fills.
fn run_queue(acts: &[Act], most_orders: usize) -> (Fills, Fills) {
    let price = PriceTicks(100);
    let (mut orders, mut oracle) = (RestingSide::new(Side::Buy), Oracle::default());
    let mut ours = Fills::new();
    let mut joined = 0;
    for act in acts {
        let size = oracle.market_lots();
        match act {
            Act::Add(lots) => oracle.queue.extend((0..*lots).map(|_| None)),
            Act::CancelBehind(lots) => (0..*lots).for_each(|_| {
                // Only lots behind the last of ours.
                if oracle.queue.last() == Some(&None) {
                    oracle.queue.pop();
                }
            }),
            Act::CancelAt(share) => oracle.cancel((share * size as f64) as i64),
            Act::Trade { lots, is_told_late } => {
                let lots = (*lots).min(size);
                let mut told = |orders: &mut RestingSide| {
                    orders.on_trade(price, SizeLots(lots), |(order, filled)| {
                        match ours.last_mut() {
                            Some((last, sum)) if *last == order.id => *sum += filled.0,
                            _ => ours.push((order.id, filled.0)),
                        }
                    });
                };
                if lots > 0 && !*is_told_late {
                    told(&mut orders);
                }
                if lots > 0 {
                    oracle.trade(lots);
                    orders.shrink_queues(|_| SizeLots(size - lots));
                }
                if lots > 0 && *is_told_late {
                    told(&mut orders);
                }
            }
            Act::Join(lots) if joined < most_orders => {
                joined += 1;
                let (id, lots) = (joined as i64, SizeLots(*lots));
                oracle.queue.extend((0..lots.0).map(|_| Some(id)));
                let ahead = SizeLots(size);
                orders.insert(Resting {
                    id,
                    price,
                    size: lots,
                    leaves: lots,
                    ahead,
                    vanished: Vanished::default(),
                });
            }
            Act::Join(_) => {}
        }
        let size = SizeLots(oracle.market_lots());
        orders.shrink_queues(|_| size);
    }
    (ours, oracle.fills)
}

fn sum_of(fills: &[(i64, i64)], id: i64) -> i64 {
    fills
        .iter()
        .filter(|(order, _)| *order == id)
        .map(|(_, lots)| lots)
        .sum()
}

proptest! {
    #[test]
    fn a_queue_is_the_obvious_queue(acts in prop::collection::vec(any_act(), 1..60)) {
        let acts: Vec<Act> = acts.into_iter().filter(|act| !matches!(act, Act::CancelAt(_))).collect();
        let (ours, obvious) = run_queue(&acts, 1);
        prop_assert_eq!(sum_of(&ours, 1), sum_of(&obvious, 1));
    }

    #[test]
    fn a_queue_is_never_faster_than_the_obvious_one(acts in prop::collection::vec(any_act(), 1..60)) {
        let (ours, obvious) = run_queue(&acts, 4);
        for id in 1..=4 {
            prop_assert!(sum_of(&ours, id) <= sum_of(&obvious, id), "{:?} {:?}", ours, obvious);
        }
        // First come, first served: no order is filled before an earlier one is done.
        prop_assert!(ours.windows(2).all(|pair| pair[0].0 < pair[1].0), "{:?}", ours);
    }
}

/// What we do on the synthetic market.
#[derive(Debug, Clone)]
enum Request {
    Submit {
        is_buy: bool,
        offset: Option<i64>,
        lots: i64,
        lives: u8,
        post_only: bool,
    },
    Cancel(prop::sample::Index),
}

fn any_request() -> impl Strategy<Value = (usize, Request)> {
    let offset = prop::option::weighted(0.8, -600_i64..600);
    let lots = prop_oneof![1_i64..50_000, 1_i64..2_000_000];
    let submit = (any::<bool>(), offset, lots, 0_u8..3, any::<bool>()).prop_map(
        |(is_buy, offset, lots, lives, post_only)| Request::Submit {
            is_buy,
            offset,
            lots,
            lives,
            post_only,
        },
    );
    let request =
        prop_oneof![4 => submit, 1 => any::<prop::sample::Index>().prop_map(Request::Cancel)];
    (0_usize..60, request)
}

/// Replays the market with our requests between its lines; checks each report on the way.
fn run_market(seed: u64, requests: &[(usize, Request)]) -> Vec<Report> {
    let mut market =
        SyntheticMarket::new(seed, "BTCUSDT", DEFAULT_START, 30 * NS_PER_S).expect("a market");
    let grid = |text| Step::parse(text).expect("a step");
    let mut venue =
        SimulatedVenue::new(Product::Spot, "BTCUSDT", grid(PRICE_TICK), grid(SIZE_STEP));
    let (mut log, mut orders): (Vec<Report>, Vec<NewOrder>) = (Vec::new(), Vec::new());
    for (wait, request) in requests {
        for line in std::iter::from_fn(|| market.next_line()).take(wait + 2) {
            let space = line.iter().position(|byte| *byte == b' ').expect("a space");
            let reports = venue
                .apply(&line[space + 1..], DEFAULT_START)
                .expect("a good frame");
            check_reports(&reports, &orders, &mut log);
        }
        let reports = match request {
            Request::Submit {
                is_buy,
                offset,
                lots,
                lives,
                post_only,
            } => {
                let touch = venue.top().map_or(6_180_000, |(bid, _)| bid.price.0);
                let lives = [
                    TimeInForce::GoodTillCanceled,
                    TimeInForce::ImmediateOrCancel,
                    TimeInForce::FillOrKill,
                ][usize::from(*lives)];
                let order = NewOrder {
                    id: orders.len() as i64,
                    side: if *is_buy { Side::Buy } else { Side::Sell },
                    price: offset.map(|offset| PriceTicks(touch + offset)),
                    size: SizeLots(*lots),
                    time_in_force: lives,
                    post_only: *post_only
                        && offset.is_some()
                        && lives == TimeInForce::GoodTillCanceled,
                };
                let expected = obvious_taking(&venue, &order);
                let reports = venue.submit(order, DEFAULT_START).expect("a good order");
                orders.push(order);
                let taken: i64 = trades(&reports).iter().map(|fill| fill.2).sum();
                assert!(taken <= expected, "{order:?} took {taken} of {expected}");
                reports
            }
            Request::Cancel(index) if !orders.is_empty() => venue
                .cancel(orders[index.index(orders.len())].id, DEFAULT_START)
                .unwrap_or_default(),
            Request::Cancel(_) => Vec::new(),
        };
        check_reports(&reports, &orders, &mut log);
    }
    log
}

/// The most an order could take of the recorded levels and the touch, by adding them up.
fn obvious_taking(venue: &SimulatedVenue, order: &NewOrder) -> i64 {
    let text = String::from_utf8(venue.snapshot(5_000)).expect("ASCII");
    let (bids, asks) = text.split_once("\"asks\"").expect("two sides");
    let levels = if order.side == Side::Buy { asks } else { bids };
    let grid = |text| Step::parse(text).expect("a step");
    let mut sum = venue.top().map_or(0, |(bid, ask)| {
        if order.side == Side::Buy {
            ask.size.0
        } else {
            bid.size.0
        }
    });
    for level in levels.split("[\"").skip(1) {
        let mut fields = level.split('"');
        let price = grid(PRICE_TICK)
            .count(fields.next().expect("a price").as_bytes())
            .expect("on the grid");
        let lots = grid(SIZE_STEP)
            .count(fields.nth(1).expect("a size").as_bytes())
            .expect("on the grid");
        let is_within = order.price.is_none_or(|limit| match order.side {
            Side::Buy => price <= limit.0,
            Side::Sell => price >= limit.0,
        });
        sum += if is_within { lots } else { 0 };
    }
    sum.min(order.size.0)
}

fn check_reports(reports: &[Report], orders: &[NewOrder], log: &mut Vec<Report>) {
    for report in reports {
        let order = &orders[report.order_id as usize];
        assert_eq!(report.filled.0 + report.leaves.0, order.size.0);
        assert_eq!(report.side, order.side);
        let before = log
            .iter()
            .rev()
            .find(|earlier| earlier.order_id == report.order_id);
        let filled_before = before.map_or(0, |earlier| earlier.filled.0);
        assert_eq!(report.filled.0, filled_before + report.last.0);
        if report.kind == ReportKind::Trade {
            assert!(report.last.0 > 0);
            let limit = order.price.map(|limit| limit.0);
            assert!(limit.is_none_or(|limit| match order.side {
                Side::Buy => report.price.0 <= limit,
                Side::Sell => report.price.0 >= limit,
            }));
            assert!(!report.is_maker || Some(report.price) == order.price);
        }
        let ends = |kind| {
            matches!(
                kind,
                ReportKind::Canceled | ReportKind::Rejected | ReportKind::Expired
            )
        };
        assert!(
            !before.is_some_and(|earlier| ends(earlier.kind)),
            "{report:?} after {before:?}"
        );
        assert_eq!(
            before.is_none(),
            matches!(report.kind, ReportKind::New | ReportKind::Rejected)
        );
        log.push(*report);
    }
}

#[test]
fn the_synthetic_market_fills_makers_and_takers() {
    let submit = |is_buy, offset| Request::Submit {
        is_buy,
        offset,
        lots: 50_000,
        lives: 0,
        post_only: false,
    };
    let requests: Vec<(usize, Request)> = (0..40)
        .flat_map(|_| {
            [
                (30, submit(true, Some(0))),
                (30, submit(false, Some(1))),
                (30, submit(true, None)),
            ]
        })
        .collect();
    let log = run_market(1, &requests);
    let fills = |is_maker| {
        log.iter()
            .filter(|r| r.kind == ReportKind::Trade && r.is_maker == is_maker)
            .count()
    };
    assert!(
        fills(true) > 5 && fills(false) > 5,
        "{} maker, {} taker",
        fills(true),
        fills(false)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_order_is_conserved_priced_and_repeatable(
        seed in any::<u64>(),
        requests in prop::collection::vec(any_request(), 1..60),
    ) {
        let log = run_market(seed, &requests);
        let ids: Vec<i64> = log.iter().map(|report| report.trade_id).filter(|id| *id != 0).collect();
        let expected: Vec<i64> = (FIRST_OWN_TRADE_ID..).take(ids.len()).collect();
        prop_assert_eq!(ids, expected);
        prop_assert_eq!(log, run_market(seed, &requests));
    }
}
