//! Makes victims of what was chosen, in the order in which they may go: references before the snapshot that they name, blobs
//! after it, payloads of a shared store last.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::accounts::{Accounts, With};
use super::needs::Needs;
use super::picks::{At, Pick, Picks};
use super::stock::{Entry, Holding, HubStock, Stock, Thing, ThingKind};
use super::used::{self, UseLog};
use super::{Line, Role, Victim, victim};
use crate::cache::hub::Repository;
use crate::support::quoted;

/// What a settling depends on.
pub(super) struct Settling<'a> {
    pub(super) stock: &'a Stock,
    pub(super) picks: &'a Picks,
    pub(super) log: &'a UseLog,
    pub(super) needs: &'a Needs,
    /// What was changed after this time, in seconds since 1970, is not old enough to go.
    pub(super) young: i64,
}

/// The lines of what was chosen.
pub(super) fn lines(settling: &Settling<'_>) -> Vec<Line> {
    let whole: HashMap<At, usize> = settling.stock.repositories().filter_map(|(at, _, _)| settling.whole(at)).collect();
    let mut accounts = Accounts::of(settling.stock);
    let mut lines: Vec<Line> = Vec::new();
    let mut done: HashSet<At> = HashSet::new();
    for (number, (pick, why)) in settling.picks.iter().enumerate() {
        let at = pick.repository().and_then(|at| Some((at, *whole.get(&at)?)));
        let found = match at {
            // In one go, or revision by revision: its folder goes with the last of them.
            Some((at, _)) if done.contains(&at) => Vec::new(),
            Some((at, last)) if number == last => {
                done.insert(at);
                settling.last(at, pick, why, &mut accounts)
            }
            Some((at, _)) if settling.picks.has(&Pick::Repository(at)) => Vec::new(),
            Some((at, _)) => {
                settling.one(pick, why, &mut accounts).map(|line| settling.within(at, line)).into_iter().collect()
            }
            None => settling.one(pick, why, &mut accounts).into_iter().collect(),
        };
        found.into_iter().for_each(|line| join(&mut lines, line));
    }
    lines
}

/// Lines of one folder and one reason are one: a person does not read a thousand names.
fn join(lines: &mut Vec<Line>, line: Line) {
    let several = matches!(line.kind, "blobs" | "unfinished" | "expired" | "application" | "payloads");
    let like = |other: &&mut Line| (other.kind, &other.name, &other.why) == (line.kind, &line.name, &line.why);
    match lines.iter_mut().find(like).filter(|_| several) {
        Some(other) => {
            other.frees = other.frees.saturating_add(line.frees);
            other.used = other.used.max(line.used);
            other.count = other.count.saturating_add(line.count);
            other.victims.extend(line.victims);
        }
        None => lines.push(line),
    }
}

impl<'a> Settling<'a> {
    /// Whether nothing of a repository stays: all its revisions go, and nobody is at work in it.
    pub(super) fn goes_whole(&self, at: At) -> bool {
        let Some((_, holding)) = self.stock.at(at) else { return false };
        if self.picks.has(&Pick::Repository(at)) {
            return true;
        }
        let repository = &holding.repository;
        let all = (0..repository.revisions.len()).all(|index| self.picks.has(&Pick::Revision(at, index)));
        let idle = repository.unfinished.iter().all(|(_, stamp)| stamp.touched() <= self.young);
        let orphans = repository.orphans().all(|(_, blob)| blob.stamp.touched() <= self.young);
        !repository.revisions.is_empty()
            && all
            && idle
            && orphans
            && repository.problems.is_empty()
            && self.needs.linked(self.stock, &Pick::Repository(at)).is_empty()
            && !self.needs.is_open(holding.entries.iter())
    }

    /// A repository of which nothing stays, and the choice with which it goes.
    fn whole(&self, at: At) -> Option<(At, usize)> {
        let all = || self.picks.iter().enumerate();
        let named = all().find(|(_, (pick, _))| *pick == Pick::Repository(at));
        let last = || all().filter(|(_, (pick, _))| matches!(pick, Pick::Revision(of, _) if *of == at)).last();
        let (number, _) = named.or_else(last).filter(|_| self.goes_whole(at))?;
        Some((at, number))
    }

    /// With the last revision of a repository goes its folder, and what nobody named in it: that has a line and a reason of its own.
    fn last(&self, at: At, pick: &Pick, why: &str, accounts: &mut Accounts<'a>) -> Vec<Line> {
        const REST: &str = "goes with the last revision";
        let revision = match pick {
            Pick::Revision(_, index) => self.revision(at, *index, why, accounts).map(|line| self.within(at, line)),
            _ => None,
        };
        let Some((mut revision, (_, holding))) = revision.zip(self.stock.at(at)) else {
            return self.repository(at, why, accounts).into_iter().collect();
        };
        let repository = &holding.repository;
        let unfinished = (0..repository.unfinished.len()).map(|index| Pick::Unfinished(at, index));
        let orphans = repository.orphans().map(|(name, _)| Pick::Orphan(at, name.clone()));
        let others = unfinished.chain(orphans).filter(|other| !self.picks.has(other));
        let others: Vec<Line> = others.filter_map(|other| self.one(&other, REST, accounts)).collect();
        // What other choices of it still name, they have counted or count for nothing: references, notes, folders.
        if let Some(mut folder) = self.repository(at, why, accounts) {
            revision.frees = revision.frees.saturating_add(folder.frees);
            folder.victims.append(&mut revision.victims);
            revision.victims = folder.victims;
        }
        let others = others.into_iter().map(|line| self.within(at, line));
        std::iter::once(revision).chain(others).collect()
    }

    /// A line of a repository whose folder goes whole: what lies in it goes with the folder.
    fn within(&self, at: At, mut line: Line) -> Line {
        if let Some((_, holding)) = self.stock.at(at) {
            line.victims.retain(|victim| !victim.path.starts_with(&holding.repository.folder));
        }
        line
    }

    fn repository(&self, at: At, why: &str, accounts: &mut Accounts<'a>) -> Option<Line> {
        let (hub, holding) = self.stock.at(at)?;
        let With { frees, payloads, .. } = accounts.repository(at);
        let folder = &holding.repository.folder;
        let stamp = holding.entry(folder)?.stamp;
        let mut victims = vec![victim(folder.clone(), hub.root.clone(), stamp, Role::Tree, why)];
        victims.extend(payload_victims(hub, &payloads, why));
        let revisions = holding.repository.revisions.iter();
        let used = revisions.filter_map(|revision| used::of_revision(holding, revision)).max();
        let used = used.or_else(|| used::of(holding.entries.iter()));
        let used = used::with_log(used, folder, false, self.log);
        Some(line(holding.full_name(), "repository", folder, why, frees, victims, used))
    }

    fn one(&self, pick: &Pick, why: &str, accounts: &mut Accounts<'a>) -> Option<Line> {
        match pick {
            Pick::Repository(at) => self.repository(*at, why, accounts),
            Pick::Revision(at, index) => self.revision(*at, *index, why, accounts),
            Pick::Orphan(at, name) => {
                let (hub, holding) = self.stock.at(*at)?;
                let With { frees, payloads, .. } = accounts.orphan(*at, name);
                let repository = &holding.repository;
                let stamp = repository.blobs.get(name)?.stamp;
                let mut victims = vec![victim(repository.blob(name), hub.root.clone(), stamp, Role::Blob, why)];
                victims.extend(payload_victims(hub, &payloads, why));
                Some(line(holding.full_name(), "blobs", &repository.folder.join("blobs"), why, frees, victims, None))
            }
            Pick::Unfinished(at, index) => {
                let (hub, holding) = self.stock.at(*at)?;
                let (path, stamp) = holding.repository.unfinished.get(*index)?;
                let frees = accounts.entries(holding.entry(path).into_iter());
                let victims = vec![victim(path.clone(), hub.root.clone(), *stamp, Role::File, why)];
                let folder = &holding.repository.folder;
                Some(line(holding.full_name(), "unfinished", folder, why, frees, victims, None))
            }
            Pick::Reference(at, index) => {
                let (hub, holding) = self.stock.at(*at)?;
                let reference = holding.repository.references.get(*index)?;
                let entry = holding.entry(&reference.path)?;
                let frees = accounts.entries(std::iter::once(entry));
                let victims = vec![victim(entry.path.clone(), hub.root.clone(), entry.stamp, Role::Reference, why)];
                let name = format!("{} refs/{}", holding.full_name(), reference.name);
                Some(line(name, "reference", &reference.path, why, frees, victims, None))
            }
            Pick::Absences(at) => {
                let (hub, holding) = self.stock.at(*at)?;
                let folder = holding.repository.folder.join(".no_exist");
                let stamp = holding.entry(&folder)?.stamp;
                let frees = accounts.entries(holding.entries.iter().filter(|entry| entry.path.starts_with(&folder)));
                let victims = vec![victim(folder.clone(), hub.root.clone(), stamp, Role::Tree, why)];
                Some(line(format!("{} .no_exist", holding.full_name()), "notes", &folder, why, frees, victims, None))
            }
            Pick::Payload(hub, index) => {
                let frees = accounts.payload(*hub, *index);
                let hub = self.stock.hubs.get(*hub)?;
                let path = hub.folder.join("blobs");
                let victims = payload_victims(hub, &[*index], why);
                Some(line("shared store".to_owned(), "payloads", &path, why, frees, victims, None))
            }
            Pick::Thing(index) => self.thing(*index, why, accounts),
            Pick::Inside(index, entry) => self.inside(*index, *entry, why, accounts),
            Pick::Application(cache, entry) => self.application(*cache, *entry, why, accounts),
        }
    }

    fn revision(&self, at: At, index: usize, why: &str, accounts: &mut Accounts<'a>) -> Option<Line> {
        let (hub, holding) = self.stock.at(at)?;
        let repository = &holding.repository;
        let revision = repository.revisions.get(index)?;
        let commit = revision.commit.to_string_lossy();
        let With { frees, blobs, payloads } = accounts.revision(at, index);
        let mut frees = frees;
        let root = || hub.root.clone();
        let mut victims = Vec::new();
        for reference in naming(repository, &commit) {
            let Some(entry) = holding.entry(reference) else { continue };
            frees = frees.saturating_add(accounts.entries(std::iter::once(entry)));
            victims.push(victim(entry.path.clone(), root(), entry.stamp, Role::Reference, why));
        }
        let stamp = holding.entry(&revision.folder)?.stamp;
        victims.push(victim(revision.folder.clone(), root(), stamp, Role::Snapshot, why));
        for name in blobs {
            let Some(blob) = repository.blobs.get(&name) else { continue };
            victims.push(victim(repository.blob(&name), root(), blob.stamp, Role::Blob, why));
        }
        // What is noted of the commit says nothing without it.
        let beside = [
            (repository.folder.join("trees").join(format!("{commit}.json")), Role::File),
            (repository.folder.join(".no_exist").join(&*commit), Role::Tree),
            (repository.folder.join(".modelstrap").join(format!("brought-{commit}")), Role::File),
        ];
        for (path, role) in beside {
            let Some(entry) = holding.entry(&path) else { continue };
            let below = holding.entries.iter().filter(|entry| entry.path.starts_with(&path));
            frees = frees.saturating_add(accounts.entries(below));
            victims.push(victim(path, root(), entry.stamp, role, why));
        }
        victims.extend(payload_victims(hub, &payloads, why));
        let named = self.needs.is_named(holding, revision);
        let used = used::with_log(used::of_revision(holding, revision), &revision.folder, named, self.log);
        let name = format!("{}@{}", holding.full_name(), commit.chars().take(12).collect::<String>());
        Some(line(name, "revision", &revision.folder, why, frees, victims, used))
    }

    fn thing(&self, index: usize, why: &str, accounts: &mut Accounts<'a>) -> Option<Line> {
        let thing = self.stock.things.get(index)?;
        let used = used::with_log(used::of(thing.entries.iter()), &thing.path, false, self.log);
        let going: Vec<&Entry> = if thing.holds_protected() {
            thing.entries.iter().filter(|entry| !entry.is_folder() && !entry.is_protected()).collect()
        } else {
            thing.entries.iter().collect()
        };
        let frees = accounts.entries(going.iter().copied());
        let victims = match (thing.kind, thing.holds_protected()) {
            (_, true) => going.iter().map(|entry| self.file(entry, &thing.root, why)).collect(),
            (ThingKind::Folder | ThingKind::Locks, false) => {
                let stamp = thing.entries.first()?.stamp;
                vec![victim(thing.path.clone(), thing.root.clone(), stamp, Role::Tree, why)]
            }
            (ThingKind::File | ThingKind::Unfinished, false) => {
                vec![self.file(thing.entries.first()?, &thing.root, why)]
            }
        };
        let kind = thing.kind.name();
        let name = match thing.kind {
            ThingKind::Unfinished => thing.place.clone(),
            _ => quoted::text(&thing.name),
        };
        Some(line(name, kind, &thing.path, why, frees, victims, used))
    }

    fn inside(&self, index: usize, entry: usize, why: &str, accounts: &mut Accounts<'a>) -> Option<Line> {
        let thing = self.stock.things.get(index)?;
        let entry = thing.entries.get(entry)?;
        let going = || thing.entries.iter().filter(|other| other.path.starts_with(&entry.path));
        let used = used::of(going());
        let frees = accounts.entries(going());
        let victims = vec![tree_or_file(entry, &thing.root, why)];
        let name = quoted::text(entry.path.strip_prefix(thing.path.parent()?).ok()?.as_os_str());
        let kind = if entry.is_folder() { "folder" } else { "file" };
        Some(line(name, kind, &entry.path, why, frees, victims, used))
    }

    fn application(&self, cache: usize, entry: usize, why: &str, accounts: &mut Accounts<'a>) -> Option<Line> {
        let cache = self.stock.applications.get(cache)?;
        let entry = cache.entries.get(entry)?;
        let going: Vec<&Entry> = match entry.is_folder() {
            true => cache.entries.iter().filter(|other| other.path.starts_with(&entry.path)).collect(),
            // Of a hundred thousand files, each is looked at once.
            false => vec![entry],
        };
        let used = used::of(going.iter().copied());
        let frees = accounts.entries(going.into_iter());
        let victims = vec![tree_or_file(entry, &cache.path, why)];
        Some(line(cache.name.clone(), "application", &cache.path, why, frees, victims, used))
    }

    fn file(&self, entry: &Entry, root: &Path, why: &str) -> Victim {
        victim(entry.path.clone(), root.to_path_buf(), entry.stamp, Role::File, why)
    }
}

fn tree_or_file(entry: &Entry, root: &Path, why: &str) -> Victim {
    let role = if entry.is_folder() { Role::Tree } else { Role::File };
    victim(entry.path.clone(), root.to_path_buf(), entry.stamp, role, why)
}

/// The references that name `commit`.
fn naming<'a>(repository: &'a Repository, commit: &str) -> impl Iterator<Item = &'a PathBuf> {
    let commit = commit.to_owned();
    repository.references.iter().filter(move |one| one.commit.as_ref() == Some(&commit)).map(|one| &one.path)
}

fn payload_victims(hub: &HubStock, payloads: &[usize], why: &str) -> Vec<Victim> {
    let found = payloads.iter().filter_map(|index| hub.payloads.get(*index));
    found
        .map(|payload| victim(payload.entry.path.clone(), hub.root.clone(), payload.entry.stamp, Role::Payload, why))
        .collect()
}

fn line(
    name: String,
    kind: &'static str,
    path: &Path,
    why: &str,
    frees: u64,
    mut victims: Vec<Victim>,
    used: Option<used::Used>,
) -> Line {
    // One number for the line: what each of them frees alone says little of a content that several have.
    if let Some(first) = victims.first_mut() {
        first.bytes = frees;
    }
    let count = victims.len();
    Line { name, kind, path: path.to_path_buf(), why: why.to_owned(), used, frees, count, victims }
}

impl ThingKind {
    /// As a line says it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Folder => "folder",
            Self::Unfinished => "unfinished",
            Self::Locks => "locks",
        }
    }
}

impl Thing {
    /// The stamps by which its age is told.
    pub(super) fn newest(&self) -> i64 {
        self.entries.iter().map(Entry::touched).max().unwrap_or(i64::MIN)
    }
}

impl Holding {
    /// When anything in `folder` of it was changed last, in seconds since 1970.
    pub(super) fn newest_below(&self, folder: &Path) -> i64 {
        self.below(folder).map(Entry::touched).max().unwrap_or(i64::MIN)
    }
}
