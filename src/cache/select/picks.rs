//! What was chosen, each once, in the order in which it was.

use std::collections::HashSet;
use std::path::PathBuf;
use std::rc::Rc;

use super::stock::{Holding, HubStock, Stock, Thing};
use crate::cache::parts::Part;

/// Something that can be chosen, by its place in the stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pick {
    /// A whole repository, whatever is in it.
    Repository(At),
    /// A revision of a repository.
    Revision(At, usize),
    /// A blob that no revision has, by its number.
    Orphan(At, usize),
    /// An unfinished download in a repository.
    Unfinished(At, usize),
    /// A reference to a commit that is not there.
    Reference(At, usize),
    /// The notes of what a repository does not hold (`.no_exist`).
    Absences(At),
    /// A payload of a hub's shared store.
    Payload(usize, usize),
    /// A thing outside of hubs.
    Thing(usize),
    /// A file or folder in a thing, by the entry's place.
    Inside(usize, usize),
    /// A file or folder of an application cache, by the entry's place.
    Application(usize, usize),
}

impl Pick {
    /// The repository that it is, or lies in.
    pub(super) const fn repository(&self) -> Option<At> {
        match self {
            Self::Repository(at)
            | Self::Revision(at, _)
            | Self::Orphan(at, _)
            | Self::Unfinished(at, _)
            | Self::Reference(at, _)
            | Self::Absences(at) => Some(*at),
            Self::Payload(..) | Self::Thing(_) | Self::Inside(..) | Self::Application(..) => None,
        }
    }
}

/// A repository, by the places of its hub and of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct At {
    /// Which hub.
    pub hub: usize,
    /// Which of its repositories.
    pub repository: usize,
}

/// The chosen ones, and why.
#[derive(Debug, Default)]
pub struct Picks {
    order: Vec<(Pick, Rc<str>)>,
    known: HashSet<Pick>,
}

impl Picks {
    /// One more, unless it was chosen before.
    pub fn add(&mut self, pick: Pick, why: &str) -> bool {
        let new = self.known.insert(pick);
        if new {
            // Thousands of files may go for one reason.
            let known = self.order.last().map(|(_, last)| last).filter(|last| ***last == *why);
            let why = known.map_or_else(|| why.into(), Rc::clone);
            self.order.push((pick, why));
        }
        new
    }

    /// Whether `pick` was chosen.
    pub(super) fn has(&self, pick: &Pick) -> bool {
        self.known.contains(pick)
    }

    /// How many they are.
    pub(super) const fn len(&self) -> usize {
        self.order.len()
    }

    /// Only the first so many are chosen.
    pub(super) fn truncate(&mut self, count: usize) {
        for (pick, _) in self.order.drain(count.min(self.order.len())..) {
            self.known.remove(&pick);
        }
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(Pick, Rc<str>)> {
        self.order.iter()
    }
}

impl Stock {
    /// The repository at `at`, with its hub.
    pub(super) fn at(&self, at: At) -> Option<(&HubStock, &Holding)> {
        let hub = self.hubs.get(at.hub)?;
        Some((hub, hub.repositories.get(at.repository)?))
    }

    /// Every repository.
    pub(super) fn repositories(&self) -> impl Iterator<Item = (At, &HubStock, &Holding)> {
        self.hubs.iter().enumerate().flat_map(|(hub, stock)| {
            stock.repositories.iter().enumerate().map(move |(repository, one)| (At { hub, repository }, stock, one))
        })
    }

    /// Every thing, with its place.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (usize, &Thing)> {
        self.things.iter().enumerate()
    }

    /// The things that are parts of the same model as the one at `index`, itself among them.
    pub(super) fn parts(&self, index: usize) -> Vec<usize> {
        let Some(thing) = self.things.get(index) else { return vec![index] };
        let Some(part) = Part::of(&thing.name) else { return vec![index] };
        let is_its = |other: &Thing| {
            other.path.parent() == thing.path.parent() && Part::of(&other.name).is_some_and(|one| one.goes_with(&part))
        };
        self.numbered().filter(|(_, other)| is_its(other)).map(|(index, _)| index).collect()
    }

    /// `picks`, and of each part of a model the others.
    pub(super) fn with_parts(&self, picks: Vec<Pick>) -> Vec<Pick> {
        let mut all: Vec<Pick> = Vec::with_capacity(picks.len());
        for pick in picks {
            let parts = if let Pick::Thing(index) = pick { self.parts(index) } else { Vec::new() };
            for one in parts.into_iter().map(Pick::Thing).chain([pick]) {
                if !all.contains(&one) {
                    all.push(one);
                }
            }
        }
        all
    }

    /// Where something that was chosen lies.
    pub(super) fn path(&self, pick: &Pick) -> Option<PathBuf> {
        Some(match pick {
            Pick::Repository(at) => self.at(*at)?.1.repository.folder.clone(),
            Pick::Revision(at, index) => self.at(*at)?.1.repository.revisions.get(*index)?.folder.clone(),
            Pick::Orphan(at, blob) => self.at(*at)?.1.blob(*blob)?.path(),
            Pick::Unfinished(at, index) => self.at(*at)?.1.repository.unfinished.get(*index)?.0.clone(),
            Pick::Reference(at, index) => self.at(*at)?.1.repository.references.get(*index)?.path.clone(),
            Pick::Absences(at) => self.at(*at)?.1.repository.folder.join(".no_exist"),
            Pick::Payload(hub, index) => self.hubs.get(*hub)?.payloads.get(*index)?.entry.path(),
            Pick::Thing(index) => self.things.get(*index)?.path.clone(),
            Pick::Inside(thing, entry) => self.things.get(*thing)?.entries.get(*entry)?.path(),
            Pick::Application(cache, entry) => self.applications.get(*cache)?.entries.get(*entry)?.path(),
        })
    }
}
