//! Git work trees and bare repositories among what lies in a place: a person's work, and never a cache's.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::Entry;

/// The outermost folders of `entries` that are a work tree (they hold a `.git`, a folder or a file) or a bare repository.
pub(super) fn repositories(entries: &[Entry]) -> Vec<PathBuf> {
    let called = |name: &'static str| {
        entries.iter().filter(move |entry| entry.path.file_name().is_some_and(|one| one.eq_ignore_ascii_case(name)))
    };
    let mut heads = called("HEAD").peekable();
    let folders: HashSet<&Path> = match heads.peek() {
        Some(_) => entries.iter().filter(|entry| entry.is_folder()).map(|entry| entry.path.as_path()).collect(),
        None => HashSet::new(),
    };
    let is_bare = |folder: &Path| ["objects", "refs"].iter().all(|part| folders.contains(folder.join(part).as_path()));
    let bare = heads.filter_map(|head| head.path.parent()).filter(|folder| is_bare(folder));
    let trees = called(".git").filter_map(|git| git.path.parent());
    let mut found: Vec<PathBuf> = trees.chain(bare).map(Path::to_path_buf).collect();
    found.sort_unstable();
    found.dedup_by(|inner, outer| inner.starts_with(outer));
    found
}
