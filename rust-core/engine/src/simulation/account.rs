//! The account of one instrument: cash, position, fees and funding, to the last atom.
//!
//! It is a margin account: a fill moves its whole value between cash and position, so `equity = cash + value of the
//! position` at any price, and cash is negative while a long position is worth more than what was put in. For spot
//! that is the holding itself. Equity changes by `Σ position · Δprice − fees + rebates − funding` and nothing else.
//!
//! Inverse (coin-margined) contracts are settled in the base asset: a lot is a fixed amount of quote, so its value
//! is that amount *divided* by the price, and hardly ever a whole atom. Each fill is booked rounded against us, and
//! so is equity: it is less than one atom a fill, and one for the valuation, below the exact one, never above.

use super::amounts::{AccountError, MAX_RATE, RATE_ONE, divide_down, divide_up};
use super::fees::{FeeAsset, FeeRates, FeeSchedule};
use crate::units::{PriceTicks, Side, SizeLots, TimestampNs};

/// How a lot at a price becomes an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    /// The base asset against the quote asset; settled in quote.
    Spot {
        /// Quote atoms in one lot at a price of one tick.
        atoms_per_tick_lot: i64,
        /// Base atoms in one lot.
        base_atoms_per_lot: i64,
    },
    /// A contract on the base asset, settled in quote (USDT-margined).
    Linear {
        /// Quote atoms in one lot at a price of one tick.
        atoms_per_tick_lot: i64,
    },
    /// A contract on a fixed amount of quote, settled in base (coin-margined).
    Inverse {
        /// Base atoms in one lot at a price of one tick, so that `lots · this / price_ticks` is their value: the
        /// lot's quote amount / tick · 10^8. For 100 USD at a tick of 0.1 it is 10^11.
        atoms_at_one_tick: i64,
    },
}

impl Contract {
    /// A linear contract, or spot whose fees are paid in quote: a tick of the price in atoms of quote, a lot in
    /// atoms of base.
    ///
    /// # Errors
    /// One of them is not positive, or their product is no whole atom.
    pub fn linear(tick_atoms: i64, lot_atoms: i64) -> Result<Self, AccountError> {
        check_grid(tick_atoms, lot_atoms)?;
        let product = i128::from(tick_atoms) * i128::from(lot_atoms);
        let atoms_per_tick_lot = quotient(product, i128::from(RATE_ONE), (tick_atoms, lot_atoms))?;
        Ok(Self::Linear { atoms_per_tick_lot })
    }

    /// An inverse contract: a tick of the price and what a lot is worth, both in atoms of quote.
    ///
    /// # Errors
    /// One of them is not positive, or a lot at a price of one tick is no whole atom of base.
    pub fn inverse(tick_atoms: i64, lot_atoms: i64) -> Result<Self, AccountError> {
        check_grid(tick_atoms, lot_atoms)?;
        let product = i128::from(lot_atoms) * i128::from(RATE_ONE);
        let atoms_at_one_tick = quotient(product, i128::from(tick_atoms), (tick_atoms, lot_atoms))?;
        Ok(Self::Inverse { atoms_at_one_tick })
    }
}

fn check_grid(tick_atoms: i64, lot_atoms: i64) -> Result<(), AccountError> {
    for (what, value) in [("price_tick", tick_atoms), ("size_step", lot_atoms)] {
        if value < 1 {
            return Err(AccountError::Unit { what, value });
        }
    }
    Ok(())
}

/// What a tick and a lot make, if it is whole.
fn quotient(
    over: i128,
    under: i128,
    (tick_atoms, lot_atoms): (i64, i64),
) -> Result<i64, AccountError> {
    if over % under != 0 {
        return Err(AccountError::TooFine {
            tick_atoms,
            lot_atoms,
        });
    }
    i64::try_from(over / under).map_err(|_| AccountError::Overflow("a tick of a lot"))
}

/// A trade of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Execution {
    /// When; it decides the day of the fee tier.
    pub at: TimestampNs,
    /// Bought or sold.
    pub side: Side,
    /// At which price.
    pub price: PriceTicks,
    /// How much.
    pub size: SizeLots,
    /// Our order was resting.
    pub is_maker: bool,
}

/// What a fill cost: negative is a rebate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// Atoms of the base asset if `is_base`, else of the one that the instrument is settled in.
    pub atoms: i128,
    /// A spot fee in the base asset.
    pub is_base: bool,
}

/// All sums of an account. Atoms are of the asset of settlement unless they say base.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// The opening cash, and what fills, fees and funding have added to it.
    pub cash_atoms: i128,
    /// Bought less sold; fees in the base asset are not taken from it.
    pub position_lots: i64,
    /// Fees paid, without rebates.
    pub fees_atoms: i128,
    /// Rebates received.
    pub rebates_atoms: i128,
    /// Fees paid in the base asset.
    pub base_fees_atoms: i128,
    /// Rebates received in the base asset.
    pub base_rebates_atoms: i128,
    /// Funding paid less received.
    pub funding_atoms: i128,
    /// How many fills were booked.
    pub fills: u64,
}

/// An account with its contract and its fees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    contract: Contract,
    fees: FeeSchedule,
    totals: Totals,
}

impl Account {
    /// An account with `cash_atoms` of the asset of settlement and no position.
    ///
    /// # Errors
    /// A unit of the contract is not positive, or a contract's fee is to be paid in the base asset.
    pub fn new(
        contract: Contract,
        fees: FeeSchedule,
        cash_atoms: i128,
    ) -> Result<Self, AccountError> {
        let positive = |what, value| {
            let error = AccountError::Unit { what, value };
            (value > 0).then_some(()).ok_or(error)
        };
        let is_spot = match contract {
            Contract::Spot {
                atoms_per_tick_lot,
                base_atoms_per_lot,
            } => {
                positive("atoms_per_tick_lot", atoms_per_tick_lot)?;
                positive("base_atoms_per_lot", base_atoms_per_lot)?;
                true
            }
            Contract::Linear { atoms_per_tick_lot } => {
                positive("atoms_per_tick_lot", atoms_per_tick_lot)?;
                false
            }
            Contract::Inverse { atoms_at_one_tick } => {
                positive("atoms_at_one_tick", atoms_at_one_tick)?;
                false
            }
        };
        if !is_spot
            && [Side::Buy, Side::Sell]
                .iter()
                .any(|side| fees.asset().is_base(*side))
        {
            return Err(AccountError::FeeAsset);
        }
        let totals = Totals {
            cash_atoms,
            ..Totals::default()
        };
        Ok(Self {
            contract,
            fees,
            totals,
        })
    }

    /// A linear account without cash, whose rates (maker, taker) never change. A tick of the price and a lot are
    /// given in atoms of quote and of base.
    ///
    /// # Errors
    /// A tick or a lot is not positive, their product is no whole atom, or a rate is beyond ±100 %.
    pub fn linear(
        tick_atoms: i64,
        lot_atoms: i64,
        (maker, taker): (i64, i64),
    ) -> Result<Self, AccountError> {
        let fees = FeeSchedule::flat(FeeRates { maker, taker }, FeeAsset::Settlement)?;
        Self::new(Contract::linear(tick_atoms, lot_atoms)?, fees, 0)
    }

    /// Lots held; below zero is short.
    #[inline]
    pub fn position_lots(&self) -> i64 {
        self.totals.position_lots
    }

    /// What has been booked.
    #[inline]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The fees, with the tier that has been reached.
    pub fn fees(&self) -> &FeeSchedule {
        &self.fees
    }

    /// Books a fill and its fee, which it returns.
    ///
    /// # Errors
    /// The size or the price is not positive, the day is before an earlier fill's, or an amount overflows.
    pub fn fill(&mut self, fill: &Execution) -> Result<Charge, AccountError> {
        if fill.size.0 <= 0 {
            return Err(AccountError::Size(fill.size.0));
        }
        let value = self.value(fill.size.0, fill.price, "a fill")?;
        let mut next = self.totals;
        next.trade(fill, self.contract, value)?;
        let is_base = self.fees.asset().is_base(fill.side);
        let charged = match self.contract {
            Contract::Spot {
                base_atoms_per_lot, ..
            } if is_base => {
                Fraction::whole(i128::from(base_atoms_per_lot) * i128::from(fill.size.0))
            }
            _ => value,
        };
        // What may fail is tried before the schedule counts the fill: no rate is beyond this one.
        let most = charged.rated(MAX_RATE)?;
        for worst in [most, -most] {
            next.clone().charge(worst, is_base)?;
        }
        let rate = self.fees.rate(fill.at, value.down()?, fill.is_maker)?;
        let atoms = charged.rated(rate)?;
        next.charge(atoms, is_base)?;
        next.fills += 1;
        self.totals = next;
        Ok(Charge { atoms, is_base })
    }

    /// Pays `position · mark · rate` (rate in 10^-8; longs pay a positive one); returns what was paid, negative if
    /// it was received. Rounded to a whole atom against us.
    ///
    /// # Errors
    /// The instrument is spot, the mark is not positive, the rate is beyond ±100 %, or an amount overflows.
    pub fn pay_funding(&mut self, mark: PriceTicks, rate: i64) -> Result<i128, AccountError> {
        if matches!(self.contract, Contract::Spot { .. }) {
            return Err(AccountError::NoFunding);
        }
        if rate.unsigned_abs() > MAX_RATE.unsigned_abs() {
            let what = "a funding rate";
            return Err(AccountError::Rate { what, rate });
        }
        let value = self.value(self.totals.position_lots, mark, "funding")?;
        let paid = value.rated(rate)?;
        let mut next = self.totals;
        next.cash_atoms = minus(next.cash_atoms, paid)?;
        next.funding_atoms = plus(next.funding_atoms, paid)?;
        self.totals = next;
        Ok(paid)
    }

    /// Cash and what the position is worth at a price; rounded down where that is no whole atom.
    ///
    /// # Errors
    /// The mark is not positive, or an amount overflows.
    pub fn equity_atoms(&self, mark: PriceTicks) -> Result<i128, AccountError> {
        let totals = &self.totals;
        let value = self.value(totals.position_lots, mark, "equity")?;
        match self.contract {
            Contract::Linear { .. } => plus(totals.cash_atoms, value.down()?),
            // A long position owes the coins that its quote amount buys.
            Contract::Inverse { .. } => minus(totals.cash_atoms, value.up()?),
            Contract::Spot {
                atoms_per_tick_lot,
                base_atoms_per_lot,
            } => {
                let owed = minus(totals.base_fees_atoms, totals.base_rebates_atoms)?;
                let per_base_atom = i128::from(atoms_per_tick_lot) * i128::from(mark.0);
                let owed = Fraction {
                    over: owed.checked_mul(per_base_atom).ok_or(OVERFLOW)?,
                    under: i128::from(base_atoms_per_lot),
                };
                minus(plus(totals.cash_atoms, value.down()?)?, owed.up()?)
            }
        }
    }

    /// What so many lots are worth at a price.
    fn value(
        &self,
        lots: i64,
        price: PriceTicks,
        what: &'static str,
    ) -> Result<Fraction, AccountError> {
        if price.0 <= 0 {
            return Err(AccountError::Price(price.0, what));
        }
        match self.contract {
            Contract::Spot {
                atoms_per_tick_lot, ..
            }
            | Contract::Linear { atoms_per_tick_lot } => price
                .notional(SizeLots(lots))
                .checked_mul(i128::from(atoms_per_tick_lot))
                .map(Fraction::whole)
                .ok_or(OVERFLOW),
            Contract::Inverse { atoms_at_one_tick } => Ok(Fraction {
                over: i128::from(lots) * i128::from(atoms_at_one_tick),
                under: i128::from(price.0),
            }),
        }
    }
}

impl Totals {
    fn trade(
        &mut self,
        fill: &Execution,
        contract: Contract,
        value: Fraction,
    ) -> Result<(), AccountError> {
        let bought = match fill.side {
            Side::Buy => fill.size.0,
            Side::Sell => -fill.size.0,
        };
        let position = self.position_lots.checked_add(bought);
        self.position_lots = position.ok_or(AccountError::Overflow("the position"))?;
        // Who buys an inverse contract sells coins.
        let is_paid = (fill.side == Side::Buy) != matches!(contract, Contract::Inverse { .. });
        self.cash_atoms = if is_paid {
            minus(self.cash_atoms, value.up()?)?
        } else {
            plus(self.cash_atoms, value.down()?)?
        };
        Ok(())
    }

    fn charge(&mut self, atoms: i128, is_base: bool) -> Result<(), AccountError> {
        let (fees, rebates) = if is_base {
            (&mut self.base_fees_atoms, &mut self.base_rebates_atoms)
        } else {
            self.cash_atoms = minus(self.cash_atoms, atoms)?;
            (&mut self.fees_atoms, &mut self.rebates_atoms)
        };
        if atoms > 0 {
            *fees = plus(*fees, atoms)?;
        } else {
            *rebates = minus(*rebates, atoms)?;
        }
        Ok(())
    }
}

/// An amount before it is rounded: `over / under` atoms, `under` positive.
#[derive(Debug, Clone, Copy)]
struct Fraction {
    over: i128,
    under: i128,
}

impl Fraction {
    fn whole(over: i128) -> Self {
        Self { over, under: 1 }
    }

    fn down(self) -> Result<i128, AccountError> {
        divide_down(self.over, self.under).ok_or(OVERFLOW)
    }

    fn up(self) -> Result<i128, AccountError> {
        divide_up(self.over, self.under).ok_or(OVERFLOW)
    }

    /// A rate of it, rounded up once.
    fn rated(self, rate: i64) -> Result<i128, AccountError> {
        let over = self.over.checked_mul(i128::from(rate));
        let under = self.under.checked_mul(i128::from(RATE_ONE));
        over.zip(under)
            .and_then(|(over, under)| divide_up(over, under))
            .ok_or(OVERFLOW)
    }
}

const OVERFLOW: AccountError = AccountError::Overflow("an amount of the account");

fn plus(left: i128, right: i128) -> Result<i128, AccountError> {
    left.checked_add(right).ok_or(OVERFLOW)
}

fn minus(left: i128, right: i128) -> Result<i128, AccountError> {
    left.checked_sub(right).ok_or(OVERFLOW)
}
