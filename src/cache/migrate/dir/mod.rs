//! A folder held open: everything below it is reached name by name from its descriptor, so that a link that somebody puts in the
//! way between two looks is refused and never followed.

#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod unix;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::work::PREFIX;
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

/// A name that nobody has used.
fn probe() -> OsString {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{PREFIX}probe-{}-{number}-{now:x}", std::process::id()).into()
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

    /// Whether both are one folder: a disk that is mounted at two paths, or a link on the way to one of them. A network disk that is
    /// mounted twice has two numbers; its folder has one inode and the same times under both.
    pub(super) fn is_also(&self, other: &Self) -> bool {
        let times = |stamp: &Stamp| (stamp.id.1, stamp.modified, stamp.changed);
        match (self.stamp(), other.stamp()) {
            (Ok(one), Ok(two)) if one.id != (0, 0) => one.id == two.id || times(&one) == times(&two),
            _ => real(&self.path) == real(&other.path),
        }
    }

    /// Whether both are one folder, tried: what is made here is seen there. Asked before anything is removed on what looks like another
    /// disk, since the times of a network disk may be some seconds old. Where nothing can be made, they are taken for one.
    pub(super) fn shows_in(&self, other: &Self) -> bool {
        let (Ok(one), Ok(two)) = (self.stamp(), other.stamp()) else { return true };
        // A folder of a network disk has one inode under both mounts: what has two is not asked, and nothing is made there.
        if one.id.0 == two.id.0 || one.id.1 != two.id.1 {
            return one.id == two.id;
        }
        self.probe_shows_in(other).unwrap_or(true)
    }

    /// Makes a file here, looks for it there, and removes it.
    fn probe_shows_in(&self, other: &Self) -> io::Result<bool> {
        let name = probe();
        self.create(&name, 0o600)?;
        let seen = other.look(&name).map_or(true, |found| found.is_some());
        let _ = self.unlink(&name);
        Ok(seen)
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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_by_two_paths_is_one_and_two_folders_are_two() {
        let room = tempfile::tempdir().unwrap();
        let at = |name: &str| room.path().join(name);
        std::fs::create_dir_all(at("a/one")).unwrap();
        std::fs::create_dir_all(at("other")).unwrap();
        std::os::unix::fs::symlink("a", at("link")).unwrap();
        let open = |name: &str| Dir::open(&at(name).canonicalize().unwrap()).unwrap();
        let (one, again, other) = (open("a/one"), open("link/one"), open("other"));
        assert!(one.is_also(&again) && one.shows_in(&again));
        assert!(!one.is_also(&other) && !one.shows_in(&other) && !other.shows_in(&one));
        // What tells two disks apart is not asked where the probe is: the same folder, as if each had a number of its own.
        assert!(one.probe_shows_in(&again).unwrap() && !one.probe_shows_in(&other).unwrap());
        assert_eq!(std::fs::read_dir(at("a/one")).unwrap().count(), 0, "nothing is left of it");
    }

    #[test]
    fn two_disks_are_two() {
        let (Ok(far), room) = (tempfile::tempdir_in("/dev/shm"), tempfile::tempdir().unwrap()) else { return };
        let open = |room: &tempfile::TempDir| Dir::open(&room.path().canonicalize().unwrap()).unwrap();
        let (one, two) = (open(&room), open(&far));
        assert!(!one.is_also(&two) && !one.shows_in(&two) && !two.shows_in(&one));
        assert_eq!(std::fs::read_dir(far.path()).unwrap().count(), 0);
    }
}
