//! A file's first words, mapped so that all processes see one memory.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::AtomicU64;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// `N` shared words. They are atomics, so another process that writes them at the same time is no data race.
///
/// A page of a file that has been cut off cannot be touched: the kernel ends the process with SIGBUS. Whoever
/// reads must look at the file's size first; what is cut off in the nanoseconds between is the process's end.
#[derive(Debug)]
pub(crate) struct SharedWords<const N: usize>(NonNull<[AtomicU64; N]>);

// SAFETY: the pointer is to memory that no thread owns and that is only reached through atomics; it stays
// mapped until the value is dropped.
unsafe impl<const N: usize> Send for SharedWords<N> {}
// SAFETY: as above.
unsafe impl<const N: usize> Sync for SharedWords<N> {}

impl<const N: usize> SharedWords<N> {
    /// The length in the file.
    pub(crate) const BYTES: usize = N * size_of::<AtomicU64>();

    /// Maps the beginning of a file that is open for reading and writing.
    pub(crate) fn map(file: &File) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the address, so no memory of ours is replaced.
        let start = unsafe { mmap(null_mut(), Self::BYTES, access, MapFlags::SHARED, file, 0) }?;
        NonNull::new(start.cast())
            .map(Self)
            .ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// The words.
    pub(crate) fn words(&self) -> &[AtomicU64; N] {
        // SAFETY: mapped for reading and writing until drop, and page-aligned. Every bit pattern is a u64.
        unsafe { self.0.as_ref() }
    }
}

impl<const N: usize> Drop for SharedWords<N> {
    fn drop(&mut self) {
        // SAFETY: mapped with this length by `map`, and no reference outlives the value. A failure would
        // leave the page mapped, which harms nobody.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), Self::BYTES) };
    }
}
