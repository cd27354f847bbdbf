//! What the payloads of a hub's shared store are: their own names are Xet's hashes, and the blobs that link to them are called by the digest
//! of the content.
//!
//! Read after the walk, and only for payloads that have another file's size: of a million links, most are asked by nobody.

use std::collections::HashMap;
use std::fs::{self, DirEntry};
use std::path::{Component, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::files::{Files, Role};
use super::work;
use crate::fetch::Digest;

/// A repository's `blobs` that holds links, and the store into which they lead (`<hub>/blobs`).
pub(super) struct Links {
    pub(super) blobs: PathBuf,
    pub(super) store: PathBuf,
}

/// The payloads of which something is asked.
struct Wanted<'a> {
    /// By their folders, the numbers of the stores.
    stores: HashMap<PathBuf, u32>,
    /// The number of the store, where the name stands, the file; sorted by stores and by the numbers that names are.
    payloads: Vec<(u32, u32, u32)>,
    files: &'a Files,
}

impl Wanted<'_> {
    /// The file that a payload of a store is.
    fn file(&self, store: u32, number: &[u8; 32]) -> Option<u32> {
        let key = |(store, name, _): &(u32, u32, u32)| (*store, self.files.number(*name));
        let at = self.payloads.binary_search_by(|payload| key(payload).cmp(&(store, Some(number)))).ok()?;
        Some(self.payloads[at].2)
    }
}

/// Says of each payload among `files` what the links to it are called.
pub(super) fn name(files: &mut Files, links: Vec<Links>) {
    if links.is_empty() {
        return;
    }
    let wanted = wanted(files);
    if wanted.payloads.is_empty() {
        return;
    }
    let told: Mutex<Vec<(u32, Digest)>> = Mutex::default();
    work::spread(links, |(): &mut (), links, _| read(&links, &wanted, &told));
    drop(wanted);
    // Of several links to one payload the first by its name tells.
    files.tell(told.into_inner().unwrap_or_else(PoisonError::into_inner));
}

fn wanted(files: &Files) -> Wanted<'_> {
    let mut payloads = Vec::new();
    let mut stores: HashMap<PathBuf, u32> = HashMap::new();
    for file in files.iter().filter(|file| file.names().any(|name| name.role() == Role::Payload)) {
        if file.known().is_none() {
            let names = file.names().filter_map(|name| name.payload());
            payloads.extend(names.map(|(store, name)| (store, name, file.at())));
        }
    }
    let mut folders: Vec<u32> = payloads.iter().map(|(store, ..)| *store).collect();
    folders.dedup();
    folders.sort_unstable();
    folders.dedup();
    stores.extend(folders.into_iter().map(|store| (files.tree.path(store), store)));
    payloads.sort_unstable_by_key(|(store, name, at)| (*store, files.number(*name), *at));
    Wanted { stores, payloads, files }
}

/// A repository that vanished meanwhile tells nothing, and one that cannot be read was told of by the walk.
fn read(links: &Links, wanted: &Wanted<'_>, told: &Mutex<Vec<(u32, Digest)>>) {
    let Some(store) = wanted.stores.get(&links.store) else { return };
    let mut own = Vec::new();
    for entry in fs::read_dir(&links.blobs).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_symlink())
            && let Some((payload, digest)) = payload(&entry)
            && let Some(at) = wanted.file(*store, &payload)
        {
            own.push((at, digest));
        }
    }
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    told.append(&mut own);
    // Many repositories may have one payload.
    if told.len() > 2 * wanted.payloads.len() {
        told.sort_unstable();
        told.dedup_by_key(|(at, _)| *at);
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
