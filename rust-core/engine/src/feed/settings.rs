//! What a feed is of, and how it works.

use crate::anomaly::DetectorError;
use crate::book::l2::MAX_WINDOW_TICKS;
use crate::candle::{CandleRule, CandleRuleError};
use crate::decode::binance::Product;
use crate::decode::venue::{BINANCE, VENUE_NAMES, Venue};
use crate::features::{FeatureError, FeatureSettings};
use crate::units::{DecimalError, Step};

/// How much of a bad setting an error quotes, in characters.
const MAX_QUOTED_CHARS: usize = 40;

/// What a feed is of, and how it works.
#[derive(Debug, Clone)]
pub struct FeedSettings {
    /// The venue and its market.
    pub venue: Venue,
    /// The venue's own symbol, as `BTCUSDT` or `XBT/USD`.
    pub symbol: String,
    /// Smallest price difference.
    pub price_tick: Step,
    /// Smallest size difference.
    pub size_step: Step,
    /// What closes a candle.
    pub candle_rule: CandleRule,
    /// Width of the book's dense window.
    pub window_ticks: usize,
    /// Levels a side that were subscribed, where the venue's checksum depends on it; none: the venue's most.
    pub depth: Option<usize>,
    /// Last trade of the last candle already known, or 0.
    pub resume_trade_id: i64,
    /// Returns that the anomaly detector remembers.
    pub anomaly_window: usize,
    /// Robust deviations that make an anomaly.
    pub anomaly_threshold: f64,
    /// How features are measured.
    pub features: FeatureSettings,
}

/// Why a feed cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// Not a venue that can be decoded.
    #[error("venue {0:?} is unknown; use {names}", names = VENUE_NAMES.join(", "))]
    Venue(String),
    /// Not one of the venue's markets.
    #[error("product {0:?} is unknown; use spot, usdm or coinm")]
    Product(String),
    /// Not a symbol of the venue.
    #[error("symbol {0:?} is not the venue's own, as BTCUSDT: capital letters, digits and `_`")]
    Symbol(String),
    /// Not a symbol of any venue.
    #[error("symbol {0:?} is not the venue's own: letters, digits and `-`, `/`, `_`, `.`, `:`")]
    VenueSymbol(String),
    /// A grid that cannot be read.
    #[error("{name} {text:?} {reason}")]
    Step {
        /// The setting.
        name: &'static str,
        /// Its value.
        text: String,
        /// What is wrong with it.
        reason: DecimalError,
    },
    /// A number out of range.
    #[error("{name} must be in {range}, got {value}")]
    Range {
        /// The setting.
        name: &'static str,
        /// What is allowed.
        range: &'static str,
        /// Its value.
        value: i64,
    },
    /// A setting that would be ignored.
    #[error("depth is not used by this venue: leave it out; Kraken's checksum alone depends on it")]
    UnusedDepth,
    /// A detector that cannot be made.
    #[error("anomaly detector: {0}")]
    Detector(#[from] DetectorError),
    /// A rule for candles that cannot be used.
    #[error(transparent)]
    Candle(#[from] CandleRuleError),
    /// Features that cannot be measured so.
    #[error(transparent)]
    Feature(#[from] FeatureError),
}

/// Reads a grid from a setting's text.
///
/// # Errors
/// The text is no positive plain decimal.
pub fn parse_step(name: &'static str, text: &str) -> Result<Step, SettingsError> {
    Step::parse(text).map_err(|reason| {
        let text = shortened(text);
        SettingsError::Step { name, text, reason }
    })
}

/// Reads a product of Binance from a setting's text.
///
/// # Errors
/// The name is unknown.
pub fn parse_product(name: &str) -> Result<Product, SettingsError> {
    Product::parse(name).ok_or_else(|| SettingsError::Product(shortened(name)))
}

/// Reads a venue from its name and, of Binance, its product.
///
/// # Errors
/// A name is unknown.
pub fn parse_venue(name: &str, product: &str) -> Result<Venue, SettingsError> {
    if name == BINANCE {
        return parse_product(product).map(Venue::Binance);
    }
    Venue::parse(name).ok_or_else(|| SettingsError::Venue(shortened(name)))
}

/// Checks a symbol as Binance writes it.
///
/// # Errors
/// It is empty or holds anything but capital letters, digits and `_`.
pub fn check_symbol(symbol: &str) -> Result<(), SettingsError> {
    let is_valid = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if is_short(symbol) && symbol.bytes().all(is_valid) {
        return Ok(());
    }
    Err(SettingsError::Symbol(shortened(symbol)))
}

impl FeedSettings {
    /// Checks what the types cannot.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        self.check_venue_symbol()?;
        self.candle_rule.checked()?;
        let range = |name, range, value| Err(SettingsError::Range { name, range, value });
        if !(1..=MAX_WINDOW_TICKS).contains(&self.window_ticks) {
            return range("window_ticks", "1 to 4194304", self.window_ticks as i64);
        }
        if self.resume_trade_id < 0 {
            return range("resume_trade_id", "0 or more", self.resume_trade_id);
        }
        if self.depth.is_some() && self.venue != Venue::Kraken {
            return Err(SettingsError::UnusedDepth);
        }
        if self.depth == Some(0) {
            return range("depth", "1 or more", 0);
        }
        Ok(())
    }

    /// A symbol goes into no text but a comparison with the frame's; other venues' have more characters.
    fn check_venue_symbol(&self) -> Result<(), SettingsError> {
        if matches!(self.venue, Venue::Binance(_)) {
            return check_symbol(&self.symbol);
        }
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-/_.:".contains(&byte);
        if is_short(&self.symbol) && self.symbol.bytes().all(is_valid) {
            return Ok(());
        }
        Err(SettingsError::VenueSymbol(shortened(&self.symbol)))
    }
}

fn is_short(symbol: &str) -> bool {
    !symbol.is_empty() && symbol.len() <= MAX_QUOTED_CHARS
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_QUOTED_CHARS).collect()
}
