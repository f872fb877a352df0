//! Our resting orders of one side at the venue, best price first, then first come.

use super::book::{is_better, reaches};
use super::queue::{QueueModel, QueuePosition};
use crate::units::{PriceTicks, Side, SizeLots};

#[derive(Debug, Clone, Copy)]
pub(super) struct Resting {
    pub(super) id: i64,
    pub(super) price: PriceTicks,
    pub(super) size: SizeLots,
    pub(super) leaves: SizeLots,
    pub(super) queue: QueuePosition,
}

/// What is filled of an order at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FillMode {
    /// All of it or nothing, however little traded: hftbacktest's exchange without partial fills.
    Whole,
    /// No more than traded, or than is shown.
    Partial,
}

#[derive(Debug, Clone)]
pub(super) struct RestingSide {
    side: Side,
    orders: Vec<Resting>,
}

impl RestingSide {
    pub(super) fn new(side: Side) -> Self {
        Self {
            side,
            orders: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// A price lies between our best and our worst.
    #[inline]
    pub(super) fn spans(&self, price: i64) -> bool {
        match (self.orders.first(), self.orders.last()) {
            (Some(best), Some(worst)) => {
                !is_better(self.side, price, best.price.0)
                    && !is_better(self.side, worst.price.0, price)
            }
            _ => false,
        }
    }

    /// A level of the other side at a price meets our best.
    #[inline]
    pub(super) fn is_reached(&self, price: i64) -> bool {
        let mut orders = self.orders.iter().take(1);
        orders.any(|best| reaches(self.side, best.price.0, price))
    }

    pub(super) fn len(&self) -> usize {
        self.orders.len()
    }

    pub(super) fn get(&self, id: i64) -> Option<&Resting> {
        self.orders.iter().find(|order| order.id == id)
    }

    #[inline]
    pub(super) fn first(&self) -> Option<&Resting> {
        self.orders.first()
    }

    /// Puts an order behind all of at least its priority.
    pub(super) fn insert(&mut self, order: Resting) {
        let side = self.side;
        let position = self
            .orders
            .partition_point(|other| !is_better(side, order.price.0, other.price.0));
        self.orders.insert(position, order);
    }

    pub(super) fn remove(&mut self, id: i64) -> Option<Resting> {
        let position = self.orders.iter().position(|order| order.id == id)?;
        Some(self.orders.remove(position))
    }

    /// Our orders at a price.
    #[inline]
    pub(super) fn at(&mut self, price: i64) -> &mut [Resting] {
        let side = self.side;
        let begin = self
            .orders
            .partition_point(|order| is_better(side, order.price.0, price));
        let rest = &mut self.orders[begin..];
        let count = rest.iter().take_while(|order| order.price.0 == price);
        let count = count.count();
        &mut rest[..count]
    }

    /// The level at a price is another size.
    #[inline]
    pub(super) fn on_level(
        &mut self,
        price: i64,
        before: i64,
        after: i64,
        model: QueueModel,
        lot: f64,
    ) {
        for order in self.at(price) {
            order.queue.on_level(model, lot, before, after);
        }
    }

    /// Nothing of the market is left at better prices than this.
    pub(super) fn on_better_gone(&mut self, price: i64) {
        let side = self.side;
        for order in &mut self.orders {
            if !is_better(side, order.price.0, price) {
                break;
            }
            order.queue = QueuePosition::behind(SizeLots::ZERO);
        }
    }

    /// A taker of the other side traded `size` at `price`; `filled` is told of each order and what it got.
    pub(super) fn on_trade(
        &mut self,
        mode: FillMode,
        price: i64,
        size: i64,
        mut filled: impl FnMut(&Resting, SizeLots),
    ) {
        let mut left = size;
        let mut is_over = false;
        for order in &mut self.orders {
            if is_better(self.side, price, order.price.0) {
                break;
            }
            let reaching = match mode {
                FillMode::Whole => size,
                FillMode::Partial => left,
            };
            let is_through = order.price.0 != price;
            let reached = if is_through {
                order.queue = QueuePosition::behind(SizeLots::ZERO);
                reaching
            } else {
                order.queue.on_trade(reaching, size)
            };
            let lots = match mode {
                FillMode::Whole if is_through || reached > 0 => order.leaves.0,
                FillMode::Whole => 0,
                FillMode::Partial => reached.min(left).min(order.leaves.0),
            };
            if lots > 0 {
                left -= lots;
                order.leaves.0 -= lots;
                is_over |= order.leaves.is_zero();
                filled(order, SizeLots(lots));
            }
        }
        if is_over {
            self.orders.retain(|order| !order.leaves.is_zero());
        }
    }

    /// An order of the market behind ours traded: ours before it, and better ones, come first.
    pub(super) fn on_fill_behind(
        &mut self,
        mode: FillMode,
        price: i64,
        size: i64,
        lots_before: i64,
        mut filled: impl FnMut(&Resting, SizeLots),
    ) {
        let mut left = size;
        for order in &mut self.orders {
            let is_before = is_better(self.side, order.price.0, price)
                || (order.price.0 == price && order.queue.ahead() <= lots_before as f64);
            if !is_before {
                break;
            }
            let lots = match mode {
                FillMode::Whole => order.leaves.0,
                FillMode::Partial => left.min(order.leaves.0),
            };
            if lots > 0 {
                left -= lots;
                order.leaves.0 -= lots;
                filled(order, SizeLots(lots));
            }
        }
        self.orders.retain(|order| !order.leaves.is_zero());
    }

    /// `lots` of the market's order before which `lots_before` stood have left the queue at `price`.
    pub(super) fn on_left_queue(&mut self, price: i64, lots_before: i64, lots: i64) {
        for order in self.at(price) {
            if (lots_before as f64) < order.queue.ahead() {
                order.queue.advance(lots);
            }
        }
    }

    /// Fills the best order by at most `lots`, if the other side's `price` reaches it.
    pub(super) fn fill_first(
        &mut self,
        price: i64,
        lots: Option<i64>,
        filled: impl FnOnce(&Resting, SizeLots),
    ) -> Option<i64> {
        let order = self.orders.first_mut()?;
        if !reaches(self.side, order.price.0, price) {
            return None;
        }
        let lots = lots.map_or(order.leaves.0, |lots| lots.min(order.leaves.0));
        order.leaves.0 -= lots;
        filled(order, SizeLots(lots));
        if order.leaves.is_zero() {
            self.orders.remove(0);
        }
        Some(lots)
    }
}
