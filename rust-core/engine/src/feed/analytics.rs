//! What is made of a book and a tape beyond what they hold: features, and the anomaly panel's alarms.

use std::collections::VecDeque;

use super::MAX_WAITING_ALERTS;
use super::settings::{FeedSettings, SettingsError};
use crate::anomaly::episode::Announcement;
use crate::anomaly::observation::TradeSeen;
use crate::anomaly::panel::{MarketPanel, PanelParameters};
use crate::book::l2::L2Book;
use crate::decode::binance::Product;
use crate::decode::venue::Venue;
use crate::decode::{DepthUpdate, Trade};
use crate::features::FeatureEngine;
use crate::units::TimestampNs;

/// Features and panel of one market, told of everything in the order in which it happens.
#[derive(Debug, Clone)]
pub(super) struct Analytics {
    pub(super) features: FeatureEngine,
    pub(super) panel: MarketPanel,
    pub(super) alerts: VecDeque<Announcement>,
}

impl Analytics {
    pub(super) fn new(settings: &FeedSettings) -> Result<Self, SettingsError> {
        Ok(Self {
            features: FeatureEngine::new(&settings.features)?,
            panel: MarketPanel::new(&PanelParameters {
                return_window: settings.anomaly_window,
                return_threshold: settings.anomaly_threshold,
                counts_messages: settings.venue == Venue::Binance(Product::Spot),
                ..PanelParameters::default()
            })?,
            alerts: VecDeque::new(),
        })
    }

    pub(super) fn before_update(&mut self, book: &L2Book, update: &DepthUpdate) {
        let told = self.panel.before_update(book, update);
        self.tell(told);
    }

    /// An update was applied to a book that is shown.
    pub(super) fn after_update(&mut self, book: &L2Book, update: &DepthUpdate, now: TimestampNs) {
        if update.is_whole {
            self.features.on_book(book, now);
        } else {
            let (bids, asks) = (&update.bids, &update.asks);
            self.features.on_update(book, bids, asks, now);
        }
        if let Some(top) = self.features.top() {
            let told = self.panel.after_update(top, update.event_ns);
            self.tell(told);
        }
    }

    pub(super) fn on_trade(&mut self, trade: &Trade, at_ns: TimestampNs) {
        self.features.on_trade(trade.size, trade.taker, at_ns);
        let told = self.panel.on_trade(&TradeSeen {
            at_ns,
            price: trade.price,
            size: trade.size,
            taker: trade.taker,
        });
        self.tell(told);
    }

    pub(super) fn on_book_lost(&mut self) {
        // An update that waits for a snapshot loses nothing more.
        if self.features.top().is_some() {
            self.features.on_book_lost();
            self.panel.on_book_lost();
        }
    }

    pub(super) fn on_trades_lost(&mut self) {
        self.features.on_trades_lost();
        self.panel.on_trades_lost();
    }

    /// Lets an alarm wait to be taken.
    fn tell(&mut self, told: Option<Announcement>) {
        if let Some(told) = told {
            if self.alerts.len() == MAX_WAITING_ALERTS {
                self.alerts.pop_front();
            }
            self.alerts.push_back(told);
        }
    }
}
