//! The same by paths, where the system has no such calls.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::{Kind, Look};
use crate::cache::stamp::Stamp;
use crate::models::hub::symlinks;

/// A folder, and where it was found.
#[derive(Debug)]
pub(in crate::cache::migrate) struct Dir {
    pub(in crate::cache::migrate) path: PathBuf,
}

impl Dir {
    pub(in crate::cache::migrate) fn open(path: &Path) -> io::Result<Self> {
        if fs::metadata(path)?.is_dir() {
            Ok(Self { path: path.to_path_buf() })
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    pub(in crate::cache::migrate) fn again(&self) -> io::Result<Self> {
        Ok(Self { path: self.path.clone() })
    }

    pub(in crate::cache::migrate) fn sub(&self, name: &OsStr) -> io::Result<Self> {
        let path = self.path.join(name);
        if fs::symlink_metadata(&path)?.is_dir() { Ok(Self { path }) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    pub(in crate::cache::migrate) fn make(&self, name: &OsStr) -> io::Result<()> {
        fs::create_dir(self.path.join(name))
    }

    pub(in crate::cache::migrate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names: Vec<OsString> =
            fs::read_dir(&self.path)?.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<_>>()?;
        names.sort_unstable();
        Ok(names)
    }

    pub(in crate::cache::migrate) fn look(&self, name: &OsStr) -> io::Result<Option<Look>> {
        let found = match fs::symlink_metadata(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        let kind = if found.is_symlink() {
            Kind::Link
        } else if found.is_dir() {
            Kind::Folder
        } else if found.is_file() {
            Kind::File
        } else {
            Kind::Other
        };
        Ok(Some(Look { kind, stamp: Stamp::of(&found) }))
    }

    pub(in crate::cache::migrate) fn text(&self, name: &OsStr) -> io::Result<PathBuf> {
        fs::read_link(self.path.join(name))
    }

    pub(in crate::cache::migrate) fn file(&self, name: &OsStr) -> io::Result<File> {
        match self.look(name)? {
            Some(Look { kind: Kind::File, .. }) => File::open(self.path.join(name)),
            Some(_) => Err(io::Error::other("is not a regular file")),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(in crate::cache::migrate) fn create(&self, name: &OsStr, _: u32) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(self.path.join(name))
    }

    pub(in crate::cache::migrate) fn append(&self, name: &OsStr, _: u32) -> io::Result<File> {
        OpenOptions::new().read(true).append(true).create(true).open(self.path.join(name))
    }

    pub(in crate::cache::migrate) fn rename(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        if to.look(new)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.replace(name, to, new)
    }

    pub(in crate::cache::migrate) fn replace(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        fs::rename(self.path.join(name), to.path.join(new))
    }

    pub(in crate::cache::migrate) fn exchange(&self, _: &OsStr, _: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in crate::cache::migrate) fn link(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        fs::hard_link(self.path.join(name), to.path.join(new))
    }

    pub(in crate::cache::migrate) fn symlink(&self, text: &Path, name: &OsStr) -> io::Result<()> {
        symlinks::symbolic(text, &self.path.join(name))
    }

    pub(in crate::cache::migrate) fn unlink(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    pub(in crate::cache::migrate) fn rmdir(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_dir(self.path.join(name))
    }

    pub(in crate::cache::migrate) fn sync(&self) {}

    pub(in crate::cache::migrate) fn stamp(&self) -> io::Result<Stamp> {
        Stamp::at(&self.path)
    }

    pub(in crate::cache::migrate) fn take_after(&self, _: &Stamp) {}

    pub(in crate::cache::migrate) fn date(&self, _: &OsStr, _: &Stamp) {}
}
