//! LOBSTER's book files: a line after each message, `ask price, ask size, bid price, bid size` level by level.
//!
//! Prices are whole 1/10,000 dollars; a level that is not there has the price ±9,999,999,999.

use super::json::quoted;
use super::order::UnitsPerTick;
use super::{DecodeError, Level};
use crate::book::l3::BatchProblem;
use crate::units::{PriceTicks, Side, SizeLots};

const NO_PRICE: i64 = 9_999_999_999;

/// The best levels of both sides, as many as the file has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    levels: [Vec<Level>; 2],
    depth: usize,
}

impl View {
    /// Becomes what a line shows.
    ///
    /// # Errors
    /// The line is malformed, or a price lies between two ticks.
    pub fn read(&mut self, line: &[u8], units: UnitsPerTick) -> Result<(), BatchProblem> {
        let malformed = || {
            let what = format!(
                "{} is not ask price, ask size, bid price, bid size of each level",
                quoted(line)
            );
            DecodeError::new(what, 0)
        };
        let text = std::str::from_utf8(line).map_err(|_| malformed())?;
        self.levels.iter_mut().for_each(Vec::clear);
        let mut columns = text.trim_end().split(',').map(str::parse::<i64>);
        self.depth = 0;
        while let Some(price) = columns.next() {
            let mut next = [price.map_err(|_| malformed())?, 0, 0, 0];
            for column in &mut next[1..] {
                let number = columns.next().ok_or_else(malformed)?;
                *column = number.map_err(|_| malformed())?;
            }
            let [ask, ask_size, bid, bid_size] = next;
            for (side, price, size) in [(Side::Buy, bid, bid_size), (Side::Sell, ask, ask_size)] {
                if price.abs() == NO_PRICE {
                    continue;
                }
                if size < 1 {
                    return Err(malformed().into());
                }
                let price = units.ticks(price).ok_or(BatchProblem::OffGrid(price))?;
                let size = SizeLots(size);
                self.levels[side as usize].push(Level { price, size });
            }
            self.depth += 1;
        }
        Ok(())
    }

    /// A side's levels, from the best outwards.
    pub fn levels(&self, side: Side) -> &[Level] {
        &self.levels[side as usize]
    }

    /// Whether a level at this price would be shown: the last one is not better, or there is room.
    pub fn shows(&self, side: Side, price: PriceTicks) -> bool {
        let last = self.levels[side as usize].get(self.depth.wrapping_sub(1));
        last.is_none_or(|last| match side {
            Side::Buy => price >= last.price,
            Side::Sell => price <= last.price,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units() -> UnitsPerTick {
        UnitsPerTick::new(100).expect("positive")
    }

    fn level(price: i64, size: i64) -> Level {
        Level {
            price: PriceTicks(price),
            size: SizeLots(size),
        }
    }

    #[test]
    fn a_line_shows_levels_and_what_lies_between_them() {
        let mut view = View::default();
        let line = b"5859400,200,5853300,18,5859800,100,-9999999999,0\r";
        view.read(line, units()).expect("well formed");
        assert_eq!(
            view.levels(Side::Sell),
            [level(58_594, 200), level(58_598, 100)]
        );
        assert_eq!(view.levels(Side::Buy), [level(58_533, 18)]);
        assert!(view.shows(Side::Sell, PriceTicks(58_598)));
        assert!(!view.shows(Side::Sell, PriceTicks(58_599)));
        assert!(
            view.shows(Side::Buy, PriceTicks(1)),
            "one level of two: there is room"
        );
    }

    #[test]
    fn what_is_no_line_is_refused() {
        let mut view = View::default();
        for line in [&b""[..], b"1,2,3", b"100,x,100,1", b"100,0,100,1", b"\xff"] {
            let outcome = view.read(line, units());
            assert!(
                matches!(outcome, Err(BatchProblem::Decode(_))),
                "{line:?}: {outcome:?}"
            );
        }
        let between = view.read(b"150,1,100,1", units());
        assert_eq!(between, Err(BatchProblem::OffGrid(150)));
    }
}
