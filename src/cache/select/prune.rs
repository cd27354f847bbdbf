//! What `prune` takes: what nobody can need, then what its rules say, and of what locks name, nothing.

mod by_use;
mod goals;
mod held;
mod leavings;
mod useful;

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;

use super::downloads::BUSY;
use super::lines::By;
use super::locked::LOCKED;
use super::needs::Needs;
use super::picks::{At, Pick, Picks};
use super::settle::{Settling, lines};
use super::stock::{Content, Holding, HubStock, Revision, Stock, Thing, ThingKind};
use super::used::{UseLog, Used};
use super::{Kept, Selection, Stays};
use crate::support::{quoted, time};
use held::Held;

/// What is to be taken.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Seconds since 1970.
    pub now: i64,
    /// What was changed less than so many seconds ago stays.
    pub grace: i64,
    /// A revision that only its commit's name can lead to stays until nobody has used it for so many seconds: a program may name
    /// it.
    pub pinned: i64,
    /// Takes what was not used for so many seconds.
    pub older_than: Option<i64>,
    /// Takes everything that the project's lock does not name.
    pub ci: bool,
    /// Nobody knows what a project needs: then only what nobody can need goes.
    pub blind: bool,
    /// Takes what was not used for the longest time until each of them is reached.
    pub goals: Vec<Goal>,
    /// Of a second step: only what the goals need in place of these, which stayed when they were to go.
    pub past: Option<Vec<PathBuf>>,
}

/// How much is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// In words: `a budget of 100 GB`.
    pub name: String,
    /// How many bytes.
    pub bytes: u64,
    /// Where.
    pub room: Room,
}

/// Where there is to be room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// In the libraries' homes, whatever names it has elsewhere: what a budget is for.
    Homes,
    /// On the disk of this device, where that is known.
    Disk(Option<u64>),
}

/// Chooses by `rules`. `keep` are what a person wants to keep.
pub fn select<'a>(stock: &'a Stock, needs: &Needs, log: &UseLog, keep: &[Pick], rules: &Rules) -> Selection<'a> {
    let mut pruner = Pruner {
        stock,
        needs,
        log,
        keep,
        rules,
        picks: Picks::default(),
        kept: Stays::default(),
        linked: Vec::new(),
        busy: RefCell::default(),
    };
    if rules.past.is_none() {
        pruner.links();
        pruner.leavings();
        pruner.expired();
        if rules.ci {
            pruner.all_but_the_lock();
        } else if !rules.blind {
            pruner.revisions();
            if let Some(age) = rules.older_than {
                pruner.unused_for(age);
            }
        }
        pruner.take_unlinked();
    }
    let short = pruner.goals();
    pruner.keep_linked();
    let lines = lines(&pruner.settling());
    Selection { lines, kept: pruner.kept, short }
}

struct Pruner<'a, 'n> {
    stock: &'a Stock,
    needs: &'n Needs,
    log: &'n UseLog,
    keep: &'n [Pick],
    rules: &'n Rules,
    picks: Picks,
    kept: Stays<'a>,
    /// What nobody needs and a link leads to, its name, and why it would go.
    linked: Vec<(Pick, String, String)>,
    /// Why nothing goes of the repositories that were asked about.
    busy: RefCell<HashMap<At, Option<String>>>,
}

/// Why a folder stays in which somebody may not delete.
pub(super) const FIXED_IN: &str = "you may not delete in it: it is another user's, or read-only";

/// Why what lies in such a folder stays.
pub(super) const FIXED: &str = "you may not delete in its folder: it is another user's, or read-only";

/// A model that an age or a size may take.
struct Candidate {
    pick: Pick,
    used: Option<Used>,
    /// Why it stays, if it does.
    stays: Option<String>,
    name: String,
}

impl<'a> Pruner<'a, '_> {
    fn settling(&self) -> Settling<'a, '_> {
        let young = self.rules.now.saturating_sub(self.rules.grace);
        Settling { stock: self.stock, picks: &self.picks, log: self.log, needs: self.needs, young }
    }

    fn homes(&self) -> impl Iterator<Item = (At, &'a Holding)> + use<'a> {
        self.stock.repositories().filter(|(_, hub, _)| hub.home).map(|(at, _, holding)| (at, holding))
    }

    fn readable(&self) -> impl Iterator<Item = (At, &'a HubStock, &'a Holding)> + use<'a> {
        let is_read = |holding: &Holding| holding.leads.is_none() && holding.repository.problems.is_empty();
        self.stock.repositories().filter(move |(_, hub, holding)| hub.home && is_read(holding))
    }

    fn things(&self) -> impl Iterator<Item = (usize, Thing<'a>)> + use<'a> {
        self.stock.numbered().filter(|(_, thing)| thing.home() && !thing.obscure)
    }

    fn is_young(&self, touched: i64) -> bool {
        touched > self.rules.now.saturating_sub(self.rules.grace)
    }

    fn keeps(&self, name: &str, path: &std::path::Path, why: String) -> Kept {
        Kept { name: name.to_owned(), path: path.to_path_buf(), why }
    }

    /// Repositories that are links: somebody who counts on the room behind one should know that it stays.
    fn links(&mut self) {
        for (_, holding) in self.homes() {
            if let Some(why) = holding.stays_as_link() {
                self.kept.push(self.keeps(&holding.full_name(), &holding.repository.folder, why));
            }
        }
    }

    /// Revisions that no reference, no lock and no process needs.
    fn revisions(&mut self) {
        for (at, hub, holding) in self.readable() {
            for (index, revision) in holding.repository.revisions.iter().enumerate() {
                if self.needs.is_named(holding, revision) {
                    continue;
                }
                let candidate = self.revision(at, hub, holding, index, revision);
                let stays = self.stays_anyway(&candidate);
                let stays = stays.or_else(|| self.may_be_pinned(holding, revision, candidate.used));
                match stays {
                    Some(why) => {
                        self.kept.push(self.keeps(&candidate.name, &revision.folder, why));
                    }
                    None => self.unless_linked(candidate.pick, &candidate.name, "no ref and no lock names it"),
                }
            }
        }
    }

    /// A revision that a branch has left behind is superseded. One beside which no branch has a later one may be what a program
    /// names by its commit: while somebody uses it, it stays.
    fn may_be_pinned(&self, holding: &Holding, revision: &Revision, used: Option<Used>) -> Option<String> {
        let own = holding.newest_below(&revision.folder);
        let others = holding.repository.revisions.iter().filter(|other| other.commit != revision.commit);
        let superseded = others
            .filter(|other| {
                other.references.iter().any(|name| self.needs.counts(name, &other.commit.to_string_lossy()))
            })
            .any(|other| holding.newest_below(&other.folder) >= own);
        let used = used.filter(|used| used.at > self.rules.now.saturating_sub(self.rules.pinned));
        let used = used.filter(|_| !superseded)?;
        let ago = time::ago(self.rules.now, used.at);
        let ago = if ago == "today" { ago } else { format!("{ago} ago") };
        Some(format!("no ref names it, but it was used {ago} ({}): a program may name its commit", used.clock.name()))
    }

    fn revision(&self, at: At, hub: &HubStock, holding: &Holding, index: usize, revision: &Revision) -> Candidate {
        let pick = Pick::Revision(at, index);
        let commit = revision.commit.to_string_lossy();
        let name = self.name(&pick);
        let blobs = || revision.blobs().filter_map(|blob| holding.blob(blob));
        let open = || self.needs.is_open(holding.below(&revision.folder).chain(blobs()));
        let unknown = |name: &&String| crate::models::hub::refs::is_ours(name) && self.needs.counts(name, &commit);
        let stays = if let Some(holder) = self.needs.of_revision(holding, &commit).first() {
            Some(format!("the lock of {} names it", holder.text()))
        } else if self.is_kept(&pick) || self.is_kept(&Pick::Repository(at)) {
            Some("--keep".to_owned())
        } else if !self.rules.ci && revision.references.iter().any(|name| unknown(&name)) {
            Some("a project whose lock is not known holds it".to_owned())
        } else if self.stock.fixed.contains(&holding.repository.folder) {
            Some(FIXED.to_owned())
        } else if self.is_young(holding.newest_below(&revision.folder)) {
            Some(format!("it came or changed less than {} ago", self.grace()))
        } else if open() || self.is_open_payload(hub, holding, revision) {
            Some("a running program has it open".to_owned())
        } else {
            None
        };
        let used = self.use_of(at, hub, holding, revision);
        Candidate { pick, used, stays, name }
    }

    /// Why it stays that would go now.
    fn stays(&self, candidate: &Candidate) -> Option<String> {
        self.stays_anyway(candidate).or_else(|| Some(self.holder(&candidate.pick)?.claim()))
    }

    /// The same, whatever links lead to it.
    fn stays_anyway(&self, candidate: &Candidate) -> Option<String> {
        let of = candidate.pick.repository().and_then(|at| self.stock.at(at).map(|(_, holding)| (at, holding)));
        let stays = candidate.stays.clone().or_else(|| of.and_then(|(at, holding)| self.downloads(at, holding)));
        stays.or_else(|| {
            // The parts of a model go together.
            let all = self.stock.with_parts(vec![candidate.pick]);
            let is_any = |is: &dyn Fn(&Pick) -> bool| all.iter().any(is);
            let locked = is_any(&|pick| self.is_locked(pick)).then(|| LOCKED.to_owned());
            locked.or_else(|| is_any(&|pick| self.has_stayed(pick)).then(|| "it stayed when it was to go".to_owned()))
        })
    }

    /// Whether something of it stayed in the step before.
    fn has_stayed(&self, pick: &Pick) -> bool {
        let Some(past) = &self.rules.past else { return false };
        let folder = match pick.repository() {
            Some(at) => self.stock.at(at).map(|(_, holding)| holding.repository.folder.clone()),
            None => self.stock.path(pick),
        };
        folder.is_some_and(|folder| past.iter().any(|path| path.starts_with(&folder)))
    }

    /// Whether somebody holds a lock that speaks for it, or for what would go with it.
    fn is_locked(&self, pick: &Pick) -> bool {
        match *pick {
            Pick::Revision(at, index) => self.stock.at(at).is_some_and(|(hub, holding)| {
                let revision = holding.repository.revisions.get(index);
                revision.is_some_and(|revision| self.needs.is_shared_locked(hub, holding, revision))
            }),
            Pick::Thing(index) => self.stock.things.get(index).is_some_and(|thing| self.needs.is_thing_locked(thing)),
            _ => false,
        }
    }

    /// Why nothing of a repository goes but what nobody writes; looked at once for all its revisions.
    fn downloads(&self, at: At, holding: &Holding) -> Option<String> {
        if let Some(known) = self.busy.borrow().get(&at) {
            return known.clone();
        }
        let busy = self.rules.grace.min(BUSY);
        let found = self.needs.downloads(holding, self.rules.now.saturating_sub(busy), busy);
        self.busy.borrow_mut().insert(at, found.clone());
        found
    }

    fn is_open_payload(&self, hub: &HubStock, holding: &Holding, revision: &Revision) -> bool {
        let is_shared = |blob: &usize| matches!(holding.content(*blob), Content::Listed(_) | Content::Elsewhere(..));
        let mut shared = revision.blobs().filter(is_shared).filter_map(|blob| holding.bytes(hub, blob));
        shared.any(|stamp| self.needs.has_open(stamp.id))
    }

    fn thing(&self, index: usize, thing: Thing<'_>) -> Candidate {
        let (pick, path) = (Pick::Thing(index), thing.path());
        let stays = if let Some(holder) = self.needs.of_thing(&thing).first() {
            Some(format!("the lock of {} names it", holder.text()))
        } else if let Some(git) = thing.git {
            Some(format!("it holds a Git repository, {}", crate::support::escape::path(git)))
        } else if self.is_kept(&pick) {
            Some("--keep".to_owned())
        } else if self.stock.is_fixed(&path) {
            Some(FIXED.to_owned())
        } else if self.is_young(thing.newest()) {
            Some(format!("it came or changed less than {} ago", self.grace()))
        } else if self.needs.is_open(thing.entries()) {
            Some("a running program has it open".to_owned())
        } else {
            None
        };
        Candidate { pick, used: self.use_of_thing(thing), stays, name: quoted::text(thing.name()) }
    }

    /// What a model is called.
    fn name(&self, pick: &Pick) -> String {
        let named = || match pick {
            Pick::Revision(at, index) => {
                let (_, holding) = self.stock.at(*at)?;
                let commit = holding.repository.revisions.get(*index)?.commit.to_string_lossy();
                Some(format!("{}@{}", holding.full_name(), commit.chars().take(12).collect::<String>()))
            }
            Pick::Thing(index) => Some(quoted::text(self.stock.things.get(*index)?.name())),
            _ => None,
        };
        named().unwrap_or_default()
    }

    fn is_kept(&self, pick: &Pick) -> bool {
        self.keep.contains(pick)
    }

    fn grace(&self) -> String {
        span(self.rules.grace)
    }

    fn keep_candidate(&mut self, pick: &Pick, name: &str, why: String) {
        // What lies in a place that lies in another may be here twice.
        let one_of_many = self.stock.one_of_many(pick).filter(|_| self.stock.inner.is_empty());
        if let Some(index) = one_of_many {
            if !self.kept.has_file(index) {
                self.kept.file(self.stock, index, &why, By::Name);
            }
            return;
        }
        let path = self.stock.path(pick).unwrap_or_default();
        if !self.kept.has(&path) {
            self.kept.push(self.keeps(name, &path, why));
        }
    }

    fn take_unless_needed(&mut self, candidate: &Candidate, reason: &str) {
        match self.stays(candidate) {
            // What the lock names is what is kept, and needs no word.
            Some(why) if why.starts_with("the lock of ") => {}
            Some(why) => self.keep_candidate(&candidate.pick, &candidate.name, why),
            None => drop(self.take(candidate.pick, reason)),
        }
    }

    /// Everything goes but what locks name: notes, locks and chunks, too.
    fn all_but_the_lock(&mut self) {
        const WHY: &str = "the lock does not name it";
        let mut held = Held::default();
        for candidate in self.revisions_left() {
            if !held.holds(self, &candidate) {
                self.take_unless_needed(&candidate, WHY);
            }
        }
        for (index, thing) in self.models() {
            if !self.picks.has(&Pick::Thing(index)) {
                // A model in several files goes with the first of them.
                let candidate = self.model(index, thing).filter(|candidate| !held.holds(self, candidate));
                candidate.into_iter().for_each(|candidate| self.take_unless_needed(&candidate, WHY));
            }
        }
        while let Some(candidate) = held.freed(self).or_else(|| held.rest(self)) {
            self.take_unless_needed(&candidate, WHY);
        }
        for (at, holding) in self.homes() {
            let is_there = holding.entry(&holding.repository.folder.join(".no_exist")).is_some();
            if is_there && self.downloads(at, holding).is_none() {
                self.picks.add(Pick::Absences(at), WHY);
            }
        }
        for (index, _) in self.things().filter(|(_, thing)| thing.kind() == ThingKind::Locks) {
            self.picks.add(Pick::Thing(index), WHY);
        }
    }
}

/// `90 d`, `1 h`, `30 s`.
pub fn span(seconds: i64) -> String {
    match seconds {
        86_400.. => format!("{} d", seconds / 86_400),
        3600..86_400 => format!("{} h", seconds / 3600),
        60..3600 => format!("{} min", seconds / 60),
        _ => format!("{} s", seconds.max(0)),
    }
}
