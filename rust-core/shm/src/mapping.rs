//! A file's first words, mapped so that all processes see one memory.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ptr::{NonNull, null_mut, slice_from_raw_parts_mut};
use std::sync::atomic::AtomicU64;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};

/// What a mapping is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Access {
    /// To look only: the words must never be stored to.
    Read,
    /// To look and to change.
    ReadWrite,
}

/// Shared words. They are atomics, so another process that writes them at the same time is no data race.
///
/// A page of a file that has been cut off cannot be touched: the kernel ends the process with SIGBUS. Whoever
/// reads must look at the file's size first; what is cut off in the nanoseconds between is the process's end.
#[derive(Debug)]
pub(crate) struct SharedWords(NonNull<[AtomicU64]>);

// SAFETY: the pointer is to memory that no thread owns and that is only reached through atomics; it stays
// mapped until the value is dropped.
unsafe impl Send for SharedWords {}
// SAFETY: as above.
unsafe impl Sync for SharedWords {}

impl SharedWords {
    /// Maps the first `len` words of a file that is open for what is wanted and at least that long.
    pub(crate) fn map(file: &File, len: usize, access: Access) -> io::Result<Self> {
        let protection = match access {
            Access::Read => ProtFlags::READ,
            Access::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        };
        let bytes = len.saturating_mul(size_of::<AtomicU64>());
        // SAFETY: the kernel chooses the address, so no memory of ours is replaced.
        let start = unsafe { mmap(null_mut(), bytes, protection, MapFlags::SHARED, file, 0) }?;
        NonNull::new(slice_from_raw_parts_mut(start.cast(), len))
            .map(Self)
            .ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// One word that is this process's alone: in a fork of it, it is zero again. To look at it costs nothing,
    /// unlike asking the kernel who we are.
    pub(crate) fn zero_in_forks() -> io::Result<Self> {
        const LEN: usize = 1;
        let (access, bytes) = (
            ProtFlags::READ | ProtFlags::WRITE,
            LEN * size_of::<AtomicU64>(),
        );
        // SAFETY: the kernel chooses the address, so no memory of ours is replaced.
        let start = unsafe { mmap_anonymous(null_mut(), bytes, access, MapFlags::PRIVATE) }?;
        let mapped = NonNull::new(slice_from_raw_parts_mut(start.cast(), LEN))
            .map(Self)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: the page was mapped just now, and holds nothing that a fork could need.
        unsafe { madvise(start, bytes, Advice::LinuxWipeOnFork) }?;
        Ok(mapped)
    }

    /// The words.
    #[inline]
    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: mapped until drop, and page-aligned. Every bit pattern is a u64, and a load of one word
        // needs no more than permission to read.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for SharedWords {
    fn drop(&mut self) {
        let bytes = size_of_val(self.words());
        // SAFETY: mapped with this length by `map`, and no reference outlives the value. A failure would
        // leave the pages mapped, which harms nobody.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), bytes) };
    }
}
