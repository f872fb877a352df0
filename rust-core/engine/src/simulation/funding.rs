//! When a perpetual contract's funding falls due, and at what rate.
//!
//! At each moment a holder pays `position · mark · rate`: longs pay a positive rate, shorts receive it. The payment
//! is rounded to a whole atom against us ([`super::account::Account::pay_funding`]). What is held when the moment
//! comes counts; a caller applies what is due before the events of the same time.

use super::amounts::{AccountError, MAX_RATE};
use crate::units::TimestampNs;

/// One moment at which funding is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FundingMoment {
    /// When.
    pub at: TimestampNs,
    /// The rate of this moment (not of a year), in 10^-8; longs pay a positive one.
    pub rate: i64,
}

/// The moments in order, and which comes next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FundingSchedule {
    moments: Vec<FundingMoment>,
    next: usize,
}

impl FundingSchedule {
    /// A schedule of moments, each after the one before it.
    ///
    /// # Errors
    /// A moment is not after the one before it, or a rate is beyond ±100 %.
    pub fn new(moments: Vec<FundingMoment>) -> Result<Self, AccountError> {
        for moment in &moments {
            if moment.rate.unsigned_abs() > MAX_RATE.unsigned_abs() {
                return Err(AccountError::Rate {
                    what: "a funding rate",
                    rate: moment.rate,
                });
            }
        }
        if let Some(pair) = moments.windows(2).find(|pair| pair[0].at >= pair[1].at) {
            return Err(AccountError::Backward {
                what: "funding",
                at_ns: pair[1].at.0,
                before_ns: pair[0].at.0,
            });
        }
        Ok(Self { moments, next: 0 })
    }

    /// When the next funding is due.
    pub fn next_at(&self) -> Option<TimestampNs> {
        self.moments.get(self.next).map(|moment| moment.at)
    }

    /// The next moment that is due by `now`, once; call until None.
    pub fn due(&mut self, now: TimestampNs) -> Option<FundingMoment> {
        let moment = self.moments.get(self.next)?;
        if moment.at > now {
            return None;
        }
        self.next += 1;
        Some(*moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(times: &[i64]) -> Vec<FundingMoment> {
        let moment = |at: &i64| FundingMoment {
            at: TimestampNs(*at),
            rate: at * 10,
        };
        times.iter().map(moment).collect()
    }

    #[test]
    fn each_moment_is_due_once_in_order_and_not_before_its_time() {
        let mut schedule = FundingSchedule::new(moments(&[5, 9, 20])).expect("in order");
        assert_eq!(schedule.due(TimestampNs(4)), None);
        assert_eq!(schedule.next_at(), Some(TimestampNs(5)));
        let mut rates = Vec::new();
        while let Some(moment) = schedule.due(TimestampNs(9)) {
            rates.push(moment.rate);
        }
        assert_eq!(rates, [50, 90]);
        assert_eq!(
            schedule.due(TimestampNs(99)).map(|each| each.rate),
            Some(200)
        );
        assert_eq!(
            (schedule.due(TimestampNs(99)), schedule.next_at()),
            (None, None)
        );
    }

    #[test]
    fn moments_out_of_order_and_wild_rates_are_refused() {
        let backward = FundingSchedule::new(moments(&[5, 5])).expect_err("twice");
        assert_eq!(
            backward.to_string(),
            "funding: 5 ns comes after 5 ns; give them in order of time"
        );
        let wild = FundingMoment {
            at: TimestampNs(1),
            rate: MAX_RATE + 1,
        };
        assert!(FundingSchedule::new(vec![wild]).is_err());
    }
}
