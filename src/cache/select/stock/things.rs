//! What lies elsewhere than in a hub, one thing after the other. A folder that goes as one has a list of its own; files lie there by the
//! million, so that each is a name in one list of them all, and what those of a folder have in common is there once: 90 bytes, not 700.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::{Entries, EntryKind, Seen, ThingKind};
use crate::cache::stamp::Stamp;

/// A model, or what else lies in a place as one thing, on its way into a list of [`Things`].
#[derive(Debug)]
pub struct Whole {
    /// What it is called.
    pub name: OsString,
    /// Where it is.
    pub path: PathBuf,
    /// What it has in common with others.
    pub lot: Lot,
    /// Itself and everything below it.
    pub entries: Entries,
    /// Whether something below it could not be read.
    pub obscure: bool,
    /// A Git work tree or a bare repository in it: then it stays.
    pub git: Option<PathBuf>,
}

/// What things of one place have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// The place that they lie in.
    pub root: PathBuf,
    /// The name of that place.
    pub place: String,
    /// What they are.
    pub kind: ThingKind,
    /// Whether the place is a home of the project's libraries.
    pub home: bool,
}

/// All of them; once they are in order, by path.
#[derive(Debug, Default)]
pub struct Things {
    order: Vec<Slot>,
    whole: Vec<Whole>,
    /// Files, each of which is one.
    files: Entries,
    /// Of each folder of those: which lot.
    of_folder: Vec<u32>,
    lots: Vec<Lot>,
}

/// Where one of them stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Whole(u32),
    File(u32),
}

/// One of them.
#[derive(Debug, Clone, Copy)]
pub struct Thing<'a> {
    /// What it has in common with others.
    pub lot: &'a Lot,
    /// Whether something below it could not be read.
    pub obscure: bool,
    /// A Git work tree or a bare repository in it: then it stays.
    pub git: Option<&'a Path>,
    whole: Option<&'a Whole>,
    entries: &'a Entries,
    begin: usize,
    end: usize,
}

impl Things {
    /// One more.
    pub fn push(&mut self, thing: Whole) {
        self.order.push(Slot::Whole(short(self.whole.len())));
        self.whole.push(thing);
    }

    /// A file more, or a link; false where there is no room for it.
    pub(super) fn file(&mut self, lot: &Lot, folder: &Path, name: &OsStr, stamp: &Stamp, kind: EntryKind) -> bool {
        let at = self.files.len();
        let last = self.of_folder.len().checked_sub(1).filter(|last| {
            self.files.folder_at(*last) == folder && self.lots.get(long(self.of_folder[*last])) == Some(lot)
        });
        let folder = last.or_else(|| {
            let folder = self.files.folder(folder)?;
            let known = self.lots.iter().position(|known| known == lot);
            self.of_folder.push(short(known.unwrap_or(self.lots.len())));
            self.lots.extend(known.is_none().then(|| lot.clone()));
            Some(folder)
        });
        let added = folder.is_some_and(|folder| self.files.add(folder, name, stamp, kind));
        self.order.extend(added.then_some(Slot::File(short(at))));
        added
    }

    /// Puts them in order, and gives back the room that nothing needs any more.
    pub(super) fn settle(&mut self) {
        let mut order = std::mem::take(&mut self.order);
        order.sort_by(|one, other| self.compare(*one, *other));
        order.shrink_to_fit();
        self.order = order;
        self.files.settle();
    }

    fn compare(&self, one: Slot, other: Slot) -> Ordering {
        let seen = |slot: Slot| if let Slot::File(at) = slot { self.files.get(long(at)) } else { None };
        match (seen(one), seen(other)) {
            // Most lie in one folder.
            (Some(one), Some(other)) if one.folder() == other.folder() => one.name().cmp(&other.name()),
            (one_seen, other_seen) => {
                let path = |slot: Slot, seen: Option<Seen<'_>>| match (seen, slot) {
                    (Some(seen), _) => seen.path(),
                    (None, Slot::Whole(at)) => self.whole.get(long(at)).map(|one| one.path.clone()).unwrap_or_default(),
                    (None, Slot::File(_)) => PathBuf::new(),
                };
                path(one, one_seen).cmp(&path(other, other_seen))
            }
        }
    }

    /// Leaves out those for which `keep` says so.
    pub fn retain(&mut self, keep: impl Fn(Thing<'_>) -> bool) {
        let order = std::mem::take(&mut self.order);
        let is_kept = |slot: &Slot| self.of_slot(*slot).is_none_or(&keep);
        let order = order.into_iter().filter(is_kept).collect();
        self.order = order;
    }

    /// How many they are.
    pub const fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The one at `at`.
    pub fn get(&self, at: usize) -> Option<Thing<'_>> {
        self.of_slot(*self.order.get(at)?)
    }

    /// The one at `path`, or around it, in the order of paths.
    pub(super) fn around(&self, path: &Path) -> Option<usize> {
        path.ancestors().find_map(|path| {
            self.order
                .binary_search_by(|slot| self.of_slot(*slot).map_or(Ordering::Less, |thing| (*thing.path()).cmp(path)))
                .ok()
        })
    }

    fn of_slot(&self, slot: Slot) -> Option<Thing<'_>> {
        Some(match slot {
            Slot::Whole(at) => {
                let whole = self.whole.get(long(at))?;
                Thing {
                    lot: &whole.lot,
                    obscure: whole.obscure,
                    git: whole.git.as_deref(),
                    whole: Some(whole),
                    entries: &whole.entries,
                    begin: 0,
                    end: whole.entries.len(),
                }
            }
            Slot::File(at) => {
                let begin = long(at);
                let lot = self.lots.get(long(*self.of_folder.get(self.files.folder_of_name(begin)?)?))?;
                let (obscure, git, whole) = (false, None, None);
                Thing { lot, obscure, git, whole, entries: &self.files, begin, end: begin + 1 }
            }
        })
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Thing<'_>> {
        self.order.iter().filter_map(|slot| self.of_slot(*slot))
    }
}

impl<'a> Thing<'a> {
    /// Where it is.
    pub fn path(&self) -> Cow<'a, Path> {
        match self.whole {
            Some(whole) => Cow::Borrowed(&whole.path),
            None => Cow::Owned(self.first().map(|entry| entry.path()).unwrap_or_default()),
        }
    }

    /// What it is called.
    pub fn name(&self) -> Cow<'a, OsStr> {
        match self.whole {
            Some(whole) => Cow::Borrowed(&whole.name),
            None => self.first().map(|entry| entry.name()).unwrap_or_default(),
        }
    }

    /// What it is.
    pub const fn kind(&self) -> ThingKind {
        self.lot.kind
    }

    /// Whether it lies in a home of the project's libraries.
    pub const fn home(&self) -> bool {
        self.lot.home
    }

    /// Whether it is one of the files, of which there may be a million.
    pub const fn is_one_of_many(&self) -> bool {
        self.whole.is_none()
    }

    /// Itself and everything below it.
    pub fn entries(&self) -> impl Iterator<Item = Seen<'a>> + use<'a> {
        let entries = self.entries;
        (self.begin..self.end).filter_map(|at| entries.get(at))
    }

    /// Itself.
    pub fn first(&self) -> Option<Seen<'a>> {
        self.entry(0)
    }

    /// The one at `at` of its entries.
    pub fn entry(&self, at: usize) -> Option<Seen<'a>> {
        self.entries.get(self.begin + at).filter(|_| self.begin + at < self.end)
    }

    /// Which of its entries this one is.
    pub(in crate::cache::select) const fn place_of(&self, entry: &Seen<'_>) -> usize {
        entry.place().1.saturating_sub(self.begin)
    }
}

fn short(number: usize) -> u32 {
    // No list has more: its names are numbered so as well.
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn long(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
impl From<Vec<Whole>> for Things {
    fn from(list: Vec<Whole>) -> Self {
        let mut things = Self::default();
        for whole in list {
            let is_one = matches!(whole.lot.kind, ThingKind::File | ThingKind::Unfinished) && whole.entries.len() == 1;
            match whole.entries.first().filter(|_| is_one && whole.git.is_none() && !whole.obscure) {
                Some(one) => assert!(things.file(&whole.lot, one.folder(), &one.name(), &one.stamp, one.kind)),
                None => things.push(whole),
            }
        }
        things
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry;
    use super::*;

    fn lot(kind: ThingKind) -> Lot {
        Lot { root: "/c".into(), place: "torch".into(), kind, home: true }
    }

    fn whole(path: &str) -> Whole {
        Whole {
            name: Path::new(path).file_name().unwrap().to_owned(),
            path: path.into(),
            lot: lot(ThingKind::Folder),
            entries: vec![entry(path, 1, 1, 1, 1), entry(&format!("{path}/x"), 2, 1, 1, 1)].into(),
            obscure: false,
            git: None,
        }
    }

    #[test]
    fn files_and_folders_stand_in_one_order_and_a_file_is_what_its_folder_says() {
        let mut things = Things::default();
        let mut file = |folder: &str, name: &str, kind| {
            let made = entry(&format!("{folder}/{name}"), 7, 5, 1, 1);
            assert!(things.file(&lot(kind), Path::new(folder), OsStr::new(name), &made.stamp, EntryKind::File));
        };
        file("/c/b", "2", ThingKind::File);
        file("/c", "a", ThingKind::File);
        file("/c/b", "1", ThingKind::File);
        file("/c/b", "0", ThingKind::Unfinished);
        things.push(whole("/c/b/1.d"));
        things.push(whole("/c/b"));
        things.settle();
        let found: Vec<_> =
            things.iter().map(|one| (one.path().into_owned(), one.kind(), one.entries().count())).collect();
        let expected = [
            ("/c/a", ThingKind::File, 1),
            ("/c/b", ThingKind::Folder, 2),
            ("/c/b/0", ThingKind::Unfinished, 1),
            ("/c/b/1", ThingKind::File, 1),
            ("/c/b/1.d", ThingKind::Folder, 2),
            ("/c/b/2", ThingKind::File, 1),
        ];
        assert_eq!(found, expected.map(|(path, kind, count)| (PathBuf::from(path), kind, count)));
        assert_eq!((things.lots.len(), size_of::<Slot>()), (2, 8));
        things.retain(|one| !one.path().starts_with("/c/b/1"));
        let entry = |at: usize, inside: usize| things.get(at)?.entry(inside).map(|entry| entry.path());
        assert_eq!(things.len(), 5);
        assert_eq!(things.get(3).map(|one| one.name()), Some(Cow::Borrowed(OsStr::new("1.d"))));
        assert_eq!([entry(3, 1), entry(4, 0), entry(4, 1)], [Some("/c/b/1.d/x".into()), Some("/c/b/2".into()), None]);
    }
}
