//! Rooms in memory, for tests that make thousands of files or wait for the disk hundreds of times: a disk takes several times as long, and
//! most of what a test says of names and links is true of any.

use std::cell::Cell;
use std::path::{Path, PathBuf};

/// A disk in memory.
pub(crate) const MEMORY: &str = "/dev/shm";

/// What must be free there: the largest room has 160 MB, and there may be several at a time.
const FREE: u64 = 1 << 30;

thread_local! {
    static IN_MEMORY: Cell<bool> = const { Cell::new(false) };
}

/// Runs `make`, whose rooms are made in memory where there is a disk for that, and enough of it.
pub(crate) fn in_memory<T>(make: impl FnOnce() -> T) -> T {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            IN_MEMORY.set(self.0);
        }
    }
    let _before = Before(IN_MEMORY.replace(is_there()));
    make()
}

/// Where a room is made that this thread makes now.
pub(crate) fn place() -> PathBuf {
    if IN_MEMORY.get() { PathBuf::from(MEMORY) } else { std::env::temp_dir() }
}

/// Whether there is such a disk, and large enough.
pub(crate) fn is_there() -> bool {
    rustix::fs::statvfs(Path::new(MEMORY)).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= FREE)
}
