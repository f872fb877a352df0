//! A day of LOBSTER: its messages, and the ten levels a side that its book file shows after each.

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use openoutcry_engine::decode::lobster::{Message, Messages};
use openoutcry_engine::units::Side;

/// zstd's window in the recordings, as a power of two.
const WINDOW_LOG: u32 = 25;
/// The price of a level that is not there.
const NO_PRICE: i64 = 9_999_999_999;
const LEVELS_SHOWN: usize = 10;

/// A level: price in 1/10,000 dollar and shares.
pub type Level = (i64, i64);

/// One side of a line of the book file, best level first.
#[derive(Debug, Clone, Copy, Default)]
pub struct View {
    levels: [Level; LEVELS_SHOWN],
    count: usize,
}

impl View {
    fn push(&mut self, price: i64, shares: i64) {
        if price.abs() != NO_PRICE && self.count < LEVELS_SHOWN {
            self.levels[self.count] = (price, shares);
            self.count += 1;
        }
    }

    /// The level so many levels behind the best.
    pub fn level(&self, depth: usize) -> Option<Level> {
        self.levels[..self.count].get(depth).copied()
    }

    /// The size at a price; None if the price lies below the last level shown.
    pub fn shares_at(&self, side: Side, price: i64) -> Option<i64> {
        let levels = &self.levels[..self.count];
        if let Some((_, shares)) = levels.iter().find(|level| level.0 == price) {
            return Some(*shares);
        }
        let is_shown = self
            .level(LEVELS_SHOWN - 1)
            .is_none_or(|(last, _)| is_better(side, price, last));
        is_shown.then_some(0)
    }
}

/// True if a price is served before another on a side.
pub fn is_better(side: Side, price: i64, other: i64) -> bool {
    match side {
        Side::Buy => price > other,
        Side::Sell => price < other,
    }
}

/// Bids and asks.
pub type Book = [View; 2];

/// Messages, each with the book after it.
#[derive(Debug, Default)]
pub struct Day {
    /// In order of time.
    pub events: Vec<(Message, Book)>,
}

impl Day {
    /// Reads both files.
    ///
    /// # Errors
    /// A file is missing or not what LOBSTER writes.
    pub fn read(messages: &Path, books: &Path) -> Result<Self, Box<dyn Error>> {
        Self::parse(&text(messages)?, &text(books)?)
    }

    /// Reads the text of both files.
    ///
    /// # Errors
    /// A line is not what LOBSTER writes, or one file is longer.
    pub fn parse(messages: &[u8], books: &[u8]) -> Result<Self, Box<dyn Error>> {
        let mut books = std::str::from_utf8(books)?.lines();
        let mut events = Vec::new();
        for message in Messages::new(messages) {
            let line = books.next().ok_or("the book file has fewer lines")?;
            events.push((message?, book(line)?));
        }
        if books.next().is_some() {
            return Err("the book file has more lines".into());
        }
        Ok(Self { events })
    }
}

fn text(path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut decoder = zstd::Decoder::new(file)?;
    decoder.window_log_max(WINDOW_LOG)?;
    let mut text = Vec::new();
    decoder.read_to_end(&mut text)?;
    Ok(text)
}

/// Columns: ask price, ask size, bid price, bid size, level by level.
fn book(line: &str) -> Result<Book, Box<dyn Error>> {
    let mut book = Book::default();
    let mut columns = line.split(',').map(str::parse::<i64>);
    while let Some(ask_price) = columns.next() {
        let mut next = || columns.next().unwrap_or(Ok(0));
        let (ask_shares, bid_price, bid_shares) = (next()?, next()?, next()?);
        book[Side::Sell as usize].push(ask_price?, ask_shares);
        book[Side::Buy as usize].push(bid_price, bid_shares);
    }
    Ok(book)
}
