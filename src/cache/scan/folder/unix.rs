//! Folders by descriptor, with the calls of POSIX.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::{Kind, Look, Mounted};

/// A name in a folder, as the kernel gives it.
pub(in crate::cache::scan) type Name = CStr;
/// The same, owned.
pub(in crate::cache::scan) type NameBuf = CString;

/// A name as paths have it.
pub(in crate::cache::scan) fn text(name: &Name) -> &OsStr {
    OsStr::from_bytes(name.to_bytes())
}

/// A name of ours. None of them holds a NUL.
pub(in crate::cache::scan) fn name(text: &str) -> NameBuf {
    CString::new(text).unwrap_or_default()
}

/// An open folder.
#[derive(Debug)]
pub(in crate::cache::scan) struct Folder {
    at: OwnedFd,
    /// What is mounted within the places, if anything is.
    mounted: Option<Arc<Mounted>>,
    /// How many paths lead here.
    paths: u64,
}

const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Folder {
    /// The folder at `path`, links in it followed: it was given by a person or by the manifest.
    pub(in crate::cache::scan) fn open(path: &Path, mounted: Option<&Arc<Mounted>>) -> io::Result<Self> {
        Ok(Self::of(rustix::fs::open(path, FLAGS, Mode::empty())?, mounted, 1))
    }

    fn of(at: OwnedFd, mounted: Option<&Arc<Mounted>>, paths: u64) -> Self {
        let mut folder = Self { at, mounted: mounted.map(Arc::clone), paths };
        if let Some(mounted) = &folder.mounted {
            folder.paths = paths.saturating_mul(1 + mounted.more(folder.own().id));
        }
        folder
    }

    /// The folder `name` in this one; a link is refused.
    pub(in crate::cache::scan) fn enter(&self, name: &Name) -> io::Result<Self> {
        let at = rustix::fs::openat(&self.at, name, FLAGS | OFlags::NOFOLLOW, Mode::empty())?;
        Ok(Self::of(at, self.mounted.as_ref(), self.paths))
    }

    /// Calls `each` for everything in it, in the disk's order. `room` is where listings are read to.
    pub(in crate::cache::scan) fn each(
        &self,
        room: &mut Vec<u8>,
        mut each: impl FnMut(&Name, Kind) -> io::Result<()>,
    ) -> io::Result<()> {
        self.list(room, |name, kind| {
            if matches!(name.to_bytes(), b"." | b"..") {
                return Ok(());
            }
            // Some file systems do not say what a name is.
            let kind = match kind {
                FileType::Unknown => {
                    FileType::from_raw_mode(rustix::fs::statat(&self.at, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode)
                }
                known => known,
            };
            each(name, kind.into())
        })
    }

    #[cfg(target_os = "linux")]
    fn list(&self, room: &mut Vec<u8>, mut each: impl FnMut(&Name, FileType) -> io::Result<()>) -> io::Result<()> {
        room.clear();
        room.reserve(super::ROOM);
        let mut entries = rustix::fs::RawDir::new(&self.at, room.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            each(entry.file_name(), entry.file_type())?;
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn list(&self, _: &mut Vec<u8>, mut each: impl FnMut(&Name, FileType) -> io::Result<()>) -> io::Result<()> {
        for entry in rustix::fs::Dir::read_from(&self.at)? {
            let entry = entry?;
            each(entry.file_name(), entry.file_type())?;
        }
        Ok(())
    }

    /// What `name` is; of a link, the link itself.
    pub(in crate::cache::scan) fn look(&self, name: &Name) -> io::Result<Look> {
        let found = rustix::fs::statat(&self.at, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let mut look = look(&found);
        if let Some(mounted) = &self.mounted {
            look.links = look.links.saturating_mul(self.paths).saturating_add(mounted.more(look.id));
        }
        Ok(look)
    }

    /// The folder itself: a list of many names takes more than a block.
    pub(in crate::cache::scan) fn own(&self) -> Look {
        rustix::fs::fstat(&self.at).map_or_else(|_| Look::default(), |found| look(&found))
    }

    /// Where the link `name` leads, as it is written.
    pub(in crate::cache::scan) fn target<'a>(&self, name: &Name, room: &'a mut [u8]) -> io::Result<&'a [u8]> {
        let count = rustix::fs::readlinkat_raw(&self.at, name, &mut *room)?;
        Ok(&room[..count])
    }

    /// The content of the small file `name`; a link is refused, and at most `room` bytes are read.
    pub(in crate::cache::scan) fn read<'a>(&self, name: &Name, room: &'a mut [u8]) -> io::Result<&'a [u8]> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file =
            crate::support::quiet::open(|quiet| rustix::fs::openat(&self.at, name, flags | quiet, Mode::empty()))?;
        let count = rustix::io::read(&file, &mut *room)?;
        Ok(&room[..count])
    }
}

#[allow(clippy::unnecessary_cast, reason = "the fields' types differ between systems")]
fn look(found: &rustix::fs::Stat) -> Look {
    Look {
        size: u64::try_from(found.st_size).unwrap_or(0),
        disk: (found.st_blocks as u64).saturating_mul(512),
        id: (found.st_dev as u64, found.st_ino as u64),
        links: found.st_nlink as u64,
        used: (found.st_atime as i64).max(found.st_mtime as i64),
        changed: found.st_mtime as i64,
    }
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Self {
        match kind {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Folder,
            FileType::Symlink => Self::Link,
            _ => Self::Other,
        }
    }
}
