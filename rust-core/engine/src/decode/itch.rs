//! Nasdaq TotalView-ITCH 5.0: the messages that change the displayed orders.
//!
//! The form of Nasdaq's day files: each message behind its length in two bytes, everything big-endian. Prices
//! are whole 1/10,000 dollars, times nanoseconds since midnight in New York. Messages of other kinds (the
//! directory, imbalances, trades against hidden orders) are skipped by their length.

use super::DecodeError;
use super::order::{OrderEvent, OrderId, UnitsPerTick};
use crate::units::{Side, SizeLots};

/// An event with the instrument and the time that its message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// The instrument's number of the day.
    pub stock_locate: u16,
    /// Nanoseconds since midnight in New York.
    pub since_midnight_ns: i64,
    /// What happened.
    pub event: OrderEvent,
}

/// The order events in a run of length-prefixed messages. After an error it ends.
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    bytes: &'a [u8],
    at: usize,
    units_per_tick: UnitsPerTick,
    /// Only this instrument's.
    stock_locate: Option<u16>,
}

impl<'a> Messages<'a> {
    /// The events of one instrument, or of all.
    pub fn new(bytes: &'a [u8], units_per_tick: UnitsPerTick, stock_locate: Option<u16>) -> Self {
        Self {
            bytes,
            at: 0,
            units_per_tick,
            stock_locate,
        }
    }

    /// Takes the next message's body. One that is cut off is an error: it is not known what it would have said.
    #[inline]
    fn body(&mut self) -> Option<Result<&'a [u8], DecodeError>> {
        let rest = &self.bytes[self.at..];
        let (length, rest) = match rest.split_first_chunk::<LENGTH_BYTES>() {
            Some((length, rest)) => (usize::from(u16::from_be_bytes(*length)), rest),
            None if rest.is_empty() => return None,
            None => return Some(Err(self.fail("the length of a message is cut off"))),
        };
        let Some(body) = rest.get(..length) else {
            return Some(Err(self.fail("a message is cut off")));
        };
        self.at += LENGTH_BYTES + length;
        Some(Ok(body))
    }

    #[cold]
    fn fail(&mut self, what: &str) -> DecodeError {
        let error = DecodeError::new(what.to_owned(), self.at);
        self.at = self.bytes.len();
        error
    }

    #[inline]
    fn event(&self, body: &[u8]) -> Result<Option<Message>, Problem> {
        // A message of no length marks the end of a session.
        let Some(kind) = body.first() else {
            return Ok(None);
        };
        let Some(length) = body_bytes(*kind) else {
            return Ok(None);
        };
        if body.len() != length {
            return Err(Problem::Length);
        }
        let fields = Fields(body);
        let stock_locate = fields.u16(1);
        if self
            .stock_locate
            .is_some_and(|wanted| wanted != stock_locate)
        {
            return Ok(None);
        }
        Ok(Some(Message {
            stock_locate,
            since_midnight_ns: fields.since_midnight_ns()?,
            event: self.order_event(*kind, fields)?,
        }))
    }

    #[inline]
    fn order_event(&self, kind: u8, fields: Fields<'_>) -> Result<OrderEvent, Problem> {
        let id = OrderId(fields.u64(11));
        let price = |at| {
            let units = i64::from(fields.u32(at));
            self.units_per_tick
                .ticks(units)
                .ok_or(Problem::Price(units))
        };
        Ok(match kind {
            b'A' | b'F' => OrderEvent::Add {
                id,
                side: fields.side(19)?,
                size: fields.size(20),
                price: price(32)?,
            },
            b'E' | b'C' => OrderEvent::Execute {
                id,
                size: fields.size(19),
            },
            b'X' => OrderEvent::Reduce {
                id,
                size: fields.size(19),
            },
            b'U' => OrderEvent::Replace {
                id,
                new_id: OrderId(fields.u64(19)),
                size: fields.size(27),
                price: price(31)?,
            },
            _ => OrderEvent::Cancel { id },
        })
    }
}

const LENGTH_BYTES: usize = 2;
const NS_PER_DAY: i64 = 86_400 * crate::units::NS_PER_S;

/// The length of the kinds that change displayed orders: add (`A`, with the firm's name `F`), execute (`E`, at
/// another price `C`), reduce (`X`), cancel (`D`), replace (`U`).
#[inline]
fn body_bytes(kind: u8) -> Option<usize> {
    Some(match kind {
        b'A' | b'C' => 36,
        b'F' => 40,
        b'E' => 31,
        b'X' => 23,
        b'D' => 19,
        b'U' => 35,
        _ => return None,
    })
}

/// What is wrong with a body.
#[derive(Debug)]
enum Problem {
    Length,
    Side(u8),
    Price(i64),
    Time(i64),
}

impl Problem {
    fn what(&self, kind: u8) -> String {
        let kind = char::from(kind).escape_debug();
        match self {
            Self::Length => format!("a message of kind {kind} has the wrong length"),
            Self::Side(byte) => {
                format!("side `{}` is not B or S", char::from(*byte).escape_debug())
            }
            Self::Price(units) => format!("price {units} (1/10,000) lies between two ticks"),
            Self::Time(ns) => format!("time {ns} ns is not within a day"),
        }
    }
}

/// A body whose length has been checked.
#[derive(Debug, Clone, Copy)]
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    #[inline]
    fn bytes<const N: usize>(self, at: usize) -> [u8; N] {
        let field = self.0.get(at..).and_then(<[u8]>::first_chunk::<N>);
        field.copied().unwrap_or([0; N])
    }

    #[inline]
    fn u16(self, at: usize) -> u16 {
        u16::from_be_bytes(self.bytes(at))
    }

    #[inline]
    fn u32(self, at: usize) -> u32 {
        u32::from_be_bytes(self.bytes(at))
    }

    #[inline]
    fn u64(self, at: usize) -> u64 {
        u64::from_be_bytes(self.bytes(at))
    }

    #[inline]
    fn size(self, at: usize) -> SizeLots {
        SizeLots(i64::from(self.u32(at)))
    }

    #[inline]
    fn side(self, at: usize) -> Result<Side, Problem> {
        match self.bytes::<1>(at) {
            [b'B'] => Ok(Side::Buy),
            [b'S'] => Ok(Side::Sell),
            [other] => Err(Problem::Side(other)),
        }
    }

    /// Six bytes behind the kind, the locate and the tracking number.
    #[inline]
    fn since_midnight_ns(self) -> Result<i64, Problem> {
        let ns = i64::from(self.u16(5)) << 32 | i64::from(self.u32(7));
        if ns < NS_PER_DAY {
            Ok(ns)
        } else {
            Err(Problem::Time(ns))
        }
    }
}

impl Iterator for Messages<'_> {
    type Item = Result<Message, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let begin = self.at;
            let body = match self.body()? {
                Ok(body) => body,
                Err(error) => return Some(Err(error)),
            };
            match self.event(body) {
                Ok(None) => {}
                Ok(Some(message)) => return Some(Ok(message)),
                Err(problem) => {
                    let what = problem.what(body.first().copied().unwrap_or_default());
                    self.at = begin;
                    return Some(Err(self.fail(&what)));
                }
            }
        }
    }
}
