//! Contents of an archive that the cache has already, as a blob of another repository or as the other name of what was one file: in
//! an empty cache they would come as second names of each other, and here they become second names of what is there. No name and
//! no size is believed: its bytes are read first.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;

use super::contents::read_all;
use super::found::Found;
use super::index::Index;
use super::members::{Members, Sum, hex};
use super::merge::{Merge, Step};
use super::names::{self, Role};
use super::sharing::{Files, Sharing};
use super::target::Target;
use crate::cache::stamp::Stamp;
use crate::support::interrupt;

/// A file of the cache with the bytes of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Twin {
    place: Place,
    /// As it was when it was read.
    pub(super) found: Found,
}

/// Where a twin lies: in a million there are few folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the folder of blobs of that number, called as the member is, or by the digest.
    Blob { folder: u32, by_sum: bool },
    /// In the place of this member, which is there.
    Member(u32),
}

/// The members whose bytes are there, and where.
#[derive(Debug, Default)]
pub struct Twins {
    by_member: BTreeMap<u32, Twin>,
    folders: Vec<PathBuf>,
}

impl Twins {
    /// The file with the bytes of the member `at`.
    pub fn get(&self, at: usize) -> Option<&Twin> {
        self.by_member.get(&u32::try_from(at).ok()?)
    }

    /// Where the twin of the member `at` is.
    pub(super) fn path(&self, at: usize, twin: &Twin, index: &Index, target: &Target) -> PathBuf {
        path(&self.folders, at, twin.place, index, target)
    }
}

fn path(folders: &[PathBuf], at: usize, place: Place, index: &Index, target: &Target) -> PathBuf {
    let members = &index.members;
    match place {
        Place::Member(other) => target.spot(members.name(other as usize).bytes()).path(),
        Place::Blob { folder, by_sum } => {
            let folder = folders.get(folder as usize).cloned().unwrap_or_default();
            match by_sum {
                true => folder.join(hex(&sum_of(members, at).unwrap_or_default())),
                false => folder.join(names::to_path(members.name(at).last())),
            }
        }
    }
}

/// The digest that the content of the member `at` must have.
fn sum_of(members: &Members, at: usize) -> Option<Sum> {
    members.content(at).and_then(|(holder, _)| members.sum(holder))
}

/// A file that may have the bytes of a member.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    taker: u32,
    twin: Twin,
}

/// Finds what of `plan` is there under another name: its bytes are not wanted any more. What is found when the person asked to stop is
/// not all.
pub(super) fn find(index: &Index, target: &Target, plan: &Merge, progress: &(dyn Fn(u64) + Sync)) -> Twins {
    let mut search = Search { index, target, plan, folders: Vec::new(), candidates: Vec::new() };
    search.blobs();
    search.members();
    let Search { folders, mut candidates, .. } = search;
    // Those of one member stay in their order: the last is tried first.
    candidates.sort_by_key(|candidate| candidate.taker);
    let found = |candidate: &Candidate| {
        (path(&folders, candidate.taker as usize, candidate.twin.place, index, target), candidate.twin.found)
    };
    let hasher = RandomState::new();
    let mut known: HashMap<u64, Option<Sum>> = HashMap::new();
    let mut twins = BTreeMap::new();
    while !candidates.is_empty() {
        let last = candidates.chunk_by(|one, other| one.taker == other.taker).filter_map(|wish| wish.last().copied());
        let last: Vec<(u64, Candidate)> = last.map(|one| (hasher.hash_one(&found(&one).0), one)).collect();
        let mut next: Vec<(u64, Candidate)> =
            last.iter().filter(|(file, _)| !known.contains_key(file)).copied().collect();
        next.sort_by_key(|(file, _)| *file);
        next.dedup_by_key(|(file, _)| *file);
        read_all(next.len(), &|at| found(&next[at].1), progress, &mut |at, sum| {
            known.insert(next[at].0, sum.ok());
        });
        if interrupt::requested() {
            break;
        }
        for (file, Candidate { taker, twin }) in last {
            let sum = known.get(&file).copied().flatten();
            if sum.is_some() && sum == sum_of(&index.members, taker as usize) {
                twins.insert(taker, twin);
            }
        }
        let mut at = 0;
        let is_last: Vec<bool> = candidates
            .chunk_by(|one, other| one.taker == other.taker)
            .flat_map(|wish| (1..=wish.len()).map(|n| n == wish.len()))
            .collect();
        candidates.retain(|candidate| {
            at += 1;
            !is_last[at - 1] && !twins.contains_key(&candidate.taker)
        });
    }
    Twins { by_member: twins, folders }
}

struct Search<'a> {
    index: &'a Index,
    target: &'a Target,
    plan: &'a Merge,
    folders: Vec<PathBuf>,
    candidates: Vec<Candidate>,
}

/// What a blob that is looked for may be called: a hash of that, and of its hub.
#[derive(Debug, Clone, Copy)]
struct Called {
    hash: u64,
    taker: u32,
    by_sum: bool,
}

impl Search<'_> {
    /// A file that may be a twin of `taker`: not itself, and with as many bytes.
    fn add(&mut self, taker: u32, place: Place) {
        let members = &self.index.members;
        let path = path(&self.folders, taker as usize, place, self.index, self.target);
        let own = self.target.spot(members.name(taker as usize).bytes()).path();
        let size = members.content(taker as usize).map(|(_, size)| size);
        let there = fs::symlink_metadata(&path).ok();
        let there = there.filter(|found| found.is_file() && Some(found.len()) == size && path != own);
        if let Some(there) = there {
            let found = Found::of(&Stamp::of(&there));
            self.candidates.push(Candidate { taker, twin: Twin { place, found } });
        }
    }

    /// Blobs of other repositories of the hub that are called by the SHA-256, or as in the archive, by Git's digest. Each hub is
    /// listed once, however many contents come to it.
    fn blobs(&mut self) {
        let hubs = self.hubs();
        let folders: Vec<Vec<PathBuf>> = hubs.iter().map(|hub| blob_folders(hub)).collect();
        if folders.iter().all(Vec::is_empty) {
            return;
        }
        let hasher = RandomState::new();
        let called = self.called(&hubs, &hasher);
        for (number, folder) in
            folders.into_iter().enumerate().flat_map(|(number, all)| all.into_iter().map(move |one| (number, one)))
        {
            let place = u32::try_from(self.folders.len()).unwrap_or(u32::MAX);
            self.folders.push(folder.clone());
            let listed = fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
            for name in listed.filter_map(|blob| names::of_text(&blob.file_name())) {
                let hash = hasher.hash_one((number, &name[..]));
                let first = called.partition_point(|one| one.hash < hash);
                for one in called[first..].iter().take_while(|one| one.hash == hash) {
                    self.add(one.taker, Place::Blob { folder: place, by_sum: one.by_sum });
                }
            }
        }
    }

    /// The hubs to which blobs come.
    fn hubs(&self) -> Vec<PathBuf> {
        let mut hubs: Vec<PathBuf> = Vec::new();
        for taker in self.takers() {
            if let Some(hub) = self.hub(taker as usize).filter(|hub| !hubs.contains(hub)) {
                hubs.push(hub);
            }
        }
        hubs
    }

    fn takers(&self) -> impl Iterator<Item = u32> {
        self.plan.wanted.contents().flat_map(|(_, takers)| takers.iter().copied())
    }

    /// The folder of the hub that the blob `at` comes to.
    fn hub(&self, at: usize) -> Option<PathBuf> {
        let name = self.index.members.name(at);
        let (repository, _) = name.repository().filter(|_| name.role(&[]) == Role::Blob)?;
        let mut path = self.target.spot(repository).path();
        path.pop().then_some(path)
    }

    fn called(&self, hubs: &[PathBuf], hasher: &RandomState) -> Vec<Called> {
        let members = &self.index.members;
        let mut called = Vec::new();
        for taker in self.takers() {
            let at = taker as usize;
            let hub = self.hub(at).and_then(|hub| hubs.iter().position(|one| *one == hub));
            let (Some(hub), Some(sum)) = (hub, sum_of(members, at)) else { continue };
            let (name, sum) = (members.name(at), hex(&sum));
            let hash = |name: &[u8]| hasher.hash_one((hub, name));
            called.push(Called { hash: hash(name.last()), taker, by_sum: false });
            if name.last() != sum.as_bytes() {
                called.push(Called { hash: hash(sum.as_bytes()), taker, by_sum: true });
            }
        }
        called.sort_unstable_by_key(|one| (one.hash, one.taker));
        called
    }

    /// What is there of the contents that come to other names: it was one file with those, or is a blob as they are.
    fn members(&mut self) {
        let (index, stores) = (self.index, self.index.stores());
        let mut here: Vec<(u32, u32)> = Vec::new();
        for at in (0..index.members.len()).filter(|at| self.plan.steps[*at] == Step::Here) {
            let holder = index.members.content(at).map(|(holder, _)| holder);
            if let Some(holder) = holder.filter(|holder| self.plan.wanted.contains(*holder)) {
                here.extend(u32::try_from(holder).ok().zip(u32::try_from(at).ok()));
            }
        }
        here.sort_unstable();
        for same in here.chunk_by(|one, other| one.0 == other.0) {
            let mut files = Files::default();
            same.iter().for_each(|(_, other)| files.add(Sharing::of(index, &stores, *other as usize), *other));
            for taker in self.plan.wanted.takers(same[0].0 as usize) {
                let sharing = Sharing::of(index, &stores, *taker as usize);
                files.fitting(sharing).for_each(|other| self.add(*taker, Place::Member(other)));
            }
        }
    }
}

/// The folders of blobs of the repositories in `hub`, sorted. No link is followed.
fn blob_folders(hub: &std::path::Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(hub).into_iter().flatten().filter_map(Result::ok);
    let is_repository = |entry: &fs::DirEntry| names::is_repository(entry.file_name().as_encoded_bytes());
    let repositories = listed.filter(is_repository).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let folders = repositories.map(|repository| repository.path().join("blobs"));
    let mut folders: Vec<PathBuf> =
        folders.filter(|blobs| fs::symlink_metadata(blobs).is_ok_and(|found| found.is_dir())).collect();
    folders.sort_unstable();
    folders
}
