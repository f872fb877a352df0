//! A reader of a venue's segment.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::FlockOperation;

use super::layout::{self, Shape, header, state};
use super::publisher::uptime_ns;
use super::segment::{SegmentError, find_folder, identity, is_at, load, segment_path, try_lock};
use crate::file::{FileError, check, open};
use crate::mapping::{Access, SharedWords};
use crate::seqlock;

/// A writer that is silent for longer is looked at. The kernel's answer costs a microsecond or two.
pub const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(1);
/// The writer takes some 50 ns; a hundred attempts last a few microseconds.
const READ_ATTEMPTS: u32 = 100;
/// How often a segment may be replaced while it is opened.
const OPEN_ATTEMPTS: u32 = 16;

/// What has become of a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// It lives.
    Alive,
    /// It ended without closing the segment.
    Dead,
    /// It closed the segment: it ended in order.
    Closed,
    /// The segment was removed or replaced: open it anew.
    Gone,
}

/// What is to be thought of what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The newest record, of a living writer.
    Fresh,
    /// The writer lives, but has published nothing for this instrument; the record is all zero.
    Empty,
    /// The writer lives, but has not been heard of for longer than the timeout; the record is its last.
    Stalled,
    /// The writer is dead; the record is its last.
    Dead,
    /// The writer ended in order; the record is its last.
    Closed,
    /// Nothing was read: the record was being written at every attempt. Try again.
    Busy,
    /// Nothing was read: the writer died while it wrote this record.
    Torn,
    /// Nothing was read: the segment was removed or replaced. Open it anew.
    Gone,
}

impl Outcome {
    /// Whether a record was read.
    pub fn has_record(self) -> bool {
        !matches!(self, Self::Busy | Self::Torn | Self::Gone)
    }
}

/// An answer: what to think of it, and how often the record had been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What to think of it.
    pub outcome: Outcome,
    /// Number of the publication, from 1; 0 if there was none or nothing was read.
    pub publication: u64,
}

/// Reads the books of one venue. It never waits for the writer, whatever became of it.
#[derive(Debug)]
pub struct BookReader {
    words: SharedWords,
    file: File,
    path: PathBuf,
    identity: (u64, u64),
    shape: Shape,
    heartbeat_timeout_ns: u64,
    /// The writer was found dead, which is for ever: the lock is left alone from then on, for its successor.
    is_dead: AtomicBool,
}

impl BookReader {
    /// Opens a venue's segment.
    ///
    /// # Errors
    /// There is none, it cannot be trusted, or it is of another version.
    pub fn open(
        folder: &Path,
        venue: &str,
        heartbeat_timeout: Duration,
    ) -> Result<Self, SegmentError> {
        let path = segment_path(folder, venue)?;
        if !find_folder(folder)? {
            return Err(SegmentError::Absent(path));
        }
        for _ in 0..OPEN_ATTEMPTS {
            let reader = Self::open_once(&path, heartbeat_timeout)?;
            if reader.state() != state::GIVEN_UP {
                return Ok(reader);
            }
        }
        Err(SegmentError::Absent(path))
    }

    fn open_once(path: &Path, heartbeat_timeout: Duration) -> Result<Self, SegmentError> {
        let io = |error| FileError::io(path, &error);
        let file = match open(path, false) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(SegmentError::Absent(path.to_owned()));
            }
            opened => opened.map_err(io)?,
        };
        let file_words = check(path, &file)? / layout::WORD_BYTES as u64;
        let len = usize::try_from(file_words).unwrap_or(0);
        if len < header::LEN {
            return Err(FileError::new(path, "it is too short for a segment").into());
        }
        let words = SharedWords::map(&file, len, Access::Read).map_err(io)?;
        let shape = layout::shape_of(&load(&words), file_words)
            .map_err(|what| FileError::new(path, what))?;
        Ok(Self {
            words,
            identity: identity(&file).map_err(io)?,
            file,
            path: path.to_owned(),
            shape,
            is_dead: AtomicBool::new(false),
            heartbeat_timeout_ns: u64::try_from(heartbeat_timeout.as_nanos()).unwrap_or(u64::MAX),
        })
    }

    /// Reads an instrument's record into the first `record_words` of `values`. A system call is made only if the
    /// writer has been silent for too long. What `values` holds without a record is of no use.
    ///
    /// # Errors
    /// There is no such instrument, or `values` is too short.
    pub fn read(&self, index: usize, values: &mut [u64]) -> Result<Reading, SegmentError> {
        let values = self.room(index, values)?;
        let at = self.shape.slot_at(index);
        let slot = &self.words.words()[at..=at + self.shape.record_words()];
        let is_silent = self.is_silent(); // before the record: what is read then is no older than this says
        let read = match slot.split_first() {
            Some((sequence, record)) => seqlock::read(sequence, record, values, READ_ATTEMPTS),
            None => Err(seqlock::Busy),
        };
        let is_open = self.state() == state::OPEN;
        let writer = if is_open && !is_silent && read.is_ok() {
            Writer::Alive
        } else {
            self.writer()
        };
        let outcome = match (writer, read) {
            (Writer::Gone, _) => Outcome::Gone,
            (Writer::Alive, Err(_)) => Outcome::Busy,
            (_, Err(_)) => Outcome::Torn,
            (Writer::Dead, Ok(_)) => Outcome::Dead,
            (Writer::Closed, Ok(_)) => Outcome::Closed,
            (Writer::Alive, Ok(_)) if is_silent => Outcome::Stalled,
            (Writer::Alive, Ok(0)) => Outcome::Empty,
            (Writer::Alive, Ok(_)) => Outcome::Fresh,
        };
        Ok(Reading {
            outcome,
            publication: read.map_or(0, |sequence| sequence / 2),
        })
    }

    /// Asks the kernel whether the writer lives: three system calls.
    pub fn writer(&self) -> Writer {
        match self.state() {
            state::OPEN => {}
            state::CLOSED => return Writer::Closed,
            _ => return Writer::Gone,
        }
        let is_free = self.is_lock_free();
        match (is_free, self.state()) {
            (_, state::CLOSED) => Writer::Closed, // just now
            (Ok(_), state::OPEN) if !is_at(&self.path, self.identity) => Writer::Gone,
            (Ok(true), state::OPEN) => Writer::Dead,
            (Ok(false), state::OPEN) => Writer::Alive,
            _ => Writer::Gone, // given up; or the kernel would not say
        }
    }

    fn is_lock_free(&self) -> io::Result<bool> {
        if self.is_dead.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let is_free = try_lock(&self.file, FlockOperation::NonBlockingLockShared)?;
        if is_free {
            self.is_dead.store(true, Ordering::Relaxed);
            try_lock(&self.file, FlockOperation::Unlock)?;
        }
        Ok(is_free)
    }

    /// The process that writes, or wrote.
    pub fn writer_pid(&self) -> u64 {
        self.words.words()[header::WRITER_PID].load(Ordering::Relaxed)
    }

    /// The instruments' names, in the order of their numbers.
    pub fn instruments(&self) -> Vec<String> {
        self.names(Shape::instrument_names_at(), self.shape.instruments())
    }

    /// The features' names, in the order of the record.
    pub fn features(&self) -> Vec<String> {
        self.names(self.shape.feature_names_at(), self.shape.features())
    }

    /// How large it is.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn names(&self, at: usize, count: usize) -> Vec<String> {
        let words = self.words.words()[at..self.shape.slot_at(0)].iter();
        let words: Vec<u64> = words.map(|word| word.load(Ordering::Relaxed)).collect();
        layout::names_in(&words, count)
    }

    fn room<'a>(&self, index: usize, values: &'a mut [u64]) -> Result<&'a mut [u64], SegmentError> {
        let (instruments, words) = (self.shape.instruments(), self.shape.record_words());
        if index >= instruments {
            let text = format!("there is no instrument {index}; there are {instruments}, from 0");
            return Err(SegmentError::Setting(text));
        }
        let given = values.len();
        values.get_mut(..words).ok_or_else(|| {
            let text = format!("a record has {words} words, and there is room for {given}");
            SegmentError::Setting(text)
        })
    }

    fn state(&self) -> u64 {
        self.words.words()[header::STATE].load(Ordering::Acquire)
    }

    fn is_silent(&self) -> bool {
        let beat_ns = self.words.words()[header::HEARTBEAT_NS].load(Ordering::Relaxed);
        let now_ns = uptime_ns();
        // The clock is coarse: a beat may seem to be ahead of it for a moment. One that is far ahead is of another
        // clock (a container with a time of its own), and says nothing.
        now_ns.saturating_sub(beat_ns) >= self.heartbeat_timeout_ns
            || u128::from(beat_ns.saturating_sub(now_ns)) > HEARTBEAT_TIMEOUT.as_nanos()
    }
}
