//! Lists every file of the places that is large enough, in parallel, with what it is to the layout that it lies in.
//!
//! Links are not followed. What no verb may touch is left out here, so that nothing later can forget it: references, locks,
//! unfinished downloads, notes of clients and of this tool, Git's own folder.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::files::{Files, Role};
use super::payloads::{self, Links};
use super::{Search, names, work};
use crate::cache::Stamp;
use crate::cache::inventory::Problem;
use crate::models::hub::store;

/// Deeper than any cache: a loop of mounts, or an attack.
const DEEPEST: usize = 256;

/// How many problems are told one by one.
const PROBLEMS: usize = 100;

/// So many names wait until they join the list, to which one thread at a time may add.
const BATCH: usize = 512;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// Each inode once, but for those that are alone with their size.
    pub(super) files: Files,
    /// How many inodes there were.
    pub(super) count: usize,
    /// What a run that was killed left.
    pub(super) leftovers: Vec<PathBuf>,
    pub(super) problems: Vec<Problem>,
}

/// What one thread found, but for files.
#[derive(Default)]
struct Own {
    /// Where links lead into a shared store.
    links: Vec<Links>,
    leftovers: Vec<PathBuf>,
    problems: Vec<Problem>,
}

/// A folder that waits, by its number in the list.
struct Task {
    folder: u32,
    scope: Scope,
    depth: u16,
}

/// What of a folder is not in the list yet.
#[derive(Default)]
struct Batch {
    files: Vec<(OsString, Stamp, (u32, u32))>,
    folders: Vec<(OsString, Scope)>,
}

/// What a folder is to the layout.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Plain,
    /// `models--org--name`.
    Repository,
    /// Its `blobs`.
    Blobs,
    /// Its `snapshots`, and below.
    Snapshots,
    /// A hub's shared store, and its shards.
    Store,
}

impl Scope {
    /// What its files are.
    const fn role(self) -> Role {
        match self {
            Self::Plain | Self::Repository => Role::Plain,
            Self::Blobs => Role::Blob,
            Self::Snapshots => Role::Snapshot,
            Self::Store => Role::Payload,
        }
    }
}

/// The search, while it goes on.
struct Walk<'a> {
    search: &'a Search<'a>,
    /// Places, each of which is listed by itself.
    apart: HashSet<&'a Path>,
    files: Mutex<Files>,
}

pub(super) fn walk(search: &Search<'_>) -> Walked {
    let apart = search.places.iter().map(|place| place.real.as_path()).collect();
    let places = search.places.iter().enumerate().rev();
    let ours = |folder: &Path| folder.file_name().is_some_and(|name| name == ".modelstrap");
    let mut files = Files::default();
    let tasks = places.filter(|(_, place)| !ours(&place.real)).filter_map(|(number, place)| {
        let scope = scope(&place.real);
        let folder = files.tree.root(&place.real, number, scope.role())?;
        Some(Task { folder, scope, depth: 0 })
    });
    let tasks = tasks.collect();
    let walk = Walk { search, apart, files: Mutex::new(files) };
    let found = work::spread(tasks, |own: &mut Own, task, more| {
        let path = walk.files().tree.path(task.folder);
        if let Err(error) = walk.list(own, &task, &path, more)
            // What vanished meanwhile is nothing.
            && error.kind() != io::ErrorKind::NotFound
        {
            own.problems.push(Problem { path, why: error.to_string() });
        }
    });
    merge(walk.files.into_inner().unwrap_or_else(PoisonError::into_inner), found)
}

/// What a place itself is: a person may name a repository as one.
fn scope(folder: &Path) -> Scope {
    if folder.file_name().is_some_and(is_repository) { Scope::Repository } else { Scope::Plain }
}

fn is_repository(name: &OsStr) -> bool {
    let kinds = ["models--", "datasets--", "spaces--", "kernels--"];
    kinds.iter().any(|kind| name.as_encoded_bytes().strip_prefix(kind.as_bytes()).is_some_and(|rest| !rest.is_empty()))
}

impl Walk<'_> {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self, own: &mut Own, task: &Task, path: &Path, more: &mut Vec<Task>) -> io::Result<()> {
        if usize::from(task.depth) > DEEPEST {
            return Err(io::Error::other(format!("lies more than {DEEPEST} folders deep")));
        }
        let mut batch = Batch::default();
        let (mut has_links, mut has_cache) = (false, false);
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(self.search.leftover.as_bytes()) {
                own.leftovers.push(entry.path());
            } else if kind.is_dir() {
                has_cache |= name == ".cache";
                self.folder(task.scope, entry.path(), name, &mut batch);
            } else if kind.is_file() && !is_untouchable(&name, task.scope) {
                self.file(&entry, name, &mut batch, own);
            } else {
                has_links |= kind.is_symlink();
            }
            if batch.files.len() + batch.folders.len() >= BATCH {
                self.add(task, &mut batch, more)?;
            }
        }
        self.add(task, &mut batch, more)?;
        // `<hub>/models--org--name/blobs` links into `<hub>/blobs`.
        if task.scope == Scope::Blobs
            && has_links
            && let Some(hub) = path.parent().and_then(Path::parent)
        {
            own.links.push(Links { blobs: path.to_path_buf(), store: hub.join("blobs") });
        }
        if has_cache && task.scope == Scope::Plain && path.join(names::LOCAL).is_dir() {
            self.files().tree.is_local(task.folder);
        }
        Ok(())
    }

    fn folder(&self, scope: Scope, path: PathBuf, name: OsString, batch: &mut Batch) {
        let below = below(scope, &path, &name).filter(|_| !self.apart.contains(path.as_path()));
        batch.folders.extend(below.map(|scope| (name, scope)));
    }

    fn file(&self, entry: &DirEntry, name: OsString, batch: &mut Batch, own: &mut Own) {
        match entry.metadata() {
            Ok(found) if found.len() >= self.search.min_size.max(1) && found.is_file() => {
                let stamp = Stamp::of(&found);
                // A file of holes frees nothing: to read it would be for nothing.
                batch.files.extend((stamp.disk > 0).then(|| (name, stamp, owner(&found))));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                own.problems.push(Problem { path: entry.path(), why: error.to_string() });
            }
            _ => {}
        }
    }

    /// Adds what was found in a folder to the list, and the folders in it to those that wait.
    fn add(&self, task: &Task, batch: &mut Batch, more: &mut Vec<Task>) -> io::Result<()> {
        let full = || io::Error::other("more files than this version can list");
        let mut files = self.files();
        for (name, stamp, owner) in batch.files.drain(..) {
            if !files.add(task.folder, &name, &stamp, owner) {
                return Err(full());
            }
        }
        for (name, scope) in batch.folders.drain(..) {
            let folder = files.tree.folder(task.folder, &name, scope.role()).ok_or_else(full)?;
            more.push(Task { folder, scope, depth: task.depth + 1 });
        }
        Ok(())
    }
}

/// What the folder `name` in a folder of this scope is; `None` where nothing in it may be touched.
fn below(scope: Scope, path: &Path, name: &OsStr) -> Option<Scope> {
    let text = name.to_str().unwrap_or_default();
    // `.cache/huggingface` in a folder that `local_dir=` filled holds notes and unfinished files.
    if matches!(text, ".modelstrap" | ".git" | ".locks") || path.ends_with(".cache/huggingface") {
        return None;
    }
    match scope {
        Scope::Plain if is_repository(name) => Some(Scope::Repository),
        Scope::Plain if text == "blobs" && path.parent().is_some_and(|hub| store::folder(hub).is_some()) => {
            Some(Scope::Store)
        }
        Scope::Plain => Some(Scope::Plain),
        Scope::Repository => match text {
            "blobs" => Some(Scope::Blobs),
            "snapshots" => Some(Scope::Snapshots),
            _ => None,
        },
        Scope::Blobs => None,
        Scope::Snapshots => Some(Scope::Snapshots),
        Scope::Store => Some(Scope::Store),
    }
}

/// Files that are written to, or that say what others are.
fn is_untouchable(name: &OsStr, scope: Scope) -> bool {
    const ENDINGS: [&str; 9] =
        [".incomplete", ".part", ".partial", ".lock", ".state", ".metadata", ".refs", ".tmp", ".crdownload"];
    let bytes = name.as_encoded_bytes();
    let other = bytes.starts_with(b".modelstrap-") || matches!(bytes, b"token" | b"stored_tokens" | b"CACHEDIR.TAG");
    // Of ollama's unfinished layers: `sha256-HEX-partial`, with a number behind it.
    let ollama = bytes.starts_with(b"sha256-") && bytes.windows(8).any(|part| part == b"-partial");
    other
        || ollama
        || scope == Scope::Repository
        || ENDINGS.iter().any(|ending| bytes.ends_with(ending.as_bytes()))
        || (matches!(scope, Scope::Blobs | Scope::Store) && !bytes.iter().all(u8::is_ascii_alphanumeric))
}

#[cfg(unix)]
fn owner(found: &fs::Metadata) -> (u32, u32) {
    use std::os::unix::fs::MetadataExt as _;
    (found.uid(), found.gid())
}

#[cfg(not(unix))]
fn owner(_: &fs::Metadata) -> (u32, u32) {
    (0, 0)
}

/// Each inode once, and everything in an order that does not depend on who was first.
fn merge(mut files: Files, found: Vec<Own>) -> Walked {
    let count = files.settle();
    let mut walked = Walked { files, count, ..Walked::default() };
    let mut links = Vec::new();
    for own in found {
        links.extend(own.links);
        walked.leftovers.extend(own.leftovers);
        walked.problems.extend(own.problems);
    }
    payloads::name(&mut walked.files, links);
    walked.leftovers.sort_unstable();
    walked.problems.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    walked.problems.truncate(PROBLEMS);
    walked
}
