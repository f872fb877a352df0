//! What a venue charges for a fill: maker and taker rates, by tiers of what was traded.
//!
//! Rates are whole 10^-8 (0.0001 basis points); a negative one is a rebate. Each fill's fee is rounded to a whole
//! atom *against us*: a fee up, a rebate down.
//!
//! The tier of a UTC day is that of the notional traded in the 30 whole days before it; what is traded today
//! counts from midnight. That is how Binance sets its levels (its fee schedule: "evaluated daily at 00:00 UTC").

use super::amounts::{AccountError, MAX_RATE, rated};
use crate::units::{NS_PER_S, Side, TimestampNs};

/// Days that count for a tier.
pub const TIER_DAYS: usize = 30;
const NS_PER_DAY: i64 = 86_400 * NS_PER_S;

/// Rates of a maker and of a taker, in 10^-8; negative is a rebate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeeRates {
    /// Of a fill of a resting order.
    pub maker: i64,
    /// Of a fill of an order that came to take.
    pub taker: i64,
}

/// The rates from some traded notional on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeTier {
    /// Least notional of 30 days, in atoms of the asset that the instrument is settled in.
    pub from_atoms: i128,
    /// Its rates.
    pub rates: FeeRates,
}

/// The asset that a fee is taken from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FeeAsset {
    /// The one that the instrument is settled in: the quote asset of spot and linear contracts.
    #[default]
    Settlement,
    /// Always the base asset of a spot pair.
    Base,
    /// What a spot fill brings: the base asset for a buyer, the quote asset for a seller.
    Received,
}

impl FeeAsset {
    /// True if a fill of this side pays in the base asset.
    pub fn is_base(self, side: Side) -> bool {
        match self {
            Self::Settlement => false,
            Self::Base => true,
            Self::Received => side == Side::Buy,
        }
    }
}

/// A venue's fees, and what has been traded under them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeSchedule {
    tiers: Vec<FeeTier>,
    asset: FeeAsset,
    traded: TradedDays,
    /// Of `traded.day`.
    rates: FeeRates,
}

impl FeeSchedule {
    /// The same rates however much is traded.
    ///
    /// # Errors
    /// A rate is beyond ±100 %.
    pub fn flat(rates: FeeRates, asset: FeeAsset) -> Result<Self, AccountError> {
        Self::tiered(
            vec![FeeTier {
                from_atoms: 0,
                rates,
            }],
            asset,
        )
    }

    /// Rates by tiers, of which the first begins at 0 and the others rise.
    ///
    /// # Errors
    /// The tiers do not rise from 0, or a rate is beyond ±100 %.
    pub fn tiered(tiers: Vec<FeeTier>, asset: FeeAsset) -> Result<Self, AccountError> {
        let Some(first) = tiers.first().filter(|tier| tier.from_atoms == 0) else {
            return Err(AccountError::Tiers(0));
        };
        let rates = first.rates;
        if let Some(low) = tiers
            .windows(2)
            .position(|pair| pair[0].from_atoms >= pair[1].from_atoms)
        {
            return Err(AccountError::Tiers(low + 1));
        }
        for tier in &tiers {
            check("the maker rate", tier.rates.maker)?;
            check("the taker rate", tier.rates.taker)?;
        }
        Ok(Self {
            tiers,
            asset,
            traded: TradedDays::default(),
            rates,
        })
    }

    /// The asset that fees are taken from.
    pub fn asset(&self) -> FeeAsset {
        self.asset
    }

    /// The rates of the day of the last fill.
    pub fn rates(&self) -> FeeRates {
        self.rates
    }

    /// Notional traded in the 30 whole days before the day of the last fill, in atoms.
    pub fn traded_atoms(&self) -> i128 {
        self.traded.before
    }

    /// Counts a fill's notional for the tiers; returns the rate at which it is charged.
    ///
    /// # Errors
    /// The day is before that of an earlier fill, or the sum overflows.
    pub fn rate(
        &mut self,
        at: TimestampNs,
        notional_atoms: i128,
        is_maker: bool,
    ) -> Result<i64, AccountError> {
        if self.traded.add(at, notional_atoms)? {
            let above = self
                .tiers
                .partition_point(|tier| tier.from_atoms <= self.traded.before);
            if let Some(tier) = self.tiers.get(above.saturating_sub(1)) {
                self.rates = tier.rates;
            }
        }
        Ok(if is_maker {
            self.rates.maker
        } else {
            self.rates.taker
        })
    }
}

/// The fee of an amount at a rate: rounded up, so that a rebate, which is negative, is rounded down in size.
///
/// # Errors
/// The product overflows.
pub fn fee_atoms(amount_atoms: i128, rate: i64) -> Result<i128, AccountError> {
    rated(amount_atoms, rate).ok_or(AccountError::Overflow("a fee"))
}

fn check(what: &'static str, rate: i64) -> Result<(), AccountError> {
    if rate.unsigned_abs() > MAX_RATE.unsigned_abs() {
        return Err(AccountError::Rate { what, rate });
    }
    Ok(())
}

/// What was traded on each of the last days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct TradedDays {
    /// Today, in days since the epoch; None before the first fill.
    day: Option<i64>,
    today: i128,
    /// The days before today, yesterday's at `yesterday`, and so on backwards.
    days: [i128; TIER_DAYS],
    yesterday: usize,
    /// Their sum.
    before: i128,
}

impl TradedDays {
    /// Counts a notional; true if a new day has begun. Changes nothing if it fails.
    fn add(&mut self, at: TimestampNs, atoms: i128) -> Result<bool, AccountError> {
        let day = at.0.div_euclid(NS_PER_DAY);
        let last = self.day.unwrap_or(day);
        if day < last {
            return Err(AccountError::Backward {
                what: "fees",
                at_ns: at.0,
                before_ns: last * NS_PER_DAY,
            });
        }
        let overflow = AccountError::Overflow("the notional of 30 days");
        // Whatever is summed later is a part of this.
        let sum = self.before.checked_add(self.today);
        let today = if day == last { self.today } else { 0 };
        sum.and_then(|sum| sum.checked_add(atoms)).ok_or(overflow)?;
        let is_new = self.day != Some(day);
        for _ in last..day.min(last + TIER_DAYS as i64 + 1) {
            self.end_day();
        }
        self.day = Some(day);
        self.today = today + atoms;
        Ok(is_new)
    }

    fn end_day(&mut self) {
        self.yesterday = (self.yesterday + 1) % TIER_DAYS;
        let forgotten = std::mem::replace(
            &mut self.days[self.yesterday],
            std::mem::take(&mut self.today),
        );
        self.before += self.days[self.yesterday] - forgotten;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = NS_PER_DAY;

    fn tier(from_atoms: i128, maker: i64, taker: i64) -> FeeTier {
        FeeTier {
            from_atoms,
            rates: FeeRates { maker, taker },
        }
    }

    #[test]
    fn fees_are_rounded_up_and_rebates_down() {
        // 7 bp of 1,001 atoms is 0.7007; half a basis point back on 30,001 atoms is 1.50005.
        assert_eq!(fee_atoms(1_001, 70_000), Ok(1));
        assert_eq!(fee_atoms(30_001, -5_000), Ok(-1));
        assert_eq!(fee_atoms(20_000, -5_000), Ok(-1));
        assert_eq!(fee_atoms(20_000, 5_000), Ok(1));
        assert_eq!(fee_atoms(20_001, 5_000), Ok(2));
        assert_eq!(fee_atoms(9, -5_000), Ok(0));
    }

    #[test]
    fn a_tier_counts_the_thirty_whole_days_before_today() {
        let tiers = vec![tier(0, 10, 20), tier(100, 5, 10), tier(1_000, -1, 8)];
        let mut fees = FeeSchedule::tiered(tiers, FeeAsset::Settlement).expect("they rise");
        let mut taker = |at, notional| fees.rate(TimestampNs(at), notional, false).expect("fits");
        assert_eq!(taker(0, 99), 20);
        assert_eq!(taker(DAY - 1, 1), 20, "today does not count");
        assert_eq!(taker(DAY, 900), 10, "100 from midnight on");
        assert_eq!(taker(2 * DAY, 0), 8);
        assert_eq!(taker(30 * DAY, 0), 8, "the first day is the thirtieth back");
        assert_eq!(taker(31 * DAY, 0), 10, "and then it is forgotten: 900");
        assert_eq!(taker(32 * DAY, 0), 20);
        assert_eq!(
            fees.rate(TimestampNs(31 * DAY), 1, true),
            Err(AccountError::Backward {
                what: "fees",
                at_ns: 31 * DAY,
                before_ns: 32 * DAY
            })
        );
        assert_eq!(
            fees.rates(),
            FeeRates {
                maker: 10,
                taker: 20
            }
        );
    }

    #[test]
    fn a_schedule_that_makes_no_sense_is_refused() {
        let build = |tiers| FeeSchedule::tiered(tiers, FeeAsset::Settlement).map(|_| ());
        assert_eq!(build(vec![]), Err(AccountError::Tiers(0)));
        assert_eq!(build(vec![tier(1, 0, 0)]), Err(AccountError::Tiers(0)));
        let same = vec![tier(0, 0, 0), tier(5, 0, 0), tier(5, 0, 0)];
        assert_eq!(build(same), Err(AccountError::Tiers(2)));
        assert!(matches!(
            build(vec![tier(0, 0, MAX_RATE + 1)]),
            Err(AccountError::Rate { .. })
        ));
        assert!(matches!(
            build(vec![tier(0, i64::MIN, 0)]),
            Err(AccountError::Rate { .. })
        ));
    }

    #[test]
    fn what_does_not_fit_changes_nothing() {
        let rates = FeeRates { maker: 1, taker: 2 };
        let mut fees = FeeSchedule::flat(rates, FeeAsset::Received).expect("rates");
        fees.rate(TimestampNs(5), i128::MAX, true).expect("fits");
        let before = fees.clone();
        assert!(fees.rate(TimestampNs(DAY), 1, true).is_err());
        assert_eq!(fees, before);
        assert!(fee_atoms(i128::MAX, 3).is_err());
    }

    proptest! {
        /// The ring beside a sum over all fills.
        #[test]
        fn thirty_days_are_summed(steps in prop::collection::vec((0_i64..80, 0_i128..1_000), 1..200)) {
            let mut traded = TradedDays::default();
            let (mut hours, mut all) = (0, Vec::new());
            for (gap, atoms) in steps {
                // Mostly hours, sometimes weeks.
                hours += if gap > 75 { gap * 12 } else { gap };
                let at = TimestampNs(hours * 3_600 * NS_PER_S);
                traded.add(at, atoms).expect("fits");
                all.push((hours / 24, atoms));
                let today = hours / 24;
                let sum: i128 = all
                    .iter()
                    .filter(|(day, _)| (today - 30..today).contains(day))
                    .map(|(_, atoms)| atoms)
                    .sum();
                prop_assert_eq!(traded.before, sum);
            }
        }

        #[test]
        fn rounding_is_against_us_and_less_than_an_atom(
            amount in 0_i128..1_000_000_000_000,
            rate in -MAX_RATE..=MAX_RATE,
        ) {
            let over = fee_atoms(amount, rate).expect("fits") * i128::from(MAX_RATE)
                - amount * i128::from(rate);
            prop_assert!((0..i128::from(MAX_RATE)).contains(&over));
        }
    }
}
