//! What a book says about the next moment: spread, middle, microprice and imbalance.

use super::l2::L2Book;
use crate::decode::Level;
use crate::units::Side;

/// Depths, in levels a side, at which the imbalance is measured.
pub const IMBALANCE_DEPTHS: [usize; 3] = [1, 5, 10];

/// Features of a book. Prices are in ticks, imbalances in [-1, 1] with positive for more bids.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BookFeatures {
    /// Best ask less best bid.
    pub spread_ticks: f64,
    /// Half way between the best prices.
    pub mid_ticks: f64,
    /// The best prices weighted by the size on the other side (Gatheral and Oomen, "Zero-intelligence
    /// realized variance estimation", 2010).
    pub microprice_ticks: f64,
    /// (bid size - ask size) / (bid size + ask size) over the best levels, at [`IMBALANCE_DEPTHS`].
    pub imbalance: [f64; 3],
}

impl BookFeatures {
    /// Measures a book, or None if a side is empty.
    pub fn of(book: &L2Book) -> Option<Self> {
        let (bid, ask) = book.top()?;
        Some(Self {
            spread_ticks: ask.price.0 as f64 - bid.price.0 as f64,
            mid_ticks: f64::midpoint(bid.price.0 as f64, ask.price.0 as f64),
            microprice_ticks: microprice(bid, ask),
            imbalance: imbalance(book),
        })
    }
}

fn microprice(bid: Level, ask: Level) -> f64 {
    let (bid_size, ask_size) = (bid.size.0 as f64, ask.size.0 as f64);
    (bid.price.0 as f64 * ask_size + ask.price.0 as f64 * bid_size) / (bid_size + ask_size)
}

fn imbalance(book: &L2Book) -> [f64; 3] {
    let bids = cumulative_sizes(book, Side::Buy);
    let asks = cumulative_sizes(book, Side::Sell);
    std::array::from_fn(|depth| (bids[depth] - asks[depth]) / (bids[depth] + asks[depth]))
}

/// The size within each of [`IMBALANCE_DEPTHS`]; all of it where the side is shorter.
fn cumulative_sizes(book: &L2Book, side: Side) -> [f64; 3] {
    let mut sizes = [0.0; 3];
    for (rank, level) in book.levels(side).take(IMBALANCE_DEPTHS[2]).enumerate() {
        for (size, depth) in sizes.iter_mut().zip(IMBALANCE_DEPTHS) {
            if rank < depth {
                *size += level.size.0 as f64;
            }
        }
    }
    sizes
}
