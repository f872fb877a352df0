//! Order books: what stands at each price, and whether it can be trusted.

pub mod checksum;
pub mod l2;
pub mod l3;
mod ladder;
pub mod rows;
pub mod sync;
