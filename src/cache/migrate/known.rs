//! What is known of a repository's files without asking anybody: the project's lock has the digests of a commit, and so have the
//! hubs, in the names of contents and in listings of commits. A file that equals one of them is that file.
//!
//! Lock and hubs of a project may have come with it from a stranger. In a cache in the project that is the project's own matter; in one
//! that lies elsewhere other projects ask for the same commit, and what the project says of itself proves nothing there.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::cache::hub::{BlobKind, FileKind, Hub, Repository};
use crate::cache::verify::tree;
use crate::fetch::Digest;
use crate::models::hub::layout;
use crate::models::lock::Lock;
use crate::models::locked::Place;
use crate::models::names;
use crate::support::{paths, quoted};

/// By path, with `/`.
type Files = BTreeMap<String, BTreeSet<Claim>>;

/// Who may know something.
#[derive(Debug)]
pub struct Sources {
    /// The project's lock, if there is one, or why it cannot be read.
    pub lock: Result<Option<Lock>, String>,
    /// Hubs that are believed.
    pub hubs: Vec<PathBuf>,
    /// Hubs that the project has brought, where neither they nor the lock are believed; `None` where all are.
    pub doubted: Option<Vec<PathBuf>>,
}

/// The files of a repository, of all its commits that are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    files: Files,
    /// Whether the project is not believed, and what it alone says.
    doubts: bool,
    doubted: Files,
    /// What cannot be read of what may know more, and why.
    unread: Vec<String>,
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

/// Why what the project says is not believed.
pub(super) fn doubt(what: &str, name: &str) -> String {
    format!(
        "{what} of {name} are says this project alone, which may have come with a clone, and its cache is for others, too: \
         `modelstrap models download` fetches and proves them"
    )
}

impl Known {
    /// What `sources` say of the repository whose folder in a hub is `folder`.
    pub fn of(sources: &Sources, folder: &str) -> Self {
        let mut known = Self { doubts: sources.doubted.is_some(), ..Self::default() };
        if let Some(hubs) = &sources.doubted {
            known.ask(sources.lock.as_ref(), hubs, folder);
            known.doubted = std::mem::take(&mut known.files);
            known.named.clear();
            known.ask(Ok(&None), &sources.hubs, folder);
        } else {
            known.ask(sources.lock.as_ref(), &sources.hubs, folder);
        }
        known
    }

    fn ask(&mut self, lock: Result<&Option<Lock>, &String>, hubs: &[PathBuf], folder: &str) {
        match lock {
            Ok(lock) => lock.iter().for_each(|lock| self.add_lock(lock, folder)),
            Err(why) => self.unread.push(why.clone()),
        }
        for hub in hubs {
            self.add_repository(&hub.join(folder), &Hub::at(hub));
        }
    }

    fn add_lock(&mut self, lock: &Lock, folder: &str) {
        for part in lock.models.iter().flat_map(|model| &model.parts) {
            let Place::Hub(place) = &part.place else { continue };
            if layout::Repository::of(place, Path::new("")).root() != Path::new(folder) {
                continue;
            }
            for file in &part.files {
                if let (Some(size), Some(digest)) = (file.size, file.digest) {
                    self.add(&place.commit, &file.path, size, &digest);
                }
            }
            if place.requested != place.commit && names::revision(&place.requested).is_ok() {
                self.named.insert(place.commit.clone(), place.requested.clone());
            }
        }
    }

    fn add(&mut self, commit: &str, path: &str, size: u64, digest: &Digest) {
        if names::is_commit(commit) && names::file_path(path).is_ok() {
            let claim = Claim { commit: commit.to_owned(), etag: digest.hex(), size };
            self.files.entry(path.to_owned()).or_default().insert(claim);
        }
    }

    fn add_repository(&mut self, folder: &Path, hub: &Hub) {
        let repository = Repository::read(folder, hub);
        if let Some((path, error)) = repository.problems.first() {
            self.cannot_read(path, error);
        }
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
        self.add_listings(&folder.join("trees"));
    }

    fn add_listings(&mut self, folder: &Path) {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => return self.cannot_read(folder, &error),
        };
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            let Some(commit) = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| names::is_commit(stem))
            else {
                continue;
            };
            match tree::read(&path) {
                Ok(Some(files)) => {
                    for (file, node) in files {
                        if let Some(digest) = node.digest {
                            self.add(commit, &file, node.size, &digest);
                        }
                    }
                }
                Ok(None) => self.cannot_read(&path, &"is no listing that this version understands"),
                Err(error) => self.cannot_read(&path, &error),
            }
        }
    }

    fn cannot_read(&mut self, path: &Path, why: &dyn Display) {
        self.unread.push(format!("{}: {why}", quoted::shown(path)));
    }

    /// Why nothing can be proven to be of the repository `name`, and whether that is an error, if nothing can.
    pub fn lacks(&self, name: &str) -> Option<(String, bool)> {
        if !self.files.is_empty() {
            return None;
        }
        Some(match (self.unread.first(), self.doubted.is_empty()) {
            (Some(why), _) => {
                let more = match self.unread.len() - 1 {
                    0 => String::new(),
                    more => format!(" (and {more} more)"),
                };
                (
                    format!(
                        "what may know the files of {name} cannot be read: {why}{more}; mend that, then run this again"
                    ),
                    true,
                )
            }
            (None, false) => (format!("{}, then run this again", doubt("what the files", name)), false),
            (None, true) => {
                let what_to_do = match self.doubts {
                    true => "` fetches and proves its files",
                    false => " --no-download` brings what its files are into the lock",
                };
                let why = "and nothing is asked of the Hub: `modelstrap models add hf:";
                (format!("nothing here knows a file of {name}, {why}{name}{what_to_do}, then run this again"), false)
            }
        })
    }

    /// What could not be read.
    pub(super) fn unread(&self) -> &[String] {
        &self.unread
    }

    /// Whether the project, which is not believed, says that a file at this path, of this size, is one of the repository.
    pub(super) fn is_doubted(&self, path: &str, size: u64) -> bool {
        self.doubted.get(path).is_some_and(|claims| claims.iter().any(|claim| claim.size == size))
    }

    /// The name that the lock says a commit has.
    pub(super) fn name(&self, commit: &str) -> Option<&str> {
        self.named.get(commit).map(String::as_str)
    }

    /// Whether this is known of a commit: a file at this path, with this digest and, if it is said, of this size.
    pub(super) fn has(&self, commit: &str, path: &str, digest: &Digest, size: Option<u64>) -> bool {
        let is_so = |claim: &Claim| {
            claim.commit == commit && claim.digest() == Some(*digest) && size.is_none_or(|size| claim.size == size)
        };
        self.files.get(path).is_some_and(|claims| claims.iter().any(is_so))
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
