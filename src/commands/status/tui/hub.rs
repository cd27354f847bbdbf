//! What is in a revision of a repository, and what belongs to none: read from the repository, links never followed.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use super::folder::leaf;
use super::tree::why;
use crate::cache::hub::{Blob, BlobKind, File, FileKind, Hub, Repository};
use crate::cache::{Sizes, Stamp};
use crate::support::quoted;
use crate::ui::browser::{Below, Branch, Kind, Node};
use crate::ui::table::Tone;

/// The repository in `folder`.
pub(super) fn repository(folder: &Path) -> Repository {
    Repository::read(folder, &Hub::at(folder.parent().unwrap_or(folder)))
}

/// The files of the revision in the folder `snapshot`, in its folders.
pub(super) fn revision(snapshot: &Path) -> Result<Vec<Branch>, String> {
    let folder = snapshot.parent().and_then(Path::parent).ok_or("it lies in no repository")?;
    let repository = repository(folder);
    let revision = repository.revisions.iter().find(|revision| revision.folder == snapshot);
    let revision = revision.ok_or("it is not there any more")?;
    let mut uses: HashMap<&OsStr, usize> = HashMap::new();
    for name in repository.revisions.iter().flat_map(|revision| revision.blobs()) {
        *uses.entry(name.as_os_str()).or_default() += 1;
    }
    let inside = Inside { repository: &repository, uses, snapshot };
    let files: Vec<(&Path, &File)> = revision.files.iter().map(|file| (file.path.as_path(), file)).collect();
    Ok(inside.below(&files))
}

struct Inside<'a> {
    repository: &'a Repository,
    /// How many files of all revisions have each blob.
    uses: HashMap<&'a OsStr, usize>,
    snapshot: &'a Path,
}

impl<'a> Inside<'a> {
    /// Files that lie in one folder of the revision, and in folders in it; they are sorted.
    fn below(&self, files: &[(&'a Path, &'a File)]) -> Vec<Branch> {
        let first = |path: &'a Path| path.components().next().map(Component::as_os_str);
        let mut branches = Vec::new();
        for group in files.chunk_by(|one, other| first(one.0) == first(other.0)) {
            let Some(name) = group.first().and_then(|(path, _)| first(path)) else { continue };
            match group {
                [(path, file)] if path.components().count() == 1 => branches.push(self.file(name, file)),
                _ => branches.push(self.folder(name, group)),
            }
        }
        branches
    }

    fn folder(&self, name: &OsStr, group: &[(&'a Path, &'a File)]) -> Branch {
        let inner: Vec<(&Path, &File)> =
            group.iter().map(|(path, file)| (path.strip_prefix(name).unwrap_or(path), *file)).collect();
        let below = self.below(&inner);
        let path = group.first().map(|(inside, file)| {
            let depth = inside.components().count() - 1;
            file.path.ancestors().nth(depth).unwrap_or(&file.path).to_path_buf()
        });
        let node = Node {
            name: quoted::shown(name),
            path: self.snapshot.join(path.unwrap_or_default()),
            kind: Kind::Folder,
            sizes: self.sizes(group.iter().map(|(_, file)| *file)),
            used: below.iter().filter_map(|branch| branch.node.used).max(),
            about: String::new(),
            tone: Tone::Plain,
            stays: Some(why::PART),
        };
        Branch { node, below: Below::Here(below) }
    }

    /// What some files are together: a blob counts once, and is theirs if nobody else has it.
    fn sizes(&self, files: impl Iterator<Item = &'a File>) -> Sizes {
        let mut sum = Sizes::default();
        let mut blobs: HashMap<&OsStr, usize> = HashMap::new();
        for file in files {
            match &file.kind {
                FileKind::Blob(name) => *blobs.entry(name.as_os_str()).or_default() += 1,
                FileKind::Own(stamp) => {
                    sum += Sizes { apparent: stamp.size, disk: stamp.disk, exclusive: stamp.alone(), files: 0 };
                }
                FileKind::Dangling(_) | FileKind::Foreign(_) => {}
            }
            sum.files += 1;
        }
        for (name, count) in blobs {
            let (stamp, alone) = self.content(name);
            let all = self.uses.get(name).is_none_or(|uses| count >= *uses);
            sum += Sizes { apparent: stamp.size, disk: stamp.disk, exclusive: if all { alone } else { 0 }, files: 0 };
        }
        sum
    }

    /// The bytes behind a blob, and how many of them are this repository's alone.
    fn content(&self, name: &OsStr) -> (Stamp, u64) {
        let Some(blob) = self.repository.blobs.get(name) else { return (Stamp::default(), 0) };
        content(self.repository, name, blob)
    }

    fn file(&self, name: &OsStr, file: &File) -> Branch {
        let path = self.snapshot.join(&file.path);
        let text = quoted::shown(name);
        let stamp = match &file.kind {
            FileKind::Blob(blob) => self.content(blob).0,
            FileKind::Own(stamp) => *stamp,
            FileKind::Dangling(_) | FileKind::Foreign(_) => Stamp::at(&path).unwrap_or_default(),
        };
        let mut branch = leaf(text, path, &stamp, Kind::File, Some(why::PART));
        branch.node.sizes = self.sizes(std::iter::once(file));
        (branch.node.about, branch.node.tone) = match &file.kind {
            FileKind::Blob(blob) => (self.shared(blob), Tone::Plain),
            FileKind::Own(_) => (branch.node.about, Tone::Plain),
            FileKind::Dangling(blob) => {
                (format!("link to nothing: blob {} is not there", blob.to_string_lossy()), Tone::Bad)
            }
            FileKind::Foreign(to) => (format!("foreign link to {}", to.display()), Tone::Bad),
        };
        branch
    }

    fn shared(&self, blob: &OsStr) -> String {
        match self.uses.get(blob).copied().unwrap_or_default() {
            0 | 1 => String::new(),
            uses => format!("{uses} files of the repository share its content"),
        }
    }
}

fn content(repository: &Repository, name: &OsStr, blob: &Blob) -> (Stamp, u64) {
    match &blob.kind {
        BlobKind::Own => (blob.stamp, blob.stamp.alone()),
        BlobKind::Shared(payload, Some(stamp)) => {
            let alone = if is_linked_elsewhere(repository, name, payload) { 0 } else { stamp.alone() };
            (*stamp, alone)
        }
        BlobKind::Shared(_, None) | BlobKind::Foreign => (blob.stamp, 0),
    }
}

/// Whether another repository of the hub has a link to the payload. It bears the payload's name, as every client makes it.
fn is_linked_elsewhere(repository: &Repository, name: &OsStr, payload: &Path) -> bool {
    let Some(folder) = repository.folder.parent() else { return false };
    let others = Hub::at(folder).repositories().unwrap_or_default();
    let links = |other: &PathBuf| {
        let blob = other.join("blobs").join(name);
        std::fs::read_link(blob).is_ok_and(|target| {
            target.strip_prefix("../../blobs").is_ok_and(|inside| payload.ends_with(Path::new("blobs").join(inside)))
        })
    };
    others.iter().any(|other| *other != repository.folder && links(other))
}

/// The blobs that no revision has.
pub(super) fn orphans(folder: &Path) -> Vec<Branch> {
    let repository = repository(folder);
    let branch = |(name, blob): (&std::ffi::OsString, &Blob)| {
        let (stamp, alone) = content(&repository, name, blob);
        let text = quoted::shown(name);
        let mut branch = leaf(text, repository.blob(name), &stamp, Kind::File, Some(why::TOGETHER));
        branch.node.sizes.exclusive = alone;
        branch
    };
    repository.orphans().map(branch).collect()
}

/// The files of unfinished downloads.
pub(super) fn unfinished(folder: &Path) -> Vec<Branch> {
    let found = repository(folder).unfinished.into_iter();
    let name = |path: &Path| quoted::shown(path.file_name().unwrap_or_default());
    found.map(|(path, stamp)| leaf(name(&path), path, &stamp, Kind::File, Some(why::TOGETHER))).collect()
}
