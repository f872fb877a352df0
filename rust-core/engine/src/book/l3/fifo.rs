//! The queue at each price: a doubly linked list through the orders, oldest first, in blocks that are counted.
//!
//! Each queue is cut into *blocks* of at most [`MAX_BLOCK_ORDERS`] neighbours. A block knows how many orders
//! and lots it holds, so the place of an order is found by a walk to the front of its block and then from block
//! to block. A block that thins out joins a neighbour: of two neighbours other than the last block, at least
//! one holds more than [`THIN_BLOCK_ORDERS`].

use super::slab::{NONE, Slab};
use crate::units::{PriceTicks, Side};

/// Most orders in a block.
pub(super) const MAX_BLOCK_ORDERS: u32 = 32;
/// A block that has shrunk to this tries to join a neighbour.
const THIN_BLOCK_ORDERS: u32 = MAX_BLOCK_ORDERS / 4;
/// Most orders in two blocks that join, so that they do not soon split again.
const MAX_JOINED_ORDERS: u32 = MAX_BLOCK_ORDERS / 2;

/// A resting order: 32 bytes, two a cache line.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) lots: i64,
    /// The order before it at its level.
    pub(super) prev: u32,
    pub(super) next: u32,
    pub(super) level: u32,
    pub(super) block: u32,
}

const _: () = assert!(size_of::<Order>() == 32);

/// A price with its queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queue {
    pub(super) price: PriceTicks,
    pub(super) lots: i64,
    pub(super) orders: u32,
    pub(super) head: u32,
    pub(super) tail: u32,
    pub(super) side: Side,
}

impl Default for Queue {
    fn default() -> Self {
        Self::new(Side::Buy, PriceTicks(0))
    }
}

impl Queue {
    fn new(side: Side, price: PriceTicks) -> Self {
        Self {
            price,
            lots: 0,
            orders: 0,
            head: NONE,
            tail: NONE,
            side,
        }
    }
}

/// A run of neighbours in a queue.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    lots: i64,
    orders: u32,
    prev: u32,
    next: u32,
}

/// All orders and their queues. There are never more levels or blocks than orders.
#[derive(Debug, Clone)]
pub(super) struct Queues {
    pub(super) orders: Slab<Order>,
    pub(super) levels: Slab<Queue>,
    blocks: Slab<Block>,
}

impl Queues {
    pub(super) fn new() -> Self {
        Self {
            orders: Slab::new(),
            levels: Slab::new(),
            blocks: Slab::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.orders.clear();
        self.levels.clear();
        self.blocks.clear();
    }

    /// A level without an order; one must follow.
    #[inline]
    pub(super) fn open(&mut self, side: Side, price: PriceTicks) -> u32 {
        self.levels.insert(Queue::new(side, price))
    }

    /// Puts an order at the end of a queue. The caller has checked that the level's lots do not overflow.
    #[inline]
    pub(super) fn push_back(&mut self, level: u32, id: u64, lots: i64) -> u32 {
        let tail = self.levels[level].tail;
        let block = self.block_after(tail);
        let slot = self.orders.insert(Order {
            id,
            lots,
            prev: tail,
            next: NONE,
            level,
            block,
        });
        self.orders[tail].next = slot;
        let queue = &mut self.levels[level];
        if tail == NONE {
            queue.head = slot;
        }
        queue.tail = slot;
        queue.lots += lots;
        queue.orders += 1;
        let block = &mut self.blocks[block];
        block.lots += lots;
        block.orders += 1;
        slot
    }

    /// The block of an order that comes after `tail`.
    #[inline]
    fn block_after(&mut self, tail: u32) -> u32 {
        if tail == NONE {
            return self.blocks.insert(Block::default());
        }
        let last = self.orders[tail].block;
        if self.blocks[last].orders < MAX_BLOCK_ORDERS {
            return last;
        }
        let block = self.blocks.insert(Block {
            prev: last,
            ..Block::default()
        });
        self.blocks[last].next = block;
        block
    }

    /// Takes lots, fewer than it has, from an order, which keeps its place.
    #[inline]
    pub(super) fn shrink(&mut self, slot: u32, lots: i64) {
        let order = &mut self.orders[slot];
        order.lots -= lots;
        let (level, block) = (order.level, order.block);
        self.levels[level].lots -= lots;
        self.blocks[block].lots -= lots;
    }

    /// Takes an order out of its queue; true if that was the level's last, and the level is gone too.
    #[inline]
    pub(super) fn unlink(&mut self, slot: u32) -> bool {
        let order = self.orders[slot];
        self.orders[order.prev].next = order.next;
        self.orders[order.next].prev = order.prev;
        self.orders.remove(slot);
        let queue = &mut self.levels[order.level];
        queue.lots -= order.lots;
        queue.orders -= 1;
        if order.prev == NONE {
            queue.head = order.next;
        }
        if order.next == NONE {
            queue.tail = order.prev;
        }
        let is_last = queue.orders == 0;
        if is_last {
            self.levels.remove(order.level);
        }
        let block = &mut self.blocks[order.block];
        block.lots -= order.lots;
        block.orders -= 1;
        if block.orders == 0 {
            self.remove_block(order.block);
        } else if block.orders <= THIN_BLOCK_ORDERS && (block.prev | block.next) != NONE {
            self.join_neighbour(&order);
        }
        is_last
    }

    fn remove_block(&mut self, block: u32) {
        let Block { prev, next, .. } = self.blocks[block];
        self.blocks[prev].next = next;
        self.blocks[next].prev = prev;
        self.blocks.remove(block);
    }

    /// Joins the block that `removed` has left with a neighbour, if both are small. Its few orders lie
    /// around where `removed` was.
    fn join_neighbour(&mut self, removed: &Order) {
        let thin = self.blocks[removed.block];
        let small = |neighbour: &u32| {
            *neighbour != NONE && self.blocks[*neighbour].orders + thin.orders <= MAX_JOINED_ORDERS
        };
        let Some(joined) = [thin.prev, thin.next].into_iter().find(small) else {
            return;
        };
        let mut at = removed.prev;
        while at != NONE && self.orders[at].block == removed.block {
            self.orders[at].block = joined;
            at = self.orders[at].prev;
        }
        at = removed.next;
        while at != NONE && self.orders[at].block == removed.block {
            self.orders[at].block = joined;
            at = self.orders[at].next;
        }
        self.blocks[joined].lots += thin.lots;
        self.blocks[joined].orders += thin.orders;
        self.remove_block(removed.block);
    }

    /// Orders and lots before an order at its level.
    pub(super) fn ahead(&self, slot: u32) -> (usize, i64) {
        let Order { prev, block, .. } = self.orders[slot];
        let (mut orders, mut lots) = (0_usize, 0_i64);
        let mut at = prev;
        while at != NONE && self.orders[at].block == block {
            orders += 1;
            lots += self.orders[at].lots;
            at = self.orders[at].prev;
        }
        let mut before = self.blocks[block].prev;
        while before != NONE {
            let block = &self.blocks[before];
            orders += block.orders as usize;
            lots += block.lots;
            before = block.prev;
        }
        (orders, lots)
    }

    /// The orders of a level, oldest first.
    pub(super) fn iter(&self, level: u32) -> impl Iterator<Item = &Order> + '_ {
        let slot = |slot: u32| (slot != NONE).then_some(slot);
        let head = slot(self.levels[level].head);
        std::iter::successors(head, move |at| slot(self.orders[*at].next))
            .map(|at| &self.orders[at])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every block is a run of neighbours with true counts, and there are few blocks.
    fn check(queues: &Queues, level: u32) {
        let mut runs: Vec<(u32, u32, i64)> = Vec::new();
        for order in queues.iter(level) {
            match runs.last_mut() {
                Some((block, orders, lots)) if *block == order.block => {
                    *orders += 1;
                    *lots += order.lots;
                }
                _ => runs.push((order.block, 1, order.lots)),
            }
        }
        let mut before = NONE;
        for (block, orders, lots) in &runs {
            let found = queues.blocks[*block];
            assert_eq!((found.orders, found.lots), (*orders, *lots));
            assert_eq!(found.prev, before);
            assert!(*orders <= MAX_BLOCK_ORDERS);
            before = *block;
        }
        let but_last = &runs[..runs.len() - 1];
        for pair in but_last.windows(2) {
            assert!(
                pair.iter()
                    .any(|(_, orders, _)| *orders > THIN_BLOCK_ORDERS)
            );
        }
        let queue = queues.levels[level];
        let total: (u32, i64) = runs
            .iter()
            .fold((0, 0), |sum, run| (sum.0 + run.1, sum.1 + run.2));
        assert_eq!((queue.orders, queue.lots), total);
    }

    proptest! {
        #[test]
        fn blocks_stay_few_and_true(
            steps in prop::collection::vec((0_u8..10, any::<prop::sample::Index>(), 1_i64..100), 1..600),
            adds in prop_oneof![Just(3_u8), Just(5), Just(7)],
        ) {
            let mut queues = Queues::new();
            let level = queues.open(Side::Sell, PriceTicks(7));
            let mut live = vec![queues.push_back(level, 0, 1)];
            for (number, (choice, which, lots)) in steps.into_iter().enumerate() {
                // First a long queue, then adds and removals in one of three proportions.
                if choice < adds || number < 200 || live.len() == 1 {
                    live.push(queues.push_back(level, number as u64 + 1, lots));
                } else {
                    let slot = live.remove(which.index(live.len()));
                    prop_assert!(!queues.unlink(slot));
                }
                check(&queues, level);
            }
            let mut lots_ahead = 0;
            for (ahead, slot) in live.iter().enumerate() {
                prop_assert_eq!(queues.ahead(*slot), (ahead, lots_ahead));
                lots_ahead += queues.orders[*slot].lots;
            }
            while let Some(slot) = live.pop() {
                prop_assert_eq!(queues.unlink(slot), live.is_empty());
            }
        }
    }
}
