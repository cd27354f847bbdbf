//! Folders by descriptor.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{self, Access, AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::{Found, Kind};
use crate::support::quiet;
use crate::support::stamp::Stamp;

/// An open folder.
#[derive(Debug)]
pub struct Folder(OwnedFd);

const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);
const FILE: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK);

impl Folder {
    /// The folder at `real`, in which no part may be a link.
    pub fn open(real: &Path) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        match fs::openat2(fs::CWD, real, FLAGS, Mode::empty(), fs::ResolveFlags::NO_SYMLINKS) {
            // An old kernel, or a container that allows only what was there before 2020.
            Err(Errno::NOSYS | Errno::PERM) => {}
            opened => return Ok(Self(opened?)),
        }
        let folder = Self(fs::open(real, FLAGS, Mode::empty())?);
        let same = real.canonicalize()? == real && folder.own()?.stamp.id == Stamp::at(real)?.id;
        if same { Ok(folder) } else { Err(io::Error::from(Errno::LOOP)) }
    }

    /// The same folder once more.
    pub fn again(&self) -> io::Result<Self> {
        Ok(Self(self.0.try_clone()?))
    }

    /// The folder `name` in this one; a link is refused.
    pub fn enter(&self, name: &OsStr) -> io::Result<Self> {
        Ok(Self(fs::openat(&self.0, name, FLAGS, Mode::empty())?))
    }

    /// Makes the folder `name`: for this user alone, or as the umask has it.
    pub fn make(&self, name: &OsStr, private: bool) -> io::Result<()> {
        let mode = if private { 0o700 } else { 0o777 };
        Ok(fs::mkdirat(&self.0, name, Mode::from_raw_mode(mode))?)
    }

    /// What is in it, in the disk's order.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        self.each(|name| names.push(name.to_owned()))?;
        Ok(names)
    }

    /// The same for who needs one name at a time.
    pub fn each(&self, mut each: impl FnMut(&OsStr)) -> io::Result<()> {
        for entry in fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                each(OsStr::from_bytes(name));
            }
        }
        Ok(())
    }

    /// What `name` is.
    pub fn look(&self, name: &OsStr) -> io::Result<Found> {
        Ok(found(&fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// What it is itself.
    pub fn own(&self) -> io::Result<Found> {
        Ok(found(&fs::fstat(&self.0)?))
    }

    /// Whether it belongs to this user.
    pub fn is_mine(&self) -> bool {
        fs::fstat(&self.0).is_ok_and(|found| found.st_uid == rustix::process::geteuid().as_raw())
    }

    /// Whether names in it can be removed: by its mode, or since it is this user's, who may give himself the right.
    pub fn is_writable(&self) -> bool {
        let here = OsStr::from_bytes(b".");
        self.is_mine() || fs::accessat(&self.0, here, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok()
    }

    /// Gives it the rights that `other` has.
    pub fn set_rights(&self, other: &Self) {
        // Those of the umask are what a folder has elsewhere.
        if let Ok(found) = fs::fstat(&other.0) {
            let _ = fs::fchmod(&self.0, Mode::from_raw_mode(found.st_mode) | Mode::RWXU);
        }
    }

    /// Notes that it was changed last at this time, in nanoseconds since 1970, where the disk takes that.
    pub fn set_modified(&self, at: i64) {
        let omit = fs::Timespec { tv_sec: 0, tv_nsec: fs::UTIME_OMIT };
        let _ = fs::futimens(&self.0, &fs::Timestamps { last_access: omit, last_modification: time(i128::from(at)) });
    }

    /// Gives it the times of something else, when it was read and when it was changed last, where the disk takes that.
    pub fn set_times(&self, other: &Stamp) {
        let _ = fs::futimens(&self.0, &times(other));
    }

    /// The same for what `name` stands for; of a link, for the link itself.
    pub fn set_times_of(&self, name: &OsStr, other: &Stamp) {
        let _ = fs::utimensat(&self.0, name, &times(other), AtFlags::SYMLINK_NOFOLLOW);
    }

    /// Gives the owner every right.
    pub fn open_up(&self) -> io::Result<()> {
        let mode = Mode::from_raw_mode(fs::fstat(&self.0)?.st_mode) | Mode::RWXU;
        Ok(fs::fchmod(&self.0, mode)?)
    }

    /// Gives `name` the name `new` in `to`; never in the place of something else.
    pub fn rename(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_vendor = "apple"))]
        match fs::renameat_with(&self.0, name, &to.0, new, RenameFlags::NOREPLACE) {
            // Network disks and old kernels have no such call.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            renamed => return Ok(renamed?),
        }
        if to.find(new)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(fs::renameat(&self.0, name, &to.0, new)?)
    }

    /// Gives `name` the name `new` here, in the place of what had it.
    pub fn replace(&self, name: &OsStr, new: &OsStr) -> io::Result<()> {
        Ok(fs::renameat(&self.0, name, &self.0, new)?)
    }

    /// Gives `name` the name `new` in `to`, in the place of what had it.
    pub fn replace_in(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        Ok(fs::renameat(&self.0, name, &to.0, new)?)
    }

    /// Gives each of two names here what the other one stands for; `Unsupported` where the file system cannot.
    pub fn exchange(&self, one: &OsStr, other: &OsStr) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_vendor = "apple"))]
        match fs::renameat_with(&self.0, one, &self.0, other, RenameFlags::EXCHANGE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            exchanged => return Ok(exchanged?),
        }
        let _ = (one, other);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// A second name, `new` in `to`, for the file `name`.
    pub fn hard_link(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        Ok(fs::linkat(&self.0, name, &to.0, new, AtFlags::empty())?)
    }

    /// A new symbolic link `name` that says `text`.
    pub fn symlink(&self, name: &OsStr, text: &Path) -> io::Result<()> {
        Ok(fs::symlinkat(text, &self.0, name)?)
    }

    /// A new file, with what the umask leaves of `mode`.
    #[allow(clippy::unnecessary_cast, reason = "the type of a mode differs between systems")]
    pub fn create(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = FILE | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        let mode = Mode::from_raw_mode((mode & 0o7777) as fs::RawMode);
        Ok(File::from(fs::openat(&self.0, name, flags, mode)?))
    }

    /// Gives the file `name` the rights of `mode`.
    pub fn set_mode(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        self.open_file(name)?.set_permissions(std::fs::Permissions::from_mode(mode & 0o7777))
    }

    /// A path for code that knows only paths: where the system can do it, one that leads through the open folder itself, whatever
    /// becomes of `path`, under which it was opened. Tried, not believed: a container may have no `/proc`.
    pub fn way(&self, path: &Path) -> PathBuf {
        #[cfg(target_os = "linux")]
        {
            use std::os::fd::AsRawFd as _;
            let way = PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()));
            let itself = std::fs::metadata(&way).map(|found| Stamp::of(&found).id);
            if let (Ok(itself), Ok(own)) = (itself, self.own())
                && itself == own.stamp.id
            {
                return way;
            }
        }
        path.to_path_buf()
    }

    /// Removes the name of a file or link.
    pub fn unlink(&self, name: &OsStr) -> io::Result<()> {
        Ok(fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Removes an empty folder.
    pub fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        Ok(fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Where the link `name` leads, as it is written.
    pub fn target(&self, name: &OsStr) -> io::Result<PathBuf> {
        let target = fs::readlinkat(&self.0, name, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()).into())
    }

    /// The file `name`, for reading that is no use of it; a link is refused, a pipe is not waited for.
    pub fn open_file(&self, name: &OsStr) -> io::Result<File> {
        quiet::open(|quiet| fs::openat(&self.0, name, FILE | OFlags::RDONLY | quiet, Mode::empty())).map(File::from)
    }

    /// The file `name` for writing at its end, made where it is not there, and open to every user of the cache.
    pub fn open_shared(&self, name: &OsStr) -> io::Result<File> {
        self.write(name, OFlags::CREATE | OFlags::APPEND)
    }

    /// A new file, open to every user of the cache.
    pub fn create_shared(&self, name: &OsStr) -> io::Result<File> {
        self.write(name, OFlags::CREATE | OFlags::EXCL)
    }

    fn write(&self, name: &OsStr, flags: OFlags) -> io::Result<File> {
        let all = Mode::from_raw_mode(0o666);
        let file = File::from(fs::openat(&self.0, name, FILE | OFlags::WRONLY | flags, all)?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("is not a regular file"));
        }
        // Whatever the umask: other users of the same cache take the same lock. Not ours: its owner has done it.
        let _ = fs::fchmod(&file, all);
        Ok(file)
    }

    /// Brings its names to the disk.
    pub fn sync(&self) {
        // Some network disks cannot: the names stand all the same.
        let _ = fs::fsync(&self.0);
    }
}

fn times(stamp: &Stamp) -> fs::Timestamps {
    fs::Timestamps { last_access: time(stamp.accessed), last_modification: time(stamp.modified) }
}

/// Nanoseconds since 1970, as the system takes them.
fn time(at: i128) -> fs::Timespec {
    const SECOND: i128 = 1_000_000_000;
    let seconds = i64::try_from(at.div_euclid(SECOND)).unwrap_or(0);
    fs::Timespec { tv_sec: seconds, tv_nsec: i64::try_from(at.rem_euclid(SECOND)).unwrap_or(0) as _ }
}

fn found(found: &fs::Stat) -> Found {
    let stamp = Stamp::of_stat(found);
    let kind = match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    };
    Found { kind, stamp }
}
