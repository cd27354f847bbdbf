//! What the payloads of a hub's shared store are: their own names are Xet's hashes, and the blobs that link to them are called by the digest
//! of the content.
//!
//! Read after the walk, and only for payloads that have another file's size: of a million links, most are asked by nobody.

use std::collections::HashMap;
use std::fs::{self, DirEntry};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::file::{File, Name, Role};
use super::work;
use crate::fetch::Digest;

/// A repository's `blobs` that holds links, and the store into which they lead (`<hub>/blobs`).
pub(super) struct Links {
    pub(super) blobs: PathBuf,
    pub(super) store: Arc<Path>,
}

/// A payload: the store's folder, and its name as the number that it is. A path for each of a million would take a gigabyte.
type Key = (Arc<Path>, [u8; 32]);

/// Says of each payload among `files`, which are sorted by size, what the links to it are called; where it has an equal in size.
pub(super) fn name(files: &mut [File], links: Vec<Links>) {
    if links.is_empty() {
        return;
    }
    let mut wanted: HashMap<Key, usize> = HashMap::new();
    let mut start = 0;
    for bucket in files.chunk_by(|one, other| one.stamp.size == other.stamp.size) {
        if bucket.len() > 1 {
            let asked = bucket.iter().enumerate().filter(|(_, file)| file.known.is_none());
            wanted.extend(asked.flat_map(|(at, file)| {
                let payloads = file.names.iter().filter(|name| name.role == Role::Payload);
                payloads.filter_map(key).map(move |key| (key, start + at))
            }));
        }
        start += bucket.len();
    }
    if wanted.is_empty() {
        return;
    }
    let told = work::spread(links, |own: &mut Vec<(usize, Digest)>, links, _| read(&links, &wanted, own));
    // Of several links to one payload the first by its name tells, whichever thread was first.
    let mut told: Vec<(usize, Digest)> = told.into_iter().flatten().collect();
    told.sort_unstable();
    told.dedup_by_key(|(at, _)| *at);
    for (at, digest) in told {
        if let Some(file) = files.get_mut(at) {
            file.known = Some(digest);
        }
    }
}

/// A repository that vanished meanwhile tells nothing, and one that cannot be read was told of by the walk.
fn read(links: &Links, wanted: &HashMap<Key, usize>, own: &mut Vec<(usize, Digest)>) {
    for entry in fs::read_dir(&links.blobs).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_symlink())
            && let Some((payload, digest)) = payload(&entry)
            && let Some(at) = wanted.get(&(Arc::clone(&links.store), payload))
        {
            own.push((*at, digest));
        }
    }
}

/// The name of the payload that a blob is a link to, and what the blob's name says of it.
fn payload(entry: &DirEntry) -> Option<([u8; 32], Digest)> {
    let digest = Digest::from_hex(entry.file_name().to_str()?)?;
    let target = fs::read_link(entry.path()).ok()?;
    let inside = target.strip_prefix("../../blobs").ok()?;
    let mut parts = inside.components();
    let (Some(Component::Normal(shard)), Some(Component::Normal(name)), None) =
        (parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let (shard, name) = (shard.to_str()?, name.to_str()?);
    Some((number(name).filter(|_| name.starts_with(shard))?, digest))
}

/// The name of a payload, 64 hexadecimal digits, as a number.
fn number(name: &str) -> Option<[u8; 32]> {
    match Digest::from_hex(name)? {
        Digest::Sha256(number) => Some(number),
        Digest::Git(_) => None,
    }
}

/// Which payload a file of a store is.
fn key(name: &Name) -> Option<Key> {
    Some((Arc::from(name.folder.parent()?), number(name.file.to_str()?)?))
}
