//! What processes of one host share in memory: the halt flag and the books.
//!
//! The only crate with unsafe code, and it is all in `mapping.rs`.
#![deny(unsafe_code)]

pub mod book;
mod file;
pub mod halt;
mod mapping;
pub mod seqlock;
