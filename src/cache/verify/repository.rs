//! One repository of the Hub's cache: its blobs by their names, its revisions by their listings.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::collect::Collector;
use super::tree::{self, Node};
use super::{By, Claim, Content, Expected, Missing, Note, Owner, Repo, Why};
use crate::cache::hub::{BlobKind, File, FileKind, Hub, Repository, Revision};
use crate::fetch::Digest;
use crate::models::hub::marks;
use crate::support::paths;

pub(super) fn read(collector: &mut Collector, folder: &Path, hub: &Hub) {
    let repository = Repository::read(folder, hub);
    for (path, error) in &repository.problems {
        collector.problem(path, error);
    }
    let number = collector.found.repositories.len();
    collector.found.repositories.push(Repo {
        folder: folder.to_path_buf(),
        name: repository.name.clone(),
        kind: repository.kind,
    });
    blobs(collector, &repository, number);
    for revision in &repository.revisions {
        self::revision(collector, &repository, revision, number);
    }
    let commits: HashSet<&str> = repository.revisions.iter().filter_map(|one| one.commit.to_str()).collect();
    // What could not be seen may be there.
    let references = repository.references.iter().filter(|_| repository.problems.is_empty());
    for reference in references {
        if reference.commit.as_deref().is_none_or(|commit| !commits.contains(commit)) {
            let name = reference.name.clone();
            collector.found.notes.push(Note::BrokenReference { repository: number, name });
        }
    }
}

fn blobs(collector: &mut Collector, repository: &Repository, number: usize) {
    let orphans: HashSet<_> = repository.orphans().map(|(name, _)| name.clone()).collect();
    for (name, blob) in &repository.blobs {
        let path = repository.blob(name);
        let digest = name.to_str().and_then(Digest::from_hex);
        let (path, stamp) = match &blob.kind {
            BlobKind::Own => (path, blob.stamp),
            BlobKind::Shared(payload, Some(stamp)) => (payload.clone(), *stamp),
            BlobKind::Shared(_, None) => {
                if orphans.contains(name) && repository.problems.is_empty() {
                    collector.found.notes.push(Note::LostPayload(path));
                }
                continue;
            }
            BlobKind::Foreign => {
                collector.found.notes.push(Note::Foreign(path));
                continue;
            }
        };
        match digest {
            Some(digest) => {
                let claim = Claim { expected: Expected::Whole(digest), size: None, by: By::Name };
                collector.claim(&path, &stamp, claim, Owner::Repository(number));
            }
            None => collector.unknown(&path, &stamp),
        }
    }
}

fn revision(collector: &mut Collector, repository: &Repository, revision: &Revision, number: usize) {
    let listing = revision.commit.to_str().map(|commit| repository.folder.join("trees").join(format!("{commit}.json")));
    let listed = match listing.as_deref().map(tree::read) {
        Some(Ok(Some(listed))) => listed,
        Some(Err(error)) => {
            collector.problem(listing.as_deref().unwrap_or(&repository.folder), &error);
            HashMap::new()
        }
        _ => HashMap::new(),
    };
    let mut here = HashSet::new();
    for file in &revision.files {
        let path = paths::portable(Path::new(""), &file.path);
        self::file(collector, repository, revision, file, listed.get(&path), number);
        here.insert(path);
    }
    let lacking: Vec<(&String, &Node)> = listed.iter().filter(|(path, _)| !here.contains(*path)).collect();
    let is_shut = repository.problems.iter().any(|(path, _)| path.starts_with(&revision.folder));
    if lacking.is_empty() || is_shut {
        return;
    }
    // Who downloads a part of a commit gets the whole listing; only of what this tool brought is it certain what should be here.
    let brought =
        revision.commit.to_str().map(|commit| marks::brought_of(&repository.folder, commit)).unwrap_or_default();
    let mut partial = false;
    for (path, node) in lacking {
        if !brought.has(path) {
            partial = true;
            continue;
        }
        collector.found.missing.push(Missing {
            path: revision.folder.join(path),
            owner: Owner::Repository(number),
            digest: node.digest,
            size: Some(node.size),
            why: Why::Listed,
        });
    }
    if partial {
        collector.found.notes.push(Note::Partial {
            repository: number,
            commit: revision.commit.clone(),
            here: here.len(),
            all: listed.len(),
        });
    }
}

fn file(
    collector: &mut Collector,
    repository: &Repository,
    revision: &Revision,
    file: &File,
    node: Option<&Node>,
    number: usize,
) {
    let path = revision.folder.join(&file.path);
    let listed = node.and_then(|node| node.digest);
    match &file.kind {
        FileKind::Blob(name) => {
            let own = name.to_str().and_then(Digest::from_hex);
            let Some((blob, stamp)) = bytes_of(repository, name) else { return };
            match (own, listed, node) {
                (Some(own), Some(listed), Some(node)) if own == listed => {
                    // It only adds the size: a file that was cut is told without being read.
                    let claim = Claim { expected: Expected::Whole(own), size: Some(node.size), by: By::Tree };
                    collector.claim(&blob, &stamp, claim, Owner::Repository(number));
                }
                (Some(_), Some(_), _) => collector.found.notes.push(Note::Astray(path)),
                (None, Some(listed), Some(node)) => {
                    let claim = Claim { expected: Expected::Whole(listed), size: Some(node.size), by: By::Tree };
                    collector.claim(&blob, &stamp, claim, Owner::Repository(number));
                }
                _ => {}
            }
        }
        FileKind::Own(stamp) => match (listed, node) {
            (Some(digest), Some(node)) => {
                let claim = Claim { expected: Expected::Whole(digest), size: Some(node.size), by: By::Tree };
                collector.claim(&path, stamp, claim, Owner::Repository(number));
            }
            // A copy of a blob on a disk without links; without a listing nobody says of which.
            _ => collector.unknown(&path, stamp),
        },
        FileKind::Dangling(name) => collector.found.missing.push(Missing {
            path,
            owner: Owner::Repository(number),
            digest: listed.or_else(|| name.to_str().and_then(Digest::from_hex)),
            size: node.map(|node| node.size),
            why: Why::Linked,
        }),
        FileKind::Foreign(_) => collector.found.notes.push(Note::Foreign(path)),
    }
}

/// The file that the blob is, links into the shared store followed.
fn bytes_of(repository: &Repository, name: &std::ffi::OsStr) -> Option<(PathBuf, crate::cache::Stamp)> {
    let blob = repository.blobs.get(name)?;
    match &blob.kind {
        BlobKind::Own => Some((repository.blob(name), blob.stamp)),
        BlobKind::Shared(payload, Some(stamp)) => Some((payload.clone(), *stamp)),
        _ => None,
    }
}

/// Where a content is a file of revisions: the commit, and the path in it. Read again, for the few that are damaged.
pub fn owners(repo: &Repo, content: &Content) -> Vec<(String, String)> {
    let hub = Hub::at(repo.folder.parent().unwrap_or(&repo.folder));
    let repository = Repository::read(&repo.folder, &hub);
    let mut found = Vec::new();
    for revision in &repository.revisions {
        let Some(commit) = revision.commit.to_str() else { continue };
        for file in &revision.files {
            let at = match &file.kind {
                FileKind::Blob(name) => bytes_of(&repository, name).map(|(path, _)| path),
                FileKind::Own(_) => Some(revision.folder.join(&file.path)),
                _ => None,
            };
            if at.is_some_and(|at| content.paths.contains(&at)) {
                found.push((commit.to_owned(), paths::portable(Path::new(""), &file.path)));
            }
        }
    }
    found
}
