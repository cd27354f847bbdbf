//! Puts equal files together: by size, then by what their names say, then by hashes of those of which no name says enough: of the
//! beginning, of the middle and the end, of the whole.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use super::file::File;
use super::memory::Memory;
use super::names::{self, Listings};
use super::walk::Walked;
use super::{hash, pairs, work};
use crate::cache::Stamp;
use crate::cache::inventory::Problem;
use crate::fetch::Digest;

/// Files that are equal, as far as names and hashes tell. Two or more.
#[derive(Debug, Clone)]
pub struct Group {
    /// Each inode once.
    pub files: Vec<File>,
}

/// What a search has found.
#[derive(Debug, Default)]
pub struct Found {
    /// Groups of equal files, those with most bytes first.
    pub groups: Vec<Group>,
    /// How many files were large enough.
    pub files: usize,
    /// How many bytes were read to tell them apart.
    pub read: u64,
    /// Whole files' hashes that were of use.
    pub hashed: Vec<(Stamp, u128)>,
    /// What a run that was killed left.
    pub leftovers: Vec<PathBuf>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Files that names make equal: of one of them the bytes are read, if any have to be.
struct Class {
    file: usize,
    /// The others.
    more: Vec<usize>,
    /// Other classes with the same content.
    same: Vec<usize>,
}

impl Class {
    fn files(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.file).chain(self.more.iter().copied())
    }
}

/// Which classes may have the same content: indices.
type Sets = Vec<Vec<usize>>;

pub(super) fn group(walked: Walked, memory: &Memory, remembers: bool) -> Found {
    let Walked { mut files, leftovers, problems } = walked;
    read_notes(&mut files);
    let (classes, sets) = classes(&mut files);
    let mut state = State { files, classes, problems, read: 0, hashed: Vec::new() };
    let (known, sets): (Sets, Sets) = sets.into_iter().partition(|set| state.remembers(set, memory));
    let sets = state.split(sets, |file| (hash::first(file.stamp.size), hash::beginning(file)));
    let (small, sets): (Sets, Sets) = sets.into_iter().partition(|set| state.size(set) <= hash::SMALL);
    let sets = state.split(sets, |file| (hash::REST, hash::rest(file)));
    let (alone, sets): (Sets, Sets) = sets.into_iter().partition(|set| !remembers && state.is_pair(set, memory));
    let alone = state.compare(alone);
    let mut sets = state.whole(sets.into_iter().chain(known).collect(), memory);
    sets.extend(alone.into_iter().chain(small));
    for set in sets {
        if let Some((first, others)) = set.split_first()
            && let Some(class) = state.classes.get_mut(*first)
        {
            class.same = others.to_vec();
        }
    }
    state.finish(leftovers)
}

/// What is known while it works.
struct State {
    files: Vec<File>,
    classes: Vec<Class>,
    problems: Vec<Problem>,
    read: u64,
    hashed: Vec<(Stamp, u128)>,
}

/// Adds what notes say of those files that may have equals; `files` are sorted by size. Each note is a file to open.
fn read_notes(files: &mut [File]) {
    let mut asked = Vec::new();
    let mut start = 0;
    for bucket in files.chunk_by(|one, other| one.stamp.size == other.stamp.size) {
        let unknown = |file: &File| file.known.is_none() && file.names.iter().any(|name| name.local.is_some());
        let open = bucket.iter().enumerate().filter(|(_, file)| bucket.len() > 1 && unknown(file));
        asked.extend(open.map(|(at, _)| start + at));
        start += bucket.len();
    }
    let told = work::map(&asked, |at| files.get(*at).and_then(names::noted));
    for (at, told) in asked.into_iter().zip(told) {
        if let Some(file) = files.get_mut(at) {
            file.known = told.flatten();
        }
    }
}

/// The classes of all files, and the sets of them that only bytes can tell apart. `files` are sorted by size.
fn classes(files: &mut [File]) -> (Vec<Class>, Sets) {
    let (mut classes, mut sets): (Vec<Class>, Sets) = (Vec::new(), Vec::new());
    let mut listings = Listings::default();
    let mut start = 0;
    for bucket in files.chunk_by_mut(|one, other| one.stamp.size == other.stamp.size) {
        let first = start;
        start += bucket.len();
        if bucket.len() < 2 {
            continue;
        }
        let begins = classes.len();
        let mut named: HashMap<Digest, usize> = HashMap::new();
        for (at, file) in bucket.iter_mut().enumerate() {
            file.known = file.known.or_else(|| listings.of(file));
            let seen = file.known.and_then(|digest| named.get(&digest).copied());
            if let Some(class) = seen.and_then(|seen| classes.get_mut(seen)) {
                class.more.push(first + at);
                continue;
            }
            named.extend(file.known.map(|digest| (digest, classes.len())));
            classes.push(Class { file: first + at, more: Vec::new(), same: Vec::new() });
        }
        let set: Vec<usize> = (begins..classes.len()).collect();
        let known = |class: usize| bucket.get(classes.get(class)?.file - first)?.known;
        if is_open(&set, known) {
            sets.push(set);
        }
    }
    (classes, sets)
}

/// Whether names leave it open which of these are equal: two names of one kind that differ do not. `known` is what the names of a class say.
fn is_open(set: &[usize], known: impl Fn(usize) -> Option<Digest>) -> bool {
    let kind = |class: &usize| known(*class).map(|known| std::mem::discriminant(&known));
    let first = set.first().and_then(kind);
    set.len() > 1 && (first.is_none() || set.iter().any(|class| kind(class) != first))
}

impl State {
    /// The file of a class whose bytes are read.
    fn file(&self, class: usize) -> Option<&File> {
        self.files.get(self.classes.get(class)?.file)
    }

    fn size(&self, set: &[usize]) -> u64 {
        set.first().and_then(|class| self.file(*class)).map_or(0, |file| file.stamp.size)
    }

    /// Whether the hash of each is known already, so that nothing has to be read.
    fn remembers(&self, set: &[usize], memory: &Memory) -> bool {
        let small = self.size(set) <= hash::SMALL;
        !small && set.iter().all(|class| self.file(*class).is_some_and(|file| memory.of(&file.stamp).is_some()))
    }

    /// Splits each set by what `look` reads of its files, and keeps what may still be equal.
    fn split(&mut self, sets: Sets, look: impl Fn(&File) -> (u64, io::Result<u128>) + Sync) -> Sets {
        let asked: Vec<(usize, usize)> =
            sets.iter().enumerate().flat_map(|(at, set)| set.iter().map(move |class| (at, *class))).collect();
        let looked = work::map(&asked, |(_, class)| self.file(*class).map(&look));
        let mut answers = Vec::with_capacity(asked.len());
        for ((at, class), answer) in asked.into_iter().zip(looked) {
            let Some((read, answer)) = answer.flatten() else { continue };
            self.read += read;
            answers.extend(self.answer(class, answer).map(|hash| (at, class, hash)));
        }
        self.sets(answers)
    }

    /// Whether these are two, and nothing is known of either.
    fn is_pair(&self, set: &[usize], memory: &Memory) -> bool {
        set.len() == 2 && set.iter().all(|class| self.file(*class).is_some_and(|file| memory.of(&file.stamp).is_none()))
    }

    /// Those of these pairs that are equal.
    fn compare(&mut self, sets: Sets) -> Sets {
        let member = |class: &usize| Some((*class, self.file(*class)?));
        let pairs: Vec<_> = sets.iter().filter_map(|set| Some([member(set.first()?)?, member(set.get(1)?)?])).collect();
        let read: u64 = pairs.iter().map(|[(_, one), _]| 2 * one.stamp.size).sum();
        let answers = pairs::compare(&pairs);
        self.read += read;
        let mut equal = Vec::new();
        for (set, answer) in sets.into_iter().zip(answers) {
            match answer {
                Ok(true) => equal.push(set),
                Ok(false) => {}
                Err((class, error)) => self.problem(class, &error),
            }
        }
        equal
    }

    /// Splits each set by the whole contents, of which `memory` may know some.
    fn whole(&mut self, sets: Sets, memory: &Memory) -> Sets {
        let known = |class: &usize| self.file(*class).and_then(|file| memory.of(&file.stamp));
        let unknown = sets.iter().flatten().filter(|class| known(class).is_none());
        let pieces: Vec<(usize, u64, u64)> = unknown
            .filter_map(|class| Some((class, self.file(*class)?.stamp.size)))
            .flat_map(|(class, size)| hash::pieces(size).map(move |(at, length)| (*class, at, length)))
            .collect();
        let read =
            work::map(&pieces, |(class, at, length)| self.file(*class).map(|file| hash::piece(file, *at, *length)));
        let mut hashes: HashMap<usize, io::Result<Vec<u128>>> = HashMap::new();
        for ((class, _, length), piece) in pieces.into_iter().zip(read) {
            self.read += length;
            let so_far = hashes.entry(class).or_insert_with(|| Ok(Vec::new()));
            match (so_far.as_mut(), piece.flatten().unwrap_or_else(|| Err(io::ErrorKind::Interrupted.into()))) {
                (Ok(so_far), Ok(piece)) => so_far.push(piece),
                (Ok(_), Err(error)) => *so_far = Err(error),
                (Err(_), _) => {}
            }
        }
        let mut answers = Vec::new();
        for (at, class) in sets.iter().enumerate().flat_map(|(at, set)| set.iter().map(move |class| (at, *class))) {
            let remembered = self.file(class).and_then(|file| memory.of(&file.stamp));
            let hash = match (remembered, hashes.remove(&class)) {
                (Some(hash), _) => Some(hash),
                (None, Some(pieces)) => self.answer(class, pieces.map(|pieces| hash::whole(&pieces))),
                (None, None) => None,
            };
            let stamp = self.file(class).map(|file| file.stamp);
            self.hashed.extend(stamp.zip(hash));
            answers.extend(hash.map(|hash| (at, class, hash)));
        }
        self.sets(answers)
    }

    fn answer(&mut self, class: usize, answer: io::Result<u128>) -> Option<u128> {
        match answer {
            Ok(hash) => Some(hash),
            Err(error) => {
                self.problem(class, &error);
                None
            }
        }
    }

    /// What vanished meanwhile is nothing, and who stopped it knows.
    fn problem(&mut self, class: usize, error: &io::Error) {
        let is_none = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::Interrupted);
        if let Some(file) = self.file(class).filter(|_| !is_none) {
            self.problems.push(Problem { path: file.name().path(), why: error.to_string() });
        }
    }

    /// Sets of those that were in one set and have one hash, if names leave them open.
    fn sets(&self, mut answers: Vec<(usize, usize, u128)>) -> Sets {
        let one = |(at, _, hash): &(usize, usize, u128)| (*at, *hash);
        answers.sort_by_key(one);
        let equal = answers.chunk_by(|first, second| one(first) == one(second)).filter(|equal| equal.len() > 1);
        let sets = equal.map(|equal| equal.iter().map(|(_, class, _)| *class).collect::<Vec<usize>>());
        sets.filter(|set| is_open(set, |class| self.file(class)?.known)).collect()
    }

    fn finish(self, leftovers: Vec<PathBuf>) -> Found {
        let Self { files, classes, problems, read, hashed } = self;
        let count = files.len();
        let mut files: Vec<Option<File>> = files.into_iter().map(Some).collect();
        let taken: std::collections::HashSet<usize> =
            classes.iter().flat_map(|class| class.same.iter().copied()).collect();
        let mut groups = Vec::new();
        for (at, class) in classes.iter().enumerate() {
            if taken.contains(&at) || (class.more.is_empty() && class.same.is_empty()) {
                continue;
            }
            let others = class.same.iter().filter_map(|other| classes.get(*other));
            let members = std::iter::once(class).chain(others).flat_map(Class::files);
            groups.push(Group { files: members.filter_map(|file| files.get_mut(file)?.take()).collect() });
        }
        let size = |group: &Group| group.files.iter().map(|file| file.stamp.size).sum::<u64>();
        groups.sort_by_key(|group| std::cmp::Reverse(size(group)));
        Found { groups, files: count, read, hashed, leftovers, problems }
    }
}
