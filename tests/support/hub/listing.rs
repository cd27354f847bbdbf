//! The JSON of the hub's API: what a repository is, and what lies in it.

use std::ops::Range;

use serde_json::{Value, json};

use super::repository::{Commit, File, Kind, Repository};

/// What `/api/models/ID` says. With `blobs`, sizes and digests too.
pub(super) fn info(repository: &Repository, commit: &Commit, blobs: bool) -> Value {
    let mut info = summary(repository);
    info["sha"] = json!(commit.id);
    info["disabled"] = json!(repository.disabled);
    info["lastModified"] = json!("2026-11-21T05:00:00.000Z");
    info["cardData"] = match &repository.license {
        Some(license) => json!({ "license": license }),
        None => json!({}),
    };
    info["siblings"] = commit.files.iter().map(|file| sibling(file, blobs)).collect();
    info["usedStorage"] = json!(commit.files.iter().map(|file| file.content.size()).sum::<u64>());
    info
}

/// What a search says of it.
pub(super) fn summary(repository: &Repository) -> Value {
    let tags: Vec<_> = repository.license.iter().map(|license| format!("license:{license}")).collect();
    let mut summary = json!({
        "_id": "621ffdc036468d709f17434d",
        "id": repository.id,
        "author": repository.id.split_once('/').map(|(author, _)| author),
        "private": repository.private,
        "gated": repository.gated.map_or(json!(false), |how| json!(how)),
        "downloads": repository.downloads,
        "likes": repository.likes,
        "tags": tags,
        "createdAt": "2026-01-01T00:00:00.000Z",
    });
    if repository.kind == Kind::Model {
        summary["modelId"] = json!(repository.id);
        summary["pipeline_tag"] = json!("text-generation");
        summary["library_name"] = json!("transformers");
    }
    summary
}

fn sibling(file: &File, blobs: bool) -> Value {
    let mut sibling = json!({ "rfilename": file.path });
    if blobs {
        sibling["size"] = json!(file.content.size());
        sibling["blobId"] = json!(file.oid);
        if file.lfs {
            sibling["lfs"] = json!({ "sha256": file.content.sha256(), "size": file.content.size(), "pointerSize": file.pointer_size() });
        }
    }
    sibling
}

/// An entry of a tree for a file.
pub(super) fn entry(repository: &Repository, file: &File, masked: bool, expand: bool) -> Value {
    let mut entry = json!({ "type": "file", "oid": file.oid, "size": file.content.size(), "path": file.path });
    if file.lfs {
        entry["lfs"] =
            json!({ "oid": file.content.sha256(), "size": file.content.size(), "pointerSize": file.pointer_size() });
        if repository.xet {
            entry["xetHash"] = if masked { json!("*".repeat(64)) } else { json!(file.xet_hash()) };
        }
    }
    if expand {
        entry["lastCommit"] = json!({ "id": "0".repeat(40), "title": "Upload", "date": "2026-01-01T00:00:00.000Z" });
        entry["securityFileStatus"] =
            json!({ "status": "safe", "avScan": { "virusFound": false }, "pickleImportScan": null });
    }
    entry
}

/// An entry of a tree for a folder.
pub(super) fn folder(path: &str) -> Value {
    json!({ "type": "directory", "oid": super::Content::from(path).git_sha1(), "size": 0, "path": path })
}

/// How a listing is wanted.
pub(super) struct Wanted<'a> {
    /// The folder, empty for the root.
    pub(super) below: &'a str,
    /// What lies deeper too.
    pub(super) recursive: bool,
    /// Asterisks for Xet hashes.
    pub(super) masked: bool,
    /// With the last commit of each.
    pub(super) expand: bool,
}

/// The entries of a page, folders first, and how many entries all pages have.
pub(super) fn tree(
    repository: &Repository,
    commit: &Commit,
    wanted: &Wanted<'_>,
    page: Range<usize>,
) -> (Vec<Value>, usize) {
    let inside = |path: &str| {
        let below = wanted.below;
        let rest =
            if below.is_empty() { Some(path) } else { path.strip_prefix(below).and_then(|p| p.strip_prefix('/')) };
        rest.is_some_and(|rest| wanted.recursive || !rest.contains('/'))
    };
    let folders: Vec<_> = commit.folders().into_iter().filter(|path| inside(path)).collect();
    let files: Vec<_> = commit.files.iter().filter(|file| inside(&file.path)).collect();
    let number = folders.len() + files.len();
    let entry = |index: usize| match folders.get(index) {
        Some(path) => folder(path),
        None => entry(repository, files[index - folders.len()], wanted.masked, wanted.expand),
    };
    (page.filter(|index| *index < number).map(entry).collect(), number)
}

/// What `/refs` says.
pub(super) fn refs(repository: &Repository) -> Value {
    let named = |prefix: &str, name: &str, commit: &str| json!({ "name": name, "ref": format!("{prefix}{name}"), "targetCommit": commit });
    json!({
        "branches": repository.branches.iter().map(|(name, id)| named("refs/heads/", name, id)).collect::<Vec<_>>(),
        "converts": [],
        "tags": repository.tags.iter().map(|(name, id)| named("refs/tags/", name, id)).collect::<Vec<_>>(),
        "pullRequests":
            repository.pulls.iter().map(|(n, id)| named("refs/pr/", &n.to_string(), id)).collect::<Vec<_>>(),
    })
}
