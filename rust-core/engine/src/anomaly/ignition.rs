//! Momentum ignition: a rapid run of one-sided trades that moves the price, and its reversal.
//!
//! Source of the pattern: the SEC's concept release on equity market structure (2010), section on directional
//! strategies: trades meant to make others trade the same way, to be sold to them. What tells it from news is
//! that the price comes back.

use super::baseline::Moments;
use super::cause::Cause;
use super::observation::{Detector, SecondSeen, TradeSeen, log_ratio_bp};
use super::{DetectorError, Finding, MIN_STRENGTH, check_range};
use crate::units::{NS_PER_MS, NS_PER_S, PriceTicks, Side, TimestampNs};

/// What is a run, and what is its reversal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IgnitionParameters {
    /// A run ends when its side has been silent so long, in nanoseconds.
    pub max_pause_ns: i64,
    /// Shortest time from a run's begin to its farthest price, in nanoseconds: one large order that takes many
    /// levels makes many trades at once, and the price comes back as soon as the levels do.
    pub min_run_ns: i64,
    /// Longest run, in nanoseconds.
    pub max_run_ns: i64,
    /// Least share of a run's volume that is on its side.
    pub one_sided_share: f64,
    /// Fewest trades in a run.
    pub min_trades: u32,
    /// The least move, in basis points, that can be the limit: where hardly anything moves, a tick is many
    /// returns.
    pub min_move_bp: f64,
    /// The move that is the limit, in mean absolute returns of a second. So large a move alone is common; it
    /// is how fast it is undone that is not.
    pub move_ratio: f64,
    /// Share of the move that must be taken back.
    pub retraced_share: f64,
    /// Within how long after the run's farthest price, in nanoseconds. Who ignites sells to his followers while
    /// they last; a market that comes back by itself takes longer.
    pub reversal_ns: i64,
    /// Seconds after which one weighs half in the usual return.
    pub half_life_s: f64,
    /// Seconds with trades needed before the first judgement.
    pub min_samples: u64,
}

impl Default for IgnitionParameters {
    fn default() -> Self {
        Self {
            max_pause_ns: 400 * NS_PER_MS,
            min_run_ns: 300 * NS_PER_MS,
            max_run_ns: 4 * NS_PER_S,
            one_sided_share: 0.75,
            min_trades: 8,
            min_move_bp: 2.5,
            move_ratio: 6.0,
            retraced_share: 0.7,
            reversal_ns: 1_250 * NS_PER_MS,
            half_life_s: 120.0,
            min_samples: 30,
        }
    }
}

impl IgnitionParameters {
    fn check(&self) -> Result<(), DetectorError> {
        check_range("max_pause_ns", self.max_pause_ns as f64, 1.0, 1e12)?;
        check_range("min_run_ns", self.min_run_ns as f64, 0.0, 1e12)?;
        check_range("max_run_ns", self.max_run_ns as f64, 1.0, 1e12)?;
        check_range("one_sided_share", self.one_sided_share, 0.5, 1.0)?;
        check_range("min_trades", f64::from(self.min_trades), 1.0, 1e6)?;
        check_range("min_move_bp", self.min_move_bp, 0.01, 1e4)?;
        check_range("move_ratio", self.move_ratio, 0.1, 1e6)?;
        check_range("retraced_share", self.retraced_share, 0.05, 1.0)?;
        check_range("reversal_ns", self.reversal_ns as f64, 1.0, 1e13)?;
        check_range("half_life_s", self.half_life_s, 1.0, 1e6)?;
        check_range("min_samples", self.min_samples as f64, 2.0, 1e6)
    }
}

#[derive(Debug, Clone, Copy)]
struct Run {
    side: Side,
    began_ns: TimestampNs,
    /// Last trade on the run's side.
    last_ns: TimestampNs,
    start: PriceTicks,
    extreme: PriceTicks,
    /// When the price was there first.
    extreme_ns: TimestampNs,
    trades: u32,
    lots: f64,
    opposite_lots: f64,
}

impl Run {
    /// A run that begins at the price before its first trade.
    fn begin(trade: &TradeSeen, start: PriceTicks) -> Self {
        Self {
            side: trade.taker,
            began_ns: trade.at_ns,
            last_ns: trade.at_ns,
            start,
            extreme: trade.price,
            extreme_ns: trade.at_ns,
            trades: 1,
            lots: trade.size.0 as f64,
            opposite_lots: 0.0,
        }
    }

    fn extend(&mut self, trade: &TradeSeen) {
        if trade.taker == self.side {
            self.last_ns = trade.at_ns;
            self.trades = self.trades.saturating_add(1);
            self.lots += trade.size.0 as f64;
            let is_farther = match self.side {
                Side::Buy => trade.price > self.extreme,
                Side::Sell => trade.price < self.extreme,
            };
            if is_farther {
                self.extreme = trade.price;
                self.extreme_ns = trade.at_ns;
            }
        } else {
            self.opposite_lots += trade.size.0 as f64;
        }
    }

    fn one_sided_share(&self) -> f64 {
        self.lots / (self.lots + self.opposite_lots).max(1.0)
    }

    /// How far the price went in the run's direction, in basis points.
    fn move_bp(&self) -> f64 {
        let (low, high) = match self.side {
            Side::Buy => (self.start, self.extreme),
            Side::Sell => (self.extreme, self.start),
        };
        log_ratio_bp(high.0 as f64, low.0 as f64).max(0.0)
    }

    /// Which share of the move a price takes back.
    fn retraced_share(&self, price: PriceTicks) -> f64 {
        let whole = self.extreme.0.saturating_sub(self.start.0) as f64;
        if whole == 0.0 {
            return 0.0;
        }
        self.extreme.0.saturating_sub(price.0) as f64 / whole
    }
}

/// The detector.
#[derive(Debug, Clone)]
pub struct Ignition {
    parameters: IgnitionParameters,
    returns: Moments,
    /// The run of buyers and that of sellers, side by side: one large order against a run does not end it.
    runs: [Option<Run>; 2],
    /// A run that moved the price far enough, and may be reversed.
    ignited: Option<Run>,
    last_price: Option<PriceTicks>,
}

impl Ignition {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(parameters: IgnitionParameters) -> Result<Self, DetectorError> {
        parameters.check()?;
        Ok(Self {
            parameters,
            returns: Moments::new(parameters.half_life_s),
            runs: [None; 2],
            ignited: None,
            last_price: None,
        })
    }

    /// The move that is the limit, in basis points.
    fn limit_bp(&self) -> f64 {
        (self.parameters.move_ratio * self.returns.mean()).max(self.parameters.min_move_bp)
    }

    fn is_over(&self, run: &Run, now: TimestampNs) -> bool {
        now.0.saturating_sub(run.last_ns.0) > self.parameters.max_pause_ns
            || now.0.saturating_sub(run.began_ns.0) > self.parameters.max_run_ns
            || run.one_sided_share() < self.parameters.one_sided_share
    }

    /// Goes on with the run of a side or begins another, and remembers one that has moved the price.
    fn follow(&mut self, side: Side, trade: &TradeSeen, before: PriceTicks) {
        let slot = side as usize;
        let going = self.runs[slot].and_then(|mut run| {
            run.extend(trade);
            (!self.is_over(&run, trade.at_ns)).then_some(run)
        });
        self.runs[slot] =
            going.or_else(|| (trade.taker == side).then(|| Run::begin(trade, before)));
        let Some(run) = self.runs[slot] else {
            return;
        };
        let is_long = run.extreme_ns.0.saturating_sub(run.began_ns.0) >= self.parameters.min_run_ns;
        let is_far = run.move_bp() >= MIN_STRENGTH * self.limit_bp();
        // A run is remembered as it was at its farthest price: the reversal is not its own.
        let is_larger = self
            .ignited
            .is_none_or(|other| run.move_bp() > other.move_bp());
        if is_long && is_far && is_larger && run.trades >= self.parameters.min_trades {
            self.ignited = Some(run);
        }
    }

    fn judge(&mut self, trade: &TradeSeen) -> Option<Finding> {
        let run = self.ignited?;
        if trade.at_ns.0.saturating_sub(run.extreme_ns.0) > self.parameters.reversal_ns {
            self.ignited = None;
            return None;
        }
        let retraced = run.retraced_share(trade.price);
        if retraced < self.parameters.retraced_share {
            return None;
        }
        self.ignited = None;
        // It is told once: what follows is another run.
        self.runs[run.side as usize] = None;
        let strength = run.move_bp() / self.limit_bp();
        let evidence = [run.move_bp(), retraced.min(1.0), run.one_sided_share()];
        self.is_warm()
            .then(|| Finding::new(Cause::MomentumIgnition, strength, evidence))
    }
}

impl Detector for Ignition {
    fn is_warm(&self) -> bool {
        self.returns.count() >= self.parameters.min_samples
    }

    fn on_trades_lost(&mut self) {
        (self.runs, self.ignited, self.last_price) = ([None; 2], None, None);
    }

    fn on_trade(&mut self, trade: &TradeSeen) -> Option<Finding> {
        let finding = self.judge(trade);
        let before = self.last_price.replace(trade.price).unwrap_or(trade.price);
        for side in [Side::Buy, Side::Sell] {
            self.follow(side, trade, before);
        }
        finding
    }

    fn on_second(&mut self, second: &SecondSeen) -> Option<Finding> {
        self.returns
            .learn_clipped(second.return_bp().abs(), self.parameters.min_samples, 0.1);
        None
    }
}
