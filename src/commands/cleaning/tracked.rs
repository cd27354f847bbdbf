//! What Git tracks of an application cache, or of what lies outside of the cache. Where Git does not say it, all of it may be tracked, and
//! nothing of it goes.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::context::Context;
use crate::project::git;
use crate::support::escape;

/// The files below `folder` that Git tracks, or may track, in the work tree at `root`.
pub(super) fn files(context: &Context, root: &Path, folder: &Path) -> HashSet<PathBuf> {
    let own = root.join(".git");
    // A folder of that name without a head is no repository to Git.
    if own.is_dir() && !own.join("HEAD").exists() {
        return HashSet::new();
    }
    git::tracked_files(root, folder).unwrap_or_else(|| {
        let shown = escape::path(folder);
        let why =
            "Git does not say what it tracks there, so that nothing of it goes; see what `git ls-files` says in it";
        context.output.warn(format!("{shown}: {why}"));
        everything(folder)
    })
}

fn everything(folder: &Path) -> HashSet<PathBuf> {
    let mut found = HashSet::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => waiting.push(entry.path()),
                _ => drop(found.insert(entry.path())),
            }
        }
    }
    found
}
