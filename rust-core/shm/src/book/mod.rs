//! Books in shared memory: one writer a venue, any number of readers, no call between them.
//!
//! The writer keeps one file, the *segment*, with a record for each instrument under a [sequence
//! lock](crate::seqlock): its top levels, its last trade, its features and how trustworthy they are. A segment is
//! never used twice. As long as its writer lives, the writer holds the kernel's lock on it (`flock`), which ends
//! with the process however that ends; a record that it left half written is therefore never repaired, but
//! given up with the whole segment when the next writer puts its own in the place.

mod draft;
mod layout;
mod publisher;
mod reader;
mod segment;

pub use draft::{BookDraft, Health, LastTrade};
pub use layout::{DEPTH_MAX, FEATURES_MAX, INSTRUMENTS_MAX, NAME_BYTES_MAX, Shape, field, flag};
pub use publisher::BookPublisher;
pub use reader::{BookReader, HEARTBEAT_TIMEOUT, Outcome, Reading, Writer};
pub use segment::{SegmentError, clean, default_folder};
