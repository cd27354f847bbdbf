//! Reading that is no use: what looks at a cache must not make its contents look as if a program had needed them, or nothing would
//! ever be unused long enough to be pruned.
//!
//! Linux' `O_NOATIME` leaves the time of the last reading alone; only the owner of a file may ask for it, so another's is opened as
//! usual. Other systems have no such flag.

use std::fs::File;
use std::io;
use std::path::Path;

#[cfg(unix)]
use rustix::fs::OFlags;

/// Opens the file at `path` for reading. Links are followed.
///
/// # Errors
/// What the system says.
#[cfg(unix)]
pub fn file(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    open(|quiet| rustix::fs::open(path, flags | quiet, rustix::fs::Mode::empty())).map(File::from)
}

/// Opens the file at `path` for reading.
///
/// # Errors
/// What the system says.
#[cfg(not(unix))]
pub fn file(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// What `open` opens with the flag, or without it where it is refused.
///
/// # Errors
/// What `open` says.
#[cfg(unix)]
pub fn open<T>(open: impl Fn(OFlags) -> rustix::io::Result<T>) -> io::Result<T> {
    let opened = match QUIET.is_empty() {
        true => open(QUIET),
        false => open(QUIET).or_else(|error| match error {
            rustix::io::Errno::PERM => open(OFlags::empty()),
            error => Err(error),
        }),
    };
    Ok(opened?)
}

#[cfg(target_os = "linux")]
const QUIET: OFlags = OFlags::NOATIME;

#[cfg(all(unix, not(target_os = "linux")))]
const QUIET: OFlags = OFlags::empty();

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_quiet_reading_leaves_no_trace() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("weights");
        fs::write(&path, "x").unwrap();
        let long_ago = SystemTime::now() - Duration::from_secs(90 * 86_400);
        let times = fs::FileTimes::new().set_accessed(long_ago).set_modified(long_ago - Duration::from_secs(9));
        File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
        let read = |mut file: File| file.read_to_end(&mut Vec::new()).unwrap();
        read(file(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().accessed().unwrap(), long_ago);
    }
}
