//! A file that may have equals: one inode, with every name of it that was found.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cache::Stamp;
use crate::fetch::Digest;

/// One file on the disk.
#[derive(Debug, Clone)]
pub struct File {
    /// As it was when it was found.
    pub stamp: Stamp,
    /// Its user and group; 0 where the system has none.
    pub owner: (u32, u32),
    /// Its names, all with the same bytes.
    pub names: Vec<Name>,
    /// What a name says of its content.
    pub known: Option<Digest>,
}

/// A name of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Which of the places it lies in.
    pub place: usize,
    /// The folder, links followed down to the place.
    pub folder: Arc<Path>,
    /// The name in it.
    pub file: OsString,
    /// What it is there.
    pub role: Role,
    /// The folder above it that `local_dir=` of huggingface_hub filled, if there is one.
    pub local: Option<Arc<Path>>,
}

/// What a name is to the layout that it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A payload of a hub's shared store.
    Payload,
    /// A blob of a repository.
    Blob,
    /// A file of a revision that is no link: where the client could not make one.
    Snapshot,
    /// Anything else.
    Plain,
}

impl Role {
    /// Whether it is a content of a hub, which never becomes a link to elsewhere.
    pub const fn is_hub(self) -> bool {
        matches!(self, Self::Payload | Self::Blob | Self::Snapshot)
    }
}

impl Name {
    /// The whole path.
    pub fn path(&self) -> PathBuf {
        self.folder.join(&self.file)
    }
}

impl File {
    /// Its first name: there is one always.
    pub fn name(&self) -> &Name {
        // A file is made of a name, and names are only added.
        &self.names[0]
    }
}

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
