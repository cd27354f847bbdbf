//! A journal as text: the rows that are written, and what is made of them when they are read back.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::state::Trace;
use super::{Edit, Kind, State, record};
use crate::support::{bounded, seal};

pub(super) const SCHEMA: &str = "modelstrap.journal/1";

/// One edit as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The absolute path.
    pub path: PathBuf,
    /// How it is taken back when the rest of the file was edited meanwhile.
    pub kind: Kind,
    /// What was there.
    pub before: Trace,
    /// What was written.
    pub after: Trace,
    /// The digests that the record holds for it afterwards.
    pub wrote: record::Fragments,
    /// The digests that the record held for it before.
    #[serde(default)]
    pub held: record::Fragments,
}

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Row {
    Open { schema: String, verb: String, started_at: String, tool: String, seal: String, root: String },
    Entry(Entry),
    Done(usize),
    Closed(bool),
}

/// A journal that was read back.
#[derive(Debug, Clone)]
pub struct Past {
    /// Its number.
    pub number: u32,
    /// Which verb wrote it.
    pub verb: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// Its edits, in the order in which they were to be made.
    pub entries: Vec<Entry>,
    /// Which of them were noted as made, by index.
    pub done: Vec<usize>,
    /// False when the run that wrote it did not end.
    pub closed: bool,
}

impl Entry {
    /// The journal's view of `edit`; `held` is what the record says of its path now.
    pub fn of(edit: &Edit, held: record::Fragments) -> Self {
        Self {
            path: edit.path.clone(),
            kind: edit.kind,
            before: edit.before.trace(),
            after: edit.after.trace(),
            wrote: edit.wrote.clone(),
            held,
        }
    }

    /// What is at the entry's path now.
    ///
    /// # Errors
    /// As [`State::observe`].
    pub fn observe(&self) -> io::Result<State> {
        if self.kind == Kind::Link { State::observe_link(&self.path) } else { State::observe(&self.path) }
    }
}

/// A row as a line of the file.
pub(super) fn line(row: &Row) -> io::Result<String> {
    Ok(serde_json::to_string(row)? + "\n")
}

/// Reads a journal back, if this machine wrote it for this folder: what a clone brings along is not obeyed.
pub(super) fn read(path: &Path, number: u32, place: &record::Place) -> Option<Past> {
    let text = String::from_utf8(bounded::read(path, bounded::CONFIGURATION).ok()?).ok()?;
    // The last line may be cut short by a killed run; what came before it stands.
    let mut rows = text.lines().filter_map(|line| serde_json::from_str::<Row>(line).ok());
    let Some(Row::Open { schema, verb, started_at, seal, root, .. }) = rows.next() else { return None };
    if schema != SCHEMA || !seal::holds(&seal, &place.state_folder) {
        return None;
    }
    let mut past = Past { number, verb, started_at, entries: Vec::new(), done: Vec::new(), closed: false };
    for row in rows {
        match row {
            Row::Entry(mut entry) => {
                entry.path = place.rebase(&root, &entry.path.to_string_lossy()).into();
                past.entries.push(entry);
            }
            Row::Closed(closed) => past.closed = closed,
            Row::Done(index) => past.done.push(index),
            Row::Open { .. } => {}
        }
    }
    Some(past)
}
