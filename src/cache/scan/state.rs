//! What the threads of a scan write into: rows of sizes, files with several names, and problems.
//!
//! A row is what deletion would take as one thing. A file with several names (hard links, or payloads of the shared store) counts
//! once in each row, once in each place and once in all; only when everything is read is it known to whom it belongs alone.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::PathBuf;

use super::folder::{Folder, Look};
use super::key::Key;
use super::links::Links;
use crate::cache::inventory::{Heap, Problem, Repository};
use crate::cache::sizes::Sizes;

/// The number of a row.
pub(super) type RowId = u32;

/// They take 256 kB.
const MANY_LINKED: usize = 4096;

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
    /// Of its bytes on the disk, those that count with another row, and one of these rows.
    pub(super) elsewhere: u64,
    pub(super) with: Option<RowId>,
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
    /// What was removed and can be brought back.
    Trash,
    /// With the payloads of the shared store that its revisions have: which, and the revision's index.
    Repository(Box<Repository>, Vec<(Key, u32)>),
    /// A model of Ollama, with its layers.
    Ollama(Vec<(Key, u32)>),
}

/// A payload of the shared store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Payload {
    pub(super) key: Key,
    pub(super) size: u64,
    pub(super) disk: u64,
    pub(super) used: i64,
    /// The row of the store that it lies in.
    pub(super) store: RowId,
    /// What the list of its users takes, which goes with it, in blocks of [`BLOCK`] bytes.
    list: u16,
    /// Whether it has other names as well.
    pub(super) linked: bool,
}

/// What disks count in.
const BLOCK: u64 = 512;

/// A payload as it was found, and what the list of its users takes, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    pub(super) key: Key,
    pub(super) look: Look,
    pub(super) list: u64,
}

impl Payload {
    fn of(Stored { key, look, list }: &Stored, store: RowId) -> Self {
        let list = u16::try_from(list / BLOCK).unwrap_or(u16::MAX);
        Self { key: *key, size: look.size, disk: look.disk, used: look.used, store, list, linked: look.links > 1 }
    }

    /// What the list of its users takes, in bytes.
    pub(super) fn list(&self) -> u64 {
        u64::from(self.list) * BLOCK
    }
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
    pub(super) links: Links,
    pub(super) payloads: Vec<Payload>,
    /// Those of them that have other names as well, as the disk has them.
    pub(super) doubles: Vec<(Key, Look)>,
    /// Shared stores without the mark of one.
    pub(super) unmarked: Vec<PathBuf>,
    /// Folders that were met by a second path, and the first.
    pub(super) twins: Vec<(PathBuf, PathBuf)>,
    /// Hubs with a store that could not be read whole.
    pub(super) shut: HashSet<PathBuf>,
    pub(super) expired: HashMap<u32, Sizes>,
    pub(super) problems: Vec<Problem>,
    pub(super) more_problems: usize,
}

impl Tally {
    /// Whether so many files with several names wait that they should be handed over.
    pub(super) fn is_full(&self) -> bool {
        self.linked.len() >= MANY_LINKED
    }

    /// Counts a folder itself, and gives the device that it lies on.
    pub(super) fn folder(&mut self, folder: &Folder) -> u64 {
        let own = folder.own();
        self.sizes += Sizes { disk: own.disk, exclusive: own.disk, ..Sizes::default() };
        own.id.0
    }

    /// Takes a folder that was counted out of what can go: it stays when all that is in it goes.
    pub(super) fn frees_nothing(&mut self, folder: &Folder) {
        self.sizes.exclusive = self.sizes.exclusive.saturating_sub(folder.own().disk);
    }

    /// Counts a link of a repository by what it takes itself: it is no file of a model.
    pub(super) fn link(&mut self, disk: u64) {
        self.sizes += Sizes { disk, exclusive: disk, ..Sizes::default() };
    }

    /// Counts a file that belongs to no content: a mark, a reference, a lock. Its bytes are there, and it is no file of a model.
    pub(super) fn aside(&mut self, look: &Look) {
        // Nor is it used as one: this tool reads references, and a client touches locks.
        let (files, used) = (self.sizes.files, self.used);
        self.count(look, None);
        (self.sizes.files, self.used) = (files, used);
    }

    /// Counts a file of a download that was not finished.
    pub(super) fn unfinished(&mut self, look: &Look) {
        self.aside(look);
        self.partial.add(look.alone());
    }

    /// Takes over what another one has counted.
    pub(super) fn join(&mut self, other: Self) {
        self.sizes += other.sizes;
        self.used = self.used.max(other.used);
        self.expired += other.expired;
        self.partial += other.partial;
        self.linked.extend(other.linked);
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
    /// Takes over payloads of a shared store, whose row is `store`.
    pub(super) fn payloads(&mut self, found: &[Stored], store: RowId) {
        self.payloads.extend(found.iter().map(|one| Payload::of(one, store)));
        let doubles = found.iter().filter(|one| one.look.links > 1);
        self.doubles.extend(doubles.map(|one| (one.key, one.look)));
    }

    /// A new row.
    pub(super) fn row(&mut self, place: u32, name: OsString, path: PathBuf, kind: RowKind) -> RowId {
        let (sizes, partial) = (Sizes::default(), Heap::default());
        self.rows.push(Row { place, name, path, kind, sizes, elsewhere: 0, with: None, used: None, partial });
        u32::try_from(self.rows.len() - 1).unwrap_or(RowId::MAX)
    }

    /// Adds what a folder holds to its row.
    pub(super) fn add(&mut self, row: RowId, tally: &Tally) {
        let Some(found) = self.rows.get_mut(row as usize) else { return };
        let files = if matches!(found.kind, RowKind::Own) { 0 } else { tally.sizes.files };
        found.sizes += Sizes { files, ..tally.sizes };
        found.partial += tally.partial;
        found.used = found.used.max(tally.used);
        // What was removed already is nobody's any more.
        if tally.expired.files > 0 && !matches!(found.kind, RowKind::Trash) {
            *self.expired.entry(found.place).or_default() += tally.expired;
        }
        for look in &tally.linked {
            self.links.add(look, row);
        }
    }

    /// Takes over the names of files with several, and leaves `linked` empty: a folder may hold a million.
    pub(super) fn link(&mut self, row: RowId, linked: &mut Vec<Look>) {
        linked.drain(..).for_each(|look| self.links.add(&look, row));
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
