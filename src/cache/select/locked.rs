//! What another process holds a lock on. It is asked for the plan already, so that what cannot go now is neither promised nor counted
//! for a size, and the next goes in its place. Whoever removes takes the same locks.

use std::path::{Path, PathBuf};

use super::needs::Needs;
use super::stock::{Content, Holding, HubStock, Revision, Shared, Thing};
use crate::cache::remove::locks;

/// Why it stays.
pub(super) const LOCKED: &str = "another process holds a lock on it";

/// Who says whether locks are held.
#[derive(Debug, Clone, Copy)]
pub struct AsksLocks {
    /// Whether any is of the repository in this folder.
    pub of_repository: fn(&Path) -> bool,
    /// Whether the lock at this path is.
    pub at: fn(&Path) -> bool,
}

impl Needs {
    fn has_locked(&self, mut paths: impl Iterator<Item = PathBuf>) -> bool {
        self.asks_locks().is_some_and(|asks| paths.any(|path| (asks.at)(&path)))
    }

    /// Whether somebody holds any lock of the repository.
    pub(super) fn is_any_locked(&self, holding: &Holding) -> bool {
        self.asks_locks().is_some_and(|asks| (asks.of_repository)(&holding.repository.folder))
    }

    /// Whether somebody holds a lock that speaks for a file by itself, or one in a folder.
    pub(super) fn is_thing_locked(&self, thing: &Thing) -> bool {
        let inside = thing.entries.iter().filter(|entry| entry.is_plain() && locks::is_lock(&entry.name()));
        self.is_file_locked(&thing.path) || self.has_locked(inside.map(|entry| entry.path()))
    }

    /// Whether somebody holds a lock that speaks for the file at `path`.
    pub(super) fn is_file_locked(&self, path: &Path) -> bool {
        let names = path.file_name().map(locks::names_for).unwrap_or_default();
        self.has_locked(names.into_iter().map(|name| path.with_file_name(name)))
    }

    /// Whether somebody holds the lock on the unfinished download at `path`, or on the content that it becomes.
    pub(super) fn is_unfinished_locked(&self, holding: &Holding, path: &Path) -> bool {
        let content = path.file_name().and_then(locks::content_of);
        let content = content.and_then(|etag| locks::of_content(&holding.repository.folder, etag));
        self.is_file_locked(path) || self.has_locked(content.into_iter())
    }

    /// Whether somebody holds the lock on a content of the repository.
    pub(super) fn is_content_locked(&self, holding: &Holding, blob: usize) -> bool {
        let entry = holding.blob(blob);
        let lock = entry.and_then(|entry| locks::of_content(&holding.repository.folder, &entry.name()));
        self.has_locked(lock.into_iter())
    }

    /// Whether somebody holds the lock on a payload that the revision leads to.
    pub(super) fn is_shared_locked(&self, hub: &HubStock, holding: &Holding, revision: &Revision) -> bool {
        let index = |blob| match holding.content(blob) {
            Content::Listed(at) => Some(at),
            Content::Elsewhere(path, _) => hub.payloads.find(path),
            Content::Own | Content::Foreign => None,
        };
        let mut payloads = revision.blobs().filter_map(index).filter_map(|at| hub.payloads.get(at));
        payloads.any(|payload| self.is_payload_locked(&payload))
    }

    /// Whether somebody holds the lock on a payload of the shared store.
    pub(super) fn is_payload_locked(&self, payload: &Shared<'_>) -> bool {
        let beside = |end: &str| {
            let mut path = payload.entry.path().into_os_string();
            path.push(end);
            PathBuf::from(path)
        };
        self.has_locked([".lock", ".lock.soft"].into_iter().map(beside))
    }
}
