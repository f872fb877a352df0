//! The run: several instruments in the order of time, and the trader's wakes.

use std::collections::VecDeque;

use super::account::Account;
use super::book::Book;
use super::exchange::{Exchange, VenueRules};
use super::features::RowFeatures;
use super::latency::OrderLatency;
use super::local::{Local, OwnFill, OwnOrder};
use super::market::Market;
use super::order::{OrderRequest, Report};
use super::queue::QueueModel;
use super::quotes::Quotes;
use super::wake::{Touch, Wake, Watch, reason};
use super::{MAX_INSTRUMENTS, QuoteRow, Row, RowError, SimulationError, Stop};
use crate::candle::{Candle, CandleBuilder, CandleRule};
use crate::features::vector::FEATURE_COUNT;
use crate::units::{PriceTicks, Side};

/// What an instrument needs to be simulated.
#[derive(Debug, Clone)]
pub struct InstrumentSettings {
    /// How its venue deals with our orders.
    pub rules: VenueRules,
    /// How long orders and reports take.
    pub latency: OrderLatency,
    /// Cash and fees.
    pub account: Account,
    /// A lot in units of the asset.
    pub lot: f64,
    /// Its history is by order, not by level.
    pub is_by_order: bool,
    /// The dense window of its books, in ticks.
    pub window_ticks: usize,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The trader is awake.
    Wake(Wake),
    /// The rows of this instrument are used up: push more, or end them, and go on.
    NeedRows(usize),
    /// The run is over.
    End,
}

/// A backtest's market.
#[derive(Debug, Clone)]
pub struct Simulation {
    markets: Vec<Market>,
    seed: u64,
    /// None until the first event is known.
    now_ns: Option<i64>,
    every_ns: Option<i64>,
    periodic_ns: i64,
    alarm_ns: i64,
    /// The moment that is being finished.
    moment_ns: Option<i64>,
    waiting: VecDeque<Wake>,
    last_order_id: i64,
}

impl Simulation {
    /// A run without instruments. The seed is for what is drawn: random rejects.
    pub fn new(seed: u64) -> Self {
        Self {
            markets: Vec::new(),
            seed,
            now_ns: None,
            every_ns: None,
            periodic_ns: i64::MAX,
            alarm_ns: i64::MAX,
            moment_ns: None,
            waiting: VecDeque::new(),
            last_order_id: 0,
        }
    }

    /// Adds an instrument; returns its number, from 0.
    ///
    /// # Errors
    /// The run has begun, there are too many, or the settings contradict each other.
    pub fn add_instrument(
        &mut self,
        settings: InstrumentSettings,
    ) -> Result<usize, SimulationError> {
        self.before_run("add_instrument")?;
        let index = self.markets.len();
        if index >= MAX_INSTRUMENTS {
            let what = format!("are {MAX_INSTRUMENTS} already; run the others apart");
            return Err(SimulationError::setting("instruments", what));
        }
        if settings.rules.queue_model == QueueModel::Fifo && !settings.is_by_order {
            let what =
                "is fifo, which needs a history by order; say by_order=True, or take another model";
            return Err(SimulationError::setting("queue_model", what.to_owned()));
        }
        settings.rules.check()?;
        let book = Book::new(settings.window_ticks, settings.is_by_order);
        let seed = self.seed.wrapping_add(index as u64);
        let venue = Exchange::new(book.clone(), settings.rules, settings.lot, seed);
        let local = Local::new(book, settings.account);
        let (is_by_order, window_ticks) = (settings.is_by_order, settings.window_ticks);
        self.markets.push(Market::new(
            index,
            venue,
            local,
            settings.latency,
            is_by_order,
            window_ticks,
        ));
        Ok(index)
    }

    /// How many instruments there are.
    pub fn instruments(&self) -> usize {
        self.markets.len()
    }

    /// Appends rows to an instrument's history.
    ///
    /// # Errors
    /// See [`RowError`]; then none was taken.
    ///
    /// # Panics
    /// Never; an instrument that was not added is ignored.
    pub fn push_rows(&mut self, instrument: usize, rows: &[Row]) -> Result<(), RowError> {
        match self.markets.get_mut(instrument) {
            Some(market) => market.stream.push(rows, market.is_by_order),
            None => Ok(()),
        }
    }

    /// Appends quotes to an instrument's history: each is the only level of both sides from its time on, seen
    /// `feed_latency_ns` later.
    ///
    /// # Errors
    /// As [`Self::push_rows`].
    pub fn push_quotes(
        &mut self,
        instrument: usize,
        quotes: &[QuoteRow],
        feed_latency_ns: i64,
    ) -> Result<(), RowError> {
        match self.markets.get_mut(instrument) {
            Some(market) => market.stream.push_quotes(quotes, feed_latency_ns),
            None => Ok(()),
        }
    }

    /// Says that an instrument's history is at its end.
    ///
    /// # Errors
    /// There is no such instrument.
    pub fn end_rows(&mut self, instrument: usize) -> Result<(), SimulationError> {
        self.market_mut(instrument)?.stream.end();
        Ok(())
    }

    /// Waits for these things of an instrument, and for no others any more.
    ///
    /// # Errors
    /// There is no such instrument.
    pub fn watch(&mut self, instrument: usize, watch: Watch) -> Result<(), SimulationError> {
        self.market_mut(instrument)?.local.watch = watch;
        Ok(())
    }

    /// Wakes at the close of each candle of trades by time. The candle of the first trade is not told, as it may
    /// have begun before; a candle closes with the first trade after its end, when the trader sees that.
    ///
    /// # Errors
    /// There is no such instrument, the run has begun, or the interval is not positive.
    pub fn watch_candles(
        &mut self,
        instrument: usize,
        interval_ns: i64,
    ) -> Result<(), SimulationError> {
        self.before_run("watching candles")?;
        let rule = CandleRule::Time { interval_ns }.checked()?;
        self.market_mut(instrument)?.local.candles = Some(CandleBuilder::new(rule, false));
        Ok(())
    }

    /// Keeps the live feed's features of an instrument, out of what the trader sees.
    ///
    /// # Errors
    /// There is no such instrument, or the run has begun.
    pub fn watch_features(&mut self, instrument: usize) -> Result<(), SimulationError> {
        self.before_run("watching features")?;
        let market = self.market_mut(instrument)?;
        market.local.features = Some(Box::new(RowFeatures::new(market.window_ticks)?));
        Ok(())
    }

    /// The features as of the newest event that the trader has seen, in the order of
    /// [`crate::features::vector::FEATURES`], NaN for what is not known; None if they are not watched.
    ///
    /// # Errors
    /// There is no such instrument.
    pub fn features(
        &mut self,
        instrument: usize,
    ) -> Result<Option<[f64; FEATURE_COUNT]>, SimulationError> {
        let features = &mut self.market_mut(instrument)?.local.features;
        Ok(features.as_mut().map(|features| features.vector()))
    }

    /// Wakes every so many nanoseconds, first that long after the first event.
    ///
    /// # Errors
    /// It is not positive, or the run has begun.
    pub fn every(&mut self, every_ns: i64) -> Result<(), SimulationError> {
        self.before_run("a periodic timer")?;
        if every_ns < 1 {
            let what = format!("is {every_ns}; it must be 1 or more");
            return Err(SimulationError::setting("every_ns", what));
        }
        self.every_ns = Some(every_ns);
        Ok(())
    }

    /// Wakes once at a moment; a moment that was set before and has not come is forgotten.
    ///
    /// # Errors
    /// The moment is past.
    pub fn wake_at(&mut self, at_ns: i64) -> Result<(), SimulationError> {
        if self.now_ns.is_some_and(|now_ns| at_ns <= now_ns) {
            let what = format!("is {at_ns}, which is not after now; give a later moment");
            return Err(SimulationError::setting("at_ns", what));
        }
        self.alarm_ns = at_ns;
        Ok(())
    }

    /// The market's time; None before the run.
    pub fn now_ns(&self) -> Option<i64> {
        self.now_ns
    }

    /// Goes on to the next wake.
    ///
    /// # Errors
    /// An amount overflows, or what was told is not taken. The run cannot go on then.
    pub fn advance(&mut self) -> Result<Step, SimulationError> {
        if let Some(wake) = self.waiting.pop_front() {
            return Ok(Step::Wake(wake));
        }
        match self.run() {
            Ok(step) => Ok(step),
            Err(Stop::Starved(instrument)) => {
                // The trader's side need not wait: else the rows between the sides would be kept.
                self.markets[instrument].catch_up()?;
                Ok(Step::NeedRows(instrument))
            }
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    fn run(&mut self) -> Result<Step, Stop> {
        if self.now_ns.is_none() && !self.begin()? {
            return Ok(Step::End);
        }
        loop {
            let timer_ns = self.periodic_ns.min(self.alarm_ns);
            let is_watching = self.markets.iter().any(|market| market.local.is_watching());
            let is_over = if is_watching {
                self.run_moment(timer_ns)?
            } else {
                self.run_until(timer_ns)?
            };
            if let Some(wake) = self.waiting.pop_front() {
                return Ok(Step::Wake(wake));
            }
            if is_over {
                return Ok(Step::End);
            }
        }
    }

    /// Finds the first event; false if there is none.
    fn begin(&mut self) -> Result<bool, Stop> {
        let mut first_ns = i64::MAX;
        for market in &self.markets {
            first_ns = first_ns.min(market.next_ns()?);
        }
        if first_ns == i64::MAX {
            return Ok(false);
        }
        self.now_ns = Some(first_ns);
        let every_ns = self.every_ns;
        self.periodic_ns = every_ns.map_or(i64::MAX, |every_ns| first_ns.saturating_add(every_ns));
        Ok(true)
    }

    /// To the next timer, if only that wakes: each side of each instrument in one go. True if the run is over.
    fn run_until(&mut self, timer_ns: i64) -> Result<bool, Stop> {
        for market in &mut self.markets {
            market.advance_venue::<false>(timer_ns)?;
            market.advance_local(timer_ns)?;
        }
        if self.is_over()? {
            return Ok(true);
        }
        self.now_ns = Some(timer_ns);
        self.end_timer(timer_ns);
        self.waiting.push_back(Wake {
            now_ns: timer_ns,
            reasons: reason::TIMER,
            instrument: 0,
        });
        Ok(false)
    }

    /// Through the next moment at which the trader sees anything, or to the next timer. True if the run is over.
    fn run_moment(&mut self, timer_ns: i64) -> Result<bool, Stop> {
        let moment_ns = match self.moment_ns {
            Some(moment_ns) => moment_ns,
            None => self.find_moment(timer_ns)?,
        };
        self.moment_ns = Some(moment_ns);
        if moment_ns < i64::MAX {
            for market in &mut self.markets {
                market.advance_venue::<false>(moment_ns)?;
                market.advance_local(moment_ns)?;
            }
        }
        let is_over = self.is_over()?;
        self.moment_ns = None;
        if moment_ns < i64::MAX {
            self.now_ns = Some(moment_ns);
        }
        let is_timer = moment_ns == timer_ns && !is_over;
        if is_timer {
            self.end_timer(timer_ns);
        }
        for (instrument, market) in self.markets.iter_mut().enumerate() {
            let timer = if is_timer && instrument == 0 {
                reason::TIMER
            } else {
                0
            };
            let reasons = market.local.end_moment() | timer;
            if reasons != 0 {
                self.waiting.push_back(Wake {
                    now_ns: moment_ns,
                    reasons,
                    instrument,
                });
            }
        }
        Ok(is_over)
    }

    /// The next moment at which the trader sees anything, with every venue brought close to it and none beyond;
    /// the end of time if there is nothing left.
    fn find_moment(&mut self, timer_ns: i64) -> Result<i64, Stop> {
        let mut moment_ns = timer_ns;
        for market in &self.markets {
            moment_ns = moment_ns.min(market.next_data_ns()?);
        }
        loop {
            let (mut first_ns, mut first, mut second_ns) = (i64::MAX, 0, i64::MAX);
            for (index, market) in self.markets.iter().enumerate() {
                moment_ns = moment_ns.min(market.next_report_ns());
                let venue_ns = market.next_venue_ns()?;
                if venue_ns < first_ns {
                    second_ns = first_ns;
                    (first_ns, first) = (venue_ns, index);
                } else {
                    second_ns = second_ns.min(venue_ns);
                }
            }
            if first_ns >= moment_ns {
                return Ok(moment_ns);
            }
            self.markets[first].advance_venue::<true>(moment_ns.min(second_ns))?;
        }
    }

    fn end_timer(&mut self, timer_ns: i64) {
        if timer_ns == self.periodic_ns {
            let every_ns = self.every_ns.unwrap_or(i64::MAX);
            self.periodic_ns = timer_ns.saturating_add(every_ns);
        }
        if timer_ns == self.alarm_ns {
            self.alarm_ns = i64::MAX;
        }
    }

    fn is_over(&self) -> Result<bool, Stop> {
        for market in &self.markets {
            if market.next_ns()? < i64::MAX {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends an order; returns its number.
    ///
    /// # Errors
    /// There is no such instrument, the run has not begun, or the order makes no sense.
    pub fn submit(
        &mut self,
        instrument: usize,
        order: OrderRequest,
    ) -> Result<i64, SimulationError> {
        order.check()?;
        let now_ns = self.now_ns.ok_or(SimulationError::NotBegun)?;
        let id = self.last_order_id + 1;
        self.market_mut(instrument)?.submit(id, order, now_ns);
        self.last_order_id = id;
        Ok(id)
    }

    /// Asks to withdraw an order. One whose cancel is on its way is left alone.
    ///
    /// # Errors
    /// There is no such instrument, or the order is not open as far as the trader knows.
    pub fn cancel(&mut self, instrument: usize, id: i64) -> Result<(), SimulationError> {
        let now_ns = self.now_ns.ok_or(SimulationError::NotBegun)?;
        let market = self.market_mut(instrument)?;
        let position = market.local.position_of(id);
        market.cancel(position.ok_or(SimulationError::NotOpen(id))?, now_ns);
        Ok(())
    }

    /// Makes what rests match the quotes: what rests at another price is withdrawn (what has not been accepted
    /// yet is left until it is), what rests at the price stays, and what is missing is sent as post-only. No
    /// order is sent to a price at which one of ours is open.
    ///
    /// # Errors
    /// There is no such instrument, the run has not begun, or a quote makes no sense. Nothing was sent then.
    pub fn set_quotes(
        &mut self,
        instrument: usize,
        quotes: &Quotes,
    ) -> Result<(), SimulationError> {
        let now_ns = self.now_ns.ok_or(SimulationError::NotBegun)?;
        let wanted = [(Side::Buy, quotes.bid), (Side::Sell, quotes.ask)];
        for (_, quote) in wanted {
            quote.check()?;
        }
        let mut next_id = self.last_order_id;
        let market = self.market_mut(instrument)?;
        for position in 0..market.local.orders.len() {
            let own = &market.local.orders[position];
            let quote = wanted[own.order.side as usize].1;
            let is_wanted = own.order.price == Some(PriceTicks(quote.price_ticks));
            if !is_wanted && own.is_accepted {
                market.cancel(position, now_ns);
            }
        }
        for (side, quote) in wanted {
            let price = PriceTicks(quote.price_ticks);
            let mut open = market.local.orders.iter();
            let is_taken = open.any(|own| own.order.price == Some(price));
            if quote.price_ticks > 0 && quote.size_lots > 0 && !is_taken {
                next_id += 1;
                market.submit(next_id, quote.order(side), now_ns);
            }
        }
        self.last_order_id = next_id;
        Ok(())
    }

    /// Best bid and ask as the trader sees them; None if a side is empty.
    ///
    /// # Errors
    /// There is no such instrument.
    #[inline]
    pub fn touch(&self, instrument: usize) -> Result<Option<Touch>, SimulationError> {
        Ok(self.market(instrument)?.local.touch())
    }

    /// Cash, position and fees as the trader knows them.
    ///
    /// # Errors
    /// There is no such instrument.
    #[inline]
    pub fn account(&self, instrument: usize) -> Result<&Account, SimulationError> {
        Ok(&self.market(instrument)?.local.account)
    }

    /// Open orders as the trader knows them, oldest first.
    ///
    /// # Errors
    /// There is no such instrument.
    pub fn orders(&self, instrument: usize) -> Result<&[OwnOrder], SimulationError> {
        Ok(&self.market(instrument)?.local.orders)
    }

    /// Takes the fills that the trader has heard of since the last time.
    ///
    /// # Errors
    /// There is no such instrument.
    pub fn take_fills(&mut self, instrument: usize) -> Result<VecDeque<OwnFill>, SimulationError> {
        Ok(std::mem::take(
            &mut self.market_mut(instrument)?.local.fills,
        ))
    }

    /// Takes the reports since the last time, if they are watched.
    ///
    /// # Errors
    /// There is no such instrument.
    pub fn take_reports(&mut self, instrument: usize) -> Result<VecDeque<Report>, SimulationError> {
        Ok(std::mem::take(
            &mut self.market_mut(instrument)?.local.reports,
        ))
    }

    /// Takes the candles that have closed since the last time, if they are watched.
    ///
    /// # Errors
    /// There is no such instrument.
    pub fn take_candles(&mut self, instrument: usize) -> Result<VecDeque<Candle>, SimulationError> {
        Ok(std::mem::take(
            &mut self.market_mut(instrument)?.local.closed,
        ))
    }

    /// The trader's book: the levels of a side from the best outwards.
    ///
    /// # Errors
    /// There is no such instrument.
    pub fn levels(
        &self,
        instrument: usize,
        side: Side,
    ) -> Result<impl Iterator<Item = crate::decode::Level> + '_, SimulationError> {
        Ok(self.market(instrument)?.local.book.levels(side))
    }

    /// The lots before one of our orders at the venue, as its queue model has them; None if it does not rest.
    /// The trader of a real market does not know this.
    ///
    /// # Errors
    /// There is no such instrument.
    pub fn queue_ahead(&self, instrument: usize, id: i64) -> Result<Option<f64>, SimulationError> {
        Ok(self.market(instrument)?.venue.queue_ahead(id))
    }

    /// Rows that were pushed, and order events that did not fit the books, of an instrument.
    ///
    /// # Errors
    /// There is no such instrument.
    pub fn rows(&self, instrument: usize) -> Result<(u64, u64), SimulationError> {
        let market = self.market(instrument)?;
        Ok((market.stream.rows(), market.venue.misfits))
    }

    fn before_run(&self, what: &'static str) -> Result<(), SimulationError> {
        match self.now_ns {
            None => Ok(()),
            Some(_) => Err(SimulationError::Begun(what)),
        }
    }

    fn market(&self, instrument: usize) -> Result<&Market, SimulationError> {
        let market = self.markets.get(instrument);
        market.ok_or(SimulationError::NoInstrument(instrument))
    }

    fn market_mut(&mut self, instrument: usize) -> Result<&mut Market, SimulationError> {
        let market = self.markets.get_mut(instrument);
        market.ok_or(SimulationError::NoInstrument(instrument))
    }
}
