//! What there is, file by file, of everything that could go: what a [`super::Selection`] is made from.
//!
//! [`read`] makes it from an inventory, which says where models lie; every decision after that is a function of data.

mod git;
mod read;
mod tree;

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::super::hub::Repository;
use super::super::stamp::Stamp;

pub use read::{Sources, read};

/// Everything that could go.
#[derive(Debug, Default)]
pub struct Stock {
    /// The hubs, each with its repositories.
    pub hubs: Vec<HubStock>,
    /// What lies elsewhere than in a hub.
    pub things: Vec<Thing>,
    /// The application caches.
    pub applications: Vec<Application>,
    /// What the homes take for what `undo` can bring back, in bytes.
    pub trash: u64,
    /// What could not be read. Nothing that it lies in may go.
    pub problems: Vec<(PathBuf, String)>,
}

/// A hub, and what is in it.
#[derive(Debug)]
pub struct HubStock {
    /// Its folder.
    pub folder: PathBuf,
    /// The place that it lies in.
    pub root: PathBuf,
    /// Whether that place is a home of the project's libraries; else only who names a path takes something here.
    pub home: bool,
    /// Its repositories, sorted by folder.
    pub repositories: Vec<Holding>,
    /// What its repositories share.
    pub payloads: Vec<Payload>,
}

/// A repository, and everything in its folder.
#[derive(Debug)]
pub struct Holding {
    /// What the layout says.
    pub repository: Repository,
    /// The folder itself and everything below it, sorted by path.
    pub entries: Vec<Entry>,
}

/// A file, folder or link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub path: PathBuf,
    /// As it was.
    pub stamp: Stamp,
    /// What it is.
    pub kind: EntryKind,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A file with content.
    File,
    /// A folder.
    Folder,
    /// A link, a device: nothing that has content of its own.
    Other,
}

/// A content of the store that the repositories of a hub share.
#[derive(Debug, Clone)]
pub struct Payload {
    /// The content.
    pub entry: Entry,
    /// What lies beside it: who uses it (`.refs`), its lock.
    pub beside: Vec<Entry>,
    /// Whether what says who uses it can be read. Without that nobody may delete it.
    pub listed: bool,
    /// Whether one of the users in that list still links here.
    pub used: bool,
}

/// A model, or what else lies in a home as one thing.
#[derive(Debug)]
pub struct Thing {
    /// What it is called.
    pub name: OsString,
    /// Where it is.
    pub path: PathBuf,
    /// The place that it lies in.
    pub root: PathBuf,
    /// The name of that place.
    pub place: String,
    /// What it is.
    pub kind: ThingKind,
    /// Whether the place is a home of the project's libraries.
    pub home: bool,
    /// Itself and everything below it.
    pub entries: Vec<Entry>,
    /// Whether something below it could not be read.
    pub obscure: bool,
    /// A Git work tree or a bare repository in it: then it stays.
    pub git: Option<PathBuf>,
}

/// What a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThingKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// An unfinished download of this tool's.
    Unfinished,
    /// Locks of a hub: empty files that `--ci` takes.
    Locks,
}

/// An application cache.
#[derive(Debug)]
pub struct Application {
    /// What the manifest calls it.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Files that were changed last before so many seconds may go.
    pub max_age: Option<i64>,
    /// Everything in it, without the folder itself.
    pub entries: Vec<Entry>,
    /// Files of it that Git tracks: they are the project's, and stay. So does all that lies in [`Self::git`].
    pub tracked: HashSet<PathBuf>,
    /// Git work trees and bare repositories in it.
    pub git: Vec<PathBuf>,
    /// Whether something in it could not be read.
    pub obscure: bool,
}

/// Files that are never taken: what logs a person in, what they wrote themselves, and what says that a folder is a cache.
const PROTECTED: [&str; 12] = [
    "token",
    "stored_tokens",
    "credentials",
    "kaggle.json",
    "default_config.yaml",
    "CACHEDIR.TAG",
    "trusted_list",
    "version.txt",
    "version_diffusers_cache.txt",
    ".agent_harnesses.json",
    ".gitignore",
    ".gitkeep",
];

/// Whether the file `name` stays whatever is deleted around it.
pub fn is_protected(name: &std::ffi::OsStr) -> bool {
    name.to_str().is_some_and(|name| PROTECTED.contains(&name))
}

impl Stamp {
    /// A folder, where the system tells.
    pub(super) const fn is_folder(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }
}

impl Thing {
    /// Whether it holds a file that stays, so that the rest of it goes file by file.
    pub fn holds_protected(&self) -> bool {
        self.entries.iter().any(Entry::is_protected)
    }
}

impl Application {
    /// Whether this entry of it stays.
    pub fn is_held(&self, entry: &Entry) -> bool {
        entry.is_protected() || self.tracked.contains(&entry.path)
    }
}

impl Entry {
    /// A folder.
    pub fn is_folder(&self) -> bool {
        self.kind == EntryKind::Folder
    }

    /// When it was changed last, in seconds since 1970. Of a folder `changed` alone says no more than that it was renamed or got
    /// another mode, as when `undo` brought it back: what comes into it or goes is in `modified`.
    pub(super) fn touched(&self) -> i64 {
        let Stamp { modified, .. } = self.stamp;
        if self.is_folder() { Stamp { changed: modified, ..self.stamp }.touched() } else { self.stamp.touched() }
    }

    /// A file with content: neither folder nor link.
    pub fn is_plain(&self) -> bool {
        self.kind == EntryKind::File
    }

    /// Whether it is a file that stays.
    pub fn is_protected(&self) -> bool {
        !self.stamp.is_folder() && self.path.file_name().is_some_and(is_protected)
    }
}

impl Holding {
    /// The name of its folder, `models--org--name`.
    pub fn folder_name(&self) -> String {
        self.repository.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// What it is called when its kind has to be told: `org/name`, `datasets/org/name`.
    pub fn full_name(&self) -> String {
        match self.repository.kind {
            "model" => self.repository.name.clone(),
            kind => format!("{kind}s/{}", self.repository.name),
        }
    }

    /// What lies below `folder`, with the folder.
    pub fn below<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = &'a Entry> {
        // Paths are compared part by part: what lies below a folder follows it.
        let first = self.entries.partition_point(|entry| entry.path.as_path() < folder);
        self.entries.iter().skip(first).take_while(move |entry| entry.path.starts_with(folder))
    }

    /// How many of its revisions have each blob.
    pub fn users(&self) -> HashMap<&OsString, usize> {
        let mut users: HashMap<&OsString, usize> = HashMap::new();
        for revision in &self.repository.revisions {
            let own: HashSet<&OsString> = revision.blobs().collect();
            for name in own {
                *users.entry(name).or_default() += 1;
            }
        }
        users
    }

    /// The entry at `path`.
    pub fn entry(&self, path: &Path) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_path().cmp(path)).ok()?;
        self.entries.get(at)
    }
}

/// An entry of a test, as a file of this size that was read and written at these times (in seconds).
#[cfg(test)]
pub(super) fn entry(path: &str, inode: u64, disk: u64, read: i64, written: i64) -> Entry {
    let second = |at: i64| i128::from(at) * 1_000_000_000;
    Entry {
        path: path.into(),
        stamp: Stamp {
            id: (1, inode),
            size: disk,
            disk,
            names: 1,
            mode: 0o100_644,
            modified: second(written),
            changed: second(written),
            accessed: second(read),
        },
        kind: EntryKind::File,
    }
}
