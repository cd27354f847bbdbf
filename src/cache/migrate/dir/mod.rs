//! A folder held open: everything below it is reached name by name from its descriptor, so that a link that somebody puts in the
//! way between two looks is refused and never followed.

#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod unix;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::cache::stamp::Stamp;

#[cfg(not(unix))]
pub(super) use portable::Dir;
#[cfg(unix)]
pub(super) use unix::Dir;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    Other,
}

/// What a name stands for, and the stamp of it. Links are not followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) kind: Kind,
    pub(super) stamp: Stamp,
}

impl Dir {
    /// The folder at `path` below this one, if it is there.
    pub(super) fn below(&self, path: &Path) -> io::Result<Option<Self>> {
        self.descend(path, |dir, name| match dir.sub(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        })
    }

    /// The folder at `path` below this one, made where it is not there.
    pub(super) fn below_made(&self, path: &Path) -> io::Result<Self> {
        let found = self.descend(path, |dir, name| dir.sub_made(name).map(Some))?;
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn descend(
        &self,
        path: &Path,
        step: impl Fn(&Self, &OsStr) -> io::Result<Option<Self>>,
    ) -> io::Result<Option<Self>> {
        let mut at = self.again()?;
        for part in path.components() {
            let Component::Normal(name) = part else {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path does not lead downwards"));
            };
            match step(&at, name)? {
                Some(next) => at = next,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// Whether both are one folder: a disk that is mounted at two paths, or a link on the way to one of them.
    pub(super) fn is_also(&self, other: &Self) -> bool {
        match (self.stamp(), other.stamp()) {
            (Ok(one), Ok(two)) if one.id != (0, 0) => one.id == two.id,
            _ => real(&self.path) == real(&other.path),
        }
    }

    /// The folder `name`, made where it is not there.
    pub(super) fn sub_made(&self, name: &OsStr) -> io::Result<Self> {
        match self.sub(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.make(name) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => self.sub(name),
            },
            found => found,
        }
    }

    /// What stands at `path` below this folder; nothing where a folder on the way is missing or is none.
    pub(super) fn look_below(&self, path: &Path) -> io::Result<Option<Look>> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(None) };
        match self.below(folder) {
            Ok(Some(folder)) => folder.look(name),
            Ok(None) => Ok(None),
            Err(error) if is_no_folder(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes the folder `name` where it is empty; whether it is gone.
    pub(super) fn remove_if_empty(&self, name: &OsStr) -> bool {
        self.rmdir(name).is_ok()
    }

    /// The names in it, sorted; none where it cannot be read any more.
    pub(super) fn names_or_none(&self) -> Vec<OsString> {
        self.names().unwrap_or_default()
    }
}

/// `path` without links, as far as it can be told.
pub(super) fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

/// Whether something on the way is a file or a link where a folder should be.
pub(super) fn is_no_folder(error: &io::Error) -> bool {
    #[cfg(unix)]
    if rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP) {
        return true;
    }
    error.kind() == io::ErrorKind::NotADirectory
}
