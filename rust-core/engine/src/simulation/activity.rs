//! How much a market trades and how far it moves, as far as its venue has come: what the law of [`super::impact`]
//! is put into numbers with.
//!
//! Both are of the UTC day of the last trade and of the day before it. How long that is does not matter to a
//! square root: variance and volume grow alike with time. The variance is the sum of the squared changes of the mid
//! from one second with a trade to the next, so that a spread which prices jump across is no movement. Before
//! [`LEAST_CHANGES`] of them nothing is estimated, and costs are none.

use super::impact::SquareRootImpact;
use crate::units::{MAX_COUNT, NS_PER_S, SizeLots};

/// Changes of the mid of which a variance is made at the least.
pub const LEAST_CHANGES: u32 = 60;
const NS_PER_DAY: i64 = 86_400 * NS_PER_S;

#[derive(Debug, Clone, Copy, Default)]
struct Day {
    lots: i64,
    /// Squared changes of the mid, in half ticks.
    squares: u128,
    changes: u32,
}

/// What an order's own size costs it, by what its market does.
#[derive(Debug, Clone)]
pub(super) struct Impact {
    law: SquareRootImpact,
    day: i64,
    today: Day,
    yesterday: Day,
    /// The second of the last mid, and the mid in half ticks.
    last: Option<(i64, i64)>,
}

impl Impact {
    pub(super) fn new(law: SquareRootImpact) -> Self {
        Self {
            law,
            day: 0,
            today: Day::default(),
            yesterday: Day::default(),
            last: None,
        }
    }

    /// The market traded, with bid and ask as they stood before.
    pub(super) fn on_trade(&mut self, at_ns: i64, lots: i64, touch: Option<(i64, i64)>) {
        self.turn_to(at_ns.div_euclid(NS_PER_DAY));
        self.today.lots = self.today.lots.saturating_add(lots);
        let Some((bid, ask)) = touch else {
            return;
        };
        let (second, mid) = (at_ns.div_euclid(NS_PER_S), bid + ask);
        match self.last {
            Some((last, _)) if last == second => return,
            Some((_, before)) => {
                let change = u128::from(mid.abs_diff(before));
                let squares = self.today.squares;
                self.today.squares = squares.saturating_add(change.saturating_mul(change));
                self.today.changes += 1;
            }
            None => {}
        }
        self.last = Some((second, mid));
    }

    /// By how many ticks an order of this size moves the price against itself; rounded up.
    pub(super) fn ticks(&self, size: SizeLots) -> i64 {
        let lots = self.today.lots.saturating_add(self.yesterday.lots);
        if self.today.changes + self.yesterday.changes < LEAST_CHANGES || lots == 0 {
            return 0;
        }
        let squares = self.today.squares.saturating_add(self.yesterday.squares);
        let volatility_ticks = (squares as f64).sqrt() / 2.0;
        let cost = self
            .law
            .whole_cost_ticks(volatility_ticks, size, SizeLots(lots));
        cost.unwrap_or(MAX_COUNT)
    }

    fn turn_to(&mut self, day: i64) {
        if day == self.day {
            return;
        }
        let ended = std::mem::take(&mut self.today);
        self.yesterday = if day == self.day + 1 {
            ended
        } else {
            Day::default()
        };
        self.day = day;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn impact() -> Impact {
        Impact::new(SquareRootImpact::default())
    }

    /// A trade of 10 lots a second, of which each moves the mid by a tick, up and down.
    fn trade_on(impact: &mut Impact, from_s: i64, seconds: i64) {
        for second in from_s..from_s + seconds {
            let up = second % 2;
            impact.on_trade(second * NS_PER_S, 10, Some((99 + up, 101 + up)));
        }
    }

    #[test]
    fn the_law_is_put_into_numbers_by_hand() {
        let mut market = impact();
        trade_on(&mut market, 0, 60);
        assert_eq!(market.ticks(SizeLots(1_000)), 0, "59 changes are too few");
        trade_on(&mut market, 60, 41);
        // 100 changes of a tick: a variance of 100; of 1,010 lots 101 are a tenth: 10 · √0.1 is 3.16.
        assert_eq!(market.ticks(SizeLots(101)), 4);
        assert_eq!(market.ticks(SizeLots(1_010)), 10);
        assert_eq!(market.ticks(SizeLots(0)), 0);
    }

    #[test]
    fn a_second_counts_once_and_a_side_that_is_empty_only_as_volume() {
        let mut market = impact();
        trade_on(&mut market, 0, 101);
        market.on_trade(100 * NS_PER_S + 1, 1, Some((500, 502)));
        market.on_trade(101 * NS_PER_S, 9, None);
        assert_eq!((market.today.changes, market.today.squares), (100, 400));
        assert_eq!(market.today.lots, 1_020);
    }

    #[test]
    fn the_day_before_counts_and_an_older_one_does_not() {
        let mut market = impact();
        trade_on(&mut market, 0, 101);
        market.on_trade(NS_PER_DAY, 0, Some((99, 101)));
        assert_eq!(market.ticks(SizeLots(1_010)), 10);
        market.on_trade(3 * NS_PER_DAY, 10, Some((99, 101)));
        assert_eq!(market.ticks(SizeLots(1_010)), 0);
    }

    #[test]
    fn a_price_beyond_all_markets_costs_no_more_than_one() {
        let mut market = impact();
        for second in 0..200 {
            let price = if second % 2 == 0 { 1 } else { MAX_COUNT };
            market.on_trade(second * NS_PER_S, 1, Some((price, price)));
        }
        assert_eq!(market.ticks(SizeLots(MAX_COUNT)), MAX_COUNT);
    }
}
