//! Makes victims of what was chosen, in the order in which they may go: references before the snapshot that they name, blobs
//! after it, payloads of a shared store last.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::accounts::{Accounts, With};
use super::needs::Needs;
use super::picks::{At, Pick, Picks};
use super::stock::{Holding, Repository, Seen, Stock, Thing, ThingKind};
use super::used::{self, UseLog};
use super::victims::role;
use super::{Line, Lines, Role, Victims};
use crate::support::quoted;

/// What a settling depends on.
pub(super) struct Settling<'a, 'n> {
    pub(super) stock: &'a Stock,
    pub(super) picks: &'n Picks,
    pub(super) log: &'n UseLog,
    pub(super) needs: &'n Needs,
    /// What was changed after this time, in seconds since 1970, is not old enough to go.
    pub(super) young: i64,
}

/// The lines of what was chosen.
pub(super) fn lines<'a>(settling: &Settling<'a, '_>) -> Lines<'a> {
    let whole = settling.whole();
    let mut accounts = Accounts::of(settling.stock);
    let mut lines = Lines::default();
    let mut done: HashSet<At> = HashSet::new();
    for (number, (pick, why)) in settling.picks.iter().enumerate() {
        if settling.file(&pick, why, &mut accounts, &mut lines) {
            continue;
        }
        let at = pick.repository().and_then(|at| Some((at, *whole.get(&at)?)));
        let found = match at {
            // In one go, or revision by revision: its folder goes with the last of them.
            Some((at, _)) if done.contains(&at) => Vec::new(),
            Some((at, last)) if number == last => {
                done.insert(at);
                settling.last(at, &pick, why, &mut accounts)
            }
            Some((at, _)) if settling.picks.has(&Pick::Repository(at)) => Vec::new(),
            Some((at, _)) => {
                settling.one(&pick, why, &mut accounts).map(|line| settling.within(at, line)).into_iter().collect()
            }
            None => settling.one(&pick, why, &mut accounts).into_iter().collect(),
        };
        found.into_iter().for_each(|line| join(&mut lines, line));
    }
    lines
}

/// Lines of one folder and one reason are one: a person does not read a thousand names.
fn join<'a>(lines: &mut Lines<'a>, line: Line<'a>) {
    let several = matches!(line.kind, "blobs" | "unfinished" | "expired" | "application" | "payloads");
    let like = |other: &&mut Line<'_>| (other.kind, &other.name, &other.why) == (line.kind, &line.name, &line.why);
    // A hundred thousand files have a line each; what is joined mostly came last.
    match several.then(|| lines.written_mut().find(like)).flatten() {
        Some(other) => {
            other.frees = other.frees.saturating_add(line.frees);
            other.used = other.used.max(line.used);
            other.count = other.count.saturating_add(line.count);
            other.victims.append(line.victims);
        }
        None => lines.push(line),
    }
}

impl<'a> Settling<'a, '_> {
    /// Whether nothing of a repository stays: all its revisions go, and nobody is at work in it.
    pub(super) fn goes_whole(&self, at: At) -> bool {
        let Some((_, holding)) = self.stock.at(at) else { return false };
        if self.picks.has(&Pick::Repository(at)) {
            return true;
        }
        let repository = &holding.repository;
        let all = (0..repository.revisions.len()).all(|index| self.picks.has(&Pick::Revision(at, index)));
        let idle = repository.unfinished.iter().all(|(_, stamp)| stamp.touched() <= self.young);
        let mut orphans = holding.orphans().filter_map(|blob| holding.blob(blob));
        let orphans = orphans.all(|entry| entry.stamp.touched() <= self.young);
        !repository.revisions.is_empty()
            && all
            && idle
            && orphans
            && repository.problems.is_empty()
            && self.needs.linked(self.stock, &Pick::Repository(at), self.picks).is_empty()
            && !self.needs.is_open(holding.entries.iter())
    }

    /// The repositories of which nothing stays, and the choice with which each goes: the one that names it, or else its last revision.
    fn whole(&self) -> HashMap<At, usize> {
        let (mut named, mut last) = (HashMap::new(), HashMap::new());
        for (number, (pick, _)) in self.picks.iter().enumerate() {
            match pick {
                Pick::Repository(at) => drop(named.insert(at, number)),
                Pick::Revision(at, _) => drop(last.insert(at, number)),
                _ => {}
            }
        }
        last.extend(named);
        last.retain(|at, _| self.goes_whole(*at));
        last
    }

    /// With the last revision of a repository goes its folder, and what nobody named in it: that has a line and a reason of its own.
    fn last(&self, at: At, pick: &Pick, why: &str, accounts: &mut Accounts<'a>) -> Vec<Line<'a>> {
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
        let orphans = holding.orphans().map(|blob| Pick::Orphan(at, blob));
        let others = unfinished.chain(orphans).filter(|other| !self.picks.has(other));
        let others: Vec<Line<'a>> = others.filter_map(|other| self.one(&other, REST, accounts)).collect();
        // What other choices of it still name, they have counted or count for nothing: references, notes, folders.
        if let Some(mut folder) = self.repository(at, why, accounts) {
            revision.frees = revision.frees.saturating_add(folder.frees);
            folder.victims.append(std::mem::take(&mut revision.victims));
            revision.victims = folder.victims;
        }
        let others = others.into_iter().map(|line| self.within(at, line));
        std::iter::once(revision).chain(others).collect()
    }

    /// A line of a repository whose folder goes whole: what lies in it goes with the folder.
    fn within(&self, at: At, mut line: Line<'a>) -> Line<'a> {
        if let Some((_, holding)) = self.stock.at(at) {
            line.victims.leave_out(at, &holding.repository.folder);
        }
        line
    }

    fn repository(&self, at: At, why: &str, accounts: &mut Accounts<'a>) -> Option<Line<'a>> {
        let (hub, holding) = self.stock.at(at)?;
        let With { frees, payloads, .. } = accounts.repository(at);
        let folder = &holding.repository.folder;
        let stamp = holding.entry(folder)?.stamp;
        let mut victims = Victims::of(self.stock, why);
        victims.add(folder.clone(), &hub.root, stamp, Role::Tree);
        victims.add_payloads(at.hub, &payloads);
        let used = used::of_repository(hub, holding).or_else(|| used::of(holding.entries.iter()));
        let used = used::with_log(used, folder, false, self.log);
        Some(line(holding.full_name(), "repository", folder, why, frees, victims, used))
    }

    fn one(&self, pick: &Pick, why: &str, accounts: &mut Accounts<'a>) -> Option<Line<'a>> {
        match pick {
            Pick::Repository(at) => self.repository(*at, why, accounts),
            Pick::Revision(at, index) => self.revision(*at, *index, why, accounts),
            Pick::Orphan(at, blob) => {
                let (_, holding) = self.stock.at(*at)?;
                let With { frees, payloads, .. } = accounts.orphan(*at, *blob);
                let mut victims = Victims::of(self.stock, why);
                victims.add_blobs(*at, &[*blob]);
                victims.add_payloads(at.hub, &payloads);
                let folder = holding.repository.folder.join("blobs");
                Some(line(holding.full_name(), "blobs", &folder, why, frees, victims, None))
            }
            Pick::Unfinished(at, index) => {
                let (hub, holding) = self.stock.at(*at)?;
                let (path, stamp) = holding.repository.unfinished.get(*index)?;
                let frees = accounts.entries(holding.entry(path).into_iter());
                let mut victims = Victims::of(self.stock, why);
                victims.add(path.clone(), &hub.root, *stamp, Role::File);
                let folder = &holding.repository.folder;
                Some(line(holding.full_name(), "unfinished", folder, why, frees, victims, None))
            }
            Pick::Reference(at, index) => {
                let (hub, holding) = self.stock.at(*at)?;
                let reference = holding.repository.references.get(*index)?;
                let entry = holding.entry(&reference.path)?;
                let frees = accounts.entries(std::iter::once(entry));
                let mut victims = Victims::of(self.stock, why);
                victims.add(entry.path(), &hub.root, entry.stamp, Role::Reference);
                let name = format!("{} refs/{}", holding.full_name(), reference.name);
                Some(line(name, "reference", &reference.path, why, frees, victims, None))
            }
            Pick::Absences(at) => {
                let (hub, holding) = self.stock.at(*at)?;
                let folder = holding.repository.folder.join(".no_exist");
                let stamp = holding.entry(&folder)?.stamp;
                let frees = accounts.entries(holding.below(&folder));
                let mut victims = Victims::of(self.stock, why);
                victims.add(folder.clone(), &hub.root, stamp, Role::Tree);
                Some(line(format!("{} .no_exist", holding.full_name()), "notes", &folder, why, frees, victims, None))
            }
            Pick::Payload(hub, index) => {
                let frees = accounts.payload(*hub, *index);
                let path = self.stock.hubs.get(*hub)?.folder.join("blobs");
                let mut victims = Victims::of(self.stock, why);
                victims.add_payloads(*hub, &[*index]);
                Some(line("shared store".to_owned(), "payloads", &path, why, frees, victims, None))
            }
            Pick::Thing(index) => self.thing(*index, why, accounts),
            Pick::Inside(index, entry) => self.inside(*index, *entry, why, accounts),
            Pick::Application(cache, entry) => self.application(*cache, *entry, why, accounts),
        }
    }

    fn revision(&self, at: At, index: usize, why: &str, accounts: &mut Accounts<'a>) -> Option<Line<'a>> {
        let (hub, holding) = self.stock.at(at)?;
        let repository = &holding.repository;
        let revision = repository.revisions.get(index)?;
        let commit = revision.commit.to_string_lossy();
        let With { mut frees, blobs, payloads } = accounts.revision(at, index);
        let mut victims = Victims::of(self.stock, why);
        for reference in naming(repository, &commit) {
            let Some(entry) = holding.entry(reference) else { continue };
            frees = frees.saturating_add(accounts.entries(std::iter::once(entry)));
            victims.add(entry.path(), &hub.root, entry.stamp, Role::Reference);
        }
        let stamp = holding.entry(&revision.folder)?.stamp;
        victims.add(revision.folder.clone(), &hub.root, stamp, Role::Snapshot);
        victims.add_blobs(at, &blobs);
        // What is noted of the commit says nothing without it.
        let beside = [
            (repository.folder.join("trees").join(format!("{commit}.json")), Role::File),
            (repository.folder.join(".no_exist").join(&*commit), Role::Tree),
            (repository.folder.join(".modelstrap").join(format!("brought-{commit}")), Role::File),
        ];
        for (path, role) in beside {
            let Some(entry) = holding.entry(&path) else { continue };
            frees = frees.saturating_add(accounts.entries(holding.below(&path)));
            victims.add(path.clone(), &hub.root, entry.stamp, role);
        }
        victims.add_payloads(at.hub, &payloads);
        let named = self.needs.is_named(holding, revision);
        // What goes with it, no revision has that stays.
        let going: HashSet<usize> = blobs.into_iter().collect();
        let used = used::of_revision(hub, holding, revision, |blob| going.contains(&blob));
        let used = used::with_log(used, &revision.folder, named, self.log);
        let name = format!("{}@{}", holding.full_name(), commit.chars().take(12).collect::<String>());
        Some(line(name, "revision", &revision.folder, why, frees, victims, used))
    }

    /// The line of a thing that is one of many files and goes; whether it was that.
    fn file(&self, pick: &Pick, why: &str, accounts: &mut Accounts<'a>, lines: &mut Lines<'a>) -> bool {
        let Pick::Thing(index) = pick else { return false };
        let thing = self.stock.things.get(*index).filter(|thing| thing.is_one_of_many());
        let Some(entry) = thing.filter(|thing| thing.kind() == ThingKind::File).and_then(|thing| thing.first()) else {
            return false;
        };
        if self.stock.is_held(&entry) {
            return false;
        }
        let used = used::of(std::iter::once(entry));
        let noted = used::with_log(used, &entry.path(), false, self.log);
        let frees = accounts.entries(std::iter::once(entry));
        lines.file(self.stock, *index, why, frees > 0, noted.filter(|_| noted != used));
        true
    }

    fn thing(&self, index: usize, why: &str, accounts: &mut Accounts<'a>) -> Option<Line<'a>> {
        let thing = self.stock.things.get(index)?;
        let path = thing.path();
        let used = used::with_log(used::of(thing.entries()), &path, false, self.log);
        let is_held = thing.entries().any(|entry| self.stock.is_held(&entry));
        let going = || thing.entries().filter(|entry| !is_held || self.goes_alone(entry));
        let frees = accounts.entries(going());
        let mut victims = Victims::of(self.stock, why);
        match (thing.kind(), is_held) {
            (_, true) => going().for_each(|entry| victims.add_inside(index, thing.place_of(&entry))),
            (ThingKind::Folder | ThingKind::Locks, false) => {
                victims.add(path.to_path_buf(), &thing.lot.root, thing.first()?.stamp, Role::Tree);
            }
            (ThingKind::File | ThingKind::Unfinished, false) => victims.add_thing(index, &thing.lot.root),
        }
        let kind = thing.kind().name();
        let name = match thing.kind() {
            ThingKind::Unfinished => thing.lot.place.clone(),
            _ => quoted::text(thing.name()),
        };
        Some(line(name, kind, &path, why, frees, victims, used))
    }

    /// Whether it goes from a folder in which something stays.
    fn goes_alone(&self, entry: &Seen<'_>) -> bool {
        !entry.is_folder() && !self.stock.is_held(entry)
    }

    fn inside(&self, index: usize, entry: usize, why: &str, accounts: &mut Accounts<'a>) -> Option<Line<'a>> {
        let thing = self.stock.things.get(index)?;
        let entry = thing.entry(entry)?;
        let path = entry.path();
        let all = || thing.entries().filter(|other| other.lies_in(&path));
        let is_held = all().any(|entry| self.stock.is_held(&entry));
        let going = || all().filter(|entry| !is_held || self.goes_alone(entry));
        let used = used::of(going());
        let frees = accounts.entries(going());
        let mut victims = Victims::of(self.stock, why);
        match is_held {
            true => going().for_each(|entry| victims.add_inside(index, thing.place_of(&entry))),
            false => victims.add(path.clone(), &thing.lot.root, entry.stamp, role(&entry)),
        }
        let name = quoted::text(path.strip_prefix(thing.path().parent()?).ok()?.as_os_str());
        let kind = if entry.is_folder() { "folder" } else { "file" };
        Some(line(name, kind, &path, why, frees, victims, used))
    }

    fn application(&self, number: usize, entry: usize, why: &str, accounts: &mut Accounts<'a>) -> Option<Line<'a>> {
        let cache = self.stock.applications.get(number)?;
        let entry = cache.entries.get(entry)?;
        let path = entry.path();
        let mut going: Vec<Seen<'_>> = match entry.is_folder() {
            true => cache.entries.iter().filter(|other| other.lies_in(&path)).collect(),
            // Of a hundred thousand files, each is looked at once.
            false => vec![entry],
        };
        let mut victims = Victims::of(self.stock, why);
        if going.iter().any(|entry| cache.is_held(entry)) {
            going.retain(|entry| !entry.is_folder() && !cache.is_held(entry));
            going.iter().for_each(|entry| victims.add_application(number, entry));
        } else {
            victims.add_application(number, &entry);
        }
        let used = used::of(going.iter().copied());
        let frees = accounts.entries(going.into_iter());
        Some(line(cache.name.clone(), "application", &cache.path, why, frees, victims, used))
    }
}

/// The references that name `commit`.
fn naming<'a>(repository: &'a Repository, commit: &str) -> impl Iterator<Item = &'a Path> {
    let commit = commit.to_owned();
    repository.references.iter().filter(move |one| one.commit.as_ref() == Some(&commit)).map(|one| one.path.as_path())
}

fn line<'a>(
    name: String,
    kind: &'static str,
    path: &Path,
    why: &str,
    frees: u64,
    victims: Victims<'a>,
    used: Option<used::Used>,
) -> Line<'a> {
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

impl Thing<'_> {
    /// The stamps by which its age is told.
    pub(super) fn newest(&self) -> i64 {
        self.entries().map(|entry| entry.touched()).max().unwrap_or(i64::MIN)
    }
}

impl Holding {
    /// When anything in `folder` of it was changed last, in seconds since 1970.
    pub(super) fn newest_below(&self, folder: &Path) -> i64 {
        self.below(folder).map(|entry| entry.touched()).max().unwrap_or(i64::MIN)
    }
}
