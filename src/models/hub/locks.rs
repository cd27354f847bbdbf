//! The locks that Python takes while it fetches a blob, taken here too, so that both do not fetch the same bytes.
//!
//! They are a courtesy: on Lustre, GPFS and some NFS every taker is told that it holds the lock. What keeps a cache good is that
//! unfinished files have names of their own and the final name comes by a rename. So a lock held too long is passed by.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::layout::{Repository, blob_name};
use crate::models::homes::Homes;
use crate::models::locked::{File, HubPlace};
use crate::platform::locks;
use crate::support::lock::Lock;

/// A smaller file has its name and its link a moment after its last byte: its lock is taken only where somebody else has made
/// it before. Among thousands of small files, making these was a third of the work for the disk.
const BRIEF: u64 = 8 << 20;

/// How long another process is waited for before going on beside it.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Holds a blob's lock while it lives, if it could be had.
#[derive(Debug)]
pub struct Guard {
    held: Option<Lock>,
}

impl Guard {
    /// Whether the lock is held, or was passed by.
    pub const fn is_held(&self) -> bool {
        self.held.is_some()
    }
}

/// Takes the lock of the blob of `file`, waiting for [`PATIENCE`] at most. That of a small file is not made, since without it
/// nobody is at that blob.
pub fn lock(place: &HubPlace, file: &File, homes: &Homes) -> Guard {
    let brief = file.size.is_some_and(|size| size < BRIEF);
    let made = || blob_name(file).is_some_and(|blob| Repository::of(place, &homes.hub).lock(&blob).exists());
    if brief && !made() { Guard { held: None } } else { lock_within(place, file, homes, PATIENCE) }
}

/// Takes the lock of the blob of `file`, waiting for `patience` at most.
pub fn lock_within(place: &HubPlace, file: &File, homes: &Homes, patience: Duration) -> Guard {
    let path = blob_name(file).map(|blob| Repository::of(place, &homes.hub).lock(&blob));
    Guard { held: path.and_then(|path| take(&path, patience)) }
}

/// Whether another process holds the lock at `path`, as far as the disk tells. One that cannot be opened might be held.
pub fn is_held(path: &Path) -> bool {
    match fs::File::open(path) {
        Ok(file) => !locks::is_free(&file, path.file_name().unwrap_or_default()),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Whether another process holds a lock of the repository in `folder`, `…/models--org--name`: it fetches something of it.
pub fn is_any_held(folder: &Path) -> bool {
    let of = folder.parent().zip(folder.file_name()).map(|(hub, name)| hub.join(".locks").join(name));
    let locks = of.and_then(|of| fs::read_dir(of).ok()).into_iter().flatten().flatten().map(|entry| entry.path());
    locks.filter(|path| path.extension().is_some_and(|end| end == "lock" || end == "soft")).any(|path| is_held(&path))
}

fn take(path: &Path, patience: Duration) -> Option<Lock> {
    fs::create_dir_all(path.parent()?).ok()?;
    prepare(path);
    Lock::acquire(path, patience, || {}).ok()
}

/// A lock's mode is 0664 whatever the umask, so that others of the group can take it (`utils/_fixes.py:90`).
#[cfg(unix)]
fn prepare(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    if let Ok(file) = fs::OpenOptions::new().write(true).create_new(true).open(path) {
        let _ = file.set_permissions(fs::Permissions::from_mode(0o664));
    }
}

#[cfg(not(unix))]
fn prepare(_: &Path) {}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::fetch::Digest;
    use crate::models::hub::place::tests::{homes, place};

    #[test]
    fn a_lock_lies_where_python_takes_it_and_is_passed_by_after_a_while() {
        let room = tempfile::tempdir().unwrap();
        let homes = homes(room.path());
        let small = File { path: "a".to_owned(), size: Some(1), digest: Some(Digest::Git([0xab; 20])), url: None };
        let file = File { size: Some(BRIEF), ..small.clone() };
        assert!(!lock(&place(), &small, &homes).is_held());
        assert!(!room.path().join(".locks").exists(), "nobody is kept out by what nobody waits for");
        let first = lock(&place(), &file, &homes);
        let path = room.path().join(".locks/models--org--name").join(format!("{}.lock", "ab".repeat(20)));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o664);
        assert!(first.is_held());
        assert!(!lock_within(&place(), &file, &homes, Duration::from_millis(30)).is_held());
        drop(first);
        let second = lock(&place(), &small, &homes);
        assert!(second.is_held(), "one that somebody made is taken for a small file, too");
        drop(second);
        assert!(lock_within(&place(), &file, &homes, Duration::ZERO).is_held());
        assert!(path.exists(), "a lock's file stays");
    }
}
