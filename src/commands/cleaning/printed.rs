//! Words of `clear` that other verbs printed: a name that is quoted or looks so, a path without `./` before it, and a place of which nothing is left.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::super::Usage;
use super::Scene;
use crate::cache::select::stock::is_protected;
use crate::cache::select::words::Meaning;
use crate::support::{escape, quoted};

/// A folder in which more lies is not empty.
const FEW: usize = 10_000;

/// What no verb takes by itself: locks, and this tool's own.
const KEPT: [&str; 2] = [".locks", ".modelstrap"];

impl Scene<'_> {
    /// What a word of a person means. One that looks quoted may be a name that is written so.
    ///
    /// # Errors
    /// That it means nothing, or several things.
    pub(in super::super) fn meaning_of(&self, word: &OsStr) -> Result<Meaning> {
        let found = self.meaning(&quoted::given(word));
        let Some(literal) = quoted::literal(word) else { return found };
        match (found, self.meaning(&literal)) {
            (Err(_), Ok(literal)) => Ok(literal),
            (Ok(found), Ok(literal)) if found != literal => Err(Usage(format!(
                "{} can be read as two names, and something has each: give the path of the one that you mean, such as ./.cache/whisper/NAME",
                escape::printable(&word.to_string_lossy())
            ))
            .into()),
            (found, _) => found,
        }
    }

    /// A word that is no name as the path that it may be: `status` prints paths as they are from the project's folder.
    pub(super) fn as_printed(&self, word: &str) -> Option<String> {
        let start = self.context.start().ok()?;
        let given = quoted::path(word);
        if word.is_empty() || given.is_absolute() {
            return None;
        }
        if start.join(&given).symlink_metadata().is_ok() {
            return Some(quoted::text(Path::new(".").join(given).as_os_str()));
        }
        let there = self.survey.project.root.join(given);
        there.symlink_metadata().ok().map(|_| quoted::text(there.as_os_str()))
    }

    /// Whether nothing is left that could go at `path`, which is a known place, or lies in one.
    pub(super) fn is_spent(&self, path: &Path) -> bool {
        self.survey.places.iter().any(|place| path.starts_with(&place.real)) && is_bare(path)
    }
}

/// Whether only folders lie there, and files that always stay.
fn is_bare(folder: &Path) -> bool {
    let mut waiting: Vec<PathBuf> = vec![folder.to_path_buf()];
    let mut left = FEW;
    while let Some(folder) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { return false };
        for entry in entries {
            let Ok((entry, kind)) = entry.and_then(|entry| entry.file_type().map(|kind| (entry, kind))) else {
                return false;
            };
            left -= 1;
            let name = entry.file_name();
            if left == 0 || (!kind.is_dir() && !is_protected(&name)) {
                return false;
            }
            if kind.is_dir() && !KEPT.iter().any(|kept| name == *kept) {
                waiting.push(entry.path());
            }
        }
    }
    true
}
