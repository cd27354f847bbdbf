//! Every file that may have equals, in few bytes each: a cache may hold a million of them. What is asked of one is put together when it is
//! asked.

mod shelf;
mod tree;
mod view;

pub use tree::Tree;
pub use view::{File, Name};

use std::ffi::OsStr;
use std::ops::Range;

use shelf::{Record, Shelf};

use crate::cache::Stamp;
use crate::fetch::Digest;

/// Files, by their numbers.
#[derive(Debug, Default)]
pub struct Files {
    records: Vec<Record>,
    /// The names of files that have several, but for the first: sorted by the number of their file.
    more: Vec<More>,
    /// What is said of files elsewhere than in their names, sorted by their numbers.
    told: Vec<(u32, Digest)>,
    /// The folders that they lie in.
    pub(super) tree: Tree,
    shelf: Shelf,
}

/// One name more of a file.
#[derive(Debug, Clone, Copy)]
struct More {
    file: u32,
    folder: u32,
    name: u32,
}

/// What a name is to the layout that it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A payload of a hub's shared store.
    Payload,
    /// A blob of a repository.
    Blob,
    /// A file of a revision that is no link: where the client could not make one.
    Snapshot,
    /// Anything else.
    Plain,
}

impl Role {
    /// Whether it is a content of a hub, which never becomes a link to elsewhere.
    pub const fn is_hub(self) -> bool {
        matches!(self, Self::Payload | Self::Blob | Self::Snapshot)
    }
}

impl Files {
    /// How many they are.
    pub fn len(&self) -> u32 {
        // No more are added than have a number.
        u32::try_from(self.records.len()).unwrap_or(u32::MAX)
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// One name more, `name` in a folder of the tree; false where there is no room for it.
    pub(super) fn add(&mut self, folder: u32, name: &OsStr, stamp: &Stamp, owner: (u32, u32)) -> bool {
        let record = |files: &mut Self| {
            u32::try_from(files.records.len()).ok().filter(|at| *at < u32::MAX >> 1)?;
            let name = files.tree.row.add(name)?;
            files.shelf.put(stamp, owner, folder, name)
        };
        record(self).map(|record| self.records.push(record)).is_some()
    }

    /// Sorts the names by size, place and path, makes those of one inode one file, and leaves out every file whose size no other one has:
    /// how many files there were.
    pub(super) fn settle(&mut self) -> usize {
        let ranks = self.tree.ranks();
        let row = &self.tree.row;
        self.records.sort_unstable_by(|one, other| {
            let key = |record: &Record| (record.size, ranks[record.folder as usize]);
            key(one).cmp(&key(other)).then_with(|| row.compare(one.name, other.name))
        });
        drop(ranks);
        let count = self.join();
        self.records.shrink_to_fit();
        self.more.shrink_to_fit();
        self.tree.settle();
        count
    }

    /// Makes the names of one inode one file, which has the first of them, and leaves out files that are alone with their size: how many
    /// files there were. In place: a second list of a million is room that nobody has.
    fn join(&mut self) -> usize {
        let (mut start, mut kept, mut count) = (0, 0, 0);
        let mut first = Vec::new();
        while let Some(size) = self.records.get(start).map(|record| record.size) {
            let length = self.records[start..].iter().take_while(|record| record.size == size).count();
            let files = self.firsts(start, length, &mut first);
            count += files;
            for at in 0..(if files > 1 { length } else { 0 }) {
                let record = self.records[start + at];
                if first[at] as usize == at {
                    self.records[kept] = record;
                    first[at] = number(kept);
                    kept += 1;
                } else {
                    let file = first[first[at] as usize];
                    self.more.push(More { file, folder: record.folder, name: record.name });
                }
            }
            start += length;
        }
        self.records.truncate(kept);
        // Those of one file keep their order.
        self.more.sort_by_key(|more| more.file);
        count
    }

    /// Of each of the `length` names from `start` on: the first of them that is the same file, counted from `start`. How many files they are.
    fn firsts(&self, start: usize, length: usize, first: &mut Vec<u32>) -> usize {
        let id = |at: u32| self.shelf.id(&self.records[start + at as usize]);
        let mut order: Vec<u32> = (0..number(length)).collect();
        order.sort_unstable_by_key(|at| (id(*at), *at));
        first.clear();
        first.extend(0..number(length));
        let mut files = 0;
        // Also one with a single name may have come twice: by two mounts.
        for same in order.chunk_by(|one, other| id(*one) != (0, 0) && id(*one) == id(*other)) {
            files += 1;
            same.iter().for_each(|at| first[*at as usize] = same[0]);
        }
        files
    }

    /// The number that a name is which stands there, if it is one of 64 hexadecimal digits.
    pub(super) fn number(&self, name: u32) -> Option<&[u8; 32]> {
        self.tree.row.number(name)
    }

    /// The numbers of the files of each size.
    pub(super) fn buckets(&self) -> impl Iterator<Item = Range<u32>> {
        let mut end = 0;
        self.records.chunk_by(|one, other| one.size == other.size).map(move |bucket| {
            let start = end;
            end += number(bucket.len());
            start..end
        })
    }

    /// Notes what is said of files elsewhere than in their names; nothing was said of them before.
    pub(super) fn tell(&mut self, told: Vec<(u32, Digest)>) {
        match self.told.is_empty() {
            true => self.told = told,
            false => self.told.extend(told),
        }
        self.told.sort_unstable();
        // Of several digests of one file the first counts, whichever was found first.
        self.told.dedup_by_key(|(at, _)| *at);
        self.told.shrink_to_fit();
    }

    /// Sorts the names of a file by what `rank` says of them, then by their paths.
    pub(super) fn order_names<K: Ord>(&mut self, at: u32, rank: impl Fn(Name<'_>) -> K) {
        if self.more_of(at).is_empty() {
            return;
        }
        let mut names: Vec<Name<'_>> = self.file(at).names().collect();
        names.sort_by(|one, other| rank(*one).cmp(&rank(*other)).then_with(|| one.compare(*other)));
        let names: Vec<(u32, u32)> = names.into_iter().map(Name::place_in_tree).collect();
        let Some(((folder, name), others)) = names.split_first() else { return };
        let record = &mut self.records[at as usize];
        (record.folder, record.name) = (*folder, *name);
        let range = self.range_of_more(at);
        for (more, (folder, name)) in self.more[range].iter_mut().zip(others) {
            (more.folder, more.name) = (*folder, *name);
        }
    }

    fn record(&self, at: u32) -> &Record {
        &self.records[at as usize]
    }

    fn told(&self, at: u32) -> Option<Digest> {
        let told = self.told.binary_search_by_key(&at, |(at, _)| *at).ok()?;
        Some(self.told[told].1)
    }

    fn more_of(&self, at: u32) -> &[More] {
        &self.more[self.range_of_more(at)]
    }

    fn range_of_more(&self, at: u32) -> Range<usize> {
        let begin = self.more.partition_point(|more| more.file < at);
        let length = self.more[begin..].iter().take_while(|more| more.file == at).count();
        begin..begin + length
    }
}

/// A number of a list that is no longer than numbers reach.
fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
pub(super) mod made;

#[cfg(test)]
mod tests;
