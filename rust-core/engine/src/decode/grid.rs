//! The instrument's grid of prices and sizes, and what to do with a size that is finer than it.
//!
//! A price off the grid is an error. A size may be: an order that is older than the instrument's present
//! size step keeps its finer size, which shows in its level and in its trades (spot BTCUSDT has such orders
//! at far round prices). Such sizes are rounded down to whole lots, but never to nothing, and counted. If they
//! are common, the step is not the instrument's, and that is an error.

use super::json::{Raw, quoted};
use super::shape::Shapes;
use super::{DecodeError, Level};
use crate::units::{PriceTicks, SizeLots, Step};

/// Finer sizes that any stream may have.
const TOLERATED_FINER_SIZES: u64 = 16;
/// One size in so many may be finer in a long stream.
const TOLERATED_FINER_SHARE: u64 = 8;

/// Exact conversion of a frame's decimal text to ticks and lots.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    price_tick: Step,
    size_step: Step,
    price_shapes: Shapes,
    size_shapes: Shapes,
    counts: SizeCounts,
}

/// Sizes read so far, and those of them that were rounded down.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SizeCounts {
    sizes: u64,
    finer_sizes: u64,
}

impl Grid {
    pub(super) fn new(price_tick: Step, size_step: Step) -> Self {
        Self {
            price_tick,
            size_step,
            price_shapes: Shapes::new(price_tick),
            size_shapes: Shapes::new(size_step),
            counts: SizeCounts::default(),
        }
    }

    /// Sizes rounded down so far.
    pub(super) fn finer_sizes(&self) -> u64 {
        self.counts.finer_sizes
    }

    pub(super) fn counts(&self) -> SizeCounts {
        self.counts
    }

    /// Takes back what was counted since: it was another instrument's.
    pub(super) fn set_counts(&mut self, counts: SizeCounts) {
        self.counts = counts;
    }

    /// A positive price.
    #[inline]
    pub(super) fn price(&self, text: &[u8], offset: usize) -> Result<PriceTicks, DecodeError> {
        match self.price_or_zero(text, offset)? {
            PriceTicks(0) => Err(error("price", text, &"is zero", offset)),
            price => Ok(price),
        }
    }

    #[inline]
    pub(super) fn price_or_zero(
        &self,
        text: &[u8],
        offset: usize,
    ) -> Result<PriceTicks, DecodeError> {
        self.price_tick
            .count(text)
            .map(PriceTicks)
            .map_err(|reason| error("price", text, &reason, offset))
    }

    /// A size in lots, zero allowed.
    #[inline]
    pub(super) fn size(&mut self, text: &[u8], offset: usize) -> Result<SizeLots, DecodeError> {
        let (lots, is_whole) = self
            .size_step
            .floor(text)
            .map_err(|reason| error("size", text, &reason, offset))?;
        self.counts.sizes += 1;
        if is_whole {
            return Ok(SizeLots(lots));
        }
        self.finer_size(lots, text, offset)
    }

    /// The price and the size of a trade, strings or numbers, neither of them zero.
    pub(super) fn traded(
        &mut self,
        price: Raw<'_>,
        size: Raw<'_>,
    ) -> Result<(PriceTicks, SizeLots), DecodeError> {
        let ticks = self.price(price.unquoted(), price.offset)?;
        let lots = self.size(size.unquoted(), size.offset)?;
        if lots.is_zero() {
            return Err(size.error("size", "is zero"));
        }
        Ok((ticks, lots))
    }

    #[cold]
    fn finer_size(
        &mut self,
        lots: i64,
        text: &[u8],
        offset: usize,
    ) -> Result<SizeLots, DecodeError> {
        self.counts.finer_sizes += 1;
        let SizeCounts { sizes, finer_sizes } = self.counts;
        if finer_sizes > TOLERATED_FINER_SIZES + sizes / TOLERATED_FINER_SHARE {
            let step = self.size_step;
            let what = format!(
                "size {} and {finer_sizes} of {sizes} sizes so far are finer than the size step {step}: \
                 take the instrument's own step",
                quoted(text)
            );
            return Err(DecodeError::new(what, offset));
        }
        Ok(SizeLots(lots.max(1)))
    }

    /// Takes levels `["price","size"]`, with commas between them, as long as they are written as usual: digits
    /// of a known shape on the grid, and no blanks. Appends them to `levels` until there are `most`; returns how
    /// long their text is. The one fast path: nearly every level is so written.
    pub(super) fn plain_levels(
        &mut self,
        text: &[u8],
        levels: &mut Vec<Level>,
        most: usize,
    ) -> usize {
        let (mut begin, mut end) = (0, 0);
        let known = levels.len();
        while levels.len() < most
            && let Some((level, length)) = text.get(begin..).and_then(|text| self.plain_level(text))
        {
            levels.push(level);
            end = begin + length;
            if text.get(end) != Some(&b',') {
                break;
            }
            begin = end + 1;
        }
        self.counts.sizes += (levels.len() - known) as u64;
        end
    }

    #[inline]
    fn plain_level(&mut self, text: &[u8]) -> Option<(Level, usize)> {
        let text = text.strip_prefix(b"[\"")?;
        let (price, price_length) = self.price_shapes.read(text)?;
        let rest = text.get(price_length + 1..)?.strip_prefix(b",\"")?;
        let (lots, lots_length) = self.size_shapes.read(rest)?;
        if price == 0 || rest.get(lots_length + 1) != Some(&b']') {
            return None;
        }
        let level = Level {
            price: PriceTicks(price),
            size: SizeLots(lots),
        };
        Some((level, price_length + lots_length + OTHER_BYTES))
    }

    /// Learns how the venue writes from a level that was not written as usual so far.
    pub(super) fn learn(&mut self, price: &[u8], size: &[u8]) {
        self.price_shapes.learn(price);
        self.size_shapes.learn(size);
    }
}

/// Bytes of `["price","size"]` that are not digits.
const OTHER_BYTES: usize = 7;

#[cold]
fn error(what: &str, text: &[u8], reason: &dyn std::fmt::Display, offset: usize) -> DecodeError {
    DecodeError::new(format!("{what} {} {reason}", quoted(text)), offset)
}
