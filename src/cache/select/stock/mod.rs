//! What there is, file by file, of everything that could go: what a [`super::Selection`] is made from.
//!
//! [`read`] makes it from an inventory, which says where models lie; every decision after that is a function of data.

mod entries;
mod git;
mod payloads;
mod read;
mod record;
mod repository;
mod things;
mod ties;
mod tree;

use std::collections::HashSet;
use std::path::PathBuf;

use super::super::stamp::Stamp;

pub use entries::{Entries, Seen};
pub use payloads::{Payload, Payloads, Shared};
pub use read::{Sources, read};
pub use repository::{Content, Holding, Repository, Revision};
pub use things::{Lot, Thing, Things, Whole};
pub use ties::Ties;

/// Everything that could go.
#[derive(Debug, Default)]
pub struct Stock {
    /// The hubs, each with its repositories.
    pub hubs: Vec<HubStock>,
    /// What lies elsewhere than in a hub.
    pub things: Things,
    /// Which of those are links to others, once somebody has looked ([`Self::tie`]).
    pub ties: Ties,
    /// The application caches.
    pub applications: Vec<Application>,
    /// What the homes take for what `undo` can bring back, in bytes.
    pub trash: u64,
    /// What could not be read. Nothing that it lies in may go.
    pub problems: Vec<(PathBuf, String)>,
    /// Places that lie in others: what is in them may be here twice.
    pub inner: Vec<PathBuf>,
    /// Repositories, folders of things, and things in one of whose folders this user may not delete.
    pub fixed: HashSet<PathBuf>,
    /// Repositories of which this user may delete revisions, and which they may not take as a whole.
    pub rooted: HashSet<PathBuf>,
    /// Files outside of the cache that Git tracks, or may track: they stay.
    pub tracked: HashSet<PathBuf>,
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
    pub payloads: Payloads,
}

/// A file, folder or link, on its way into a list of [`Entries`].
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
    pub entries: Entries,
    /// Files of it that Git tracks: they are the project's, and stay. So does all that lies in [`Self::git`].
    pub tracked: HashSet<PathBuf>,
    /// Git work trees and bare repositories in it.
    pub git: Vec<PathBuf>,
    /// Folders in it in which this user may not delete.
    pub shut: HashSet<PathBuf>,
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

impl Stock {
    /// Whether this user may not delete a thing, or what is in it.
    pub fn is_fixed(&self, thing: &std::path::Path) -> bool {
        let holds = |path| self.fixed.contains(path);
        !self.fixed.is_empty() && (holds(thing) || thing.parent().is_some_and(holds))
    }

    /// Whether this entry of a thing stays.
    pub fn is_held(&self, entry: &Seen<'_>) -> bool {
        entry.is_protected() || self.is_tracked(entry)
    }

    /// Whether Git tracks this entry of a thing.
    pub fn is_tracked(&self, entry: &Seen<'_>) -> bool {
        !self.tracked.is_empty() && !entry.is_folder() && self.tracked.contains(&entry.path())
    }
}

impl Application {
    /// Whether this entry of it stays.
    pub fn is_held(&self, entry: &Seen<'_>) -> bool {
        entry.is_protected() || self.is_tracked(entry) || self.is_shut(entry)
    }

    /// Whether this user may not delete it where it lies.
    pub fn is_shut(&self, entry: &Seen<'_>) -> bool {
        !self.shut.is_empty() && self.shut.contains(entry.folder())
    }

    /// Whether Git tracks this entry of it, or it lies in a Git repository.
    pub fn is_tracked(&self, entry: &Seen<'_>) -> bool {
        !self.tracked.is_empty() && self.tracked.contains(&entry.path())
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
