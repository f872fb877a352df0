//! Times as venues write them, to UTC nanoseconds, without a float.

use super::DecodeError;
use super::json::Raw;
use crate::units::{NS_PER_S, TimestampNs};

/// The latest time accepted, 2100-01-01: a number beyond it is in another unit.
pub(super) const MAX_TIME_S: i64 = 4_102_444_800;
const DIGITS_OF_NS: usize = 9;
const SECONDS_PER_DAY: i64 = 86_400;

/// Decimal seconds, as `1618678142.557535`.
pub(super) fn seconds(raw: Raw<'_>, text: &[u8], field: &str) -> Result<TimestampNs, DecodeError> {
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &text[..0]),
    };
    digits(whole)
        .zip(nanoseconds(fraction))
        .and_then(|(seconds, ns)| at(seconds, ns))
        .ok_or_else(|| raw.error(field, "is no time in seconds"))
}

/// A whole number of `1 / per_second` seconds, as milliseconds or microseconds.
pub(super) fn whole(
    raw: Raw<'_>,
    text: &[u8],
    per_second: i64,
    field: &str,
) -> Result<TimestampNs, DecodeError> {
    digits(text)
        .and_then(|count| {
            at(
                count / per_second,
                count % per_second * (NS_PER_S / per_second),
            )
        })
        .ok_or_else(|| raw.error(field, "is no time in its unit"))
}

/// UTC in the form of RFC 3339, as `2026-08-09T21:05:48.228568804Z`.
pub(super) fn rfc3339(raw: Raw<'_>, text: &[u8], field: &str) -> Result<TimestampNs, DecodeError> {
    read_rfc3339(text).ok_or_else(|| raw.error(field, "is no UTC time"))
}

fn read_rfc3339(text: &[u8]) -> Option<TimestampNs> {
    let (date_time, rest) = text.split_at_checked("2026-08-09T21:05:48".len())?;
    let fraction = match rest.strip_suffix(b"Z")? {
        [] => &[][..],
        [b'.', fraction @ ..] => fraction,
        _ => return None,
    };
    let is_separated = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')]
        .iter()
        .all(|(at, separator)| date_time[*at] == *separator);
    let field = |begin: usize, end: usize| digits(&date_time[begin..end]);
    let (year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
    let is_in_range =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
    if !is_separated || !is_in_range || second > 60 {
        return None;
    }
    let day_s = days_from_civil(year, month, day) * SECONDS_PER_DAY;
    at(
        day_s + hour * 3_600 + minute * 60 + second,
        nanoseconds(fraction)?,
    )
}

/// Days since 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn at(seconds: i64, ns: i64) -> Option<TimestampNs> {
    (1..=MAX_TIME_S)
        .contains(&seconds)
        .then(|| TimestampNs(seconds * NS_PER_S + ns))
}

/// The digits behind the point of seconds.
fn nanoseconds(fraction: &[u8]) -> Option<i64> {
    if fraction.is_empty() {
        return Some(0);
    }
    if fraction.len() > DIGITS_OF_NS {
        return None;
    }
    Some(digits(fraction)? * 10_i64.pow((DIGITS_OF_NS - fraction.len()) as u32))
}

/// A number of 1 to 18 digits.
fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 18 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        text.iter()
            .fold(0, |value, byte| value * 10 + i64::from(byte - b'0')),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_utc() {
        let ns = |text: &str| read_rfc3339(text.as_bytes()).map(|time| time.0);
        assert_eq!(ns("1970-01-01T00:00:01Z"), Some(NS_PER_S));
        assert_eq!(ns("2000-02-29T12:34:56.5Z"), Some(951_827_696_500_000_000));
        assert_eq!(
            ns("2026-08-09T21:05:48.228568804Z"),
            Some(1_786_309_548_228_568_804)
        );
        for bad in [
            "",
            "2026-08-09",
            "2026-13-09T21:05:48Z",
            "2026-08-09T21:05:48",
            "2026-08-09T21:05:48.Z+",
        ] {
            assert_eq!(ns(bad), None, "{bad}");
        }
        assert_eq!(ns("2026-08-09 21:05:48Z"), None);
    }
}
