//! What the threads of a scan write into: rows of sizes, files with several names, and problems.
//!
//! A row is what deletion would take as one thing. A file with several names (hard links, or payloads of the shared store) counts
//! once in each row, once in each place and once in all; only when everything is read is it known to whom it belongs alone.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

use super::folder::{Folder, Look};
use super::key::Key;
use crate::cache::inventory::{Heap, Problem, Repository};
use crate::cache::sizes::Sizes;

/// The number of a row.
pub(super) type RowId = u32;

/// How many problems are told one by one.
const TOLD: usize = 100;

/// One thing that deletion would take.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) place: u32,
    pub(super) name: OsString,
    pub(super) path: PathBuf,
    pub(super) kind: RowKind,
    pub(super) sizes: Sizes,
    pub(super) used: Option<i64>,
    pub(super) partial: Heap,
}

#[derive(Debug)]
pub(super) enum RowKind {
    File,
    Folder,
    Store,
    Rest,
    Own,
    /// With the payloads of the shared store that its revisions have: which, and the revision's index.
    Repository(Box<Repository>, Vec<(Key, u32)>),
}

/// A content with several names.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// How many names the disk knows.
    pub(super) names: u64,
    pub(super) disk: u64,
    /// The rows that have it, and how many of its names each has.
    pub(super) rows: Vec<(RowId, u32)>,
}

/// A payload of the shared store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Payload {
    pub(super) look: Look,
    /// The row of the store that it lies in.
    pub(super) store: RowId,
}

/// What one folder adds to its row.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) sizes: Sizes,
    pub(super) used: Option<i64>,
    /// Files older than the place's `max_age`.
    pub(super) expired: Sizes,
    /// Downloads that were not finished.
    pub(super) partial: Heap,
    /// Files with several names.
    pub(super) linked: Vec<Look>,
}

/// Everything that was read so far.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) rows: Vec<Row>,
    pub(super) linked: HashMap<(u64, u64), Shared>,
    pub(super) payloads: HashMap<Key, Payload>,
    pub(super) expired: HashMap<u32, Sizes>,
    pub(super) problems: Vec<Problem>,
    pub(super) more_problems: usize,
}

impl Tally {
    /// Counts a folder itself.
    pub(super) fn folder(&mut self, folder: &Folder) {
        let disk = folder.own_disk();
        self.sizes += Sizes { disk, exclusive: disk, ..Sizes::default() };
    }

    /// Counts a file that belongs to no content: a mark, a reference, a lock. Its bytes are there, and it is no file of a model.
    pub(super) fn aside(&mut self, look: &Look) {
        let files = self.sizes.files;
        self.count(look, None);
        self.sizes.files = files;
    }

    /// Counts a file of a download that was not finished.
    pub(super) fn unfinished(&mut self, look: &Look) {
        self.aside(look);
        self.partial.add(look.alone());
    }

    /// Counts a file that has only this name, or one of several.
    pub(super) fn count(&mut self, look: &Look, oldest: Option<i64>) {
        let alone = look.alone();
        self.sizes += Sizes { apparent: look.size, disk: alone, exclusive: alone, files: 1 };
        self.used = self.used.max(Some(look.used));
        if look.links > 1 {
            self.linked.push(*look);
        }
        if oldest.is_some_and(|oldest| look.changed < oldest) {
            self.expired += Sizes { apparent: look.size, disk: look.disk, exclusive: alone, files: 1 };
        }
    }
}

impl State {
    /// A new row.
    pub(super) fn row(&mut self, place: u32, name: OsString, path: PathBuf, kind: RowKind) -> RowId {
        self.rows.push(Row { place, name, path, kind, sizes: Sizes::default(), used: None, partial: Heap::default() });
        u32::try_from(self.rows.len() - 1).unwrap_or(RowId::MAX)
    }

    /// Adds what a folder holds to its row.
    pub(super) fn add(&mut self, row: RowId, tally: &Tally) {
        let Some(found) = self.rows.get_mut(row as usize) else { return };
        let files = if matches!(found.kind, RowKind::Own) { 0 } else { tally.sizes.files };
        found.sizes += Sizes { files, ..tally.sizes };
        found.partial += tally.partial;
        found.used = found.used.max(tally.used);
        if tally.expired.files > 0 {
            *self.expired.entry(found.place).or_default() += tally.expired;
        }
        for look in &tally.linked {
            let shared = self.linked.entry(look.id).or_default();
            (shared.names, shared.disk) = (look.links, look.disk);
            shared.seen_in(row);
        }
    }

    /// Remembers what could not be read.
    pub(super) fn problem(&mut self, path: PathBuf, why: String) {
        if self.problems.len() < TOLD {
            self.problems.push(Problem { path, why });
        } else {
            self.more_problems += 1;
        }
    }
}

impl Shared {
    /// Notes one more of its names.
    pub(super) fn seen_in(&mut self, row: RowId) {
        match self.rows.last_mut() {
            Some((last, count)) if *last == row => *count = count.saturating_add(1),
            // It may stand there already, further up: that is for [`Shared::settled`], or one content with a name in each of many
            // folders would be looked for in all of them.
            _ => self.rows.push((row, 1)),
        }
    }

    /// Each row once, with all of its names.
    pub(super) fn settled(mut self) -> Self {
        self.rows.sort_unstable();
        self.rows.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(next.1);
            }
            same
        });
        self
    }
}
