//! The engine: order books, wire decoding, slicing, anomaly detection and matching.
//!
//! Pure: no threads, no clock, no I/O. Everything is told what time it is.
#![forbid(unsafe_code)]

pub mod anomaly;
pub mod book;
pub mod candle;
pub mod decode;
mod digits;
pub mod features;
pub mod feed;
pub mod history;
pub mod matching;
pub mod random;
pub mod simulation;
pub mod slicing;
pub mod synthetic;
pub mod tape;
pub mod units;
