//! Words of `clear` that other verbs printed: a name that is quoted or looks so, a path without `./` before it, and a place of which nothing is left.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Result;

use super::super::Usage;
use super::Scene;
use crate::cache::hollow;
use crate::cache::select::words::Meaning;
use crate::support::{escape, quoted};

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
        self.survey.places.iter().any(|place| path.starts_with(&place.real)) && hollow::is_bare(path)
    }
}
