//! Events of a feed by order: what happened to which order.

use crate::units::{MAX_COUNT, PriceTicks, Side, SizeLots};

/// A venue's id of an order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub u64);

/// What happened to an order. Sizes are what is taken away, except for the new sizes of `Add`, `Replace` and
/// `Amend`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderEvent {
    /// A new order rests at the end of its price's queue.
    Add {
        /// Its id.
        id: OrderId,
        /// Its side.
        side: Side,
        /// Its price.
        price: PriceTicks,
        /// Its size.
        size: SizeLots,
    },
    /// An order is withdrawn.
    Cancel {
        /// Its id.
        id: OrderId,
    },
    /// Part of an order is withdrawn; it keeps its place.
    Reduce {
        /// Its id.
        id: OrderId,
        /// What is withdrawn; all of it is a cancellation.
        size: SizeLots,
    },
    /// An order trades, wherever it stands in its queue.
    Execute {
        /// Its id.
        id: OrderId,
        /// What trades; all of it removes the order.
        size: SizeLots,
    },
    /// An order is withdrawn and another rests on the same side, at the end of its price's queue (Nasdaq's
    /// rule).
    Replace {
        /// The order that goes.
        id: OrderId,
        /// The order that comes; may be the same id.
        new_id: OrderId,
        /// The new order's price.
        price: PriceTicks,
        /// The new order's size.
        size: SizeLots,
    },
    /// An order's price or size changes. It keeps its place if its price stays and its size does not grow
    /// (the rule of most venues with an amend message); else it goes to the end of its price's queue.
    Amend {
        /// Its id, which stays.
        id: OrderId,
        /// Its new price.
        price: PriceTicks,
        /// Its new size.
        size: SizeLots,
    },
    /// A trade against an order that the feed never showed: nothing in the book changes.
    HiddenExecution,
}

/// How many of a feed's price units make a tick. LOBSTER and ITCH both write prices in 1/10,000 dollar, so that
/// a cent is 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitsPerTick(u32);

impl UnitsPerTick {
    /// The feed's unit itself is the tick.
    pub const ONE: Self = Self(1);

    /// None for zero.
    pub fn new(units: u32) -> Option<Self> {
        (units > 0).then_some(Self(units))
    }

    /// The price in ticks, or None if it lies between two ticks or out of range.
    #[inline]
    pub fn ticks(self, price_units: i64) -> Option<PriceTicks> {
        if !(0..=MAX_COUNT).contains(&price_units) {
            return None;
        }
        let ticks = match u32::try_from(price_units) {
            // Halves the cost of the division: no stock is dearer than 400,000 dollars, but for one.
            Ok(units) if units % self.0 == 0 => i64::from(units / self.0),
            Err(_) if price_units % i64::from(self.0) == 0 => price_units / i64::from(self.0),
            _ => return None,
        };
        Some(PriceTicks(ticks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_between_ticks_are_refused() {
        let cent = UnitsPerTick::new(100).expect("positive");
        assert_eq!(cent.ticks(5_794_000), Some(PriceTicks(57_940)));
        assert_eq!(cent.ticks(5_794_050), None);
        assert_eq!(
            cent.ticks(9_999_999_999_900),
            Some(PriceTicks(99_999_999_999))
        );
        assert_eq!(cent.ticks(9_999_999_999_999), None);
        assert_eq!((cent.ticks(-100), cent.ticks(i64::MAX)), (None, None));
        assert_eq!(UnitsPerTick::ONE.ticks(7), Some(PriceTicks(7)));
        assert_eq!(UnitsPerTick::new(0), None);
    }
}
