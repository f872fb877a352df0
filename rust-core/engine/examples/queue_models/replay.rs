//! The day again, with phantoms in it; and with its own orders taken for phantoms, whose fate is recorded.
//!
//! An execution at the phantom's price fills it if the executed order joined the queue later: by first in, first out,
//! everything that stood ahead is gone then. Which of two orders came first is known from their submissions; of an
//! order that came before the file begins, or out of its view, from the ids, which count upwards.

use std::collections::HashMap;

use openoutcry_engine::decode::lobster::{Kind, Message};
use openoutcry_engine::random::Random;
use openoutcry_engine::simulation::QueueModel;
use openoutcry_engine::units::Side;

use super::lobster_day::{Book, Day};
use super::phantom::{Phantom, Place, meeting};

/// Which phantoms, and how long they stay.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Of moments, sides, depths and sizes.
    pub seed: u64,
    /// How many.
    pub count: usize,
    /// They join from here on, nanoseconds since midnight,
    pub from_ns: i64,
    /// and before this.
    pub to_ns: i64,
    /// How long each stays.
    pub stay_ns: i64,
    /// Sizes of levels are told to the models so often, as a venue's depth stream does; 0 is after each message.
    pub depth_every_ns: i64,
}

const DEPTHS: u64 = 3;
const MAX_SHARES: u64 = 100;

/// Who came first.
#[derive(Debug, Default)]
struct Arrivals {
    /// The number of an order's submission.
    numbers: HashMap<u64, usize>,
    /// The largest id by the number of the message.
    largest: Vec<u64>,
}

impl Arrivals {
    fn new(day: &Day) -> Self {
        let mut arrivals = Self::default();
        let mut largest = 0;
        for (number, (message, _)) in day.events.iter().enumerate() {
            largest = largest.max(message.id.0);
            arrivals.largest.push(largest);
            if message.kind == Kind::Add {
                arrivals.numbers.insert(message.id.0, number);
            }
        }
        arrivals
    }

    /// True if the message's order was submitted by message number `since` or later.
    fn is_behind(&self, message: &Message, since: usize) -> bool {
        let id = message.id.0;
        match self.numbers.get(&id) {
            Some(number) => *number >= since,
            None => since
                .checked_sub(1)
                .and_then(|last| self.largest.get(last))
                .is_none_or(|largest| id > *largest),
        }
    }
}

/// Moments in order, each with what is drawn for it: side, depth, size.
fn plan_moments(plan: &Plan) -> Vec<(i64, Side, usize, i64)> {
    let mut random = Random::new(plan.seed);
    let span = plan.to_ns.saturating_sub(plan.from_ns).max(0) as u64;
    let mut moments: Vec<_> = (0..plan.count)
        .map(|_| {
            let at_ns = plan.from_ns + random.below(span) as i64;
            let side = if random.chance(0.5) {
                Side::Buy
            } else {
                Side::Sell
            };
            let depth = random.below(DEPTHS) as usize;
            (at_ns, side, depth, 1 + random.below(MAX_SHARES) as i64)
        })
        .collect();
    moments.sort_by_key(|moment| moment.0);
    moments
}

/// Replays the day with the plan's phantoms; returns them in the order in which they joined. Where a side has not so
/// many levels there is none.
pub fn phantoms(day: &Day, plan: &Plan, models: &[QueueModel]) -> Vec<Phantom> {
    let arrivals = Arrivals::new(day);
    let mut moments = plan_moments(plan).into_iter().peekable();
    let (mut active, mut done) = (Vec::<(usize, Phantom)>::new(), Vec::new());
    let mut shown: Option<&Book> = None;
    let mut period = 0;
    for (number, (message, book)) in day.events.iter().enumerate() {
        let now_ns = message.since_midnight_ns;
        if plan.depth_every_ns > 0 && now_ns / plan.depth_every_ns != period {
            period = now_ns / plan.depth_every_ns;
            tell(&mut active, shown, models);
        }
        while let Some((at_ns, side, depth, size)) = moments.next_if(|moment| moment.0 < now_ns) {
            let level = shown.and_then(|book| book[side as usize].level(depth));
            if let Some((price, ahead)) = level {
                let place = Place {
                    at_ns,
                    side,
                    depth,
                    price,
                    size,
                    ahead,
                };
                active.push((number, Phantom::new(place, models)));
            }
        }
        let over = |(_, phantom): &mut (usize, Phantom)| {
            now_ns - phantom.place.at_ns > plan.stay_ns || is_over(phantom)
        };
        done.extend(active.extract_if(.., over));
        for (since, phantom) in &mut active {
            let is_behind = arrivals.is_behind(message, *since);
            phantom.on_message(message, is_behind);
        }
        if plan.depth_every_ns == 0 {
            tell(&mut active, Some(book), models);
        }
        shown = Some(book);
    }
    done.extend(active);
    done.sort_by_key(|(since, phantom)| (phantom.place.at_ns, *since));
    done.into_iter().map(|(_, phantom)| phantom).collect()
}

/// Nothing more can happen to it, nor to what the models believe.
fn is_over(phantom: &Phantom) -> bool {
    let mut fates = phantom.believed.iter().chain([&phantom.truth]);
    fates.all(|fate| fate.whole_ns.is_some())
}

fn tell(active: &mut [(usize, Phantom)], book: Option<&Book>, models: &[QueueModel]) {
    let Some(book) = book else { return };
    for (_, phantom) in active {
        let Place { side, price, .. } = phantom.place;
        phantom.on_level(book[side as usize].shares_at(side, price), models);
    }
}

/// How a real order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was withdrawn before it had traded.
    Withdrawn,
    /// It traded.
    Traded,
    /// Nothing was told of its end within its stay. It rests, or it was withdrawn where the file does not look.
    Unknown,
}

/// A real order: what is recorded of it, and what the phantoms' rule says of its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RealOrder {
    /// When it was submitted.
    pub at_ns: i64,
    /// How it ended within its stay.
    pub end: End,
    /// The number of the message at which it first traded, or left.
    pub ended: usize,
    /// The number of the message at which the rule first fills an order in its place.
    pub reached: Option<usize>,
}

/// Takes each order that was submitted in the plan's time for a phantom, and compares.
pub fn real_orders(day: &Day, plan: &Plan) -> Vec<RealOrder> {
    struct Resting {
        id: u64,
        since: usize,
        side: Side,
        price: i64,
        at_ns: i64,
        shares: i64,
        reached: Option<usize>,
    }
    let arrivals = Arrivals::new(day);
    let (mut active, mut done) = (Vec::<Resting>::new(), Vec::new());
    for (number, (message, _)) in day.events.iter().enumerate() {
        let now_ns = message.since_midnight_ns;
        active.retain_mut(|order| {
            let meets = meeting(order.side, order.price, message).is_some();
            // An own execution is the same as one behind: everything ahead is gone.
            let reaches = meets && arrivals.is_behind(message, order.since);
            let is_through = meets && message.price_units != order.price;
            if reaches || is_through {
                order.reached.get_or_insert(number);
            }
            let is_own = message.id.0 == order.id;
            let end = match message.kind {
                Kind::Execute if is_own => Some(End::Traded),
                Kind::Reduce | Kind::Delete if is_own => {
                    order.shares -= message.size.0;
                    (order.shares <= 0).then_some(End::Withdrawn)
                }
                _ => (now_ns - order.at_ns > plan.stay_ns).then_some(End::Unknown),
            };
            let Some(end) = end else { return true };
            done.push(RealOrder {
                at_ns: order.at_ns,
                end,
                ended: number,
                reached: order.reached,
            });
            false
        });
        if message.kind == Kind::Add && (plan.from_ns..plan.to_ns).contains(&now_ns) {
            active.push(Resting {
                id: message.id.0,
                since: number,
                side: message.side,
                price: message.price_units,
                at_ns: now_ns,
                shares: message.size.0,
                reached: None,
            });
        }
    }
    done
}
