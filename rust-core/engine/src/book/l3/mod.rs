//! The book by order: every resting order in its place in the queue of its price, and the levels they add up
//! to.
//!
//! Adding, cancelling, reducing, replacing and executing take constant time on average, whatever the depth and
//! the length of the queue: an order is found through a hash index, a price through the ladder, and levels are
//! kept as sums. An operation that fails has changed nothing. Memory is 32 bytes an order and 16 to 32 in the
//! index, for the most orders that ever rested at a time: it is used again but not given back.

mod batch;
mod fifo;
mod index;
mod lobster;
mod slab;

pub use batch::{BatchError, BatchProblem, LobsterOptions, Row, RowError};

use fifo::{Order as Record, Queues};
use index::{Index, hash};
use slab::NONE;

use super::l2::MAX_WINDOW_TICKS;
use super::ladder::Ladder;
use crate::decode::Level;
use crate::decode::order::{OrderEvent, OrderId};
use crate::units::{MAX_COUNT, PriceTicks, Side, SizeLots};

/// Most orders at a time, 2^30: 32 GiB of them.
pub const MAX_ORDERS: usize = 1 << 30;
/// Ids from here on name the size that stands at a price without its orders being known: see
/// [`L3Book::seed`].
pub const FIRST_RESERVED_ID: OrderId = OrderId(1 << 63);

/// A resting order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// The venue's id.
    pub id: OrderId,
    /// Its side.
    pub side: Side,
    /// Its price.
    pub price: PriceTicks,
    /// What is left of it.
    pub size: SizeLots,
}

/// What is served before an order at its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePosition {
    /// Orders before it.
    pub orders_ahead: usize,
    /// Their size.
    pub lots_ahead: SizeLots,
}

/// Why an event does not fit the book. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum L3Error {
    /// No such order rests.
    #[error("order {} is unknown", .0.0)]
    UnknownOrder(OrderId),
    /// An order of this id rests already.
    #[error("order {} rests already", .0.0)]
    DuplicateOrder(OrderId),
    /// More is taken from an order than it has.
    #[error("{} lots are taken from order {}, which has {}", taken.0, id.0, rests.0)]
    TooLarge {
        /// The order.
        id: OrderId,
        /// What the event takes.
        taken: SizeLots,
        /// What the order has.
        rests: SizeLots,
    },
    /// An event says something else of an order than the book does.
    #[error("order {} is not what the message says: it has {} lots at {} ({})",
        .0.id.0, .0.size.0, .0.price.0, .0.side.as_str())]
    Mismatch(Order),
    /// The id belongs to the book itself.
    #[error("order id {} is not below 2^63", .0.0)]
    ReservedId(OrderId),
    /// A size is not positive or beyond [`MAX_COUNT`].
    #[error("size {} lots is not in 1 to {MAX_COUNT}", .0.0)]
    Size(SizeLots),
    /// A price is beyond ±[`MAX_COUNT`].
    #[error("price {} ticks is not within ±{MAX_COUNT}", .0.0)]
    Price(PriceTicks),
    /// The sizes at a price add up to more than an `i64` holds.
    #[error("the size at price {} overflows", .0.0)]
    LevelOverflow(PriceTicks),
    /// There are [`MAX_ORDERS`].
    #[error("the book is full")]
    Full,
}

/// Both sides of a book by order. It holds what it is told, crossed or not.
#[derive(Debug, Clone)]
pub struct L3Book {
    queues: Queues,
    index: Index,
    /// Slots of levels by the price's key: higher is better.
    bids: Ladder,
    asks: Ladder,
}

impl L3Book {
    /// An empty book with a dense window of `window_ticks` a side, clamped to `128..=MAX_WINDOW_TICKS`.
    pub fn new(window_ticks: usize) -> Self {
        let window = window_ticks.min(MAX_WINDOW_TICKS);
        Self {
            queues: Queues::new(),
            index: Index::new(),
            bids: Ladder::new(window),
            asks: Ladder::new(window),
        }
    }

    /// Forgets every order.
    pub fn clear(&mut self) {
        self.queues.clear();
        self.index.clear();
        self.bids.clear();
        self.asks.clear();
    }

    /// Does what an event says.
    ///
    /// # Errors
    /// See [`L3Error`].
    #[inline]
    pub fn apply(&mut self, event: &OrderEvent) -> Result<(), L3Error> {
        match *event {
            OrderEvent::Add {
                id,
                side,
                price,
                size,
            } => self.add(id, side, Level { price, size }),
            OrderEvent::Cancel { id } => self.cancel(id).map(|_| ()),
            OrderEvent::Reduce { id, size } => self.reduce(id, size).map(|_| ()),
            OrderEvent::Execute { id, size } => self.execute(id, size).map(|_| ()),
            OrderEvent::Replace {
                id,
                new_id,
                price,
                size,
            } => self.replace(id, new_id, Level { price, size }),
            OrderEvent::Amend { id, price, size } => self.amend(id, Level { price, size }),
            OrderEvent::HiddenExecution => Ok(()),
        }
    }

    /// Rests a new order at the end of its price's queue.
    ///
    /// # Errors
    /// The id rests already or is reserved; the size or the price is out of range; the book is full.
    #[inline]
    pub fn add(&mut self, id: OrderId, side: Side, at: Level) -> Result<(), L3Error> {
        check_id(id)?;
        self.add_any(id, side, at)
    }

    #[inline]
    fn add_any(&mut self, id: OrderId, side: Side, at: Level) -> Result<(), L3Error> {
        check(at)?;
        if self.index.len() >= MAX_ORDERS {
            return Err(L3Error::Full);
        }
        self.index.reserve_one();
        let hash = hash(id.0);
        let Err(vacancy) = self.find(hash, id) else {
            return Err(L3Error::DuplicateOrder(id));
        };
        let level = self.level_slot(side, at.price);
        if level != NONE {
            check_sum(at, self.queues.levels[level].lots)?;
        }
        let slot = self.push_back(level, id, side, at);
        self.index.insert_at(vacancy, hash, slot);
        Ok(())
    }

    /// Withdraws an order; returns it as it was.
    ///
    /// # Errors
    /// The order is unknown.
    #[inline]
    pub fn cancel(&mut self, id: OrderId) -> Result<Order, L3Error> {
        let (position, slot) = self.known(id)?;
        let order = self.order_in(slot);
        self.remove(position, slot);
        Ok(order)
    }

    /// Withdraws part of an order, which keeps its place, or all of it; returns what is left.
    ///
    /// # Errors
    /// The order is unknown or has less; the size is out of range.
    #[inline]
    pub fn reduce(&mut self, id: OrderId, size: SizeLots) -> Result<SizeLots, L3Error> {
        check_size(size)?;
        let (position, slot) = self.known(id)?;
        self.take(position, slot, size)
    }

    /// Trades an order, wherever it stands in its queue; returns what is left of it.
    ///
    /// # Errors
    /// As [`Self::reduce`].
    #[inline]
    pub fn execute(&mut self, id: OrderId, size: SizeLots) -> Result<SizeLots, L3Error> {
        // To the book it is the same: what has gone leaves the rest in its place.
        self.reduce(id, size)
    }

    /// Withdraws an order and rests another on its side, at the end of its price's queue. The ids may be equal.
    ///
    /// # Errors
    /// The order is unknown; the new id rests already; an id is reserved; the size or the price is out of
    /// range.
    pub fn replace(&mut self, id: OrderId, new_id: OrderId, at: Level) -> Result<(), L3Error> {
        check(at)?;
        let (position, slot) = self.known(id)?;
        check_id(id)?;
        check_id(new_id)?;
        let new_hash = hash(new_id.0);
        if new_id != id && self.find(new_hash, new_id).is_ok() {
            return Err(L3Error::DuplicateOrder(new_id));
        }
        let order = self.queues.orders[slot];
        let side = self.queues.levels[order.level].side;
        let target = self.level_slot(side, at.price);
        if target != NONE {
            let leaves = if target == order.level { order.lots } else { 0 };
            check_sum(at, self.queues.levels[target].lots - leaves)?;
        }
        self.remove(position, slot);
        // The level may have gone with its last order.
        let level = self.level_slot(side, at.price);
        let slot = self.push_back(level, new_id, side, at);
        self.index.insert(new_hash, slot);
        Ok(())
    }

    /// Changes an order's price or size. It keeps its place if its price stays and its size does not grow, else
    /// it goes to the end of its price's queue.
    ///
    /// # Errors
    /// The order is unknown; the size or the price is out of range.
    pub fn amend(&mut self, id: OrderId, to: Level) -> Result<(), L3Error> {
        check(to)?;
        let (_, slot) = self.known(id)?;
        let order = self.order_in(slot);
        if to.price != order.price || to.size > order.size {
            return self.replace(id, id, to);
        }
        self.queues.shrink(slot, order.size.0 - to.size.0);
        Ok(())
    }

    /// An order, if it rests.
    pub fn order(&self, id: OrderId) -> Option<Order> {
        let (_, slot) = self.known(id).ok()?;
        Some(self.order_in(slot))
    }

    /// What is served before an order at its price. It takes at most 31 steps from order to order, and then one
    /// a block of orders: some n/20 of them before n orders, and never more than 2 n/9 + 2.
    pub fn queue_position(&self, id: OrderId) -> Option<QueuePosition> {
        let (_, slot) = self.known(id).ok()?;
        let (orders_ahead, lots) = self.queues.ahead(slot);
        Some(QueuePosition {
            orders_ahead,
            lots_ahead: SizeLots(lots),
        })
    }

    /// The order that is served next on a side.
    pub fn front(&self, side: Side) -> Option<Order> {
        let (_, level) = self.ladder(side).best()?;
        Some(self.order_in(self.queues.levels[level as u32].head))
    }

    /// The orders at a price, oldest first.
    pub fn orders(&self, side: Side, price: PriceTicks) -> impl Iterator<Item = Order> + '_ {
        // Slot 0 is an empty level.
        let level = self.level_slot(side, price);
        self.queues.iter(level).map(move |order| Order {
            id: OrderId(order.id),
            side,
            price,
            size: SizeLots(order.lots),
        })
    }

    /// How many orders rest.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// True if no order rests.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The best level of a side.
    #[inline]
    pub fn best(&self, side: Side) -> Option<Level> {
        let (_, level) = self.ladder(side).best()?;
        Some(self.level_in(level as u32))
    }

    /// The best bid and the best ask, or None if a side is empty.
    #[inline]
    pub fn top(&self) -> Option<(Level, Level)> {
        self.best(Side::Buy).zip(self.best(Side::Sell))
    }

    /// True if the best bid is at or above the best ask.
    #[inline]
    pub fn is_crossed(&self) -> bool {
        self.top().is_some_and(|(bid, ask)| bid.price >= ask.price)
    }

    /// The size at a price; zero where there is no level.
    #[inline]
    pub fn size_at(&self, side: Side, price: PriceTicks) -> SizeLots {
        SizeLots(self.queues.levels[self.level_slot(side, price)].lots)
    }

    /// How many orders rest at a price.
    #[inline]
    pub fn orders_at(&self, side: Side, price: PriceTicks) -> usize {
        self.queues.levels[self.level_slot(side, price)].orders as usize
    }

    /// The levels of a side from the best outwards: bids downwards, asks upwards.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        let slots = self.ladder(side).iter();
        slots.map(|(_, level)| self.level_in(level as u32))
    }

    /// How many levels a side has.
    pub fn level_count(&self, side: Side) -> usize {
        self.ladder(side).len()
    }

    #[inline]
    fn ladder(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    #[inline]
    fn set_level_slot(&mut self, side: Side, price: PriceTicks, slot: u32) {
        let ladder = match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        ladder.set(key(side, price), i64::from(slot));
    }

    /// The slot of a price's level, or `NONE`.
    #[inline]
    fn level_slot(&self, side: Side, price: PriceTicks) -> u32 {
        self.ladder(side).get(key(side, price)) as u32
    }

    #[inline]
    fn level_in(&self, slot: u32) -> Level {
        let queue = &self.queues.levels[slot];
        Level {
            price: queue.price,
            size: SizeLots(queue.lots),
        }
    }

    #[inline]
    fn order_in(&self, slot: u32) -> Order {
        let Record {
            id, lots, level, ..
        } = self.queues.orders[slot];
        let queue = &self.queues.levels[level];
        Order {
            id: OrderId(id),
            side: queue.side,
            price: queue.price,
            size: SizeLots(lots),
        }
    }

    #[inline]
    fn find(&self, hash: u32, id: OrderId) -> Result<(usize, u32), usize> {
        self.index
            .find(hash, |slot| self.queues.orders[slot].id == id.0)
    }

    #[inline]
    fn known(&self, id: OrderId) -> Result<(usize, u32), L3Error> {
        self.find(hash(id.0), id)
            .map_err(|_| L3Error::UnknownOrder(id))
    }

    /// Rests an order at a level, which `NONE` opens.
    #[inline]
    fn push_back(&mut self, level: u32, id: OrderId, side: Side, at: Level) -> u32 {
        if level != NONE {
            return self.queues.push_back(level, id.0, at.size.0);
        }
        let level = self.queues.open(side, at.price);
        self.set_level_slot(side, at.price, level);
        self.queues.push_back(level, id.0, at.size.0)
    }

    /// Takes a positive size from an order, or all of it; returns what is left.
    #[inline]
    fn take(&mut self, position: usize, slot: u32, size: SizeLots) -> Result<SizeLots, L3Error> {
        let order = &self.queues.orders[slot];
        let rests = SizeLots(order.lots);
        if size > rests {
            return Err(L3Error::TooLarge {
                id: OrderId(order.id),
                taken: size,
                rests,
            });
        }
        if size == rests {
            self.remove(position, slot);
        } else {
            self.queues.shrink(slot, size.0);
        }
        Ok(SizeLots(rests.0 - size.0))
    }

    #[inline]
    fn remove(&mut self, position: usize, slot: u32) {
        self.index.remove_at(position);
        let level = self.queues.orders[slot].level;
        if self.queues.unlink(slot) {
            let fifo::Queue { side, price, .. } = self.queues.levels[level];
            self.set_level_slot(side, price, NONE);
        }
    }
}

/// A price's place in its side's ladder: the better, the higher. Prices in the book are within [`MAX_COUNT`].
#[inline]
fn key(side: Side, price: PriceTicks) -> i64 {
    match side {
        Side::Buy => price.0,
        Side::Sell => price.0.saturating_neg(),
    }
}

#[inline]
fn check_id(id: OrderId) -> Result<(), L3Error> {
    if id < FIRST_RESERVED_ID {
        Ok(())
    } else {
        Err(L3Error::ReservedId(id))
    }
}

#[inline]
fn check_sum(at: Level, lots: i64) -> Result<(), L3Error> {
    match lots.checked_add(at.size.0) {
        Some(_) => Ok(()),
        None => Err(L3Error::LevelOverflow(at.price)),
    }
}

#[inline]
fn check_size(size: SizeLots) -> Result<(), L3Error> {
    if (1..=MAX_COUNT).contains(&size.0) {
        Ok(())
    } else {
        Err(L3Error::Size(size))
    }
}

#[inline]
fn check(level: Level) -> Result<(), L3Error> {
    if !(-MAX_COUNT..=MAX_COUNT).contains(&level.price.0) {
        return Err(L3Error::Price(level.price));
    }
    check_size(level.size)
}
