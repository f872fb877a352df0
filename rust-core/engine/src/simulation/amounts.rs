//! Rates, rounding, and why an amount cannot be booked.
//!
//! Amounts are *atoms*, 10^-8 of an asset, in `i128`; rates are whole 10^-8 too. What does not fit is an error, and
//! an operation that fails has changed nothing.

/// A rate of one (100 %): rates are whole 10^-8, so that 0.0001 basis points is 1.
pub const RATE_ONE: i64 = 100_000_000;
/// No fee and no funding rate is beyond ±100 %.
pub const MAX_RATE: i64 = RATE_ONE;

/// Why an amount cannot be booked. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// An amount does not fit; prices, sizes or the contract's value are far beyond any market's.
    #[error(
        "{0} overflows; check the instrument's tick, lot and contract value, and the data's prices and sizes"
    )]
    Overflow(&'static str),
    /// A price that no value can be computed with.
    #[error("price_ticks is {0}; {1} needs a positive one")]
    Price(i64, &'static str),
    /// A fill without size.
    #[error("size_lots is {0}; a fill's must be positive")]
    Size(i64),
    /// A unit of the contract that is not positive.
    #[error("{what} is {value}; it must be positive")]
    Unit {
        /// Which.
        what: &'static str,
        /// What was given.
        value: i64,
    },
    /// A rate beyond ±[`MAX_RATE`].
    #[error("{what} is {rate} (10^-8); it must be within ±{MAX_RATE}, which is 100 %")]
    Rate {
        /// Which.
        what: &'static str,
        /// What was given.
        rate: i64,
    },
    /// Tiers that do not begin at zero or do not rise.
    #[error(
        "fee tier {0} does not begin above the one before it; the first begins at 0, the others rise"
    )]
    Tiers(usize),
    /// A tick of a lot that is no whole atom.
    #[error(
        "a tick of {tick_atoms} and a lot of {lot_atoms} atoms (10^-8) make no whole atom together; amounts would not be exact"
    )]
    TooFine {
        /// A tick in atoms.
        tick_atoms: i64,
        /// A lot in atoms.
        lot_atoms: i64,
    },
    /// A fee in an asset that the account does not hold.
    #[error(
        "a contract's fee is paid in the asset that it is settled in; only spot can pay in base"
    )]
    FeeAsset,
    /// Time has gone back.
    #[error("{what}: {at_ns} ns comes after {before_ns} ns; give them in order of time")]
    Backward {
        /// Of what.
        what: &'static str,
        /// The moment that came too late.
        at_ns: i64,
        /// The one before it.
        before_ns: i64,
    },
    /// Funding of what has none.
    #[error(
        "spot pays no funding; leave the schedule out, or say that the instrument is a contract"
    )]
    NoFunding,
}

/// `amount · rate / 10^8`, rounded up: a cost is rounded against us, and so is a gain, which is negative.
pub(super) fn rated(amount: i128, rate: i64) -> Option<i128> {
    divide_up(amount.checked_mul(i128::from(rate))?, i128::from(RATE_ONE))
}

/// The quotient, rounded towards +∞; None for a divisor that is not positive.
pub(super) fn divide_up(dividend: i128, divisor: i128) -> Option<i128> {
    let down = divide_down(dividend, divisor)?;
    down.checked_add(i128::from(dividend.checked_rem(divisor)? != 0))
}

/// The quotient, rounded towards -∞; None for a divisor that is not positive.
pub(super) fn divide_down(dividend: i128, divisor: i128) -> Option<i128> {
    (divisor > 0)
        .then(|| dividend.checked_div_euclid(divisor))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_are_rounded_as_their_names_say() {
        for (dividend, down, up) in [(7, 3, 4), (-7, -4, -3), (6, 3, 3), (-6, -3, -3), (0, 0, 0)] {
            assert_eq!(divide_down(dividend, 2), Some(down));
            assert_eq!(divide_up(dividend, 2), Some(up));
        }
        assert_eq!((divide_down(1, 0), divide_up(1, -1)), (None, None));
        assert_eq!(rated(i128::MAX, 2), None);
    }
}
