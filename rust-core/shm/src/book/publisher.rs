//! The one writer of a venue's segment.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use rustix::fs::FlockOperation;
use rustix::time::{ClockId, clock_gettime};

use super::draft::BookDraft;
use super::layout::{self, Shape, header, state};
use super::segment::{SegmentError, claim, claim_folder, identity, is_at, segment_path, try_lock};
use crate::file::FileError;
use crate::mapping::{Access, SharedWords};
use crate::seqlock;

/// What the witness says in the process that made it.
const OWN: u64 = 1;

/// Publishes the books of one venue. While it lives, no other can take its place; when it is dropped, its
/// segment is closed and removed.
#[derive(Debug)]
pub struct BookPublisher {
    words: SharedWords,
    file: File,
    path: PathBuf,
    identity: (u64, u64),
    shape: Shape,
    draft: BookDraft,
    /// A fork shares the segment, but is not the writer.
    witness: SharedWords,
    is_closed: bool,
}

impl BookPublisher {
    /// Makes the venue's segment, and its folder if need be. Instruments and features, given by name, are told
    /// apart by their place.
    ///
    /// # Errors
    /// A setting is out of range, a name is not usable or there twice, the folder is not private, or a living
    /// writer has the segment.
    pub fn create(
        folder: &Path,
        venue: &str,
        instruments: &[String],
        depth: usize,
        features: &[String],
    ) -> Result<Self, SegmentError> {
        let path = segment_path(folder, venue)?;
        let shape = Shape::new(instruments.len(), depth, features.len())?;
        layout::check_names("an instrument", instruments)?;
        layout::check_names("a feature", features)?;
        claim_folder(folder)?;
        let file = claim(
            &path,
            &layout::new_words(shape, venue, instruments, features),
        )?;
        let io = |error| FileError::io(&path, &error);
        let witness = SharedWords::zero_in_forks().map_err(io)?;
        witness.words()[0].store(OWN, Ordering::Relaxed);
        let publisher = Self {
            words: SharedWords::map(&file, shape.words(), Access::ReadWrite).map_err(io)?,
            identity: identity(&file).map_err(io)?,
            file,
            path,
            shape,
            draft: BookDraft::new(shape),
            witness,
            is_closed: false,
        };
        publisher.beat();
        Ok(publisher)
    }

    /// Publishes an instrument's book, as `fill` puts it together.
    ///
    /// # Errors
    /// There is no such instrument, the process is a fork of the writer, or it was closed.
    pub fn publish(
        &mut self,
        index: usize,
        fill: impl FnOnce(&mut BookDraft),
    ) -> Result<(), SegmentError> {
        if index >= self.shape.instruments() {
            let text = format!("there is no instrument {index}; they are numbered from 0");
            return Err(SegmentError::Setting(text));
        }
        self.check_writer()?;
        self.draft.clear();
        fill(&mut self.draft);
        let at = self.shape.slot_at(index);
        let slot = &self.words.words()[at..=at + self.shape.record_words()];
        if let Some((sequence, record)) = slot.split_first() {
            seqlock::write(sequence, record, self.draft.words());
        }
        self.beat();
        Ok(())
    }

    /// Says that the writer lives, though there is nothing to publish. False if its segment was taken away: then
    /// nobody can see it, and a new publisher is wanted.
    ///
    /// # Errors
    /// As `publish`.
    pub fn beat_and_look(&self) -> Result<bool, SegmentError> {
        self.check_writer()?;
        self.beat();
        Ok(is_at(&self.path, self.identity))
    }

    /// Closes the segment and removes it. Readers see that it was closed.
    pub fn close(&mut self) {
        if self.is_closed || self.is_fork() {
            return;
        }
        self.is_closed = true;
        self.words.words()[header::STATE].store(state::CLOSED, Ordering::Release);
        if is_at(&self.path, self.identity) {
            let _ = std::fs::remove_file(&self.path); // one that stays is cleared away as a dead writer's
        }
        // A fork may have the file open: without this it would hold the lock on.
        let _ = try_lock(&self.file, FlockOperation::Unlock);
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How large it is.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    fn check_writer(&self) -> Result<(), SegmentError> {
        if self.is_closed {
            return Err(SegmentError::Setting("the publisher is closed".to_owned()));
        }
        if self.is_fork() {
            return Err(SegmentError::Forked);
        }
        Ok(())
    }

    fn is_fork(&self) -> bool {
        self.witness.words()[0].load(Ordering::Relaxed) != OWN
    }

    fn beat(&self) {
        self.words.words()[header::HEARTBEAT_NS].store(uptime_ns(), Ordering::Relaxed);
    }
}

impl Drop for BookPublisher {
    fn drop(&mut self) {
        self.close();
    }
}

/// A clock that all processes of the host share and nobody sets, to a few milliseconds: reading it is quick.
pub(super) fn uptime_ns() -> u64 {
    const NS_PER_S: i64 = 1_000_000_000;
    let now = clock_gettime(ClockId::MonotonicCoarse);
    now.tv_sec
        .saturating_mul(NS_PER_S)
        .saturating_add(now.tv_nsec) as u64
}
