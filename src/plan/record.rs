//! What modelstrap wrote last, by path: the third state, which tells "stale" from "edited by a person".

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::support::atomic;

/// Digests of what we wrote at one path: `""` for a whole file or block, a member's path (a JSON array of keys) for JSON.
pub type Fragments = BTreeMap<String, String>;

/// The record of a project, kept in `.modelstrap/journal/record.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    schema: String,
    paths: BTreeMap<String, Fragments>,
}

const SCHEMA: &str = "modelstrap.record/1";

impl Record {
    /// Reads the record at `path`. A missing or unreadable one is empty: then nothing counts as edited,
    /// and whatever is replaced is still kept for undo.
    pub fn load(path: &Path) -> Self {
        std::fs::read(path)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok())
            .filter(|record| record.schema == SCHEMA)
            .unwrap_or_default()
    }

    /// Writes the record, if it differs from what is there.
    ///
    /// # Errors
    /// What the disk says.
    pub fn save(&mut self, path: &Path, tag: &str) -> io::Result<()> {
        SCHEMA.clone_into(&mut self.schema);
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        if std::fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
            return Ok(());
        }
        atomic::replace(path, text.as_bytes(), None, tag)
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
