//! An order that nobody placed, in a queue of real ones: when it would have been filled, and when each queue model
//! believes it was.

use openoutcry_engine::decode::lobster::{Kind, Message};
use openoutcry_engine::simulation::{QueueModel, QueuePosition};
use openoutcry_engine::units::{Side, SizeLots};

use super::lobster_day::is_better;

/// A lot in units of what is traded: shares.
const SHARE: f64 = 1.0;

/// What has come of an order; times since midnight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fate {
    /// When the first share was filled.
    pub first_ns: Option<i64>,
    /// When the last was.
    pub whole_ns: Option<i64>,
    filled: i64,
}

impl Fate {
    fn fill(&mut self, at_ns: i64, shares: i64, size: i64) {
        if shares <= 0 || self.whole_ns.is_some() {
            return;
        }
        self.first_ns.get_or_insert(at_ns);
        self.filled += shares;
        if self.filled >= size {
            self.whole_ns = Some(at_ns);
        }
    }
}

/// How an event meets an order at a price, whatever its place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meeting {
    /// A trade at its price.
    AtPrice,
    /// A trade at a worse price: it would have met the order first.
    Through,
    /// An order of the other side rests where it would have taken this one.
    Cross,
}

/// How a message meets an order of this side and price.
pub fn meeting(side: Side, price: i64, message: &Message) -> Option<Meeting> {
    let at = message.price_units;
    match message.kind {
        Kind::Execute | Kind::ExecuteHidden if message.side == side => {
            if at == price {
                Some(Meeting::AtPrice)
            } else {
                is_better(side, price, at).then_some(Meeting::Through)
            }
        }
        Kind::Add if message.side != side => {
            (!is_better(side, at, price)).then_some(Meeting::Cross)
        }
        _ => None,
    }
}

/// Where a phantom stands and how much it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Nanoseconds since midnight at which it joins.
    pub at_ns: i64,
    /// Its side.
    pub side: Side,
    /// Levels behind the best.
    pub depth: usize,
    /// 1/10,000 dollar.
    pub price: i64,
    /// Shares.
    pub size: i64,
    /// Shares that stand at its price when it joins.
    pub ahead: i64,
}

/// A phantom on its way.
#[derive(Debug, Clone)]
pub struct Phantom {
    /// Where it stands.
    pub place: Place,
    /// By first in, first out.
    pub truth: Fate,
    /// What filled its first share.
    pub cause: Option<Meeting>,
    /// What came to its price first, and when: what would fill an order without a queue before it.
    pub touched: Option<(Meeting, i64)>,
    /// What each model believes.
    pub believed: Vec<Fate>,
    /// Its price was out of the book file's view for a time.
    pub has_left_view: bool,
    positions: Vec<QueuePosition>,
    /// The size at its price that the models were told last.
    level: i64,
}

impl Phantom {
    /// A phantom behind all that stands at its price.
    pub fn new(place: Place, models: &[QueueModel]) -> Self {
        Self {
            place,
            truth: Fate::default(),
            cause: None,
            touched: None,
            believed: vec![Fate::default(); models.len()],
            has_left_view: false,
            positions: vec![QueuePosition::behind(SizeLots(place.ahead)); models.len()],
            level: place.ahead,
        }
    }

    /// A message of the other side or a trade; `is_behind` says that the order it is about came after the phantom.
    pub fn on_message(&mut self, message: &Message, is_behind: bool) {
        let Place {
            side, price, size, ..
        } = self.place;
        let Some(meeting) = meeting(side, price, message) else {
            return;
        };
        let (at_ns, shares) = (message.since_midnight_ns, message.size.0);
        self.touched.get_or_insert((meeting, at_ns));
        // A hidden order is served after all that is displayed at its price, the phantom included.
        let reaches =
            meeting != Meeting::AtPrice || is_behind || message.kind == Kind::ExecuteHidden;
        if reaches {
            self.truth.fill(at_ns, shares, size);
            self.cause.get_or_insert(meeting);
        }
        for (position, fate) in self.positions.iter_mut().zip(&mut self.believed) {
            let filled = if meeting == Meeting::AtPrice {
                // As the simulator bounds it: an estimate may stand beyond the front.
                position.on_trade(shares, shares).min(shares)
            } else {
                shares
            };
            fate.fill(at_ns, filled, size);
        }
    }

    /// The models are told the size at the phantom's price, None if it is out of view.
    pub fn on_level(&mut self, shares: Option<i64>, models: &[QueueModel]) {
        let Some(shares) = shares else {
            self.has_left_view = true;
            return;
        };
        let previous = std::mem::replace(&mut self.level, shares);
        if previous != shares {
            for (model, position) in models.iter().zip(&mut self.positions) {
                position.on_level(*model, SHARE, previous, shares);
            }
        }
    }
}
