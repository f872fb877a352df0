//! A segment's file: whose it is, how a writer comes into its place, and how the dead are cleared away.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use rustix::fs::{FileType, FlockOperation, flock};
use rustix::process::geteuid;

use super::layout::{self, header, state};
use crate::file::{FileError, check, lstat, open};
use crate::mapping::{Access, SharedWords};

const SUFFIX: &str = ".book";
const TEMPORARY_PREFIX: &str = ".book.";
const VENUE_BYTES_MAX: usize = 32;
const FOLDER_MODE: u32 = 0o700;
const OTHERS: u32 = 0o077;
/// A reader that looks whether the writer lives holds the lock for a microsecond, and so does `clean`. Whoever
/// still holds it after all attempts is a writer.
const CLAIM_ATTEMPTS: u32 = 10;
const CLAIM_PAUSE: Duration = Duration::from_millis(1);

/// Why a segment cannot be made or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// A setting or an argument that cannot be.
    #[error("{0}")]
    Setting(String),
    /// There is none.
    #[error(
        "{}: nobody publishes there; start the system that does, or give its folder and venue", .0.display()
    )]
    Absent(PathBuf),
    /// There is one, and its writer lives.
    #[error("{}: process {pid} publishes there already; end it first", path.display())]
    Taken {
        /// The segment.
        path: PathBuf,
        /// Its writer.
        pid: u64,
    },
    /// The process is a fork of the one that made the publisher.
    #[error(
        "a fork of the writer cannot publish: there is one writer only; make a publisher of its own"
    )]
    Forked,
    /// A file or a folder that is not to be trusted.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Where segments lie unless a folder is given: in memory, this user's.
pub fn default_folder() -> PathBuf {
    PathBuf::from(format!("/dev/shm/openoutcry-{}", geteuid().as_raw()))
}

/// Clears away the segments of a folder whose writers are dead, and what they left half made; returns those
/// segments. Readers that still have one see that it is gone. A folder that does not exist is clean.
///
/// # Errors
/// The folder is not private, or cannot be read.
pub fn clean(folder: &Path) -> Result<Vec<PathBuf>, SegmentError> {
    if !find_folder(folder)? {
        return Ok(Vec::new());
    }
    let io = |error: io::Error| FileError::io(folder, &error);
    let mut removed = Vec::new();
    for entry in folder.read_dir().map_err(io)? {
        let path = entry.map_err(io)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let is_temporary = name.starts_with(TEMPORARY_PREFIX);
        if !is_temporary && !name.ends_with(SUFFIX) {
            continue;
        }
        if let Ok(Found::Dead(file)) = find(&path) {
            give_up(&file);
            if std::fs::remove_file(&path).is_ok() && !is_temporary {
                removed.push(path);
            }
        }
    }
    Ok(removed)
}

/// The path of a venue's segment.
pub(super) fn segment_path(folder: &Path, venue: &str) -> Result<PathBuf, SegmentError> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = (1..=VENUE_BYTES_MAX).contains(&venue.len())
        && venue.bytes().all(is_plain)
        && !venue.starts_with('-');
    if is_name {
        return Ok(folder.join(format!("{venue}{SUFFIX}")));
    }
    Err(SegmentError::Setting(format!(
        "venue {venue:?} cannot name a segment; give at most {VENUE_BYTES_MAX} of a-z, 0-9 and -"
    )))
}

/// Makes the folder if need be: one that only this user may enter, in a place where nobody else can swap it.
pub(super) fn claim_folder(folder: &Path) -> Result<(), SegmentError> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)
        .map_err(|error| FileError::io(folder, &error))?;
    find_folder(folder)?;
    Ok(())
}

/// Whether there is the folder.
///
/// # Errors
/// There is, and others may enter it or put another in its place.
pub(super) fn find_folder(folder: &Path) -> Result<bool, SegmentError> {
    let io = |error: io::Error| FileError::io(folder, &error);
    let found = match lstat(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        found => found.map_err(io)?,
    };
    let above = folder.parent().filter(|above| *above != Path::new(""));
    let above = above.unwrap_or(Path::new(".")).metadata().map_err(io)?;
    let user = geteuid().as_raw();
    let is_administrator = user == 0;
    let what = if FileType::from_raw_mode(found.st_mode) != FileType::Directory {
        "it is not a folder"
    } else if found.st_uid != user && !is_administrator {
        "it belongs to another user"
    } else if found.st_mode & OTHERS != 0 {
        "other users may enter it; it must have mode 0700"
    } else if ![user, 0, found.st_uid].contains(&above.uid()) {
        "the folder above it belongs to another user"
    } else {
        return Ok(true);
    };
    Err(FileError::new(folder, what).into())
}

/// Puts a new segment at the path, locked, in the place of a dead one. Nobody ever sees it half made.
pub(super) fn claim(path: &Path, words: &[u64]) -> Result<File, SegmentError> {
    let io = |error: io::Error| FileError::io(path, &error);
    for _ in 0..CLAIM_ATTEMPTS {
        let found = find(path)?;
        if matches!(found, Found::Held) {
            thread::sleep(CLAIM_PAUSE);
            continue;
        }
        let fresh = new_file(path, words).map_err(io)?;
        let placed = if let Found::Dead(old) = &found {
            give_up(old); // we hold its lock until the new one is in its place
            fresh.persist(path)
        } else {
            fresh.persist_noclobber(path)
        };
        match placed {
            Ok(file) => return Ok(file),
            // Another was first; or `clean` took the new file for a dead one before it was locked.
            Err(failed)
                if matches!(
                    failed.error.kind(),
                    ErrorKind::AlreadyExists | ErrorKind::NotFound
                ) => {}
            Err(failed) => return Err(io(failed.error).into()),
        }
    }
    Err(SegmentError::Taken {
        path: path.to_owned(),
        pid: writer_pid(path),
    })
}

/// What stands in a segment's place.
#[derive(Debug)]
enum Found {
    Nothing,
    /// Its writer lives, or somebody looks whether it does.
    Held,
    /// Its lock is ours as long as the file is open.
    Dead(File),
}

fn find(path: &Path) -> Result<Found, SegmentError> {
    let file = match open(path, true) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        opened => opened.map_err(|error| FileError::io(path, &error))?,
    };
    check(path, &file)?;
    if !try_lock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|error| FileError::io(path, &error))?
    {
        return Ok(Found::Held);
    }
    // Only what still stands at the path is locked by this.
    if is_at(
        path,
        identity(&file).map_err(|error| FileError::io(path, &error))?,
    ) {
        return Ok(Found::Dead(file));
    }
    Ok(Found::Held)
}

/// Tells the readers of a segment that nobody will ever write to it again.
fn give_up(file: &File) {
    if let Ok(words) = map_header(file, Access::ReadWrite) {
        words.words()[header::STATE].store(state::GIVEN_UP, Ordering::Release);
    }
}

fn map_header(file: &File, access: Access) -> io::Result<SharedWords> {
    let file_words = file.metadata()?.len() / layout::WORD_BYTES as u64;
    if file_words < header::LEN as u64 {
        return Err(ErrorKind::InvalidData.into());
    }
    let words = SharedWords::map(file, header::LEN, access)?;
    match layout::shape_of(&load(&words), file_words) {
        Ok(_) => Ok(words),
        Err(what) => Err(io::Error::new(ErrorKind::InvalidData, what)),
    }
}

fn writer_pid(path: &Path) -> u64 {
    let header = open(path, false).and_then(|file| map_header(&file, Access::Read));
    header.map_or(0, |words| {
        words.words()[header::WRITER_PID].load(Ordering::Relaxed)
    })
}

/// The words of a header, as they are now.
pub(super) fn load(words: &SharedWords) -> Vec<u64> {
    let header = words.words().iter().take(header::LEN);
    header.map(|word| word.load(Ordering::Relaxed)).collect()
}

/// A file that is locked before it has a name. Written, not stretched: a full memory disk is an error here
/// and not a SIGBUS at the first store.
fn new_file(path: &Path, words: &[u64]) -> io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::Builder::new()
        .prefix(TEMPORARY_PREFIX)
        .tempfile_in(folder)?; // mode 0600
    flock(file.as_file(), FlockOperation::NonBlockingLockExclusive)?;
    let content: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    file.write_all(&content)?;
    Ok(file)
}

/// Takes a lock, or says false if another has it.
pub(super) fn try_lock(file: &File, operation: FlockOperation) -> io::Result<bool> {
    match flock(file, operation) {
        Ok(()) => Ok(true),
        Err(error) if io::Error::from(error).kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Device and inode.
pub(super) fn identity(file: &File) -> io::Result<(u64, u64)> {
    let found = file.metadata()?;
    Ok((found.dev(), found.ino()))
}

/// Whether it is this file that stands at the path.
pub(super) fn is_at(path: &Path, identity: (u64, u64)) -> bool {
    lstat(path).is_ok_and(|found| (found.st_dev, found.st_ino) == identity)
}
