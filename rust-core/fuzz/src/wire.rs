//! A venue in small: it changes its book and writes frames as its documentation has them.
//!
//! Nothing here is the engine's: the decimals, the checksums and the book are made anew, slowly and obviously.

use std::collections::BTreeMap;

/// A price in hundredths and a size in thousandths; a size of zero: no such level.
pub type Change = (bool, i64, i64);
/// Size by price.
pub type Levels = BTreeMap<i64, i64>;

/// The grid of what is written.
pub const PRICE_TICK: &str = "0.01";
/// See [`PRICE_TICK`].
pub const SIZE_STEP: &str = "0.001";
/// Levels a side that were subscribed of Kraken: all of them are in the checksum.
pub const KRAKEN_DEPTH: usize = 10;

/// A venue's form of frames, and what it has its integrity by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `U` and `u`; the book's beginning is a REST reply.
    BinanceSpot,
    /// `pu`; the book's beginning is a REST reply.
    BinanceFutures,
    /// Nothing but times; the book's beginning is a REST reply.
    Bitstamp,
    /// `u`.
    Bybit,
    /// `sequence_num`.
    Coinbase,
    /// A checksum.
    KrakenV1,
    /// A checksum.
    KrakenV2,
    /// A checksum.
    OkxChecksum,
    /// `seqId` and `prevSeqId`.
    OkxIds,
}

/// All forms.
pub const FORMS: [Form; 9] = [
    Form::BinanceSpot,
    Form::BinanceFutures,
    Form::Bitstamp,
    Form::Bybit,
    Form::Coinbase,
    Form::KrakenV1,
    Form::KrakenV2,
    Form::OkxChecksum,
    Form::OkxIds,
];

impl Form {
    /// True if its book begins with a REST reply.
    pub fn has_snapshot(self) -> bool {
        matches!(
            self,
            Self::BinanceSpot | Self::BinanceFutures | Self::Bitstamp
        )
    }

    /// True if it numbers its frames, so that the next one tells of a lost one.
    pub fn is_numbered(self) -> bool {
        !matches!(
            self,
            Self::Bitstamp | Self::KrakenV1 | Self::KrakenV2 | Self::OkxChecksum
        )
    }

    /// The symbol in its frames.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::BinanceSpot | Self::BinanceFutures | Self::Bybit => "BTCUSDT",
            Self::Bitstamp => "btcusd",
            Self::Coinbase => "BTC-USD",
            Self::KrakenV1 => "XBT/USD",
            Self::KrakenV2 => "BTC/USD",
            Self::OkxChecksum | Self::OkxIds => "BTC-USDT",
        }
    }
}

/// The venue.
#[derive(Debug, Clone)]
pub struct Wire {
    form: Form,
    number: i64,
    bids: Levels,
    asks: Levels,
}

impl Wire {
    /// A venue whose book is empty.
    pub fn new(form: Form) -> Self {
        let (bids, asks) = (Levels::new(), Levels::new());
        Self {
            form,
            number: 1_000,
            bids,
            asks,
        }
    }

    /// Its form of frames.
    pub fn form(&self) -> Form {
        self.form
    }

    /// What a subscriber ought to have: best last of the bids, best first of the asks.
    pub fn view(&self) -> (Levels, Levels) {
        if !matches!(self.form, Form::KrakenV1 | Form::KrakenV2) {
            return (self.bids.clone(), self.asks.clone());
        }
        let copied = |(price, size): (&i64, &i64)| (*price, *size);
        (
            self.bids
                .iter()
                .rev()
                .take(KRAKEN_DEPTH)
                .map(copied)
                .collect(),
            self.asks.iter().take(KRAKEN_DEPTH).map(copied).collect(),
        )
    }

    /// The whole book: the frame that begins a subscription, or the REST reply.
    pub fn whole(&mut self) -> String {
        let (bids, asks) = self.view();
        self.write(true, &changes(true, &bids), &changes(false, &asks))
    }

    /// Changes the book and writes what changed of a subscriber's view. Levels that the change would cross are
    /// taken off first, as trades do.
    pub fn change(&mut self, wanted: &[Change]) -> String {
        let before = self.view();
        for (is_bid, price, size) in wanted {
            let (own, other) = if *is_bid {
                (&mut self.bids, &mut self.asks)
            } else {
                (&mut self.asks, &mut self.bids)
            };
            if *size == 0 {
                own.remove(price);
                continue;
            }
            other.retain(|level, _| {
                if *is_bid {
                    level > price
                } else {
                    level < price
                }
            });
            own.insert(*price, *size);
        }
        let after = self.view();
        let bids = difference(true, &before.0, &after.0, &self.bids);
        let asks = difference(false, &before.1, &after.1, &self.asks);
        self.write(false, &bids, &asks)
    }

    fn write(&mut self, is_whole: bool, bids: &[Change], asks: &[Change]) -> String {
        let previous = self.number;
        self.number += i64::from(!(is_whole && self.form.has_snapshot()));
        let (number, symbol) = (self.number, self.form.symbol());
        match self.form {
            Form::BinanceSpot | Form::BinanceFutures if is_whole => format!(
                r#"{{"lastUpdateId":{number},"bids":{},"asks":{}}}"#,
                pairs(bids, ""),
                pairs(asks, "")
            ),
            Form::BinanceSpot | Form::BinanceFutures => format!(
                r#"{{"e":"depthUpdate","E":1700000000100,"s":"{symbol}","U":{number},"u":{number},"pu":{previous},"b":{},"a":{}}}"#,
                pairs(bids, ""),
                pairs(asks, "")
            ),
            Form::Bitstamp => self.bitstamp(is_whole, bids, asks),
            Form::Bybit => format!(
                r#"{{"topic":"orderbook.50.{symbol}","type":"{}","ts":1700000000000,"data":{{"s":"{symbol}","b":{},"a":{},"u":{number},"seq":7}},"cts":1}}"#,
                kind(is_whole, "delta"),
                pairs(bids, ""),
                pairs(asks, "")
            ),
            Form::Coinbase => coinbase(number, symbol, is_whole, bids, asks),
            Form::KrakenV1 => self.kraken_v1(is_whole, bids, asks),
            Form::KrakenV2 => self.kraken_v2(is_whole, bids, asks),
            Form::OkxChecksum | Form::OkxIds => self.okx(previous, is_whole, bids, asks),
        }
    }

    fn bitstamp(&self, is_whole: bool, bids: &[Change], asks: &[Change]) -> String {
        let data = format!(
            r#"{{"timestamp":"1700000000","microtimestamp":"{}","bids":{},"asks":{}}}"#,
            1_700_000_000_000_000 + self.number,
            pairs(bids, ""),
            pairs(asks, "")
        );
        if is_whole {
            return data;
        }
        let symbol = self.form.symbol();
        format!(r#"{{"data":{data},"channel":"diff_order_book_{symbol}","event":"data"}}"#)
    }

    fn kraken_v1(&self, is_whole: bool, bids: &[Change], asks: &[Change]) -> String {
        let (bids, asks) = (
            pairs(bids, r#","1700000000.5""#),
            pairs(asks, r#","1700000000.25""#),
        );
        if is_whole {
            return format!(r#"[336,{{"as":{asks},"bs":{bids}}},"book-10","XBT/USD"]"#);
        }
        let checksum = self.kraken_checksum();
        format!(r#"[336,{{"a":{asks}}},{{"b":{bids},"c":"{checksum}"}},"book-10","XBT/USD"]"#)
    }

    fn kraken_v2(&self, is_whole: bool, bids: &[Change], asks: &[Change]) -> String {
        let objects = |changes: &[Change]| {
            let each = changes.iter().map(|(_, price, size)| {
                format!(
                    r#"{{"price":{},"qty":{}}}"#,
                    decimal(*price, 2),
                    decimal(*size, 3)
                )
            });
            format!("[{}]", each.collect::<Vec<_>>().join(","))
        };
        format!(
            r#"{{"channel":"book","type":"{}","data":[{{"symbol":"BTC/USD","bids":{},"asks":{},"checksum":{},"timestamp":"2026-01-02T03:04:05.123456Z"}}]}}"#,
            kind(is_whole, "update"),
            objects(bids),
            objects(asks),
            self.kraken_checksum()
        )
    }

    fn kraken_checksum(&self) -> u32 {
        let (bids, asks) = self.view();
        let mut text = String::new();
        for (price, size) in asks.iter().chain(bids.iter().rev()) {
            for number in [decimal(*price, 2), decimal(*size, 3)] {
                text += number.replace('.', "").trim_start_matches('0');
            }
        }
        crc32(text.as_bytes())
    }

    fn okx(&self, previous: i64, is_whole: bool, bids: &[Change], asks: &[Change]) -> String {
        let proof = if self.form == Form::OkxIds {
            let previous = if is_whole { -1 } else { previous };
            format!(
                r#""checksum":0,"prevSeqId":{previous},"seqId":{}"#,
                self.number
            )
        } else {
            format!(r#""checksum":{}"#, self.okx_checksum().cast_signed())
        };
        format!(
            r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{}","data":[{{"asks":{},"bids":{},"ts":"1700000000085",{proof}}}]}}"#,
            kind(is_whole, "update"),
            pairs(asks, r#","0","1""#),
            pairs(bids, r#","0","1""#)
        )
    }

    fn okx_checksum(&self) -> u32 {
        let text =
            |(price, size): (&i64, &i64)| format!("{}:{}", decimal(*price, 2), decimal(*size, 3));
        let (bids, asks) = (self.bids.iter().rev().map(text), self.asks.iter().map(text));
        let (mut bids, mut asks) = (bids.take(25), asks.take(25));
        let mut parts = Vec::new();
        for _ in 0..25 {
            parts.extend(bids.next());
            parts.extend(asks.next());
        }
        crc32(parts.join(":").as_bytes())
    }
}

fn coinbase(number: i64, symbol: &str, is_whole: bool, bids: &[Change], asks: &[Change]) -> String {
    let updates = bids.iter().chain(asks).map(|(is_bid, price, size)| {
        let side = if *is_bid { "bid" } else { "offer" };
        format!(
            r#"{{"side":"{side}","event_time":"2026-01-02T03:04:05Z","price_level":"{}","new_quantity":"{}"}}"#,
            decimal(*price, 2),
            decimal(*size, 3)
        )
    });
    format!(
        r#"{{"channel":"l2_data","timestamp":"2026-01-02T03:04:05.5Z","sequence_num":{number},"events":[{{"type":"{}","product_id":"{symbol}","updates":[{}]}}]}}"#,
        kind(is_whole, "update"),
        updates.collect::<Vec<_>>().join(",")
    )
}

fn kind(is_whole: bool, update: &str) -> &str {
    if is_whole { "snapshot" } else { update }
}

fn changes(is_bid: bool, levels: &Levels) -> Vec<Change> {
    levels
        .iter()
        .map(|(price, size)| (is_bid, *price, *size))
        .collect()
}

/// What a subscriber must be told: what left the book, but not what was only pushed out of view, and what is new.
fn difference(is_bid: bool, before: &Levels, after: &Levels, all: &Levels) -> Vec<Change> {
    let gone = before.keys().filter(|price| !all.contains_key(price));
    let gone = gone.map(|price| (is_bid, *price, 0));
    let new = after
        .iter()
        .filter(|(price, size)| before.get(price) != Some(size));
    gone.chain(new.map(|(price, size)| (is_bid, *price, *size)))
        .collect()
}

/// `[["price","size"…],…]`.
fn pairs(changes: &[Change], more: &str) -> String {
    let pair = |(_, price, size): &Change| {
        format!(
            r#"["{}","{}"{more}]"#,
            decimal(*price, 2),
            decimal(*size, 3)
        )
    };
    format!(
        "[{}]",
        changes.iter().map(pair).collect::<Vec<_>>().join(",")
    )
}

fn decimal(count: i64, decimals: usize) -> String {
    let digits = format!("{count:0width$}", width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    format!("{whole}.{fraction}")
}

/// CRC-32 (ISO-HDLC), bit by bit.
pub fn crc32(bytes: &[u8]) -> u32 {
    let shifted = |sum: u32| {
        if sum & 1 == 1 {
            sum >> 1 ^ 0xEDB8_8320
        } else {
            sum >> 1
        }
    };
    let with_byte =
        |sum: u32, byte: &u8| (0..8).fold(sum ^ u32::from(*byte), |sum, _| shifted(sum));
    !bytes.iter().fold(u32::MAX, with_byte)
}
