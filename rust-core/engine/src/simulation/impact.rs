//! What our own size moves the price: the square-root law, an option that nothing applies unless it is asked for.
//!
//! `cost = c · σ · (Q / V)^δ`: σ is the volatility and V the traded volume of one and the same period (a day, as a
//! rule), Q our size. That δ is ½ is among the best supported facts of the field: Sato and Kanazawa find 0.489 in a
//! census of eight years of the Tokyo exchange (arXiv 2411.13965); Almgren, Thum, Hauptmann and Li (2005) found 0.6.
//! c is of the order of one (Tóth et al., Physical Review X 1, 021006, 2011) and has to be measured for a market: one
//! is a place to begin, not an estimate. Replayed history does not react to us; the cost is put on top of a price.

use crate::units::SizeLots;

/// δ where nothing else is known.
pub const DEFAULT_EXPONENT: f64 = 0.5;
/// c where nothing else is known: its order of magnitude.
pub const DEFAULT_COEFFICIENT: f64 = 1.0;

/// Why an impact cannot be computed.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ImpactError {
    /// A parameter that is not a usable number.
    #[error("the impact's {what} is {value}; it must be {needed}")]
    Parameter {
        /// Which.
        what: &'static str,
        /// What was given.
        value: f64,
        /// What it must be.
        needed: &'static str,
    },
    /// A volume without trades.
    #[error(
        "size_lots is {size} and volume_lots {volume}; the one may not be negative, the other must be positive"
    )]
    Volume {
        /// Our size.
        size: i64,
        /// The market's.
        volume: i64,
    },
    /// A cost that is no price.
    #[error("an impact of {0} ticks is none; check volatility, size and volume")]
    Cost(f64),
}

/// The law with its two numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SquareRootImpact {
    coefficient: f64,
    exponent: f64,
}

impl Default for SquareRootImpact {
    fn default() -> Self {
        Self {
            coefficient: DEFAULT_COEFFICIENT,
            exponent: DEFAULT_EXPONENT,
        }
    }
}

impl SquareRootImpact {
    /// The law with coefficient `c`, not negative, and exponent δ, above 0 and at most 1.
    ///
    /// # Errors
    /// One of them is no such number.
    pub fn new(coefficient: f64, exponent: f64) -> Result<Self, ImpactError> {
        check("coefficient", coefficient, "0 or more", |value| {
            value >= 0.0
        })?;
        check("exponent", exponent, "above 0 and at most 1", |value| {
            value > 0.0 && value <= 1.0
        })?;
        Ok(Self {
            coefficient,
            exponent,
        })
    }

    /// What a size costs a lot on average, in ticks. `volatility_ticks` and `volume` are of the same period.
    ///
    /// The root is the same on every machine; with another exponent than ½ the last bit may differ.
    ///
    /// # Errors
    /// The volatility is negative or no number, the size negative or the volume not positive.
    pub fn cost_ticks(
        &self,
        volatility_ticks: f64,
        size: SizeLots,
        volume: SizeLots,
    ) -> Result<f64, ImpactError> {
        check("volatility_ticks", volatility_ticks, "0 or more", |value| {
            value >= 0.0
        })?;
        if size.0 < 0 || volume.0 <= 0 {
            return Err(ImpactError::Volume {
                size: size.0,
                volume: volume.0,
            });
        }
        let share = size.0 as f64 / volume.0 as f64;
        let power = if self.exponent.to_bits() == DEFAULT_EXPONENT.to_bits() {
            share.sqrt()
        } else {
            share.powf(self.exponent)
        };
        Ok(self.coefficient * volatility_ticks * power)
    }

    /// [`Self::cost_ticks`] rounded up to whole ticks, against us: what a price moves by.
    ///
    /// # Errors
    /// As there, or the cost fits no price.
    pub fn whole_cost_ticks(
        &self,
        volatility_ticks: f64,
        size: SizeLots,
        volume: SizeLots,
    ) -> Result<i64, ImpactError> {
        let cost = self.cost_ticks(volatility_ticks, size, volume)?.ceil();
        // Beyond any price in ticks, and far within an i64.
        if cost > crate::units::MAX_COUNT as f64 {
            return Err(ImpactError::Cost(cost));
        }
        Ok(cost as i64)
    }
}

fn check(
    what: &'static str,
    value: f64,
    needed: &'static str,
    is_good: impl Fn(f64) -> bool,
) -> Result<(), ImpactError> {
    if value.is_finite() && is_good(value) {
        return Ok(());
    }
    Err(ImpactError::Parameter {
        what,
        value,
        needed,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(law: SquareRootImpact, volatility: f64, size: i64, volume: i64) -> i64 {
        law.whole_cost_ticks(volatility, SizeLots(size), SizeLots(volume))
            .expect("a cost")
    }

    #[test]
    fn one_per_cent_of_the_volume_costs_a_tenth_of_the_volatility() {
        let law = SquareRootImpact::default();
        assert_eq!(whole(law, 200.0, 10, 1_000), 20);
        assert_eq!(whole(law, 200.0, 40, 1_000), 40);
        assert_eq!(whole(law, 200.0, 11, 1_000), 21, "20.98 is rounded up");
        assert_eq!(whole(law, 200.0, 0, 1_000), 0);
        let linear = SquareRootImpact::new(0.5, 1.0).expect("numbers");
        assert_eq!(whole(linear, 100.0, 10, 100), 5);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for (coefficient, exponent) in [(-1.0, 0.5), (f64::NAN, 0.5), (1.0, 0.0), (1.0, 1.01)] {
            assert!(SquareRootImpact::new(coefficient, exponent).is_err());
        }
        let law = SquareRootImpact::default();
        let cost = |volatility, size, volume| {
            law.whole_cost_ticks(volatility, SizeLots(size), SizeLots(volume))
        };
        assert!(cost(f64::INFINITY, 1, 1).is_err());
        assert!(cost(1.0, -1, 1).is_err());
        assert!(cost(1.0, 1, 0).is_err());
        assert!(matches!(cost(1e300, 1, 1), Err(ImpactError::Cost(_))));
    }

    proptest! {
        /// A line through log cost over log size has the slope that was put in.
        #[test]
        fn its_exponent_is_found_again(
            exponent in 0.2_f64..=1.0,
            coefficient in 0.1_f64..10.0,
            sizes in prop::collection::btree_set(1_i64..1_000_000, 8..40),
        ) {
            let law = SquareRootImpact::new(coefficient, exponent).expect("numbers");
            let points: Vec<(f64, f64)> = sizes
                .iter()
                .map(|size| {
                    let cost = law.cost_ticks(500.0, SizeLots(*size), SizeLots(1_000_000));
                    ((*size as f64).ln(), cost.expect("a cost").ln())
                })
                .collect();
            let count = points.len() as f64;
            let mean = points.iter().fold((0.0, 0.0), |sum, point| {
                (sum.0 + point.0 / count, sum.1 + point.1 / count)
            });
            let (mut products, mut squares) = (0.0, 0.0);
            for (x, y) in points {
                products += (x - mean.0) * (y - mean.1);
                squares += (x - mean.0) * (x - mean.0);
            }
            prop_assert!((products / squares - exponent).abs() < 1e-6);
        }
    }
}
