//! A small file that several processes may make and open at once, and all end up with the same one.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, OFlags, Stat, statat};
use rustix::process::geteuid;

const FORBIDDEN_MODE: u32 = 0o022;
/// How often a file may be taken away between being made and being opened.
const OPEN_ATTEMPTS_MAX: u32 = 16;

/// Why a shared file is not to be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} cannot be used ({what})", path.display())]
pub struct FileError {
    path: PathBuf,
    what: String,
}

impl FileError {
    pub(crate) fn new(path: &Path, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            what: what.into(),
        }
    }

    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        Self::new(path, error.to_string())
    }
}

/// Opens the file, or makes it with this content; nobody ever sees it half made.
pub(crate) fn open_or_create(path: &Path, content: &[u8]) -> Result<File, FileError> {
    for _ in 0..OPEN_ATTEMPTS_MAX {
        match open(path, true) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create(path, content).map_err(|error| FileError::io(path, &error))?;
            }
            opened => {
                let file = opened.map_err(|error| FileError::io(path, &error))?;
                if check(path, &file)? == content.len() as u64 {
                    return Ok(file);
                }
                return Err(FileError::new(path, "it has another length"));
            }
        }
    }
    Err(FileError::new(path, "it is taken away again and again"))
}

/// Opens a file that exists. It follows no link at the path's end, and waits for no other end of a pipe.
pub(crate) fn open(path: &Path, is_to_write: bool) -> io::Result<File> {
    let no_link_no_wait = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let mut options = OpenOptions::new();
    options.read(true).write(is_to_write);
    options.custom_flags(no_link_no_wait).open(path)
}

/// What stands at the path, links not followed.
pub(crate) fn lstat(path: &Path) -> io::Result<Stat> {
    Ok(statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)?)
}

fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::Builder::new()
        .prefix(".halt.")
        .tempfile_in(folder)?; // mode 0600
    file.write_all(content)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(failed) if failed.error.kind() != io::ErrorKind::AlreadyExists => Err(failed.error),
        _ => Ok(()), // ours, or another process was first
    }
}

/// Whether a file may be trusted: a plain one, of this user or the folder's, that others cannot write. Returns
/// its length.
pub(crate) fn check(path: &Path, file: &File) -> Result<u64, FileError> {
    let found = file
        .metadata()
        .map_err(|error| FileError::io(path, &error))?;
    let owner = found.uid();
    let what = if !found.is_file() {
        "it is not a file"
    } else if owner != geteuid().as_raw() && Some(owner) != folder_owner(path) {
        "it belongs to another user"
    } else if found.mode() & FORBIDDEN_MODE != 0 {
        "it can be written by other users"
    } else {
        return Ok(found.len());
    };
    Err(FileError::new(path, what))
}

/// The administrator may halt somebody else's system: whoever owns the folder may own what is in it.
fn folder_owner(path: &Path) -> Option<u32> {
    Some(path.parent()?.metadata().ok()?.uid())
}
