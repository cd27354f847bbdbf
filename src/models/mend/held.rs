//! Folders of the cache that are held open while something in them is mended: each is reached from the place that it lies in without
//! a link, so that nobody who swaps a folder for a link between a look and a write moves the write out of the cache.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::support::escape;
use crate::support::folder::{self, Folder};
use crate::support::paths::real_place;

/// An open folder, and how it is reached by those who know only paths.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) folder: Folder,
    /// Where it was when it was opened.
    path: PathBuf,
    way: PathBuf,
}

impl Held {
    /// A path to `name` in it that leads through the open folder, where the system has such paths.
    pub(super) fn way(&self, name: &std::ffi::OsStr) -> PathBuf {
        self.way.join(name)
    }

    /// The same of the folder.
    pub(super) fn itself(&self) -> &Path {
        &self.way
    }

    /// `path`, which may lead through the open folder, as a person knows it.
    pub(super) fn shown(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.way).map_or_else(|_| path.to_path_buf(), |rest| self.path.join(rest))
    }
}

/// The folder that the file `path` lies in, and the file's name. Links are followed as far as they stay in one of `inside`; with
/// `make`, what is missing of it is made.
///
/// # Errors
/// What the disk says; where it lies elsewhere, that.
pub(super) fn above(inside: &[PathBuf], path: &Path, make: bool) -> io::Result<(Held, OsString)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    let (anchor, below) = within(inside, path)?;
    let opened = folder::open(&anchor).and_then(|anchor| match make {
        true => anchor.descend_making(&below),
        false => anchor.descend(&below),
    });
    let folder = opened.map_err(|error| if is_link(&error) { astray(path) } else { error })?;
    let real = if below.as_os_str().is_empty() { anchor } else { anchor.join(&below) };
    Ok((Held { way: folder.way(&real), path: real, folder }, name))
}

/// Which of `inside` the file `path` lies in, and its folder below that.
///
/// # Errors
/// When it lies in none.
pub(super) fn within(inside: &[PathBuf], path: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let real = real_place(path.parent().unwrap_or(path)).ok_or_else(|| astray(path))?;
    let anchors = inside.iter().filter_map(|folder| fs::canonicalize(folder).ok());
    let found = anchors.filter_map(|anchor| Some((real.strip_prefix(&anchor).ok()?.to_path_buf(), anchor)));
    found.map(|(below, anchor)| (anchor, below)).next().ok_or_else(|| astray(path))
}

fn astray(path: &Path) -> io::Error {
    io::Error::other(format!("{} is reached through a link that leads out of the cache", escape::path(path)))
}

/// Whether a link stood where a folder had been seen.
fn is_link(error: &io::Error) -> bool {
    #[cfg(unix)]
    if rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP) {
        return true;
    }
    error.kind() == io::ErrorKind::NotADirectory
}
