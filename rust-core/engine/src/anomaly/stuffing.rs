//! Quote stuffing: a flood of changes near the touch that are taken back and that trading does not explain.
//!
//! Source of the pattern: Egginton, Van Ness and Van Ness, "Quote Stuffing" (2016): minutes with more than twenty
//! deviations above the usual number of quotes. Here the time is cut into short buckets, and a flood is a
//! bucket far beyond its own usual count of messages, that changes the book little for their number (most were
//! taken back), and with far more messages a trade than usual: news make trades as well.
//!
//! Where depth updates come ten times a second, what is placed and withdrawn in between does not change the book,
//! but it leaves traces: ids that such messages spent, or levels that are told although they read as before, and
//! touches that are told by themselves.
//! That is what [`Stuffing::on_messages`] takes. Without it the changed levels count.

use super::baseline::Moments;
use super::cause::Cause;
use super::observation::{Detector, LevelChange, TradeSeen};
use super::{DetectorError, Finding, MIN_STRENGTH, check_range};
use crate::units::{NS_PER_MS, NS_PER_S, TimestampNs};

/// What is a flood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StuffingParameters {
    /// Length of a bucket, in nanoseconds.
    pub bucket_ns: i64,
    /// Times the usual messages in a bucket that is the limit, where messages are counted.
    pub rate_ratio: f64,
    /// Times the usual changed levels in a bucket that is the limit, where only these are.
    pub change_ratio: f64,
    /// Geometric mean of messages a changed level and of messages a trade, each in times what is usual, that is
    /// the limit where messages are counted. Either alone is common: a busy market changes many levels, a
    /// market maker moves his quotes without any trade. A flood has both, and neither explains it.
    pub unexplained_ratio: f64,
    /// Times the usual messages a trade that is the limit, where only changed levels are counted.
    pub per_trade_ratio: f64,
    /// Least share of the changed levels that lost size.
    pub cancel_share: f64,
    /// Fewest messages in a bucket that can be a flood.
    pub min_messages: u64,
    /// Buckets after which one weighs half.
    pub half_life_buckets: f64,
    /// Buckets needed before the first judgement.
    pub min_samples: u64,
}

impl Default for StuffingParameters {
    fn default() -> Self {
        Self {
            bucket_ns: 500 * NS_PER_MS,
            rate_ratio: 2.5,
            change_ratio: 8.0,
            unexplained_ratio: 4.0,
            per_trade_ratio: 1.0,
            cancel_share: 0.25,
            min_messages: 200,
            half_life_buckets: 240.0,
            min_samples: 60,
        }
    }
}

impl StuffingParameters {
    fn check(&self) -> Result<(), DetectorError> {
        check_range("bucket_ns", self.bucket_ns as f64, 1e6, 1e12)?;
        check_range("rate_ratio", self.rate_ratio, 1.1, 1e6)?;
        check_range("change_ratio", self.change_ratio, 1.1, 1e6)?;
        check_range("unexplained_ratio", self.unexplained_ratio, 0.1, 1e6)?;
        check_range("per_trade_ratio", self.per_trade_ratio, 0.1, 1e6)?;
        check_range("cancel_share", self.cancel_share, 0.0, 1.0)?;
        check_range("min_messages", self.min_messages as f64, 1.0, 1e9)?;
        check_range("half_life_buckets", self.half_life_buckets, 1.0, 1e6)?;
        check_range("min_samples", self.min_samples as f64, 2.0, 1e6)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    /// When the next one begins.
    end_ns: i64,
    messages: u64,
    changes: u64,
    cancels: u64,
    trades: u64,
}

impl Bucket {
    /// A changed level is at least one message.
    fn messages(&self) -> f64 {
        self.messages.max(self.changes) as f64
    }

    fn churn(&self) -> f64 {
        self.messages() / (EVEN + self.changes as f64)
    }

    fn per_trade(&self) -> f64 {
        self.messages() / (EVEN + self.trades as f64)
    }

    fn cancel_share(&self) -> f64 {
        self.cancels as f64 / (self.changes.max(1)) as f64
    }
}

/// Added to what is divided by: a ratio to next to nothing says nothing.
const EVEN: f64 = 10.0;

/// The detector.
#[derive(Debug, Clone)]
pub struct Stuffing {
    parameters: StuffingParameters,
    bucket: Bucket,
    messages: Moments,
    churn: Moments,
    per_trade: Moments,
}

impl Stuffing {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(parameters: StuffingParameters) -> Result<Self, DetectorError> {
        parameters.check()?;
        let moments = Moments::new(parameters.half_life_buckets);
        Ok(Self {
            parameters,
            bucket: Bucket {
                end_ns: parameters.bucket_ns,
                ..Bucket::default()
            },
            messages: moments,
            churn: moments,
            per_trade: moments,
        })
    }

    /// Takes messages of the venue about this book, whether they left a trace in it or not; those of an update
    /// after its levels, which close the bucket before.
    #[inline]
    pub fn on_messages(&mut self, messages: u64) {
        // Without a level there is no bucket yet: touches go on while the book is asked for.
        if self.bucket.end_ns <= self.parameters.bucket_ns {
            return;
        }
        self.bucket.messages = self.bucket.messages.saturating_add(messages);
    }

    /// Closes the bucket if a later one has begun.
    #[inline]
    fn roll(&mut self, now: TimestampNs) -> Option<Finding> {
        if now.0 < self.bucket.end_ns {
            return None;
        }
        self.close(now)
    }

    #[cold]
    fn close(&mut self, now: TimestampNs) -> Option<Finding> {
        let bucket_ns = self.parameters.bucket_ns;
        let begin_ns = now.0.saturating_sub(now.0.rem_euclid(bucket_ns));
        let next = Bucket {
            end_ns: begin_ns.saturating_add(bucket_ns),
            ..Bucket::default()
        };
        let closed = std::mem::replace(&mut self.bucket, next);
        // Time without a message is a gap in the stream rather than a calm market: it teaches nothing.
        if closed.messages() == 0.0 {
            return None;
        }
        let finding = self.is_warm().then(|| self.judge(&closed)).flatten();
        let min_samples = self.parameters.min_samples;
        self.messages
            .learn_clipped(closed.messages(), min_samples, 1.0);
        self.churn.learn_clipped(closed.churn(), min_samples, 0.1);
        self.per_trade
            .learn_clipped(closed.per_trade(), min_samples, 0.1);
        finding
    }

    fn judge(&self, bucket: &Bucket) -> Option<Finding> {
        let parameters = &self.parameters;
        let (messages, usual) = (bucket.messages(), self.messages.mean().max(1.0));
        if messages < parameters.min_messages as f64
            || bucket.cancel_share() < parameters.cancel_share
        {
            return None;
        }
        let per_trade = bucket.per_trade() / self.per_trade.mean().max(1e-9);
        let rate = messages / usual;
        // Where only changed levels are counted, every message has left its trace.
        let strength = if bucket.messages > 0 {
            let churn = bucket.churn() / self.churn.mean().max(1e-9);
            let unexplained = (churn * per_trade).sqrt();
            (rate / parameters.rate_ratio).min(unexplained / parameters.unexplained_ratio)
        } else {
            (rate / parameters.change_ratio).min(per_trade / parameters.per_trade_ratio)
        };
        (strength >= MIN_STRENGTH).then(|| {
            let per_s = NS_PER_S as f64 / parameters.bucket_ns as f64;
            let evidence = [messages * per_s, usual * per_s, bucket.churn()];
            Finding::new(Cause::QuoteStuffing, strength, evidence)
        })
    }
}

impl Detector for Stuffing {
    fn is_warm(&self) -> bool {
        self.messages.count() >= self.parameters.min_samples
    }

    /// Half a bucket is no bucket.
    fn on_book_lost(&mut self) {
        self.bucket = Bucket::default();
    }

    /// Counts the trade; the book's clock drives the buckets.
    fn on_trade(&mut self, _trade: &TradeSeen) -> Option<Finding> {
        self.bucket.trades = self.bucket.trades.saturating_add(1);
        None
    }

    #[inline]
    fn on_level(&mut self, change: &LevelChange) -> Option<Finding> {
        let finding = self.roll(change.at_ns);
        self.bucket.changes = self.bucket.changes.saturating_add(1);
        let is_cancel = change.after < change.before;
        self.bucket.cancels = self.bucket.cancels.saturating_add(u64::from(is_cancel));
        finding
    }
}
