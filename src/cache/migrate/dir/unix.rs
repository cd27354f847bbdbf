//! The calls of POSIX.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::{Kind, Look};
use crate::cache::stamp::Stamp;

const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// An open folder, and where it was found.
#[derive(Debug)]
pub(in crate::cache::migrate) struct Dir {
    pub(in crate::cache::migrate) path: PathBuf,
    fd: OwnedFd,
}

impl Dir {
    /// The folder at `path`; links in it are followed, since a person or the project named it.
    pub(in crate::cache::migrate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_path_buf(), fd: rustix::fs::open(path, FLAGS, Mode::empty())? })
    }

    /// The same folder once more.
    pub(in crate::cache::migrate) fn again(&self) -> io::Result<Self> {
        Ok(Self { path: self.path.clone(), fd: rustix::io::fcntl_dupfd_cloexec(&self.fd, 0)? })
    }

    /// The folder `name` in it; a link is refused.
    pub(in crate::cache::migrate) fn sub(&self, name: &OsStr) -> io::Result<Self> {
        let fd = rustix::fs::openat(&self.fd, name, FLAGS | OFlags::NOFOLLOW, Mode::empty())?;
        Ok(Self { path: self.path.join(name), fd })
    }

    pub(in crate::cache::migrate) fn make(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.fd, name, Mode::from_raw_mode(0o777))?)
    }

    /// The names in it, sorted.
    pub(in crate::cache::migrate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                names.push(OsString::from_vec(name.to_vec()));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// What `name` stands for, if for anything.
    pub(in crate::cache::migrate) fn look(&self, name: &OsStr) -> io::Result<Option<Look>> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(look(&found))),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What the link `name` says.
    pub(in crate::cache::migrate) fn text(&self, name: &OsStr) -> io::Result<PathBuf> {
        let text = rustix::fs::readlinkat(&self.fd, name, Vec::new())?;
        Ok(PathBuf::from(OsStr::from_bytes(text.to_bytes())))
    }

    /// The file `name`, to read. A link is refused; what is no file gives an error and does not wait.
    pub(in crate::cache::migrate) fn file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::openat(&self.fd, name, flags, Mode::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("is not a regular file")) }
    }

    /// A new file; it must not be there.
    pub(in crate::cache::migrate) fn create(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        #[allow(clippy::useless_conversion, reason = "a mode has 16 bits on macOS")]
        let mode = Mode::from_raw_mode(mode.try_into().unwrap_or(0o600));
        Ok(File::from(rustix::fs::openat(&self.fd, name, flags, mode)?))
    }

    /// A file to append to, made where it is not there with this mode, whatever the umask is. A link is refused.
    pub(in crate::cache::migrate) fn append(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        use std::os::unix::fs::PermissionsExt as _;
        match self.create(name, mode) {
            Ok(file) => {
                let _ = file.set_permissions(std::fs::Permissions::from_mode(mode));
                drop(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::openat(&self.fd, name, flags, Mode::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("is not a regular file")) }
    }

    /// Moves `name` to `new` in `to`, where nothing may stand.
    pub(in crate::cache::migrate) fn rename(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        {
            use rustix::io::Errno;
            match rustix::fs::renameat_with(&self.fd, name, &to.fd, new, rustix::fs::RenameFlags::NOREPLACE) {
                // A file system that does not know the flag.
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
                done => return Ok(done?),
            }
        }
        if to.look(new)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.replace(name, to, new)
    }

    /// Moves `name` to `new` in `to`, over what stands there.
    pub(in crate::cache::migrate) fn replace(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.fd, name, &to.fd, new)?)
    }

    /// Gives each of two names in this folder what the other one stands for.
    pub(in crate::cache::migrate) fn exchange(&self, one: &OsStr, other: &OsStr) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        {
            Ok(rustix::fs::renameat_with(&self.fd, one, &self.fd, other, rustix::fs::RenameFlags::EXCHANGE)?)
        }
        #[cfg(not(any(target_os = "linux", target_os = "macos")))]
        {
            let _ = (one, other);
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// A second name for the file `name`: `new` in `to`.
    pub(in crate::cache::migrate) fn link(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::linkat(&self.fd, name, &to.fd, new, AtFlags::empty())?)
    }

    /// A link `name` that says `text`.
    pub(in crate::cache::migrate) fn symlink(&self, text: &Path, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(text, &self.fd, name)?)
    }

    pub(in crate::cache::migrate) fn unlink(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// Removes the empty folder `name`.
    pub(in crate::cache::migrate) fn rmdir(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR)?)
    }

    /// Makes what was done in it durable.
    pub(in crate::cache::migrate) fn sync(&self) {
        // Some network disks cannot: the names stand all the same.
        let _ = rustix::fs::fsync(&self.fd);
    }

    /// What this folder is itself.
    pub(in crate::cache::migrate) fn stamp(&self) -> io::Result<Stamp> {
        Ok(look(&rustix::fs::fstat(&self.fd)?).stamp)
    }

    /// Gives the folder the times of another one.
    pub(in crate::cache::migrate) fn take_after(&self, other: &Stamp) {
        let _ = rustix::fs::futimens(&self.fd, &times(other));
    }

    /// Gives what `name` stands for, a link itself, the times of something else.
    pub(in crate::cache::migrate) fn date(&self, name: &OsStr, other: &Stamp) {
        let _ = rustix::fs::utimensat(&self.fd, name, &times(other), AtFlags::SYMLINK_NOFOLLOW);
    }
}

fn times(stamp: &Stamp) -> rustix::fs::Timestamps {
    let time = |at: i128| {
        let second = 1_000_000_000;
        rustix::fs::Timespec {
            tv_sec: i64::try_from(at.div_euclid(second)).unwrap_or(0),
            tv_nsec: i64::try_from(at.rem_euclid(second)).unwrap_or(0) as _,
        }
    };
    rustix::fs::Timestamps { last_access: time(stamp.accessed), last_modification: time(stamp.modified) }
}

fn look(found: &rustix::fs::Stat) -> Look {
    let stamp = Stamp::of_stat(found);
    let kind = match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    };
    Look { kind, stamp }
}
