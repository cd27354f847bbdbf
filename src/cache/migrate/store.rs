//! The store that the repositories of a hub share (huggingface_hub 1.32 and later), by its own rules (`utils/_shared_blobs.py`):
//! a payload is locked while a reference comes or goes; its manifest gets a line before the link is made; a payload goes only when
//! its manifest is readable and no line of it is a link to the payload any more, and the manifest goes last.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::contents::small;
use super::dir::{Dir, Kind, Look, real};
use super::hub::Hubs;
use super::repository::Merge;
use super::work::{ANOTHER, Stop, Tally, To, Work, check, temporary};
use crate::cache::Stamp;
use crate::cache::hub::BlobKind;
use crate::support::{quiet, quoted};

/// What makes a folder a store.
pub(super) const MARKER: &str = ".huggingface-shared-blobs";

/// A manifest has a line for each repository.
const LARGEST: u64 = 16 << 20;

/// How long another process may hold a payload's lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// A payload in a store: its shard's folder and its name.
struct Payload {
    shard: Dir,
    name: OsString,
}

impl Payload {
    /// The payload that a link of `hub` names, where the name is one.
    fn of(path: &Path) -> io::Result<Self> {
        let (shard, name) = path.parent().zip(path.file_name()).ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { shard: Dir::open(shard)?, name: name.to_owned() })
    }

    fn beside(&self, ending: &str) -> OsString {
        let mut name = self.name.clone();
        name.push(ending);
        name
    }

    /// Holds the payload's lock while the file lives.
    fn lock(&self) -> Result<io::Result<File>, Stop> {
        let file = match self.shard.append(&self.beside(".lock")) {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        let begun = Instant::now();
        loop {
            check()?;
            match file.try_lock() {
                Ok(()) => return Ok(Ok(file)),
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(Ok(file)),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(20)),
                Err(TryLockError::WouldBlock) => {
                    return Ok(Err(io::Error::other("another process holds its payload's lock")));
                }
                Err(TryLockError::Error(error)) => return Ok(Err(error)),
            }
        }
    }

    /// Whether it lies in the store of the hub `to`, which is mounted at two paths, or whether that cannot be told.
    fn is_of(&self, work: &Work<'_>, to: &To) -> bool {
        let shard = self.shard.path.file_name().unwrap_or_default();
        !to.below(&Path::new("blobs").join(shard), false).is_ok_and(|there| !work.is_one(&there, &self.shard))
    }

    /// What a link in a repository of the hub says that leads to it.
    fn text(&self) -> PathBuf {
        let shard = self.shard.path.file_name().unwrap_or_default();
        Path::new("../../blobs").join(shard).join(&self.name)
    }

    /// The lines of the manifest that are links to it; `None` where nobody can tell.
    fn references(&self, hub: &Dir) -> Option<Vec<String>> {
        let bytes = small(&self.shard, &self.beside(".refs"), LARGEST).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let mut valid: Vec<String> = Vec::new();
        for line in text.lines() {
            let path = Path::new(line);
            let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
            let parts: Vec<_> = path.components().collect();
            if !plain || parts.len() != 3 || parts.get(1) != Some(&Component::Normal(OsStr::new("blobs"))) {
                continue;
            }
            let leads = match hub.look_below(path) {
                Ok(Some(look)) if look.kind == Kind::Link => {
                    let folder = path.parent().and_then(|folder| hub.below(folder).ok().flatten())?;
                    folder.text(path.file_name()?).ok()? == self.text()
                }
                Ok(_) => false,
                Err(_) => return None,
            };
            if leads && !valid.iter().any(|known| known == line) {
                valid.push(line.to_owned());
            }
        }
        Some(valid)
    }

    /// Adds `line` to the manifest, durably.
    fn note(&self, line: &str) -> io::Result<()> {
        let mut file = self.shard.append(&self.beside(".refs"))?;
        let bytes = small(&self.shard, &self.beside(".refs"), LARGEST)?;
        let text = String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData)?;
        if text.lines().any(|known| known == line) {
            return Ok(());
        }
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        file.write_all(format!("{gap}{line}\n").as_bytes())?;
        file.sync_all()
    }
}

/// Whether `path` ends as a payload's does: two digits, then 64 that begin with them.
pub(super) fn is_payload(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let shard = path.parent().and_then(Path::file_name).and_then(OsStr::to_str).unwrap_or_default();
    name.len() == 64
        && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && name.get(..2) == Some(shard)
}

impl Merge<'_, '_, '_> {
    /// A blob whose bytes are the payload at `path` of the source's store: into the target's store, or as a blob of its own where
    /// the target has none.
    pub(super) fn shared(&mut self, path: &Path, stamp: Stamp, t: &To, etag: &OsStr) -> Result<bool, Stop> {
        let look = Look { kind: Kind::File, stamp };
        let Some(payload) = self.work.heed(path, Payload::of(path))? else { return Ok(false) };
        let there = self.into.blobs.get(etag).map(|blob| blob.kind.clone());
        let free = matches!(there, None | Some(BlobKind::Shared(_, None)));
        let line = self.line(etag);
        match (&self.hubs.target.store, line) {
            (Some(store), Some(line)) if free && is_payload(path) => {
                let store = store.clone();
                self.share_payload(&payload, &look, (t, etag), &store, &line)
            }
            _ => self.content((&payload.shard, &payload.name), &look, t, etag),
        }
    }

    /// How a manifest names the blob: with `/`, and no line's end in it.
    fn line(&self, etag: &OsStr) -> Option<String> {
        let line = format!("{}/blobs/{}", self.t.path.file_name()?.to_str()?, etag.to_str()?);
        (!line.contains(['\n', '\r'])).then_some(line)
    }

    fn share_payload(
        &mut self,
        payload: &Payload,
        look: &Look,
        (t, etag): (&To, &OsStr),
        store: &Path,
        line: &str,
    ) -> Result<bool, Stop> {
        let shard = payload.shard.path.file_name().unwrap_or_default();
        let target = store.join(shard).join(&payload.name);
        let size = look.stamp.size;
        let mut tally = Tally { files: 1, bytes: size, ..Tally::default() };
        let there = Stamp::at(&target).ok();
        if there.is_some() {
            tally.same = size;
        } else if super::tree::is_across(&self.s, &self.t.path) {
            tally.copied = size;
        }
        if self.work.act() {
            let made = self.publish(payload, look, (t, etag), store, line)?;
            if self.work.heed(&payload.shard.path.join(&payload.name), made)?.is_none() {
                return Ok(false);
            }
        } else if there.is_some_and(|there| there.size != size) {
            self.work.fail(self.s.path.join("blobs").join(etag), format!("{ANOTHER} {}", quoted::shown(&target)));
            return Ok(false);
        }
        self.work.out.tally += tally;
        Ok(true)
    }

    fn publish(
        &mut self,
        payload: &Payload,
        look: &Look,
        (t, etag): (&To, &OsStr),
        store: &Path,
        line: &str,
    ) -> Result<io::Result<()>, Stop> {
        let shard = payload.shard.path.file_name().unwrap_or_default().to_owned();
        let opened = store.strip_prefix(&self.hubs.to.path).map_err(|_| io::ErrorKind::NotFound.into());
        let shard = match opened.and_then(|store| self.hubs.to.dir()?.below_made(&store.join(&shard))) {
            Ok(shard) => shard,
            Err(error) => return Ok(Err(error)),
        };
        let target = Payload { shard, name: payload.name.clone() };
        let _held = match target.lock()? {
            Ok(held) => held,
            Err(error) => return Ok(Err(error)),
        };
        match target.shard.look(&target.name) {
            Ok(None) => {
                let linked = payload.shard.link(&payload.name, &target.shard, &target.name);
                let made = match linked {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        let Some(room) = self.room()? else { return Ok(Err(error)) };
                        let names = (payload.shard.again(), payload.name.as_os_str());
                        let (Ok(from), name) = names else { return Ok(Err(error)) };
                        self.work.copy((&from, name), look, (&target.shard, &target.name), &room, None)?
                    }
                    done => done,
                };
                if let Err(error) = made {
                    return Ok(Err(error));
                }
            }
            Ok(Some(there))
                if there.kind == Kind::File && there.stamp.id == look.stamp.id && look.stamp.id != (0, 0) => {}
            Ok(Some(there)) if there.kind == Kind::File && there.stamp.size == look.stamp.size => {
                let files =
                    payload.shard.file(&payload.name).and_then(|one| Ok((one, target.shard.file(&target.name)?)));
                let same = match files {
                    Ok((one, other)) => self.work.same_bytes(one, other)?,
                    Err(error) => Err(error),
                };
                match same {
                    Ok(true) if look.stamp.names > 1 => {
                        self.work.kin.copies.note(look, target.shard.path.join(&target.name));
                    }
                    Ok(true) => {}
                    Ok(false) => return Ok(Err(io::Error::other("another content stands in the cache's store"))),
                    Err(error) => return Ok(Err(error)),
                }
            }
            Ok(Some(_)) => return Ok(Err(io::Error::other("another content stands in the cache's store"))),
            Err(error) => return Ok(Err(error)),
        }
        let Some(room) = self.room()? else { return Ok(Ok(())) };
        let spare = temporary(etag);
        let _ = room.unlink(&spare);
        Ok(target.note(line).and_then(|()| {
            target.shard.sync();
            // The text holds from the folder in which it ends, which is as deep.
            room.symlink(&target.text(), &spare)?;
            room.replace(&spare, t.dir()?, etag)
        }))
    }

    /// The end of the source's link `name` to `path`: and of the payload, once nobody else has a link to it.
    pub(super) fn unshare(&mut self, blobs: &Dir, name: &OsStr, path: &Path) -> Result<(), Stop> {
        let link = blobs.path.join(name);
        let Some(payload) = self.work.heed(&link, Payload::of(path))? else { return Ok(()) };
        let new = self.t.path.join("blobs").join(name);
        if !self.work.is_free(&link, &new) {
            return Ok(());
        }
        if !is_payload(path) {
            self.work.heed(&link, blobs.unlink(name))?;
            return Ok(());
        }
        let held = payload.lock()?;
        let Some(held) = self.work.heed(&link, held)? else { return Ok(()) };
        let gone = blobs.unlink(name);
        if self.work.heed(&link, gone)?.is_none() {
            return Ok(());
        }
        if let Some(left) = payload.references(&self.hubs.from)
            && left.is_empty()
            && !payload.is_of(self.work, &self.hubs.to)
            && self.work.is_free(path, &real(&new))
        {
            let done =
                payload.shard.unlink(&payload.name).and_then(|()| payload.shard.unlink(&payload.beside(".refs")));
            self.work.heed(path, done)?;
        }
        drop(held);
        Ok(())
    }
}

impl Work<'_> {
    /// What is left of a store: payloads that a killed run had moved, their manifests and locks, empty folders; at last the mark.
    pub(super) fn tidy_store(&mut self, hubs: &Hubs) -> Result<(), Stop> {
        let marker = OsStr::new(MARKER);
        let Ok(store) = hubs.from.sub(OsStr::new("blobs")) else { return Ok(()) };
        if !hubs.to.sub(OsStr::new("blobs"), false).is_ok_and(|there| !self.is_one(&there, &store)) {
            return Ok(());
        }
        if !small(&store, marker, 64).is_ok_and(|bytes| bytes == b"1\n") {
            drop(store);
            hubs.from.remove_if_empty(OsStr::new("blobs"));
            return Ok(());
        }
        for shard in store.names_or_none() {
            let Ok(dir) = store.sub(&shard) else { continue };
            for manifest in dir.names_or_none() {
                let name = manifest.to_str().and_then(|name| name.strip_suffix(".refs")).map(OsString::from);
                if let Some(name) = name.filter(|name| is_payload(&dir.path.join(name))) {
                    let Ok(shard) = dir.again() else { continue };
                    self.end_of_payload(hubs, &Payload { shard, name })?;
                }
            }
            let names = dir.names_or_none();
            if names.iter().all(|name| name.as_encoded_bytes().ends_with(b".lock")) {
                for lock in &names {
                    if dir.append(lock).is_ok_and(|file| file.try_lock().is_ok()) {
                        let _ = dir.unlink(lock);
                    }
                }
            }
            drop(dir);
            store.remove_if_empty(&shard);
        }
        if store.names_or_none() == [marker] {
            let _ = store.unlink(marker);
            drop(store);
            hubs.from.remove_if_empty(OsStr::new("blobs"));
        }
        Ok(())
    }

    /// A payload to which no link leads any more: it goes if the target has its bytes, under a name that the manifest says.
    fn end_of_payload(&mut self, hubs: &Hubs, payload: &Payload) -> Result<(), Stop> {
        let Ok(_held) = payload.lock()? else { return Ok(()) };
        if payload.is_of(self, &hubs.to) {
            return Ok(());
        }
        if payload.references(&hubs.from).is_none_or(|lines| !lines.is_empty()) {
            return Ok(());
        }
        let manifest = payload.beside(".refs");
        if let Ok(Some(look)) = payload.shard.look(&payload.name) {
            let text = small(&payload.shard, &manifest, LARGEST).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let mut has = None;
            for line in text.unwrap_or_default().lines().filter(|line| !line.contains("..") && !line.starts_with('/')) {
                let files = payload.shard.file(&payload.name).and_then(|one| {
                    let other = quiet::file(&hubs.to.path.join(line))?;
                    let alike = other.metadata()?.len() == look.stamp.size;
                    if alike { Ok((one, other)) } else { Err(io::ErrorKind::NotFound.into()) }
                });
                if let Ok((one, other)) = files {
                    let same = has.is_none() && self.same_bytes(one, other)?.unwrap_or(false);
                    has = has.or(same.then(|| real(&hubs.to.path.join(line))));
                }
            }
            let Some(new) = has else { return Ok(()) };
            let old = payload.shard.path.join(&payload.name);
            if !self.is_free(&old, &new) || payload.shard.unlink(&payload.name).is_err() {
                return Ok(());
            }
        }
        let _ = payload.shard.unlink(&manifest);
        Ok(())
    }
}
