//! Books written in each venue's format come out as they were; what is lost on the way is never shown.

mod venue_feed;
#[path = "../../fuzz/src/wire.rs"]
mod wire;

use openoutcry_engine::decode::binance::Product;
use openoutcry_engine::decode::venue::Venue;
use openoutcry_engine::feed::MarketFeed;
use proptest::prelude::*;
use venue_feed::apply;
use wire::{Change, FORMS, Form, KRAKEN_DEPTH, Levels, PRICE_TICK, SIZE_STEP, Wire};

fn venue(form: Form) -> Venue {
    match form {
        Form::BinanceSpot => Venue::Binance(Product::Spot),
        Form::BinanceFutures => Venue::Binance(Product::UsdMargined),
        Form::Bitstamp => Venue::Bitstamp,
        Form::Bybit => Venue::Bybit,
        Form::Coinbase => Venue::Coinbase,
        Form::KrakenV1 | Form::KrakenV2 => Venue::Kraken,
        Form::OkxChecksum | Form::OkxIds => Venue::Okx,
    }
}

fn new_feed(form: Form) -> MarketFeed {
    venue_feed::new_feed(
        venue(form),
        form.symbol(),
        KRAKEN_DEPTH,
        PRICE_TICK,
        SIZE_STEP,
    )
}

/// The levels by price, as the venue has them.
fn levels(feed: &MarketFeed) -> Option<(Levels, Levels)> {
    let (bids, asks) = venue_feed::shown_levels(feed)?;
    Some((bids.into_iter().collect(), asks.into_iter().collect()))
}

/// Begins or begins again: by a whole book in the stream, or by a REST reply.
fn begin(feed: &mut MarketFeed, wire: &mut Wire) {
    let whole = wire.whole();
    if wire.form().has_snapshot() {
        assert_eq!(feed.apply_snapshot(whole.as_bytes()), Ok(true), "{whole}");
    } else {
        apply(feed, &whole);
    }
}

fn change() -> impl Strategy<Value = Change> {
    let price = prop_oneof![8 => 9_970_i64..10_030, 2 => 9_000_i64..11_000, 1 => 1_i64..1_000_000];
    let size = prop_oneof![2 => Just(0_i64), 5 => 1_i64..5_000, 1 => 1_i64..1_000_000_000];
    (any::<bool>(), price, size)
}

fn history() -> impl Strategy<Value = Vec<Vec<Change>>> {
    prop::collection::vec(prop::collection::vec(change(), 0..8), 2..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_history_comes_out_as_it_was_after_every_frame(beginning in prop::collection::vec(change(), 0..60), history in history()) {
        for form in FORMS {
            let (mut wire, mut feed) = (Wire::new(form), new_feed(form));
            wire.change(&beginning);
            begin(&mut feed, &mut wire);
            prop_assert_eq!(levels(&feed), Some(wire.view()), "{:?}", form);
            for changes in &history {
                apply(&mut feed, &wire.change(changes));
                prop_assert_eq!(levels(&feed), Some(wire.view()), "{:?}", form);
            }
            prop_assert!(feed.take_violations().is_empty());
        }
    }

    #[test]
    fn a_lost_frame_is_noticed_before_a_wrong_book_is_shown(
        beginning in prop::collection::vec(change(), 0..60),
        history in history(),
        lost in any::<prop::sample::Index>(),
    ) {
        for form in FORMS.into_iter().filter(|form| *form != Form::Bitstamp) {
            let (mut wire, mut feed) = (Wire::new(form), new_feed(form));
            wire.change(&beginning);
            begin(&mut feed, &mut wire);
            let lost = lost.index(history.len() - 1);
            for (number, changes) in history.iter().enumerate() {
                let frame = wire.change(changes);
                if number == lost {
                    continue;
                }
                apply(&mut feed, &frame);
                if number > lost {
                    let shown = levels(&feed);
                    prop_assert!(shown.is_none() || shown == Some(wire.view()), "{:?}", form);
                    prop_assert!(!form.is_numbered() || shown.is_none(), "{:?}", form);
                    prop_assert_eq!(feed.needs_resubscription() || feed.needs_snapshot(), shown.is_none());
                }
            }
            let noticed = feed.book().is_none();
            prop_assert_eq!(feed.take_violations().len(), usize::from(noticed), "once: {:?}", form);
            feed.reset();
            begin(&mut feed, &mut wire);
            prop_assert_eq!(levels(&feed), Some(wire.view()), "{:?}", form);
        }
    }
}
