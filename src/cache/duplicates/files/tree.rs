//! Folders, each as its last part and the folder above it: a path for each of a million would take more than all the rest.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use super::Role;
use crate::support::row::Row;

/// Folders, by their numbers.
#[derive(Debug, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    /// The names of the folders, and of what lies in them.
    pub(super) row: Row,
    /// What leads down to the places, by the folder above.
    spine: HashMap<u32, Vec<u32>>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    above: u32,
    name: u32,
    /// `NONE` of what is only above a place.
    place: u32,
    depth: u16,
    role: Role,
    /// Whether `local_dir=` of huggingface_hub filled it.
    is_local: bool,
}

/// No folder, no place.
const NONE: u32 = u32::MAX;

impl Tree {
    /// The folder of a place. `None` where there is no room for it.
    pub(in crate::cache::duplicates) fn root(&mut self, path: &Path, place: usize, role: Role) -> Option<u32> {
        let mut base = PathBuf::new();
        let mut at = None;
        for part in path.components() {
            let Component::Normal(name) = part else {
                base.push(part);
                continue;
            };
            let above = match at {
                Some(above) => above,
                None => self.spine(NONE, base.as_os_str())?,
            };
            at = Some(self.spine(above, name)?);
        }
        let at = match at {
            Some(at) => at,
            None => self.spine(NONE, base.as_os_str())?,
        };
        self.assign(at, place, role)
    }

    /// The folder `name` in another one, in the same place.
    pub(in crate::cache::duplicates) fn folder(&mut self, above: u32, name: &OsStr, role: Role) -> Option<u32> {
        let place = self.place(above);
        match self.known(above, name) {
            Some(at) => self.assign(at, place, role),
            None => self.add(above, name).and_then(|at| self.assign(at, place, role)),
        }
    }

    /// Says that `local_dir=` filled a folder.
    pub(in crate::cache::duplicates) fn is_local(&mut self, at: u32) {
        self.nodes[at as usize].is_local = true;
    }

    fn assign(&mut self, at: u32, place: usize, role: Role) -> Option<u32> {
        let node = &mut self.nodes[at as usize];
        (node.place, node.role) = (u32::try_from(place).ok()?, role);
        Some(at)
    }

    /// A folder on the way down to a place, of which there is one for all places.
    fn spine(&mut self, above: u32, name: &OsStr) -> Option<u32> {
        if let Some(known) = self.known(above, name) {
            return Some(known);
        }
        let at = self.add(above, name)?;
        self.spine.entry(above).or_default().push(at);
        Some(at)
    }

    fn known(&self, above: u32, name: &OsStr) -> Option<u32> {
        let folders = self.spine.get(&above)?;
        folders.iter().copied().find(|at| self.row.name(self.node(*at).name) == name)
    }

    fn add(&mut self, above: u32, name: &OsStr) -> Option<u32> {
        let at = u32::try_from(self.nodes.len()).ok().filter(|at| *at != NONE)?;
        let depth = if above == NONE { 0 } else { self.node(above).depth.checked_add(1)? };
        let name = self.row.add(name)?;
        self.nodes.push(Node { above, name, place: NONE, depth, role: Role::Plain, is_local: false });
        Some(at)
    }

    fn node(&self, at: u32) -> &Node {
        &self.nodes[at as usize]
    }

    /// The whole path of a folder.
    pub(in crate::cache::duplicates) fn path(&self, at: u32) -> PathBuf {
        let mut path = PathBuf::with_capacity(128);
        self.push(at, &mut path);
        path
    }

    fn push(&self, at: u32, path: &mut PathBuf) {
        let node = self.node(at);
        if node.above != NONE {
            self.push(node.above, path);
        }
        path.push(&*self.row.name(node.name));
    }

    /// The place that a folder lies in.
    pub(super) fn place(&self, at: u32) -> usize {
        self.node(at).place as usize
    }

    /// What its files are.
    pub(super) fn role(&self, at: u32) -> Role {
        self.node(at).role
    }

    /// The folder above.
    pub(super) fn above(&self, at: u32) -> Option<u32> {
        Some(self.node(at).above).filter(|above| *above != NONE)
    }

    /// The folder that `local_dir=` filled, of those from here up to the place.
    pub(super) fn local(&self, at: u32) -> Option<u32> {
        let in_place = |above: &u32| self.node(*above).place == self.node(at).place;
        let mut folders = std::iter::successors(Some(at), |at| self.above(*at).filter(in_place));
        folders.find(|at| self.node(*at).is_local)
    }

    /// Whether the last parts of its path are these, the last one first.
    pub(super) fn ends_with(&self, at: u32, parts: &[&str]) -> bool {
        let mut folder = Some(at);
        parts.iter().all(|part| {
            let node = folder.map(|at| self.node(at));
            folder = node.map(|node| node.above).filter(|above| *above != NONE);
            node.is_some_and(|node| self.row.name(node.name) == OsStr::new(part))
        })
    }

    /// Which of two names comes first, each a folder and a name in it: part by part, as paths are compared.
    pub(super) fn compare(&self, one: (u32, u32), other: (u32, u32)) -> Ordering {
        if one.0 == other.0 {
            return self.row.compare(one.1, other.1);
        }
        let (depth, below) = (self.node(one.0).depth, self.node(other.0).depth);
        let least = depth.min(below);
        let (first, second) = (self.lifted(one.0, least), self.lifted(other.0, least));
        if first != second {
            return self.siblings(first, second);
        }
        // One lies below the folder of the other: a part of its path stands beside the other's name.
        let beside = |(folder, name): (u32, u32)| match self.node(folder).depth == least {
            true => name,
            false => self.node(self.lifted(folder, least + 1)).name,
        };
        self.row.compare(beside(one), beside(other)).then(depth.cmp(&below))
    }

    /// The folder itself, or the one above it that lies so deep.
    fn lifted(&self, mut at: u32, depth: u16) -> u32 {
        while self.node(at).depth > depth {
            at = self.node(at).above;
        }
        at
    }

    /// Which of two folders that lie equally deep comes first.
    fn siblings(&self, mut one: u32, mut other: u32) -> Ordering {
        while self.node(one).above != self.node(other).above {
            (one, other) = (self.node(one).above, self.node(other).above);
        }
        self.row.compare(self.node(one).name, self.node(other).name)
    }

    /// Of each folder, by its number, what it is sorted by: first its place, then its path.
    pub(super) fn ranks(&self) -> Vec<u64> {
        let mut sorted: Vec<u32> = (0..).take(self.nodes.len()).collect();
        // Those in one folder stand together, the last of them first: so the first one is on top of the heap below.
        sorted.sort_unstable_by(|one, other| {
            let (one, other) = (self.node(*one), self.node(*other));
            one.above.cmp(&other.above).then_with(|| self.row.compare(other.name, one.name))
        });
        let below = |at: u32| {
            let first = sorted.partition_point(|one| self.node(*one).above < at);
            sorted[first..].iter().copied().take_while(move |one| self.node(*one).above == at)
        };
        let mut ranks = vec![0; self.nodes.len()];
        let mut heap: Vec<u32> = below(NONE).collect();
        let mut rank = 0_u64;
        while let Some(at) = heap.pop() {
            ranks[at as usize] = u64::from(self.node(at).place) << 32 | rank;
            rank += 1;
            heap.extend(below(at));
        }
        ranks
    }

    /// Gives back the room that nothing needs any more.
    pub(super) fn settle(&mut self) {
        self.nodes.shrink_to_fit();
        self.row.settle();
    }
}
