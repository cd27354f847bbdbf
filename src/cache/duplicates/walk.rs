//! Lists every file of the places that is large enough, in parallel, with what it is to the layout that it lies in.
//!
//! Links are not followed. What no verb may touch is left out here, so that nothing later can forget it: references, locks,
//! unfinished downloads, notes of clients and of this tool, Git's own folder.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::{File, Name, Role};
use super::payloads::{self, Links};
use super::{Search, names, work};
use crate::cache::Stamp;
use crate::cache::inventory::Problem;
use crate::models::hub::store;

/// Deeper than any cache: a loop of mounts, or an attack.
const DEEPEST: usize = 256;

/// How many problems are told one by one.
const PROBLEMS: usize = 100;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// Each inode once.
    pub(super) files: Vec<File>,
    /// What a run that was killed left.
    pub(super) leftovers: Vec<PathBuf>,
    pub(super) problems: Vec<Problem>,
}

/// What one thread found.
#[derive(Default)]
struct Own {
    files: Vec<File>,
    /// Where links lead into a shared store.
    links: Vec<Links>,
    leftovers: Vec<PathBuf>,
    problems: Vec<Problem>,
}

/// A folder that waits.
struct Task {
    place: usize,
    folder: PathBuf,
    scope: Scope,
    local: Option<Arc<Path>>,
    depth: usize,
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

pub(super) fn walk(search: &Search<'_>) -> Walked {
    let apart: HashSet<&Path> = search.places.iter().map(|place| place.real.as_path()).collect();
    let places = search.places.iter().enumerate().rev();
    let ours = |folder: &Path| folder.file_name().is_some_and(|name| name == ".modelstrap");
    let tasks = places.filter(|(_, place)| !ours(&place.real)).map(|(number, place)| Task {
        place: number,
        folder: place.real.clone(),
        scope: scope(&place.real),
        local: None,
        depth: 0,
    });
    let found = work::spread(tasks.collect(), |own: &mut Own, task, more| {
        if let Err(error) = list(search, &apart, own, &task, more)
            // What vanished meanwhile is nothing.
            && error.kind() != io::ErrorKind::NotFound
        {
            own.problems.push(Problem { path: task.folder, why: error.to_string() });
        }
    });
    merge(found)
}

/// What a place itself is: a person may name a repository as one.
fn scope(folder: &Path) -> Scope {
    if folder.file_name().is_some_and(is_repository) { Scope::Repository } else { Scope::Plain }
}

fn is_repository(name: &OsStr) -> bool {
    let kinds = ["models--", "datasets--", "spaces--", "kernels--"];
    kinds.iter().any(|kind| name.as_encoded_bytes().strip_prefix(kind.as_bytes()).is_some_and(|rest| !rest.is_empty()))
}

fn list(
    search: &Search<'_>,
    apart: &HashSet<&Path>,
    own: &mut Own,
    task: &Task,
    more: &mut Vec<Task>,
) -> io::Result<()> {
    if task.depth > DEEPEST {
        return Err(io::Error::other(format!("lies more than {DEEPEST} folders deep")));
    }
    let mut folders = Vec::new();
    let mut files = Vec::new();
    let mut has_links = false;
    for entry in fs::read_dir(&task.folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(search.leftover.as_bytes()) {
            own.leftovers.push(entry.path());
        } else if kind.is_dir() {
            folders.push(name);
        } else if kind.is_file() && !is_untouchable(&name, task.scope) {
            files.push(entry);
        } else {
            has_links |= kind.is_symlink();
        }
    }
    // `<hub>/models--org--name/blobs` links into `<hub>/blobs`.
    if task.scope == Scope::Blobs
        && has_links
        && let Some(hub) = task.folder.parent().and_then(Path::parent)
    {
        own.links.push(Links { blobs: task.folder.clone(), store: Arc::from(hub.join("blobs")) });
    }
    let is_local = task.scope == Scope::Plain
        && folders.iter().any(|name| name == ".cache")
        && task.folder.join(names::LOCAL).is_dir();
    let folder: Arc<Path> = Arc::from(task.folder.as_path());
    let local = if is_local { Some(Arc::clone(&folder)) } else { task.local.clone() };
    for entry in files {
        match entry.metadata() {
            Ok(found) if found.len() >= search.min_size.max(1) && found.is_file() => {
                let file = file(task, &folder, local.clone(), entry.file_name(), &found);
                // A file of holes frees nothing: to read it would be for nothing.
                own.files.extend((file.stamp.disk > 0).then_some(file));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                own.problems.push(Problem { path: entry.path(), why: error.to_string() });
            }
            _ => {}
        }
    }
    for name in folders {
        let folder = task.folder.join(&name);
        if let Some(scope) = below(task.scope, &folder, &name)
            && !apart.contains(folder.as_path())
        {
            more.push(Task { place: task.place, folder, scope, local: local.clone(), depth: task.depth + 1 });
        }
    }
    Ok(())
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

fn file(task: &Task, folder: &Arc<Path>, local: Option<Arc<Path>>, name: OsString, found: &fs::Metadata) -> File {
    let role = match task.scope {
        Scope::Plain | Scope::Repository => Role::Plain,
        Scope::Blobs => Role::Blob,
        Scope::Snapshots => Role::Snapshot,
        Scope::Store => Role::Payload,
    };
    let known = names::of_path(role, &task.folder, &name);
    let name = Name { place: task.place, folder: Arc::clone(folder), file: name, role, local };
    File { stamp: Stamp::of(found), owner: owner(found), names: vec![name], known }
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
fn merge(found: Vec<Own>) -> Walked {
    let mut walked = Walked::default();
    let mut links = Vec::new();
    for own in found {
        match walked.files.is_empty() {
            true => walked.files = own.files,
            false => walked.files.extend(own.files),
        }
        links.extend(own.links);
        walked.leftovers.extend(own.leftovers);
        walked.problems.extend(own.problems);
    }
    walked.files.sort_unstable_by(|one: &File, other: &File| {
        let key = |file: &File| (file.stamp.size, file.name().place);
        key(one).cmp(&key(other)).then_with(|| {
            let (one, other) = (one.name(), other.name());
            (&one.folder, &one.file).cmp(&(&other.folder, &other.file))
        })
    });
    as_one(&mut walked.files);
    payloads::name(&mut walked.files, links);
    walked.leftovers.sort_unstable();
    walked.problems.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    walked.problems.truncate(PROBLEMS);
    walked
}

/// Makes the names of one inode one file: the first of them. In place, since a second list of a million files is room that nobody has.
fn as_one(files: &mut Vec<File>) {
    let mut first: HashMap<(u64, u64), usize> = HashMap::new();
    let mut kept = 0;
    for at in 0..files.len() {
        // Also one with a single name may have come twice: by two mounts.
        let id = files[at].stamp.id;
        if let Some(one) = first.get(&id).copied() {
            let (known, mut names) = (files[at].known, std::mem::take(&mut files[at].names));
            files[one].known = files[one].known.or(known);
            files[one].names.append(&mut names);
            continue;
        }
        if id != (0, 0) {
            first.insert(id, kept);
        }
        files.swap(kept, at);
        kept += 1;
    }
    files.truncate(kept);
}
