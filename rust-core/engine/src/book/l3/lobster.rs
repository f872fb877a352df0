//! LOBSTER's messages on a book: they begin at the opening, when orders of which nothing is told rest already.
//!
//! What stands at a price without its orders being known is one anonymous order, seeded with what a book file
//! says. A message names the side and the price of its order, so one with an unknown id at such a price is
//! about an anonymous part, and takes from it. How the parts queue among each other is not known; all of them
//! rested when they were seeded.

use super::{FIRST_RESERVED_ID, L3Book, L3Error, MAX_COUNT};
use crate::decode::Level;
use crate::decode::lobster::{Kind, Message};
use crate::decode::order::OrderId;
use crate::units::{PriceTicks, Side};

/// The bit of an anonymous order's id that tells its side. The price stands below it.
const SIDE_BIT: u32 = 62;
const _: () = assert!(2 * MAX_COUNT < 1 << SIDE_BIT);

/// The anonymous order's id: reserved, and of this side and price only.
fn anonymous_id(side: Side, price: PriceTicks) -> OrderId {
    let side_bit = u64::from(side == Side::Sell) << SIDE_BIT;
    OrderId(FIRST_RESERVED_ID.0 | side_bit | price.0.saturating_add(MAX_COUNT) as u64)
}

impl L3Book {
    /// Rests size of unknown orders at the end of a price's queue: as one order, whose id is not below
    /// [`FIRST_RESERVED_ID`]. Only [`Self::apply_lobster_message`] finds it by its price.
    ///
    /// # Errors
    /// There is such an order at the price; the size or the price is out of range; the book is full.
    pub fn seed(&mut self, side: Side, at: Level) -> Result<OrderId, L3Error> {
        super::check(at)?;
        let id = anonymous_id(side, at.price);
        self.add_any(id, side, at).map(|()| id)
    }

    /// Does what a message says, whose price in ticks is `price`, to the order that it names or, if that is
    /// unknown, to what was seeded at its price.
    ///
    /// # Errors
    /// As the operation's own; `Mismatch` if the order has another side, price or, being deleted, size than
    /// the message says.
    #[inline]
    pub fn apply_lobster_message(
        &mut self,
        message: &Message,
        price: PriceTicks,
    ) -> Result<(), L3Error> {
        let Message { id, side, size, .. } = *message;
        if !message.kind.changes_book() {
            return Ok(());
        }
        if message.kind == Kind::Add {
            return self.add(id, side, Level { price, size });
        }
        super::check(Level { price, size })?;
        let Ok((position, slot)) = self.known(id) else {
            let anonymous = anonymous_id(side, price);
            return match self.reduce(anonymous, size) {
                Err(L3Error::UnknownOrder(_)) => Err(L3Error::UnknownOrder(id)),
                outcome => outcome.map(|_| ()),
            };
        };
        let rests = self.queues.orders[slot];
        let queue = &self.queues.levels[rests.level];
        if (queue.side, queue.price) != (side, price)
            || (message.kind == Kind::Delete && rests.lots != size.0)
        {
            return Err(L3Error::Mismatch(self.order_in(slot)));
        }
        self.take(position, slot, size).map(|_| ())
    }
}
