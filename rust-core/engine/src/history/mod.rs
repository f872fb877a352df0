//! Recordings as rows of history: what a simulator replays, out of what venues sent.
//!
//! A row is six integers, `exchange_ns, local_ns, kind, price_ticks, size_lots, order_id`; see [`row`].

mod decoder;
mod lobster;
mod lobster_view;
pub mod row;

pub use decoder::{Counts, HistoryDecoder, Instrument};
pub use lobster::{LobsterCounts, LobsterHistory};
pub use row::Row;
