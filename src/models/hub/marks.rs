//! What we remember of our own work in a repository of the Hub's cache, which other programs work in, too: without it nobody
//! could tell later whose branch and whose files these are.
//!
//! It lies in our own folder there. Where it is lost or cannot be written, everything counts as somebody else's, and stays.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use super::layout::Repository;
use super::refs::{self, replace};
use crate::models::locked::{File, HubPlace};
use crate::support::bounded;

/// A line that no file's path is: all files of the commit.
const ALL: &str = "/";

/// More than the paths of any lock take.
const LARGEST: u64 = 64 << 20;

/// Which files of a commit this tool has brought.
#[derive(Debug, Default)]
pub struct Brought(BTreeSet<String>);

impl Brought {
    /// Whether it has brought the file with this path.
    pub fn has(&self, path: &str) -> bool {
        self.0.contains(ALL) || self.0.contains(path)
    }
}

/// What was noted of the commit in the repository whose folder this is.
pub fn brought_of(folder: &Path, commit: &str) -> Brought {
    Brought(read(&folder.join(".modelstrap").join(format!("brought-{commit}"))))
}

/// Gives the branch `main` this commit, and remembers that it was us.
///
/// # Errors
/// What the disk says of the branch.
pub(super) fn write_main(repository: &Repository, commit: &str) -> io::Result<()> {
    if refs::read(repository, "main").as_deref() == Some(commit) {
        return Ok(());
    }
    // Before the branch, so that no other one is taken for ours where this is cut off.
    let _ = replace(repository, &main(repository), commit.as_bytes());
    refs::write(repository, "main", commit)
}

/// Whether the branch `main` is as we wrote it.
pub(super) fn main_is_ours(repository: &Repository) -> bool {
    let ours = bounded::read(&main(repository), 64).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    ours.is_some_and(|ours| refs::read(repository, "main") == Some(ours))
}

/// Remembers that `files` of the commit are ours, with those that were before.
pub(super) fn note(repository: &Repository, place: &HubPlace, files: &[File]) {
    let path = brought(repository, &place.commit);
    let mut noted = read(&path);
    let before = noted.len();
    match place.complete {
        true => noted.extend([ALL.to_owned()]),
        false if noted.contains(ALL) => {}
        false => noted.extend(files.iter().map(|file| file.path.clone())),
    }
    if noted.len() > before {
        let text: String = noted.iter().map(|path| format!("{path}\n")).collect();
        let _ = replace(repository, &path, text.as_bytes());
    }
}

/// Whether the file at this path of the commit's snapshot is neither one of `files` nor one that we have brought before.
pub(super) fn is_foreign<'a>(
    repository: &'a Repository,
    place: &'a HubPlace,
    files: &[File],
) -> impl Fn(&Path) -> bool + 'a {
    let noted = read(&brought(repository, &place.commit));
    // Where `files` are all that the commit has, nothing else was brought.
    let all = !place.complete && noted.contains(ALL);
    let paths = files.iter().map(|file| file.path.as_str()).chain(noted.iter().map(String::as_str));
    let ours: HashSet<PathBuf> = paths.map(|path| repository.pointer(&place.commit, path)).collect();
    // What the Finder leaves in folders that it has shown is nobody's.
    move |path| !all && !ours.contains(path) && path.file_name().is_none_or(|name| name != ".DS_Store")
}

fn main(repository: &Repository) -> PathBuf {
    repository.private().join("main")
}

fn brought(repository: &Repository, commit: &str) -> PathBuf {
    repository.private().join(format!("brought-{commit}"))
}

fn read(path: &Path) -> BTreeSet<String> {
    let bytes = bounded::read(path, LARGEST).unwrap_or_default();
    String::from_utf8_lossy(&bytes).lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}
