//! Puts equal files together: by size, then by what their names say, then by hashes of those of which no name says enough: of the
//! beginning, of the middle and the end, of the whole.

use std::io;
use std::ops::Range;
use std::path::PathBuf;

use super::files::{File, Files};
use super::memory::Memory;
use super::names;
use super::sets::{Chains, Sets};
use super::walk::Walked;
use super::{hash, pairs, work};
use crate::cache::inventory::Problem;
use crate::fetch::Digest;

/// Files that are equal, as far as names and hashes tell: groups of two or more, those with most bytes first.
#[derive(Debug, Default)]
pub struct Groups {
    files: Sets,
    order: Vec<u32>,
}

impl Groups {
    /// The numbers of the files of each.
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> {
        self.order.iter().map(|at| self.files.get(*at as usize))
    }
}

#[cfg(test)]
impl From<Vec<u32>> for Groups {
    fn from(group: Vec<u32>) -> Self {
        let mut groups = Self { order: vec![0], ..Self::default() };
        groups.files.push(group);
        groups
    }
}

/// What a search has found.
#[derive(Debug, Default)]
pub struct Found {
    /// The files of the groups, among others.
    pub files: Files,
    /// Which of them are equal.
    pub groups: Groups,
    /// How many files were large enough.
    pub count: usize,
    /// How many bytes were read to tell them apart.
    pub read: u64,
    /// Whole files' hashes that were of use, by the files' numbers. None of a run that keeps none.
    pub hashed: Vec<(u32, u128)>,
    /// What a run that was killed left.
    pub leftovers: Vec<PathBuf>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// So many files are hashed before what that tells is looked at: with all of a million together, a hash of each would be held.
const BATCH: u64 = 1 << 16;

pub(super) fn group(walked: Walked, memory: &Memory, remembers: bool) -> Found {
    let Walked { mut files, count, leftovers, problems } = walked;
    names::tell(&mut files);
    let (chains, sets) = classes(&files);
    let mut state = State { files: &files, memory, remembers, problems, read: 0, hashed: Vec::new() };
    let (known, sets) = sets.partition(|set| state.remembers(set));
    let sets = state.split(&sets, hash::first, hash::beginning);
    let (small, sets) = sets.partition(|set| state.size(set) <= hash::SMALL);
    let sets = state.split(&sets, |_| hash::REST, hash::rest);
    let (alone, mut sets) = sets.partition(|set| !remembers && state.is_pair(set));
    let mut equal = state.compare(&alone);
    sets.append(&known);
    equal.append(&state.whole(&sets));
    equal.append(&small);
    let State { problems, read, hashed, .. } = state;
    let groups = together(&files, &chains, &equal);
    Found { files, groups, count, read, hashed, leftovers, problems }
}

/// What is known while it works.
struct State<'a> {
    files: &'a Files,
    memory: &'a Memory,
    remembers: bool,
    problems: Vec<Problem>,
    read: u64,
    hashed: Vec<(u32, u128)>,
}

/// Files of one size that names make equal, as chains; and the sets of the first ones that only bytes can tell apart.
fn classes(files: &Files) -> (Chains, Sets) {
    let (mut chains, mut sets) = (Chains::default(), Sets::default());
    for bucket in files.buckets() {
        chain(files, bucket.clone(), &mut chains);
        let first: Vec<u32> = bucket.filter(|at| !chains.is_led(*at)).collect();
        if is_open(files, &first) {
            sets.push(first);
        }
    }
    (chains, sets)
}

/// Chains those files of one size of which names say the same.
fn chain(files: &Files, bucket: Range<u32>, chains: &mut Chains) {
    // The whole digests of a million files would take what all of the files take: those whose first bytes are equal are looked at again.
    let begins = |digest: Digest| -> [u8; 8] {
        let bytes: &[u8] = match &digest {
            Digest::Sha256(bytes) => bytes,
            Digest::Git(bytes) => bytes,
        };
        bytes.first_chunk().copied().unwrap_or_default()
    };
    let known = bucket.filter_map(|at| Some((begins(files.file(at).known()?), at)));
    let mut known: Vec<([u8; 8], u32)> = known.collect();
    known.sort_unstable();
    for alike in known.chunk_by(|one, other| one.0 == other.0).filter(|alike| alike.len() > 1) {
        let mut whole: Vec<(Option<Digest>, u32)> =
            alike.iter().map(|(_, at)| (files.file(*at).known(), *at)).collect();
        whole.sort_unstable();
        for two in whole.windows(2).filter(|two| two[0].0 == two[1].0) {
            chains.add(two[0].1, two[1].1, files.len());
        }
    }
}

/// Whether names leave it open which of these are equal: two names of one kind that differ do not.
fn is_open(files: &Files, set: &[u32]) -> bool {
    let kind = |at: &u32| files.file(*at).known().map(|known| std::mem::discriminant(&known));
    let Some((first, others)) = set.split_first().filter(|(_, others)| !others.is_empty()) else { return false };
    let first = kind(first);
    first.is_none() || others.iter().any(|at| kind(at) != first)
}

impl<'a> State<'a> {
    fn size(&self, set: &[u32]) -> u64 {
        set.first().map_or(0, |at| self.files.file(*at).size())
    }

    fn memory(&self, at: u32) -> Option<u128> {
        self.memory.of(&self.files.file(at).stamp())
    }

    /// Whether the hash of each is known already, so that nothing has to be read.
    fn remembers(&self, set: &[u32]) -> bool {
        self.size(set) > hash::SMALL && set.iter().all(|at| self.memory(*at).is_some())
    }

    /// Splits each set by what `look` reads of its files, so many bytes for each size, and keeps what may still be equal.
    fn split(
        &mut self,
        sets: &Sets,
        bytes: impl Fn(u64) -> u64,
        look: impl Fn(File<'a>) -> io::Result<u128> + Sync,
    ) -> Sets {
        let files = self.files;
        self.sift(
            sets,
            |_| 1,
            |state, some| {
                let looked = work::map(some, |at| look(files.file(*at)));
                let mut hashed = Vec::new();
                for (at, answer) in some.iter().zip(looked) {
                    let Some(answer) = answer else { continue };
                    state.read += bytes(files.file(*at).size());
                    hashed.extend(state.answer(*at, answer).map(|hash| hash_of(hash, *at)));
                }
                hashed
            },
        )
    }

    /// Splits each set by the whole contents, of which the memory may know some.
    fn whole(&mut self, sets: &Sets) -> Sets {
        self.sift(sets, |size| hash::pieces(size).count() as u64, Self::hashes)
    }

    /// The whole hashes of files.
    fn hashes(&mut self, some: &[u32]) -> Vec<Hashed> {
        let files = self.files;
        let of = |at: u32| hash::pieces(files.file(at).size());
        let unknown = some.iter().copied().filter(|at| self.memory(*at).is_none());
        let pieces: Vec<(u32, u64, u64)> =
            unknown.flat_map(|at| of(at).map(move |(begin, length)| (at, begin, length))).collect();
        let read = work::map(&pieces, |(at, begin, length)| hash::piece(files.file(*at), *begin, *length));
        self.read += pieces.iter().map(|(_, _, length)| length).sum::<u64>();
        drop(pieces);
        let mut read = read.into_iter();
        let mut hashed = Vec::new();
        for at in some.iter().copied() {
            let hash = self.memory(at).or_else(|| {
                let stopped = || Err(io::ErrorKind::Interrupted.into());
                let pieces = read.by_ref().take(of(at).count()).map(|piece| piece.unwrap_or_else(stopped));
                // Each piece is taken, whatever comes of those before it: the next file's follow.
                let pieces: Vec<io::Result<u128>> = pieces.collect();
                let pieces: io::Result<Vec<u128>> = pieces.into_iter().collect();
                self.answer(at, pieces.map(|pieces| hash::whole(&pieces)))
            });
            self.hashed.extend(hash.filter(|_| self.remembers).map(|hash| (at, hash)));
            hashed.extend(hash.map(|hash| hash_of(hash, at)));
        }
        hashed
    }

    /// Splits each set by what `hash` says of its files, in their order, each as heavy as `weight` says of its size.
    fn sift(
        &mut self,
        sets: &Sets,
        weight: impl Fn(u64) -> u64,
        hash: impl Fn(&mut Self, &[u32]) -> Vec<Hashed>,
    ) -> Sets {
        let files = self.files;
        let weight = |at: u32| weight(files.file(at).size());
        let of_set = |set: &[u32]| set.first().map_or(0, |at| weight(*at).saturating_mul(set.len() as u64));
        let mut kept = Sets::default();
        for batch in sets.batches(BATCH, of_set) {
            let mut hashed = Vec::new();
            let mut rest = sets.all(batch.clone());
            while !rest.is_empty() {
                let mut sum = 0;
                let fits = |at: &&u32| {
                    sum += weight(**at);
                    sum <= BATCH
                };
                let (some, others) = rest.split_at(rest.iter().take_while(fits).count().max(1));
                hashed.extend(hash(self, some));
                rest = others;
            }
            let mut hashed = hashed.as_mut_slice();
            for set in batch.map(|at| sets.get(at)) {
                let mut members = set.iter();
                let is_its = |hashed: &&Hashed| members.any(|at| *at == hashed.1);
                let count = hashed.iter().take_while(is_its).count();
                let (own, others) = hashed.split_at_mut(count);
                own.sort_unstable();
                for equal in own.chunk_by(|one, other| one.0 == other.0) {
                    let set: Vec<u32> = equal.iter().map(|(_, at)| *at).collect();
                    if is_open(files, &set) {
                        kept.push(set);
                    }
                }
                hashed = others;
            }
        }
        kept
    }

    /// Whether these are two, and nothing is known of either.
    fn is_pair(&self, set: &[u32]) -> bool {
        set.len() == 2 && set.iter().all(|at| self.memory(*at).is_none())
    }

    /// Those of these pairs that are equal.
    fn compare(&mut self, sets: &Sets) -> Sets {
        let files = self.files;
        let pair = |set: &[u32]| Some([files.file(*set.first()?), files.file(*set.get(1)?)]);
        let mut equal = Sets::default();
        pairs::compare(sets.iter().filter_map(pair), |[one, other], answer| {
            self.read += 2 * one.size();
            match answer {
                Ok(true) => equal.push([one.at(), other.at()]),
                Ok(false) => {}
                Err((at, error)) => self.problem(at, &error),
            }
        });
        equal
    }

    fn answer(&mut self, at: u32, answer: io::Result<u128>) -> Option<u128> {
        answer.map_err(|error| self.problem(at, &error)).ok()
    }

    /// What vanished meanwhile is nothing, and who stopped it knows.
    fn problem(&mut self, at: u32, error: &io::Error) {
        if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::Interrupted) {
            self.problems.push(Problem { path: self.files.file(at).name().path(), why: error.to_string() });
        }
    }
}

/// A hash in halves, so that it takes no more room than it is long, and the file that it is of.
type Hashed = ([u64; 2], u32);

const fn hash_of(hash: u128, at: u32) -> Hashed {
    ([(hash >> 64) as u64, hash as u64], at)
}

/// Groups of what names or bytes make equal.
fn together(files: &Files, chains: &Chains, equal: &Sets) -> Groups {
    let mut is_taken = vec![false; files.len() as usize];
    equal.iter().flat_map(|set| set.iter().skip(1)).for_each(|at| is_taken[*at as usize] = true);
    let mut sets: Vec<&[u32]> = equal.iter().collect();
    sets.sort_unstable();
    let mut sets = sets.into_iter().peekable();
    let mut groups = Groups::default();
    for at in (0..files.len()).filter(|at| !chains.is_led(*at)) {
        let others = sets.next_if(|set| set.first() == Some(&at)).map_or(&[][..], |set| &set[1..]);
        let is_group = !others.is_empty() || chains.from(at).nth(1).is_some();
        if is_group && !is_taken[at as usize] {
            let members = std::iter::once(&at).chain(others);
            groups.files.push(members.flat_map(|at| chains.from(*at)));
        }
    }
    groups.order = (0..).take(groups.files.len()).collect();
    let size = |at: &u32| {
        let group = groups.files.get(*at as usize);
        group.first().map_or(0, |first| files.file(*first).size()).saturating_mul(group.len() as u64)
    };
    groups.order.sort_by_key(|at| std::cmp::Reverse(size(at)));
    groups
}
