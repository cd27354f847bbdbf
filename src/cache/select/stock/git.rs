//! Git work trees and bare repositories among what lies in a place: a person's work, and never a cache's.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::Entries;

/// The outermost folders of `entries` that are a work tree (they hold a `.git`, a folder or a file) or a bare repository.
pub(super) fn repositories(entries: &Entries) -> Vec<PathBuf> {
    let called = |name: &'static str| entries.iter().filter(move |entry| entry.name().eq_ignore_ascii_case(name));
    let mut heads = called("HEAD").peekable();
    let is_part = |name: &std::ffi::OsStr| name == "objects" || name == "refs";
    let folders: HashSet<PathBuf> = match heads.peek() {
        Some(_) => {
            let parts = entries.iter().filter(|entry| entry.is_folder() && is_part(&entry.name()));
            parts.map(|entry| entry.path()).collect()
        }
        None => HashSet::new(),
    };
    let is_bare = |folder: &Path| ["objects", "refs"].iter().all(|part| folders.contains(&folder.join(part)));
    let bare = heads.map(|head| head.folder()).filter(|folder| is_bare(folder));
    let trees = called(".git").map(|git| git.folder());
    let mut found: Vec<PathBuf> = trees.chain(bare).map(Path::to_path_buf).collect();
    found.sort_unstable();
    found.dedup_by(|inner, outer| inner.starts_with(outer));
    found
}
