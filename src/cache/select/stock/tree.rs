//! Everything below a folder, links not followed, one list.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Entries, EntryKind};
use crate::cache::stamp::Stamp;
use crate::support::{interrupt, time};

/// Deeper than any cache: a loop of mounts, or an attack.
const DEEPEST: usize = 128;

/// What a walk has found.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The folder itself first, then everything below it.
    pub(super) entries: Entries,
    /// What could not be read.
    pub(super) problems: Vec<(PathBuf, String)>,
}

/// Walks `path`, a file or a folder. What vanishes meanwhile is left out.
pub(super) fn walk(path: &Path) -> Walk {
    Walker { found: Walk::default(), snapshots: None, now: 0 }.all(path)
}

/// Walks the folder of a repository: what is found is sorted by path. Of the links of revisions nothing is asked but what they take
/// together and when the last of them came, so that those of a folder are one entry, without a name.
pub(super) fn walk_repository(path: &Path) -> Walk {
    let now = i128::from(time::seconds()) * 1_000_000_000;
    Walker { found: Walk::default(), snapshots: Some(path.join("snapshots")), now }.all(path)
}

struct Walker {
    found: Walk,
    /// In a repository, the folder in which its revisions are.
    snapshots: Option<PathBuf>,
    /// In nanoseconds since 1970.
    now: i128,
}

impl Walker {
    fn all(mut self, path: &Path) -> Walk {
        match fs::symlink_metadata(path) {
            Ok(looked) => {
                let kind = kind(looked.file_type());
                let (folder, name) = match (path.parent(), path.file_name()) {
                    (Some(folder), Some(name)) => (folder, name),
                    _ => (path, OsStr::new("")),
                };
                let folder = self.found.entries.folder(folder);
                self.add(folder, name, &Stamp::of(&looked), kind, path);
                if kind == EntryKind::Folder {
                    self.below(path, 0);
                }
            }
            Err(error) => self.note(path, &error),
        }
        self.found.entries.settle();
        self.found
    }

    fn below(&mut self, folder: &Path, depth: usize) {
        if depth > DEEPEST {
            let why = io::Error::other(format!("holds folders more than {DEEPEST} folders deep"));
            return self.note(folder, &why);
        }
        let names = match fs::read_dir(folder) {
            Ok(entries) => entries.map(|entry| entry.map(|entry| entry.file_name())),
            Err(error) => return self.note(folder, &error),
        };
        let number = self.found.entries.folder(folder);
        let Some(snapshots) = &self.snapshots else {
            return names.for_each(|name| self.one(folder, number, name, depth, &mut None));
        };
        let mut links = (folder.starts_with(snapshots) && folder != snapshots).then(Stamp::none);
        let place = self.found.entries.len();
        if let Some(links) = &links {
            self.add(number, OsStr::new(""), links, EntryKind::Other, folder);
        }
        let mut names: Vec<io::Result<OsString>> = names.collect();
        names.sort_by(|one, other| one.as_ref().ok().cmp(&other.as_ref().ok()));
        names.into_iter().for_each(|name| self.one(folder, number, name, depth, &mut links));
        if let Some(links) = &links {
            self.found.entries.restamp(place, links);
        }
    }

    fn one(
        &mut self,
        folder: &Path,
        number: Option<usize>,
        name: io::Result<OsString>,
        depth: usize,
        links: &mut Option<Stamp>,
    ) {
        if interrupt::requested() {
            return;
        }
        let looked = name.and_then(|name| {
            let path = folder.join(&name);
            Ok((name, fs::symlink_metadata(&path)?, path))
        });
        match looked {
            Ok((name, looked, path)) => {
                let (stamp, kind) = (Stamp::of(&looked), kind(looked.file_type()));
                if let Some(links) = links
                    && looked.file_type().is_symlink()
                    && links.takes(&stamp, self.now)
                {
                    return;
                }
                self.add(number, &name, &stamp, kind, folder);
                if kind == EntryKind::Folder {
                    self.below(&path, depth + 1);
                }
            }
            Err(error) => self.note(folder, &error),
        }
    }

    /// What there is no room for must not be taken for what is not there.
    fn add(&mut self, folder: Option<usize>, name: &OsStr, stamp: &Stamp, kind: EntryKind, shown: &Path) {
        if !folder.is_some_and(|folder| self.found.entries.add(folder, name, stamp, kind)) {
            self.note(shown, &io::Error::other("holds more names than can be counted"));
        }
    }

    fn note(&mut self, path: &Path, error: &io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.found.problems.push((path.to_path_buf(), error.to_string()));
        }
    }
}

impl Stamp {
    /// That of no link yet.
    fn none() -> Self {
        let never = i128::from(i64::MIN);
        Self { modified: never, changed: never, accessed: never, names: 1, ..Self::default() }
    }

    /// Adds a link, if it has no other name, and nothing about it lies ahead.
    fn takes(&mut self, link: &Self, now: i128) -> bool {
        let is_plain = link.names <= 1 && link.modified <= now && link.changed <= now;
        if is_plain {
            self.disk = self.disk.saturating_add(link.disk);
            self.modified = self.modified.max(link.modified);
            self.changed = self.changed.max(link.changed);
        }
        is_plain
    }
}

fn kind(found: fs::FileType) -> EntryKind {
    match (found.is_dir(), found.is_file()) {
        (true, _) => EntryKind::Folder,
        (_, true) => EntryKind::File,
        _ => EntryKind::Other,
    }
}
