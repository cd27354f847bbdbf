//! What modelstrap wrote last, by path: the third state, which tells "stale" from "edited by a person".

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::support::{atomic, bounded, seal};

/// Digests of what we wrote at one path: `""` for a whole file or block, a member's path (a JSON array of keys) for JSON.
pub type Fragments = BTreeMap<String, String>;

/// The record of a project, kept in `.modelstrap/journal/record.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    schema: String,
    /// Of the folder that it was written in: see `support::seal`.
    #[serde(default)]
    seal: String,
    /// Where the project was.
    #[serde(default)]
    root: String,
    /// Whether a setup ended: other verbs keep a record, too.
    #[serde(default)]
    set_up: bool,
    paths: BTreeMap<String, Fragments>,
}

const SCHEMA: &str = "modelstrap.record/1";

/// The record's name on its shelf.
pub(super) const FILE: &str = "record.json";

/// Where a shelf stands: `ROOT/.modelstrap/journal`.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The project's folder.
    pub(super) root: PathBuf,
    /// The tool's own folder in it.
    pub(super) state_folder: PathBuf,
}

impl Place {
    /// The place of the shelf in `folder`.
    pub(super) fn of(folder: &Path) -> Self {
        let up = |path: &Path| path.parent().unwrap_or(path).to_path_buf();
        let state_folder = up(folder);
        Self { root: up(&state_folder), state_folder }
    }

    /// What `path` is called now, when the project was at `old` then.
    pub(super) fn rebase(&self, old: &str, path: &str) -> String {
        let inside = Path::new(path).strip_prefix(old).ok().filter(|_| !old.is_empty());
        inside.map_or_else(|| path.to_owned(), |inside| self.root.join(inside).to_string_lossy().into_owned())
    }
}

impl Record {
    /// Reads the record of the shelf in `folder`. A missing, unreadable or foreign one is empty: then nothing counts as
    /// edited, and whatever is replaced is still kept for undo.
    pub fn load(folder: &Path) -> Self {
        let place = Place::of(folder);
        let bytes = bounded::read(&folder.join(FILE), bounded::CONFIGURATION).unwrap_or_default();
        let read = serde_json::from_slice::<Self>(&bytes).ok();
        let ours = read.filter(|record| record.schema == SCHEMA && seal::holds(&record.seal, &place.state_folder));
        ours.map(|record| record.moved_to(&place)).unwrap_or_default()
    }

    /// True when a setup ended, on this machine and for this folder, and was not taken back.
    pub fn is_set_up(&self) -> bool {
        self.set_up
    }

    /// Notes that a setup ended, or that the last one was taken back.
    pub fn note_set_up(&mut self, set_up: bool) {
        self.set_up = set_up;
    }

    /// The same record for a project that was moved to another folder since.
    fn moved_to(mut self, place: &Place) -> Self {
        let root = place.root.to_string_lossy();
        if self.root != root {
            let paths = std::mem::take(&mut self.paths).into_iter();
            self.paths = paths.map(|(path, fragments)| (place.rebase(&self.root, &path), fragments)).collect();
            self.root = root.into_owned();
        }
        self
    }

    /// Writes the record, if it differs from what is there.
    ///
    /// # Errors
    /// What the disk says.
    pub fn save(&mut self, folder: &Path, tag: &str) -> io::Result<()> {
        let place = Place::of(folder);
        let path = folder.join(FILE);
        SCHEMA.clone_into(&mut self.schema);
        self.seal = seal::of(&place.state_folder).unwrap_or_default();
        self.root = place.root.to_string_lossy().into_owned();
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        if bounded::read(&path, bounded::CONFIGURATION).is_ok_and(|there| there == text.as_bytes()) {
            return Ok(());
        }
        atomic::replace(&path, text.as_bytes(), None, tag)
    }

    /// What we wrote at `path` under `fragment`.
    pub fn get(&self, path: &Path, fragment: &str) -> Option<&str> {
        self.paths.get(path.to_str()?)?.get(fragment).map(String::as_str)
    }

    /// Everything that we wrote at `path`.
    pub fn fragments(&self, path: &Path) -> Fragments {
        path.to_str().and_then(|key| self.paths.get(key)).cloned().unwrap_or_default()
    }

    /// Notes what was written at `path`. No fragments: the path is forgotten.
    pub fn note(&mut self, path: &Path, fragments: &Fragments) {
        let key = path.to_string_lossy().into_owned();
        if fragments.is_empty() {
            self.paths.remove(&key);
        } else {
            self.paths.insert(key, fragments.clone());
        }
    }
}
