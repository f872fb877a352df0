//! Bitstamp's orders: `live_orders`, and the REST `order_book` by order (`group=2`).
//!
//! By the venue's documentation: `order_created`, `order_changed` and `order_deleted` name an order, its side, its
//! price and what is left of it. An order that takes is told too, before what it trades with is changed or
//! deleted, so that a book may be crossed for some events. A market order has no price to rest at: 0, or
//! one far away. What its documentation does not have, but frames since 2026 do, is a chain: `pre_event_id` is
//! the `event_id` of the event before. Where it is there it must hold.

use super::grid::Grid;
use super::json::{Raw, Scanner, quoted, require};
use super::order::{OrderEvent, OrderId};
use super::{DecodeError, bitstamp};
use crate::units::{PriceTicks, Side, SizeLots, Step, TimestampNs};

/// The longest id of an event that is kept.
const MAX_EVENT_ID_BYTES: usize = 64;

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderMessage {
    /// Venue time, to the microsecond.
    pub event_ns: TimestampNs,
    /// The event, for a book by order.
    pub event: OrderEvent,
    /// Events before this one never came: a book has to begin anew.
    pub is_after_gap: bool,
}

/// Decodes the orders of one instrument.
#[derive(Debug, Clone)]
pub struct Decoder {
    symbol: Vec<u8>,
    grid: Grid,
    /// Empty before the first event, and where events have none.
    last_event_id: Vec<u8>,
}

/// The order that an event or a snapshot names.
struct Order {
    id: OrderId,
    side: Side,
    price: PriceTicks,
    size: SizeLots,
}

impl Decoder {
    /// A decoder for `symbol`, as `btcusd`.
    pub fn new(symbol: &str, price_tick: Step, size_step: Step) -> Self {
        Self {
            symbol: symbol.as_bytes().to_vec(),
            grid: Grid::new(price_tick, size_step),
            last_event_id: Vec::new(),
        }
    }

    /// The connection is new: its chain of events begins anew.
    pub fn reset(&mut self) {
        self.last_event_id.clear();
    }

    /// Decodes one WebSocket text frame; None if it is another channel's or another instrument's.
    ///
    /// # Errors
    /// The frame is malformed.
    pub fn decode(&mut self, frame: &[u8]) -> Result<Option<OrderMessage>, DecodeError> {
        let mut scanner = Scanner::new(frame);
        if scanner.peek() != Some(b'{') {
            return Ok(None);
        }
        let [channel, name, data, id, previous] =
            scanner.members(["channel", "event", "data", "event_id", "pre_event_id"])?;
        scanner.expect_end()?;
        let (Some(channel), Some(name)) = (channel, name) else {
            return Ok(None);
        };
        let symbol = channel.string("channel")?.strip_prefix(b"live_orders_");
        if symbol != Some(&self.symbol) {
            return Ok(None);
        }
        let name = name.string("event")?;
        if !matches!(name, b"order_created" | b"order_changed" | b"order_deleted") {
            return Ok(None);
        }
        let (event_ns, order) = self.order(require(data, "`data`")?)?;
        let Order {
            id: order_id,
            price,
            size,
            side,
        } = order;
        let event = match name {
            b"order_created" => OrderEvent::Add {
                id: order_id,
                side,
                price,
                size,
            },
            b"order_changed" if !size.is_zero() => OrderEvent::Amend {
                id: order_id,
                price,
                size,
            },
            _ => OrderEvent::Cancel { id: order_id },
        };
        let is_after_gap = self.follow(id, previous)?;
        Ok(Some(OrderMessage {
            event_ns,
            event,
            is_after_gap,
        }))
    }

    fn order(&mut self, data: Raw<'_>) -> Result<(TimestampNs, Order), DecodeError> {
        let [id, kind, time, amount, price] = Scanner::of(data).members([
            "id",
            "order_type",
            "microtimestamp",
            "amount_str",
            "price_str",
        ])?;
        let kind = require(kind, "`order_type`")?;
        let amount = require(amount, "`amount_str`")?;
        let price = require(price, "`price_str`")?;
        let order = Order {
            id: OrderId(require(id, "`id`")?.positive("id")?.cast_unsigned()),
            side: match kind.text {
                b"0" => Side::Buy,
                b"1" => Side::Sell,
                _ => return Err(kind.error("order_type", "is neither 0 nor 1")),
            },
            price: self
                .grid
                .price_or_zero(price.string("price_str")?, price.offset)?,
            size: self
                .grid
                .size(amount.string("amount_str")?, amount.offset)?,
        };
        Ok((bitstamp::microtime(time)?.0, order))
    }

    /// True if the event is not the one after the last.
    fn follow(
        &mut self,
        id: Option<Raw<'_>>,
        previous: Option<Raw<'_>>,
    ) -> Result<bool, DecodeError> {
        let (Some(id), Some(previous)) = (id, previous) else {
            // A chain that stops proves nothing of what came between.
            let last = std::mem::take(&mut self.last_event_id);
            return Ok(!last.is_empty());
        };
        let (text, previous) = (id.string("event_id")?, previous.string("pre_event_id")?);
        if text.len() > MAX_EVENT_ID_BYTES {
            return Err(id.error("event_id", "is too long"));
        }
        let expected = std::mem::replace(&mut self.last_event_id, text.to_vec());
        Ok(!expected.is_empty() && previous != expected)
    }

    /// Decodes the body of the REST `order_book` by order, `[["price","amount","id"],…]` a side, and appends an
    /// `Add` for each, in the venue's order; returns the time. An event that is not newer is in it.
    ///
    /// # Errors
    /// The body is anything else, or malformed; `events` is then as it was.
    pub fn decode_snapshot(
        &mut self,
        body: &[u8],
        events: &mut Vec<OrderEvent>,
    ) -> Result<TimestampNs, DecodeError> {
        let kept = events.len();
        let result = self.read_snapshot(body, events);
        if result.is_err() {
            events.truncate(kept);
        }
        result
    }

    fn read_snapshot(
        &mut self,
        body: &[u8],
        events: &mut Vec<OrderEvent>,
    ) -> Result<TimestampNs, DecodeError> {
        let mut scanner = Scanner::new(body);
        let [time, bids, asks] = scanner.members(["microtimestamp", "bids", "asks"])?;
        scanner.expect_end()?;
        let (Some(bids), Some(asks)) = (bids, asks) else {
            let what = format!("{} is no order book", quoted(body));
            return Err(DecodeError::new(what, 0));
        };
        for (side, orders) in [(Side::Buy, bids), (Side::Sell, asks)] {
            Scanner::of(orders).array(|scanner| {
                events.push(self.resting(scanner, side)?);
                Ok(())
            })?;
        }
        Ok(bitstamp::microtime(time)?.0)
    }

    fn resting(
        &mut self,
        scanner: &mut Scanner<'_>,
        side: Side,
    ) -> Result<OrderEvent, DecodeError> {
        let offset = scanner.offset();
        let [Some(price), Some(amount), Some(id)] = scanner.elements()? else {
            return Err(DecodeError::new("an order is price, amount, id", offset));
        };
        let text = id.unquoted();
        let (price, lots) = self.grid.traded(price, amount)?;
        let id = OrderId(Raw { text, ..id }.positive("id")?.cast_unsigned());
        Ok(OrderEvent::Add {
            id,
            side,
            price,
            size: lots,
        })
    }
}
