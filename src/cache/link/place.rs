//! A name in a folder that is reached by descriptor, from the place down: no link on the way is followed, and nobody can put
//! another folder there between two steps.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

/// A name in an open folder.
#[derive(Debug)]
pub(super) struct Spot {
    folder: OwnedFd,
    name: OsString,
}

/// What a name is, without it being opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) id: (u64, u64),
    pub(super) is_file: bool,
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Spot {
    /// The name at `path`, which lies below `root`. `root` itself is a place with its links followed.
    pub(super) fn at(root: &Path, path: &Path) -> io::Result<Self> {
        let outside = || io::Error::other("does not lie in its place");
        let inside = path.strip_prefix(root).map_err(|_| outside())?;
        let name = inside.file_name().ok_or_else(outside)?.to_owned();
        let mut folder = rustix::fs::open(root, FOLDER, Mode::empty())?;
        for part in inside.parent().unwrap_or(Path::new("")).components() {
            let Component::Normal(part) = part else { return Err(outside()) };
            folder = rustix::fs::openat(&folder, part, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        }
        Ok(Self { folder, name })
    }

    /// The name.
    pub(super) fn name(&self) -> &OsStr {
        &self.name
    }

    /// Opens the file for reading; a link is refused.
    pub(super) fn open(&self) -> io::Result<fs::File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let open = |quiet| rustix::fs::openat(&self.folder, &self.name, flags | quiet, Mode::empty());
        crate::support::quiet::open(open).map(fs::File::from)
    }

    /// What stands at `name` in the same folder; a link is not followed.
    #[allow(clippy::unnecessary_cast, reason = "the fields' types differ between systems")]
    pub(super) fn standing(&self, name: &OsStr) -> io::Result<Standing> {
        let found = rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        Ok(Standing { id: (found.st_dev as u64, found.st_ino as u64), is_file })
    }

    /// What the name leads to, links followed.
    #[allow(clippy::unnecessary_cast, reason = "the fields' types differ between systems")]
    pub(super) fn behind(&self) -> io::Result<(u64, u64)> {
        let found = rustix::fs::statat(&self.folder, &self.name, AtFlags::empty())?;
        Ok((found.st_dev as u64, found.st_ino as u64))
    }

    /// Gives the file at this spot the name `name` in the folder of `other`, too.
    pub(super) fn link(&self, other: &Self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::linkat(&self.folder, &self.name, &other.folder, name, AtFlags::empty())?)
    }

    /// Makes `name` in the same folder a link to `target`.
    pub(super) fn symlink(&self, target: &Path, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.folder, name)?)
    }

    /// Removes `name` in the same folder.
    pub(super) fn unlink(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.folder, name, AtFlags::empty())?)
    }

    /// Lets `name` in the same folder and this spot change what they stand for; `false` where the file system cannot.
    pub(super) fn exchange(&self, name: &OsStr) -> io::Result<bool> {
        match exchange(&self.folder, name, &self.name) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts what stands at `name` in the same folder in the place of this spot.
    pub(super) fn replace_by(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.folder, name, &self.folder, &self.name)?)
    }
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exchange(folder: &impl AsFd, one: &OsStr, other: &OsStr) -> io::Result<()> {
    use rustix::fs::{RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(folder, one, folder, other, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Err(io::ErrorKind::Unsupported.into()),
        result => Ok(result?),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exchange(_: &impl AsFd, _: &OsStr, _: &OsStr) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
