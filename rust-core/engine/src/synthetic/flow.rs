//! The order flow: who comes when, on which side, with how much, and how far from the touch.
//!
//! Every table holds quantiles measured on the recording that the parent module names.

use crate::random::{Quantiles, Random};
use crate::units::Side;

/// An exponential distribution of mean 1, cut at 9.
pub(super) const WAITING: Quantiles = Quantiles(&[
    (0.0, 0.0),
    (0.1, 0.105),
    (0.25, 0.288),
    (0.5, 0.693),
    (0.75, 1.386),
    (0.9, 2.303),
    (0.97, 3.507),
    (0.99, 4.605),
    (0.999, 6.908),
    (1.0, 9.0),
]);
/// Microseconds between market orders.
const ORDER_GAP_US: Quantiles = Quantiles(&[
    (0.0, 300.0),
    (0.05, 1_000.0),
    (0.25, 4_000.0),
    (0.5, 24_000.0),
    (0.75, 112_000.0),
    (0.95, 420_000.0),
    (0.99, 750_000.0),
    (1.0, 1_500_000.0),
]);
/// Lots of a market order.
const ORDER_LOTS: Quantiles = Quantiles(&[
    (0.0, 1.0),
    (0.05, 10.0),
    (0.25, 34.0),
    (0.5, 310.0),
    (0.75, 2_000.0),
    (0.9, 10_200.0),
    (0.95, 25_400.0),
    (0.99, 107_000.0),
    (1.0, 900_000.0),
]);
/// Lots of one resting order that a market order meets: of one trade, unless the order has less left.
const TRADE_LOTS: Quantiles = Quantiles(&[
    (0.0, 1.0),
    (0.05, 8.0),
    (0.2, 20.0),
    (0.4, 200.0),
    (0.65, 3_000.0),
    (0.9, 20_000.0),
    (0.98, 60_000.0),
    (1.0, 150_000.0),
]);
/// Lots that stand at the touch.
const TOUCH_LOTS: Quantiles = Quantiles(&[
    (0.0, 1.0),
    (0.05, 25.0),
    (0.25, 14_500.0),
    (0.5, 115_000.0),
    (0.75, 290_000.0),
    (0.95, 500_000.0),
    (1.0, 1_200_000.0),
]);
/// Lots of a new or changed level behind the touch.
const LEVEL_LOTS: Quantiles = Quantiles(&[
    (0.0, 1.0),
    (0.05, 20.0),
    (0.25, 1_070.0),
    (0.5, 5_000.0),
    (0.75, 25_000.0),
    (0.95, 180_000.0),
    (0.99, 560_000.0),
    (1.0, 1_900_000.0),
]);
/// Ticks from the touch to a level that is placed or withdrawn.
const LEVEL_TICKS: Quantiles = Quantiles(&[
    (0.0, 1.0),
    (0.012, 11.0),
    (0.045, 101.0),
    (0.27, 1_001.0),
    (0.8, 10_001.0),
    (1.0, 60_000.0),
]);
/// Ticks of a move of the price.
const MOVE_TICKS: Quantiles = Quantiles(&[
    (0.0, 1.0),
    (0.2, 10.0),
    (0.45, 100.0),
    (0.65, 330.0),
    (0.8, 800.0),
    (0.93, 1_600.0),
    (0.99, 3_000.0),
    (1.0, 5_000.0),
]);
/// How busy the market is, as a factor on the rates.
const ACTIVITY: Quantiles = Quantiles(&[(0.0, 0.3), (0.5, 0.7), (0.9, 2.0), (1.0, 5.0)]);

/// Share of market orders that move the price.
const MOVE_SHARE: f64 = 0.085;
/// How much larger than others these orders are.
const MOVE_SIZE: i64 = 8;
/// Chance that an order repeats the side of the one before it.
const SAME_SIDE: f64 = 0.12;
/// Chance that an order is on the regime's side otherwise.
const REGIME_SIDE: f64 = 0.8;
/// Chance that the regime turns with an order.
const REGIME_TURN: f64 = 1.0 / 25.0;
/// How strongly a distance from the start price turns orders back, per unit of relative distance.
const REVERSION: f64 = 20.0;
/// Changes a second at the touch and behind it, and behind it while a move is being followed.
const TOUCH_RATE: f64 = 75.0;
const DEEP_RATE: f64 = 220.0;
const REQUOTE_RATE: f64 = 3_000.0;
/// Requotes that follow a move: some, and one for so many ticks.
const REQUOTES: i64 = 20;
const TICKS_PER_REQUOTE: i64 = 3;
/// Microseconds between changes of activity, and how much of the old one stays.
const ACTIVITY_US: i64 = 2_000_000;
const ACTIVITY_KEPT: f64 = 0.7;

/// A change of a resting level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quote {
    Touch,
    Deep,
}

/// A market order: which side, how much, and by how much it moves the price (zero: it does not).
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    pub(super) taker: Side,
    pub(super) lots: i64,
    pub(super) move_ticks: i64,
}

/// The flow's state.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    activity: f64,
    next_activity_us: i64,
    regime: Side,
    last_side: Side,
    requotes: i64,
}

impl Flow {
    pub(super) fn new(random: &mut Random) -> Self {
        let regime = any_side(random);
        Self {
            activity: 1.0,
            next_activity_us: 0,
            regime,
            last_side: regime,
            requotes: 0,
        }
    }

    pub(super) fn quote_gap_us(&mut self, now_us: i64, random: &mut Random) -> i64 {
        if now_us >= self.next_activity_us {
            self.next_activity_us = now_us + ACTIVITY_US;
            self.activity =
                self.activity * ACTIVITY_KEPT + ACTIVITY.draw(random) * (1.0 - ACTIVITY_KEPT);
        }
        let follow = if self.requotes > 0 { REQUOTE_RATE } else { 0.0 };
        let rate = (TOUCH_RATE + DEEP_RATE) * self.activity + follow;
        ((WAITING.draw(random) * 1e6 / rate) as i64).max(1)
    }

    pub(super) fn quote(&mut self, random: &mut Random) -> Quote {
        if self.requotes > 0 {
            self.requotes -= 1;
            return Quote::Deep;
        }
        if random.chance(TOUCH_RATE / (TOUCH_RATE + DEEP_RATE)) {
            Quote::Touch
        } else {
            Quote::Deep
        }
    }

    /// The next market order, `distance` being how far the price has gone from the start, relatively.
    pub(super) fn order(&mut self, distance: f64, random: &mut Random) -> Order {
        if random.chance(REGIME_TURN) {
            self.regime = self.regime.opposite();
        }
        let mut taker = if random.chance(SAME_SIDE) {
            self.last_side
        } else if random.chance(REGIME_SIDE) {
            self.regime
        } else {
            self.regime.opposite()
        };
        let is_outwards = (taker == Side::Buy) == (distance > 0.0);
        if is_outwards && random.chance(distance.abs() * REVERSION) {
            taker = taker.opposite();
        }
        self.last_side = taker;
        let move_ticks = if random.chance(MOVE_SHARE) {
            MOVE_TICKS.draw_whole(random)
        } else {
            0
        };
        let size = if move_ticks > 0 { MOVE_SIZE } else { 1 };
        Order {
            taker,
            lots: ORDER_LOTS.draw_whole(random) * size,
            move_ticks,
        }
    }

    /// Makers follow a move.
    pub(super) fn follow(&mut self, move_ticks: i64) {
        self.requotes += REQUOTES + move_ticks / TICKS_PER_REQUOTE;
    }
}

pub(super) fn order_gap_us(random: &mut Random) -> i64 {
    ORDER_GAP_US.draw_whole(random).max(1)
}

pub(super) fn any_side(random: &mut Random) -> Side {
    if random.chance(0.5) {
        Side::Buy
    } else {
        Side::Sell
    }
}

pub(super) fn trade_lots(random: &mut Random) -> i64 {
    TRADE_LOTS.draw_whole(random).max(1)
}

pub(super) fn touch_lots(random: &mut Random) -> i64 {
    TOUCH_LOTS.draw_whole(random).max(1)
}

pub(super) fn level_lots(random: &mut Random) -> i64 {
    LEVEL_LOTS.draw_whole(random).max(1)
}

pub(super) fn level_ticks(random: &mut Random) -> i64 {
    LEVEL_TICKS.draw_whole(random).max(1)
}
