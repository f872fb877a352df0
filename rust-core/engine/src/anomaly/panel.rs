//! The panel of one market: shows every event to the detectors and combines what they find into one verdict.
//!
//! An event costs what the detectors that look at it cost; nothing is allocated but for an alarm that is told.
//! A detector that has not seen enough abstains. What is told to the panel is true: the book is valid and the
//! trades are those of the tape.

use super::burst::{Burst, BurstParameters};
use super::cause::{CAUSES, Cause};
use super::collapse::{Collapse, CollapseParameters};
use super::divergence::{Divergence, DivergenceParameters};
use super::episode::{Announcement, EpisodeParameters, Episodes, Verdict};
use super::iceberg::{Iceberg, IcebergParameters};
use super::ignition::{Ignition, IgnitionParameters};
use super::layering::{Layering, LayeringParameters};
use super::observation::{BookSeen, Detector, LevelChange, SecondSeen, TradeSeen};
use super::regime::Regime;
use super::returns::ReturnDetector;
use super::stuffing::{Stuffing, StuffingParameters};
use super::wash::{Wash, WashParameters};
use super::{BASIS_POINTS, DetectorError};
use crate::book::l2::L2Book;
use crate::decode::DepthUpdate;
use crate::features::book::{self, TopLevels};
use crate::units::{NS_PER_S, Side, TimestampNs};

/// Levels a side whose size is the depth of the book: as many as features look at.
pub const DEPTH_LEVELS: usize = book::DEPTH;
/// Changes farther from the touch are not looked at, in basis points: half of spot BTCUSDT's are.
pub const NEAR_BP: i64 = 15;

/// A level is told although it reads as before: something was placed there and withdrawn since the last update.
const UNSEEN_MESSAGES: u64 = 2;

/// Parameters of the whole panel. Each detector's are described where it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PanelParameters {
    /// Returns of a second that are remembered.
    pub return_window: usize,
    /// Robust deviations of a return that are an anomaly by themselves; from half of them on it supports others.
    /// At six, every fast move of an ordinary hour was told: 20 an hour in the recordings, at eight 5.
    pub return_threshold: f64,
    /// The ids of depth updates count the messages of the instrument's book (Binance spot). Elsewhere a changed
    /// level near the touch is one message, and one that is told as it was before is two.
    pub counts_messages: bool,
    /// Spread and depth collapse.
    pub collapse: CollapseParameters,
    /// Quote stuffing.
    pub stuffing: StuffingParameters,
    /// Layering and spoofing.
    pub layering: LayeringParameters,
    /// Momentum ignition.
    pub ignition: IgnitionParameters,
    /// Icebergs.
    pub iceberg: IcebergParameters,
    /// Divergence from another venue and from a peg.
    pub divergence: DivergenceParameters,
    /// Bursts of trades.
    pub burst: BurstParameters,
    /// Wash-like prints.
    pub wash: WashParameters,
    /// How findings become alarms; times in nanoseconds.
    pub episodes: EpisodeParameters,
    /// Weight of each cause, in [0, 1].
    pub weights: [f64; CAUSES],
}

impl Default for PanelParameters {
    fn default() -> Self {
        Self {
            return_window: 120,
            return_threshold: 8.0,
            counts_messages: false,
            collapse: CollapseParameters::default(),
            stuffing: StuffingParameters::default(),
            layering: LayeringParameters::default(),
            ignition: IgnitionParameters::default(),
            iceberg: IcebergParameters::default(),
            divergence: DivergenceParameters::default(),
            burst: BurstParameters::default(),
            wash: WashParameters::default(),
            episodes: MARKET_EPISODES,
            weights: default_weights(),
        }
    }
}

/// An alarm is told again after five seconds: whoever waits ten seconds after each, as the default risk limits
/// do, waits until at least five seconds after the last sign.
const MARKET_EPISODES: EpisodeParameters = EpisodeParameters {
    memory: 2 * NS_PER_S,
    quiet: 5 * NS_PER_S,
    refractory: 5 * NS_PER_S,
    reminder: 5 * NS_PER_S,
};

/// The patterns count in full; what is statistics only supports.
fn default_weights() -> [f64; CAUSES] {
    let mut weights = [1.0; CAUSES];
    for cause in [
        Cause::RobustZ,
        Cause::EwmaZ,
        Cause::Cusum,
        Cause::PageHinkley,
        Cause::ChangePoint,
    ] {
        weights[cause.index()] = SUPPORTING_WEIGHT;
    }
    weights
}

/// Too little for an alarm alone, enough to be watched.
const SUPPORTING_WEIGHT: f64 = 0.45;

/// The panel.
#[derive(Debug, Clone)]
pub struct MarketPanel {
    returns: ReturnDetector,
    collapse: Collapse,
    stuffing: Stuffing,
    layering: Layering,
    ignition: Ignition,
    iceberg: Iceberg,
    divergence: Divergence,
    burst: Burst,
    wash: Wash,
    regime: Regime,
    episodes: Episodes,
    counts_messages: bool,
    second: Option<SecondSeen>,
    now_ns: TimestampNs,
}

impl MarketPanel {
    /// A panel that has seen nothing.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(parameters: &PanelParameters) -> Result<Self, DetectorError> {
        Ok(Self {
            returns: ReturnDetector::new(parameters.return_window, parameters.return_threshold)?,
            collapse: Collapse::new(parameters.collapse)?,
            stuffing: Stuffing::new(parameters.stuffing)?,
            layering: Layering::new(parameters.layering)?,
            ignition: Ignition::new(parameters.ignition)?,
            iceberg: Iceberg::new(parameters.iceberg)?,
            divergence: Divergence::new(parameters.divergence)?,
            burst: Burst::new(parameters.burst)?,
            wash: Wash::new(parameters.wash)?,
            regime: Regime::new()?,
            episodes: Episodes::new(parameters.episodes, parameters.weights)?,
            counts_messages: parameters.counts_messages,
            second: None,
            now_ns: TimestampNs::default(),
        })
    }

    /// Takes a trade; gives an alarm to be told, if it is news.
    pub fn on_trade(&mut self, trade: &TradeSeen) -> Option<Announcement> {
        let closed = self.close_second(trade);
        let told = closed.and_then(|second| self.on_second(&second));
        self.now_ns = self.now_ns.max(trade.at_ns);
        let findings = [
            self.stuffing.on_trade(trade),
            self.layering.on_trade(trade),
            self.ignition.on_trade(trade),
            self.iceberg.on_trade(trade),
            self.wash.on_trade(trade),
        ];
        told.or(self.episodes.observe(findings, trade.at_ns.0))
    }

    /// Takes a changed level near the touch.
    #[inline]
    pub fn on_level(&mut self, change: &LevelChange) -> Option<Announcement> {
        let flood = self.stuffing.on_level(change);
        let layers = self.layering.on_level(change);
        // Nearly every level is nothing: it must cost as much.
        if flood.is_none() && layers.is_none() {
            return None;
        }
        self.episodes.observe([flood, layers], change.at_ns.0)
    }

    /// Takes the book after an update.
    pub fn on_book(&mut self, book: &BookSeen) -> Option<Announcement> {
        self.now_ns = self.now_ns.max(book.at_ns);
        let findings = [
            self.collapse.on_book(book),
            self.divergence.on_book(book),
            self.iceberg.on_book(book),
        ];
        self.episodes.observe(findings, book.at_ns.0)
    }

    /// Takes a new touch that the venue told by itself: a message about the book.
    #[inline]
    pub fn on_touch(&mut self) {
        if !self.counts_messages {
            self.stuffing.on_messages(1);
        }
    }

    /// Takes the levels of an update that is about to be applied to `book`, of which those near the touch and
    /// changed count.
    pub fn before_update(&mut self, book: &L2Book, update: &DepthUpdate) -> Option<Announcement> {
        let mut told = None;
        let mut messages = 0_u64;
        for (side, levels) in [(Side::Buy, &update.bids), (Side::Sell, &update.asks)] {
            let Some(best) = book.best(side) else {
                continue;
            };
            let near_ticks = best.price.0 / (BASIS_POINTS as i64 / NEAR_BP);
            let Ok(near_ticks) = u64::try_from(near_ticks) else {
                continue;
            };
            for level in levels {
                let distance_ticks = match side {
                    Side::Buy => best.price.0.saturating_sub(level.price.0),
                    Side::Sell => level.price.0.saturating_sub(best.price.0),
                };
                if distance_ticks.unsigned_abs() > near_ticks {
                    continue;
                }
                let before = book.size_at(side, level.price);
                if before == level.size {
                    messages = messages.saturating_add(UNSEEN_MESSAGES);
                    continue;
                }
                messages = messages.saturating_add(1);
                let change = LevelChange {
                    at_ns: update.event_ns,
                    side,
                    price: level.price,
                    before,
                    after: level.size,
                    distance_ticks,
                };
                if let Some(news) = self.on_level(&change) {
                    told.get_or_insert(news);
                }
            }
        }
        if self.counts_messages {
            messages = update.last_id.saturating_sub(update.previous_id).max(0) as u64;
        }
        // After the levels, which have closed the bucket before.
        self.stuffing.on_messages(messages);
        told
    }

    /// Takes the best levels of the book after an update was applied to it.
    pub fn after_update(&mut self, top: &TopLevels, at_ns: TimestampNs) -> Option<Announcement> {
        let (bid, ask) = top.touch()?;
        self.on_book(&BookSeen {
            at_ns,
            bid,
            ask,
            bid_depth: top.bids.size(DEPTH_LEVELS),
            ask_depth: top.asks.size(DEPTH_LEVELS),
        })
    }

    /// The book is not known any more. What is usual stays learnt; what goes on in the next one begins anew.
    pub fn on_book_lost(&mut self) {
        self.collapse.on_book_lost();
        self.stuffing.on_book_lost();
        self.layering.on_book_lost();
        self.iceberg.on_book_lost();
        self.divergence.on_book_lost();
    }

    /// Trades were missed that nobody will tell: the next one's price is not compared with the last one's.
    pub fn on_trades_lost(&mut self) {
        self.second = None;
        self.ignition.on_trades_lost();
        self.wash.on_trades_lost();
    }

    /// Tells another venue's middle, in this instrument's ticks.
    pub fn set_reference(&mut self, mid_ticks: f64, at_ns: TimestampNs) {
        self.divergence.set_reference(mid_ticks, at_ns);
    }

    /// Tells the price that the instrument is pegged to, in ticks.
    ///
    /// # Errors
    /// It is not positive.
    pub fn set_peg(&mut self, peg_ticks: Option<f64>) -> Result<(), DetectorError> {
        self.divergence.set_peg(peg_ticks)
    }

    /// What the panel says now, that is, at the latest event.
    pub fn verdict(&self) -> Verdict {
        self.episodes.verdict(self.now_ns.0)
    }

    /// How many of its detectors still abstain, of how many.
    pub fn abstaining(&self) -> (usize, usize) {
        let warm = [
            self.returns.is_warm(),
            self.collapse.is_warm(),
            self.stuffing.is_warm(),
            self.layering.is_warm(),
            self.ignition.is_warm(),
            self.iceberg.is_warm(),
            self.divergence.is_warm(),
            self.burst.is_warm(),
            self.wash.is_warm(),
            self.regime.is_warm(),
        ];
        (warm.iter().filter(|is_warm| !**is_warm).count(), warm.len())
    }

    fn on_second(&mut self, second: &SecondSeen) -> Option<Announcement> {
        let findings = [
            self.returns.on_second(second),
            self.ignition.on_second(second),
            self.burst.on_second(second),
            self.regime.on_second(second),
        ];
        self.episodes.observe(findings, second.end_ns.0)
    }

    /// Adds the trade to its second; gives the second before, if that is over.
    fn close_second(&mut self, trade: &TradeSeen) -> Option<SecondSeen> {
        let end = trade
            .at_ns
            .0
            .div_euclid(NS_PER_S)
            .saturating_add(1)
            .saturating_mul(NS_PER_S);
        let signed = match trade.taker {
            Side::Buy => trade.size.0 as f64,
            Side::Sell => -(trade.size.0 as f64),
        };
        if let Some(second) = self.second.as_mut().filter(|second| second.end_ns.0 >= end) {
            second.close = trade.price;
            second.trades = second.trades.saturating_add(1);
            second.volume_lots += trade.size.0 as f64;
            second.signed_lots += signed;
            return None;
        }
        let next = SecondSeen {
            end_ns: TimestampNs(end),
            close: trade.price,
            previous_close: self.second.map_or(trade.price, |second| second.close),
            trades: 1,
            volume_lots: trade.size.0 as f64,
            signed_lots: signed,
        };
        self.second.replace(next)
    }
}
