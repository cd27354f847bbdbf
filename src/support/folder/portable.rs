//! Folders by path, with the standard library alone: what Windows can do. Each step looks whether a link stands there; somebody
//! who is quick enough to put one there in between needs the right to make links, which is an administrator's.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::{Found, Kind};
use crate::support::stamp::Stamp;

/// A folder that was there when it was opened.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at `real`, in which no part may be a link.
    pub fn open(real: &Path) -> io::Result<Self> {
        let is_plain = fs::symlink_metadata(real)?.is_dir() && real.canonicalize()? == real;
        if is_plain { Ok(Self(real.to_path_buf())) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    /// The same folder once more.
    pub fn again(&self) -> io::Result<Self> {
        Ok(Self(self.0.clone()))
    }

    /// The folder `name` in this one; a link is refused.
    pub fn enter(&self, name: &OsStr) -> io::Result<Self> {
        let path = self.0.join(name);
        if fs::symlink_metadata(&path)?.is_dir() { Ok(Self(path)) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    /// Makes the folder `name`.
    pub fn make(&self, name: &OsStr, _: bool) -> io::Result<()> {
        fs::create_dir(self.0.join(name))
    }

    /// What is in it, in the disk's order.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    /// The same for who needs one name at a time.
    pub fn each(&self, mut each: impl FnMut(&OsStr)) -> io::Result<()> {
        fs::read_dir(&self.0)?.try_for_each(|entry| Ok(each(&entry?.file_name())))
    }

    /// What `name` is.
    pub fn look(&self, name: &OsStr) -> io::Result<Found> {
        Ok(found(&fs::symlink_metadata(self.0.join(name))?))
    }

    /// What it is itself.
    pub fn own(&self) -> io::Result<Found> {
        Ok(found(&fs::symlink_metadata(&self.0)?))
    }

    /// Whether it belongs to this user: the journal's seal has to do.
    pub fn is_mine(&self) -> bool {
        true
    }

    /// Whether names in it can be removed: the removal itself tells.
    pub fn is_writable(&self) -> bool {
        true
    }

    /// Gives it the rights that `other` has: a new folder inherits them there.
    pub fn set_rights(&self, _: &Self) {}

    /// Nothing: a folder's time is no part of what is decided by there.
    pub fn set_modified(&self, _: i64) {}

    /// Nothing: the standard library opens no folder there to do that.
    pub fn set_times(&self, _: &Stamp) {}

    /// Nothing either.
    pub fn set_times_of(&self, _: &OsStr, _: &Stamp) {}

    /// Gives the owner every right: nothing that a folder's attributes say here.
    pub fn open_up(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Gives `name` the name `new` in `to`; never in the place of something else.
    pub fn rename(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        if to.find(new)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(self.0.join(name), to.0.join(new))
    }

    /// Gives `name` the name `new` here, in the place of what had it.
    pub fn replace(&self, name: &OsStr, new: &OsStr) -> io::Result<()> {
        fs::rename(self.0.join(name), self.0.join(new))
    }

    /// Gives `name` the name `new` in `to`, in the place of what had it.
    pub fn replace_in(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        fs::rename(self.0.join(name), to.0.join(new))
    }

    /// Two names cannot change what they stand for in one step there.
    pub fn exchange(&self, _: &OsStr, _: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// A second name, `new` in `to`, for the file `name`.
    pub fn hard_link(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        fs::hard_link(self.0.join(name), to.0.join(new))
    }

    /// A new symbolic link `name` that says `text`, which is a file. Without developer mode or the right to do it, Windows refuses.
    pub fn symlink(&self, name: &OsStr, text: &Path) -> io::Result<()> {
        #[cfg(windows)]
        return std::os::windows::fs::symlink_file(text, self.0.join(name));
        #[cfg(not(windows))]
        {
            let _ = (name, text);
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// A new file.
    pub fn create(&self, name: &OsStr, _: u32) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(self.0.join(name))
    }

    /// Gives the file `name` the rights of `mode`: it has none there.
    pub fn set_mode(&self, _: &OsStr, _: u32) -> io::Result<()> {
        Ok(())
    }

    /// A path for code that knows only paths.
    pub fn way(&self, _: &Path) -> PathBuf {
        self.0.clone()
    }

    /// Removes the name of a file or link. A file that is only to be read has to be made writable first.
    pub fn unlink(&self, name: &OsStr) -> io::Result<()> {
        let path = self.0.join(name);
        let found = fs::symlink_metadata(&path)?;
        if found.is_file() && found.permissions().readonly() {
            let mut permissions = found.permissions();
            #[allow(clippy::permissions_set_readonly_false, reason = "an attribute there, and nobody else's right")]
            permissions.set_readonly(false);
            fs::set_permissions(&path, permissions)?;
        }
        // A link to a folder is removed as a folder there.
        fs::remove_file(&path).or_else(|error| if found.is_symlink() { fs::remove_dir(&path) } else { Err(error) })
    }

    /// Removes an empty folder.
    pub fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_dir(self.0.join(name))
    }

    /// Where the link `name` leads, as it is written.
    pub fn target(&self, name: &OsStr) -> io::Result<PathBuf> {
        fs::read_link(self.0.join(name))
    }

    /// The file `name`, for reading; a link is refused.
    pub fn open_file(&self, name: &OsStr) -> io::Result<File> {
        File::open(self.regular(name)?)
    }

    /// The file `name` for writing at its end, made where it is not there.
    pub fn open_shared(&self, name: &OsStr) -> io::Result<File> {
        let path = if self.find(name)?.is_some() { self.regular(name)? } else { self.0.join(name) };
        OpenOptions::new().append(true).create(true).open(path)
    }

    /// A new file.
    pub fn create_shared(&self, name: &OsStr) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(self.0.join(name))
    }

    fn regular(&self, name: &OsStr) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        if fs::symlink_metadata(&path)?.is_file() { Ok(path) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// Brings its names to the disk: a folder cannot be synced there.
    pub fn sync(&self) {}
}

fn found(found: &fs::Metadata) -> Found {
    let kind = match (found.is_symlink(), found.is_dir(), found.is_file()) {
        (true, ..) => Kind::Link,
        (_, true, _) => Kind::Folder,
        (.., true) => Kind::File,
        _ => Kind::Other,
    };
    Found { kind, stamp: Stamp::of(found) }
}
