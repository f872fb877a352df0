//! Bitstamp's orders to a book by order. By its documentation: no recording was at hand.

use openoutcry_engine::book::l3::{L3Book, QueuePosition};
use openoutcry_engine::decode::bitstamp_orders::Decoder;
use openoutcry_engine::decode::order::{OrderEvent, OrderId};
use openoutcry_engine::units::{PriceTicks, Side, SizeLots, Step, TimestampNs};

const SNAPSHOT: &str = r#"{"timestamp":"1700000000","microtimestamp":"1700000000000300","bids":[["100.10","1.50000000","11"],["100.10","0.50000000","12"],["100.00","2.00000000","13"]],"asks":[["100.20","0.25000000","21"]]}"#;

fn decoder() -> Decoder {
    let step = |text| Step::parse(text).expect("a step");
    Decoder::new("btcusd", step("0.01"), step("0.00000001"))
}

fn order_event(name: &str, id: i64, kind: u8, price: &str, size: &str) -> String {
    format!(
        r#"{{"data":{{"id":{id},"id_str":"{id}","order_type":{kind},"order_subtype":0,"datetime":"1700000001","microtimestamp":"1700000001000000","amount":{size},"amount_str":"{size}","price":{price},"price_str":"{price}"}},"channel":"live_orders_btcusd","event":"{name}"}}"#
    )
}

/// With the ids of the event and of the one before it.
fn chained(frame: &str, id: &str, previous: &str) -> String {
    let ids = format!(r#","event_id":"{id}","pre_event_id":"{previous}"}}"#);
    format!("{}{ids}", frame.strip_suffix('}').expect("an object"))
}

fn begun() -> (Decoder, L3Book) {
    let (mut decoder, mut book) = (decoder(), L3Book::new(128));
    let mut events = Vec::new();
    let time = decoder.decode_snapshot(SNAPSHOT.as_bytes(), &mut events);
    assert_eq!(time, Ok(TimestampNs(1_700_000_000_000_300_000)));
    for event in &events {
        book.apply(event).expect("a new order");
    }
    (decoder, book)
}

#[test]
fn orders_come_change_and_go() {
    let (mut decoder, mut book) = begun();
    let ahead = |book: &L3Book, id| {
        let position = book.queue_position(OrderId(id)).expect("a resting order");
        let QueuePosition {
            orders_ahead,
            lots_ahead,
        } = position;
        (orders_ahead, lots_ahead.0)
    };
    assert_eq!((book.len(), ahead(&book, 12)), (4, (1, 150_000_000)));
    for frame in [
        order_event("order_created", 14, 0, "100.10", "3.00000000"),
        order_event("order_changed", 11, 0, "100.10", "0.40000000"),
        order_event("order_deleted", 21, 1, "100.20", "0"),
        order_event("order_created", 22, 1, "100.30", "1.00000000"),
        order_event("order_changed", 12, 0, "100.10", "0"),
    ] {
        let message = decoder
            .decode(frame.as_bytes())
            .expect("a frame")
            .expect("an event");
        assert!(!message.is_after_gap);
        assert_eq!(message.event_ns, TimestampNs(1_700_000_001_000_000_000));
        book.apply(&message.event).expect("it fits the book");
    }
    // What traded kept its place.
    assert_eq!(ahead(&book, 14), (1, 40_000_000));
    let (bid, ask) = book.top().expect("both sides");
    assert_eq!(
        (bid.price, bid.size),
        (PriceTicks(10_010), SizeLots(340_000_000))
    );
    assert_eq!(
        (ask.price, ask.size),
        (PriceTicks(10_030), SizeLots(100_000_000))
    );
}

#[test]
fn a_broken_chain_of_events_is_told() {
    let mut decoder = decoder();
    let frame = order_event("order_created", 14, 0, "100.10", "3");
    let mut gap = |frame: &str| {
        let message = decoder.decode(frame.as_bytes()).expect("a frame");
        message.expect("an event").is_after_gap
    };
    assert!(
        !gap(&chained(&frame, "b", "a")),
        "the first one has nothing to follow"
    );
    assert!(!gap(&chained(&frame, "c", "b")));
    assert!(gap(&chained(&frame, "e", "d")));
    assert!(!gap(&chained(&frame, "f", "e")), "told once");
    assert!(gap(&frame), "the chain stops");
    assert!(!gap(&frame), "there is none");
    assert!(!gap(&chained(&frame, "g", "f")));
    let no_text = chained(&frame, "h", "g").replace(r#":"g"}"#, ":7}");
    assert!(decoder.decode(no_text.as_bytes()).is_err());
    let next = decoder.decode(chained(&frame, "i", "h").as_bytes());
    let is_after_gap = next.expect("a frame").expect("an event").is_after_gap;
    assert!(is_after_gap, "what could not be read is not followed");
    decoder.reset();
    let message = decoder.decode(chained(&frame, "z", "y").as_bytes());
    assert!(!message.expect("a frame").expect("an event").is_after_gap);
}

#[test]
fn other_frames_are_left_alone() {
    let frame = order_event("order_created", 14, 0, "100.10", "3");
    for other in [
        "",
        "[]",
        "{}",
        r#"{"event":"bts:subscription_succeeded","channel":"live_orders_btcusd","data":{}}"#,
        r#"{"event":"bts:request_reconnect","channel":"","data":""}"#,
        &frame.replace("btcusd", "btcusdt"),
        &frame.replace("live_orders", "detail_order_book"),
    ] {
        assert_eq!(decoder().decode(other.as_bytes()), Ok(None), "{other}");
    }
}

#[test]
fn malformed_frames_and_snapshots_are_errors() {
    let frame = order_event("order_created", 14, 0, "100.10", "3");
    for (old, new) in [
        (r#""id":14"#, r#""id":-14"#),
        (r#""id":14,"#, ""),
        (r#""order_type":0"#, r#""order_type":2"#),
        ("100.10\"", "100.105\""),
        (r#""amount_str":"3""#, r#""amount_str":"3e1""#),
        ("1700000001000000", "17000000010000000"),
    ] {
        let malformed = frame.replace(old, new);
        assert_ne!(malformed, frame);
        assert!(
            decoder().decode(malformed.as_bytes()).is_err(),
            "{malformed}"
        );
    }
    for length in 1..frame.len() {
        assert!(decoder().decode(&frame.as_bytes()[..length]).is_err());
    }
    let mut events = vec![OrderEvent::HiddenExecution];
    for (old, new) in [
        ("\"11\"", "\"x\""),
        (",\"21\"", ""),
        ("1.50000000", "0"),
        ("asks", "x"),
    ] {
        let malformed = SNAPSHOT.replace(old, new);
        assert!(
            decoder()
                .decode_snapshot(malformed.as_bytes(), &mut events)
                .is_err()
        );
        assert_eq!(events, [OrderEvent::HiddenExecution], "as it was");
    }
    let mut events = Vec::new();
    decoder()
        .decode_snapshot(SNAPSHOT.as_bytes(), &mut events)
        .expect("a snapshot");
    let id = OrderId(21);
    let (price, size) = (PriceTicks(10_020), SizeLots(25_000_000));
    assert_eq!(
        events[3],
        OrderEvent::Add {
            id,
            side: Side::Sell,
            price,
            size
        }
    );
}
