//! The feeds that are driven.

use openoutcry_engine::candle::CandleRule;
use openoutcry_engine::decode::binance::Product;
use openoutcry_engine::decode::venue::Venue;
use openoutcry_engine::features::FeatureSettings;
use openoutcry_engine::feed::{FeedSettings, MarketFeed};
use openoutcry_engine::units::{NS_PER_S, Step};

/// A feed that is driven: a venue's format and the instrument in the seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The name of the target, of its seeds' folder and of its dictionary.
    pub name: &'static str,
    venue: Venue,
    symbol: &'static str,
}

/// All feeds that are driven.
pub const ALL: [Target; 9] = [
    Target::BINANCE_SPOT,
    Target::BINANCE_USDM,
    Target::BINANCE_COINM,
    Target::BITSTAMP,
    Target::BYBIT,
    Target::COINBASE,
    Target::KRAKEN_V1,
    Target::KRAKEN_V2,
    Target::OKX,
];

/// Small, so that a few levels leave it.
const WINDOW_TICKS: usize = 256;
/// Small, so that a few levels lie beyond it.
const KRAKEN_DEPTH: usize = 10;

impl Target {
    /// Binance spot, its REST replies too.
    pub const BINANCE_SPOT: Self = Self {
        name: "binance_spot",
        venue: Venue::Binance(Product::Spot),
        symbol: "BTCUSDT",
    };
    /// Binance's USDT-margined futures.
    pub const BINANCE_USDM: Self = Self {
        name: "binance_usdm",
        venue: Venue::Binance(Product::UsdMargined),
        symbol: "BTCUSDT",
    };
    /// Binance's coin-margined futures.
    pub const BINANCE_COINM: Self = Self {
        name: "binance_coinm",
        venue: Venue::Binance(Product::CoinMargined),
        symbol: "BTCUSD_PERP",
    };
    /// Bitstamp, its REST reply too.
    pub const BITSTAMP: Self = Self {
        name: "bitstamp",
        venue: Venue::Bitstamp,
        symbol: "btcusd",
    };
    /// Bybit v5.
    pub const BYBIT: Self = Self {
        name: "bybit",
        venue: Venue::Bybit,
        symbol: "BTCUSDT",
    };
    /// Coinbase Advanced Trade.
    pub const COINBASE: Self = Self {
        name: "coinbase",
        venue: Venue::Coinbase,
        symbol: "BTC-USD",
    };
    /// Kraken's arrays.
    pub const KRAKEN_V1: Self = Self {
        name: "kraken_v1",
        venue: Venue::Kraken,
        symbol: "XBT/USD",
    };
    /// Kraken's objects.
    pub const KRAKEN_V2: Self = Self {
        name: "kraken_v2",
        venue: Venue::Kraken,
        symbol: "BTC/USD",
    };
    /// OKX v5.
    pub const OKX: Self = Self {
        name: "okx",
        venue: Venue::Okx,
        symbol: "BTC-USDT",
    };

    /// True if the feed counts what it cannot read as lost.
    pub(super) fn invalidates_on_error(self) -> bool {
        !matches!(self.venue, Venue::Binance(_))
    }

    /// A feed that has seen nothing.
    pub(super) fn feed(self) -> MarketFeed {
        let step = |text| Step::parse(text).expect("a step");
        MarketFeed::new(&FeedSettings {
            venue: self.venue,
            symbol: self.symbol.to_owned(),
            price_tick: step("0.01"),
            size_step: step("0.00000001"),
            candle_rule: CandleRule::Time {
                interval_ns: NS_PER_S,
            },
            window_ticks: WINDOW_TICKS,
            depth: (self.venue == Venue::Kraken).then_some(KRAKEN_DEPTH),
            resume_trade_id: 0,
            anomaly_window: 8,
            anomaly_threshold: 3.0,
            features: FeatureSettings::default(),
        })
        .expect("settings are in range")
    }
}
