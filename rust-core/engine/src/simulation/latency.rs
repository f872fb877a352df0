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
    /// (moment, delay), moments ascending; a negative delay is that of the news that the order was lost.
    Recorded(Vec<(i64, i64)>),
    /// (probability, delay), both ascending.
    Drawn(Vec<(f64, f64)>, Random),
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
        let (mut entry, mut response) = (Vec::new(), Vec::new());
        for (row, [request_ns, exchange_ns, response_ns]) in rows.iter().copied().enumerate() {
            if entry.last().is_some_and(|(last, _)| *last > request_ns) {
                return Err(bad(
                    row,
                    "is before the one above it; sort the rows by request_ns",
                ));
            }
            let is_lost = exchange_ns <= 0 || response_ns < 0;
            let answered_ns = response_ns.saturating_abs();
            let (there, back) = if is_lost {
                (answered_ns.saturating_sub(request_ns), 0)
            } else {
                (
                    exchange_ns.saturating_sub(request_ns),
                    answered_ns.saturating_sub(exchange_ns),
                )
            };
            if !(0..=MAX_LATENCY_NS).contains(&there) || !(0..=MAX_LATENCY_NS).contains(&back) {
                return Err(bad(
                    row,
                    "has a latency below 0 or above an hour; give (request_ns, exchange_ns, response_ns) of one clock",
                ));
            }
            // A loss at once would look like no latency at all.
            entry.push((request_ns, if is_lost { -there.max(1) } else { there }));
            if !is_lost {
                response.push((exchange_ns, back));
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
        let delay = self.entry.at(now_ns);
        let arrival_ns = now_ns.saturating_add(delay.saturating_abs());
        if delay < 0 {
            Err(arrival_ns)
        } else {
            Ok(arrival_ns)
        }
    }

    /// When the trader sees what the venue did.
    pub(super) fn answer_ns(&mut self, exchange_ns: i64) -> i64 {
        exchange_ns.saturating_add(self.response.at(exchange_ns))
    }
}

impl Delay {
    fn at(&mut self, now_ns: i64) -> i64 {
        match self {
            Self::Constant(delay_ns) => *delay_ns,
            Self::Recorded(rows) => interpolated(rows, now_ns),
            Self::Drawn(quantiles, random) => drawn(quantiles, random),
        }
    }
}

fn interpolated(rows: &[(i64, i64)], now_ns: i64) -> i64 {
    let above = rows.partition_point(|(at, _)| *at <= now_ns);
    let Some((from, first)) = rows.get(above.wrapping_sub(1)).copied() else {
        return rows.first().map_or(0, |(_, delay)| *delay);
    };
    let Some((to, second)) = rows.get(above).copied() else {
        return first;
    };
    let share = (now_ns - from) as f64 / (to - from) as f64;
    let (first_ns, second_ns) = (first.abs(), second.abs());
    let delay_ns = first_ns + ((second_ns - first_ns) as f64 * share) as i64;
    if first < 0 || second < 0 {
        -delay_ns.max(1)
    } else {
        delay_ns
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
