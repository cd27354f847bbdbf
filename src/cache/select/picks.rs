//! What was chosen, each once, in the order in which it was.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
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

/// The chosen ones, and why. A million take four bytes each, and a bit.
#[derive(Debug, Default)]
pub struct Picks {
    order: Vec<Run>,
    /// By the list that they stand in: which of it are chosen.
    known: HashMap<Pick, Vec<u64>>,
}

/// Those of one list that were chosen for one reason, one after the other.
#[derive(Debug)]
struct Run {
    list: Pick,
    why: Rc<str>,
    numbers: Vec<u32>,
}

impl Pick {
    /// The first of the list that it stands in, and its number there.
    pub(super) const fn split(self) -> (Self, usize) {
        match self {
            Self::Repository(_) | Self::Absences(_) => (self, 0),
            Self::Revision(at, number) => (Self::Revision(at, 0), number),
            Self::Orphan(at, number) => (Self::Orphan(at, 0), number),
            Self::Unfinished(at, number) => (Self::Unfinished(at, 0), number),
            Self::Reference(at, number) => (Self::Reference(at, 0), number),
            Self::Payload(hub, number) => (Self::Payload(hub, 0), number),
            Self::Thing(number) => (Self::Thing(0), number),
            Self::Inside(thing, number) => (Self::Inside(thing, 0), number),
            Self::Application(cache, number) => (Self::Application(cache, 0), number),
        }
    }

    /// The one with this number of the list that it is the first of.
    pub(super) const fn with(self, number: usize) -> Self {
        match self {
            Self::Repository(_) | Self::Absences(_) => self,
            Self::Revision(at, _) => Self::Revision(at, number),
            Self::Orphan(at, _) => Self::Orphan(at, number),
            Self::Unfinished(at, _) => Self::Unfinished(at, number),
            Self::Reference(at, _) => Self::Reference(at, number),
            Self::Payload(hub, _) => Self::Payload(hub, number),
            Self::Thing(_) => Self::Thing(number),
            Self::Inside(thing, _) => Self::Inside(thing, number),
            Self::Application(cache, _) => Self::Application(cache, number),
        }
    }
}

impl Picks {
    /// One more, unless it was chosen before.
    pub fn add(&mut self, pick: Pick, why: &str) -> bool {
        let (list, number) = pick.split();
        // No list has more: what stands in it is numbered so as well.
        let Ok(short) = u32::try_from(number) else { return false };
        let bits = self.known.entry(list).or_default();
        if bits.len() <= number / 64 {
            bits.resize(number / 64 + 1, 0);
        }
        let bit = 1 << (number % 64);
        let new = bits[number / 64] & bit == 0;
        bits[number / 64] |= bit;
        if !new {
            return false;
        }
        match self.order.last_mut() {
            Some(last) if last.list == list && *last.why == *why => last.numbers.push(short),
            last => {
                // Thousands of files may go for one reason.
                let known = last.map(|last| &last.why).filter(|last| ***last == *why);
                let why = known.map_or_else(|| why.into(), Rc::clone);
                self.order.push(Run { list, why, numbers: vec![short] });
            }
        }
        true
    }

    /// Whether `pick` was chosen.
    pub(super) fn has(&self, pick: &Pick) -> bool {
        let (list, number) = pick.split();
        let bits = self.known.get(&list).and_then(|bits| bits.get(number / 64));
        bits.is_some_and(|bits| bits & (1 << (number % 64)) != 0)
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.order.iter().map(|run| run.numbers.len()).sum()
    }

    /// Only the first so many are chosen.
    pub(super) fn truncate(&mut self, count: usize) {
        for _ in count..self.len() {
            let Some(run) = self.order.last_mut() else { return };
            let number = run.numbers.pop().and_then(|number| usize::try_from(number).ok());
            if let (Some(number), Some(bits)) = (number, self.known.get_mut(&run.list)) {
                bits[number / 64] &= !(1 << (number % 64));
            }
            if run.numbers.is_empty() {
                self.order.pop();
            }
        }
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Pick, &str)> {
        self.order.iter().flat_map(|run| {
            let numbers = run.numbers.iter().filter_map(|number| usize::try_from(*number).ok());
            numbers.map(|number| (run.list.with(number), &*run.why))
        })
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
    pub(super) fn numbered(&self) -> impl Iterator<Item = (usize, Thing<'_>)> {
        self.things.iter().enumerate()
    }

    /// The thing at `index` and what is nothing without it: the other parts of a model in several files, and links that lead to one of
    /// them.
    pub(super) fn parts(&self, index: usize) -> Vec<usize> {
        let mut all = self.files_of(index);
        let (mut known, mut at) = (all.iter().copied().collect::<HashSet<_>>(), 0);
        while let Some(one) = all.get(at).copied() {
            let links: Vec<usize> = self.ties.links_to(one).collect();
            all.extend(links.into_iter().filter(|link| known.insert(*link)));
            at += 1;
        }
        all
    }

    /// The files that are parts of the same model as the one at `index`, itself among them.
    fn files_of(&self, index: usize) -> Vec<usize> {
        let Some(thing) = self.things.get(index) else { return vec![index] };
        let (name, path) = (thing.name(), thing.path());
        let Some((part, folder)) = Part::of(&name).zip(path.parent()) else { return vec![index] };
        let of = |index: &usize| self.things.get(*index);
        // They stand in the order of their paths: what begins alike is near.
        let is_near = |index: &usize| {
            let begins = |path: &Path| {
                let first = path.strip_prefix(folder).ok().and_then(|inside| inside.components().next());
                first.is_some_and(|first| first.as_os_str().as_encoded_bytes().starts_with(part.stem))
            };
            of(index).is_some_and(|other| begins(&other.path()))
        };
        if self.ties.leads_to(index).is_some() {
            return vec![index];
        }
        let is_its = |index: &usize| {
            let goes_with = |name: &OsStr| Part::of(name).is_some_and(|one| one.goes_with(&part));
            self.ties.leads_to(*index).is_none()
                && of(index).is_some_and(|other| other.path().parent() == Some(folder) && goes_with(&other.name()))
        };
        let mut all: Vec<usize> = (0..index).rev().take_while(is_near).filter(is_its).collect();
        all.reverse();
        all.extend((index..self.things.len()).take_while(is_near).filter(is_its));
        all
    }

    /// Whether it is judged with another: with what it leads to, or with the part of the same model that stands before it.
    pub(super) fn is_later_part(&self, index: usize) -> bool {
        if self.ties.leads_to(index).is_some() {
            return true;
        }
        let Some((thing, before)) = self.things.get(index).zip(index.checked_sub(1)) else { return false };
        let name = thing.name();
        let Some(part) = Part::of(&name).filter(|part| part.number > 1) else { return false };
        let folder = thing.path().parent().map(Path::to_path_buf);
        let goes_with = |other: &Thing<'_>| {
            other.path().parent() == folder.as_deref()
                && Part::of(&other.name()).is_some_and(|one| one.goes_with(&part))
        };
        // Nearly always it is the one beside it.
        self.things.get(before).is_some_and(|other| goes_with(&other))
            || self.files_of(index).first().is_some_and(|first| *first != index)
    }

    /// Whether nothing else goes with it.
    pub(super) fn is_alone(&self, index: usize) -> bool {
        let is_part = || self.things.get(index).is_some_and(|thing| Part::of(&thing.name()).is_some());
        self.ties.leads_to(index).is_none() && self.ties.links_to(index).next().is_none() && !is_part()
    }

    /// `picks`, and with each what is nothing without it.
    pub(super) fn with_parts(&self, picks: Vec<Pick>) -> Vec<Pick> {
        let (mut all, mut seen) = (Vec::with_capacity(picks.len()), HashSet::new());
        for pick in picks {
            // The parts of one that was seen were added with it.
            let parts = match pick {
                Pick::Thing(index) if !seen.contains(&pick) => self.parts(index),
                _ => Vec::new(),
            };
            all.extend(parts.into_iter().map(Pick::Thing).chain([pick]).filter(|one| seen.insert(*one)));
        }
        all
    }

    /// The number of a thing that is one of many files.
    pub(super) fn one_of_many(&self, pick: &Pick) -> Option<usize> {
        let Pick::Thing(index) = pick else { return None };
        self.things.get(*index).filter(|thing| thing.is_one_of_many()).map(|_| *index)
    }

    /// Where something that was chosen lies.
    pub fn path(&self, pick: &Pick) -> Option<PathBuf> {
        Some(match pick {
            Pick::Repository(at) => self.at(*at)?.1.repository.folder.clone(),
            Pick::Revision(at, index) => self.at(*at)?.1.repository.revisions.get(*index)?.folder.clone(),
            Pick::Orphan(at, blob) => self.at(*at)?.1.blob(*blob)?.path(),
            Pick::Unfinished(at, index) => self.at(*at)?.1.repository.unfinished.get(*index)?.0.clone(),
            Pick::Reference(at, index) => self.at(*at)?.1.repository.references.get(*index)?.path.clone(),
            Pick::Absences(at) => self.at(*at)?.1.repository.folder.join(".no_exist"),
            Pick::Payload(hub, index) => self.hubs.get(*hub)?.payloads.get(*index)?.entry.path(),
            Pick::Thing(index) => self.things.get(*index)?.path().into_owned(),
            Pick::Inside(thing, entry) => self.things.get(*thing)?.entry(*entry)?.path(),
            Pick::Application(cache, entry) => self.applications.get(*cache)?.entries.get(*entry)?.path(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_chosen_once_and_comes_back_in_its_order_with_its_reason() {
        let at = At { hub: 1, repository: 2 };
        let order = [
            (Pick::Thing(70), "a"),
            (Pick::Thing(3), "a"),
            (Pick::Thing(4), "b"),
            (Pick::Repository(at), "b"),
            (Pick::Revision(at, 0), "b"),
            (Pick::Application(0, 4), "c"),
            (Pick::Thing(5), "c"),
        ];
        let mut picks = Picks::default();
        for (pick, why) in order {
            assert!(!picks.has(&pick) && picks.add(pick, why) && picks.has(&pick), "{pick:?}");
        }
        assert!(order.iter().all(|(pick, _)| !picks.add(*pick, "again")));
        assert!(
            ![Pick::Thing(0), Pick::Thing(200), Pick::Absences(at), Pick::Application(1, 4)]
                .iter()
                .any(|one| picks.has(one))
        );
        assert_eq!(picks.iter().collect::<Vec<_>>(), order);
        assert_eq!(picks.order.len(), 6);
    }
}
