//! Contents of an archive that the cache has already, as a blob of another repository or as the other name of what was one file: in
//! an empty cache they would come as second names of each other, and here they become second names of what is there. No name and
//! no size is believed: its bytes are read first.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::contents::read_all;
use super::gather::Bytes;
use super::index::{Index, Sum, hex};
use super::merge::{Merge, Step, sum_of};
use super::names::{self, Role};
use super::place::shares;
use super::target::Target;
use crate::cache::stamp::Stamp;
use crate::support::interrupt::{self, Interrupted};

/// A file of the cache with the bytes of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twin {
    /// Where it is.
    pub path: PathBuf,
    /// As it was when it was read.
    pub stamp: Stamp,
    /// What its bytes are.
    pub sum: Sum,
}

/// A member that may become a second name, and of what.
struct Wish {
    taker: usize,
    size: u64,
    sum: Sum,
    /// The last is tried first.
    candidates: Vec<(PathBuf, Stamp)>,
}

/// Finds what of `plan` is there under another name: its bytes are not wanted any more.
///
/// # Errors
/// When the person asked to stop.
pub(super) fn find(
    index: &Index,
    target: &Target,
    plan: &mut Merge,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(), Interrupted> {
    let mut wishes = wishes(index, target, plan);
    let mut known: HashMap<PathBuf, Option<Sum>> = HashMap::new();
    while !wishes.is_empty() {
        let next: BTreeMap<PathBuf, Stamp> = wishes
            .iter()
            .filter_map(|wish| wish.candidates.last().cloned())
            .filter(|(path, _)| !known.contains_key(path))
            .collect();
        let sources: Vec<Bytes> = next.iter().map(|(path, stamp)| Bytes::of(path, *stamp)).collect();
        let sums = read_all(&sources.iter().collect::<Vec<_>>(), progress);
        if interrupt::requested() {
            return Err(Interrupted("stopped; nothing was changed".to_owned()));
        }
        known.extend(next.into_keys().zip(sums).map(|(path, sum)| (path, sum.ok())));
        wishes.retain_mut(|wish| {
            let Some((path, stamp)) = wish.candidates.pop() else { return false };
            let found = known.get(&path).copied().flatten() == Some(wish.sum);
            if found {
                plan.twins.insert(wish.taker, Twin { path, stamp, sum: wish.sum });
            }
            !found && !wish.candidates.is_empty()
        });
    }
    let twins = &plan.twins;
    plan.wanted.values_mut().for_each(|takers| takers.retain(|taker| !twins.contains_key(taker)));
    plan.wanted.retain(|_, takers| !takers.is_empty());
    Ok(())
}

fn wishes(index: &Index, target: &Target, plan: &Merge) -> Vec<Wish> {
    let stores = index.stores();
    let mut wishes = Vec::new();
    for (holder, takers) in &plan.wanted {
        let (Some((_, size)), Some(sum)) = (index.content(*holder), sum_of(index, *holder)) else { continue };
        wishes.extend(takers.iter().map(|taker| Wish { taker: *taker, size, sum, candidates: Vec::new() }));
    }
    let blobs = Blobs::of(index, target, &stores, &wishes);
    let mut here: HashMap<usize, Vec<usize>> = HashMap::new();
    for at in (0..index.entries.len()).filter(|at| plan.steps[*at] == Step::Here) {
        if let Some((holder, _)) = index.content(at).filter(|(holder, _)| plan.wanted.contains_key(holder)) {
            here.entry(holder).or_default().push(at);
        }
    }
    for wish in &mut wishes {
        let own = target.spot(index.entries[wish.taker].name.bytes()).path();
        let mut paths = blobs.called(index, target, &stores, wish);
        let holder = index.content(wish.taker).map(|(holder, _)| holder);
        for other in holder.and_then(|holder| here.get(&holder)).into_iter().flatten() {
            if shares(index, &stores, wish.taker, *other) {
                paths.push(target.spot(index.entries[*other].name.bytes()).path());
            }
        }
        wish.candidates =
            paths.into_iter().filter(|path| *path != own).filter_map(|path| plain(path, wish.size)).collect();
    }
    wishes.retain(|wish| !wish.candidates.is_empty());
    wishes
}

/// The file at `path`, if it is one and has so many bytes.
fn plain(path: PathBuf, size: u64) -> Option<(PathBuf, Stamp)> {
    let found = fs::symlink_metadata(&path).ok().filter(|found| found.is_file() && found.len() == size)?;
    Some((path, Stamp::of(&found)))
}

/// The blobs of the hubs that have a name which is looked for.
struct Blobs(HashMap<PathBuf, HashMap<Vec<u8>, Vec<PathBuf>>>);

impl Blobs {
    /// Lists each hub once, however many contents come to it.
    fn of(index: &Index, target: &Target, stores: &[Vec<u8>], wishes: &[Wish]) -> Self {
        let mut wanted: HashMap<PathBuf, HashSet<Vec<u8>>> = HashMap::new();
        for wish in wishes {
            if let Some(hub) = hub(index, target, stores, wish.taker) {
                wanted.entry(hub).or_default().extend(called(index, wish));
            }
        }
        Self(wanted.into_iter().map(|(hub, names)| (hub.clone(), listed(&hub, &names))).collect())
    }

    fn called(&self, index: &Index, target: &Target, stores: &[Vec<u8>], wish: &Wish) -> Vec<PathBuf> {
        let found = hub(index, target, stores, wish.taker).and_then(|hub| self.0.get(&hub));
        let paths = |name: Vec<u8>| found.and_then(|found| found.get(&name)).cloned().unwrap_or_default();
        called(index, wish).into_iter().flat_map(paths).collect()
    }
}

/// What blobs with the bytes of `wish` are called: by their SHA-256, or as in the archive, by Git's digest.
fn called(index: &Index, wish: &Wish) -> BTreeSet<Vec<u8>> {
    let own = index.entries[wish.taker].name.last().to_vec();
    BTreeSet::from([own, hex(&wish.sum).into_bytes()])
}

/// The folder of the hub that the blob `at` comes to.
fn hub(index: &Index, target: &Target, stores: &[Vec<u8>], at: usize) -> Option<PathBuf> {
    let name = &index.entries[at].name;
    let (repository, _) = name.repository().filter(|_| name.role(stores) == Role::Blob)?;
    target.spot(repository).path().parent().map(Path::to_path_buf)
}

/// The blobs of the repositories in `hub` that have one of these names. No link is followed.
fn listed(hub: &Path, wanted: &HashSet<Vec<u8>>) -> HashMap<Vec<u8>, Vec<PathBuf>> {
    let mut found: HashMap<Vec<u8>, Vec<PathBuf>> = HashMap::new();
    let folders = fs::read_dir(hub).into_iter().flatten().filter_map(Result::ok);
    let is_repository = |entry: &fs::DirEntry| names::is_repository(entry.file_name().as_encoded_bytes());
    for repository in folders.filter(is_repository).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let blobs = repository.path().join("blobs");
        if !fs::symlink_metadata(&blobs).is_ok_and(|found| found.is_dir()) {
            continue;
        }
        for blob in fs::read_dir(&blobs).into_iter().flatten().filter_map(Result::ok) {
            let name = names::of_text(&blob.file_name()).filter(|name| wanted.contains(name));
            if let Some(name) = name {
                found.entry(name).or_default().push(blob.path());
            }
        }
    }
    found.values_mut().for_each(|paths| paths.sort_unstable());
    found
}
