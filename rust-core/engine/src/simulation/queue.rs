//! Where an order stands in its queue, as far as the level's size and the trades tell: an estimate.
//!
//! Who does not see orders by id sees a level shrink without a trade, and has to guess whether somebody before or
//! behind has gone. The models are hftbacktest's (`backtest/models/queue.rs`, MIT), after Rigtorp, "Estimating order
//! queue position" (2013): a shrinking level takes the share `p` from behind and `1 - p` from before, and `p` is a
//! function of the sizes before and behind. Trades always take from before.
//!
//! Two things are not as there: a cancellation brings an order to the front at most, not beyond it (there the
//! next trade would fill more than was traded), and a share that is no number (there, of a negative `front`, it
//! sends the order to the back again) takes all from behind.
//!
//! Estimates are in floating point, as there; `powf` and `ln` may differ in the last bit between machines.

/// The share of a shrinking level that is taken from behind, by the sizes `front` and `back` of the order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum QueueModel {
    /// All of it, as long as that much stands behind: only trades move the order forward.
    RiskAverse,
    /// `back^n / (back^n + front^n)`.
    Power(f64),
    /// `back^n / (back + front)^n`.
    Power2(f64),
    /// `1 - (front / (front + back))^n`.
    Power3(f64),
    /// `ln(1 + back) / (ln(1 + back) + ln(1 + front))`.
    Log,
    /// `ln(1 + back) / ln(1 + back + front)`.
    Log2,
}

/// What is known of one order's place at its price.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct QueuePosition {
    /// Lots before it; negative is what trades have brought to it.
    front: f64,
    /// Lots traded since the level's size was told: its next change contains them.
    traded: f64,
}

impl QueuePosition {
    /// Lots estimated to stand before the order.
    pub fn front_lots(&self) -> f64 {
        self.front.max(0.0)
    }
}

impl QueueModel {
    /// The place of an order that joins a level of so many lots: behind all of them.
    #[inline]
    #[must_use]
    pub fn new_order(&self, level_lots: i64) -> QueuePosition {
        QueuePosition {
            front: level_lots as f64,
            traded: 0.0,
        }
    }

    /// A trade at the order's price. The level's new size, without it, is told afterwards.
    #[inline]
    pub fn on_trade(&self, position: &mut QueuePosition, lots: i64) {
        position.front -= lots as f64;
        position.traded += lots as f64;
    }

    /// The level's size has become `new` lots, from `previous`.
    #[inline]
    pub fn on_level(&self, position: &mut QueuePosition, previous: i64, new: i64) {
        let (previous, new) = (previous as f64, new as f64);
        let gone = previous - new - std::mem::take(&mut position.traded);
        let front = position.front;
        position.front = front.min(new);
        if gone < 0.0 || front <= 0.0 || matches!(self, Self::RiskAverse) {
            return;
        }
        let back = previous - front;
        let share = self.share_behind(front, back);
        let from_behind = share * gone;
        // What is not there behind has gone before the order after all.
        let estimate = front - (1.0 - share) * gone + (back - from_behind).min(0.0);
        position.front = estimate.max(0.0).min(new);
    }

    /// Lots that trades have brought to the order since it was asked last; the order is filled by no more than
    /// its size of them.
    #[inline]
    pub fn filled_lots(&self, position: &mut QueuePosition) -> i64 {
        let lots = (-position.front).round() as i64;
        if lots <= 0 {
            return 0;
        }
        position.front = 0.0;
        lots
    }

    #[inline]
    fn share_behind(&self, front: f64, back: f64) -> f64 {
        let log = |lots: f64| (1.0 + lots).ln();
        let share = match *self {
            Self::RiskAverse => 1.0,
            Self::Power(n) => back.powf(n) / (back.powf(n) + front.powf(n)),
            Self::Power2(n) => back.powf(n) / (back + front).powf(n),
            Self::Power3(n) => 1.0 - (front / (front + back)).powf(n),
            Self::Log => log(back) / (log(back) + log(front)),
            Self::Log2 => log(back) / log(back + front),
        };
        if share.is_finite() { share } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MODELS: [QueueModel; 6] = [
        QueueModel::RiskAverse,
        QueueModel::Power(2.0),
        QueueModel::Power2(1.0),
        QueueModel::Power3(3.0),
        QueueModel::Log,
        QueueModel::Log2,
    ];

    /// 60 lots ahead, 40 come behind, then 20 of the 100 are cancelled.
    fn front_after_a_cancellation(model: QueueModel) -> f64 {
        let mut position = model.new_order(60);
        model.on_level(&mut position, 60, 100);
        model.on_level(&mut position, 100, 80);
        position.front_lots()
    }

    #[test]
    fn a_cancellation_is_shared_as_the_formulas_say() {
        let expected = [
            60.0,
            60.0 - 20.0 * (3_600.0 / 5_200.0),
            60.0 - 20.0 * 0.6,
            60.0 - 20.0 * 0.6_f64.powi(3),
            60.0 - 20.0 * (61_f64.ln() / (41_f64.ln() + 61_f64.ln())),
            60.0 - 20.0 * (1.0 - 41_f64.ln() / 101_f64.ln()),
        ];
        for (model, expected) in MODELS.into_iter().zip(expected) {
            let front = front_after_a_cancellation(model);
            assert!((front - expected).abs() < 1e-9, "{model:?}: {front}");
        }
    }

    #[test]
    fn a_trade_moves_forward_once_although_the_level_shrinks_by_it_too() {
        for model in MODELS {
            let mut position = model.new_order(60);
            model.on_level(&mut position, 60, 100);
            model.on_trade(&mut position, 25);
            model.on_level(&mut position, 100, 75);
            assert!((position.front_lots() - 35.0).abs() < 1e-9, "{model:?}");
            assert_eq!(model.filled_lots(&mut position), 0);
            model.on_trade(&mut position, 45);
            assert_eq!(model.filled_lots(&mut position), 10, "{model:?}");
            assert_eq!(model.filled_lots(&mut position), 0, "asked twice");
            model.on_level(&mut position, 75, 30);
            model.on_trade(&mut position, 5);
            assert_eq!(model.filled_lots(&mut position), 5, "{model:?}");
        }
    }

    #[test]
    fn no_more_can_leave_from_behind_than_stands_there() {
        for model in MODELS {
            let mut position = model.new_order(60);
            model.on_level(&mut position, 60, 61);
            model.on_level(&mut position, 61, 10);
            assert!(position.front_lots() <= 10.0, "{model:?}");
        }
    }

    proptest! {
        /// Whatever is told: what stands before is no more than the level, and never grows.
        #[test]
        fn the_front_is_within_the_level(
            start in 0_i64..500,
            steps in prop::collection::vec((0_u8..3, 0_i64..400), 1..60),
            n in 0.1_f64..8.0,
        ) {
            let models = [
                QueueModel::RiskAverse,
                QueueModel::Power(n),
                QueueModel::Power2(n),
                QueueModel::Power3(n),
                QueueModel::Log,
                QueueModel::Log2,
            ];
            for model in models {
                let (mut position, mut level) = (model.new_order(start), start);
                for (kind, lots) in &steps {
                    let before = position.front_lots();
                    let previous = level;
                    match kind {
                        0 => level += lots,
                        1 => level -= *lots.min(&level),
                        _ => {
                            let traded = *lots.min(&level);
                            model.on_trade(&mut position, traded);
                            model.filled_lots(&mut position);
                            level -= traded;
                        }
                    }
                    model.on_level(&mut position, previous, level);
                    prop_assert!(position.front_lots() <= level as f64, "{:?}", model);
                    prop_assert!(position.front_lots() <= before + 1e-9, "{:?}", model);
                }
            }
        }
    }
}
