//! A strict scanner over JSON text that allocates nothing and trusts no order of fields.

use super::grid::Grid;
use super::{DecodeError, Level};
use crate::digits::{leading_digits, repeat, whole_number};

/// Most levels a side in one message; the largest that Binance sends is 5,000.
pub(super) const MAX_LEVELS: usize = 100_000;
/// How much of an offending text an error quotes.
const MAX_QUOTED_BYTES: usize = 40;

/// Text that an error can quote.
pub(super) fn quoted(text: &[u8]) -> String {
    let shown = &text[..text.len().min(MAX_QUOTED_BYTES)];
    let dots = if shown.len() < text.len() { "…" } else { "" };
    format!("`{}{dots}`", String::from_utf8_lossy(shown).escape_debug())
}

/// A value as it stands in the frame, quotes and brackets included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) text: &'a [u8],
    pub(super) offset: usize,
}

impl<'a> Raw<'a> {
    /// The inside of a string.
    pub(super) fn string(self, field: &str) -> Result<&'a [u8], DecodeError> {
        match self.text {
            [b'"', inside @ .., b'"'] => Ok(inside),
            _ => Err(self.error(field, "is not a string")),
        }
    }

    /// A number, whether the venue writes it as one or as a string.
    pub(super) fn unquoted(self) -> &'a [u8] {
        match self.text {
            [b'"', inside @ .., b'"'] => inside,
            number => number,
        }
    }

    /// A whole number that is not negative.
    #[inline]
    pub(super) fn integer(self, field: &str) -> Result<i64, DecodeError> {
        match whole_number(self.text) {
            Some(value) => Ok(value as i64),
            None => self.integer_by_digit(field),
        }
    }

    fn integer_by_digit(self, field: &str) -> Result<i64, DecodeError> {
        let mut value = 0_i64;
        if self.text.is_empty() {
            return Err(self.error(field, "is not a whole number"));
        }
        for byte in self.text {
            if !byte.is_ascii_digit() {
                return Err(self.error(field, "is not a whole number"));
            }
            value = value
                .checked_mul(10)
                .and_then(|tens| tens.checked_add(i64::from(byte - b'0')))
                .ok_or_else(|| self.error(field, "is out of range"))?;
        }
        Ok(value)
    }

    /// A whole number above zero.
    pub(super) fn positive(self, field: &str) -> Result<i64, DecodeError> {
        match self.integer(field)? {
            0 => Err(self.error(field, "is zero")),
            value => Ok(value),
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(self, field: &str) -> Result<bool, DecodeError> {
        match self.text {
            b"true" => Ok(true),
            b"false" => Ok(false),
            _ => Err(self.error(field, "is not true or false")),
        }
    }

    /// What one of two strings stands for.
    pub(super) fn either<T>(
        self,
        field: &str,
        (one, meant): (&str, T),
        (other, otherwise): (&str, T),
    ) -> Result<T, DecodeError> {
        match self.string(field)? {
            text if text == one.as_bytes() => Ok(meant),
            text if text == other.as_bytes() => Ok(otherwise),
            _ => Err(self.error(field, &format!("is neither {one} nor {other}"))),
        }
    }

    pub(super) fn error(self, field: &str, problem: &str) -> DecodeError {
        DecodeError::new(
            format!("{field} {} {problem}", quoted(self.text)),
            self.offset,
        )
    }
}

/// The error of a member that came twice.
pub(super) fn twice(key: &[u8], offset: usize) -> DecodeError {
    DecodeError::new(format!("field {} comes twice", quoted(key)), offset)
}

/// The value of a member that has to be there.
pub(super) fn require<'a>(field: Option<Raw<'a>>, name: &str) -> Result<Raw<'a>, DecodeError> {
    field.ok_or_else(|| DecodeError::new(format!("{name} is missing"), 0))
}

/// The bytes of numbers and of `true`, `false` and `null`.
const IS_PLAIN: [bool; 256] = {
    let mut is_plain = [false; 256];
    let mut byte = 0_u8;
    while byte < u8::MAX {
        is_plain[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        byte += 1;
    }
    is_plain
};

/// How long the number, `true`, `false` or `null` is that begins the text.
#[inline]
fn plain_length(text: &[u8]) -> usize {
    let mut length = 0;
    while let Some(chunk) = text.get(length..).and_then(<[u8]>::first_chunk::<8>) {
        let digits = leading_digits(u64::from_le_bytes(*chunk));
        length += digits;
        if digits < 8 {
            break;
        }
    }
    let rest = text.get(length..).unwrap_or_default();
    let others = rest.iter().position(|byte| !IS_PLAIN[usize::from(*byte)]);
    length + others.unwrap_or(rest.len())
}

/// How long the inside of a string is that begins the text, escapes included; None if it does not end.
#[inline]
fn string_length(text: &[u8]) -> Option<usize> {
    let mut length = 0;
    while let Some(chunk) = text.get(length..).and_then(<[u8]>::first_chunk::<8>) {
        let found = ends_or_escapes(u64::from_le_bytes(*chunk));
        if found != 0 {
            length += found.trailing_zeros() as usize / 8;
            break;
        }
        length += 8;
    }
    let rest = text.get(length..)?;
    if rest.first() == Some(&b'"') {
        return Some(length);
    }
    let mut is_escaped = false;
    let end = rest.iter().position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    })?;
    Some(length + end)
}

/// The highest bit of each of eight bytes that is a quote or a backslash; only the lowest bit is sure.
#[inline]
fn ends_or_escapes(bytes: u64) -> u64 {
    let zeros = |bytes: u64| bytes.wrapping_sub(repeat(1)) & !bytes & repeat(0x80);
    zeros(bytes ^ repeat(b'"')) | zeros(bytes ^ repeat(b'\\'))
}

/// A cursor over JSON text.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// Where `text` begins in the frame, for errors.
    origin: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            origin: 0,
        }
    }

    /// A scanner over a value met before.
    pub(super) fn of(raw: Raw<'a>) -> Self {
        Self {
            text: raw.text,
            at: 0,
            origin: raw.offset,
        }
    }

    pub(super) fn offset(&self) -> usize {
        self.origin + self.at
    }

    /// A place to return to.
    pub(super) fn mark(&self) -> usize {
        self.at
    }

    /// Goes back to a place met before.
    pub(super) fn return_to(&mut self, mark: usize) {
        self.at = mark;
    }

    /// The value that was taken since a mark.
    pub(super) fn since(&self, mark: usize) -> Raw<'a> {
        Raw {
            text: &self.text[mark..self.at],
            offset: self.origin + mark,
        }
    }

    #[cold]
    fn error(&self, problem: &str) -> DecodeError {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let found = if rest.is_empty() {
            "the end".to_owned()
        } else {
            quoted(rest)
        };
        DecodeError::new(format!("{problem}, found {found}"), self.offset())
    }

    /// The next byte that is not blank, without taking it.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        match self.text.get(self.at) {
            Some(b' ' | b'\t' | b'\n' | b'\r') => self.peek_behind_blanks(),
            byte => byte.copied(),
        }
    }

    #[cold]
    fn peek_behind_blanks(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    #[inline]
    fn take_if(&mut self, byte: u8) -> bool {
        // Nearly always there is no blank to skip.
        let found = self.text.get(self.at) == Some(&byte) || self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), DecodeError> {
        if self.take_if(byte) {
            return Ok(());
        }
        Err(self.expected(byte))
    }

    #[cold]
    fn expected(&self, byte: u8) -> DecodeError {
        self.error(&format!("expected `{}`", byte as char))
    }

    /// Nothing but blanks may follow.
    pub(super) fn expect_end(&mut self) -> Result<(), DecodeError> {
        if self.peek().is_none() {
            Ok(())
        } else {
            Err(self.error("expected the end"))
        }
    }

    /// Takes a string; returns its inside, escapes untouched.
    #[inline]
    pub(super) fn string(&mut self) -> Result<&'a [u8], DecodeError> {
        self.expect(b'"')?;
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(length) = string_length(rest) else {
            return Err(self.error("a string does not end"));
        };
        self.at += length + 1;
        Ok(&rest[..length])
    }

    /// Takes a member's name and the colon.
    #[inline]
    fn key(&mut self) -> Result<&'a [u8], DecodeError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if let [b'"', name, b'"', b':', ..] = rest
            && !matches!(name, b'"' | b'\\')
        {
            self.at += 4;
            return Ok(&rest[1..2]);
        }
        let name = self.string()?;
        self.expect(b':')?;
        Ok(name)
    }

    /// Visits the members of an object; `member` must take the value.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &'a [u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.expect(b'{')?;
        if self.take_if(b'}') {
            return Ok(());
        }
        loop {
            let key = self.key()?;
            member(self, key)?;
            if !self.take_if(b',') {
                return self.expect(b'}');
            }
        }
    }

    /// Takes an object; returns the values of the members named, and skips the others.
    pub(super) fn members<const N: usize>(
        &mut self,
        names: [&str; N],
    ) -> Result<[Option<Raw<'a>>; N], DecodeError> {
        let mut values = [None; N];
        self.object(|scanner, key| {
            let value = scanner.value()?;
            match names.iter().position(|name| name.as_bytes() == key) {
                Some(place) if values[place].replace(value).is_some() => {
                    Err(twice(key, value.offset))
                }
                _ => Ok(()),
            }
        })?;
        Ok(values)
    }

    /// Visits the elements of an array; `element` must take the value.
    #[inline]
    pub(super) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.expect(b'[')?;
        if self.take_if(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            if !self.take_if(b',') {
                return self.expect(b']');
            }
        }
    }

    /// Takes an array; returns its first elements, and skips the others.
    pub(super) fn elements<const N: usize>(&mut self) -> Result<[Option<Raw<'a>>; N], DecodeError> {
        let mut values = [None; N];
        let mut places = values.iter_mut();
        self.array(|scanner| {
            let value = scanner.value()?;
            if let Some(place) = places.next() {
                *place = Some(value);
            }
            Ok(())
        })?;
        Ok(values)
    }

    /// Takes any value.
    pub(super) fn value(&mut self) -> Result<Raw<'a>, DecodeError> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'"') => {
                self.string()?;
            }
            Some(b'{' | b'[') => self.skip_nested()?,
            _ => {
                let rest = self.text.get(start..).unwrap_or_default();
                self.at += plain_length(rest);
                if self.at == start {
                    return Err(self.error("expected a value"));
                }
            }
        }
        Ok(self.since(start))
    }

    /// Skips an object or an array, however deep, without recursion.
    fn skip_nested(&mut self) -> Result<(), DecodeError> {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => depth -= 1,
                Some(_) => {}
                None => return Err(self.error("brackets do not close")),
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Takes `[["price","size"],…]` and appends its levels to `levels`.
    pub(super) fn levels(
        &mut self,
        grid: &mut Grid,
        levels: &mut Vec<Level>,
    ) -> Result<(), DecodeError> {
        self.expect(b'[')?;
        if self.take_if(b']') {
            return Ok(());
        }
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            match grid.plain_levels(rest, levels, MAX_LEVELS) {
                0 => levels.push(self.level(grid, levels.len())?),
                length => self.at += length,
            }
            if !self.take_if(b',') {
                return self.expect(b']');
            }
        }
    }

    /// Takes `["price","size"]`, however it is written.
    fn level(&mut self, grid: &mut Grid, levels: usize) -> Result<Level, DecodeError> {
        self.expect(b'[')?;
        if levels >= MAX_LEVELS {
            return Err(self.error(&format!("a side has more than {MAX_LEVELS} levels")));
        }
        let offset = self.offset();
        let price_text = self.string()?;
        self.expect(b',')?;
        let size_text = self.string()?;
        let level = Level {
            price: grid.price(price_text, offset)?,
            size: grid.size(size_text, offset)?,
        };
        grid.learn(price_text, size_text);
        self.expect(b']')?;
        Ok(level)
    }
}
