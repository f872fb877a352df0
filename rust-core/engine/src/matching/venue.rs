//! The venue: frames and orders in, execution reports out.

use super::liquidity::Liquidity;
use super::resting::{Resting, RestingFill, RestingSide, Vanished, is_better};
use super::{
    FIRST_OWN_TRADE_ID, MAX_RESTING_ORDERS, NewOrder, OrderError, Report, ReportKind, TimeInForce,
};
use crate::decode::binance::{Decoder, Product};
use crate::decode::{DecodeError, Event, Level, Trade};
use crate::units::{PriceTicks, Side, SizeLots, Step, TimestampNs};

/// Decimals of Binance spot's prices and sizes, whatever the instrument's grid.
const SPOT_DECIMALS: usize = 8;

/// One instrument of a venue, replayed, with our orders in it. The module says by which rules.
#[derive(Debug, Clone)]
pub struct SimulatedVenue {
    decoder: Decoder,
    price_tick: Step,
    size_step: Step,
    liquidity: Liquidity,
    bids: RestingSide,
    asks: RestingSide,
    fills: FillIds,
    last_market_trade_id: i64,
}

impl SimulatedVenue {
    /// A venue for the instrument `symbol` (the venue's own, as `BTCUSDT`) on its grid.
    pub fn new(product: Product, symbol: &str, price_tick: Step, size_step: Step) -> Self {
        Self {
            decoder: Decoder::new(product, symbol, price_tick, size_step),
            price_tick,
            size_step,
            liquidity: Liquidity::new(),
            bids: RestingSide::new(Side::Buy),
            asks: RestingSide::new(Side::Sell),
            fills: FillIds {
                next: FIRST_OWN_TRADE_ID,
            },
            last_market_trade_id: 0,
        }
    }

    /// Applies a recorded frame, or a snapshot's JSON; returns the fills that it causes.
    ///
    /// # Errors
    /// The frame is malformed; nothing has changed.
    pub fn apply(
        &mut self,
        frame: &[u8],
        received: TimestampNs,
    ) -> Result<Vec<Report>, DecodeError> {
        let is_book_changed = match self.decoder.decode(frame)? {
            Event::Depth(update) => {
                self.bids.on_depth_frame();
                self.asks.on_depth_frame();
                self.liquidity.on_update(update)
            }
            Event::Snapshot(snapshot) => self.liquidity.on_snapshot(snapshot),
            Event::BookTicker(ticker) => self.liquidity.on_ticker(ticker),
            Event::Trade(trade) => return Ok(self.on_trade(trade, received)),
            Event::Unknown => false,
        };
        Ok(if is_book_changed {
            self.on_book(received)
        } else {
            Vec::new()
        })
    }

    /// Matches a new order. The first report is `New` or `Rejected`.
    ///
    /// # Errors
    /// The order makes no sense; see [`OrderError`].
    pub fn submit(&mut self, order: NewOrder, now: TimestampNs) -> Result<Vec<Report>, OrderError> {
        self.check(&order)?;
        let mut ticket = Ticket {
            order,
            filled: SizeLots::ZERO,
            now,
        };
        let own_price = self.side(order.side.opposite()).best_price();
        let meets_own = own_price.is_some_and(|price| is_within(&order, price));
        let levels = self.takeable(&order, own_price);
        let is_taker = meets_own || !levels.is_empty();
        if self.liquidity.book().is_none() || (order.post_only && is_taker) {
            return Ok(vec![ticket.report(ReportKind::Rejected)]);
        }
        let mut reports = vec![ticket.report(ReportKind::New)];
        let fillable = levels.iter().map(|level| level.size.0).sum::<i64>();
        if order.time_in_force != TimeInForce::FillOrKill || fillable == order.size.0 {
            for level in levels {
                self.liquidity
                    .take(order.side.opposite(), level.price, level.size);
                reports.push(ticket.fill(level, self.fills.next()));
            }
        }
        if ticket.leaves().is_zero() {
            return Ok(reports);
        }
        match order.price {
            Some(price) if order.time_in_force == TimeInForce::GoodTillCanceled && !meets_own => {
                self.rest(&ticket, price);
            }
            _ => reports.push(ticket.report(ReportKind::Expired)),
        }
        Ok(reports)
    }

    /// Withdraws a resting order.
    ///
    /// # Errors
    /// No such order rests.
    pub fn cancel(&mut self, order_id: i64, now: TimestampNs) -> Result<Vec<Report>, OrderError> {
        for side in [Side::Buy, Side::Sell] {
            if let Some(order) = self.side_mut(side).remove(order_id) {
                return Ok(vec![resting_report(
                    ReportKind::Canceled,
                    side,
                    &order,
                    now,
                )]);
            }
        }
        Err(OrderError::UnknownOrder(order_id))
    }

    /// Lots of the recording ahead of a resting order at its price.
    ///
    /// # Errors
    /// No such order rests.
    pub fn queue_ahead(&self, order_id: i64) -> Result<SizeLots, OrderError> {
        let order = self.bids.get(order_id).or_else(|| self.asks.get(order_id));
        order
            .map(|order| order.ahead)
            .ok_or(OrderError::UnknownOrder(order_id))
    }

    /// The recorded book as the venue's REST depth reply, to join the recorded stream with; `depth` levels a
    /// side. It holds neither our orders nor what a newer bookTicker says. Without a valid book it is empty.
    pub fn snapshot(&self, depth: usize) -> Vec<u8> {
        let side = |side| {
            let levels = self
                .liquidity
                .book()
                .into_iter()
                .flat_map(|book| book.levels(side));
            let texts = levels.take(depth).map(|level| self.level_text(level));
            texts.collect::<Vec<_>>().join(",")
        };
        let (bids, asks) = (side(Side::Buy), side(Side::Sell));
        let last_id = self.liquidity.last_id();
        format!("{{\"lastUpdateId\":{last_id},\"bids\":[{bids}],\"asks\":[{asks}]}}").into_bytes()
    }

    /// Best bid and best ask of the recording, the bookTicker included where it is newer.
    pub fn top(&self) -> Option<(Level, Level)> {
        self.liquidity.top()
    }

    /// The last update id of the recorded book; zero while there is no valid one.
    pub fn last_update_id(&self) -> i64 {
        self.liquidity.last_id()
    }

    fn check(&self, order: &NewOrder) -> Result<(), OrderError> {
        let id = order.id;
        if order.size.0 <= 0 {
            return Err(OrderError::Size {
                id,
                size: order.size.0,
            });
        }
        if let Some(price) = order.price.filter(|price| price.0 <= 0) {
            return Err(OrderError::Price { id, price: price.0 });
        }
        let may_rest =
            order.price.is_some() && order.time_in_force == TimeInForce::GoodTillCanceled;
        if order.post_only && !may_rest {
            return Err(OrderError::PostOnlyTaker(id));
        }
        if self.bids.get(id).or_else(|| self.asks.get(id)).is_some() {
            return Err(OrderError::DuplicateId(id));
        }
        if self.bids.len() + self.asks.len() >= MAX_RESTING_ORDERS {
            return Err(OrderError::TooManyOrders(id));
        }
        Ok(())
    }

    /// The parts of levels that an order would take, up to its size; none at or behind our own price.
    fn takeable(&self, order: &NewOrder, own_price: Option<PriceTicks>) -> Vec<Level> {
        let maker = order.side.opposite();
        let is_ours =
            |level: &Level| own_price.is_some_and(|own| !is_better(maker, level.price, own));
        let mut rest = order.size;
        let mut levels = Vec::new();
        for level in self.liquidity.available(maker) {
            if rest.is_zero() || !is_within(order, level.price) || is_ours(&level) {
                break;
            }
            let size = level.size.min(rest);
            rest.0 -= size.0;
            levels.push(Level { size, ..level });
        }
        levels
    }

    fn rest(&mut self, ticket: &Ticket, price: PriceTicks) {
        let order = ticket.order;
        let ahead = self.liquidity.size_at(order.side, price);
        self.side_mut(order.side).insert(Resting {
            id: order.id,
            price,
            size: order.size,
            leaves: ticket.leaves(),
            ahead,
            vanished: Vanished::default(),
        });
    }

    /// A trade of the recording: a sell comes to our bids, a buy to our asks.
    fn on_trade(&mut self, trade: Trade, at: TimestampNs) -> Vec<Report> {
        let mut reports = Vec::new();
        if trade.id <= self.last_market_trade_id {
            return reports;
        }
        self.last_market_trade_id = trade.id;
        if trade.is_market {
            let side = trade.taker.opposite();
            let orders = if side == Side::Buy {
                &mut self.bids
            } else {
                &mut self.asks
            };
            let fills = &mut self.fills;
            orders.on_trade(trade.price, trade.size, |fill| {
                reports.push(maker_report(side, fill, fills.next(), at));
            });
        }
        reports
    }

    /// The recorded book has changed: queues shrink, and a side that came to our price fills us.
    fn on_book(&mut self, at: TimestampNs) -> Vec<Report> {
        let mut reports = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            let orders = if side == Side::Buy {
                &mut self.bids
            } else {
                &mut self.asks
            };
            let Some(best) = orders.best_price() else {
                continue;
            };
            orders.shrink_queues(|price| self.liquidity.size_at(side, price));
            let comes = |level: &Level| !is_better(side, level.price, best);
            let levels: Vec<Level> = self
                .liquidity
                .available(side.opposite())
                .take_while(comes)
                .collect();
            for level in levels {
                let fills = &mut self.fills;
                let taken = orders.on_cross(level.price, level.size, |fill| {
                    reports.push(maker_report(side, fill, fills.next(), at));
                });
                self.liquidity.take(side.opposite(), level.price, taken);
            }
        }
        reports
    }

    fn side(&self, side: Side) -> &RestingSide {
        if side == Side::Buy {
            &self.bids
        } else {
            &self.asks
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut RestingSide {
        if side == Side::Buy {
            &mut self.bids
        } else {
            &mut self.asks
        }
    }

    fn level_text(&self, level: Level) -> String {
        let decimals = if self.decoder.product() == Product::Spot {
            SPOT_DECIMALS
        } else {
            0
        };
        let price = padded(self.price_tick.text(level.price.0), decimals);
        let size = padded(self.size_step.text(level.size.0), decimals);
        format!("[\"{price}\",\"{size}\"]")
    }
}

/// Decimal text with at least so many decimals.
fn padded(mut text: String, decimals: usize) -> String {
    let has = text
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    if has == 0 && decimals > 0 {
        text.push('.');
    }
    text.extend(std::iter::repeat_n('0', decimals.saturating_sub(has)));
    text
}

/// True if an order accepts a price.
fn is_within(order: &NewOrder, price: PriceTicks) -> bool {
    order
        .price
        .is_none_or(|limit| !is_better(order.side.opposite(), limit, price))
}

/// Ids of our fills.
#[derive(Debug, Clone)]
struct FillIds {
    next: i64,
}

impl FillIds {
    fn next(&mut self) -> i64 {
        let id = self.next;
        self.next += 1;
        id
    }
}

/// An order on its way in.
struct Ticket {
    order: NewOrder,
    filled: SizeLots,
    now: TimestampNs,
}

impl Ticket {
    fn leaves(&self) -> SizeLots {
        SizeLots(self.order.size.0 - self.filled.0)
    }

    fn fill(&mut self, level: Level, trade_id: i64) -> Report {
        self.filled.0 += level.size.0;
        Report {
            price: level.price,
            last: level.size,
            trade_id,
            ..self.report(ReportKind::Trade)
        }
    }

    fn report(&self, kind: ReportKind) -> Report {
        Report {
            order_id: self.order.id,
            kind,
            side: self.order.side,
            price: self.order.price.unwrap_or_default(),
            last: SizeLots::ZERO,
            filled: self.filled,
            leaves: self.leaves(),
            trade_id: 0,
            is_maker: false,
            at: self.now,
        }
    }
}

fn maker_report(side: Side, (order, last): RestingFill, trade_id: i64, at: TimestampNs) -> Report {
    Report {
        last,
        trade_id,
        is_maker: true,
        ..resting_report(ReportKind::Trade, side, &order, at)
    }
}

fn resting_report(kind: ReportKind, side: Side, order: &Resting, at: TimestampNs) -> Report {
    Report {
        order_id: order.id,
        kind,
        side,
        price: order.price,
        last: SizeLots::ZERO,
        filled: SizeLots(order.size.0 - order.leaves.0),
        leaves: order.leaves,
        trade_id: 0,
        is_maker: false,
        at,
    }
}
