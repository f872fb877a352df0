//! Decimal text of a shape that came before, read sixteen characters at a time.
//!
//! A venue writes all prices of an instrument with the same number of decimals, and so all sizes. A shape is
//! that number, and the number of digits before the point: with both known, one comparison tells whether
//! sixteen characters are such a number, and the digits are where a few multiplications want them. Digits
//! beyond the grid's decimals must be zeros. What has another shape is not wrong: it is read digit by digit.

use crate::digits::{WORD_DIGITS, eight_digits, leading_digits};
use crate::units::Step;

/// The text that a shape covers.
const TEXT_BYTES: usize = 16;
/// Numbers of digits before the point.
const WHOLE_LENGTHS: usize = WORD_DIGITS + 1;
/// Texts of another shape between two looks at what is usual now.
const MISSES_BEFORE_LEARNING: u8 = 64;

const HIGH_BITS: u128 = repeat(0x80);

const fn repeat(byte: u8) -> u128 {
    u128::from_le_bytes([byte; TEXT_BYTES])
}

/// The lowest bytes, all ones.
fn low_bytes(count: usize) -> u128 {
    u128::MAX.unbounded_shr((TEXT_BYTES - count.min(TEXT_BYTES)) as u32 * u8::BITS)
}

/// Less than a whole chunk, at the end of a frame.
#[cold]
fn last_chunk(text: &[u8]) -> u128 {
    let mut chunk = [0; TEXT_BYTES];
    for (byte, last) in chunk.iter_mut().zip(text) {
        *byte = *last;
    }
    u128::from_le_bytes(chunk)
}

/// The numbers of one instrument's prices or sizes.
#[derive(Debug, Clone)]
pub(super) struct Shapes {
    step: Step,
    /// By the number of digits before the point.
    by_whole: [Shape; WHOLE_LENGTHS],
    latest: Shape,
    /// Digits behind the point, None for no point at all.
    decimals: Option<usize>,
    misses: u8,
}

impl Shapes {
    /// No shape is known yet.
    pub(super) fn new(step: Step) -> Self {
        Self {
            step,
            by_whole: [Shape::NONE; WHOLE_LENGTHS],
            latest: Shape::NONE,
            decimals: None,
            misses: 0,
        }
    }

    /// The count of steps of the number at the beginning of a text and the number's length, if a quote follows
    /// it, its shape is known and it lies on the grid.
    #[inline]
    pub(super) fn read(&mut self, text: &[u8]) -> Option<(i64, usize)> {
        let chunk = match text.first_chunk::<TEXT_BYTES>() {
            Some(chunk) => u128::from_le_bytes(*chunk),
            None => last_chunk(text),
        };
        // To guess the shape lets the processor go on to the text behind the number at once.
        let (units, length) = match self.latest.read(chunk) {
            Some(units) => (units, self.latest.length),
            None => self.read_as_another(chunk)?,
        };
        Some((self.step.count_units(units)?, length))
    }

    #[inline]
    fn read_as_another(&mut self, chunk: u128) -> Option<(u64, usize)> {
        let shape = self.by_whole.get(leading_digits(chunk as u64))?;
        let units = shape.read(chunk)?;
        self.latest = *shape;
        Some((units, shape.length))
    }

    /// Learns the shape of a plain decimal that was read digit by digit, unless it is but an exception.
    pub(super) fn learn(&mut self, text: &[u8]) {
        let point = text.iter().position(|byte| *byte == b'.');
        let decimals = point.map(|point| text.len() - point - 1);
        let is_known = self.by_whole[1].length != 0 && decimals == self.decimals;
        if is_known || self.misses > 0 {
            self.misses = (self.misses + 1) % MISSES_BEFORE_LEARNING;
            return;
        }
        self.misses = 1;
        self.decimals = decimals;
        for (whole, shape) in self.by_whole.iter_mut().enumerate() {
            *shape = Shape::new(whole, decimals, self.step.decimals()).unwrap_or(Shape::NONE);
        }
    }
}

/// Where the digits are in a text, and what else must stand there.
#[derive(Debug, Clone, Copy)]
struct Shape {
    /// The bytes of the number and of the quote behind it, and what each must be; digits may be more.
    mask: u128,
    expected: u128,
    /// What lifts a byte that exceeds the expected one by more than it may to the highest bit.
    slack: u128,
    /// The digits before the point, and those behind it once these have closed up.
    whole_mask: u128,
    fraction_mask: u128,
    /// How far the digits are from the top of 64 bits, or of 128 if there are more than eight.
    shift: u32,
    is_long: bool,
    length: usize,
}

impl Shape {
    /// No text has it.
    const NONE: Self = Self {
        mask: 0,
        expected: 0,
        slack: HIGH_BITS,
        whole_mask: 0,
        fraction_mask: 0,
        shift: 0,
        is_long: false,
        length: 0,
    };

    /// The shape of `whole` digits, a point and `decimals` digits, of which only the first `grid_decimals`
    /// may be other than zeros. None where that is no number, is too long, or has fewer decimals than the grid.
    fn new(whole: usize, decimals: Option<usize>, grid_decimals: usize) -> Option<Self> {
        let length = whole + decimals.map_or(0, |decimals| decimals + 1);
        let digits = whole + grid_decimals;
        if whole == 0
            || decimals == Some(0)
            || length >= TEXT_BYTES
            || grid_decimals > decimals.unwrap_or(0)
        {
            return None;
        }
        let (whole_mask, mask) = (low_bytes(whole), low_bytes(length + 1));
        let fraction_mask = low_bytes(digits) & !whole_mask;
        let is_digit = whole_mask | fraction_mask << u8::BITS;
        let is_quote = mask & !low_bytes(length);
        let is_point = low_bytes(whole + 1) & !whole_mask & !is_quote;
        let is_zero = !(is_point | is_quote);
        let is_long = digits > WORD_DIGITS;
        Some(Self {
            mask,
            expected: (repeat(b'0') & is_zero | repeat(b'.') & is_point | repeat(b'"') & is_quote)
                & mask,
            slack: (repeat(0x76) & is_digit | repeat(0x7f) & !is_digit) & mask,
            whole_mask,
            fraction_mask,
            shift: (if is_long { TEXT_BYTES } else { WORD_DIGITS } - digits) as u32 * u8::BITS,
            is_long,
            length,
        })
    }

    /// The number in units of the grid's last decimal.
    #[inline]
    fn read(&self, text: u128) -> Option<u64> {
        let excess = (text ^ self.expected) & self.mask;
        if (excess | excess.wrapping_add(self.slack)) & HIGH_BITS != 0 {
            return None;
        }
        let digits = excess & self.whole_mask | excess >> u8::BITS & self.fraction_mask;
        if !self.is_long {
            return Some(eight_digits((digits as u64) << self.shift));
        }
        let digits = digits << self.shift;
        Some(eight_digits(digits as u64) * 100_000_000 + eight_digits((digits >> 64) as u64))
    }
}
