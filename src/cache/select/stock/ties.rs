//! Links from one thing to another, as a person makes them: `best.pt -> run-7.pt`. Such a link is nothing without what it leads to, and
//! goes with it; one that is part of a folder keeps what it leads to, which the folder would be broken without.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::{EntryKind, Stock, Thing, ThingKind};

/// Which link is nothing without which thing, by their places among the things.
#[derive(Debug, Default)]
pub struct Ties {
    /// Of each link.
    leads: BTreeMap<usize, usize>,
    /// The other way round: first what is led to, then the link.
    led: Vec<(usize, usize)>,
}

impl Ties {
    /// What the link at `index` leads to.
    pub(in crate::cache::select) fn leads_to(&self, index: usize) -> Option<usize> {
        self.leads.get(&index).copied()
    }

    /// The links that lead to what is at `index`.
    pub(in crate::cache::select) fn links_to(&self, index: usize) -> impl Iterator<Item = usize> {
        let begin = self.led.partition_point(|(led, _)| *led < index);
        self.led
            .get(begin..)
            .unwrap_or_default()
            .iter()
            .take_while(move |(led, _)| *led == index)
            .map(|(_, link)| *link)
    }

    fn add(&mut self, link: usize, to: usize) {
        self.leads.insert(link, to);
    }

    fn settle(&mut self) {
        self.led = self.leads.iter().map(|(link, led)| (*led, *link)).collect();
        self.led.sort_unstable();
    }
}

impl Stock {
    /// The thing that lies at `path`, or holds what lies there.
    pub(in crate::cache::select) fn around(&self, path: &Path) -> Option<usize> {
        self.things.around(path)
    }

    /// Looks where the links among the things lead; called when nothing is added to them or taken from them any more. Gives those links
    /// that keep what they lead to, and what that is, with links followed.
    pub fn tie(&mut self) -> Vec<(PathBuf, PathBuf)> {
        let (mut ties, mut keeping) = (Ties::default(), Vec::new());
        for (index, thing) in self.numbered() {
            for entry in thing.entries().filter(|entry| entry.kind == EntryKind::Other) {
                let path = entry.path();
                let Some(real) = out_of(&thing, &path) else { continue };
                match self.things.around(&real).and_then(|to| Some((to, self.things.get(to)?))) {
                    Some((to, _)) if to == index => {}
                    Some((to, other)) if thing.is_one_of_many() && are_of_one(&thing, &other) => ties.add(index, to),
                    Some((_, other)) if thing.home() && other.home() => keeping.push((path, real)),
                    None if thing.home() && self.hubs.iter().any(|hub| hub.home && real.starts_with(&hub.folder)) => {
                        keeping.push((path, real));
                    }
                    _ => {}
                }
            }
        }
        ties.settle();
        self.ties = ties;
        keeping
    }
}

/// Whether one goes with the other: what lies in the cache never takes along what does not.
fn are_of_one(one: &Thing<'_>, other: &Thing<'_>) -> bool {
    let is_model = |thing: &Thing<'_>| matches!(thing.kind(), ThingKind::File | ThingKind::Folder);
    is_model(one) && is_model(other) && (one.home() && other.home() || one.lot.root == other.lot.root)
}

/// Where the link at `path` leads, unless that is certainly in the thing that it is a part of: of those there may be many.
fn out_of(thing: &Thing<'_>, path: &Path) -> Option<PathBuf> {
    let inside = |target: &Path| target.components().all(|part| matches!(part, Component::Normal(_)));
    if !thing.is_one_of_many() && std::fs::read_link(path).is_ok_and(|target| inside(&target)) {
        return None;
    }
    path.canonicalize().ok()
}
