//! What a run keeps in the tool's folder in the cache root: a lock, so that one run works at a time, and the hashes for the next.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache::duplicates::memory;
use crate::cache::notes::file;
use crate::support::lock::Lock;

const LOCK: &str = "dedupe.lock";

/// Takes the lock of this cache, and makes the folder in which it lies.
///
/// # Errors
/// `ErrorKind::WouldBlock` when another run has it; otherwise what the disk says.
pub fn guard(cache_root: &Path, patience: Duration, waiting: impl FnMut()) -> io::Result<Lock> {
    Lock::acquire(&room(cache_root)?.join(LOCK), patience, waiting)
}

/// The tool's folder in the cache root, made where it is missing; a link to one is refused.
pub(super) fn room(cache_root: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(cache_root)?;
    file::room(cache_root, "")
}

/// Keeps `hashes`, the text of a memory, for the next run.
///
/// # Errors
/// What the disk says: then the next run reads the files again, which harms nobody.
pub fn remember(cache_root: &Path, hashes: &str) -> io::Result<()> {
    file::replace(&room(cache_root)?.join(memory::FILE), hashes.as_bytes())
}
