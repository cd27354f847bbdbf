//! Links and branches, which lead to contents and come after them, and second names of what the cache has.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::Placer;
use crate::cache::archive::members::Sum;
use crate::cache::archive::merge::comes;
use crate::cache::archive::names::{self, Role};
use crate::cache::archive::twins::Twin;
use crate::cache::archive::{contents, folder::Folder};
use crate::cache::stamp::Stamp;
use crate::support::escape;

impl Placer<'_> {
    /// Makes the member `at` a second name of a file of the cache that has its bytes; where the disk refuses, a copy of it.
    pub(super) fn twin(&mut self, at: usize, twin: &Twin) -> Result<()> {
        let path = self.merge.twins.path(at, twin, self.index, self.target);
        let sum = self.index.members.content(at).and_then(|(holder, _)| self.index.members.sum(holder));
        let entry = self.index.members.get(at);
        let staging = self.staging(at)?;
        let name = self.temporary();
        let folder = self.staging.get(&staging).context("a folder that was made")?;
        let there = folder.path().join(names::to_path(&name));
        let mut copied = 0;
        let done = if fs::hard_link(&path, &there).is_ok() {
            is_still(&there, twin)
        } else {
            let mode = 0o666 | u32::from(entry.mode) & 0o111;
            copy(&path, sum, folder, &name, mode).and_then(|(file, size)| {
                copied = size;
                self.finish_file(at, &file)
            })
        };
        if let Err(error) = done {
            let _ = folder.unlink(&name);
            let from = escape::path(&path);
            return Err(error).with_context(|| format!("{} cannot be made of {from}", entry.name));
        }
        self.outcome.bytes += copied;
        self.settle(at, &staging, &name)
    }

    pub(super) fn link(&mut self, at: usize, to: &[u8]) -> Result<()> {
        if self.role(at) == Role::Blob {
            let Some(payload) = self.index.members.led_to(at) else { return Ok(()) };
            let holder = self.index.members.content(payload).map_or(payload, |(holder, _)| holder);
            // Without a store it came as a file.
            if self.takers(holder).iter().any(|taker| *taker as usize == at) {
                return Ok(());
            }
            // Its link came with it.
            if comes(&self.merge.steps[payload]) {
                return Ok(());
            }
            let _lock = self.note_users(payload, &[u32::try_from(at).unwrap_or(u32::MAX)])?;
            return self.bare_link(at, to);
        }
        self.bare_link(at, to)
    }

    /// The link itself.
    pub(super) fn bare_link(&mut self, at: usize, to: &[u8]) -> Result<()> {
        let entry = self.index.members.get(at);
        let spot = self.spot(at);
        let staging = self.staging(at)?;
        let name = self.temporary();
        let shown = entry.name.to_string();
        let failed = || format!("the link {shown} cannot be made");
        let folder = self.staging.get(&staging).context("a folder that was made")?;
        let files = self.outcome.files;
        if let Err(error) = folder.symlink(&name, to) {
            // Where links cannot be made, a second name for the file does; else its bytes again.
            let source = spot.path().parent().map(|folder| folder.join(names::to_path(to)));
            let source = source.filter(|source| source.is_file() && !cfg!(unix));
            let made = source.map(|source| {
                let there = folder.path().join(names::to_path(&name));
                fs::hard_link(&source, &there).or_else(|_| fs::copy(&source, &there).map(drop))
            });
            made.unwrap_or(Err(error)).with_context(failed)?;
        }
        self.settle(at, &staging, &name)?;
        if self.outcome.files > files {
            self.outcome.files = files;
            self.outcome.links += 1;
        }
        Ok(())
    }

    pub(super) fn reference(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        let name = self.index.members.name(at);
        let Some((repository, _)) = name.repository() else { return Ok(()) };
        let commit = self.target.spot(&[repository, b"/snapshots/", bytes.trim_ascii()].concat());
        let plain = !bytes.trim_ascii().is_empty() && !bytes.contains(&b'/') && !bytes.trim_ascii().starts_with(b".");
        if !plain || !commit.path().is_dir() {
            self.outcome.kept.push((name.clone(), "the commit that it names is not here".to_owned()));
            return Ok(());
        }
        let staging = self.staging(at)?;
        let temporary = self.temporary();
        let folder = self.staging.get(&staging).context("a folder that was made")?;
        let written = folder.create(&temporary, 0o666).and_then(|mut file| {
            file.write_all(bytes)?;
            self.finish_file(at, &file)
        });
        written.with_context(|| format!("{name} cannot be written"))?;
        self.settle(at, &staging, &temporary)?;
        self.outcome.references += 1;
        Ok(())
    }
}

/// Whether what was linked is what was read.
fn is_still(path: &Path, twin: &Twin) -> io::Result<()> {
    if twin.found.is_still(&Stamp::at(path)?) { Ok(()) } else { Err(changed()) }
}

fn changed() -> io::Error {
    io::Error::other("another program changed it meanwhile; run this again")
}

/// A copy of the file, which is held against what was read before; and its size.
fn copy(path: &Path, expected: Option<Sum>, folder: &Folder, name: &[u8], mode: u32) -> io::Result<(fs::File, u64)> {
    let mut from = contents::open(path)?;
    let mut to = folder.create(name, mode)?;
    let (mut sum, mut size) = (Sha256::new(), 0);
    let mut buffer = vec![0; 256 << 10];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        sum.update(&buffer[..count]);
        to.write_all(&buffer[..count])?;
        size += count as u64;
    }
    let found: Sum = sum.finalize().into();
    if Some(found) == expected { Ok((to, size)) } else { Err(changed()) }
}
