//! What nobody can need: what downloads and other programs have left, and what an application cache's own policy gives up.

use std::collections::BTreeSet;

use super::{FIXED_IN, Pruner, span};
use crate::cache::select::accounts::Accounts;
use crate::cache::select::lines::By;
use crate::cache::select::locked::LOCKED;
use crate::cache::select::picks::{At, Pick};
use crate::cache::select::stock::{Content, Holding, Thing, ThingKind};
use crate::support::{escape, quoted, units};

/// Why an unfinished download stays.
const WRITTEN: &str = "a running program has an unfinished download open";

impl Pruner<'_, '_> {
    /// What downloads and other programs have left: nobody can need it.
    pub(super) fn leavings(&mut self) {
        for (at, holding) in self.homes() {
            let repository = &holding.repository;
            if let Some((path, error)) = repository.problems.first() {
                let why = format!("{} could not be read: {error}", escape::path(path));
                self.kept.push(self.keeps(&holding.full_name(), &repository.folder, why));
                continue;
            }
            if self.stock.fixed.contains(&repository.folder) {
                if !repository.unfinished.is_empty() || holding.orphans().next().is_some() {
                    self.kept.push(self.keeps(&holding.full_name(), &repository.folder, FIXED_IN.to_owned()));
                }
                continue;
            }
            let mut young = Vec::new();
            for (index, (path, stamp)) in repository.unfinished.iter().enumerate() {
                let is_open = self.needs.is_open(holding.entry(path).into_iter());
                if is_open {
                    self.kept.push(self.keeps(&holding.full_name(), path, WRITTEN.to_owned()));
                } else if self.is_young(stamp.touched()) {
                    young.push(path);
                } else if self.needs.is_unfinished_locked(holding, path) {
                    self.kept.push(self.keeps(&holding.full_name(), path, LOCKED.to_owned()));
                } else {
                    self.picks.add(Pick::Unfinished(at, index), "unfinished download that nobody writes");
                }
            }
            if let Some(path) = young.first() {
                self.kept.push(self.keeps(&holding.full_name(), path, self.too_young(young.len())));
            }
            for blob in holding.orphans() {
                let Some(entry) = holding.blob(blob) else { continue };
                let ours = !matches!(holding.content(blob), Content::Foreign);
                if !ours || self.is_young(entry.stamp.touched()) || self.needs.is_open(std::iter::once(entry)) {
                    continue;
                }
                if self.needs.is_content_locked(holding, blob) {
                    self.kept.push(self.keeps(&holding.full_name(), &entry.path(), LOCKED.to_owned()));
                } else {
                    self.unless_linked(Pick::Orphan(at, blob), &holding.full_name(), "no revision has it");
                }
            }
            self.references(at, holding);
        }
        for (index, thing) in self.things().filter(|(_, thing)| thing.kind() == ThingKind::Unfinished) {
            if self.needs.is_open(thing.entries()) {
                self.keep_unfinished(index, thing, WRITTEN);
            } else if self.is_young(thing.newest()) {
                self.keep_unfinished(index, thing, &self.too_young(1));
            } else if self.needs.is_thing_locked(thing) {
                self.keep_unfinished(index, thing, LOCKED);
            } else {
                self.picks.add(Pick::Thing(index), "unfinished download that nobody writes");
            }
        }
        self.payloads();
    }

    fn keep_unfinished(&mut self, index: usize, thing: Thing<'_>, why: &str) {
        match thing.is_one_of_many() {
            true => self.kept.file(self.stock, index, why, By::Place),
            false => self.kept.push(self.keeps(&thing.lot.place, &thing.path(), why.to_owned())),
        }
    }

    /// Why so many unfinished downloads stay.
    fn too_young(&self, count: usize) -> String {
        let them = if count == 1 { "it" } else { "them" };
        let what = units::count(count, "unfinished download");
        format!("{what} came or changed less than {} ago; `--grace 0` takes {them}", self.grace())
    }

    /// References to commits that are not there: they hide the repository from `hf cache ls`. A repository in which there is
    /// nothing else goes whole.
    fn references(&mut self, at: At, holding: &Holding) {
        let repository = &holding.repository;
        let all_old = repository.unfinished.iter().all(|(_, stamp)| !self.is_young(stamp.touched()));
        let is_empty = repository.revisions.is_empty() && holding.contents() == 0 && all_old;
        if is_empty && self.downloads(at, holding).is_none() && !self.is_young(holding.newest_below(&repository.folder))
        {
            self.picks.add(Pick::Repository(at), "holds no revision");
            return;
        }
        for (index, reference) in repository.references.iter().enumerate() {
            let is_there = |commit: &String| repository.revisions.iter().any(|one| one.commit.to_str() == Some(commit));
            let is_old = holding.entry(&reference.path).is_some_and(|entry| !self.is_young(entry.stamp.touched()));
            let is_lost = !reference.commit.as_ref().is_some_and(is_there) && !repository.revisions.is_empty();
            if is_old && is_lost && self.downloads(at, holding).is_none() {
                self.picks.add(Pick::Reference(at, index), "names a commit that is not there");
            }
        }
    }

    /// Payloads of shared stores that no blob leads to.
    fn payloads(&mut self) {
        let accounts = Accounts::of(self.stock);
        for (number, hub) in self.stock.hubs.iter().enumerate().filter(|(_, hub)| hub.home) {
            for (index, payload) in hub.payloads.iter().enumerate() {
                if payload.used || !payload.listed || !accounts.is_unused(number, index) {
                    continue;
                }
                let touched = payload.entries().map(|entry| entry.stamp.touched()).max().unwrap_or(i64::MAX);
                if self.is_young(touched) || self.needs.is_open(payload.entries()) {
                    continue;
                }
                if !payload.has_list() {
                    let path = payload.entry.path();
                    let why = format!(
                        "nobody can say who uses it, since it has no list of users (`.refs`), and the Hub's clients leave it: `modelstrap \
                         clear {}` takes it",
                        quoted::word(&path)
                    );
                    self.kept.push(self.keeps("shared store", &path, why));
                } else if self.needs.is_payload_locked(&payload) {
                    self.kept.push(self.keeps("shared store", &payload.entry.path(), LOCKED.to_owned()));
                } else {
                    self.unless_linked(Pick::Payload(number, index), "shared store", "no repository uses it");
                }
            }
        }
    }

    /// Files of application caches that are older than its `max_age`.
    pub(super) fn expired(&mut self) {
        for (number, cache) in self.stock.applications.iter().enumerate() {
            let Some(age) = cache.max_age else { continue };
            let why = format!("older than its max_age of {}", span(age));
            let (mut young, mut shut) = (0_usize, BTreeSet::new());
            for (index, entry) in cache.entries.iter().enumerate() {
                let written = i64::try_from(entry.stamp.modified.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
                let is_old = written < self.rules.now.saturating_sub(age);
                if entry.is_folder() || !is_old {
                    continue;
                }
                if cache.is_shut(&entry) {
                    shut.insert(entry.folder());
                } else if cache.is_held(&entry) {
                    continue;
                } else if self.is_young(entry.stamp.touched()) {
                    young += 1;
                } else if !self.needs.is_open(std::iter::once(entry)) {
                    self.picks.add(Pick::Application(number, index), &why);
                }
            }
            for folder in shut {
                self.kept.push(self.keeps(&cache.name, folder, FIXED_IN.to_owned()));
            }
            if young > 0 {
                let why = format!("{} came here less than {} ago", units::count(young, "file"), self.grace());
                self.kept.push(self.keeps(&cache.name, &cache.path, why));
            }
        }
    }
}
