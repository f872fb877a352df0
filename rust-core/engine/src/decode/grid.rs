//! The instrument's grid of prices and sizes, and what to do with a size that is finer than it.
//!
//! A price off the grid is an error. A size may be: an order that is older than the instrument's present
//! size step keeps its finer size, which shows in its level and in its trades (spot BTCUSDT has such orders
//! at far round prices). Such sizes are rounded down to whole lots, but never to nothing, and counted. If they
//! are common, the step is not the instrument's, and that is an error.

use super::json::{Raw, quoted};
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
    sizes: u64,
    finer_sizes: u64,
}

impl Grid {
    pub(super) fn new(price_tick: Step, size_step: Step) -> Self {
        Self {
            price_tick,
            size_step,
            sizes: 0,
            finer_sizes: 0,
        }
    }

    /// Sizes rounded down so far.
    pub(super) fn finer_sizes(&self) -> u64 {
        self.finer_sizes
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
        self.sizes += 1;
        if is_whole {
            return Ok(SizeLots(lots));
        }
        self.finer_size(lots, text, offset)
    }

    /// The price and the size of a trade, neither of them zero.
    pub(super) fn traded(
        &mut self,
        price: Raw<'_>,
        size: Raw<'_>,
    ) -> Result<(PriceTicks, SizeLots), DecodeError> {
        let ticks = self.price(price.string("price")?, price.offset)?;
        let lots = self.size(size.string("size")?, size.offset)?;
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
        self.finer_sizes += 1;
        if self.finer_sizes > TOLERATED_FINER_SIZES + self.sizes / TOLERATED_FINER_SHARE {
            let (finer, sizes, step) = (self.finer_sizes, self.sizes, self.size_step);
            let what = format!(
                "size {} and {finer} of {sizes} sizes so far are finer than the size step {step}: \
                 take the instrument's own step",
                quoted(text)
            );
            return Err(DecodeError::new(what, offset));
        }
        Ok(SizeLots(lots.max(1)))
    }

    /// A level whose text `"price","size"` begins at the scanner's place, with the length of that text; None if
    /// it is anything but plain digits on the grid. The one fast path: nearly every level is so written.
    #[inline]
    pub(super) fn plain_level(&mut self, text: &[u8]) -> Option<(Level, usize)> {
        let (price, is_on_grid, price_length) = self
            .price_tick
            .floor_prefix(text.strip_prefix(b"\"")?)
            .ok()?;
        let rest = text.get(price_length + 1..)?.strip_prefix(b"\",\"")?;
        let (lots, is_whole, lots_length) = self.size_step.floor_prefix(rest).ok()?;
        if !is_on_grid || !is_whole || price == 0 || rest.get(lots_length) != Some(&b'"') {
            return None;
        }
        self.sizes += 1;
        let level = Level {
            price: PriceTicks(price),
            size: SizeLots(lots),
        };
        Some((level, price_length + lots_length + QUOTES_AND_COMMA))
    }
}

/// Bytes of `"price","size"` that are not digits.
const QUOTES_AND_COMMA: usize = 5;

#[cold]
fn error(what: &str, text: &[u8], reason: &dyn std::fmt::Display, offset: usize) -> DecodeError {
    DecodeError::new(format!("{what} {} {reason}", quoted(text)), offset)
}
