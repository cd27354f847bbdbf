//! What goes with what: a blob with the last revision that has it, a payload of the shared store with its last user. Each name is
//! counted once, however often it is asked for.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::ledger::Ledger;
use super::picks::At;
use super::stock::{Content, Entries, Holding, HubStock, Seen, Stock};

/// What has gone so far.
pub(super) struct Accounts<'a> {
    stock: &'a Stock,
    ledger: Ledger,
    taken: Taken,
    /// How many revisions that stay have each blob of a repository.
    blobs: HashMap<At, Vec<u32>>,
    /// How many blobs that stay lead to each payload of each hub.
    payloads: Vec<Vec<u32>>,
}

/// What goes with a revision or a repository.
#[derive(Debug, Default)]
pub(super) struct With {
    /// What it frees, in bytes.
    pub(super) frees: u64,
    /// The blobs that nobody has any more.
    pub(super) blobs: Vec<usize>,
    /// The payloads that nobody leads to any more, by their place in the hub.
    pub(super) payloads: Vec<usize>,
}

/// The names that have gone: a bit for each.
#[derive(Debug, Default)]
struct Taken {
    lists: HashMap<u32, Vec<u64>>,
    /// Of what lies in places that lie in others, and so may be in two lists.
    paths: HashSet<PathBuf>,
}

impl Taken {
    fn bit(entry: &Seen<'_>) -> (usize, u64) {
        let (_, at) = entry.place();
        (at / 64, 1 << (at % 64))
    }

    fn list(&self, of: &Entries) -> &[u64] {
        self.lists.get(&of.number()).map_or(&[], Vec::as_slice)
    }

    /// Whether it has gone.
    fn has(&self, entry: &Seen<'_>) -> bool {
        let (at, bit) = Self::bit(entry);
        self.list(entry.place().0).get(at).is_some_and(|bits| bits & bit != 0)
    }

    /// It goes. Whether it was still there.
    fn add(&mut self, entry: &Seen<'_>, inner: &[PathBuf]) -> bool {
        if inner.iter().any(|inner| entry.lies_in(inner)) && !self.paths.insert(entry.path()) {
            return false;
        }
        let (of, _) = entry.place();
        let (at, bit) = Self::bit(entry);
        let list = self.lists.entry(of.number()).or_insert_with(|| vec![0; of.len() / 64 + 1]);
        let Some(bits) = list.get_mut(at) else { return false };
        let new = *bits & bit == 0;
        *bits |= bit;
        new
    }
}

impl<'a> Accounts<'a> {
    /// Nothing has gone yet.
    pub(super) fn of(stock: &'a Stock) -> Self {
        let mut payloads: Vec<Vec<u32>> = stock.hubs.iter().map(|hub| vec![0; hub.payloads.len()]).collect();
        for (at, hub, holding) in stock.repositories() {
            let leads = (0..holding.contents()).filter_map(|blob| payload(hub, holding, blob));
            for payload in leads {
                if let Some(users) = payloads.get_mut(at.hub).and_then(|users| users.get_mut(payload)) {
                    *users += 1;
                }
            }
        }
        Self { stock, ledger: Ledger::default(), taken: Taken::default(), blobs: HashMap::new(), payloads }
    }

    /// The same, in which counts what leaves the libraries' homes, whatever other names it has: a budget is for what lies in them.
    pub(super) fn of_homes(stock: &'a Stock) -> Self {
        let hubs = stock.hubs.iter().filter(|hub| hub.home);
        let contents = hubs.flat_map(|hub| {
            let repositories = hub.repositories.iter().flat_map(|holding| holding.entries.iter());
            repositories.chain(hub.payloads.iter().flat_map(|payload| payload.entries()))
        });
        let things = stock.things.iter().filter(|thing| thing.home).flat_map(|thing| thing.entries.iter());
        let ledger = Ledger::among(contents.chain(things).map(|entry| entry.stamp));
        Self { ledger, ..Self::of(stock) }
    }

    /// One name more goes. The bytes that this frees.
    fn name(&mut self, entry: &Seen<'_>) -> u64 {
        if self.taken.add(entry, &self.stock.inner) { self.ledger.take(&entry.stamp) } else { 0 }
    }

    /// The contents that go with a blob, when the last one goes that has it: itself, or a payload.
    pub(super) fn contents<'h>(
        &self,
        hub: &'h HubStock,
        holding: &'h Holding,
        blob: usize,
    ) -> impl Iterator<Item = Seen<'h>> + use<'h> {
        let payload = payload(hub, holding, blob).and_then(|at| hub.payloads.get(at)).map(|payload| payload.entry);
        holding.blob(blob).into_iter().chain(payload)
    }

    /// How much of `entries` there is, and how much of that has gone, in bytes.
    pub(super) fn gone_of<'e>(&self, entries: impl Iterator<Item = Seen<'e>>) -> (u64, u64) {
        entries.fold((0, 0), |(all, gone): (u64, u64), entry| {
            let is_taken = self.taken.has(&entry) || self.taken.paths.contains(&entry.path());
            let is_gone = is_taken && self.ledger.is_gone(&entry.stamp);
            (all.saturating_add(entry.stamp.disk), gone.saturating_add(if is_gone { entry.stamp.disk } else { 0 }))
        })
    }

    /// Entries go.
    pub(super) fn entries<'e>(&mut self, entries: impl Iterator<Item = Seen<'e>>) -> u64 {
        entries.fold(0, |sum: u64, entry| sum.saturating_add(self.name(&entry)))
    }

    /// Whether no blob that stays leads to this payload of the hub.
    pub(super) fn is_unused(&self, hub: usize, payload: usize) -> bool {
        self.payloads.get(hub).and_then(|users| users.get(payload)).is_none_or(|users| *users == 0)
    }

    /// A revision goes.
    pub(super) fn revision(&mut self, at: At, index: usize) -> With {
        let mut with = With::default();
        let Some((hub, holding)) = self.stock.at(at) else { return with };
        let Some(revision) = holding.repository.revisions.get(index) else { return with };
        if holding.entry(&revision.folder).is_some_and(|folder| self.taken.has(&folder)) {
            return with;
        }
        with.frees = self.entries(holding.below(&revision.folder));
        let users = self.blobs.entry(at).or_insert_with(|| holding.users());
        let mut gone: Vec<usize> = Vec::new();
        for blob in revision.blobs() {
            if let Some(left) = users.get_mut(blob) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    gone.push(blob);
                }
            }
        }
        for blob in gone {
            self.blob(at, hub, holding, blob, &mut with);
        }
        with
    }

    /// A blob goes that no revision has.
    pub(super) fn orphan(&mut self, at: At, blob: usize) -> With {
        let mut with = With::default();
        if let Some((hub, holding)) = self.stock.at(at) {
            self.blob(at, hub, holding, blob, &mut with);
        }
        with
    }

    /// A whole repository goes.
    pub(super) fn repository(&mut self, at: At) -> With {
        let mut with = With::default();
        if let Some((hub, holding)) = self.stock.at(at) {
            for blob in 0..holding.contents() {
                self.blob(at, hub, holding, blob, &mut with);
            }
            with.blobs = Vec::new();
            with.frees = with.frees.saturating_add(self.entries(holding.entries.iter()));
        }
        with
    }

    /// A payload goes.
    pub(super) fn payload(&mut self, hub: usize, index: usize) -> u64 {
        let found = self.stock.hubs.get(hub).and_then(|hub| hub.payloads.get(index));
        found.map_or(0, |payload| self.entries(payload.entries()))
    }

    fn blob(&mut self, at: At, hub: &HubStock, holding: &Holding, blob: usize, with: &mut With) {
        let Some(entry) = holding.blob(blob).filter(|entry| !self.taken.has(entry)) else { return };
        with.frees = with.frees.saturating_add(self.name(&entry));
        with.blobs.push(blob);
        let Some(index) = payload(hub, holding, blob) else { return };
        let Some(left) = self.payloads.get_mut(at.hub).and_then(|users| users.get_mut(index)) else { return };
        *left = left.saturating_sub(1);
        let Some(found) = hub.payloads.get(index) else { return };
        // Without a list that can be read, nobody knows who else uses it.
        if *left == 0 && found.listed {
            // With it goes the list of its users.
            with.frees = with.frees.saturating_add(self.entries(found.entries()));
            with.payloads.push(index);
        }
    }
}

/// Which payload of the hub's list a content leads to.
fn payload(hub: &HubStock, holding: &Holding, blob: usize) -> Option<usize> {
    match holding.content(blob) {
        Content::Listed(at) => Some(at),
        Content::Elsewhere(path, _) => hub.payloads.find(path),
        Content::Own | Content::Foreign => None,
    }
}
