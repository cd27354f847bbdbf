//! Links from one thing to another, as a person makes them: `best.pt -> run-7.pt`. Such a link is nothing without what it leads to, and
//! goes with it; one that is part of a folder keeps what it leads to, which the folder would be broken without.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
    /// that keep what they lead to, and what that is: each step of the way.
    pub fn tie(&mut self) -> Vec<(PathBuf, PathBuf)> {
        let (mut ties, mut keeping) = (Ties::default(), Vec::new());
        for (index, thing) in self.numbered() {
            for entry in thing.entries().filter(|entry| entry.kind == EntryKind::Other) {
                let path = entry.path();
                // One that leads to nothing needs nothing.
                let Ok(real) = path.canonicalize() else { continue };
                let steps = [next(&path), Some(real)];
                for step in steps.into_iter().flatten() {
                    match self.things.around(&step).and_then(|to| Some((to, self.things.get(to)?))) {
                        Some((to, _)) if to == index => {}
                        Some((to, other)) if thing.is_one_of_many() && are_of_one(&thing, &other) => {
                            ties.leads.entry(index).or_insert(to);
                            // Somebody may name what is in a folder.
                            keeping.extend((thing.home() && *other.path() != *step).then(|| (path.clone(), step)));
                        }
                        Some((_, other)) if thing.home() && other.home() => keeping.push((path.clone(), step)),
                        None if thing.home() && self.is_in_home_hub(&step) => keeping.push((path.clone(), step)),
                        _ => {}
                    }
                }
            }
        }
        keeping.dedup();
        ties.settle();
        self.ties = ties;
        keeping
    }

    fn is_in_home_hub(&self, path: &Path) -> bool {
        self.hubs.iter().any(|hub| hub.home && path.starts_with(&hub.folder))
    }
}

/// Whether one goes with the other: what lies in the cache never takes along what does not.
fn are_of_one(one: &Thing<'_>, other: &Thing<'_>) -> bool {
    let is_model = |thing: &Thing<'_>| matches!(thing.kind(), ThingKind::File | ThingKind::Folder);
    is_model(one) && is_model(other) && (one.home() && other.home() || one.lot.root == other.lot.root)
}

/// What the link at `path` says, which may be a link itself, with those on the way to it followed.
fn next(path: &Path) -> Option<PathBuf> {
    let said = path.parent()?.join(std::fs::read_link(path).ok()?);
    Some(said.parent()?.canonicalize().ok()?.join(said.file_name()?))
}
