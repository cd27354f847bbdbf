//! One run: what it may do, what it did, and what stayed.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::dir::{Dir, Kind, Look};
use super::kin::Kin;
use super::known::Known;
use super::links::Links;
use super::needed::Needed;
use crate::support::{digest, interrupt};

/// What the names of our own unfinished files and links begin with.
pub(super) const PREFIX: &str = ".modelstrap-migrate-";

/// Why a download that is not whole stays.
pub(super) const UNFINISHED: &str = "is an unfinished download";

/// What the reason of a conflict begins with: two contents have one name.
pub const ANOTHER: &str = "another content stands at";

/// How a run goes about it.
#[derive(Default)]
pub struct Options<'a> {
    /// Whether anything is changed at all.
    pub act: bool,
    /// Whether the old paths become links to the new ones.
    pub link_back: bool,
    /// The project: links from one of its places to another are relative.
    pub project: PathBuf,
    /// Files that Git tracks: the project itself, which is not ours to move.
    pub tracked: HashSet<PathBuf>,
    /// Files that a process has open to write to, by device and inode.
    pub writers: HashSet<(u64, u64)>,
    /// What is known of the repository that somebody named for a folder.
    pub known: Known,
    /// Links in the cache that lead out of it, and what each says ([`super::pointing_out`]).
    pub links: Vec<(PathBuf, PathBuf)>,
    /// Seconds since 1970.
    pub now: i64,
    /// Is told how many bytes more were read, copied or compared.
    pub progress: Option<&'a dyn Fn(u64)>,
}

/// Something that stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub why: String,
    /// Whether it should have moved: an error, a conflict.
    pub grave: bool,
}

/// What became of contents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Contents that are in the cache now.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The part of these bytes that is copied, since the disks differ.
    pub copied: u64,
    /// The part that the cache had already.
    pub same: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.copied += other.copied;
        self.same += other.same;
    }
}

/// What a run has done, or would do.
#[derive(Debug, Default)]
pub struct Outcome {
    /// All contents.
    pub tally: Tally,
    /// The models among them: their name, and what became of their contents.
    pub models: Vec<(String, Tally)>,
    /// What stays.
    pub stays: Vec<Stay>,
    /// What else a person should know.
    pub notes: Vec<String>,
    /// Old paths that are links now, and where they lead.
    pub links: Links,
}

/// Why a run ends before its end.
#[derive(Debug)]
pub enum Stop {
    /// Somebody asked.
    Interrupted,
    /// The disk of this folder is full.
    Full(PathBuf, io::Error),
}

/// A run at work.
pub(super) struct Work<'a> {
    pub(super) options: &'a Options<'a>,
    pub(super) out: Outcome,
    /// Copies of files with several names.
    pub(super) kin: Kin,
    /// Whether each file leaves a link: not in a repository, which leaves one as a whole.
    pub(super) links: bool,
    /// Repositories of a store that left no link.
    pub(super) unlinked: Vec<PathBuf>,
    /// What links to it need.
    pub(super) needed: Needed,
    /// Whether two folders are one, where that was tried.
    tried: RefCell<HashMap<Two, bool>>,
}

/// Two folders, by device and inode: of the target, of the source.
type Two = ((u64, u64), (u64, u64));

impl<'a> Work<'a> {
    /// A run in the cache at `cache_root` that moves the folder `from`.
    pub(super) fn new(options: &'a Options<'a>, cache_root: &Path, from: &Path) -> Self {
        let needed = Needed::of(cache_root, from, &options.links);
        Self {
            options,
            out: Outcome::default(),
            kin: Kin::default(),
            links: options.link_back,
            unlinked: Vec::new(),
            needed,
            tried: RefCell::default(),
        }
    }

    pub(super) const fn act(&self) -> bool {
        self.options.act
    }

    pub(super) fn progress(&self, bytes: u64) {
        if let Some(progress) = self.options.progress {
            progress(bytes);
        }
    }

    /// Says that `path` stays.
    pub(super) fn stay(&mut self, path: impl Into<PathBuf>, why: impl Into<String>) {
        self.out.stays.push(Stay { path: path.into(), why: why.into(), grave: false });
    }

    /// Says that `path` stays although it should have moved.
    pub(super) fn fail(&mut self, path: impl Into<PathBuf>, why: impl Into<String>) {
        self.out.stays.push(Stay { path: path.into(), why: why.into(), grave: true });
    }

    /// Passes a full disk on, and names what else went wrong at `path`: `None` then.
    pub(super) fn heed<T>(&mut self, path: &Path, done: io::Result<T>) -> Result<Option<T>, Stop> {
        match done {
            Ok(done) => Ok(Some(done)),
            Err(error) if is_full(&error) => Err(Stop::Full(path.to_path_buf(), error)),
            Err(error) => {
                self.fail(path, error.to_string());
                Ok(None)
            }
        }
    }

    /// Why the file at `path` may not be moved now.
    pub(super) fn hindrance(&self, path: &Path, name: &OsStr, look: &Look) -> Option<&'static str> {
        if is_unfinished(name) {
            return Some(UNFINISHED);
        }
        // Nobody writes to a link: one that was made just now may have the number that another's file had.
        if look.kind == Kind::File && look.stamp.id != (0, 0) && self.options.writers.contains(&look.stamp.id) {
            return Some("is open for writing");
        }
        self.options.tracked.contains(path).then_some("is tracked by Git")
    }

    /// What a link at `at` says that leads to `target`: relative where both are in the project.
    pub(super) fn link_text(&self, at: &Path, target: &Path) -> PathBuf {
        let real = |path: &Path| {
            let parent = path.parent().and_then(|parent| parent.canonicalize().ok());
            parent.and_then(|parent| Some(parent.join(path.file_name()?))).unwrap_or_else(|| path.to_path_buf())
        };
        let (at, target) = (real(at), real(target));
        let project = self.options.project.canonicalize().unwrap_or_else(|_| self.options.project.clone());
        if at.starts_with(&project) && target.starts_with(&project) {
            relative(at.parent().unwrap_or(&project), &target)
        } else {
            target
        }
    }

    /// The end of the file `name` in `from`, whose content is at `target` now: its name goes, or leads there.
    pub(super) fn leave(&mut self, from: &Dir, name: &OsStr, target: &Path) -> io::Result<()> {
        let folder = target.parent().ok_or(io::ErrorKind::NotFound)?;
        if target.file_name() == Some(name) && self.is_one(&To::found(folder)?, from) {
            return Err(io::Error::other("is the cache's own file, seen by another path"));
        }
        self.free(&from.path.join(name), target)?;
        if !self.links {
            return from.unlink(name);
        }
        let at = from.path.join(name);
        let (text, temporary) = (self.link_text(&at, target), temporary(name));
        let _ = from.unlink(&temporary);
        from.symlink(&text, &temporary)?;
        if let Err(error) = from.replace(&temporary, from, name) {
            let _ = from.unlink(&temporary);
            return Err(error);
        }
        self.out.links.push(&at, target);
        Ok(())
    }

    /// Whether the folder `to` is `from`, reached by another path: then nothing in it is to be moved. Where something is to be done,
    /// that is tried, once for each two folders.
    pub(super) fn is_one(&self, to: &To, from: &Dir) -> bool {
        let Some(dir) = &to.dir else { return false };
        if dir.is_also(from) {
            return true;
        }
        let (Ok(one), Ok(two)) = (dir.stamp(), from.stamp()) else { return true };
        if !self.act() {
            return false;
        }
        // Where folders have no numbers each is tried.
        let known = self.tried.borrow().get(&(one.id, two.id)).copied().filter(|_| one.id != (0, 0));
        known.unwrap_or_else(|| {
            let shows = dir.shows_in(from);
            self.tried.borrow_mut().insert((one.id, two.id), shows);
            shows
        })
    }

    /// Whether `name` in `from` is a link that [`Work::leave`] made for `target`.
    pub(super) fn is_ours(&self, from: &Dir, name: &OsStr, target: &Path) -> bool {
        from.text(name).is_ok_and(|text| text == self.link_text(&from.path.join(name), target))
    }
}

/// The first link on the way from `root` down to `path`, which lies below it.
pub(super) fn link_on_the_way(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut at = root.to_path_buf();
    path.strip_prefix(root).ok()?.components().find_map(|part| {
        at.push(part);
        at.is_symlink().then(|| at.clone())
    })
}

/// Whether somebody asked to stop.
pub(super) fn check() -> Result<(), Stop> {
    if interrupt::requested() { Err(Stop::Interrupted) } else { Ok(()) }
}

pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The name that stands for `name` while it is not whole: short, since the name itself may be as long as a name can be.
pub(super) fn temporary(name: &OsStr) -> OsString {
    let mut hex = digest::sha256(name.as_encoded_bytes());
    hex.truncate(16);
    format!("{PREFIX}{hex}").into()
}

/// Names that downloads have before they are whole: of every client of the Hub, of torch, of this tool, of browsers.
pub(super) fn is_unfinished(name: &OsStr) -> bool {
    const ENDINGS: [&[u8]; 7] =
        [b".incomplete", b".part", b".partial", b".tmp", b".crdownload", b".aria2", b".download"];
    let name = name.as_encoded_bytes();
    ENDINGS.iter().any(|ending| name.ends_with(ending)) || name.starts_with(b".modelstrap-")
}

/// `target` as seen from `folder`; both are absolute and without links.
fn relative(folder: &Path, target: &Path) -> PathBuf {
    let shared = folder.components().zip(target.components()).take_while(|(one, other)| one == other).count();
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(target.components().skip(shared)).collect()
}

/// A folder that things are moved to: in a run that only looks, it need not be there.
#[derive(Debug)]
pub(super) struct To {
    pub(super) path: PathBuf,
    pub(super) dir: Option<Dir>,
}

impl To {
    /// The folder at `path`, made where something is to be done. Below the cache `root` no link is followed; elsewhere a variable
    /// of the project leads.
    pub(super) fn at(path: &Path, root: &Path, act: bool) -> io::Result<Self> {
        let (top, below) = match path.strip_prefix(root) {
            Ok(below) => (root, below),
            Err(_) => (path, Path::new("")),
        };
        if act {
            std::fs::create_dir_all(top)?;
        }
        let dir = match Dir::open(top) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !act => None,
            found => Some(found?),
        };
        let to = Self { path: top.to_path_buf(), dir }.below(below, act)?;
        Ok(Self { path: path.to_path_buf(), ..to })
    }

    /// One that is there.
    fn found(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_path_buf(), dir: Some(Dir::open(path)?) })
    }

    /// The folder `name` in it.
    pub(super) fn sub(&self, name: &OsStr, act: bool) -> io::Result<Self> {
        let dir = match &self.dir {
            Some(dir) if act => Some(dir.sub_made(name)?),
            Some(dir) => dir.below(Path::new(name))?,
            None => None,
        };
        Ok(Self { path: self.path.join(name), dir })
    }

    pub(super) fn below(&self, path: &Path, act: bool) -> io::Result<Self> {
        let dir = match &self.dir {
            Some(dir) if act => Some(dir.below_made(path)?),
            Some(dir) => dir.below(path)?,
            None => None,
        };
        Ok(Self { path: self.path.join(path), dir })
    }

    /// What stands there.
    pub(super) fn look(&self, name: &OsStr) -> io::Result<Option<Look>> {
        self.dir.as_ref().map_or(Ok(None), |dir| dir.look(name))
    }

    /// The folder, which is there when something is done.
    pub(super) fn dir(&self) -> io::Result<&Dir> {
        self.dir.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// Removes what a killed run left of itself in `dir`: files that were not whole, links that were not in place, and folders that
/// hold nothing but its links.
pub(super) fn sweep(dir: &Dir) {
    for name in dir.those(|name| name.as_encoded_bytes().starts_with(PREFIX.as_bytes())) {
        match dir.look(&name).ok().flatten().map(|look| look.kind) {
            Some(Kind::File | Kind::Link) => {
                let _ = dir.unlink(&name);
            }
            Some(Kind::Folder) => unlink_links(dir, &name),
            _ => {}
        }
    }
}

/// Removes the folder `name` with the links in it; anything else in it keeps it.
pub(super) fn unlink_links(parent: &Dir, name: &OsStr) {
    let Ok(dir) = parent.sub(name) else { return };
    for entry in dir.row().unwrap_or_default().iter() {
        if dir.look(&entry).is_ok_and(|look| look.is_some_and(|look| look.kind == Kind::Link)) {
            let _ = dir.unlink(&entry);
        }
    }
    parent.remove_if_empty(name);
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_seen_from_a_folder() {
        let seen = |folder, target| relative(Path::new(folder), Path::new(target)).display().to_string();
        assert_eq!(seen("/p/models/x", "/p/.cache/hub/a"), "../../.cache/hub/a");
        assert_eq!(seen("/p", "/p/a"), "a");
    }

    #[test]
    fn what_is_not_whole_is_known_by_its_name() {
        for name in ["a.1b.incomplete", "x.part", ".modelstrap-migrate-00", "model.bin.aria2"] {
            assert!(is_unfinished(OsStr::new(name)), "{name}");
        }
        assert!(!is_unfinished(OsStr::new("base.pt")) && !is_unfinished(OsStr::new("partial")));
    }
}
