//! A file that may have equals, opened and read: a link is refused, and what a read gives is what was asked for.

use std::fs;
use std::io;
use std::path::Path;

use crate::cache::Stamp;

/// Opens the file at `path` for reading; a link is refused, and neither a pipe nor a device is waited for.
///
/// # Errors
/// What the system says.
#[cfg(unix)]
pub fn open(path: &Path) -> io::Result<fs::File> {
    use crate::support::quiet;
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    quiet::open(|quiet| rustix::fs::open(path, flags | quiet, Mode::empty())).map(fs::File::from)
}

/// Opens the file at `path` for reading.
///
/// # Errors
/// What the system says.
#[cfg(not(unix))]
pub fn open(path: &Path) -> io::Result<fs::File> {
    fs::File::open(path)
}

/// What an open file is now.
///
/// # Errors
/// What the system says.
pub fn stamp(file: &fs::File) -> io::Result<Stamp> {
    file.metadata().map(|found| Stamp::of(&found))
}

/// Reads at `at` until `room` is full or the file ends: how much it was.
pub(super) fn read_at(file: &fs::File, room: &mut [u8], at: u64) -> io::Result<usize> {
    let mut count = 0;
    while count < room.len() {
        match piece(file, &mut room[count..], at + count as u64) {
            Ok(0) => break,
            Ok(read) => count += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

#[cfg(unix)]
fn piece(file: &fs::File, room: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, room, at)
}

#[cfg(windows)]
fn piece(file: &fs::File, room: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, room, at)
}

/// Says that the file is read from one end to the other: twice as much is then read ahead.
pub(super) fn ahead(file: &fs::File) {
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Sequential);
    #[cfg(not(target_os = "linux"))]
    let _ = file;
}
