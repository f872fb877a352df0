//! Recorded lines: `<received_ns> <json>`.

use crate::decode::DecodeError;
use crate::units::TimestampNs;

/// Lines without their ends.
pub(crate) struct LineSplit<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for LineSplit<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let (line, rest) = match memchr::memchr(b'\n', self.0) {
            Some(end) => (&self.0[..end], &self.0[end + 1..]),
            None => (self.0, &self.0[self.0.len()..]),
        };
        self.0 = rest;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// Splits a recorded line into its time and its frame.
///
/// # Errors
/// It does not begin with a time in nanoseconds and a blank.
pub fn split_line(line: &[u8]) -> Result<(TimestampNs, &[u8]), DecodeError> {
    let malformed = || DecodeError {
        what: "a line is `<received_ns> <json>`".into(),
        offset: 0,
    };
    let blank = memchr::memchr(b' ', line).ok_or_else(malformed)?;
    let digits = std::str::from_utf8(&line[..blank]).map_err(|_| malformed())?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed());
    }
    let received_ns = digits.parse().map_err(|_| malformed())?;
    Ok((TimestampNs(received_ns), &line[blank + 1..]))
}
