//! Market makers that run in the core, so that a decision every few milliseconds costs no call of Python's.

use std::collections::VecDeque;

use super::quotes::{Quote, Quotes};
use super::run::{Simulation, Step};
use super::wake::Touch;
use super::{SimulationError, reason};
use crate::units::{MAX_COUNT, NS_PER_S};

/// The longest window of a variance, in decisions.
pub const MAX_WINDOW: usize = 10_000;

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
        let bid_ticks = ((bid / self.tick).floor() as i64).clamp(0, view.touch.bid_ticks);
        let ask_ticks = ((ask / self.tick).ceil() as i64).clamp(view.touch.ask_ticks, MAX_COUNT);
        self.sized(view, bid_ticks, ask_ticks)
    }

    fn sized(&self, view: &View, bid_ticks: i64, ask_ticks: i64) -> Quotes {
        let size = |is_open: bool| if is_open { self.size_lots } else { 0 };
        let position = view.position_lots;
        Quotes {
            bid: Quote {
                price_ticks: bid_ticks,
                size_lots: size(position < self.max_position_lots),
            },
            ask: Quote {
                price_ticks: ask_ticks,
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

/// The quotes of Avellaneda and Stoikov, "High-frequency trading in a limit order book", Quantitative Finance 8
/// (2008), sections 2 and 3: around the reservation price `mid - q γ σ² τ` the spread
/// `γ σ² τ + (2 / γ) ln(1 + γ / κ)`, in ticks, with the position q in quotes.
///
/// The time τ that is left ends with the session, or is the same at every moment if the market never closes.
/// σ² is the mean of the squared changes of the mid between the decisions of the window, a second.
#[derive(Debug, Clone)]
pub struct AvellanedaStoikov {
    grid: QuoteGrid,
    risk_aversion: f64,
    /// `(2 / γ) ln(1 + γ / κ)`.
    base_spread: f64,
    horizon_ns: i64,
    end_ns: Option<i64>,
    variance: MidVariance,
}

impl AvellanedaStoikov {
    /// `risk_aversion` is γ and `arrival_decay` κ, both a tick; `horizon_ns` is τ, or what it is at most before
    /// `end_ns`; `window` counts decisions.
    ///
    /// # Errors
    /// A number is not positive, or the window is above [`MAX_WINDOW`].
    pub fn new(
        grid: QuoteGrid,
        risk_aversion: f64,
        arrival_decay: f64,
        (horizon_ns, end_ns): (i64, Option<i64>),
        window: usize,
    ) -> Result<Self, SimulationError> {
        for (name, number) in [
            ("risk_aversion", risk_aversion),
            ("arrival_decay", arrival_decay),
        ] {
            if !(number > 0.0 && number.is_finite()) {
                let what = format!("is {number}; it must be positive");
                return Err(SimulationError::setting(name, what));
            }
        }
        if horizon_ns < 1 {
            let what = format!("is {horizon_ns}; it must be 1 or more");
            return Err(SimulationError::setting("horizon_ns", what));
        }
        if !(1..=MAX_WINDOW).contains(&window) {
            let what = format!("is {window}; it must be in 1 to {MAX_WINDOW} decisions");
            return Err(SimulationError::setting("window", what));
        }
        Ok(Self {
            grid,
            risk_aversion,
            base_spread: 2.0 / risk_aversion * (risk_aversion / arrival_decay).ln_1p(),
            horizon_ns,
            end_ns,
            variance: MidVariance::new(window),
        })
    }
}

impl Quoter for AvellanedaStoikov {
    fn quotes(&mut self, view: &View) -> Quotes {
        let touch = &view.touch;
        let mid = f64::midpoint(touch.bid_ticks as f64, touch.ask_ticks as f64);
        let variance = self.variance.add(view.now_ns, mid);
        let left_ns = self.end_ns.map_or(self.horizon_ns, |end_ns| {
            end_ns.saturating_sub(view.now_ns).clamp(0, self.horizon_ns)
        });
        let risk = self.risk_aversion * variance * (left_ns as f64 / NS_PER_S as f64);
        let held = view.position_lots as f64 / self.grid.size_lots.max(1) as f64;
        let (reservation, half) = (mid - held * risk, f64::midpoint(risk, self.base_spread));
        let bid = ((reservation - half).floor() as i64).clamp(0, touch.ask_ticks - 1);
        let ask = ((reservation + half).ceil() as i64).clamp(touch.bid_ticks + 1, MAX_COUNT);
        self.grid.sized(view, bid, ask)
    }
}

/// The variance of the mid a second, of the last changes.
#[derive(Debug, Clone)]
struct MidVariance {
    window: usize,
    /// (squared change, seconds) of each.
    changes: VecDeque<(f64, f64)>,
    last: Option<(i64, f64)>,
}

impl MidVariance {
    fn new(window: usize) -> Self {
        Self {
            window,
            changes: VecDeque::with_capacity(window),
            last: None,
        }
    }

    fn add(&mut self, now_ns: i64, mid: f64) -> f64 {
        if let Some((last_ns, last_mid)) = self.last.replace((now_ns, mid)) {
            if self.changes.len() == self.window {
                self.changes.pop_front();
            }
            let seconds = (now_ns - last_ns) as f64 / NS_PER_S as f64;
            self.changes.push_back(((mid - last_mid).powi(2), seconds));
        }
        // Summed anew, as running sums of floats drift; the window is short.
        let sum = |sums: (f64, f64), change: &(f64, f64)| (sums.0 + change.0, sums.1 + change.1);
        let (squares, seconds) = self.changes.iter().fold((0.0, 0.0), sum);
        if seconds > 0.0 {
            squares / seconds
        } else {
            0.0
        }
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
