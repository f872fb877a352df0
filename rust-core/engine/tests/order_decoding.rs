//! LOBSTER's lines and ITCH's messages: written and read back, and refused when they are malformed.

use openoutcry_engine::book::l3::{BatchProblem, L3Book, L3Error, LobsterOptions};
use openoutcry_engine::decode::order::{OrderEvent, OrderId, UnitsPerTick};
use openoutcry_engine::decode::{Level, itch, lobster};
use openoutcry_engine::units::{PriceTicks, Side, SizeLots};
use proptest::prelude::*;

const NS_PER_DAY: i64 = 86_400_000_000_000;

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn lobster_kind(digit: u8) -> lobster::Kind {
    use lobster::Kind;
    match digit {
        1 => Kind::Add,
        2 => Kind::Reduce,
        3 => Kind::Delete,
        4 => Kind::Execute,
        5 => Kind::ExecuteHidden,
        6 => Kind::Cross,
        _ => Kind::Halt,
    }
}

/// The time with as few decimals as it needs, or with all nine.
fn time_text(ns: i64, is_short: bool) -> String {
    let whole = format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
    if is_short {
        whole.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        whole
    }
}

fn lobster_lines(text: &[u8]) -> Vec<lobster::Message> {
    lobster::Messages::new(text)
        .map(|message| message.expect("well formed"))
        .collect()
}

proptest! {
    #[test]
    fn lobster_lines_read_back(
        times in prop::collection::vec((0..NS_PER_DAY, any::<bool>()), 1..20),
        digit in 1_u8..8,
        id in 0..10_u64.pow(18),
        shares in 0..10_i64.pow(18),
        price_units in -1..10_i64.pow(12),
        side in side(),
        line_end in prop_oneof![Just("\n"), Just("\r\n")],
    ) {
        let direction = if side == Side::Buy { 1 } else { -1 };
        let lines = times.iter().map(|(ns, is_short)| {
            let time = time_text(*ns, *is_short);
            format!("{time},{digit},{id},{shares},{price_units},{direction}{line_end}")
        });
        let text = lines.collect::<Vec<_>>().concat();
        let expected: Vec<lobster::Message> = times
            .iter()
            .map(|(ns, _)| lobster::Message {
                since_midnight_ns: *ns,
                kind: lobster_kind(digit),
                id: OrderId(id),
                size: SizeLots(shares),
                price_units,
                side,
            })
            .collect();
        prop_assert_eq!(&lobster_lines(text.as_bytes()), &expected);
        prop_assert_eq!(&lobster_lines(text.trim_end().as_bytes()), &expected);
    }

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>()) {
        let mut line = b"34200.015105074,4,15818974,4,5794000,1\n34200,1,1,1,1,-1\n".to_vec();
        let at = at.index(line.len());
        line.splice(at..=at, bytes.iter().copied().take(3));
        for text in [&bytes, &line] {
            let messages: Vec<_> = lobster::Messages::new(text).collect();
            let failed = messages.iter().position(Result::is_err);
            prop_assert!(failed.is_none_or(|index| index + 1 == messages.len()));
            let _ = itch::Messages::new(text, UnitsPerTick::ONE, None).count();
        }
    }
}

#[test]
fn malformed_lines_are_refused_where_they_stand() {
    let good = "34200.5,1,7,100,5794000,1\n";
    for bad in [
        "86400.0,1,7,100,5794000,1",
        "34200.0123456789,1,7,100,5794000,1",
        "34200.,1,7,100,5794000,1",
        "-1.5,1,7,100,5794000,1",
        "3.42e4,1,7,100,5794000,1",
        ",1,7,100,5794000,1",
        "34200.5,0,7,100,5794000,1",
        "34200.5,8,7,100,5794000,1",
        "34200.5,11,7,100,5794000,1",
        "34200.5,1,-7,100,5794000,1",
        "34200.5,1,7,1000000000000000000,5794000,1",
        "34200.5,1,7,1.5,5794000,1",
        "34200.5,1,7,100,+5794000,1",
        "34200.5,1,7,100,--1,1",
        "34200.5,1,7,100,5794000,0",
        "34200.5,1,7,100,5794000,2",
        "34200.5,1,7,100,5794000,12",
        "34200.5,1,7,100,5794000",
        "34200.5,1,7,100,5794000,1,null",
        " 34200.5,1,7,100,5794000,1",
        "",
        "34200.5,1,7,100,5794000,1\r\r",
    ] {
        let text = format!("{good}{bad}\n{good}");
        let messages: Vec<_> = lobster::Messages::new(text.as_bytes()).collect();
        assert_eq!(messages.len(), 2, "{bad}");
        assert!(messages[0].is_ok());
        let error = messages[1].as_ref().expect_err(bad);
        assert_eq!(error.offset, good.len(), "{bad}");
    }
}

/// An ITCH message without its length, of the right size for its kind, with everything else zero.
fn itch_body(kind: u8, stock_locate: u16, ns: i64, id: u64, rest: &[u8]) -> Vec<u8> {
    let mut body = vec![kind];
    body.extend(stock_locate.to_be_bytes());
    body.extend([0, 0]);
    body.extend(&ns.to_be_bytes()[2..]);
    body.extend(id.to_be_bytes());
    body.extend(rest);
    body
}

fn prefixed(body: &[u8]) -> Vec<u8> {
    let mut message = (body.len() as u16).to_be_bytes().to_vec();
    message.extend(body);
    message
}

fn add_body(kind: u8, id: u64, side: u8, shares: u32, price: u32) -> Vec<u8> {
    let mut rest = vec![side];
    rest.extend(shares.to_be_bytes());
    rest.extend(b"GOOG    ");
    rest.extend(price.to_be_bytes());
    if kind == b'F' {
        rest.extend(b"FIRM");
    }
    itch_body(kind, 3, 1, id, &rest)
}

/// The body that says what an event does; for an amendment and a hidden execution there is none.
fn write_itch(event: &OrderEvent, variant: bool, ns: i64) -> Option<Vec<u8>> {
    let be32 = |number: i64| (number as u32).to_be_bytes();
    Some(match *event {
        OrderEvent::Add {
            id,
            side,
            price,
            size,
        } => {
            let letter = if side == Side::Buy { b'B' } else { b'S' };
            let kind = if variant { b'F' } else { b'A' };
            let mut body = add_body(kind, id.0, letter, size.0 as u32, price.0 as u32);
            body[5..11].copy_from_slice(&ns.to_be_bytes()[2..]);
            body
        }
        OrderEvent::Cancel { id } => itch_body(b'D', 3, ns, id.0, &[]),
        OrderEvent::Reduce { id, size } => itch_body(b'X', 3, ns, id.0, &be32(size.0)),
        OrderEvent::Execute { id, size } => {
            let mut rest = be32(size.0).to_vec();
            rest.extend(5_u64.to_be_bytes());
            if variant {
                rest.extend(b"Y\0\0\0\x01");
            }
            itch_body(if variant { b'C' } else { b'E' }, 3, ns, id.0, &rest)
        }
        OrderEvent::Replace {
            id,
            new_id,
            price,
            size,
        } => {
            let mut rest = new_id.0.to_be_bytes().to_vec();
            rest.extend(be32(size.0));
            rest.extend(be32(price.0));
            itch_body(b'U', 3, ns, id.0, &rest)
        }
        OrderEvent::Amend { .. } | OrderEvent::HiddenExecution => return None,
    })
}

fn itch_event() -> impl Strategy<Value = OrderEvent> {
    let count = || 0..=i64::from(u32::MAX);
    let draws = (0..5, any::<u64>(), any::<u64>(), side(), count(), count());
    draws.prop_map(|(choice, id, new_id, side, price, size)| {
        let (id, new_id) = (OrderId(id), OrderId(new_id));
        let (price, size) = (PriceTicks(price), SizeLots(size));
        match choice {
            0 => OrderEvent::Add {
                id,
                side,
                price,
                size,
            },
            1 => OrderEvent::Cancel { id },
            2 => OrderEvent::Reduce { id, size },
            3 => OrderEvent::Execute { id, size },
            _ => OrderEvent::Replace {
                id,
                new_id,
                price,
                size,
            },
        }
    })
}

proptest! {
    #[test]
    fn itch_messages_read_back(
        events in prop::collection::vec((itch_event(), any::<bool>(), 0..NS_PER_DAY), 1..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = prefixed(&itch_body(b'P', 3, 9, 0, &[0; 25]));
        let mut expected = Vec::new();
        for (event, variant, ns) in &events {
            let body = write_itch(event, *variant, *ns).expect("a kind of ITCH");
            bytes.extend(prefixed(&body));
            bytes.extend(prefixed(b"S\0\0\0\0\0\0\0\0\0\0O"));
            bytes.extend(prefixed(b""));
            expected.push(Ok(itch::Message {
                stock_locate: 3,
                since_midnight_ns: *ns,
                event: *event,
            }));
        }
        let read: Vec<_> = itch::Messages::new(&bytes, UnitsPerTick::ONE, Some(3)).collect();
        prop_assert_eq!(&read, &expected);
        prop_assert_eq!(itch::Messages::new(&bytes, UnitsPerTick::ONE, Some(4)).count(), 0);

        // Cut off anywhere: what was whole is read, and the rest is an error unless the cut is between two.
        let cut = &bytes[..cut.index(bytes.len())];
        let mut read: Vec<_> = itch::Messages::new(cut, UnitsPerTick::ONE, None).collect();
        if read.last().is_some_and(Result::is_err) {
            read.pop();
        }
        prop_assert_eq!(&read[..], &expected[..read.len()]);
    }
}

#[test]
fn malformed_itch_messages_are_refused_where_they_stand() {
    let good = prefixed(&add_body(b'A', 7, b'S', 100, 5_794_000));
    let cent = UnitsPerTick::new(100).expect("positive");
    let late = {
        let mut body = add_body(b'A', 7, b'B', 1, 100);
        body[5..11].copy_from_slice(&NS_PER_DAY.to_be_bytes()[2..]);
        body
    };
    let long = [add_body(b'A', 7, b'B', 1, 100), vec![0]].concat();
    for (bad, what) in [
        (prefixed(&add_body(b'A', 7, b'b', 1, 100)), "side `b`"),
        (
            prefixed(&add_body(b'F', 7, b'B', 1, 101)),
            "between two ticks",
        ),
        (
            prefixed(&itch_body(b'D', 3, 1, 7, &[0])),
            "kind D has the wrong length",
        ),
        (prefixed(&long), "kind A has the wrong length"),
        (prefixed(&late), "not within a day"),
        (vec![0], "the length of a message is cut off"),
        (vec![0, 19, b'D'], "a message is cut off"),
    ] {
        let bytes = [good.clone(), bad].concat();
        let messages: Vec<_> = itch::Messages::new(&bytes, cent, None).collect();
        assert_eq!(messages.len(), 2, "{what}");
        let error = messages[1].as_ref().expect_err(what);
        assert!(error.what.contains(what), "{error}");
        assert_eq!(error.offset, good.len(), "{what}");
    }
}

#[test]
fn itch_bytes_make_a_book_and_a_failure_names_the_message() {
    let add = |id, letter, price| prefixed(&add_body(b'A', id, letter, 100, price));
    let mut bytes = [add(1, b'B', 5_794_000), add(2, b'S', 5_795_000)].concat();
    let mut book = L3Book::new(1024);
    let cent = UnitsPerTick::new(100).expect("positive");
    assert_eq!(book.apply_itch(&bytes, cent, Some(3)), Ok(2));
    let top = book.top().map(|(bid, ask)| (bid.price.0, ask.price.0));
    assert_eq!(top, Some((57_940, 57_950)));
    bytes = [add(3, b'B', 5_794_000), add(1, b'B', 5_794_000)].concat();
    let error = book.apply_itch(&bytes, cent, None).expect_err("1 rests");
    assert_eq!(error.to_string(), "message 1: order 1 rests already");
    assert_eq!(book.orders_at(Side::Buy, PriceTicks(57_940)), 2);
}

#[test]
fn lobster_lines_take_from_what_was_seeded() {
    let options = |skips_unknown| LobsterOptions {
        units_per_tick: UnitsPerTick::new(100).expect("positive"),
        skips_unknown,
    };
    let level = |price, lots| Level {
        price: PriceTicks(price),
        size: SizeLots(lots),
    };
    let mut book = L3Book::new(1024);
    book.seed(Side::Buy, level(57_940, 500))
        .expect("an empty book");
    let lines = b"34200.1,4,15,4,5794000,1\n34200.2,5,0,1,5794050,1\n34200.3,3,16,96,5794000,1\n\
        34200.4,1,17,30,5794000,1\n34200.5,2,17,10,5794000,1\n";
    assert_eq!(book.apply_lobster(lines, options(false)), Ok((5, 0)));
    let sizes: Vec<i64> = book
        .orders(Side::Buy, PriceTicks(57_940))
        .map(|order| order.size.0)
        .collect();
    assert_eq!(sizes, [400, 20]);

    let unknown = b"34200.6,3,18,5,5795000,1\n";
    let error = book
        .apply_lobster(unknown, options(false))
        .expect_err("18 is unknown");
    assert_eq!(
        error.problem,
        BatchProblem::Book(L3Error::UnknownOrder(OrderId(18)))
    );
    assert_eq!(book.apply_lobster(unknown, options(true)), Ok((1, 1)));
    for wrong in [
        "34200.6,3,17,19,5794000,1",  // not what is left
        "34200.6,4,17,5,5794100,1",   // not its price
        "34200.6,2,17,5,5794000,-1",  // not its side
        "34200.6,4,17,21,5794000,1",  // more than it has
        "34200.6,4,18,401,5794000,1", // more than was seeded
        "34200.6,1,17,1,5794000,1",   // again
        "34200.6,1,18,0,5794000,1",   // nothing
        "34200.6,1,18,1,5794001,1",   // between two ticks
    ] {
        assert!(
            book.apply_lobster(wrong.as_bytes(), options(true)).is_err(),
            "{wrong}"
        );
        assert_eq!(book.best(Side::Buy), Some(level(57_940, 420)), "{wrong}");
    }
}
