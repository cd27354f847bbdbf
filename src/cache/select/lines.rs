//! The lines of a plan, and what stays although it was asked for. A file that lies loose in a folder has a line of its own, and a million
//! have a million: such a line is two numbers, and what is written in it is made when somebody asks.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use super::stock::{Stock, Thing};
use super::used::{self, Used};
use super::{Kept, Line, Role, Victim, Victims};
use crate::support::quoted;

/// The lines of a plan, in order.
#[derive(Debug, Default)]
pub struct Lines<'a> {
    parts: Vec<Part<'a>>,
}

/// Lines that follow each other.
#[derive(Debug)]
pub(super) enum Part<'a> {
    One(Box<Line<'a>>),
    Files(Files<'a>),
}

/// Lines of files that go for one reason.
#[derive(Debug)]
pub(super) struct Files<'a> {
    stock: &'a Stock,
    why: String,
    list: Vec<File>,
    /// When they were used, where another clock says so than theirs.
    noted: BTreeMap<u32, Used>,
}

#[derive(Debug, Clone, Copy)]
struct File {
    /// Which thing of the stock.
    thing: u32,
    /// Whether it frees what it takes, and not nothing.
    frees: bool,
}

impl<'a> Lines<'a> {
    /// One more.
    pub(super) fn push(&mut self, line: Line<'a>) {
        self.parts.push(Part::One(Box::new(line)));
    }

    /// The line of a thing that is one of many files. `noted`: when it was used, if another clock says so than its own.
    pub(super) fn file(&mut self, stock: &'a Stock, index: usize, why: &str, frees: bool, noted: Option<Used>) {
        if !matches!(self.parts.last(), Some(Part::Files(files)) if files.why == why) {
            let (list, noted) = (Vec::new(), BTreeMap::new());
            self.parts.push(Part::Files(Files { stock, why: why.to_owned(), list, noted }));
        }
        if let (Some(Part::Files(files)), Ok(thing)) = (self.parts.last_mut(), u32::try_from(index)) {
            files.list.push(File { thing, frees });
            files.noted.extend(noted.map(|noted| (thing, noted)));
        }
    }

    /// Those that are written down, the last first.
    pub(super) fn written_mut(&mut self) -> impl Iterator<Item = &mut Line<'a>> {
        self.parts.iter_mut().rev().filter_map(|part| match part {
            Part::One(line) => Some(&mut **line),
            Part::Files(_) => None,
        })
    }

    pub(super) fn parts(&self) -> &[Part<'a>] {
        &self.parts
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// All of them, one after the other.
    pub fn iter(&self) -> impl Iterator<Item = Cow<'_, Line<'a>>> {
        self.parts.iter().flat_map(|part| {
            let (one, files) = match part {
                Part::One(line) => (Some(Cow::Borrowed(&**line)), None),
                Part::Files(files) => (None, Some(files)),
            };
            let lines = files.into_iter().flat_map(|files| files.list.iter().filter_map(|file| files.line(*file)));
            one.into_iter().chain(lines.map(Cow::Owned))
        })
    }

    /// What all of them free, in bytes.
    pub(super) fn frees(&self) -> u64 {
        let of = |part: &Part<'a>| match part {
            Part::One(line) => line.frees,
            Part::Files(files) => files.list.iter().fold(0, |sum: u64, file| sum.saturating_add(files.bytes(*file))),
        };
        self.parts.iter().map(of).fold(0, u64::saturating_add)
    }

    /// The places that something is removed from.
    pub(super) fn roots(&self) -> BTreeSet<&Path> {
        let mut roots = BTreeSet::new();
        for part in &self.parts {
            match part {
                Part::One(line) => roots.extend(line.victims.roots()),
                Part::Files(files) => {
                    let mut last = Path::new("");
                    for root in files.list.iter().filter_map(|file| Some(&files.thing(*file)?.lot.root)) {
                        if root != last {
                            roots.insert(root);
                            last = root;
                        }
                    }
                }
            }
        }
        roots
    }

    /// Leaves the victims out that `keep` does not want.
    pub fn retain(&mut self, keep: impl Fn(&Path) -> bool) {
        for part in &mut self.parts {
            match part {
                Part::One(line) => line.victims.retain(&keep),
                Part::Files(files) => {
                    let stock = files.stock;
                    files.list.retain(|file| stock.things.get(file.place()).is_some_and(|one| keep(&one.path())));
                }
            }
        }
    }
}

impl File {
    fn place(self) -> usize {
        usize::try_from(self.thing).unwrap_or(usize::MAX)
    }
}

impl<'a> Files<'a> {
    pub(super) const fn len(&self) -> usize {
        self.list.len()
    }

    fn thing(&self, file: File) -> Option<Thing<'a>> {
        self.stock.things.get(file.place())
    }

    fn bytes(&self, file: File) -> u64 {
        let disk = || self.thing(file)?.first().map(|entry| entry.stamp.disk);
        if file.frees { disk().unwrap_or_default() } else { 0 }
    }

    /// The thing at `at` of the list.
    pub(super) fn at(&self, at: usize) -> Option<Thing<'a>> {
        self.thing(*self.list.get(at)?)
    }

    /// What goes for the line at `at`.
    pub(super) fn victim(&self, at: usize) -> Option<Victim> {
        let (thing, bytes) = (self.at(at)?, self.bytes(*self.list.get(at)?));
        let (path, root) = (thing.path().into_owned(), thing.lot.root.clone());
        Some(Victim { path, root, stamp: thing.first()?.stamp, role: Role::File, bytes, why: self.why.clone() })
    }

    fn line(&self, file: File) -> Option<Line<'a>> {
        let thing = self.thing(file)?;
        let mut victims = Victims::of(self.stock, &self.why);
        victims.add_thing(file.place(), &thing.lot.root);
        Some(Line {
            name: quoted::text(thing.name()),
            kind: thing.kind().name(),
            path: thing.path().into_owned(),
            why: self.why.clone(),
            used: self.noted.get(&file.thing).copied().or_else(|| used::of(thing.entries())),
            frees: self.bytes(file),
            count: 1,
            victims,
        })
    }
}

/// What stays although it was asked for, in order.
#[derive(Debug, Default)]
pub struct Stays<'a> {
    parts: Vec<Staying<'a>>,
    /// The files among it.
    files: HashSet<u32>,
    len: usize,
}

#[derive(Debug)]
enum Staying<'a> {
    One(Kept),
    /// Files that stay for one reason.
    Files(&'a Stock, String, By, Vec<u32>),
}

/// What something is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Name,
    Place,
}

impl<'a> Stays<'a> {
    /// One more.
    pub(super) fn push(&mut self, kept: Kept) {
        self.parts.push(Staying::One(kept));
        self.len += 1;
    }

    /// A thing that is one of many files, by its name or by that of its place.
    pub(super) fn file(&mut self, stock: &'a Stock, index: usize, why: &str, by: By) {
        let Ok(index) = u32::try_from(index) else { return };
        self.files.insert(index);
        self.len += 1;
        match self.parts.last_mut() {
            Some(Staying::Files(_, known, was, list)) if known == why && *was == by => list.push(index),
            _ => self.parts.push(Staying::Files(stock, why.to_owned(), by, vec![index])),
        }
    }

    /// Whether this thing is there, which is one of many files.
    pub(super) fn has_file(&self, index: usize) -> bool {
        u32::try_from(index).is_ok_and(|index| self.files.contains(&index))
    }

    /// Whether what is at `path` is there, and is none of many files.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.parts.iter().any(|part| matches!(part, Staying::One(kept) if kept.path == path))
    }

    /// How many they are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Cow<'_, Kept>> {
        self.parts.iter().flat_map(|part| {
            let (one, files) = match part {
                Staying::One(kept) => (Some(Cow::Borrowed(kept)), None),
                Staying::Files(stock, why, by, list) => (None, Some((*stock, why, *by, list))),
            };
            let files = files.into_iter().flat_map(|(stock, why, by, list)| {
                list.iter().filter_map(move |index| {
                    let thing = stock.things.get(usize::try_from(*index).ok()?)?;
                    let name = match by {
                        By::Place => thing.lot.place.clone(),
                        By::Name => quoted::text(thing.name()),
                    };
                    Some(Cow::Owned(Kept { name, path: thing.path().into_owned(), why: why.clone() }))
                })
            });
            one.into_iter().chain(files)
        })
    }
}
