//! Trades as a flow: who took last, who takes more, how many come each second.

use super::book::balance;
use super::decay::DecayedSums;
use crate::units::{Side, SizeLots, TimestampNs};

const BUY_TRADES: usize = 0;
const SELL_TRADES: usize = 1;
const BUY_LOTS: usize = 2;
const SELL_LOTS: usize = 3;

/// How a trade flow remembers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TradeFlowSettings {
    /// Memory of the rates.
    pub time_constant_ns: i64,
    /// Memory of the excitement: how long a trade makes others likelier.
    pub kernel_ns: i64,
    /// Share of the trades that others brought about, in [0, 1).
    pub branching_ratio: f64,
}

/// Decayed rates of buys and sells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TradeFlow {
    rates: DecayedSums<4>,
    kernel: DecayedSums<1>,
    branching_ratio: f64,
    last: Option<Side>,
}

/// What a trade flow says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TradeFeatures {
    /// (buys - sells) / (buys + sells) by decayed number, in [-1, 1]: the mean sign of the trades. NaN once
    /// the last trade is forgotten.
    pub sign_mean: f64,
    /// Trades per second in which the taker bought.
    pub buys_per_s: f64,
    /// Trades per second in which the taker sold.
    pub sells_per_s: f64,
    /// Size per second that takers bought.
    pub buy_lots_per_s: f64,
    /// Size per second that takers sold.
    pub sell_lots_per_s: f64,
    /// Intensity of a Hawkes process with an exponential kernel, in trades per second (Hawkes, "Spectra of
    /// some self-exciting and mutually exciting point processes", 1971): `(1 - n) · rate + n · recent rate`,
    /// where `n` is the branching ratio and the recent rate is decayed by the kernel. Its baseline is that
    /// which makes the process' mean the rate observed.
    pub intensity_per_s: f64,
}

impl TradeFlow {
    /// A flow that has seen no trade.
    pub fn new(settings: &TradeFlowSettings) -> Self {
        Self {
            rates: DecayedSums::new(settings.time_constant_ns),
            kernel: DecayedSums::new(settings.kernel_ns),
            branching_ratio: settings.branching_ratio,
            last: None,
        }
    }

    /// Takes a trade. The first one begins the watch and is not counted in the rates; a trade of no size says
    /// nothing.
    #[inline]
    pub fn on_trade(&mut self, size: SizeLots, taker: Side, trade_ns: TimestampNs) {
        if size.0 <= 0 {
            return;
        }
        self.last = Some(taker);
        if !self.rates.has_begun() {
            self.rates.begin(trade_ns);
            self.kernel.begin(trade_ns);
            return;
        }
        let mut values = [0.0; 4];
        let (trades, lots) = match taker {
            Side::Buy => (BUY_TRADES, BUY_LOTS),
            Side::Sell => (SELL_TRADES, SELL_LOTS),
        };
        values[trades] = 1.0;
        values[lots] = size.0 as f64;
        self.rates.add(trade_ns, values);
        self.kernel.add(trade_ns, [1.0]);
    }

    /// Forgets everything: the next trade is the first.
    pub fn reset(&mut self) {
        self.rates.reset();
        self.kernel.reset();
        self.last = None;
    }

    /// Sign of the last trade: 1 if the taker bought, -1 if the taker sold; None before the first.
    #[inline]
    pub fn sign(&self) -> Option<f64> {
        self.last.map(|taker| match taker {
            Side::Buy => 1.0,
            Side::Sell => -1.0,
        })
    }

    /// The rates at `now`; None until one time constant has been watched.
    #[inline]
    pub fn features(&self, now: TimestampNs) -> Option<TradeFeatures> {
        let rates = self.rates.rates_per_s(now)?;
        let [recent] = self.kernel.rates_per_s(now)?;
        let (buys, sells) = (rates[BUY_TRADES], rates[SELL_TRADES]);
        let share = self.branching_ratio;
        Some(TradeFeatures {
            sign_mean: balance(buys, sells),
            buys_per_s: buys,
            sells_per_s: sells,
            buy_lots_per_s: rates[BUY_LOTS],
            sell_lots_per_s: rates[SELL_LOTS],
            intensity_per_s: (1.0 - share) * (buys + sells) + share * recent,
        })
    }
}
