//! Books by order: what a feed says is done to the book and to a slow, obvious one, which must agree.

use std::collections::BTreeMap;

use openoutcry_engine::book::l3::{L3Book, LobsterOptions};
use openoutcry_engine::decode::bitstamp_orders::Decoder;
use openoutcry_engine::decode::itch;
use openoutcry_engine::decode::order::{OrderEvent, OrderId, UnitsPerTick};
use openoutcry_engine::units::{MAX_COUNT, PriceTicks, Side, SizeLots, Step};

/// Small, so that a few levels leave it.
const WINDOW_TICKS: usize = 128;
/// The longest text of an error, in bytes.
const MAX_ERROR_BYTES: usize = 512;
/// Bytes of one event of [`events`]: kind, side, id, new id, price, size: a byte each.
const EVENT_BYTES: usize = 6;
const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

/// Rests orders in one list, oldest first.
#[derive(Debug, Default)]
struct Reference(Vec<(u64, Side, i64, i64)>);

impl Reference {
    /// Does what an event says; false, and nothing, if it does not fit.
    fn apply(&mut self, event: &OrderEvent) -> bool {
        match *event {
            OrderEvent::Add {
                id,
                side,
                price,
                size,
            } => {
                let fits = is_price(price) && is_size(size) && self.find(id).is_none();
                if fits && id.0 < 1 << 63 {
                    self.0.push((id.0, side, price.0, size.0));
                    return true;
                }
                false
            }
            OrderEvent::Cancel { id } => self.find(id).map(|at| self.0.remove(at)).is_some(),
            OrderEvent::Reduce { id, size } | OrderEvent::Execute { id, size } => {
                let Some(at) = self.find(id).filter(|_| is_size(size)) else {
                    return false;
                };
                match self.0[at].3 - size.0 {
                    left if left < 0 => return false,
                    0 => drop(self.0.remove(at)),
                    left => self.0[at].3 = left,
                }
                true
            }
            OrderEvent::Replace {
                id,
                new_id,
                price,
                size,
            } => {
                let is_free = new_id == id || self.find(new_id).is_none();
                let fits = is_price(price) && is_size(size) && is_free && new_id.0 < 1 << 63;
                let Some(at) = self.find(id).filter(|_| fits) else {
                    return false;
                };
                let (_, side, ..) = self.0.remove(at);
                self.0.push((new_id.0, side, price.0, size.0));
                true
            }
            OrderEvent::Amend { id, price, size } => {
                let fits = is_price(price) && is_size(size);
                let Some(at) = self.find(id).filter(|_| fits) else {
                    return false;
                };
                let (_, side, old_price, old_size) = self.0[at];
                if price.0 == old_price && size.0 <= old_size {
                    self.0[at].3 = size.0;
                } else {
                    self.0.remove(at);
                    self.0.push((id.0, side, price.0, size.0));
                }
                true
            }
            OrderEvent::HiddenExecution => true,
        }
    }

    fn find(&self, id: OrderId) -> Option<usize> {
        self.0.iter().position(|order| order.0 == id.0)
    }

    /// Size by price, best first.
    fn levels(&self, wanted: Side) -> Vec<(i64, i64)> {
        let mut levels = BTreeMap::new();
        for (_, _, price, size) in self.0.iter().filter(|order| order.1 == wanted) {
            *levels.entry(*price).or_default() += size;
        }
        let levels = levels.into_iter();
        match wanted {
            Side::Buy => levels.rev().collect(),
            Side::Sell => levels.collect(),
        }
    }

    fn check(&self, book: &L3Book) {
        assert_eq!(book.len(), self.0.len());
        for side in SIDES {
            let levels = book.levels(side).map(|level| (level.price.0, level.size.0));
            assert!(levels.eq(self.levels(side)), "other levels");
        }
        for (at, (id, side, price, size)) in self.0.iter().enumerate() {
            let order = book.order(OrderId(*id)).expect("a resting order");
            let found = (order.side, order.price.0, order.size.0);
            assert_eq!(found, (*side, *price, *size));
            let is_ahead = |other: &&(u64, Side, i64, i64)| (other.1, other.2) == (*side, *price);
            let ahead = self.0[..at].iter().filter(is_ahead);
            let (orders, lots) = ahead.fold((0, 0), |sum, order| (sum.0 + 1, sum.1 + order.3));
            let position = book.queue_position(OrderId(*id)).expect("its place");
            assert_eq!(
                (position.orders_ahead, position.lots_ahead.0),
                (orders, lots)
            );
        }
    }
}

fn is_price(price: PriceTicks) -> bool {
    (-MAX_COUNT..=MAX_COUNT).contains(&price.0)
}

fn is_size(size: SizeLots) -> bool {
    (1..=MAX_COUNT).contains(&size.0)
}

fn units(count: u32) -> UnitsPerTick {
    UnitsPerTick::new(count).expect("positive")
}

fn apply_to_both(book: &mut L3Book, reference: &mut Reference, event: &OrderEvent) {
    let outcome = book.apply(event);
    assert_eq!(
        outcome.is_ok(),
        reference.apply(event),
        "{event:?}: {outcome:?}"
    );
}

/// Events of few ids, prices and sizes, so that they meet: six bytes each.
///
/// # Panics
/// The book is not what it must be.
pub fn events(bytes: &[u8]) {
    let (mut book, mut reference) = (L3Book::new(WINDOW_TICKS), Reference::default());
    for event in bytes.chunks_exact(EVENT_BYTES) {
        let [kind, flank, id, new_id, price, lots] = *event else {
            break;
        };
        let (id, new_id) = (OrderId(u64::from(id % 64)), OrderId(u64::from(new_id % 64)));
        // A few prices lie far away.
        let far = if flank >= 0xF0 { 1_000_000 } else { 1 };
        let (price, size) = (
            PriceTicks(i64::from(price) * far),
            SizeLots(i64::from(lots)),
        );
        let event = match kind % 8 {
            0 | 1 => OrderEvent::Add {
                id,
                side: SIDES[usize::from(flank % 2)],
                price,
                size,
            },
            2 => OrderEvent::Cancel { id },
            3 => OrderEvent::Reduce { id, size },
            4 => OrderEvent::Execute { id, size },
            5 => OrderEvent::Replace {
                id,
                new_id,
                price,
                size,
            },
            6 => OrderEvent::Amend { id, price, size },
            _ => OrderEvent::HiddenExecution,
        };
        apply_to_both(&mut book, &mut reference, &event);
    }
    reference.check(&book);
}

/// Length-prefixed ITCH messages: the batch and its events one by one make the same book.
///
/// # Panics
/// The book is not what it must be.
pub fn itch(bytes: &[u8]) {
    for (units, stock_locate) in [(units(1), None), (units(100), Some(1))] {
        let (mut batch, mut book) = (L3Book::new(WINDOW_TICKS), L3Book::new(WINDOW_TICKS));
        let outcome = batch.apply_itch(bytes, units, stock_locate);
        let mut reference = Reference::default();
        let mut count = 0;
        for message in itch::Messages::new(bytes, units, stock_locate) {
            let Ok(message) = message else { break };
            if !reference.apply(&message.event) {
                assert!(book.apply(&message.event).is_err());
                break;
            }
            book.apply(&message.event).expect("it fits");
            count += 1;
        }
        match outcome {
            Ok(applied) => assert_eq!(applied, count),
            Err(error) => {
                assert_eq!(error.index, count);
                assert!(error.to_string().len() <= MAX_ERROR_BYTES);
            }
        }
        reference.check(&book);
        reference.check(&batch);
    }
}

/// LOBSTER's lines, after a line of `price size` pairs that rested before (bids, then asks by turns).
///
/// # Panics
/// The book is not what it must be.
pub fn lobster(session: &[u8]) {
    let mut parts = session.splitn(2, |byte| *byte == b'\n');
    let (seeds, lines) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    for (count, skips_unknown) in [(1, true), (100, true), (100, false)] {
        let options = LobsterOptions {
            units_per_tick: units(count),
            skips_unknown,
        };
        let mut book = L3Book::new(WINDOW_TICKS);
        let numbers = std::str::from_utf8(seeds).unwrap_or_default();
        let numbers: Vec<i64> = numbers
            .split(' ')
            .map_while(|text| text.parse().ok())
            .collect();
        for (index, pair) in numbers.chunks_exact(2).enumerate() {
            let (price, size) = (PriceTicks(pair[0]), SizeLots(pair[1]));
            // One that cannot rest is an error, and nothing.
            let at = openoutcry_engine::decode::Level { price, size };
            let rests = book.len();
            let is_seeded = book.seed(SIDES[index % 2], at).is_ok();
            assert_eq!(book.len(), rests + usize::from(is_seeded));
        }
        let mut by_line = book.clone();
        let outcome = book.apply_lobster(lines, options);
        let mut applied = 0;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            match by_line.apply_lobster(line, options) {
                Ok((count, _)) => applied += count,
                Err(_) => break,
            }
        }
        match outcome {
            Ok((count, skipped)) => assert!(count == applied && skipped <= count),
            Err(error) => {
                assert_eq!(error.index, applied);
                assert!(error.to_string().len() <= MAX_ERROR_BYTES);
            }
        }
        assert_eq!(book.len(), by_line.len());
        for side in SIDES {
            assert!(book.levels(side).eq(by_line.levels(side)), "other levels");
            assert!(
                book.levels(side).all(|level| level.size.0 > 0),
                "an empty level"
            );
            let orders: usize = book
                .levels(side)
                .map(|level| book.orders_at(side, level.price))
                .sum();
            assert!(orders <= book.len());
        }
    }
}

/// Bitstamp's order frames, a line each; `S…` is a REST reply, `R` a new connection.
///
/// # Panics
/// The book is not what it must be.
pub fn bitstamp(session: &[u8]) {
    let step = |text| Step::parse(text).expect("a step");
    let mut decoder = Decoder::new("btcusd", step("0.01"), step("0.00000001"));
    let (mut book, mut reference) = (L3Book::new(WINDOW_TICKS), Reference::default());
    let mut snapshot = Vec::new();
    for line in session.split(|byte| *byte == b'\n') {
        let error = match line {
            [b'R', ..] => {
                decoder.reset();
                continue;
            }
            [b'S', body @ ..] => {
                snapshot.clear();
                let error = decoder.decode_snapshot(body, &mut snapshot).err();
                assert!(error.is_none() || snapshot.is_empty());
                book.clear();
                reference.0.clear();
                for event in &snapshot {
                    apply_to_both(&mut book, &mut reference, event);
                }
                error
            }
            frame => match decoder.decode(frame) {
                Ok(Some(message)) => {
                    apply_to_both(&mut book, &mut reference, &message.event);
                    None
                }
                Ok(None) => None,
                Err(error) => Some(error),
            },
        };
        assert!(error.is_none_or(|error| error.to_string().len() <= MAX_ERROR_BYTES));
    }
    reference.check(&book);
}
