//! A record while it is put together, in the writer's own memory.

use super::layout::{Shape, field, flag};

/// How trustworthy a book is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The book is joined, free of gaps and not crossed.
    pub is_valid: bool,
    /// Venue time of the newest frame, UTC ns.
    pub event_ns: i64,
    /// When the newest depth frame came, UTC ns.
    pub depth_received_ns: i64,
    /// When the newest trade came, UTC ns.
    pub trade_received_ns: i64,
    /// When this is published, UTC ns.
    pub published_ns: i64,
    /// The venue's sequence of the book.
    pub last_update_id: i64,
}

/// The newest trade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastTrade {
    /// The venue's id.
    pub id: i64,
    /// Its price.
    pub price_ticks: i64,
    /// Its size.
    pub size_lots: i64,
    /// Its time at the venue, UTC ns.
    pub trade_ns: i64,
    /// The taker bought.
    pub taker_bought: bool,
}

/// What becomes an instrument's record. It begins as that of a book that is not valid and has no levels.
#[derive(Debug)]
pub struct BookDraft {
    words: Vec<u64>,
    shape: Shape,
}

impl BookDraft {
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            words: vec![0; shape.record_words()],
            shape,
        }
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    pub(super) fn clear(&mut self) {
        self.words.fill(0);
        self.words[self.shape.features_at()..].fill(f64::NAN.to_bits());
    }

    /// Levels a side that have room.
    pub fn depth(&self) -> usize {
        self.shape.depth()
    }

    /// True if there is room for a feature.
    pub fn has_features(&self) -> bool {
        self.shape.features_at() < self.words.len()
    }

    /// Says how trustworthy the book is.
    pub fn set_health(&mut self, health: &Health) {
        self.words[field::FLAGS] |= if health.is_valid { flag::VALID } else { 0 };
        self.put(field::EVENT_NS, health.event_ns);
        self.put(field::DEPTH_RECEIVED_NS, health.depth_received_ns);
        self.put(field::TRADE_RECEIVED_NS, health.trade_received_ns);
        self.put(field::PUBLISHED_NS, health.published_ns);
        self.put(field::LAST_UPDATE_ID, health.last_update_id);
    }

    /// Puts the last trade.
    pub fn set_trade(&mut self, trade: &LastTrade) {
        self.words[field::FLAGS] |= if trade.taker_bought {
            flag::TAKER_BOUGHT
        } else {
            0
        };
        self.put(field::TRADE_ID, trade.id);
        self.put(field::TRADE_PRICE_TICKS, trade.price_ticks);
        self.put(field::TRADE_SIZE_LOTS, trade.size_lots);
        self.put(field::TRADE_NS, trade.trade_ns);
    }

    /// Puts the bids as (ticks, lots), best first, as far as there is room.
    pub fn set_bids(&mut self, levels: impl Iterator<Item = (i64, i64)>) {
        let end = self.shape.asks_at();
        self.words[field::BIDS] = put_levels(&mut self.words[self.shape.bids_at()..end], levels);
    }

    /// Puts the asks as (ticks, lots), best first, as far as there is room.
    pub fn set_asks(&mut self, levels: impl Iterator<Item = (i64, i64)>) {
        let end = self.shape.features_at();
        self.words[field::ASKS] = put_levels(&mut self.words[self.shape.asks_at()..end], levels);
    }

    /// Puts the features, as far as there is room; those that are not given are NaN.
    pub fn set_features(&mut self, values: &[f64]) {
        let room = &mut self.words[self.shape.features_at()..];
        for (word, value) in room.iter_mut().zip(values) {
            *word = value.to_bits();
        }
    }

    fn put(&mut self, at: usize, value: i64) {
        self.words[at] = value as u64;
    }
}

/// Returns how many there was room for.
fn put_levels(room: &mut [u64], levels: impl Iterator<Item = (i64, i64)>) -> u64 {
    let mut count = 0;
    for (place, (price_ticks, size_lots)) in room.chunks_exact_mut(2).zip(levels) {
        place[0] = price_ticks as u64;
        place[1] = size_lots as u64;
        count += 1;
    }
    count
}
