//! One run at a time: an advisory lock on a file, waited for a limited time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::nofollow;

/// How often a busy lock is tried again.
const POLL: Duration = Duration::from_millis(20);

/// A held lock; dropping it releases it.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock at `path`, creating the file; a link is refused. While another process holds it, calls `waiting` once
    /// and tries until `patience` is over.
    ///
    /// # Errors
    /// `ErrorKind::WouldBlock` when `patience` is over; otherwise what the disk says.
    pub fn acquire(path: &Path, patience: Duration, mut waiting: impl FnMut()) -> io::Result<Self> {
        let start = Instant::now();
        let mut told = false;
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let file = nofollow::open(&mut options, path)?;
            match file.try_lock() {
                // `undo` removes the folder with the lock in it: a lock on a removed file protects nothing.
                Ok(()) if is_at(&file, path) => return Ok(Self { file, path: path.to_path_buf() }),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if !told {
                        waiting();
                        told = true;
                    }
                    if start.elapsed() >= patience || super::interrupt::requested() {
                        return Err(io::ErrorKind::WouldBlock.into());
                    }
                    std::thread::sleep(POLL);
                }
                // A disk without locks (some network disks): going on alone is what git and cargo do there, too.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    return Ok(Self { file, path: path.to_path_buf() });
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// Releases the lock and removes its file.
    pub fn remove(self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for Lock {
    /// A program that another thread starts in this moment has the file too, until it begins: closing ours would not be enough.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// Whether `file`, which was opened at `path`, is what stands there now: a lock on a file that was removed protects nothing.
#[cfg(unix)]
pub fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// Whether `file`, which was opened at `path`, is what stands there now: an open file cannot be removed on Windows.
#[cfg(not(unix))]
pub fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_not_made_where_a_link_leads() {
        let room = tempfile::tempdir().unwrap();
        let (lock, elsewhere) = (room.path().join("run.lock"), room.path().join("elsewhere"));
        std::os::unix::fs::symlink(&elsewhere, &lock).unwrap();
        let error = Lock::acquire(&lock, Duration::ZERO, || {}).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{} is a link, and nothing is written through one: remove it", lock.display())
        );
        assert!(!elsewhere.exists());
        fs::remove_file(&lock).unwrap();
        Lock::acquire(&lock, Duration::ZERO, || {}).unwrap().remove();
        assert!(!lock.exists());
    }
}
