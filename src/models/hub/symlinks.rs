//! How a file of a snapshot names its content: by a symbolic link, else a hard link, else a copy.
//!
//! Whether a folder's disk can make links is tried once for each cache and run. Hard links keep the bytes once where Windows
//! gives no right to make symbolic ones, and Python then finds both the file and the blob (libraries.md 3.1).

use std::collections::HashMap;
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// How a name is given to a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// A relative symbolic link: the official way.
    Symbolic,
    /// A second name for the same bytes.
    Hard,
    /// The bytes again.
    Copy,
}

static NUMBER: AtomicU64 = AtomicU64::new(0);
/// By folder: with links wanted, and without.
static PROBED: Mutex<Option<HashMap<PathBuf, [Option<Link>; 2]>>> = Mutex::new(None);

/// A name that no other thread uses, no other process, and none on another machine that shares the disk.
pub fn unique(prefix: &str) -> String {
    static RUN: OnceLock<u64> = OnceLock::new();
    let run = RUN.get_or_init(|| RandomState::new().build_hasher().finish());
    format!("{prefix}.{run:016x}.{}.tmp", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// The best way in `folder`, which exists: tried there the first time, remembered after that.
pub fn best(folder: &Path, symlinks_wanted: bool) -> Link {
    let mut probed = PROBED.lock().unwrap_or_else(PoisonError::into_inner);
    let known = probed.get_or_insert_default().entry(folder.to_path_buf()).or_default();
    *known[usize::from(symlinks_wanted)].get_or_insert_with(|| probe(folder, symlinks_wanted))
}

/// The best way in `folder`, if it was tried there.
pub(super) fn known(folder: &Path, symlinks_wanted: bool) -> Option<Link> {
    let probed = PROBED.lock().unwrap_or_else(PoisonError::into_inner);
    probed.as_ref()?.get(folder)?[usize::from(symlinks_wanted)]
}

fn probe(folder: &Path, symlinks_wanted: bool) -> Link {
    let (file, link) = (folder.join(unique("probe")), folder.join(unique("probe")));
    if fs::write(&file, b"").is_err() {
        // Nothing can be made here at all: the attempt itself will say why.
        return if symlinks_wanted { Link::Symbolic } else { Link::Hard };
    }
    let target = file.file_name().map(PathBuf::from).unwrap_or_default();
    // It must lead somewhere, too: Windows makes links on a network drive that its policy forbids to follow.
    let leads = || fs::metadata(&link).is_ok_and(|found| found.is_file());
    let found = if symlinks_wanted && symbolic(&target, &link).is_ok() && leads() {
        Link::Symbolic
    } else {
        let _ = fs::remove_file(&link);
        if fs::hard_link(&file, &link).is_ok() { Link::Hard } else { Link::Copy }
    };
    let _ = fs::remove_file(&link);
    let _ = fs::remove_file(&file);
    found
}

/// Makes a symbolic link at `link` that says `target`.
///
/// # Errors
/// What the system answers.
#[cfg(unix)]
pub fn symbolic(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

/// Makes a symbolic link at `link` that says `target`, which is a file.
///
/// # Errors
/// What the system answers; without developer mode or the right to do it, Windows refuses.
#[cfg(windows)]
pub fn symbolic(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

/// Makes a symbolic link: not on this system.
///
/// # Errors
/// Always.
#[cfg(not(any(unix, windows)))]
pub fn symbolic(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_finds_the_best_way_and_leaves_nothing() {
        let room = tempfile::tempdir().unwrap();
        assert_eq!(best(room.path(), true), Link::Symbolic);
        assert_eq!(best(room.path(), false), Link::Hard);
        assert_eq!(fs::read_dir(room.path()).unwrap().count(), 0);
    }
}
