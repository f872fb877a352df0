//! The market's lines in the wire format of Binance spot.

use std::io::Write as _;

use super::book::{Book, HalfBook, price};
use crate::units::{NS_PER_MS, Side};

/// A price in ticks of 10^-2 and a size in lots of 10^-5, both with the venue's eight decimals.
const PRICE_DECIMALS: usize = 2;
const SIZE_DECIMALS: usize = 5;
const WIRE_DECIMALS: usize = 8;

/// One trade as the wire needs it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fill {
    pub(super) id: i64,
    pub(super) price_ticks: i64,
    pub(super) lots: i64,
    pub(super) taker: Side,
}

/// Writes lines for one symbol.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    symbol: String,
    stream: String,
}

impl Writer {
    pub(super) fn new(symbol: &str) -> Self {
        Self {
            symbol: symbol.to_owned(),
            stream: symbol.to_ascii_lowercase(),
        }
    }

    /// Changes since the last depth frame, with the ids from `first_id` on.
    pub(super) fn depth(
        &self,
        book: &mut Book,
        first_id: i64,
        received_ns: i64,
        event_ns: i64,
    ) -> Vec<u8> {
        let (bids, asks) = (
            book.half_mut(Side::Buy).take_changes(),
            book.half_mut(Side::Sell).take_changes(),
        );
        let mut line = Line::new(received_ns, 256 + 40 * (bids.len() + asks.len()));
        line.text("{\"stream\":\"")
            .text(&self.stream)
            .text("@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":");
        line.whole(event_ns / NS_PER_MS)
            .text(",\"s\":\"")
            .text(&self.symbol)
            .text("\",\"U\":")
            .whole(first_id);
        line.text(",\"u\":")
            .whole(book.update_id)
            .text(",\"b\":")
            .levels(Side::Buy, bids.into_iter());
        line.text(",\"a\":")
            .levels(Side::Sell, asks.into_iter())
            .text("}}");
        line.bytes
    }

    pub(super) fn trade(
        &self,
        fill: Fill,
        received_ns: i64,
        event_ns: i64,
        trade_ns: i64,
    ) -> Vec<u8> {
        let mut line = Line::new(received_ns, 256);
        line.text("{\"stream\":\"")
            .text(&self.stream)
            .text("@trade\",\"data\":{\"e\":\"trade\",\"E\":");
        line.whole(event_ns / NS_PER_MS)
            .text(",\"s\":\"")
            .text(&self.symbol)
            .text("\",\"t\":")
            .whole(fill.id);
        line.text(",\"p\":")
            .price(fill.price_ticks)
            .text(",\"q\":")
            .size(fill.lots);
        line.text(",\"T\":").whole(trade_ns / NS_PER_MS);
        let is_buyer_maker = if fill.taker == Side::Sell {
            "true"
        } else {
            "false"
        };
        line.text(",\"m\":")
            .text(is_buyer_maker)
            .text(",\"M\":true}}");
        line.bytes
    }

    pub(super) fn book_ticker(&self, book: &Book, received_ns: i64) -> Vec<u8> {
        let [bid, ask] = book.top();
        let mut line = Line::new(received_ns, 256);
        line.text("{\"stream\":\"")
            .text(&self.stream)
            .text("@bookTicker\",\"data\":{\"u\":")
            .whole(book.update_id);
        line.text(",\"s\":\"")
            .text(&self.symbol)
            .text("\",\"b\":")
            .price(bid.0)
            .text(",\"B\":")
            .size(bid.1);
        line.text(",\"a\":")
            .price(ask.0)
            .text(",\"A\":")
            .size(ask.1)
            .text("}}");
        line.bytes
    }

    /// The whole book as the REST reply has it.
    pub(super) fn snapshot(book: &Book, received_ns: i64) -> Vec<u8> {
        let levels = |half: &HalfBook| half.levels().collect::<Vec<_>>().into_iter();
        let mut line = Line::new(received_ns, 1 << 16);
        line.text("{\"lastUpdateId\":").whole(book.update_id);
        line.text(",\"bids\":")
            .levels(Side::Buy, levels(book.half(Side::Buy)));
        line.text(",\"asks\":")
            .levels(Side::Sell, levels(book.half(Side::Sell)))
            .text("}");
        line.bytes
    }
}

/// A line in the making.
struct Line {
    bytes: Vec<u8>,
}

impl Line {
    fn new(received_ns: i64, capacity: usize) -> Self {
        let mut line = Self {
            bytes: Vec::with_capacity(capacity),
        };
        line.whole(received_ns).text(" ");
        line
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    fn whole(&mut self, value: i64) -> &mut Self {
        // Writing to a vector cannot fail.
        let _ = write!(self.bytes, "{value}");
        self
    }

    fn price(&mut self, ticks: i64) -> &mut Self {
        self.decimal(ticks, PRICE_DECIMALS)
    }

    fn size(&mut self, lots: i64) -> &mut Self {
        self.decimal(lots, SIZE_DECIMALS)
    }

    /// `count` · 10^-`decimals`, which is not negative, in quotes and with eight decimals.
    fn decimal(&mut self, count: i64, decimals: usize) -> &mut Self {
        const LONGEST: usize = 32;
        let mut text = [b'0'; LONGEST];
        text[LONGEST - 1] = b'"';
        let point = LONGEST - 2 - WIRE_DECIMALS;
        let mut rest = count.unsigned_abs();
        let mut position = LONGEST - 1 - (WIRE_DECIMALS - decimals);
        while rest > 0 || position > point {
            position -= 1;
            if position == point {
                continue;
            }
            text[position] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let start = position.min(point - 1) - 1;
        text[point] = b'.';
        text[start] = b'"';
        self.bytes.extend_from_slice(&text[start..]);
        self
    }

    fn levels(&mut self, side: Side, levels: impl Iterator<Item = (i64, i64)>) -> &mut Self {
        self.text("[");
        for (index, (key, lots)) in levels.enumerate() {
            self.text(if index == 0 { "[" } else { ",[" });
            self.price(price(side, key)).text(",").size(lots).text("]");
        }
        self.text("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_the_venues() {
        let text = |count, decimals| {
            let mut line = Line { bytes: Vec::new() };
            line.decimal(count, decimals);
            String::from_utf8(line.bytes).expect("ASCII")
        };
        assert_eq!(text(6_183_763, PRICE_DECIMALS), "\"61837.63000000\"");
        assert_eq!(text(0, SIZE_DECIMALS), "\"0.00000000\"");
        assert_eq!(text(9, SIZE_DECIMALS), "\"0.00009000\"");
        assert_eq!(text(378_826, SIZE_DECIMALS), "\"3.78826000\"");
        assert_eq!(text(100_000, SIZE_DECIMALS), "\"1.00000000\"");
        assert_eq!(
            text(i64::MAX, PRICE_DECIMALS),
            "\"92233720368547758.07000000\""
        );
    }
}
