//! What a simulated account owns: exact to the atom.
//!
//! Amounts are *atoms*, 10^-8 of an asset; rates are whole 10^-8 too.

use super::SimulationError;
use crate::units::{PriceTicks, Side, SizeLots};

/// A rate of one (100 %).
pub const RATE_ONE: i64 = 100_000_000;

/// Cash, position and fees of one instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Atoms of the quote asset for one tick·lot, times [`RATE_ONE`].
    tick_lot_atoms: i128,
    maker_rate: i64,
    taker_rate: i64,
    cash_atoms: i128,
    fees_atoms: i128,
    position_lots: i64,
    fills: u64,
}

impl Account {
    /// An account without cash or position. A tick and a lot are given in atoms; rates in 10^-8, negative for a
    /// rebate.
    ///
    /// # Errors
    /// A tick or a lot is not positive, or a rate is beyond ±100 %.
    pub fn new(
        tick_atoms: i64,
        lot_atoms: i64,
        (maker_rate, taker_rate): (i64, i64),
    ) -> Result<Self, SimulationError> {
        for (name, atoms) in [("price_tick", tick_atoms), ("size_step", lot_atoms)] {
            if atoms < 1 {
                let what = format!("is {atoms} atoms (10^-8); it must be positive");
                return Err(SimulationError::setting(name, what));
            }
        }
        for (name, rate) in [("maker_rate", maker_rate), ("taker_rate", taker_rate)] {
            if rate.unsigned_abs() > RATE_ONE.unsigned_abs() {
                let what =
                    format!("is {rate} (10^-8); it must be within ±{RATE_ONE}, which is 100 %");
                return Err(SimulationError::setting(name, what));
            }
        }
        Ok(Self {
            tick_lot_atoms: i128::from(tick_atoms) * i128::from(lot_atoms),
            maker_rate,
            taker_rate,
            cash_atoms: 0,
            fees_atoms: 0,
            position_lots: 0,
            fills: 0,
        })
    }

    /// Books a fill: what is paid, and its fee, are rounded up; what is received, and a rebate, down.
    ///
    /// # Errors
    /// A sum overflows. Nothing has changed.
    pub fn fill(
        &mut self,
        side: Side,
        price: PriceTicks,
        lots: SizeLots,
        is_maker: bool,
    ) -> Result<(), SimulationError> {
        let sign = match side {
            Side::Buy => 1,
            Side::Sell => -1,
        };
        let rate = if is_maker {
            self.maker_rate
        } else {
            self.taker_rate
        };
        let one = i128::from(RATE_ONE);
        let booked = || {
            let exact = price.notional(lots).checked_mul(self.tick_lot_atoms)?;
            let paid = divide_up(exact.checked_mul(sign)?, one);
            let fee = divide_up(paid.checked_mul(sign)?.checked_mul(i128::from(rate))?, one);
            let change = lots.0.checked_mul(sign as i64)?;
            Some((
                self.cash_atoms.checked_sub(paid)?.checked_sub(fee)?,
                self.fees_atoms.checked_add(fee)?,
                self.position_lots.checked_add(change)?,
            ))
        };
        let booked = booked().ok_or(SimulationError::Overflow)?;
        (self.cash_atoms, self.fees_atoms, self.position_lots) = booked;
        self.fills += 1;
        Ok(())
    }

    /// Cash in atoms of the quote asset, fees paid; below zero is owed.
    pub fn cash_atoms(&self) -> i128 {
        self.cash_atoms
    }

    /// Fees in atoms of the quote asset; below zero were rebates.
    pub fn fees_atoms(&self) -> i128 {
        self.fees_atoms
    }

    /// Lots held; below zero is short.
    #[inline]
    pub fn position_lots(&self) -> i64 {
        self.position_lots
    }

    /// How many fills were booked.
    pub fn fills(&self) -> u64 {
        self.fills
    }
}

/// The quotient by a positive divisor, rounded towards +∞.
fn divide_up(dividend: i128, divisor: i128) -> i128 {
    let quotient = dividend.div_euclid(divisor);
    quotient + i128::from(dividend.rem_euclid(divisor) != 0)
}
