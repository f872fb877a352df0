//! How long an order takes to the venue, and its report back. The feed's latency is in the data itself.

use super::SimulationError;
use crate::random::Random;

/// No latency is above an hour.
pub const MAX_LATENCY_NS: i64 = 3_600_000_000_000;
/// Probabilities and standard normal quantiles, between which a drawn latency is interpolated.
const NORMAL_QUANTILES: [(f64, f64); 13] = [
    (0.0, -3.719_016_485_455_709),
    (0.001, -3.090_232_306_167_813),
    (0.01, -2.326_347_874_040_841),
    (0.05, -1.644_853_626_951_472_7),
    (0.1, -1.281_551_565_544_6),
    (0.25, -0.674_489_750_196_081_7),
    (0.5, 0.0),
    (0.75, 0.674_489_750_196_081_7),
    (0.9, 1.281_551_565_544_6),
    (0.95, 1.644_853_626_951_472_7),
    (0.99, 2.326_347_874_040_841),
    (0.999, 3.090_232_306_167_813),
    (1.0, 3.719_016_485_455_709),
];
const P99: f64 = 2.326_347_874_040_841;

/// A recorded order: requested, processed by the venue, answered. A venue's time of 0 or less, or a negative
/// answer's, says that it was lost; the trader was told so at the answer's time, whatever its sign.
pub type LatencyRow = [i64; 3];

/// A model of one direction.
#[derive(Debug, Clone)]
enum Delay {
    Constant(i64),
    /// By moment, ascending.
    Recorded(Vec<Recorded>),
    /// (probability, delay), both ascending.
    Drawn(Vec<(f64, f64)>, Random),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::struct_field_names, reason = "units stand last")]
struct Recorded {
    at_ns: i64,
    /// None if it was lost.
    delay_ns: Option<i64>,
    /// Until the trader knew.
    known_ns: i64,
}

/// The latencies of an instrument's orders.
#[derive(Debug, Clone)]
pub struct OrderLatency {
    entry: Delay,
    response: Delay,
}

impl OrderLatency {
    /// The same for all orders.
    ///
    /// # Errors
    /// A latency is negative or above [`MAX_LATENCY_NS`].
    pub fn constant(entry_ns: i64, response_ns: i64) -> Result<Self, SimulationError> {
        check("entry_ns", entry_ns)?;
        check("response_ns", response_ns)?;
        Ok(Self {
            entry: Delay::Constant(entry_ns),
            response: Delay::Constant(response_ns),
        })
    }

    /// Interpolated between recorded orders, as hftbacktest does it; before the first and after the last the
    /// nearest counts. An order between two of which one was lost is lost.
    ///
    /// # Errors
    /// There is no row that was answered, or a row goes back in time.
    pub fn recorded(rows: &[LatencyRow]) -> Result<Self, SimulationError> {
        let bad = |row: usize, what: &str| {
            SimulationError::setting("latency", format!("row {row} {what}"))
        };
        let (mut entry, mut response) = (Vec::<Recorded>::new(), Vec::new());
        for (row, [request_ns, exchange_ns, response_ns]) in rows.iter().copied().enumerate() {
            if entry.last().is_some_and(|last| last.at_ns > request_ns) {
                return Err(bad(
                    row,
                    "is before the one above it; sort the rows by request_ns",
                ));
            }
            let is_lost = exchange_ns <= 0 || response_ns < 0;
            let known_ns = response_ns.saturating_abs().saturating_sub(request_ns);
            let there_ns = exchange_ns.saturating_sub(request_ns);
            let back_ns = known_ns.saturating_sub(there_ns);
            let range = 0..=MAX_LATENCY_NS;
            if !range.contains(&known_ns) || !is_lost && (there_ns < 0 || back_ns < 0) {
                return Err(bad(
                    row,
                    "has a latency below 0 or above an hour; give (request_ns, exchange_ns, response_ns) of one clock",
                ));
            }
            entry.push(Recorded {
                at_ns: request_ns,
                delay_ns: (!is_lost).then_some(there_ns),
                known_ns,
            });
            if !is_lost {
                response.push(Recorded {
                    at_ns: exchange_ns,
                    delay_ns: Some(back_ns),
                    known_ns: back_ns,
                });
            }
        }
        response.sort_unstable();
        if response.is_empty() {
            return Err(SimulationError::setting(
                "latency",
                "has no order that was answered; give at least one".to_owned(),
            ));
        }
        Ok(Self {
            entry: Delay::Recorded(entry),
            response: Delay::Recorded(response),
        })
    }

    /// Drawn from lognormal distributions with these medians and 99th percentiles, kept as 13 quantiles with
    /// straight lines between them: the same seed gives the same latencies on every machine. The longest is
    /// the quantile of 1 in 10,000.
    ///
    /// # Errors
    /// A median is not positive, a percentile is below it, or above [`MAX_LATENCY_NS`].
    pub fn lognormal(
        entry: (i64, i64),
        response: (i64, i64),
        seed: u64,
    ) -> Result<Self, SimulationError> {
        let drawn = |name: &'static str, (median_ns, p99_ns): (i64, i64), seed| {
            check(name, p99_ns)?;
            if median_ns < 1 || p99_ns < median_ns {
                let what = format!(
                    "is ({median_ns}, {p99_ns}); give a positive median and a 99th percentile above it"
                );
                return Err(SimulationError::setting(name, what));
            }
            let ratio = p99_ns as f64 / median_ns as f64;
            let quantile = |(probability, z): (f64, f64)| {
                let delay_ns = median_ns as f64 * ratio.powf(z / P99);
                (probability, delay_ns.round().min(MAX_LATENCY_NS as f64))
            };
            let quantiles = NORMAL_QUANTILES.into_iter().map(quantile).collect();
            Ok(Delay::Drawn(quantiles, Random::new(seed)))
        };
        Ok(Self {
            entry: drawn("entry_ns", entry, seed)?,
            response: drawn("response_ns", response, seed.wrapping_add(1))?,
        })
    }

    /// When an order that is sent now reaches the venue, or when the trader learns that it was lost.
    pub(super) fn arrival_ns(&mut self, now_ns: i64) -> Result<i64, i64> {
        match self.entry.at(now_ns) {
            Ok(delay_ns) => Ok(now_ns.saturating_add(delay_ns)),
            Err(known_ns) => Err(now_ns.saturating_add(known_ns)),
        }
    }

    /// When the trader sees what the venue did.
    pub(super) fn answer_ns(&mut self, exchange_ns: i64) -> i64 {
        let delay_ns = self.response.at(exchange_ns);
        exchange_ns.saturating_add(delay_ns.unwrap_or_else(|known_ns| known_ns))
    }
}

impl Delay {
    /// How long it takes, or, if it is lost, until that is known.
    fn at(&mut self, now_ns: i64) -> Result<i64, i64> {
        match self {
            Self::Constant(delay_ns) => Ok(*delay_ns),
            Self::Recorded(rows) => interpolated(rows, now_ns),
            Self::Drawn(quantiles, random) => Ok(drawn(quantiles, random)),
        }
    }
}

fn interpolated(rows: &[Recorded], now_ns: i64) -> Result<i64, i64> {
    let above = rows.partition_point(|row| row.at_ns <= now_ns);
    let (first, second) = match (rows.get(above.wrapping_sub(1)), rows.get(above)) {
        (Some(first), Some(second)) => (*first, *second),
        (Some(only), None) | (None, Some(only)) => (*only, *only),
        (None, None) => return Ok(0),
    };
    let span_ns = (second.at_ns - first.at_ns).max(1);
    let share = (now_ns - first.at_ns).clamp(0, span_ns) as f64 / span_ns as f64;
    let between = |from: i64, to: i64| from + ((to - from) as f64 * share) as i64;
    match (first.delay_ns, second.delay_ns) {
        (Some(from), Some(to)) => Ok(between(from, to)),
        _ => Err(between(first.known_ns, second.known_ns)),
    }
}

fn drawn(quantiles: &[(f64, f64)], random: &mut Random) -> i64 {
    let probability = random.unit();
    let above = quantiles.partition_point(|(reached, _)| *reached <= probability);
    let (Some(low), Some(high)) = (quantiles.get(above.wrapping_sub(1)), quantiles.get(above))
    else {
        return 0;
    };
    (low.1 + (high.1 - low.1) * (probability - low.0) / (high.0 - low.0)) as i64
}

fn check(name: &'static str, delay_ns: i64) -> Result<(), SimulationError> {
    if (0..=MAX_LATENCY_NS).contains(&delay_ns) {
        return Ok(());
    }
    Err(SimulationError::setting(
        name,
        format!("is {delay_ns}; it must be in 0 to {MAX_LATENCY_NS} (an hour)"),
    ))
}
