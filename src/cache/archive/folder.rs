//! A folder in which things are made, reached from its root by descriptors: a link on the way is refused by the system itself, also
//! when somebody puts it there between two steps.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::names;

/// An open folder.
#[derive(Debug)]
pub struct Folder {
    handle: sys::Handle,
    path: PathBuf,
}

impl Folder {
    /// The folder at `path`, which is made where it is missing. Links on the way to it are a person's own.
    ///
    /// # Errors
    /// What the disk says.
    pub fn root(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self { handle: sys::open(path)?, path: path.to_path_buf() })
    }

    /// The folder `name` in this one, which is made where it is missing, and whether it was.
    ///
    /// # Errors
    /// What the disk says; a link is none.
    pub fn enter(&self, name: &[u8]) -> io::Result<(Self, bool)> {
        let path = self.path.join(names::to_path(name));
        let made = match sys::make(self, name) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(error),
        };
        let handle = sys::enter(self, name).map_err(|error| {
            if path.is_symlink() {
                return io::Error::other("is a link that leads out of the cache, and nothing is written through it");
            }
            error
        })?;
        Ok((Self { handle, path }, made))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A new file.
    ///
    /// # Errors
    /// What the disk says; also when something is called so.
    pub fn create(&self, name: &[u8], mode: u32) -> io::Result<File> {
        sys::create(self, name, mode)
    }

    /// Moves `name` to `to` in `other`. Without `over`, something that is called so already is an error.
    ///
    /// # Errors
    /// What the disk says.
    pub fn rename(&self, name: &[u8], other: &Self, to: &[u8], over: bool) -> io::Result<()> {
        sys::rename(self, name, other, to, over)
    }

    /// A new symbolic link that says `target`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn symlink(&self, name: &[u8], target: &[u8]) -> io::Result<()> {
        sys::symlink(self, name, target)
    }

    /// A second name, `to` in `other`, for the file `name`.
    ///
    /// # Errors
    /// What the disk says; also when something is called so.
    pub fn hard_link(&self, name: &[u8], other: &Self, to: &[u8]) -> io::Result<()> {
        sys::hard_link(self, name, other, to)
    }

    /// Removes the file or link `name`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn unlink(&self, name: &[u8]) -> io::Result<()> {
        sys::unlink(self, name)
    }
}

#[cfg(unix)]
mod sys {
    use std::fs::File;
    use std::io;
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use rustix::fs::{AtFlags, Mode, OFlags};

    use super::Folder;

    pub(super) type Handle = OwnedFd;

    const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

    pub(super) fn open(path: &Path) -> io::Result<Handle> {
        Ok(rustix::fs::open(path, FLAGS, Mode::empty())?)
    }

    pub(super) fn make(folder: &Folder, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&folder.handle, name, Mode::from_raw_mode(0o777))?)
    }

    pub(super) fn enter(folder: &Folder, name: &[u8]) -> io::Result<Handle> {
        Ok(rustix::fs::openat(&folder.handle, name, FLAGS | OFlags::NOFOLLOW, Mode::empty())?)
    }

    #[allow(clippy::unnecessary_cast, reason = "the type of a mode differs between systems")]
    pub(super) fn create(folder: &Folder, name: &[u8], mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode((mode & 0o777) as rustix::fs::RawMode);
        Ok(File::from(rustix::fs::openat(&folder.handle, name, flags, mode)?))
    }

    pub(super) fn rename(folder: &Folder, name: &[u8], other: &Folder, to: &[u8], over: bool) -> io::Result<()> {
        if over {
            return Ok(rustix::fs::renameat(&folder.handle, name, &other.handle, to)?);
        }
        #[cfg(any(target_os = "linux", target_vendor = "apple"))]
        match rustix::fs::renameat_with(&folder.handle, name, &other.handle, to, rustix::fs::RenameFlags::NOREPLACE) {
            // Not every disk can do this in one step.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {}
            done => return Ok(done?),
        }
        if rustix::fs::statat(&other.handle, to, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(rustix::fs::renameat(&folder.handle, name, &other.handle, to)?)
    }

    pub(super) fn symlink(folder: &Folder, name: &[u8], target: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &folder.handle, name)?)
    }

    pub(super) fn hard_link(folder: &Folder, name: &[u8], other: &Folder, to: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::linkat(&folder.handle, name, &other.handle, to, AtFlags::empty())?)
    }

    pub(super) fn unlink(folder: &Folder, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&folder.handle, name, AtFlags::empty())?)
    }
}

#[cfg(not(unix))]
mod sys {
    use std::fs::{self, File};
    use std::io;
    use std::path::{Path, PathBuf};

    use super::Folder;
    use crate::cache::archive::names::to_path;

    /// There are no such calls: the path stands for the folder, and was looked at.
    pub(super) type Handle = PathBuf;

    pub(super) fn open(path: &Path) -> io::Result<Handle> {
        Ok(path.to_path_buf())
    }

    pub(super) fn make(folder: &Folder, name: &[u8]) -> io::Result<()> {
        fs::create_dir(folder.handle.join(to_path(name)))
    }

    pub(super) fn enter(folder: &Folder, name: &[u8]) -> io::Result<Handle> {
        let path = folder.handle.join(to_path(name));
        if fs::symlink_metadata(&path)?.is_dir() { Ok(path) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    pub(super) fn create(folder: &Folder, name: &[u8], _: u32) -> io::Result<File> {
        fs::OpenOptions::new().read(true).write(true).create_new(true).open(folder.handle.join(to_path(name)))
    }

    pub(super) fn rename(folder: &Folder, name: &[u8], other: &Folder, to: &[u8], over: bool) -> io::Result<()> {
        let to = other.handle.join(to_path(to));
        if !over && fs::symlink_metadata(&to).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(folder.handle.join(to_path(name)), to)
    }

    pub(super) fn symlink(folder: &Folder, name: &[u8], target: &[u8]) -> io::Result<()> {
        crate::models::hub::symlinks::symbolic(&to_path(target), &folder.handle.join(to_path(name)))
    }

    pub(super) fn hard_link(folder: &Folder, name: &[u8], other: &Folder, to: &[u8]) -> io::Result<()> {
        fs::hard_link(folder.handle.join(to_path(name)), other.handle.join(to_path(to)))
    }

    pub(super) fn unlink(folder: &Folder, name: &[u8]) -> io::Result<()> {
        fs::remove_file(folder.handle.join(to_path(name)))
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_link_on_the_way_is_refused_and_nothing_is_replaced_unasked() {
        let room = tempfile::tempdir().unwrap();
        let out = tempfile::tempdir().unwrap();
        let root = Folder::root(room.path()).unwrap();
        std::os::unix::fs::symlink(out.path(), room.path().join("link")).unwrap();
        assert!(root.enter(b"link").unwrap_err().to_string().contains("leads out of the cache"));
        let (inside, made) = root.enter(b"inside").unwrap();
        assert!(made && !root.enter(b"inside").unwrap().1);
        for name in [b"a", b"b"] {
            drop(inside.create(name, 0o644).unwrap());
        }
        assert_eq!(inside.rename(b"a", &inside, b"b", false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        inside.rename(b"a", &inside, b"b", true).unwrap();
        inside.hard_link(b"b", &root, b"c").unwrap();
        inside.symlink(b"d", b"../c").unwrap();
        inside.unlink(b"b").unwrap();
        assert_eq!(std::fs::read(room.path().join("inside/d")).unwrap(), b"");
        assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0);
    }
}
