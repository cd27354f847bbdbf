//! What is known of a repository's files without asking anybody: the project's lock has the digests of a commit, and so have the
//! hubs, in the names of contents and in listings of commits. A file that equals one of them is that file.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::cache::hub::{BlobKind, FileKind, Hub, Repository};
use crate::cache::verify::tree;
use crate::fetch::Digest;
use crate::models::hub::layout;
use crate::models::lock::Lock;
use crate::models::locked::Place;
use crate::models::names;
use crate::support::paths;

/// The files of a repository, of all its commits that are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// By path, with `/`.
    files: BTreeMap<String, BTreeSet<Claim>>,
    /// The branches and tags that the lock says a commit has.
    named: BTreeMap<String, String>,
}

/// What a file of a commit is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Claim {
    pub(super) commit: String,
    /// Its digest, as a blob is called.
    etag: String,
    size: u64,
}

impl Claim {
    /// What its bytes are.
    pub(super) fn digest(&self) -> Option<Digest> {
        Digest::from_hex(&self.etag)
    }
}

impl Known {
    /// What the lock and these hubs say of the repository whose folder in a hub is `folder`.
    pub fn of(lock: Option<&Lock>, hubs: &[PathBuf], folder: &str) -> Self {
        let mut known = Self::default();
        for part in lock.iter().flat_map(|lock| &lock.models).flat_map(|model| &model.parts) {
            let Place::Hub(place) = &part.place else { continue };
            if layout::Repository::of(place, Path::new("")).root() != Path::new(folder) {
                continue;
            }
            for file in &part.files {
                if let (Some(size), Some(digest)) = (file.size, file.digest) {
                    known.add(&place.commit, &file.path, size, &digest);
                }
            }
            if place.requested != place.commit && names::revision(&place.requested).is_ok() {
                known.named.insert(place.commit.clone(), place.requested.clone());
            }
        }
        for hub in hubs {
            known.add_repository(&hub.join(folder), &Hub::at(hub));
        }
        known
    }

    fn add(&mut self, commit: &str, path: &str, size: u64, digest: &Digest) {
        if names::is_commit(commit) && names::file_path(path).is_ok() {
            let claim = Claim { commit: commit.to_owned(), etag: digest.hex(), size };
            self.files.entry(path.to_owned()).or_default().insert(claim);
        }
    }

    fn add_repository(&mut self, folder: &Path, hub: &Hub) {
        let repository = Repository::read(folder, hub);
        for revision in &repository.revisions {
            for file in &revision.files {
                let FileKind::Blob(etag) = &file.kind else { continue };
                let size = match repository.blobs.get(etag).map(|blob| (&blob.kind, blob.stamp.size)) {
                    Some((BlobKind::Own, size)) => size,
                    Some((BlobKind::Shared(_, Some(stamp)), _)) => stamp.size,
                    _ => continue,
                };
                if let Some(digest) = etag.to_str().and_then(Digest::from_hex) {
                    let path = paths::portable(Path::new(""), &file.path);
                    self.add(&revision.commit.to_string_lossy(), &path, size, &digest);
                }
            }
        }
        for entry in std::fs::read_dir(folder.join("trees")).into_iter().flatten().filter_map(Result::ok) {
            let path = entry.path();
            let Some(commit) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            for (file, node) in tree::read(&path).ok().flatten().unwrap_or_default() {
                if let Some(digest) = node.digest {
                    self.add(commit, &file, node.size, &digest);
                }
            }
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The name that the lock says a commit has.
    pub(super) fn name(&self, commit: &str) -> Option<&str> {
        self.named.get(commit).map(String::as_str)
    }

    /// What a file at this path, of this size, may be.
    pub(super) fn claims(&self, path: &str, size: u64) -> impl Iterator<Item = &Claim> {
        self.files.get(path).into_iter().flatten().filter(move |claim| claim.size == size)
    }

    /// The commits in the order in which they are asked: first the one of which `files` are the most, by path and size; of two,
    /// one that has a name.
    pub(super) fn ranks<'a>(&self, files: impl Iterator<Item = (&'a str, u64)>) -> HashMap<&str, usize> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (path, size) in files {
            let commits: BTreeSet<&str> = self.claims(path, size).map(|claim| claim.commit.as_str()).collect();
            commits.into_iter().for_each(|commit| *counts.entry(commit).or_default() += 1);
        }
        let mut order: Vec<(&str, usize)> = counts.into_iter().collect();
        order.sort_by_key(|(commit, count)| (Reverse(*count), !self.named.contains_key(*commit)));
        order.into_iter().enumerate().map(|(rank, (commit, _))| (commit, rank)).collect()
    }
}
