//! What a fuzz target does with its input. Plain and stable: the engine's tests include this module by its path.

mod mutation;
pub mod orders;
mod session;
mod target;

pub use mutation::mutate;
pub use session::run;
pub use target::{ALL, Target};
