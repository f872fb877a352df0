//! Levels are read by the shape of those before them: this must never show in what is read.

use openoutcry_engine::decode::binance::{Decoder, Product};
use openoutcry_engine::decode::{Event, Level};
use openoutcry_engine::units::{PriceTicks, SizeLots, Step};
use proptest::prelude::*;

const TELLING: &str = r#""e":"depthUpdate","E":1700000000100,"s":"BTCUSDT","U":11,"u":13"#;

fn step(text: &str) -> Step {
    Step::parse(text).expect("a step")
}

fn frame(levels: &[(String, String)]) -> String {
    let levels: Vec<_> = levels
        .iter()
        .map(|(price, size)| format!(r#"["{price}","{size}"]"#))
        .collect();
    format!(r#"{{{TELLING},"b":[{}],"a":[]}}"#, levels.join(","))
}

/// A level read on its own, digit by digit; None if it is refused.
fn expected(price: &str, size: &str, tick: Step, lot: Step) -> Option<Level> {
    let ticks = tick
        .count(price.as_bytes())
        .ok()
        .filter(|ticks| *ticks > 0)?;
    let (lots, is_whole) = lot.floor(size.as_bytes()).ok()?;
    Some(Level {
        price: PriceTicks(ticks),
        size: SizeLots(if is_whole { lots } else { lots.max(1) }),
    })
}

/// Text of a usual shape now and then broken, and of any other shape.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => "[1-9][0-9]{0,5}\\.[0-9]{2}0{6}",
        20 => "[0-9]{1,4}\\.[0-9]{3}",
        5 => "[0-9]{1,9}",
        5 => "[0-9]{1,9}\\.[0-9]{1,12}",
        1 => "[0-9]{1,4}[./:-][0-9]{1,3}",
        1 => "[0-9.]{0,18}",
        1 => "[0-9]{1,5}\\.[0-9:/.a\u{e9}]{3}",
    ]
}

fn grid() -> impl Strategy<Value = (&'static str, &'static str)> {
    let ticks = prop_oneof![
        Just("0.01"),
        Just("0.001"),
        Just("0.05"),
        Just("1"),
        Just("0.00000001")
    ];
    let lots = prop_oneof![
        Just("0.001"),
        Just("0.00001"),
        Just("1"),
        Just("0.5"),
        Just("10")
    ];
    (ticks, lots)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_level_is_read_as_it_would_be_alone(
        (tick, lot) in grid(),
        levels in prop::collection::vec((number(), number()), 1..20),
    ) {
        let (tick, lot) = (step(tick), step(lot));
        let mut decoder = Decoder::new(Product::Spot, "BTCUSDT", tick, lot);
        // One frame a level, so that a refused one does not hide the others; and its frame twice, as the first
        // may have taught its shape.
        for (price, size) in levels.iter().flat_map(|level| [level, level]) {
            let text = frame(&[(price.clone(), size.clone())]);
            let read = match decoder.decode(text.as_bytes()) {
                Ok(Event::Depth(update)) => Some(update.bids[0]),
                Ok(other) => panic!("{other:?}"),
                Err(error) if error.to_string().contains("finer than") => continue,
                Err(_) => None,
            };
            prop_assert_eq!(read, expected(price, size, tick, lot), "{}", text);
        }
    }

    #[test]
    fn levels_that_come_before_what_tells_whose_they_are_are_the_same(
        levels in prop::collection::vec((number(), number()), 0..20),
        is_ours in any::<bool>(),
    ) {
        let text = frame(&levels);
        let members = text.trim_matches(['{', '}']);
        let (telling, sides) = members.split_once(",\"b\"").expect("bids");
        let telling = if is_ours { telling.to_owned() } else { telling.replace("BTC", "ETH") };
        let (last, first) = (format!("{{{telling},\"b\"{sides}}}"), format!("{{\"b\"{sides},{telling}}}"));
        let decoder = || Decoder::new(Product::Spot, "BTCUSDT", step("0.01"), step("0.00001"));
        let (mut one, mut other) = (decoder(), decoder());
        let (expected, read) = (one.decode(last.as_bytes()), other.decode(first.as_bytes()));
        prop_assert_eq!(expected.is_err(), read.is_err());
        if let (Ok(expected), Ok(read)) = (&expected, &read) {
            prop_assert_eq!(expected, read);
        }
        if !is_ours {
            prop_assert_eq!(read, Ok(Event::Unknown));
            prop_assert_eq!(other.finer_sizes(), 0);
        }
        prop_assert_eq!(one.finer_sizes(), other.finer_sizes());
    }
}

#[test]
fn a_snapshot_whose_sides_have_short_names_is_read_all_the_same() {
    let mut decoder = Decoder::new(Product::Spot, "BTCUSDT", step("0.01"), step("0.00001"));
    let body = br#"{"b":[["100.00","2.0"]],"a":[["100.30","3.0"]],"lastUpdateId":12}"#;
    let snapshot = decoder.decode_snapshot(body).expect("a snapshot");
    assert_eq!((snapshot.bids.len(), snapshot.asks.len()), (1, 1));
}
