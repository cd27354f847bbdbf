//! What of a part in the cache only this project uses, and how it lets go of it. What is deleted then, goes through the cache's trash.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::layout::{Repository, blob_name};
use super::{locks, marks, place, refs};
use crate::models::homes::Homes;
use crate::models::locked::{File, HubPlace};

/// Whoever writes to an unfinished file did so less than so long ago: not every disk tells who holds a lock.
const BUSY: Duration = Duration::from_secs(60);

/// A time that lies further ahead was written by a clock that was wrong, and not by a server's that goes fast.
const AHEAD: Duration = Duration::from_secs(86_400);

/// Whether a claim with this mark is to be given up: the model's own, or one that the project left behind under another name.
pub type Mine<'a> = &'a dyn Fn(&str) -> bool;

/// Gives up the project's claims to the commit: after that `hf cache prune` may take it. Nothing else is removed.
///
/// # Errors
/// What the disk says.
pub fn release(place: &HubPlace, homes: &Homes, mine: Mine<'_>) -> io::Result<()> {
    let repository = Repository::of(place, &homes.hub);
    for (name, _) in naming(&repository, place).into_iter().filter(|(_, holder)| holder.as_deref().is_some_and(mine)) {
        refs::remove(&repository, &name)?;
    }
    // Also where a branch was asked for: another project, which went before, may have pinned the commit.
    refs::unname(&repository, &place.commit)
}

/// The files that go with a part if nobody uses them: bytes, and contents that are links to a store.
///
/// # Errors
/// When a name in the place is refused, or the repository cannot be read.
pub fn going(place: &HubPlace, files: &[File], homes: &Homes) -> io::Result<Vec<PathBuf>> {
    place::check(place, files).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
    let repository = Repository::of(place, &homes.hub);
    let (snapshot, blobs) = (repository.snapshot(&place.commit), repository.blobs());
    if !snapshot.is_dir() {
        return Ok(Vec::new());
    }
    let others = other_snapshots(&repository, &place.commit)?;
    let folder = if others.count == 0 { repository.root() } else { snapshot.clone() };
    let mut going = Vec::new();
    walk(&folder, &mut |path, kind| {
        if kind.is_file() || path.parent() == Some(&blobs) {
            going.push(path.to_path_buf());
        }
    });
    if others.count > 0 {
        going.extend(contents(&snapshot, files).difference(&others.blobs).map(|name| repository.blob(name)));
    }
    Ok(going)
}

/// Whether another process downloads into the repository: it would lose what it has written, and what it links next.
pub fn is_busy(place: &HubPlace, homes: &Homes) -> bool {
    busy(&Repository::of(place, &homes.hub))
}

fn busy(repository: &Repository) -> bool {
    let paths = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let ends = |path: &Path, end: &str| path.extension().is_some_and(|found| found == end);
    let is_recent = |path: &Path| {
        let Ok(modified) = fs::symlink_metadata(path).and_then(|found| found.modified()) else { return false };
        match SystemTime::now().duration_since(modified) {
            Ok(ago) => ago < BUSY,
            Err(ahead) => ahead.duration() < AHEAD,
        }
    };
    let mut locks = paths(&repository.locks()).filter(|path| ends(path, "lock"));
    let mut unfinished = paths(&repository.blobs()).filter(|path| ends(path, "incomplete"));
    locks.any(|path| locks::is_held(&path)) || unfinished.any(|path| is_recent(&path))
}

/// Whether another project or another branch or tag names the commit, its snapshot has files that are not ours, or somebody
/// downloads into its repository.
///
/// # Errors
/// When a name in the place is refused.
pub fn is_used(place: &HubPlace, files: &[File], homes: &Homes, mine: Mine<'_>) -> io::Result<bool> {
    place::check(place, files).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
    let repository = Repository::of(place, &homes.hub);
    // The branch that was asked for goes with the commit; so does `main` where it followed us, and nobody else's `main`.
    let follows = |name: &str| name == place.requested || (name == "main" && marks::main_is_ours(&repository));
    let named = naming(&repository, place);
    if named.iter().any(|(name, holder)| !follows(name) && !holder.as_deref().is_some_and(mine)) {
        return Ok(true);
    }
    if busy(&repository) {
        return Ok(true);
    }
    let is_foreign = marks::is_foreign(&repository, place, files);
    let mut foreign = false;
    walk(&repository.snapshot(&place.commit), &mut |path, _| foreign |= is_foreign(path));
    Ok(foreign)
}

/// The refs that name the commit; of those that protect it, for whom. The one that is called as the commit says nothing: it
/// is there for old readers only, and goes with the last claim.
fn naming(repository: &Repository, place: &HubPlace) -> Vec<(String, Option<String>)> {
    let names = |(name, commit): &(String, String)| *commit == place.commit && name != commit;
    let all = refs::all(repository).into_iter().filter(names);
    all.map(|(name, _)| (name.clone(), refs::holder(&name).map(str::to_owned))).collect()
}

struct Others {
    count: usize,
    blobs: HashSet<String>,
}

/// The snapshots beside that of `commit`.
fn other_snapshots(repository: &Repository, commit: &str) -> io::Result<Others> {
    let mut others = Others { count: 0, blobs: HashSet::new() };
    for entry in fs::read_dir(repository.snapshots())? {
        let entry = entry?;
        if entry.file_name() != commit {
            others.count += 1;
            others.blobs.extend(linked_blobs(&entry.path()));
        }
    }
    Ok(others)
}

/// The names of the contents of a snapshot, as its links say and as the lock does.
fn contents(snapshot: &Path, files: &[File]) -> HashSet<String> {
    let mut names = linked_blobs(snapshot);
    names.extend(files.iter().filter_map(blob_name));
    names
}

/// The first hop of every link in the tree: what lies behind a second hop is a store's, which is not ours to remove.
fn linked_blobs(snapshot: &Path) -> HashSet<String> {
    let mut names = HashSet::new();
    walk(snapshot, &mut |path, kind| {
        let target = kind.is_symlink().then(|| fs::read_link(path).ok()).flatten();
        names.extend(target.and_then(|target| target.file_name()?.to_str().map(str::to_owned)));
    });
    names
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path, fs::FileType)) {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) => visit(&entry.path(), kind),
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
#[path = "remove/tests.rs"]
mod tests;
