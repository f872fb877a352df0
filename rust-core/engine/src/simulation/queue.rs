//! How far an order has come in the queue of its price: models for data by price level.
//!
//! Trades at the price eat the queue from its front. When a level shrinks without one, somebody cancelled, and
//! nobody knows where he stood: before us or behind us. The models answer that. They are those of hftbacktest
//! 2.4 (`queue.rs`), number by number, after Rigtorp, "Estimating Order Queue Position" (2013).
//!
//! Positions are floats, as the models estimate; only whole lots of them are ever filled.

use super::SimulationError;
use crate::units::SizeLots;

/// Whose orders a shrinking level has lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum QueueModel {
    /// Those behind ours: only trades move an order forward. The most cautious.
    RiskAverse,
    /// Behind with probability `b^n / (b^n + f^n)`, f lots before and b behind ours.
    Power(f64),
    /// `b^n / (b + f)^n`.
    Power2(f64),
    /// `1 - (f / (f + b))^n`.
    Power3(f64),
    /// `ln(1 + b) / (ln(1 + b) + ln(1 + f))`, f and b in units of the asset.
    Log,
    /// `ln(1 + b) / ln(1 + b + f)`.
    Log2,
    /// Nothing to estimate: the data has every order, and the queue is first come, first served.
    Fifo,
}

impl QueueModel {
    /// Reads `risk-averse`, `power`, `power2`, `power3` (which need `exponent`), `log`, `log2` or `fifo`.
    ///
    /// # Errors
    /// The name is unknown, or the exponent is missing, of no use or not positive.
    pub fn parse(name: &str, exponent: Option<f64>) -> Result<Self, SimulationError> {
        let power = |model: fn(f64) -> Self| match exponent {
            Some(exponent) if exponent > 0.0 && exponent.is_finite() => Ok(model(exponent)),
            _ => Err(SimulationError::setting(
                "queue_exponent",
                format!("is {exponent:?}; queue model {name} needs a positive number, such as 2.0"),
            )),
        };
        let plain = |model| match exponent {
            None => Ok(model),
            Some(_) => Err(SimulationError::setting(
                "queue_exponent",
                format!("is of no use to queue model {name}; leave it out"),
            )),
        };
        match name {
            "risk-averse" => plain(Self::RiskAverse),
            "power" => power(Self::Power),
            "power2" => power(Self::Power2),
            "power3" => power(Self::Power3),
            "log" => plain(Self::Log),
            "log2" => plain(Self::Log2),
            "fifo" => plain(Self::Fifo),
            _ => Err(SimulationError::setting(
                "queue_model",
                format!("is {name:?}; use risk-averse, power, power2, power3, log, log2 or fifo"),
            )),
        }
    }

    /// The probability that what left the queue stood behind an order. `lot` is a lot in units of the asset.
    fn probability_behind(self, front: f64, back: f64, lot: f64) -> f64 {
        let log = |lots: f64| (1.0 + lots * lot).ln();
        match self {
            Self::RiskAverse | Self::Fifo => 1.0,
            Self::Power(n) => power(back, n) / (power(back, n) + power(front, n)),
            Self::Power2(n) => power(back, n) / power(back + front, n),
            Self::Power3(n) => 1.0 - power(front / (front + back), n),
            Self::Log => log(back) / (log(back) + log(front)),
            Self::Log2 => log(back) / log(back + front),
        }
    }
}

/// `x^n`; the common exponent without the library's logarithm.
fn power(x: f64, n: f64) -> f64 {
    if n.to_bits() == 2.0_f64.to_bits() {
        x * x
    } else {
        x.powf(n)
    }
}

/// What stands before an order at its price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QueuePosition {
    front: f64,
    /// Lots traded since the level was last told: its next change is theirs first.
    traded: f64,
}

impl QueuePosition {
    /// The position of an order that comes to a level of this size.
    pub fn behind(level: SizeLots) -> Self {
        Self {
            front: level.0 as f64,
            traded: 0.0,
        }
    }

    /// The lots before it.
    pub fn ahead(&self) -> f64 {
        self.front
    }

    /// `reaching` lots of a trade at its price come to its queue; `traded` lots of the level are gone by it.
    /// Returns how many reach the order itself.
    pub fn on_trade(&mut self, reaching: i64, traded: i64) -> i64 {
        self.front -= reaching as f64;
        self.traded += traded as f64;
        let reached = (-self.front).round() as i64;
        if reached > 0 {
            self.front = 0.0;
        }
        reached.max(0)
    }

    /// The level is another size: `after` lots, from `before`. `lot` is a lot in units of the asset.
    pub fn on_level(&mut self, model: QueueModel, lot: f64, before: i64, after: i64) {
        let (before, after) = (before as f64, after as f64);
        if model == QueueModel::RiskAverse {
            self.front = self.front.min(after);
            return;
        }
        let shrunk = before - after - self.traded;
        self.traded = 0.0;
        if shrunk < 0.0 {
            self.front = self.front.min(after);
            return;
        }
        let (front, back) = (self.front, before - self.front);
        let mut behind = model.probability_behind(front, back, lot);
        if behind.is_infinite() {
            behind = 1.0;
        }
        let estimate = front - (1.0 - behind) * shrunk + (back - behind * shrunk).min(0.0);
        self.front = estimate.min(after);
    }

    /// Lots before it have left, by data that has every order.
    pub(super) fn advance(&mut self, lots: i64) {
        self.front = (self.front - lots as f64).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODELS: [QueueModel; 6] = [
        QueueModel::RiskAverse,
        QueueModel::Power(3.0),
        QueueModel::Power2(2.0),
        QueueModel::Power3(3.0),
        QueueModel::Log,
        QueueModel::Log2,
    ];

    #[test]
    fn a_cancellation_is_shared_as_the_formulas_say() {
        // 60 lots ahead, 40 come behind, then 20 of the 100 are cancelled.
        let expected = [
            60.0,
            60.0 - 20.0 * (216_000.0 / 280_000.0),
            60.0 - 20.0 * (1.0 - 0.16),
            60.0 - 20.0 * 0.216,
            60.0 - 20.0 * (61_f64.ln() / (41_f64.ln() + 61_f64.ln())),
            60.0 - 20.0 * (1.0 - 41_f64.ln() / 101_f64.ln()),
        ];
        for (model, expected) in MODELS.into_iter().zip(expected) {
            let mut position = QueuePosition::behind(SizeLots(60));
            position.on_level(model, 1.0, 60, 100);
            position.on_level(model, 1.0, 100, 80);
            let ahead = position.ahead();
            assert!((ahead - expected).abs() < 1e-9, "{model:?}: {ahead}");
        }
    }

    #[test]
    fn a_trade_moves_forward_once_although_the_level_shrinks_by_it_too() {
        for model in MODELS {
            let mut position = QueuePosition::behind(SizeLots(60));
            position.on_level(model, 1.0, 60, 100);
            assert_eq!(position.on_trade(25, 25), 0);
            position.on_level(model, 1.0, 100, 75);
            assert!((position.ahead() - 35.0).abs() < 1e-9, "{model:?}");
            assert_eq!(position.on_trade(45, 45), 10, "{model:?}");
            position.on_level(model, 1.0, 75, 30);
            assert_eq!(position.on_trade(5, 5), 5, "{model:?}");
        }
    }

    #[test]
    fn no_more_can_leave_from_behind_than_stands_there() {
        for model in MODELS {
            let mut position = QueuePosition::behind(SizeLots(60));
            position.on_level(model, 1.0, 60, 61);
            position.on_level(model, 1.0, 61, 10);
            assert!(position.ahead() <= 10.0, "{model:?}");
        }
    }
}
