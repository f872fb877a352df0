//! A level's decimal text as the venue wrote it: checksums are of the text, not of the numbers.

use std::fmt;

use super::grid::Grid;
use super::json::{MAX_LEVELS, Raw, Scanner, require};
use super::{DecodeError, Level};

/// The longest text of a price or a size that is kept.
pub const MAX_TEXT_BYTES: usize = 24;

/// The text of a level's price and size.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LevelText {
    bytes: [u8; 2 * MAX_TEXT_BYTES],
    price_length: u8,
    size_length: u8,
}

impl LevelText {
    /// Keeps the texts.
    ///
    /// # Errors
    /// One is longer than [`MAX_TEXT_BYTES`]; `offset` is where it stands in the frame.
    pub fn new(price: &[u8], size: &[u8], offset: usize) -> Result<Self, DecodeError> {
        if price.len() > MAX_TEXT_BYTES || size.len() > MAX_TEXT_BYTES {
            let what = format!("a price or a size has more than {MAX_TEXT_BYTES} characters");
            return Err(DecodeError::new(what, offset));
        }
        let mut bytes = [0; 2 * MAX_TEXT_BYTES];
        bytes[..price.len()].copy_from_slice(price);
        bytes[MAX_TEXT_BYTES..][..size.len()].copy_from_slice(size);
        Ok(Self {
            bytes,
            price_length: price.len() as u8,
            size_length: size.len() as u8,
        })
    }

    /// The price, as the venue wrote it.
    pub fn price(&self) -> &[u8] {
        &self.bytes[..usize::from(self.price_length)]
    }

    /// The size, as the venue wrote it.
    pub fn size(&self) -> &[u8] {
        &self.bytes[MAX_TEXT_BYTES..][..usize::from(self.size_length)]
    }
}

impl fmt::Debug for LevelText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        write!(formatter, "{} x {}", text(self.price()), text(self.size()))
    }
}

/// One side of an update, whose levels keep their texts.
pub(super) struct TextSide<'a> {
    pub(super) grid: &'a mut Grid,
    pub(super) levels: &'a mut Vec<Level>,
    pub(super) texts: &'a mut Vec<LevelText>,
}

impl TextSide<'_> {
    /// Takes a level whose price and size stand in the frame as strings or as numbers.
    pub(super) fn push(&mut self, price: Raw<'_>, size: Raw<'_>) -> Result<(), DecodeError> {
        if self.levels.len() == MAX_LEVELS {
            let what = format!("a side has more than {MAX_LEVELS} levels");
            return Err(DecodeError::new(what, price.offset));
        }
        let (price_text, size_text) = (price.unquoted(), size.unquoted());
        let level = Level {
            price: self.grid.price(price_text, price.offset)?,
            size: self.grid.size(size_text, size.offset)?,
        };
        let text = LevelText::new(price_text, size_text, price.offset)?;
        self.levels.push(level);
        self.texts.push(text);
        Ok(())
    }

    /// Takes `[["price","size",…],…]`; what follows the two is skipped.
    pub(super) fn push_pairs(&mut self, array: Raw<'_>) -> Result<(), DecodeError> {
        Scanner::of(array).array(|scanner| {
            let [price, size] = scanner.elements()?;
            self.push(
                require(price, "a level's price")?,
                require(size, "a level's size")?,
            )
        })
    }

    /// Takes `[{"price":…,"qty":…},…]`.
    pub(super) fn push_objects(&mut self, array: Raw<'_>) -> Result<(), DecodeError> {
        Scanner::of(array).array(|scanner| {
            let [price, size] = scanner.members(["price", "qty"])?;
            self.push(require(price, "`price`")?, require(size, "`qty`")?)
        })
    }
}
