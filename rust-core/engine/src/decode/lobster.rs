//! LOBSTER's message files: one CSV line `time,kind,order id,size,price,direction` an event.
//!
//! Times are decimal seconds since midnight and become whole nanoseconds; prices are whole 1/10,000 dollars. A
//! message names the side and the price of its order, so it says more than its id. Source: LOBSTER's own
//! description of its output, and its later kind 6 for auctions.

use super::DecodeError;
use super::json::quoted;
use super::order::{OrderId, UnitsPerTick};
use crate::units::{NS_PER_S, PriceTicks, Side, SizeLots};

const MAX_SECONDS: i64 = 86_400;
/// Any number of so many digits fits an `i64`.
const MAX_DIGITS: usize = 18;
const NS_DIGITS: usize = 9;

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 1: a new order.
    Add,
    /// 2: part of an order is withdrawn.
    Reduce,
    /// 3: an order is withdrawn; the size is what was left of it.
    Delete,
    /// 4: a displayed order trades.
    Execute,
    /// 5: a hidden order trades; the book does not change.
    ExecuteHidden,
    /// 6: an auction; the book does not change.
    Cross,
    /// 7: trading stops (price -1), is quoted (0) or goes on (1); the book does not change.
    Halt,
}

impl Kind {
    /// True if it is about a displayed order.
    #[inline]
    pub fn changes_book(self) -> bool {
        !matches!(self, Self::ExecuteHidden | Self::Cross | Self::Halt)
    }
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Nanoseconds since midnight, exchange's time.
    pub since_midnight_ns: i64,
    /// What it says.
    pub kind: Kind,
    /// The order; 0 for hidden ones.
    pub id: OrderId,
    /// Shares.
    pub size: SizeLots,
    /// Price in 1/10,000 dollar, as written.
    pub price_units: i64,
    /// The order's side, not the taker's.
    pub side: Side,
}

impl Message {
    /// The order's price in ticks, or None if it lies between two of them, as hidden orders may.
    #[inline]
    pub fn price(&self, units_per_tick: UnitsPerTick) -> Option<PriceTicks> {
        units_per_tick.ticks(self.price_units)
    }
}

/// The messages in whole lines; the last may lack its line feed. After an error it ends.
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Messages<'a> {
    /// The messages in `text`.
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    #[cold]
    fn error(&mut self) -> DecodeError {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let what = format!(
            "{} is not time (seconds within a day, at most nine decimals), kind (1 to 7), order id, \
             size, price, direction (1 or -1)",
            quoted(line)
        );
        let offset = std::mem::replace(&mut self.at, self.text.len());
        DecodeError::new(what, offset)
    }
}

impl Iterator for Messages<'_> {
    type Item = Result<Message, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return None;
        }
        let Some((message, rest)) = line(rest) else {
            return Some(Err(self.error()));
        };
        self.at = self.text.len() - rest.len();
        Some(Ok(message))
    }
}

/// The first line's message, and what comes after the line. None if it is malformed: why is for people
/// to see.
#[inline]
fn line(text: &[u8]) -> Option<(Message, &[u8])> {
    let (since_midnight_ns, rest) = time(text)?;
    let (kind, rest) = match rest {
        [digit, b',', rest @ ..] => (kind(*digit)?, rest),
        _ => return None,
    };
    let (id, rest) = number(rest)?;
    let (shares, rest) = number(rest.strip_prefix(b",")?)?;
    let rest = rest.strip_prefix(b",")?;
    let (price_units, rest) = match rest.strip_prefix(b"-") {
        None => number(rest)?,
        Some(rest) => {
            let (magnitude, rest) = number(rest)?;
            (-magnitude, rest)
        }
    };
    let (side, rest) = match rest {
        [b',', b'1', rest @ ..] => (Side::Buy, rest),
        [b',', b'-', b'1', rest @ ..] => (Side::Sell, rest),
        _ => return None,
    };
    let ([b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] | rest @ []) = rest else {
        return None;
    };
    let message = Message {
        since_midnight_ns,
        kind,
        id: OrderId(id as u64),
        size: SizeLots(shares),
        price_units,
        side,
    };
    Some((message, rest))
}

#[inline]
fn kind(digit: u8) -> Option<Kind> {
    Some(match digit {
        b'1' => Kind::Add,
        b'2' => Kind::Reduce,
        b'3' => Kind::Delete,
        b'4' => Kind::Execute,
        b'5' => Kind::ExecuteHidden,
        b'6' => Kind::Cross,
        b'7' => Kind::Halt,
        _ => return None,
    })
}

/// Seconds with up to nine decimals as nanoseconds, and what comes after the comma.
#[inline]
fn time(text: &[u8]) -> Option<(i64, &[u8])> {
    let (seconds, rest) = number(text)?;
    if seconds >= MAX_SECONDS {
        return None;
    }
    let whole_ns = seconds * NS_PER_S;
    let Some(fraction) = rest.strip_prefix(b".") else {
        return Some((whole_ns, rest.strip_prefix(b",")?));
    };
    let (value, rest) = number(fraction)?;
    let scale = POWERS_OF_TEN.get(NS_DIGITS.checked_sub(fraction.len() - rest.len())?)?;
    Some((whole_ns + value * scale, rest.strip_prefix(b",")?))
}

/// A whole number, of at most [`MAX_DIGITS`] digits, and what comes after it.
#[inline]
fn number(text: &[u8]) -> Option<(i64, &[u8])> {
    let (mut value, mut length) = match text.first_chunk() {
        Some(bytes) => leading_digits(u64::from_le_bytes(*bytes)),
        None => (0, 0),
    };
    if length == 0 || length == WORD_BYTES {
        while let Some(digit) = text.get(length).map(|byte| byte.wrapping_sub(b'0'))
            && digit < 10
        {
            if length == MAX_DIGITS {
                return None;
            }
            value = value * 10 + u64::from(digit);
            length += 1;
        }
    }
    if length == 0 {
        return None;
    }
    Some((value as i64, text.get(length..)?))
}

const WORD_BYTES: usize = 8;
const POWERS_OF_TEN: [i64; NS_DIGITS + 1] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
];

/// The number that the first bytes of eight begin with, and how many of them are digits.
///
/// Eight digits at once: pairs, then fours, then all, each by one multiplication (Lemire, "Quickly parsing
/// eight digits", 2018).
#[inline]
fn leading_digits(word: u64) -> (u64, usize) {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const SIXES: u64 = 0x0606_0606_0606_0606;
    const HIGH_HALVES: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    let digits = word ^ ZEROS;
    // A byte is a digit if it is 0 to 9 now: its high half is 0, and stays so when 6 is added. No carry leaves
    // a byte whose high half is 0, and a carry out of another only reaches bytes behind the first that is no
    // digit.
    let others = (digits | digits.wrapping_add(SIXES)) & HIGH_HALVES;
    let length = (others.trailing_zeros() / u8::BITS) as usize;
    if length == 0 {
        return (0, 0);
    }
    // Moves the digits to the end; the bytes before them become zeros.
    let digits = digits << ((WORD_BYTES - length) * u8::BITS as usize);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    let all = fours.wrapping_mul(10_000).wrapping_add(fours >> 32);
    (all & 0xffff_ffff, length)
}
