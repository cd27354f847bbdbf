//! What goes with what: a blob with the last revision that has it, a payload of the shared store with its last user. Each name is
//! counted once, however often it is asked for.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::Path;

use super::ledger::Ledger;
use super::picks::At;
use super::stock::{Entry, Holding, HubStock, Stock};
use crate::cache::hub::BlobKind;
use crate::cache::stamp::Stamp;

/// What has gone so far.
pub(super) struct Accounts<'a> {
    stock: &'a Stock,
    ledger: Ledger,
    taken: HashSet<&'a Path>,
    /// How many revisions that stay have each blob of a repository.
    blobs: HashMap<At, HashMap<&'a OsString, usize>>,
    /// How many blobs that stay lead to each payload.
    payloads: HashMap<&'a Path, usize>,
}

/// What goes with a revision or a repository.
#[derive(Debug, Default)]
pub(super) struct With {
    /// What it frees, in bytes.
    pub(super) frees: u64,
    /// The blobs that nobody has any more.
    pub(super) blobs: Vec<OsString>,
    /// The payloads that nobody leads to any more, by their place in the hub.
    pub(super) payloads: Vec<usize>,
}

impl<'a> Accounts<'a> {
    /// Nothing has gone yet.
    pub(super) fn of(stock: &'a Stock) -> Self {
        let mut payloads: HashMap<&Path, usize> = HashMap::new();
        for (_, _, holding) in stock.repositories() {
            for (_, payload) in holding.shared() {
                *payloads.entry(payload).or_default() += 1;
            }
        }
        Self { stock, ledger: Ledger::default(), taken: HashSet::new(), blobs: HashMap::new(), payloads }
    }

    /// One name more goes. The bytes that this frees.
    pub(super) fn name(&mut self, path: &'a Path, stamp: &Stamp) -> u64 {
        if self.taken.insert(path) { self.ledger.take(stamp) } else { 0 }
    }

    /// Entries go.
    pub(super) fn entries(&mut self, entries: impl Iterator<Item = &'a Entry>) -> u64 {
        entries.fold(0, |sum: u64, entry| sum.saturating_add(self.name(&entry.path, &entry.stamp)))
    }

    /// Whether no blob that stays leads to this payload.
    pub(super) fn is_unused(&self, payload: &Path) -> bool {
        self.payloads.get(payload).is_none_or(|users| *users == 0)
    }

    /// A revision goes.
    pub(super) fn revision(&mut self, at: At, index: usize) -> With {
        let mut with = With::default();
        let Some((hub, holding)) = self.stock.at(at) else { return with };
        let Some(revision) = holding.repository.revisions.get(index) else { return with };
        if self.taken.contains(revision.folder.as_path()) {
            return with;
        }
        with.frees = self.entries(holding.below(&revision.folder));
        let users = self.blobs.entry(at).or_insert_with(|| holding.users());
        let own: HashSet<&OsString> = revision.blobs().collect();
        let mut gone: Vec<&OsString> = Vec::new();
        for name in own {
            if let Some(left) = users.get_mut(name) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    gone.push(name);
                }
            }
        }
        gone.sort_unstable();
        for name in gone {
            self.blob(hub, holding, name, &mut with);
        }
        with
    }

    /// A blob goes that no revision has.
    pub(super) fn orphan(&mut self, at: At, name: &OsString) -> With {
        let mut with = With::default();
        if let Some((hub, holding)) = self.stock.at(at) {
            self.blob(hub, holding, name, &mut with);
        }
        with
    }

    /// A whole repository goes.
    pub(super) fn repository(&mut self, at: At) -> With {
        let mut with = With::default();
        if let Some((hub, holding)) = self.stock.at(at) {
            for name in holding.repository.blobs.keys() {
                self.blob(hub, holding, name, &mut with);
            }
            with.blobs.clear();
            with.frees = with.frees.saturating_add(self.entries(holding.entries.iter()));
        }
        with
    }

    /// A payload goes.
    pub(super) fn payload(&mut self, hub: usize, index: usize) -> u64 {
        let found = self.stock.hubs.get(hub).and_then(|hub| hub.payloads.get(index));
        found.map_or(0, |payload| {
            let entries = std::iter::once(&payload.entry).chain(&payload.beside);
            self.entries(entries)
        })
    }

    fn blob(&mut self, hub: &'a HubStock, holding: &'a Holding, name: &OsString, with: &mut With) {
        let Some((name, blob)) = holding.repository.blobs.get_key_value(name) else { return };
        let path = holding.repository.blob(name);
        let Some(entry) = holding.entry(&path) else { return };
        if self.taken.contains(entry.path.as_path()) {
            return;
        }
        with.frees = with.frees.saturating_add(self.name(&entry.path, &blob.stamp));
        with.blobs.push(name.clone());
        let BlobKind::Shared(payload, _) = &blob.kind else { return };
        let Some(left) = self.payloads.get_mut(payload.as_path()) else { return };
        *left = left.saturating_sub(1);
        let index = hub.payloads.binary_search_by(|one| one.entry.path.cmp(payload)).ok();
        let Some((index, found)) = index.and_then(|index| Some((index, hub.payloads.get(index)?))) else { return };
        // Without a list that can be read, nobody knows who else uses it.
        if *left == 0 && found.listed {
            // Its list of users is empty by then.
            with.frees = with.frees.saturating_add(self.entries(std::iter::once(&found.entry)));
            with.payloads.push(index);
        }
    }
}
