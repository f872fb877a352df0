//! Eight decimal digits at a time, in the bytes of one word: the first character is the lowest byte.

/// The characters that one word holds.
pub(crate) const WORD_DIGITS: usize = 8;

const ZEROS: u64 = repeat(b'0');
const HIGH_BITS: u64 = repeat(0x80);
const POWERS_OF_TEN: [u64; WORD_DIGITS + 1] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];

/// A word of eight equal bytes.
pub(crate) const fn repeat(byte: u8) -> u64 {
    u64::from_le_bytes([byte; WORD_DIGITS])
}

/// The value of eight digits, each a number below ten: of pairs, of fours and of all by one multiplication each.
#[inline]
pub(crate) fn eight_digits(digits: u64) -> u64 {
    let pairs = digits.wrapping_mul(1 + (10 << 8)) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(1 + (100 << 16)) >> 16 & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(1 + (10_000 << 32)) >> 32
}

/// How many of eight characters are digits before the first that is not.
#[inline]
pub(crate) fn leading_digits(text: u64) -> usize {
    (others(text ^ ZEROS).trailing_zeros() / u8::BITS) as usize
}

/// The highest bit of each byte above nine; bits above the lowest one found mean nothing.
#[inline]
fn others(digits: u64) -> u64 {
    (digits | digits.wrapping_add(repeat(0x7f - 9))) & HIGH_BITS
}

/// The number that eight to sixteen digits make; None for any other text.
#[inline]
pub(crate) fn whole_number(text: &[u8]) -> Option<u64> {
    let further = text.len().checked_sub(WORD_DIGITS)?;
    let power = POWERS_OF_TEN.get(further)?;
    let first = u64::from_le_bytes(*text.first_chunk()?) ^ ZEROS;
    let last = u64::from_le_bytes(*text.last_chunk()?) ^ ZEROS;
    if others(first) | others(last) != 0 {
        return None;
    }
    // What both words hold counts in the first.
    let shared_bits = (WORD_DIGITS - further) as u32 * u8::BITS;
    let last = last.unbounded_shr(shared_bits).unbounded_shl(shared_bits);
    Some(eight_digits(first) * power + eight_digits(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_counted_up_to_the_first_other_character() {
        for (text, count) in [
            ("12345678", 8),
            ("1234567.", 7),
            ("1.345678", 1),
            ("\"2345678", 0),
            ("0/345678", 1),
            ("09:45678", 2),
            ("012\u{fffd}45", 3),
        ] {
            let word = u64::from_le_bytes(*text.as_bytes().first_chunk().expect("eight bytes"));
            assert_eq!(leading_digits(word), count, "{text}");
        }
    }

    #[test]
    fn a_whole_number_is_read_exactly_or_not_at_all() {
        let digits = "9876543210987654";
        for length in WORD_DIGITS..=digits.len() {
            let text = &digits[..length];
            assert_eq!(whole_number(text.as_bytes()), text.parse().ok());
            for at in 0..length {
                for other in [b'/', b':', b'.', b'-', 0, 0x80, 0xff] {
                    let mut text = text.as_bytes().to_vec();
                    text[at] = other;
                    assert_eq!(whole_number(&text), None, "{text:?}");
                }
            }
        }
        assert_eq!(whole_number(b"1234567"), None);
        assert_eq!(whole_number(b"12345678901234567"), None);
        assert_eq!(whole_number(b"0000000000000000"), Some(0));
    }
}
