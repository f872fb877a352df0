//! The venues that can be decoded, and what differs between them.

use super::binance::Product;
use super::{DecodeError, DepthSnapshot, Message, bitstamp, bybit, coinbase, kraken, okx};
use crate::book::checksum::ChecksumRule;
use crate::book::sync::{BookRules, Joining};

/// Binance's name; its product says which of its markets.
pub const BINANCE: &str = "binance";
/// The names of all venues.
pub const VENUE_NAMES: [&str; 6] = [BINANCE, "bitstamp", "bybit", "coinbase", "kraken", "okx"];

/// A venue and, of Binance, its market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Venue {
    /// Binance: the ids of updates chain; the book's beginning is asked for.
    Binance(Product),
    /// Bitstamp: updates carry only their time; the book's beginning is asked for. A lost update cannot be
    /// seen but by a crossed book.
    Bitstamp,
    /// Bybit v5: each update's `u` is one more than the last; the stream begins with the whole book.
    Bybit,
    /// Coinbase Advanced Trade: every message of a connection is numbered; the stream begins with the whole
    /// book.
    Coinbase,
    /// Kraken, v1 and v2: each update has a checksum; the stream begins with the whole book.
    Kraken,
    /// OKX v5: each update names the one it follows, or has a checksum; the stream begins with the whole book.
    Okx,
}

impl Venue {
    /// Reads a venue's name; Binance needs a product as well.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "bitstamp" => Some(Self::Bitstamp),
            "bybit" => Some(Self::Bybit),
            "coinbase" => Some(Self::Coinbase),
            "kraken" => Some(Self::Kraken),
            "okx" => Some(Self::Okx),
            _ => None,
        }
    }

    /// The rules of its books; `depth` is the number of levels a side that was subscribed.
    pub fn book_rules(self, depth: Option<usize>) -> BookRules {
        BookRules {
            joining: match self {
                Self::Binance(_) | Self::Bitstamp => Joining::Snapshot,
                Self::Bybit | Self::Coinbase | Self::Kraken | Self::Okx => Joining::Stream,
            },
            checksum: match self {
                Self::Kraken => Some(ChecksumRule::Kraken {
                    depth: depth.unwrap_or(kraken::DEFAULT_DEPTH),
                }),
                Self::Okx => Some(ChecksumRule::Okx),
                Self::Binance(_) | Self::Bitstamp | Self::Bybit | Self::Coinbase => None,
            },
        }
    }
}

/// The decoder of one instrument of any venue but Binance.
#[derive(Debug, Clone)]
pub enum VenueDecoder {
    /// Bitstamp's.
    Bitstamp(bitstamp::Decoder),
    /// Bybit's.
    Bybit(bybit::Decoder),
    /// Coinbase's.
    Coinbase(coinbase::Decoder),
    /// Kraken's.
    Kraken(kraken::Decoder),
    /// OKX's.
    Okx(okx::Decoder),
}

impl VenueDecoder {
    /// Decodes one WebSocket text frame into a cleared message. Other instruments' frames and other channels
    /// leave it empty.
    ///
    /// # Errors
    /// The frame is malformed; the message is then to be thrown away.
    pub fn decode(&mut self, frame: &[u8], message: &mut Message) -> Result<(), DecodeError> {
        match self {
            Self::Bitstamp(decoder) => decoder.decode(frame, message),
            Self::Bybit(decoder) => decoder.decode(frame, message),
            Self::Coinbase(decoder) => decoder.decode(frame, message),
            Self::Kraken(decoder) => decoder.decode(frame, message),
            Self::Okx(decoder) => decoder.decode(frame, message),
        }
    }

    /// Decodes the REST reply that a book begins with.
    ///
    /// # Errors
    /// The body is malformed, or the venue's book begins in the stream.
    pub fn decode_snapshot(&mut self, body: &[u8]) -> Result<&DepthSnapshot, DecodeError> {
        match self {
            Self::Bitstamp(decoder) => decoder.decode_snapshot(body),
            Self::Bybit(_) | Self::Coinbase(_) | Self::Kraken(_) | Self::Okx(_) => {
                let what = "this venue's book begins in the stream: subscribe anew";
                Err(DecodeError::new(what, 0))
            }
        }
    }

    /// The error of whoever would fill a hole of the tape: only Binance's reply is read.
    pub fn refuse_trades(&self) -> DecodeError {
        DecodeError::new("a reply with this venue's earlier trades is not read", 0)
    }

    /// The connection is new: its numbering begins anew.
    pub fn reset(&mut self) {
        match self {
            Self::Bitstamp(decoder) => decoder.reset(),
            Self::Coinbase(decoder) => decoder.reset(),
            // What these count chains by itself, and begins with a whole book.
            Self::Bybit(_) | Self::Kraken(_) | Self::Okx(_) => {}
        }
    }
}
