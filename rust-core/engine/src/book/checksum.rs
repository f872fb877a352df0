//! The venue's checksum of its book: a CRC-32 over the decimal text of the best levels, as the venue wrote it.
//!
//! Sources: Kraken, "Calculate book checksum"; OKX, "Checksum" of the order book channel. Neither can be made
//! of numbers: `0.10` and `0.1` are one price and two texts. So the text of every level is kept here.

use std::collections::BTreeMap;

use crc32fast::Hasher;

use crate::decode::{DepthUpdate, Level, LevelText};
use crate::units::{PriceTicks, Side, SizeLots};

/// Levels a side in Kraken's checksum.
const KRAKEN_LEVELS: usize = 10;
/// Levels a side in OKX's checksum.
const OKX_LEVELS: usize = 25;

/// Which venue's checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksumRule {
    /// The best ten asks, then the best ten bids; price and size without the point and leading zeros. The
    /// venue does not delete what falls out of the subscribed depth: we have to.
    Kraken {
        /// Levels a side that were subscribed.
        depth: usize,
    },
    /// `price:size` of the best 25 bids and asks in turn, joined by colons.
    Okx,
}

/// The texts of a book's levels.
#[derive(Debug, Clone)]
pub(super) struct LevelTexts {
    rule: ChecksumRule,
    /// By price, ascending.
    bids: BTreeMap<i64, LevelText>,
    asks: BTreeMap<i64, LevelText>,
}

impl LevelTexts {
    pub(super) fn new(rule: ChecksumRule) -> Self {
        let (bids, asks) = (BTreeMap::new(), BTreeMap::new());
        Self { rule, bids, asks }
    }

    pub(super) fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// Takes an update's texts, and calls `dropped` for each level that now lies beyond the depth.
    pub(super) fn apply(&mut self, update: &DepthUpdate, mut dropped: impl FnMut(Side, Level)) {
        if update.is_whole {
            self.clear();
        }
        set_all(&mut self.bids, &update.bids, &update.bid_texts);
        set_all(&mut self.asks, &update.asks, &update.ask_texts);
        let ChecksumRule::Kraken { depth } = self.rule else {
            return;
        };
        while self.bids.len() > depth
            && let Some((price, _)) = self.bids.pop_first()
        {
            dropped(Side::Buy, gone(price));
        }
        while self.asks.len() > depth
            && let Some((price, _)) = self.asks.pop_last()
        {
            dropped(Side::Sell, gone(price));
        }
    }

    /// The checksum of what stands.
    pub(super) fn checksum(&self) -> u32 {
        let mut hasher = Hasher::new();
        let (bids, asks) = (self.bids.values().rev(), self.asks.values());
        match self.rule {
            ChecksumRule::Kraken { .. } => {
                for text in asks.take(KRAKEN_LEVELS).chain(bids.take(KRAKEN_LEVELS)) {
                    hash_digits(&mut hasher, text.price());
                    hash_digits(&mut hasher, text.size());
                }
            }
            ChecksumRule::Okx => hash_in_turn(&mut hasher, bids, asks),
        }
        hasher.finalize()
    }
}

fn set_all(side: &mut BTreeMap<i64, LevelText>, levels: &[Level], texts: &[LevelText]) {
    for (level, text) in levels.iter().zip(texts) {
        if level.size.is_zero() {
            side.remove(&level.price.0);
        } else {
            side.insert(level.price.0, *text);
        }
    }
}

fn gone(price: i64) -> Level {
    Level {
        price: PriceTicks(price),
        size: SizeLots::ZERO,
    }
}

/// The digits without the point and without leading zeros.
fn hash_digits(hasher: &mut Hasher, text: &[u8]) {
    let is_leading = |byte: &u8| matches!(byte, b'0' | b'.');
    let begin = text
        .iter()
        .position(|byte| !is_leading(byte))
        .unwrap_or(text.len());
    for part in text[begin..].split(|byte| *byte == b'.') {
        hasher.update(part);
    }
}

fn hash_in_turn<'a>(
    hasher: &mut Hasher,
    bids: impl Iterator<Item = &'a LevelText>,
    asks: impl Iterator<Item = &'a LevelText>,
) {
    let (mut bids, mut asks) = (bids.take(OKX_LEVELS), asks.take(OKX_LEVELS));
    let mut is_first = true;
    loop {
        let pair = [bids.next(), asks.next()];
        if pair == [None, None] {
            return;
        }
        for text in pair.into_iter().flatten() {
            if !std::mem::take(&mut is_first) {
                hasher.update(b":");
            }
            hasher.update(text.price());
            hasher.update(b":");
            hasher.update(text.size());
        }
    }
}
