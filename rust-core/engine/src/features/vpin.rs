//! VPIN: how one-sided the trading is, by volume instead of by time.
//!
//! Source: Easley, López de Prado and O'Hara, "Flow Toxicity and Liquidity in a High-Frequency World" (2012).
//! Volume is put into buckets of equal size, a trade that overfills one going on into the next. Over the last
//! `n` full buckets of `V` lots, VPIN is the sum of |bought - sold| divided by `n · V`. The authors guess who
//! took from price changes; here the venue says it. They take `V` as a fiftieth of a day's volume and `n` = 50.

use std::collections::VecDeque;

use crate::units::{Side, SizeLots};

/// Most buckets in a window: 512 KiB.
pub const MAX_BUCKETS: usize = 1 << 16;

/// Volume-synchronised probability of informed trading, exact in lots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vpin {
    bucket_lots: i64,
    max_buckets: usize,
    /// |bought - sold| of each full bucket, oldest first, and their sum.
    imbalances: VecDeque<i64>,
    sum: i128,
    /// The bucket that fills.
    bought: i64,
    sold: i64,
}

impl Vpin {
    /// A VPIN over `buckets` of `bucket_lots`, both at least 1, and at most [`MAX_BUCKETS`].
    pub fn new(bucket_lots: i64, buckets: usize) -> Self {
        Self {
            bucket_lots: bucket_lots.max(1),
            max_buckets: buckets.clamp(1, MAX_BUCKETS),
            imbalances: VecDeque::new(),
            sum: 0,
            bought: 0,
            sold: 0,
        }
    }

    /// Takes a trade. It costs a bounded time, however many buckets the trade fills.
    #[inline]
    pub fn on_trade(&mut self, size: SizeLots, taker: Side) {
        let lots = size.0.max(0);
        let room = self.bucket_lots - self.bought - self.sold;
        if lots < room {
            self.fill(lots, taker);
            return;
        }
        self.fill(room, taker);
        self.push((self.bought - self.sold).abs());
        (self.bought, self.sold) = (0, 0);
        let rest = lots - room;
        // Each of these is filled by this trade alone; more than the window would only replace each other.
        for _ in 0..(rest / self.bucket_lots).min(self.max_buckets as i64) {
            self.push(self.bucket_lots);
        }
        self.fill(rest % self.bucket_lots, taker);
    }

    /// Forgets everything: the next trade begins the first bucket.
    pub fn reset(&mut self) {
        self.imbalances.clear();
        self.sum = 0;
        (self.bought, self.sold) = (0, 0);
    }

    /// VPIN in [0, 1], or None until the window is full.
    #[inline]
    pub fn value(&self) -> Option<f64> {
        (self.imbalances.len() == self.max_buckets)
            .then(|| self.sum as f64 / (self.max_buckets as f64 * self.bucket_lots as f64))
    }

    #[inline]
    fn fill(&mut self, lots: i64, taker: Side) {
        match taker {
            Side::Buy => self.bought += lots,
            Side::Sell => self.sold += lots,
        }
    }

    fn push(&mut self, imbalance: i64) {
        if self.imbalances.len() == self.max_buckets
            && let Some(oldest) = self.imbalances.pop_front()
        {
            self.sum -= i128::from(oldest);
        }
        self.imbalances.push_back(imbalance);
        self.sum += i128::from(imbalance);
    }
}
