//! The feature vector: what a model is given, in a fixed order.

use super::book::BookFeatures;
use super::trade_flow::TradeFeatures;

/// Number of features.
pub const FEATURE_COUNT: usize = FEATURES.len();

/// Name and unit of each feature, in the order of the vector. A model is trained on this order: features are
/// added at the end and never change their place or their unit.
pub const FEATURES: [(&str, &str); 20] = [
    ("spread_ticks", "ticks"),
    ("mid_ticks", "ticks"),
    ("microprice_ticks", "ticks"),
    ("imbalance_1", "[-1, 1]"),
    ("imbalance_5", "[-1, 1]"),
    ("imbalance_10", "[-1, 1]"),
    ("imbalance_20", "[-1, 1]"),
    ("book_pressure", "[-1, 1]"),
    ("order_flow_1", "lots/s"),
    ("order_flow_5", "lots/s"),
    ("order_flow_10", "lots/s"),
    ("volatility", "bps/sqrt(s)"),
    ("trade_sign", "-1 or 1"),
    ("trade_sign_mean", "[-1, 1]"),
    ("buy_rate", "trades/s"),
    ("sell_rate", "trades/s"),
    ("buy_volume_rate", "lots/s"),
    ("sell_volume_rate", "lots/s"),
    ("trade_intensity", "trades/s"),
    ("vpin", "[0, 1]"),
];

/// Place of `vpin` in the vector.
pub(super) const VPIN: usize = FEATURE_COUNT - 1;

/// What the vector is made of; what is None is not known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    pub(super) book: Option<BookFeatures>,
    pub(super) order_flow: Option<[f64; 3]>,
    pub(super) volatility: Option<f64>,
    pub(super) sign: Option<f64>,
    pub(super) trades: Option<TradeFeatures>,
    pub(super) vpin: Option<f64>,
}

impl Parts {
    /// The vector in the order of [`FEATURES`], NaN for what is not known.
    #[inline]
    pub(super) fn vector(&self) -> [f64; FEATURE_COUNT] {
        let book = self.book.map_or([f64::NAN; 8], |book| book.values());
        let trades = self.trades.map_or([f64::NAN; 6], |trades| trades.values());
        let flow = self.order_flow.unwrap_or([f64::NAN; 3]);
        let mut vector = [f64::NAN; FEATURE_COUNT];
        vector[..8].copy_from_slice(&book);
        vector[8..11].copy_from_slice(&flow);
        vector[11] = self.volatility.unwrap_or(f64::NAN);
        vector[12] = self.sign.unwrap_or(f64::NAN);
        vector[13..VPIN].copy_from_slice(&trades);
        vector[VPIN] = self.vpin.unwrap_or(f64::NAN);
        vector
    }
}

impl BookFeatures {
    /// The features in the order of the first of [`FEATURES`].
    #[inline]
    pub fn values(&self) -> [f64; 8] {
        let [one, five, ten, twenty] = self.imbalance;
        [
            self.spread_ticks,
            self.mid_ticks,
            self.microprice_ticks,
            one,
            five,
            ten,
            twenty,
            self.pressure,
        ]
    }
}

impl TradeFeatures {
    #[inline]
    fn values(&self) -> [f64; 6] {
        [
            self.sign_mean,
            self.buys_per_s,
            self.sells_per_s,
            self.buy_lots_per_s,
            self.sell_lots_per_s,
            self.intensity_per_s,
        ]
    }
}
