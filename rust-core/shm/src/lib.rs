//! What processes of one host share in memory: the halt flag.
//!
//! The only crate with unsafe code, and it is all in `mapping.rs`.
#![deny(unsafe_code)]

mod file;
pub mod halt;
mod mapping;
