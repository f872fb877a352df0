//! Our resting orders of one side, and how far each has come in its queue.

use crate::units::{PriceTicks, Side, SizeLots};

/// One resting order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resting {
    pub(super) id: i64,
    pub(super) price: PriceTicks,
    pub(super) size: SizeLots,
    pub(super) leaves: SizeLots,
    /// The recording's lots before it at its price; our own earlier orders there are not counted.
    pub(super) ahead: SizeLots,
    /// Lots that a shrinking level has taken from `ahead` and no trade has explained as yet.
    pub(super) vanished: Vanished,
}

impl Resting {
    fn shrink_queue(&mut self, level_size: SizeLots) {
        let shrunk = self.ahead.min(level_size);
        self.vanished.newer += self.ahead.0 - shrunk.0;
        self.ahead = shrunk;
    }

    /// Takes `eaten` lots of a trade: first those that vanished before it was told, then those ahead.
    fn advance(&mut self, eaten: i64) {
        self.ahead.0 -= (eaten - self.vanished.explain(eaten)).min(self.ahead.0);
    }
}

/// The venue tells the book and the trades apart, and often the book first: a level shrinks, and then comes the
/// trade that did it. That trade must not move the order forward a second time. What no trade has explained
/// within two depth frames was cancelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Vanished {
    newer: i64,
    older: i64,
}

impl Vanished {
    fn total(self) -> i64 {
        self.newer + self.older
    }

    /// A depth frame has come.
    fn age(&mut self) {
        self.older = std::mem::take(&mut self.newer);
    }

    /// A trade explains up to `lots`; returns how many.
    fn explain(&mut self, lots: i64) -> i64 {
        let older = self.older.min(lots);
        let newer = self.newer.min(lots - older);
        self.older -= older;
        self.newer -= newer;
        older + newer
    }
}

/// A part of a resting order that is filled, and the order as it is then.
pub(super) type RestingFill = (Resting, SizeLots);

/// The orders of one side in the order of their priority: best price first, then first come.
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

    pub(super) fn len(&self) -> usize {
        self.orders.len()
    }

    pub(super) fn get(&self, id: i64) -> Option<&Resting> {
        self.orders.iter().find(|order| order.id == id)
    }

    pub(super) fn best_price(&self) -> Option<PriceTicks> {
        self.orders.first().map(|order| order.price)
    }

    /// Puts an order behind all of at least its priority.
    pub(super) fn insert(&mut self, order: Resting) {
        let side = self.side;
        let position = self
            .orders
            .partition_point(|other| !is_better(side, order.price, other.price));
        self.orders.insert(position, order);
    }

    pub(super) fn remove(&mut self, id: i64) -> Option<Resting> {
        let position = self.orders.iter().position(|order| order.id == id)?;
        Some(self.orders.remove(position))
    }

    /// The recording shows new sizes: what is ahead of an order is no more than what stands at its price.
    pub(super) fn shrink_queues(&mut self, mut size_at: impl FnMut(PriceTicks) -> SizeLots) {
        for order in &mut self.orders {
            if !order.ahead.is_zero() {
                order.shrink_queue(size_at(order.price));
            }
        }
    }

    /// A depth frame has come: what vanished before the one before it was cancelled.
    pub(super) fn on_depth_frame(&mut self) {
        for order in &mut self.orders {
            order.vanished.age();
        }
    }

    /// A taker came from the other side and traded `size` at `price`.
    pub(super) fn on_trade(
        &mut self,
        price: PriceTicks,
        size: SizeLots,
        mut filled: impl FnMut(RestingFill),
    ) {
        let mut rest = size.0;
        let mut eaten = 0;
        for order in &mut self.orders {
            if is_better(self.side, price, order.price) {
                break;
            }
            if order.price == price {
                // Our orders at one price share its queue: what one has seen eaten, the next has too.
                let ahead = order.ahead.0 + order.vanished.total();
                let eaten_now = (ahead - eaten).clamp(0, rest);
                eaten += eaten_now;
                rest -= eaten_now;
                order.advance(eaten);
            } else {
                order.ahead = SizeLots::ZERO;
                order.vanished = Vanished::default();
            }
            rest -= fill(order, rest, &mut filled);
        }
        self.orders.retain(|order| !order.leaves.is_zero());
    }

    /// The other side shows `available` at `price` and takes our orders there and better; returns what it took.
    pub(super) fn on_cross(
        &mut self,
        price: PriceTicks,
        available: SizeLots,
        mut filled: impl FnMut(RestingFill),
    ) -> SizeLots {
        let mut rest = available.0;
        for order in &mut self.orders {
            if rest == 0 || is_better(self.side, price, order.price) {
                break;
            }
            rest -= fill(order, rest, &mut filled);
        }
        self.orders.retain(|order| !order.leaves.is_zero());
        SizeLots(available.0 - rest)
    }
}

/// Fills an order with at most `lots`; returns how much it took.
fn fill(order: &mut Resting, lots: i64, filled: &mut impl FnMut(RestingFill)) -> i64 {
    let taken = order.leaves.0.min(lots);
    if taken > 0 {
        order.leaves.0 -= taken;
        filled((*order, SizeLots(taken)));
    }
    taken
}

/// True if a price has strictly higher priority than another on a side.
pub(super) fn is_better(side: Side, price: PriceTicks, other: PriceTicks) -> bool {
    match side {
        Side::Buy => price > other,
        Side::Sell => price < other,
    }
}
