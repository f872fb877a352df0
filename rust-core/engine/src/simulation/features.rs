//! The live feed's features, out of the rows that the trader sees.
//!
//! Live, features follow the depth channel, an update at a time, and the trades. So does this: rows of levels with
//! the same times are one update, a cleared side makes it a whole book, and the touches of a ticker are left out
//! (the live feed's book does not hear of them either). Of a history by order an update is what an event changed
//! at its price. Rows do not say that trades are missing.

use super::SimulationError;
use super::book::Book;
use super::stream::{Event, EventKind};
use crate::book::l2::L2Book;
use crate::decode::Level;
use crate::features::vector::FEATURE_COUNT;
use crate::features::{FeatureEngine, FeatureSettings};
use crate::units::{PriceTicks, Side, SizeLots, TimestampNs};

#[derive(Debug, Clone)]
pub(super) struct RowFeatures {
    engine: FeatureEngine,
    /// The book of the levels alone.
    book: L2Book,
    update: Update,
    /// The newest event's time: those of one stream do not go back.
    now_ns: i64,
}

/// An update whose rows are still coming in.
#[derive(Debug, Clone, Default)]
struct Update {
    at: Option<(i64, i64)>,
    bids: Vec<Level>,
    asks: Vec<Level>,
    is_whole: bool,
}

impl RowFeatures {
    pub(super) fn new(window_ticks: usize) -> Result<Self, SimulationError> {
        Ok(Self {
            engine: FeatureEngine::new(&FeatureSettings::default())?,
            book: L2Book::new(window_ticks),
            update: Update::default(),
            now_ns: 0,
        })
    }

    /// Before an event changes the trader's book: ends the update that it is not part of. Returns the price that
    /// an order leaves.
    pub(super) fn before(&mut self, event: &Event, book: &Book) -> Option<PriceTicks> {
        if self.update.at != Some((event.exchange_ns, event.local_ns)) {
            self.end_update();
        }
        self.now_ns = event.exchange_ns;
        match event.kind {
            EventKind::Cancel | EventKind::Modify => book.price_of(event.order_id),
            _ => None,
        }
    }

    /// After it.
    pub(super) fn after(&mut self, event: &Event, left: Option<PriceTicks>, book: &Book) {
        match event.kind {
            EventKind::Trade => {
                self.end_update();
                let at = TimestampNs(event.exchange_ns);
                self.engine.on_trade(SizeLots(event.size), event.side, at);
            }
            EventKind::Level => self.set(event, PriceTicks(event.price), SizeLots(event.size)),
            EventKind::Clear => self.clear(event, book),
            EventKind::Add | EventKind::Cancel | EventKind::Modify => {
                let new = PriceTicks(event.price);
                let old = left.filter(|old| *old != new);
                for price in old.into_iter().chain([new]) {
                    self.set(event, price, book.size_at(event.side, price));
                }
            }
            // What is left of a filled order is told by the row after it.
            EventKind::Fill | EventKind::Touch | EventKind::OnlyLevel => {}
        }
    }

    /// All features as of the newest event, NaN for what is not known.
    pub(super) fn vector(&mut self) -> [f64; FEATURE_COUNT] {
        self.end_update();
        self.engine.vector(TimestampNs(self.now_ns))
    }

    fn set(&mut self, event: &Event, price: PriceTicks, size: SizeLots) {
        let level = Level { price, size };
        self.book.set(event.side, level);
        self.update.at = Some((event.exchange_ns, event.local_ns));
        match event.side {
            Side::Buy => self.update.bids.push(level),
            Side::Sell => self.update.asks.push(level),
        }
    }

    /// Levels of the side that the trader's book has no longer are gone.
    fn clear(&mut self, event: &Event, book: &Book) {
        let size = SizeLots::ZERO;
        while let Some(best) = self.book.best(event.side) {
            if event.price > 0 && !book.size_at(event.side, best.price).is_zero() {
                break;
            }
            let price = best.price;
            self.book.set(event.side, Level { price, size });
        }
        self.update.at = Some((event.exchange_ns, event.local_ns));
        self.update.is_whole = true;
    }

    fn end_update(&mut self) {
        let Some((exchange_ns, _)) = self.update.at.take() else {
            return;
        };
        let now = TimestampNs(exchange_ns);
        let Update { bids, asks, .. } = &self.update;
        match self.update.is_whole {
            // A book that waits for its snapshot.
            true if self.book.is_empty() => self.engine.on_book_lost(),
            true => self.engine.on_book(&self.book, now),
            false => self.engine.on_update(&self.book, bids, asks, now),
        }
        self.update.bids.clear();
        self.update.asks.clear();
        self.update.is_whole = false;
    }
}
