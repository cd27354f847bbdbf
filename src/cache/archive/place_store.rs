//! Payloads of a shared store and their users, in the order in which the official client has them: a list, a payload, the links. What
//! breaks off in between can be told by everybody who clears such a store.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Placer;
use crate::cache::archive::members::What;
use crate::cache::archive::names;
use crate::support::escape;
use crate::support::lock::Lock;

/// How long another process may hold a payload's lock.
const PATIENCE: Duration = Duration::from_secs(10);

impl Placer<'_> {
    /// Gives a payload its name, with its lock held: its users are in its list before it is there, and their links follow at once, so
    /// that nobody takes it for one that has none (`publish_blob_to_shared_store` in `utils/_shared_blobs.py`).
    pub(super) fn payload(&mut self, at: usize, staging: &PathBuf, name: &[u8]) -> Result<()> {
        let merge = self.merge;
        let users = merge.users.takers(at);
        let _lock = self.note_users(at, users)?;
        self.rename(at, staging, name)?;
        for user in users.iter().map(|user| *user as usize) {
            if let What::Link { to } = self.index.members.what(user) {
                self.bare_link(user, &to)?;
            }
        }
        Ok(())
    }

    /// Writes down that these blobs use a payload, before they do. Gives its lock, under which they may.
    pub(super) fn note_users(&mut self, payload: usize, blobs: &[u32]) -> Result<Option<Lock>> {
        let members = &self.index.members;
        let name = members.name(payload);
        let hub = self.stores.iter().find(|hub| name.below(hub).is_some()).cloned().unwrap_or_default();
        let line = |blob: &u32| members.name(*blob as usize).below(&hub).unwrap_or_default().to_vec();
        let lines: Vec<Vec<u8>> = blobs.iter().map(line).collect();
        let spot = self.spot(payload);
        self.within(&spot, |_, folder| {
            let last = names::to_path(spot.last());
            let beside = |end: &str| {
                let mut name = last.clone().into_os_string();
                name.push(end);
                folder.path().join(name)
            };
            let list = beside(".refs");
            let lock = Lock::acquire(&beside(".lock"), PATIENCE, || {}).ok();
            // Of a payload that was here without a list nobody knows all users: none is safer than one that names some of them.
            let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
            if is_there(&folder.path().join(&last)) && !is_there(&list) {
                return Ok(lock);
            }
            add_lines(&list, &lines).with_context(|| format!("{} cannot be written", escape::path(&list)))?;
            Ok(lock)
        })
    }
}

/// Adds those of `lines` to a list that are not in it; what is there is whole on the disk before anything relies on it.
fn add_lines(list: &Path, lines: &[Vec<u8>]) -> io::Result<()> {
    if fs::symlink_metadata(list).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other("is no file"));
    }
    let mut file = fs::OpenOptions::new().read(true).append(true).create(true).open(list)?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let mut more = Vec::new();
    {
        let known: std::collections::HashSet<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        for line in lines.iter().filter(|line| !known.contains(line.as_slice())) {
            more.extend_from_slice(line);
            more.push(b'\n');
        }
    }
    if more.is_empty() {
        return Ok(());
    }
    let start: &[u8] = if text.is_empty() || text.ends_with(b"\n") { b"" } else { b"\n" };
    file.write_all(&[start, &more].concat())?;
    file.sync_all()
}
