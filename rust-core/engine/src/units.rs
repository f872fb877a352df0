//! The units of the engine: money and time are integers, and decimal text at the edges is exact.

use std::fmt;

/// Nanoseconds in a millisecond, the unit of Binance's timestamps.
pub const NS_PER_MS: i64 = 1_000_000;
/// Nanoseconds in a second.
pub const NS_PER_S: i64 = 1_000_000_000;

/// Most decimals a [`Step`] may have: 10^18 still fits a `u64`.
const MAX_STEP_DECIMALS: usize = 18;
/// The largest count of steps. The sum of a hundred fits an `i64`; beyond 2^53 a feature of it is rounded. Less
/// would not do: a level of 112,716,000 XRP with eight decimals was seen.
pub const MAX_COUNT: i64 = 1 << 56;

/// A price as a count of the instrument's smallest price difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PriceTicks(pub i64);

/// A size as a count of the instrument's smallest size difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SizeLots(pub i64);

/// A moment: nanoseconds since the epoch, UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimestampNs(pub i64);

/// The side of an order or of a book: buyers bid, sellers ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Bids.
    Buy,
    /// Asks.
    Sell,
}

impl PriceTicks {
    /// The price `ticks` higher, or None on overflow.
    pub fn checked_add(self, ticks: i64) -> Option<Self> {
        self.0.checked_add(ticks).map(Self)
    }

    /// Value of `size` at this price in tick·lots; an `i128` holds every product.
    pub fn notional(self, size: SizeLots) -> i128 {
        i128::from(self.0) * i128::from(size.0)
    }
}

impl SizeLots {
    /// No size; as an update of a level it means that the level is gone.
    pub const ZERO: Self = Self(0);

    /// The sum, or None on overflow.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or None if it would be negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0
            .checked_sub(other.0)
            .filter(|lots| *lots >= 0)
            .map(Self)
    }

    /// True for no size.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl TimestampNs {
    /// The moment `ms` milliseconds after the epoch, or None on overflow.
    pub fn from_millis(ms: i64) -> Option<Self> {
        ms.checked_mul(NS_PER_MS).map(Self)
    }
}

impl Side {
    /// The other side.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// `buy` or `sell`, as the domain writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

/// Why decimal text is not a whole, non-negative count of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// No text at all.
    #[error("is empty")]
    Empty,
    /// Anything but digits with at most one point between them: a sign, an exponent, NaN, a blank.
    #[error("is not plain decimal text")]
    NotDecimal,
    /// A minus sign.
    #[error("is negative")]
    Negative,
    /// Between two steps.
    #[error("lies between two steps of the grid")]
    OffGrid,
    /// More than [`MAX_COUNT`] steps.
    #[error("is out of range")]
    OutOfRange,
    /// A step of zero.
    #[error("must be positive")]
    ZeroStep,
}

/// A grid: the smallest difference of prices or sizes, kept exactly as `mantissa` · 10^-`decimals`.
///
/// ```
/// use openoutcry_engine::units::Step;
/// let tick = Step::parse("0.05").expect("a decimal");
/// assert_eq!(tick.count(b"61737.6500"), Ok(1_234_753));
/// assert_eq!(tick.text(1_234_753), "61737.65");
/// assert!(tick.count(b"61737.66").is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    mantissa: u64,
    decimals: usize,
}

impl Step {
    /// Reads a step such as `0.01`, `0.5` or `1`.
    ///
    /// # Errors
    /// The text is no plain decimal, is zero, or needs more than 18 decimals.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let fraction = text
            .split_once('.')
            .map_or("", |(_, fraction)| fraction)
            .trim_end_matches('0');
        let decimals = fraction.len();
        if decimals > MAX_STEP_DECIMALS {
            return Err(DecimalError::OutOfRange);
        }
        match (Self {
            mantissa: 1,
            decimals,
        })
        .count(text.as_bytes())?
        {
            0 => Err(DecimalError::ZeroStep),
            mantissa => Ok(Self {
                mantissa: mantissa as u64,
                decimals,
            }),
        }
    }

    /// Counts the steps in plain decimal text, exactly. Decimals beyond the grid's must be zeros.
    ///
    /// # Errors
    /// See [`DecimalError`].
    #[inline]
    pub fn count(self, text: &[u8]) -> Result<i64, DecimalError> {
        match self.floor(text)? {
            (count, true) => Ok(count),
            (_, false) => Err(DecimalError::OffGrid),
        }
    }

    /// Counts the whole steps in plain decimal text, and says whether nothing is left over.
    ///
    /// # Errors
    /// See [`DecimalError`]; never `OffGrid`.
    #[inline]
    pub fn floor(self, text: &[u8]) -> Result<(i64, bool), DecimalError> {
        let scanned = scan_decimal(text, self.decimals)?;
        if scanned.length != text.len() {
            return Err(DecimalError::NotDecimal);
        }
        let mut scaled = scanned.value;
        for _ in scanned.decimals..self.decimals {
            scaled = scaled.checked_mul(10).ok_or(DecimalError::OutOfRange)?;
        }
        let (count, rest) = self.divide(scaled);
        if count > MAX_COUNT as u64 {
            return Err(DecimalError::OutOfRange);
        }
        Ok((count as i64, rest == 0 && !scanned.has_surplus))
    }

    /// Digits behind the point that a count of steps has.
    #[inline]
    pub(crate) fn decimals(self) -> usize {
        self.decimals
    }

    /// Counts the steps in a number of units of the last decimal; None between two steps and out of range.
    #[inline]
    pub(crate) fn count_units(self, units: u64) -> Option<i64> {
        let (count, rest) = self.divide(units);
        (rest == 0 && count <= MAX_COUNT as u64).then_some(count as i64)
    }

    #[inline]
    fn divide(self, units: u64) -> (u64, u64) {
        if self.mantissa == 1 {
            return (units, 0);
        }
        (units / self.mantissa, units % self.mantissa)
    }

    /// Writes a count of steps as plain decimal text with the grid's decimals.
    pub fn text(self, count: i64) -> String {
        let units = i128::from(count) * i128::from(self.mantissa);
        if self.decimals == 0 {
            return units.to_string();
        }
        let scale = 10_u128.pow(self.decimals as u32);
        let sign = if units < 0 { "-" } else { "" };
        let (whole, fraction) = (units.unsigned_abs() / scale, units.unsigned_abs() % scale);
        format!("{sign}{whole}.{fraction:0width$}", width = self.decimals)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text(1))
    }
}

/// A plain decimal at the beginning of a text.
struct Scanned {
    /// Its digits, those behind the point up to the grid's decimals only.
    value: u64,
    /// How many of them are behind the point.
    decimals: usize,
    /// A digit left out is not zero.
    has_surplus: bool,
    /// How long it is in the text.
    length: usize,
}

#[inline]
fn scan_decimal(text: &[u8], max_decimals: usize) -> Result<Scanned, DecimalError> {
    let mut value = 0;
    let mut length = 0;
    while let Some(digit) = digit(text, length) {
        value = push_digit(value, digit)?;
        length += 1;
    }
    if length == 0 {
        return Err(match text.first() {
            None => DecimalError::Empty,
            Some(b'-') => DecimalError::Negative,
            Some(_) => DecimalError::NotDecimal,
        });
    }
    let (mut decimals, mut has_surplus) = (0, false);
    if text.get(length) == Some(&b'.') {
        length += 1;
        let begin = length;
        while let Some(digit) = digit(text, length) {
            if decimals < max_decimals {
                value = push_digit(value, digit)?;
                decimals += 1;
            } else {
                has_surplus |= digit != 0;
            }
            length += 1;
        }
        if length == begin {
            return Err(DecimalError::NotDecimal);
        }
    }
    Ok(Scanned {
        value,
        decimals,
        has_surplus,
        length,
    })
}

#[inline]
fn digit(text: &[u8], at: usize) -> Option<u8> {
    let digit = text.get(at)?.wrapping_sub(b'0');
    (digit < 10).then_some(digit)
}

#[inline]
fn push_digit(value: u64, digit: u8) -> Result<u64, DecimalError> {
    /// The next digit would not fit beyond it.
    const MAX_VALUE: u64 = u64::MAX / 10 - 1;
    if value > MAX_VALUE {
        return Err(DecimalError::OutOfRange);
    }
    Ok(value * 10 + u64::from(digit))
}
