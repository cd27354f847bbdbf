//! A folder held open, and where it was found: everything below it is reached name by name from there, so that a link that somebody
//! puts in the way between two looks is refused and never followed.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::work::PREFIX;
use crate::cache::stamp::Stamp;
use crate::support::folder::Folder;
pub(super) use crate::support::folder::{Found as Look, Kind};
use crate::support::row::Row;

/// An open folder.
#[derive(Debug)]
pub(super) struct Dir {
    /// Where it was found, for what is said and noted.
    pub(super) path: PathBuf,
    folder: Folder,
}

/// The names in a folder, sorted, in few bytes each.
#[derive(Debug, Default)]
pub(super) struct Names {
    row: Row,
    order: Vec<u32>,
}

impl Names {
    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Cow<'_, OsStr>> {
        self.order.iter().map(|at| self.row.name(*at))
    }
}

/// How the names of files begin that are made to see where they show up.
const PROBE: &str = "probe-";

/// A name that nobody has used.
fn probe() -> OsString {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{PREFIX}{PROBE}{}-{number}-{now:x}", std::process::id()).into()
}

impl Dir {
    /// The folder at `path`; links in it are followed, since a person or the project named it, and none that comes there meanwhile.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_path_buf(), folder: Folder::open(&path.canonicalize()?)? })
    }

    /// The same folder once more.
    pub(super) fn again(&self) -> io::Result<Self> {
        Ok(Self { path: self.path.clone(), folder: self.folder.again()? })
    }

    /// The folder `name` in it; a link is refused.
    pub(super) fn sub(&self, name: &OsStr) -> io::Result<Self> {
        Ok(Self { path: self.path.join(name), folder: self.folder.enter(name)? })
    }

    /// The folder `name`, made where it is not there.
    pub(super) fn sub_made(&self, name: &OsStr) -> io::Result<Self> {
        match self.sub(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.folder.make(name, false) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => self.sub(name),
            },
            found => found,
        }
    }

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

    /// The names in it, sorted.
    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = self.folder.names()?;
        names.sort_unstable();
        Ok(names)
    }

    /// The same for a folder with a million of them.
    pub(super) fn row(&self) -> io::Result<Names> {
        let mut names = Names::default();
        let mut fits = true;
        self.folder.each(|name| match names.row.add(name) {
            Some(at) => names.order.push(at),
            None => fits = false,
        })?;
        let Names { row, order } = &mut names;
        order.sort_unstable_by(|one, other| row.compare(*one, *other));
        if fits { Ok(names) } else { Err(io::Error::other("has more names than can be held")) }
    }

    /// Those of the names in it that are `wanted`; none where it cannot be read any more.
    pub(super) fn those(&self, wanted: impl Fn(&OsStr) -> bool) -> Vec<OsString> {
        let mut names = Vec::new();
        let _ = self.folder.each(|name| names.extend(wanted(name).then(|| name.to_owned())));
        names
    }

    /// The names in it, sorted; none where it cannot be read any more.
    pub(super) fn names_or_none(&self) -> Vec<OsString> {
        self.names().unwrap_or_default()
    }

    /// What `name` stands for, if for anything. Links are not followed.
    pub(super) fn look(&self, name: &OsStr) -> io::Result<Option<Look>> {
        self.folder.find(name)
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

    /// What the link `name` says.
    pub(super) fn text(&self, name: &OsStr) -> io::Result<PathBuf> {
        self.folder.target(name)
    }

    /// The file `name`, to read. A link is refused; what is no file gives an error and does not wait.
    pub(super) fn file(&self, name: &OsStr) -> io::Result<File> {
        let file = self.folder.open_file(name)?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("is not a regular file")) }
    }

    /// A new file; it must not be there.
    pub(super) fn create(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        self.folder.create(name, mode)
    }

    /// A file to append to, made where it is not there, for every user of the cache. A link is refused.
    pub(super) fn append(&self, name: &OsStr) -> io::Result<File> {
        self.folder.open_shared(name)
    }

    /// Moves `name` to `new` in `to`, where nothing may stand.
    pub(super) fn rename(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        self.folder.rename(name, &to.folder, new)
    }

    /// Moves `name` to `new` in `to`, over what stands there.
    pub(super) fn replace(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        self.folder.replace_in(name, &to.folder, new)
    }

    /// Gives each of two names in this folder what the other one stands for.
    pub(super) fn exchange(&self, one: &OsStr, other: &OsStr) -> io::Result<()> {
        self.folder.exchange(one, other)
    }

    /// A second name for the file `name`: `new` in `to`.
    pub(super) fn link(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        self.folder.hard_link(name, &to.folder, new)
    }

    /// A link `name` that says `text`.
    pub(super) fn symlink(&self, text: &Path, name: &OsStr) -> io::Result<()> {
        self.folder.symlink(name, text)
    }

    /// Removes the name of a file or link.
    pub(super) fn unlink(&self, name: &OsStr) -> io::Result<()> {
        self.folder.unlink(name)
    }

    /// Removes the folder `name` where it is empty; whether it is gone.
    pub(super) fn remove_if_empty(&self, name: &OsStr) -> bool {
        self.folder.remove_folder(name).is_ok()
    }

    /// Makes what was done in it durable.
    pub(super) fn sync(&self) {
        self.folder.sync();
    }

    /// What this folder is itself.
    pub(super) fn stamp(&self) -> io::Result<Stamp> {
        Ok(self.folder.own()?.stamp)
    }

    /// Gives the folder the times of another one.
    pub(super) fn take_after(&self, other: &Stamp) {
        self.folder.set_times(other);
    }

    /// Gives what `name` stands for, a link itself, the times of something else.
    pub(super) fn date(&self, name: &OsStr, other: &Stamp) {
        self.folder.set_times_of(name, other);
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

    /// Whether both are one folder, tried: what is made in one of them is seen in the other. One share that is mounted by two protocols
    /// has two numbers for its disk, and two for each folder. What a layer of an overlay gets is seen in the whole, and what the whole
    /// gets is not seen in that layer, so that both ways are tried. Where nothing can be made, they are taken for one.
    pub(super) fn shows_in(&self, other: &Self) -> bool {
        let (Ok(one), Ok(two)) = (self.stamp(), other.stamp()) else { return true };
        if one.id.0 == two.id.0 && one.id != (0, 0) {
            return one.id == two.id;
        }
        match (self.probe_shows_in(other), other.probe_shows_in(self)) {
            (Err(_), Err(_)) => true,
            (there, back) => there.unwrap_or(false) || back.unwrap_or(false),
        }
    }

    /// Makes a file here, looks for it there, and removes it; what a killed run left of that goes first.
    fn probe_shows_in(&self, other: &Self) -> io::Result<bool> {
        let beginning = format!("{PREFIX}{PROBE}");
        for left in self.those(|name| name.as_encoded_bytes().starts_with(beginning.as_bytes())) {
            let _ = self.unlink(&left);
        }
        let name = probe();
        self.create(&name, 0o600)?;
        let seen = other.look(&name).map_or(true, |found| found.is_some());
        // Gone, it proves nothing: a run for another cache that looks into the same folder takes it for what a killed one left.
        let proves = self.unlink(&name).is_ok();
        Ok(seen || !proves)
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
        let open = |name: &str| Dir::open(&at(name)).unwrap();
        let (one, again, other) = (open("a/one"), open("link/one"), open("other"));
        assert!(one.is_also(&again) && one.shows_in(&again));
        assert!(!one.is_also(&other) && !one.shows_in(&other) && !other.shows_in(&one));
        // What tells two disks apart is not asked where the probe is: the same folder, as if each had a number of its own.
        std::fs::write(at(&format!("a/one/{PREFIX}{PROBE}1-0-aa")), "").unwrap();
        assert!(one.probe_shows_in(&again).unwrap() && !one.probe_shows_in(&other).unwrap());
        assert_eq!(std::fs::read_dir(at("a/one")).unwrap().count(), 0, "nothing is left of it, nor of a killed run's");
    }

    #[test]
    fn what_another_run_removes_before_it_is_looked_for_proves_nothing() {
        let room = tempfile::tempdir().unwrap();
        let at = |name: &str| room.path().join(name);
        std::fs::create_dir(at("one")).unwrap();
        std::fs::create_dir(at("two")).unwrap();
        let (one, two) = (Dir::open(&at("one")).unwrap(), Dir::open(&at("two")).unwrap());
        let stop = std::sync::atomic::AtomicBool::new(false);
        let is_seen = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    one.names_or_none().iter().for_each(|name| drop(one.unlink(name)));
                }
            });
            let is_seen = (0..100_000).any(|_| one.probe_shows_in(&two).unwrap());
            stop.store(true, Ordering::SeqCst);
            is_seen
        });
        assert!(is_seen, "where the probe was removed, both are taken for one");
    }

    #[test]
    fn two_disks_are_two() {
        let (Ok(far), room) = (tempfile::tempdir_in("/dev/shm"), tempfile::tempdir().unwrap()) else { return };
        let open = |room: &tempfile::TempDir| Dir::open(room.path()).unwrap();
        let (one, two) = (open(&room), open(&far));
        assert!(!one.is_also(&two) && !one.shows_in(&two) && !two.shows_in(&one));
        assert_eq!(std::fs::read_dir(far.path()).unwrap().count(), 0);
        assert_eq!(std::fs::read_dir(room.path()).unwrap().count(), 0);
    }
}
