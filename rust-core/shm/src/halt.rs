//! The halt flag: one word in shared memory that stops every order, and the durable file it stands for.
//!
//! Everything that is not proved to be clear is armed: a flag that is gone, cut off, replaced or foreign, a
//! folder that is gone, a durable record that exists or cannot be looked for.
//!
//! The word is a generation that only grows. *Odd is clear, even is armed*, so that a file of zeros is armed.
//! Each arming makes a new generation, also when it was armed already; whoever lifts a halt names the
//! generation he saw, so that an arming in the meantime is never lost.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf, absolute};
use std::sync::atomic::Ordering;

pub use crate::file::FileError;
use crate::file::{lstat, open_or_create};
use crate::mapping::{Access, SharedWords};

const MAGIC: u64 = u64::from_le_bytes(*b"OO-HALT\0");
const VERSION: u64 = 1;
const FIRST_GENERATION: u64 = 1;

// The places of the words.
const MAGIC_AT: usize = 0;
const VERSION_AT: usize = 1;
const GENERATION_AT: usize = 2;
const SINCE_AT: usize = 3;

const WORDS: usize = 4;
const BYTES: usize = WORDS * size_of::<u64>();

/// Why nothing may be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The flag is set.
    #[error(
        "nothing is sent: the halt is armed; see why with `openoutcry status`, \
         and lift it with `openoutcry resume` when it is over"
    )]
    Armed,
    /// The flag is clear, but the durable record exists.
    #[error(
        "nothing is sent: the halt is recorded in {}; see why with `openoutcry status`, \
         and lift it with `openoutcry resume` when it is over", .0.display()
    )]
    Recorded(PathBuf),
    /// Nobody can say whether it is clear.
    #[error(
        "nothing is sent: whether a halt is armed cannot be known, since {0}; \
         stop the system, look at the state folder, remove a broken flag, and start again"
    )]
    Unusable(#[from] FileError),
}

/// A halt flag, shared by all processes that name the same files.
///
/// It takes no lock and waits for nobody: a peer that is stopped, dead or flooded does not matter. A process
/// forked after the mapping was made shares it.
#[derive(Debug)]
pub struct HaltFlag {
    path: PathBuf,
    record: PathBuf,
    mapped: Result<Mapped, FileError>,
}

impl HaltFlag {
    /// Maps the flag, making it if need be, and sets it if the durable record exists.
    ///
    /// A flag that cannot be used is armed for as long as this value lives; `permit` says why.
    pub fn open(flag: &Path, record: &Path) -> Self {
        let path = absolute(flag).unwrap_or_else(|_| flag.to_owned());
        let record = absolute(record).unwrap_or_else(|_| record.to_owned());
        let mapped = Mapped::open(&path);
        if let Ok(mapped) = &mapped {
            mapped.adopt(&record);
        }
        Self {
            path,
            record,
            mapped,
        }
    }

    /// Says whether an order may leave now: two `lstat` and a load, no lock.
    ///
    /// # Errors
    /// Whatever is not proved to be clear.
    pub fn permit(&self) -> Result<(), Refusal> {
        if is_armed(self.generation()?) {
            return Err(Refusal::Armed);
        }
        match lstat(&self.record) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(FileError::io(&self.record, &error).into()),
            Ok(_) => Err(Refusal::Recorded(self.record.clone())),
        }
    }

    /// Sets the flag, for every process at once. It cannot fail: a flag that cannot be set is armed.
    pub fn arm(&self, at_ns: u64) {
        if let Ok(mapped) = self.intact() {
            mapped.arm(at_ns);
        } else if let Ok(fresh) = Mapped::open(&self.path) {
            fresh.arm(at_ns); // ours was replaced: others may use the new one
        }
    }

    /// Clears the flag, unless it was armed anew since `seen`; then it says false.
    ///
    /// # Errors
    /// The flag cannot be used, and stays armed.
    pub fn clear(&self, seen: u64) -> Result<bool, FileError> {
        let mapped = self.intact()?;
        let is_cleared = mapped.advance(seen, next_clear(seen));
        if is_cleared {
            // If the machine stopped before the page is written, it would come back armed: no harm, but odd.
            let _ = mapped.file.sync_data();
        }
        Ok(is_cleared)
    }

    /// The generation in force, for `clear`.
    ///
    /// # Errors
    /// The flag cannot be used.
    pub fn generation(&self) -> Result<u64, FileError> {
        Ok(self.intact()?.words.words()[GENERATION_AT].load(Ordering::Acquire))
    }

    /// When it was armed last, UTC ns; 0 if it never was, or if only the record knows.
    ///
    /// # Errors
    /// The flag cannot be used.
    pub fn armed_at_ns(&self) -> Result<u64, FileError> {
        Ok(self.intact()?.words.words()[SINCE_AT].load(Ordering::Relaxed))
    }

    /// The mapping, if it still is the file at its path. The size comes before any load: see `SharedWords`.
    fn intact(&self) -> Result<&Mapped, FileError> {
        let mapped = self.mapped.as_ref().map_err(Clone::clone)?;
        let found = lstat(&self.path).map_err(|error| FileError::io(&self.path, &error))?;
        let what = if (found.st_dev, found.st_ino) != mapped.identity {
            "it was replaced"
        } else if usize::try_from(found.st_size) != Ok(BYTES) {
            "it has another length"
        } else if !mapped.is_ours() {
            "it holds something else"
        } else {
            return Ok(mapped);
        };
        Err(FileError::new(&self.path, what))
    }
}

/// The flag's words, and which file they are in.
#[derive(Debug)]
struct Mapped {
    words: SharedWords,
    file: File,
    identity: (u64, u64),
}

impl Mapped {
    fn open(path: &Path) -> Result<Self, FileError> {
        let io = |error: io::Error| FileError::io(path, &error);
        let file = open_or_create(path, &new_content())?;
        let found = file.metadata().map_err(io)?;
        let mapped = Self {
            words: SharedWords::map(&file, WORDS, Access::ReadWrite).map_err(io)?,
            file,
            identity: (found.dev(), found.ino()),
        };
        if mapped.is_ours() {
            Ok(mapped)
        } else {
            Err(FileError::new(path, "it is no halt flag of this version"))
        }
    }

    fn is_ours(&self) -> bool {
        let words = self.words.words();
        words[MAGIC_AT].load(Ordering::Relaxed) == MAGIC
            && words[VERSION_AT].load(Ordering::Relaxed) == VERSION
    }

    fn arm(&self, at_ns: u64) {
        let words = self.words.words();
        if !is_armed(words[GENERATION_AT].load(Ordering::Acquire)) {
            words[SINCE_AT].store(at_ns, Ordering::Relaxed);
        }
        let next = |generation| Some(next_armed(generation));
        // It cannot fail: `next` always has a successor.
        let _ = words[GENERATION_AT].fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
    }

    /// A record without a flag: written by hand, or the machine stopped between the two.
    fn adopt(&self, record: &Path) {
        let words = self.words.words();
        let seen = words[GENERATION_AT].load(Ordering::Acquire);
        if !is_armed(seen) && lstat(record).is_ok() {
            words[SINCE_AT].store(0, Ordering::Relaxed);
            self.advance(seen, next_armed(seen)); // if not, somebody was quicker and knows better
        }
    }

    fn advance(&self, seen: u64, next: u64) -> bool {
        self.words.words()[GENERATION_AT]
            .compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

fn new_content() -> [u8; BYTES] {
    let mut content = [0; BYTES];
    for (place, word) in [
        (MAGIC_AT, MAGIC),
        (VERSION_AT, VERSION),
        (GENERATION_AT, FIRST_GENERATION),
    ] {
        content[place * size_of::<u64>()..][..size_of::<u64>()]
            .copy_from_slice(&word.to_ne_bytes());
    }
    content
}

const fn is_armed(generation: u64) -> bool {
    generation.is_multiple_of(2)
}

const fn next_armed(generation: u64) -> u64 {
    generation.wrapping_add(if is_armed(generation) { 2 } else { 1 })
}

const fn next_clear(generation: u64) -> u64 {
    generation.wrapping_add(if is_armed(generation) { 1 } else { 2 })
}
