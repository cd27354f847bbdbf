//! Words of the command line as the paths that they may be: what a person sees from where they are, and what this tool printed, which writes
//! paths as they are from the project's folder and from the home.

use std::path::{Path, PathBuf};

use crate::setup::Layout;
use crate::support::{paths, quoted};

/// From where paths are seen.
pub(super) struct Ground<'a> {
    /// Where the person is.
    pub(super) start: &'a Path,
    /// Where the project and the home are.
    pub(super) layout: &'a Layout,
}

impl Ground<'_> {
    /// What lies at the path that a word can be read as (see [`quoted::readings`]), if anything does.
    pub(super) fn at(&self, reading: &str) -> Option<PathBuf> {
        let given = quoted::path(reading);
        let from = |base: &Path| paths::without_parents(&paths::absolute(base, &given));
        let home = || Some(self.layout.home.as_deref()?.join(given.strip_prefix("~").ok()?));
        let is_there = |path: &PathBuf| path.symlink_metadata().is_ok();
        [from(self.start), from(&self.layout.root)].into_iter().find(is_there).or_else(|| home().filter(is_there))
    }
}
