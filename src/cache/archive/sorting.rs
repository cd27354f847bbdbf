//! Which of the gathered files have the same bytes: by what their names say of them (a blob of 64 digits is called by its SHA-256),
//! else by reading them.
//!
//! A cache may have a million names: what is known of each lies in lists of numbers, which become those of the index in their place.

use std::io;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::contents;
use super::gather::{Gathered, Root};
use super::members::{Detail, Members, Second, Sum, unhex};
use super::names::{Name, Role};
use super::table::Kind;
use super::things::{self, Source, Things};
use super::users::{self, Lists};
use crate::support::interrupt::{self, Interrupted};

/// Below this, a second name costs as much as the bytes again.
const WORTH_A_LINK: u64 = 512;

/// How a digest is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Not,
    /// The file's name says it.
    Named,
    /// It was read.
    Read,
}

/// A file with two names: one of them, and the first.
#[derive(Debug, Clone, Copy)]
struct Twin {
    at: u32,
    first: u32,
}

/// What becomes of what was gathered. Lists by the numbers of files, unless they say otherwise.
pub(super) struct Sorting {
    things: Things,
    roots: Vec<Root>,
    stores: Vec<Vec<u8>>,
    problems: Vec<(PathBuf, io::Error)>,
    known: Vec<Known>,
    sums: Vec<Sum>,
    /// By `at`. Hard links have one content, which is looked at once.
    twins: Vec<Twin>,
}

/// What became of it: the members, and of each content, as they are numbered, where its bytes are and how its digest is known.
pub(super) struct Sorted {
    pub(super) members: Members,
    pub(super) sources: Vec<Source>,
    pub(super) known: Vec<Known>,
    pub(super) lists: Lists,
    pub(super) roots: Vec<Root>,
    pub(super) stores: Vec<Vec<u8>>,
    pub(super) problems: Vec<(PathBuf, io::Error)>,
}

impl Sorting {
    /// Finds the digests of what was gathered. What has none is left out.
    ///
    /// # Errors
    /// When the person asked to stop.
    pub(super) fn of(gathered: Gathered, trust: bool, progress: &(dyn Fn(u64) + Sync)) -> Result<Self, Interrupted> {
        let Gathered { things, roots, stores, problems, .. } = gathered;
        let known = vec![Known::Not; things.files.len()];
        let sums = vec![Sum::default(); things.files.len()];
        let mut sorting = Self { things, roots, stores, problems, known, sums, twins: Vec::new() };
        sorting.join_hard_links();
        if trust {
            sorting.take_names();
        }
        sorting.read(progress)?;
        sorting.leave_out_the_unknown();
        Ok(sorting)
    }

    /// The number of the file at `at`.
    fn file(&self, at: usize) -> Option<usize> {
        match self.things.table.kind(at) {
            (Kind::File, number) => Some(number),
            _ => None,
        }
    }

    fn all(&self) -> std::ops::Range<usize> {
        0..self.things.len()
    }

    /// The first name of the file at `at`, if that is another one.
    fn first(&self, at: usize) -> Option<usize> {
        let found = self.twins.binary_search_by_key(&at, |twin| twin.at as usize).ok()?;
        Some(self.twins[found].first as usize)
    }

    fn join_hard_links(&mut self) {
        let id = |at: u32| self.things.on_disk(at as usize).and_then(|found| found.id());
        let linked = self.all().filter_map(narrow).filter(|at| id(*at).is_some());
        let mut linked: Vec<u32> = linked.collect();
        linked.sort_by_key(|at| (id(*at), *at));
        let same = linked.chunk_by(|one, other| id(*one) == id(*other));
        let mut twins: Vec<Twin> =
            same.flat_map(|names| names[1..].iter().map(|at| Twin { at: *at, first: names[0] })).collect();
        twins.sort_by_key(|twin| twin.at);
        self.twins = twins;
    }

    /// Takes the digests that names say: those of blobs, and of the payloads that a blob with 64 digits leads to.
    fn take_names(&mut self) {
        for at in self.all() {
            let name = self.things.name(at);
            if let (Some(file), Role::Blob, Some(sum)) = (self.file(at), name.role(&self.stores), digest_in(&name)) {
                (self.sums[file], self.known[file]) = (sum, Known::Named);
            }
        }
        for (payload, blob) in users::links(&self.things.table, &self.stores) {
            let file = self.things.table.find(payload.bytes()).and_then(|at| self.file(at));
            if let (Some(file), Some(sum)) = (file, digest_in(&self.things.name(blob))) {
                (self.sums[file], self.known[file]) = (sum, Known::Named);
            }
        }
    }

    /// Reads the files of which no name says what they hold.
    fn read(&mut self, progress: &(dyn Fn(u64) + Sync)) -> Result<(), Interrupted> {
        let is_unknown = |at: &usize| {
            let file = self.things.on_disk(*at).and_then(|_| self.file(*at));
            file.is_some_and(|file| self.known[file] == Known::Not) && self.first(*at).is_none()
        };
        let unknown: Vec<u32> = self.all().filter(is_unknown).filter_map(narrow).collect();
        let Self { things, roots, known, sums, .. } = self;
        let things = &*things;
        let mut failed = Vec::new();
        let number = |at: usize| unknown.get(at).map_or(0, |at| *at as usize);
        contents::read_all(
            unknown.len(),
            &|at| {
                let at = number(at);
                (things::place(roots, &things.name(at)), things.on_disk(at).unwrap_or_default())
            },
            progress,
            &mut |at, sum| match (things.table.kind(number(at)), sum) {
                ((_, file), Ok(sum)) => (sums[file], known[file]) = (sum, Known::Read),
                (_, Err(error)) => failed.push((number(at), error)),
            },
        );
        if interrupt::requested() {
            return Err(Interrupted("stopped; nothing was written".to_owned()));
        }
        failed.sort_by_key(|(at, _)| *at);
        for (at, error) in failed {
            // It went while the cache was read.
            if error.kind() != io::ErrorKind::NotFound {
                self.problems.push((things::place(&self.roots, &self.things.name(at)), error));
            }
        }
        Ok(())
    }

    /// Leaves out the files whose content is not known, and gives each name of the others its digest.
    fn leave_out_the_unknown(&mut self) {
        let mut kept = vec![true; self.things.len()];
        for at in self.all() {
            let Some(file) = self.file(at) else { continue };
            if let Some(first) = self.first(at).and_then(|first| self.file(first)) {
                (self.sums[file], self.known[file]) = (self.sums[first], self.known[first]);
            }
            kept[at] = self.known[file] != Known::Not || matches!(self.things.files[file], Source::Made(_));
        }
        self.things.table.retain(&kept);
        self.join_hard_links();
    }

    /// Each content under its first name, the others as second names of it.
    pub(super) fn end(mut self) -> Sorted {
        let lists = self.make_lists();
        let (holds, seconds) = self.share();
        let before = |count: &mut u32, holds: &bool| {
            let own = *count;
            *count += u32::from(*holds);
            Some(own)
        };
        let numbers: Vec<u32> = holds.iter().scan(0, before).collect();
        for at in self.all() {
            if let Some(file) = self.file(at) {
                self.things.table.set(at, Kind::File, numbers[file] as usize);
            }
        }
        drop(numbers);
        let Self { things, roots, stores, problems, known, sums, .. } = self;
        let Things { table, files } = things;
        let (sources, known, sums) = (held(files, &holds), held(known, &holds), held(sums, &holds));
        let details = sources.iter().map(detail).collect();
        let mut members = Members::of(table, sums, details, seconds);
        members.settle();
        Sorted { members, sources, known, lists, roots, stores, problems }
    }

    /// The lists of the shared stores, with their digests.
    fn make_lists(&mut self) -> Lists {
        let lists = Lists::of(&self.things.table, &self.stores);
        for at in self.all() {
            let Some(file) = self.file(at).filter(|file| matches!(self.things.files[*file], Source::Made(_))) else {
                continue;
            };
            let text = lists.text(at, &self.stores, |at| self.things.name(at));
            self.things.files[file] = Source::Made(text.len() as u64);
            (self.sums[file], self.known[file]) = (Sha256::digest(&text).into(), Known::Read);
        }
        lists
    }

    /// Of each file, the number of its content: the same for those with the same bytes.
    fn classes(&self) -> Vec<u32> {
        let content = |file: &u32| (self.sums[*file as usize], self.things.files[*file as usize].size());
        let mut order: Vec<u32> = self.all().filter_map(|at| narrow(self.file(at)?)).collect();
        order.sort_unstable_by_key(content);
        let mut classes = vec![0; self.things.files.len()];
        for (number, files) in (0..).zip(order.chunk_by(|one, other| content(one) == content(other))) {
            files.iter().for_each(|file| classes[*file as usize] = number);
        }
        classes
    }

    /// Makes second names of what has the content of another. Gives which files hold their content.
    fn share(&mut self) -> (Vec<bool>, Vec<Second>) {
        const NOBODY: u32 = u32::MAX;
        let classes = self.classes();
        let mut holders = vec![NOBODY; classes.len()];
        let mut holds = vec![false; classes.len()];
        let mut seconds: Vec<Second> = Vec::new();
        for (at, own) in self.all().zip(0_u32..) {
            let Some(file) = self.file(at) else { continue };
            let is_reference = self.things.name(at).role(&self.stores) == Role::Reference;
            // A hard link stays one, however small.
            let first = self.first(at).filter(|_| !is_reference);
            let linked = first.map(|first| match self.things.table.kind(first) {
                (Kind::Same, number) => seconds[number].of,
                _ => narrow(first).unwrap_or(NOBODY),
            });
            let shares = self.things.files[file].size() >= WORTH_A_LINK && !is_reference;
            let holder = &mut holders[classes[file] as usize];
            match linked.or_else(|| Some(*holder).filter(|holder| shares && *holder != NOBODY)) {
                Some(of) => {
                    let with = first.and_then(narrow).unwrap_or(own);
                    let Detail { mtime, mode, .. } = detail(&self.things.files[file]);
                    seconds.push(Second { of, with, mtime, mode });
                    self.things.table.set(at, Kind::Same, seconds.len() - 1);
                }
                None => (*holder, holds[file]) = (own, true),
            }
        }
        (holds, seconds)
    }
}

/// What an index says of a file besides its digest.
fn detail(source: &Source) -> Detail {
    match source {
        Source::Disk(found) => Detail { size: found.size, mtime: found.seconds().max(0), mode: found.mode() },
        Source::Made(size) => Detail { size: *size, mtime: 0, mode: 0o644 },
    }
}

/// Those of `all` that `holds` names, without another list beside them.
fn held<T>(mut all: Vec<T>, holds: &[bool]) -> Vec<T> {
    let mut holds = holds.iter();
    all.retain(|_| holds.next() == Some(&true));
    all.shrink_to_fit();
    all
}

/// A number as the lists hold it; a table has fewer names than there are such numbers.
fn narrow(number: usize) -> Option<u32> {
    u32::try_from(number).ok()
}

/// What a blob's name says of its content, where that is 64 digits.
fn digest_in(blob: &Name) -> Option<Sum> {
    std::str::from_utf8(blob.last()).ok().and_then(unhex)
}
