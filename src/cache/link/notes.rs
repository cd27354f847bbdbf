//! What a run keeps in the tool's folder in the cache root: a lock, so that one run works at a time, and the hashes for the next.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::cache::duplicates::memory;
use crate::support::lock::Lock;
use crate::support::{atomic, own_folder};

/// The tool's folder in the cache root.
pub(super) const FOLDER: &str = ".modelstrap";

const LOCK: &str = "dedupe.lock";

/// Takes the lock of this cache, and makes the folder in which it lies.
///
/// # Errors
/// `ErrorKind::WouldBlock` when another run has it; otherwise what the disk says.
pub fn guard(cache_root: &Path, patience: Duration, waiting: impl FnMut()) -> io::Result<Lock> {
    let folder = cache_root.join(FOLDER);
    own_folder::make(&folder)?;
    Lock::acquire(&folder.join(LOCK), patience, waiting)
}

/// Keeps `hashes`, the text of a memory, for the next run.
///
/// # Errors
/// What the disk says: then the next run reads the files again, which harms nobody.
pub fn remember(cache_root: &Path, hashes: &str) -> io::Result<()> {
    let folder = cache_root.join(FOLDER);
    own_folder::make(&folder)?;
    atomic::replace(&folder.join(memory::FILE), hashes.as_bytes(), Some(0o644), "dedupe")
}
