//! Market makers that run in the core, so that a decision every few milliseconds costs no call of Python's.

use super::run::{Quote, Quotes, Simulation, Step};
use super::wake::Touch;
use super::{SimulationError, reason};

/// What a quoter is shown.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// The market's time.
    pub now_ns: i64,
    /// Best bid and ask.
    pub touch: Touch,
    /// What is held; below zero is short.
    pub position_lots: i64,
}

/// Decides what to quote.
pub trait Quoter {
    /// The quotes that are to rest from now on.
    fn quotes(&mut self, view: &View) -> Quotes;
}

/// The grid that a quoter computes on, and how much it quotes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuoteGrid {
    /// A tick, in units of the quote asset.
    pub tick: f64,
    /// A lot, in units of the asset.
    pub lot: f64,
    /// What each quote offers, in lots.
    pub size_lots: i64,
    /// Nothing is added to a position of this size or more, in lots.
    pub max_position_lots: i64,
}

impl QuoteGrid {
    /// The quotes nearest to two prices that are not better than the touch; sizes by the position's limit.
    fn quotes(&self, view: &View, bid: f64, ask: f64) -> Quotes {
        let size = |is_open: bool| if is_open { self.size_lots } else { 0 };
        let position = view.position_lots;
        Quotes {
            bid: Quote {
                price_ticks: ((bid / self.tick).floor() as i64).clamp(0, view.touch.bid_ticks),
                size_lots: size(position < self.max_position_lots),
            },
            ask: Quote {
                price_ticks: ((ask / self.tick).ceil() as i64).max(view.touch.ask_ticks),
                size_lots: size(position > -self.max_position_lots),
            },
        }
    }

    fn mid(&self, touch: &Touch) -> f64 {
        f64::midpoint(
            touch.bid_ticks as f64 * self.tick,
            touch.ask_ticks as f64 * self.tick,
        )
    }
}

/// Quotes around the mid, moved against the position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SkewedQuoter {
    /// Grid, size and limit.
    pub grid: QuoteGrid,
    /// By how many hundreds of ticks the quotes move down for one unit of the asset held.
    pub skew: f64,
    /// Half of the spread, in ticks.
    pub half_spread_ticks: f64,
}

impl Quoter for SkewedQuoter {
    #[inline]
    fn quotes(&mut self, view: &View) -> Quotes {
        let tick = self.grid.tick;
        let position = view.position_lots as f64 * self.grid.lot;
        let reservation = self.grid.mid(&view.touch) - self.skew * position * tick * 100.0;
        let half = self.half_spread_ticks * tick;
        self.grid
            .quotes(view, reservation - half, reservation + half)
    }
}

impl Simulation {
    /// Lets a quoter decide at each timer until the run is over, more rows are needed, or the market's time is
    /// `until_ns` or later; counts its decisions. What else wakes is not told. A market without a bid or an ask
    /// is left as it is.
    ///
    /// # Errors
    /// As [`Self::advance`] and [`Self::set_quotes`].
    pub fn run_quoter(
        &mut self,
        instrument: usize,
        quoter: &mut dyn Quoter,
        until_ns: i64,
        decisions: &mut u64,
    ) -> Result<Step, SimulationError> {
        loop {
            let step = self.advance()?;
            let Step::Wake(wake) = step else {
                return Ok(step);
            };
            if wake.reasons & reason::TIMER == 0 {
                continue;
            }
            *decisions += 1;
            if let Some(touch) = self.touch(instrument)? {
                let view = View {
                    now_ns: wake.now_ns,
                    touch,
                    position_lots: self.account(instrument)?.position_lots(),
                };
                self.set_quotes(instrument, &quoter.quotes(&view))?;
            }
            if wake.now_ns >= until_ns {
                return Ok(step);
            }
        }
    }
}
