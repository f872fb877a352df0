//! Exact division of many numbers by the same one, without the machine's division.

/// A divisor and its reciprocal: a division costs two multiplications.
///
/// Source: Moller and Granlund, Improved Division by Invariant Integers (2011), algorithm 4.
pub(super) struct Divisor {
    /// The divisor, shifted so that its highest bit is set.
    normalized: u64,
    shift: u32,
    /// `(2^128 - 1) / normalized - 2^64`.
    reciprocal: u64,
}

impl Divisor {
    /// `divisor` is positive; zero is taken for one.
    pub(super) fn new(divisor: u64) -> Self {
        let shift = divisor.max(1).leading_zeros();
        let normalized = divisor.max(1) << shift;
        // The quotient lies in [2^64, 2^65): its low half is what remains without 2^64.
        let reciprocal = (u128::MAX / u128::from(normalized)) as u64;
        Self {
            normalized,
            shift,
            reciprocal,
        }
    }

    /// The quotient, rounded down. It must fit 64 bits.
    #[inline]
    pub(super) fn divide(&self, dividend: u128) -> u64 {
        let shifted = dividend << self.shift;
        let (high, low) = ((shifted >> 64) as u64, shifted as u64);
        debug_assert!(high < self.normalized, "the quotient does not fit");
        let estimate = (u128::from(self.reciprocal) * u128::from(high)).wrapping_add(shifted);
        let fraction = estimate as u64;
        let mut quotient = ((estimate >> 64) as u64).wrapping_add(1);
        let mut rest = low.wrapping_sub(quotient.wrapping_mul(self.normalized));
        if rest > fraction {
            quotient = quotient.wrapping_sub(1);
            rest = rest.wrapping_add(self.normalized);
        }
        if rest >= self.normalized {
            quotient = quotient.wrapping_add(1);
        }
        quotient
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_machines_division(
            divisor in prop_oneof![1_u64..100, 1_u64..=u64::MAX, Just(u64::MAX), Just(1 << 63)],
            quotient in prop_oneof![0_u64..100, any::<u64>(), Just(u64::MAX)],
            rest in any::<u64>(),
        ) {
            let dividend = u128::from(divisor) * u128::from(quotient) + u128::from(rest % divisor);
            prop_assert_eq!(Divisor::new(divisor).divide(dividend), quotient);
        }
    }
}
