//! What `clear` takes: what a person names, but nothing that another project's lock needs, or a link elsewhere leads to.

use std::path::Path;

use super::lines::By;
use super::needs::{Holder, Needs};
use super::picks::{Pick, Picks};
use super::prune::{FIXED, FIXED_IN};
use super::settle::{Settling, lines};
use super::stock::{Holding, Seen, Stock, Thing, ThingKind};
use super::used::UseLog;
use super::words::{self, Meaning};
use super::{Kept, Listed, Selection, Stays, tracked};
use crate::cache::places::OWN;
use crate::project::root::MANIFEST;
use crate::support::quoted;

/// A word of `clear`, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Every model in the homes.
    Models,
    /// Everything in the application caches.
    Applications,
    /// What a word means, and the word.
    Named(String, Meaning),
}

/// Something that a person named and that another project needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// What it is called.
    pub name: String,
    /// The projects.
    pub holders: Vec<Holder>,
}

/// How `clear` chooses.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Seconds since 1970.
    pub now: i64,
    /// A repository into which something was downloaded less than so many seconds ago, and not finished, stays.
    pub busy: i64,
    /// Takes what other projects need, too.
    pub force: bool,
}

/// Chooses what is `wanted`.
///
/// # Errors
/// What a word names, and another project's lock or a link elsewhere needs.
pub fn select<'a>(
    stock: &'a Stock,
    needs: &Needs,
    log: &UseLog,
    wanted: &[Wanted],
    terms: Terms,
) -> Result<Selection<'a>, Vec<Needed>> {
    let mut clearer = Clearer {
        stock,
        needs,
        terms,
        picks: Picks::default(),
        coming: Picks::default(),
        kept: Stays::default(),
        needed: Vec::new(),
        shared: Vec::new(),
    };
    clearer.foresee(wanted);
    for one in wanted {
        match one {
            Wanted::Models => clearer.models(),
            Wanted::Applications => clearer.applications(),
            Wanted::Named(_, Meaning::Picks(picks)) => {
                for pick in picks.iter() {
                    match pick {
                        Pick::Payload(hub, index) => clearer.shared.push((hub, index)),
                        pick => clearer.add(pick, "you named it", true),
                    }
                }
            }
            Wanted::Named(_, Meaning::NotHere) => {}
        }
    }
    if !clearer.needed.is_empty() {
        return Err(clearer.needed);
    }
    clearer.payloads();
    let young = terms.now.saturating_sub(terms.busy);
    let lines = lines(&Settling { stock, picks: &clearer.picks, log, needs, young });
    Ok(Selection { lines, kept: clearer.kept, short: Vec::new() })
}

pub(super) struct Clearer<'a, 'n> {
    pub(super) stock: &'a Stock,
    needs: &'n Needs,
    terms: Terms,
    pub(super) picks: Picks,
    /// Things that will go: a link that one of them is, or has, keeps nothing.
    coming: Picks,
    pub(super) kept: Stays<'a>,
    needed: Vec<Needed>,
    /// Payloads that a person named, by hub and index: whether they go depends on what else goes.
    pub(super) shared: Vec<(usize, usize)>,
}

impl<'a> Clearer<'a, '_> {
    /// Which things will go, where that makes a difference for what links lead to.
    fn foresee(&mut self, wanted: &[Wanted]) {
        if !self.needs.has_links() {
            return;
        }
        let is_all = wanted.contains(&Wanted::Models);
        let named = wanted.iter().filter_map(|one| match one {
            Wanted::Named(_, Meaning::Picks(picks)) => Some(picks.iter()),
            _ => None,
        });
        let all = self.homely().filter(|_| is_all).map(Pick::Thing);
        let named = named.flatten().filter(|pick| matches!(pick, Pick::Thing(_)));
        let can_go = |pick: &Pick| self.obstacle(pick).or_else(|| tracked::of(self.stock, pick).all()).is_none();
        let mut going: Listed = all.chain(named).filter(can_go).collect();
        // What stays keeps what its links lead to, which then stays as well.
        loop {
            self.coming = Picks::default();
            for pick in going.iter() {
                self.coming.add(pick, "");
            }
            let left: Listed = going.iter().filter(|pick| self.terms.force || self.others(pick).is_empty()).collect();
            if left.len() == going.len() {
                return;
            }
            going = left;
        }
    }

    /// The things in homes that are models.
    fn homely(&self) -> impl Iterator<Item = usize> + use<'a> {
        let things = self.stock.numbered().filter(|(_, thing)| thing.home() && thing.kind() != ThingKind::Locks);
        things.map(|(index, _)| index)
    }

    fn models(&mut self) {
        const WHY: &str = "every model";
        for (at, hub, holding) in self.stock.repositories() {
            if !hub.home {
                continue;
            }
            // Of a repository that another project needs a part of, the rest goes.
            if !self.others(&Pick::Repository(at)).is_empty() && !self.terms.force {
                for index in 0..holding.repository.revisions.len() {
                    self.add(Pick::Revision(at, index), WHY, false);
                }
            } else {
                self.add(Pick::Repository(at), WHY, false);
            }
        }
        for (number, hub) in self.stock.hubs.iter().enumerate().filter(|(_, hub)| hub.home) {
            let accounts = super::accounts::Accounts::of(self.stock);
            for (index, payload) in hub.payloads.iter().enumerate() {
                if accounts.is_unused(number, index) && payload.listed && !payload.used {
                    self.add(Pick::Payload(number, index), WHY, false);
                }
            }
        }
        for index in self.homely() {
            self.add(Pick::Thing(index), WHY, false);
        }
    }

    fn applications(&mut self) {
        for number in 0..self.stock.applications.len() {
            for pick in words::application(self.stock, number) {
                self.add(pick, "application cache", false);
            }
            let cache = self.stock.applications.get(number);
            for shut in cache.into_iter().flat_map(|cache| &cache.shut) {
                let name = cache.map(|cache| cache.name.clone()).unwrap_or_default();
                self.kept.push(Kept { name, path: shut.clone(), why: FIXED_IN.to_owned() });
            }
            for git in cache.into_iter().flat_map(|cache| &cache.git) {
                let name = cache.map(|cache| cache.name.clone()).unwrap_or_default();
                self.kept.push(Kept { name, path: git.clone(), why: "is a Git repository".to_owned() });
            }
        }
    }

    /// Takes `pick`, unless it must stay. What was `named` is refused aloud.
    pub(super) fn add(&mut self, pick: Pick, why: &str, named: bool) {
        if let Some(problem) = self.obstacle(&pick) {
            self.keep(&pick, problem);
            return;
        }
        let tracked = tracked::of(self.stock, &pick);
        if let Some(why) = tracked.all() {
            self.keep(&pick, why);
            return;
        }
        let others = self.others(&pick);
        if others.is_empty() || self.terms.force {
            tracked.some().into_iter().for_each(|why| self.keep(&pick, why));
            self.picks.add(pick, why);
        } else if named {
            let name = self.name(&pick);
            self.needed.push(Needed { name, holders: others });
        } else if let Some(first) = others.first() {
            let why = format!("{}; `--force` takes it", first.claim());
            self.keep(&pick, why);
        }
    }

    fn keep(&mut self, pick: &Pick, why: String) {
        if let Some(index) = self.stock.one_of_many(pick) {
            return self.kept.file(self.stock, index, &why, By::Name);
        }
        let path = self.stock.path(pick).unwrap_or_default();
        let name = self.name(pick);
        self.kept.push(Kept { name, path, why });
    }

    /// Why it cannot go, whatever a person wants.
    fn obstacle(&self, pick: &Pick) -> Option<String> {
        let unread = |path: &Path, why: &dyn std::fmt::Display| {
            format!("{} could not be read: {why}", crate::support::escape::path(path))
        };
        match pick {
            Pick::Revision(at, _) => {
                let (_, holding) = self.stock.at(*at)?;
                if self.stock.fixed.contains(&holding.repository.folder) {
                    return Some(FIXED.to_owned());
                }
                let problem = holding.repository.problems.first().map(|(path, error)| unread(path, error));
                problem.or_else(|| self.downloads(holding))
            }
            Pick::Repository(at) => {
                let (_, holding) = self.stock.at(*at)?;
                if let Some(link) = holding.stays_as_link() {
                    return Some(link);
                }
                let repository = &holding.repository;
                if let Some((path, error)) = repository.problems.first() {
                    return Some(unread(path, error));
                }
                if self.stock.fixed.contains(&repository.folder) || self.stock.rooted.contains(&repository.folder) {
                    return Some(FIXED.to_owned());
                }
                self.downloads(holding)
            }
            Pick::Unfinished(at, index) => {
                let (_, stamp) = self.stock.at(*at)?.1.repository.unfinished.get(*index)?;
                self.downloading(stamp.touched())
            }
            Pick::Thing(index) => {
                let thing = self.stock.things.get(*index)?;
                if let Some(git) = thing.git {
                    return Some(format!("it holds a Git repository, {}", crate::support::escape::path(git)));
                }
                if self.stock.is_fixed(&thing.path()) {
                    return Some(FIXED.to_owned());
                }
                if thing.obscure {
                    return Some(unread(&thing.path(), &"something in it is shut"));
                }
                if let Some(project) = project_in(thing, &thing.path()) {
                    return Some(project);
                }
                self.downloading(thing.newest()).filter(|_| thing.kind() == ThingKind::Unfinished)
            }
            Pick::Inside(index, _) => project_in(self.stock.things.get(*index)?, &self.stock.path(pick)?),
            _ => None,
        }
    }

    fn downloads(&self, holding: &Holding) -> Option<String> {
        self.needs.downloads(holding, self.terms.now.saturating_sub(self.terms.busy), self.terms.busy)
    }

    /// Why an unfinished download stays that was changed at `touched`.
    fn downloading(&self, touched: i64) -> Option<String> {
        let is_busy = touched > self.terms.now.saturating_sub(self.terms.busy);
        is_busy.then(|| "it is being downloaded; `--grace 0` takes it".to_owned())
    }

    /// The other projects whose locks need it, and the links that lead to it.
    fn others(&self, pick: &Pick) -> Vec<Holder> {
        let of = |holders: Vec<&Holder>| holders.into_iter().filter(|holder| !holder.own).cloned().collect::<Vec<_>>();
        let mut holders: Vec<Holder> = match pick {
            Pick::Repository(at) => self.stock.at(*at).map_or_else(Vec::new, |(_, holding)| {
                let revisions = holding.repository.revisions.iter();
                revisions.flat_map(|revision| self.needs.others(holding, revision)).collect()
            }),
            Pick::Revision(at, index) => self.stock.at(*at).map_or_else(Vec::new, |(_, holding)| {
                let revision = holding.repository.revisions.get(*index);
                revision.map_or_else(Vec::new, |revision| self.needs.others(holding, revision))
            }),
            Pick::Thing(index) => {
                self.stock.things.get(*index).map_or_else(Vec::new, |thing| of(self.needs.of_thing(&thing)))
            }
            Pick::Inside(..) => self.stock.path(pick).map_or_else(Vec::new, |path| of(self.needs.of_path(&path))),
            _ => Vec::new(),
        };
        holders.extend(
            self.needs.linked(self.stock, pick, &self.coming).into_iter().filter(|holder| !holder.own).cloned(),
        );
        holders.sort_unstable();
        holders.dedup();
        holders
    }

    fn name(&self, pick: &Pick) -> String {
        match pick {
            Pick::Repository(at) | Pick::Revision(at, _) => {
                self.stock.at(*at).map(|(_, holding)| holding.full_name()).unwrap_or_default()
            }
            other => {
                let path = self.stock.path(other).unwrap_or_default();
                quoted::text(path.file_name().unwrap_or_default())
            }
        }
    }
}
/// Why what lies in `folder` of `thing` stays, if it is or holds another project, or the cache of one. In a home such a file came with a
/// repository that a library fetched.
fn project_in(thing: Thing<'_>, folder: &Path) -> Option<String> {
    if thing.home() {
        return None;
    }
    let mut inside = thing.entries().filter(|entry| entry.lies_in(folder));
    let marks = |entry: &Seen<'_>| {
        let name = entry.name();
        (*name == *MANIFEST && !entry.is_folder()) || (*name == *"projects" && entry.folder().ends_with(OWN))
    };
    let found = inside.find(marks)?;
    let project = if *found.name() == *MANIFEST { Some(found.folder()) } else { found.folder().parent() };
    let project = crate::support::escape::path(project.unwrap_or(folder));
    Some(format!("it is, or holds, another project or its cache: {project}"))
}
