//! The files of the store that the repositories of a hub share. What a repository has is drawn with it, by its name there; here is what none
//! has, by who is noted beside it as the last that had it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::contents::{Leaf, id};
use crate::cache::hub::{BlobKind, Hub, Repository, full_name};
use crate::cache::stamp::Stamp;
use crate::support::{bounded, quoted};

/// A list of users is read so far.
const LIST: u64 = 64 << 10;

/// So many digits of a hash tell a person which one.
const DIGITS: usize = 12;

/// The payloads of the store at `path` that no repository of its hub has.
pub(super) fn of_nobody(path: &Path) -> Vec<Leaf> {
    let Some(hub) = path.parent().map(Hub::at) else { return Vec::new() };
    let used = used(&hub);
    let mut leaves = Vec::new();
    for shard in below(path) {
        for name in below(&path.join(&shard)) {
            let at = path.join(&shard).join(&name);
            let is_payload = name.as_encoded_bytes().iter().all(u8::is_ascii_alphanumeric);
            if !is_payload || used.contains(&at) {
                continue;
            }
            let Some(stamp) = Stamp::at(&at).ok().filter(|_| at.is_file()) else { continue };
            leaves.push(Leaf { name: named(&at, &name), disk: stamp.disk, id: id(&stamp) });
        }
    }
    leaves
}

/// What the repositories of `hub` link to.
fn used(hub: &Hub) -> BTreeSet<PathBuf> {
    let repositories = hub.repositories().unwrap_or_default();
    let blobs = repositories.iter().flat_map(|folder| Repository::read(folder, hub).blobs.into_values());
    blobs.filter_map(|blob| if let BlobKind::Shared(path, _) = blob.kind { Some(path) } else { None }).collect()
}

/// The names in a folder, sorted.
fn below(folder: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<OsString> = entries.map(|entry| entry.file_name()).collect();
    names.sort_unstable();
    names
}

/// `0123456789ab (once of org/name)`: the list beside a payload names its users as `models--org--name/blobs/ETAG`.
fn named(payload: &Path, name: &OsString) -> String {
    let digits: String = quoted::shown(name).chars().take(DIGITS).collect();
    let list = bounded::read(&payload.with_extension("refs"), LIST).unwrap_or_default();
    let list = String::from_utf8_lossy(&list);
    let users: BTreeSet<String> = list.lines().filter_map(|line| full_name(line.split('/').next()?)).collect();
    match users.first() {
        Some(user) if users.len() == 1 => format!("{digits} (once of {user})"),
        Some(user) => format!("{digits} (once of {user} and {} more)", users.len() - 1),
        None => format!("{digits} (no repository)"),
    }
}
