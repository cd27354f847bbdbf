//! An open folder: everything in it is reached by its descriptor, so that nobody can put another folder in its place between
//! two steps, and the kernel walks no path twice.

use std::collections::HashMap;

#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(super) use portable::{Folder, Name, NameBuf, name, text};
#[cfg(unix)]
pub(super) use unix::{Folder, Name, NameBuf, name, text};

/// How much of a listing is asked for at once, in bytes: about 1,000 names of a blob.
pub(super) const ROOM: usize = 64 << 10;

/// Files and folders to which more paths lead within the places than they have names, since something is mounted there: by device and
/// inode, how many more.
#[derive(Debug, Default)]
pub(super) struct Mounted(pub(super) HashMap<(u64, u64), u64>);

#[cfg(unix)]
impl Mounted {
    fn more(&self, id: (u64, u64)) -> u64 {
        self.0.get(&id).copied().unwrap_or(0)
    }
}

/// What stands in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    /// A pipe, a socket, a device.
    Other,
}

/// What is known of a file without opening it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// Its length in bytes.
    pub(super) size: u64,
    /// What it takes on the disk, in bytes.
    pub(super) disk: u64,
    /// Its device and inode.
    pub(super) id: (u64, u64),
    /// How many names it has; a path that leads to it by a mount is one more.
    pub(super) links: u64,
    /// When it was read or changed last, whichever is later, in seconds since 1970.
    pub(super) used: i64,
    /// When it was changed last, in seconds since 1970.
    pub(super) changed: i64,
}

impl Look {
    /// What deleting this name frees, in bytes: nothing while the file has others.
    pub(super) fn alone(&self) -> u64 {
        if self.links > 1 { 0 } else { self.disk }
    }
}
