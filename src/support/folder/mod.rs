//! An open folder, in which things are looked at, renamed and unlinked by name: whoever puts a link or another folder in the
//! place of a folder on the way changes nothing for who has this one open.

#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod unix;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use super::stamp::Stamp;

#[cfg(not(unix))]
pub use portable::Folder;
#[cfg(unix)]
pub use unix::Folder;

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A pipe, a socket, a device.
    Other,
}

/// What is known of it; of a link, of the link itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// What the disk says of it.
    pub stamp: Stamp,
}

impl Folder {
    /// What `name` is; `None` where nothing is.
    pub fn find(&self, name: &OsStr) -> io::Result<Option<Found>> {
        match self.look(name) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The folder at `path` below this one; links are refused at each step.
    pub fn descend(&self, path: &Path) -> io::Result<Self> {
        path.components().try_fold(self.again()?, |folder, part| folder.enter(plain(part)?))
    }

    /// The same, making what is not there, with the rights of the folder above: who may work there may work here.
    pub fn descend_making(&self, path: &Path) -> io::Result<Self> {
        path.components().try_fold(self.again()?, |folder, part| {
            let name = plain(part)?;
            match folder.make(name, false) {
                Ok(()) => {
                    let made = folder.enter(name)?;
                    made.set_rights(&folder);
                    Ok(made)
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => folder.enter(name),
                Err(error) => Err(error),
            }
        })
    }

    /// The content of the small file `name`: a regular file of at most `most` bytes, no link.
    pub fn read(&self, name: &OsStr, most: u64) -> io::Result<Vec<u8>> {
        let file = self.open_file(name)?;
        let found = file.metadata()?;
        if !found.is_file() || found.len() > most {
            return Err(io::Error::other("is not such a file"));
        }
        let mut bytes = Vec::new();
        File::take(file, most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// The folder at `real`, in which no part is a link.
pub fn open(real: &Path) -> io::Result<Folder> {
    Folder::open(real)
}

/// A path as its plain names; refuses `..` and whatever else leads elsewhere.
fn plain(part: Component<'_>) -> io::Result<&OsStr> {
    match part {
        Component::Normal(name) => Ok(name),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// Folder and last name of `path`, which lies below some folder; `None` when it is no plain path.
pub fn split(path: &Path) -> Option<(PathBuf, &OsStr)> {
    path.components().all(|part| matches!(part, Component::Normal(_))).then_some(())?;
    Some((path.parent()?.to_path_buf(), path.file_name()?))
}
