//! The engine: order books, wire decoding, slicing, anomaly detection and matching.
//!
//! Pure: no threads, no clock, no I/O. Everything is told what time it is.
#![forbid(unsafe_code)]

