//! Wash-like prints: the same size traded back and forth at one price, with little net flow.
//!
//! Source of the pattern: Cong, Li, Tang and Yang, "Crypto Wash Trading" (2023), and IOSCO's description: trades
//! without change of ownership. Buying and selling takers meet a spread apart; equal sizes that alternate sides
//! at the *same* price, one after the other, are not what independent traders do.
//!
//! A bounded number of sizes is watched, so an update costs the same for ever.

use super::baseline::Moments;
use super::cause::Cause;
use super::observation::{Detector, TradeSeen, log_ratio_bp};
use super::{DetectorError, Finding, MIN_STRENGTH, check_range};
use crate::units::{NS_PER_S, PriceTicks, Side, SizeLots, TimestampNs};

/// Sizes watched at a time; the one longest without a trade makes room.
const MAX_SIZES: usize = 16;

/// What is back and forth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WashParameters {
    /// Prints of one size in a row, each on the other side than the one before, that are the limit.
    pub prints: u32,
    /// Farthest apart that two of them may be, in basis points: about a spread.
    pub max_distance_bp: f64,
    /// Longest time between two of them, in nanoseconds.
    pub max_pause_ns: i64,
    /// The least size that counts, as a share of the geometric mean of all: everybody trades the smallest sizes.
    pub min_size_share: f64,
    /// Trades needed before the first judgement.
    pub min_samples: u64,
}

impl Default for WashParameters {
    fn default() -> Self {
        Self {
            prints: 7,
            max_distance_bp: 1.0,
            max_pause_ns: 5 * NS_PER_S,
            min_size_share: 0.8,
            min_samples: 100,
        }
    }
}

impl WashParameters {
    fn check(&self) -> Result<(), DetectorError> {
        check_range("prints", f64::from(self.prints), 2.0, 1e6)?;
        check_range("max_distance_bp", self.max_distance_bp, 0.0, 1e4)?;
        check_range("max_pause_ns", self.max_pause_ns as f64, 1.0, 1e13)?;
        check_range("min_size_share", self.min_size_share, 0.0, 1e6)?;
        check_range("min_samples", self.min_samples as f64, 1.0, 1e6)
    }
}

#[derive(Debug, Clone, Copy)]
struct Exchange {
    size: SizeLots,
    price: PriceTicks,
    last: Side,
    last_ns: TimestampNs,
    prints: u32,
    /// Prints bought by takers, less those sold.
    net: i32,
}

/// The detector.
#[derive(Debug, Clone)]
pub struct Wash {
    parameters: WashParameters,
    /// Of the logarithms of the sizes.
    log_lots: Moments,
    /// How often a trade answers one of its size: where all do, it says nothing.
    answers: Moments,
    sizes: [Option<Exchange>; MAX_SIZES],
}

impl Wash {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(parameters: WashParameters) -> Result<Self, DetectorError> {
        parameters.check()?;
        Ok(Self {
            parameters,
            log_lots: Moments::new(HALF_LIFE_TRADES),
            answers: Moments::new(HALF_LIFE_TRADES),
            sizes: [None; MAX_SIZES],
        })
    }

    /// The slot of a size, or an empty one, or that of the size longest without a trade.
    fn slot(&self, size: SizeLots) -> usize {
        let is_it = |slot: &Option<Exchange>| slot.is_some_and(|exchange| exchange.size == size);
        if let Some(slot) = self.sizes.iter().position(is_it) {
            return slot;
        }
        let last = |slot: usize| self.sizes[slot].map_or(i64::MIN, |exchange| exchange.last_ns.0);
        (1..MAX_SIZES).fold(0, |oldest, slot| {
            if last(slot) < last(oldest) {
                slot
            } else {
                oldest
            }
        })
    }

    fn follows(&self, exchange: &Exchange, trade: &TradeSeen) -> bool {
        let distance_bp = || log_ratio_bp(trade.price.0 as f64, exchange.price.0 as f64);
        exchange.size == trade.size
            && exchange.last != trade.taker
            && distance_bp().abs() <= self.parameters.max_distance_bp
            && trade.at_ns.0.saturating_sub(exchange.last_ns.0) <= self.parameters.max_pause_ns
    }
}

fn sign(side: Side) -> i32 {
    match side {
        Side::Buy => 1,
        Side::Sell => -1,
    }
}

impl Detector for Wash {
    fn is_warm(&self) -> bool {
        self.log_lots.count() >= self.parameters.min_samples
    }

    fn on_trades_lost(&mut self) {
        self.sizes = [None; MAX_SIZES];
    }

    fn on_trade(&mut self, trade: &TradeSeen) -> Option<Finding> {
        let lots = trade.size.0 as f64;
        let is_small = lots < self.parameters.min_size_share * self.log_lots.mean().exp();
        self.log_lots.learn(lots.max(1.0).ln());
        if is_small {
            self.answers.learn(0.0);
            return None;
        }
        let (is_warm, usual) = (self.is_warm(), self.answers.mean());
        let slot = self.slot(trade.size);
        let before = self.sizes[slot].filter(|exchange| self.follows(exchange, trade));
        self.answers.learn(f64::from(u8::from(before.is_some())));
        let exchange = Exchange {
            size: trade.size,
            price: trade.price,
            last: trade.taker,
            last_ns: trade.at_ns,
            prints: before.map_or(1, |exchange| exchange.prints.saturating_add(1)),
            net: before
                .map_or(0, |exchange| exchange.net)
                .saturating_add(sign(trade.taker)),
        };
        self.sizes[slot] = Some(exchange);
        let strength = f64::from(exchange.prints) / f64::from(self.parameters.prints)
            * (1.0 - usual / MAX_USUAL_ANSWERS).max(0.0);
        (is_warm && strength >= MIN_STRENGTH).then(|| {
            let net_share = f64::from(exchange.net).abs() / f64::from(exchange.prints);
            Finding::new(
                Cause::WashPrints,
                strength,
                [lots, f64::from(exchange.prints), net_share],
            )
        })
    }
}

/// Trades after which one weighs half in the mean size.
const HALF_LIFE_TRADES: f64 = 1_000.0;
/// Where so large a share of all trades answers another one, a row of them is no news at all.
const MAX_USUAL_ANSWERS: f64 = 0.5;
