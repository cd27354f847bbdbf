//! The one engine that writes configuration: changes as data, decided purely, applied thinly, undone byte for byte.
//!
//! A [`Change`] says what should be. [`Plan::build`] looks at the disk and at the [`Record`] of what was written
//! last, and decides for each change what to do: nothing, an [`Edit`], or to keep what a person wrote. The same plan
//! serves the preview, `--dry-run`, `--check` and [`apply()`], so they cannot disagree; the [`journal`] of an applied
//! plan is what [`undo`] takes back.

pub mod apply;
pub mod block;
mod decide;
pub mod diff;
pub mod journal;
pub mod json;
pub mod kept;
mod members;
pub mod record;
mod rows;
pub mod state;
mod touch;
pub mod undo;

pub use apply::{Applied, apply};
pub use record::Record;
pub use state::State;

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The verb, in a journal, whose run makes a project ready.
pub const SETUP: &str = "setup";

/// One edit that a plan proposes.
#[derive(Debug, Clone)]
pub struct Change {
    /// The absolute path it concerns.
    pub path: PathBuf,
    /// What it is for, in a few words.
    pub why: String,
    /// What should be there.
    pub want: Want,
    /// When set, the file behind `path` must lie in this folder once links are followed.
    pub within: Option<PathBuf>,
}

/// What should be at a path.
#[derive(Debug, Clone)]
pub enum Want {
    /// A folder.
    Directory,
    /// A file that is wholly ours.
    File {
        /// Its content.
        contents: Vec<u8>,
    },
    /// A managed block in a file that people also edit.
    Block {
        /// The lines between the markers, without line ends. Empty: no block.
        lines: Vec<String>,
    },
    /// Members of a JSON object; everything else in the file keeps its bytes.
    Json(JsonMembers),
    /// A symbolic link.
    Link {
        /// What it points to.
        target: PathBuf,
    },
}

/// The members that are ours in a JSON file.
#[derive(Debug, Clone, Default)]
pub struct JsonMembers {
    /// Path into the object, and the value that should stand there, in order.
    pub set: Vec<(Vec<String>, Value)>,
    /// Path into the object, and the value that is put there when nothing is.
    pub defaults: Vec<(Vec<String>, Value)>,
    /// Set when anything else changes, or when it is missing: a time of creation. Its place is after the first of `set`.
    pub stamp: Option<(String, Value)>,
}

/// A decided edit: what is there, and what will be.
#[derive(Debug, Clone)]
pub struct Edit {
    /// The absolute path.
    pub path: PathBuf,
    /// What it is for.
    pub why: String,
    /// What is there now.
    pub before: State,
    /// What will be there.
    pub after: State,
    /// What the record will hold for it.
    pub wrote: record::Fragments,
    /// How it is taken back when a person edited the rest of the file meanwhile.
    pub kind: Kind,
}

/// The kinds of [`Want`], as the journal names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A folder.
    Directory,
    /// A whole file.
    File,
    /// A managed block.
    Block,
    /// Members of a JSON object.
    Json,
    /// A symbolic link.
    Link,
}

/// Something that a person wrote and that stays.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Where.
    pub path: PathBuf,
    /// What was found.
    pub why: String,
    /// Whether `--force` replaces it; a folder or another kind of thing stays even then.
    pub yields_to_force: bool,
}

/// Why a change cannot be made at all. Nothing is written while a plan has one.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{path}: {why}\n  {next}", path = crate::support::escape::path(path))]
pub struct Obstacle {
    /// Where.
    pub path: PathBuf,
    /// What is wrong.
    pub why: String,
    /// What to do next.
    pub next: String,
}

/// An ordered list of edits, ready to show, check or apply.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// What will be done, in order.
    pub edits: Vec<Edit>,
    /// What a person wrote and that is left alone.
    pub kept: Vec<Kept>,
    /// What stands in the way; a plan with obstacles is never applied.
    pub obstacles: Vec<Obstacle>,
    /// What is already as it should be, for the record: an equal block of a teammate becomes ours.
    pub settled: Vec<(PathBuf, record::Fragments)>,
}

impl Plan {
    /// Compares `changes` with the disk and with the `record` of what was written last.
    /// With `force`, a person's edit of what is ours is replaced (and kept for undo).
    pub fn build(changes: &[Change], record: &Record, force: bool) -> Self {
        let mut plan = Self::default();
        let mut promised: Vec<PathBuf> = Vec::new();
        for change in changes {
            for parent in missing_parents(&change.path, &promised) {
                promised.push(parent.clone());
                plan.edits.push(decide::directory(parent, "parent folder".to_owned()));
            }
            decide::decide(change, record, force, &mut plan);
            if matches!(change.want, Want::Directory) {
                promised.push(change.path.clone());
            }
        }
        plan
    }

    /// True when nothing needs to be written.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }
}

/// The folders above `path` that do not exist and are not already `promised`, outermost first.
fn missing_parents(path: &Path, promised: &[PathBuf]) -> Vec<PathBuf> {
    let mut missing: Vec<PathBuf> = path
        .ancestors()
        .skip(1)
        .take_while(|parent| !parent.as_os_str().is_empty() && std::fs::symlink_metadata(parent).is_err())
        .filter(|parent| !promised.iter().any(|known| known == parent))
        .map(Path::to_path_buf)
        .collect();
    missing.reverse();
    missing
}
