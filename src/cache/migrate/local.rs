//! What `local_dir=` made: plain files, and beside them what the Hub said of each: commit, entity tag, time. It becomes a revision
//! of its repository: contents by their names, links to them, a reference.
//!
//! The tag of a large file is the SHA-256 of its bytes, that of a small one Git's name for them. Every file is read and compared
//! with its tag: what was changed since is nobody's blob, and stays.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::contents::small;
use super::dir::{Dir, Kind, Look};
use super::listings::prune;
use super::notes::{NOTES, Note, drop_empty_locks, forget, notes};
use super::repository::pointer_text;
use super::tree::{ONE_NAME, is_across, is_one_file, is_one_name};
use super::work::{Stop, Tally, To, Work, check, sweep, temporary};
use crate::fetch::Digest;
use crate::models::names;

impl Work<'_> {
    /// Makes what is in the folder `from` revisions of the repository whose folder is `to`.
    pub(super) fn local(&mut self, dir: Dir, to: To) -> Result<(), Stop> {
        if self.act() {
            let room = to.below(Path::new(".modelstrap"), true);
            if let Some(Some(room)) = self.heed(&to.path, room)?.map(|room| room.dir) {
                sweep(&room);
            }
        }
        let before = self.out.tally;
        let mut commits: BTreeMap<String, bool> = BTreeMap::new();
        for note in notes(&dir) {
            check()?;
            let there = self.local_file(&dir, &to, &note)?;
            *commits.entry(note.commit.clone()).or_default() |= there;
            let gone = dir.look_below(&note.file).is_ok_and(|look| look.is_none());
            if there && gone && self.act() {
                let metadata = with_ending(&Path::new(NOTES).join(&note.file), ".metadata");
                self.drop_file(&dir, &metadata)?;
            }
        }
        for (commit, _) in commits.iter().filter(|(_, there)| **there) {
            self.name_commit(&to, commit)?;
            self.local_tree(&dir, &to, commit)?;
        }
        if self.out.tally.files > before.files {
            let name = to.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let (now, then) = (self.out.tally, before);
            let tally = Tally {
                files: now.files - then.files,
                bytes: now.bytes - then.bytes,
                copied: now.copied - then.copied,
                same: now.same - then.same,
            };
            self.out.models.push((name, tally));
        }
        if self.act() {
            self.end_of_local(&dir, &to);
        } else {
            self.without_note(&dir);
        }
        Ok(())
    }

    /// One file: whether the repository has it now.
    fn local_file(&mut self, dir: &Dir, to: &To, note: &Note) -> Result<bool, Stop> {
        let path = dir.path.join(&note.file);
        let (Some(folder), Some(name)) = (note.file.parent(), note.file.file_name()) else { return Ok(false) };
        let Some(digest) = Digest::from_hex(&note.etag) else {
            self.stay(path, "has an entity tag that is no digest: nobody can tell whether it is whole");
            return Ok(false);
        };
        let Some(blobs) = self.heed(&path, to.sub(OsStr::new("blobs"), self.act()))? else { return Ok(false) };
        let etag = OsString::from(&note.etag);
        let pointers = Path::new("snapshots").join(&note.commit).join(folder);
        let Some(pointers) = self.heed(&path, to.below(&pointers, self.act()))? else { return Ok(false) };
        let target = pointers.path.join(name);
        let Some(from) = self.heed(&path, dir.below(folder))? else { return Ok(false) };
        let look = match &from {
            Some(from) => self.heed(&path, from.look(name))?.flatten(),
            None => None,
        };
        let (from, look) = match (from, look) {
            (Some(from), Some(look)) if look.kind == Kind::File => (from, look),
            (Some(from), Some(look)) => {
                let ours = look.kind == Kind::Link && self.is_ours(&from, name, &target);
                if !ours {
                    self.stay(path, "is no file");
                }
                return Ok(ours);
            }
            // Taken by a run that was killed before the link was made, or deleted since.
            _ => return self.resume(&blobs, &pointers, note, name),
        };
        if let Some(why) = self.hindrance(&path, name, &look) {
            self.stay(path, why);
            return Ok(false);
        }
        if blobs.is_also(&from, self.act()) || pointers.is_also(&from, self.act()) {
            self.stay(path, ONE_NAME);
            return Ok(false);
        }
        // A run that only looks reads nothing: it asks the clock.
        if self.act() {
            let file = from.file(name);
            let Some(file) = self.heed(&path, file)? else { return Ok(false) };
            let found = self.digest(file, Some(&digest))?;
            let Some(found) = self.heed(&path, found)? else { return Ok(false) };
            let now = from.look(name).ok().flatten();
            if found != digest || !now.is_some_and(|now| now.stamp.is_same_content(&look.stamp)) {
                self.stay(path, "was changed since it was downloaded");
                return Ok(false);
            }
        }
        let Some(tally) = self.local_blob((&from, name), &look, (&blobs, &etag), &digest, to)? else {
            return Ok(false);
        };
        if !self.local_pointer(&path, &pointers, note, name)? {
            return Ok(false);
        }
        if self.act() {
            // With a rename the name is gone already.
            if from.look(name).ok().flatten().is_some() {
                let left = self.leave(&from, name, &target);
                if self.heed(&path, left)?.is_none() {
                    return Ok(false);
                }
            } else if self.links {
                let made = from.symlink(&self.link_text(&path, &target), name);
                self.heed(&path, made)?;
            }
        }
        self.out.tally += tally;
        Ok(true)
    }

    fn resume(&mut self, blobs: &To, pointers: &To, note: &Note, name: &OsStr) -> Result<bool, Stop> {
        let blob = blobs.look(OsStr::new(&note.etag)).ok().flatten();
        let there = pointers.look(name).ok().flatten().is_some();
        if there || blob.is_none() {
            return Ok(there);
        }
        let path = pointers.path.join(name);
        self.local_pointer(&path, pointers, note, name)
    }

    /// The bytes to their name; what they are was read before.
    fn local_blob(
        &mut self,
        (from, name): (&Dir, &OsStr),
        look: &Look,
        (blobs, etag): (&To, &OsStr),
        digest: &Digest,
        to: &To,
    ) -> Result<Option<Tally>, Stop> {
        let path = from.path.join(name);
        let mut tally = Tally { files: 1, bytes: look.stamp.size, ..Tally::default() };
        let Some(there) = self.heed(&path, blobs.look(etag))? else { return Ok(None) };
        if let Some(there) = there {
            tally.same = look.stamp.size;
            if is_one_name(look, &there) {
                self.stay(path, ONE_NAME);
                return Ok(None);
            }
            if is_one_file(look, &there) || !self.act() {
                return Ok(Some(tally));
            }
            // A link into the store is followed one step, by the hub's own reading of it.
            let file = match there.kind {
                Kind::File => blobs.dir().and_then(|dir| dir.file(etag)),
                _ => std::fs::File::open(blobs.path.join(etag)),
            };
            let Some(file) = self.heed(&path, file)? else { return Ok(None) };
            let found = self.digest(file, Some(digest))?;
            let Some(found) = self.heed(&path, found)? else { return Ok(None) };
            if found == *digest {
                return Ok(Some(tally));
            }
            self.fail(path, format!("the blob at {} is damaged", blobs.path.join(etag).display()));
            return Ok(None);
        }
        if is_across(from, &blobs.path) {
            tally.copied = look.stamp.size;
        }
        if self.act() {
            let opened = blobs.dir().and_then(|dir| Ok((dir.again()?, to.below(Path::new(".modelstrap"), true)?)));
            let Some((dir, room)) = self.heed(&path, opened)? else { return Ok(None) };
            let placed = match from.link(name, &dir, etag) {
                Err(error) if error.kind() == io::ErrorKind::CrossesDevices => match room.dir() {
                    Ok(room) => self.copy((from, name), look, (&dir, etag), room, Some(digest))?,
                    Err(error) => Err(error),
                },
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
                Err(_) => from.rename(name, &dir, etag),
                Ok(()) => Ok(()),
            };
            if self.heed(&path, placed)?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(tally))
    }

    fn local_pointer(&mut self, path: &Path, pointers: &To, note: &Note, name: &OsStr) -> Result<bool, Stop> {
        let text = pointer_text(&note.file, OsStr::new(&note.etag));
        let Some(there) = self.heed(path, pointers.look(name))? else { return Ok(false) };
        match there {
            Some(_) if pointers.dir().and_then(|dir| dir.text(name)).is_ok_and(|one| one == text) => Ok(true),
            Some(there) if there.kind == Kind::Link && std::fs::metadata(pointers.path.join(name)).is_err() => {
                let done = if self.act() {
                    pointers.dir().and_then(|dir| dir.unlink(name).and_then(|()| dir.symlink(&text, name)))
                } else {
                    Ok(())
                };
                Ok(self.heed(path, done)?.is_some())
            }
            Some(_) => {
                self.fail(path, format!("something else stands at {}", pointers.path.join(name).display()));
                Ok(false)
            }
            None if self.act() => {
                let made = pointers.dir().and_then(|dir| dir.symlink(&text, name));
                Ok(self.heed(path, made)?.is_some())
            }
            None => Ok(true),
        }
    }

    /// Gives the commit a name, if it has none: `main` where that is free, since libraries ask for it; else its own, which keeps
    /// `hf cache prune` away.
    fn name_commit(&mut self, to: &To, commit: &str) -> Result<(), Stop> {
        let hub = crate::cache::hub::Hub::at(to.path.parent().unwrap_or(&to.path));
        let references = crate::cache::hub::Repository::read(&to.path, &hub).references;
        if references.iter().any(|one| one.commit.as_deref() == Some(commit)) {
            return Ok(());
        }
        let name = if references.iter().any(|one| one.name == "main") { commit } else { "main" };
        self.out.notes.push(format!(
            "{}: {}",
            to.path.file_name().unwrap_or_default().to_string_lossy(),
            match name {
                "main" => format!("`main` names {} from now on, so that libraries find it offline", short(commit)),
                _ => format!("{} is no branch's commit: ask for it by its name", short(commit)),
            }
        ));
        if !self.act() {
            return Ok(());
        }
        let made = to.below(Path::new("refs"), true).and_then(|refs| {
            let room = to.below(Path::new(".modelstrap"), true)?;
            let (room, refs) = (room.dir()?, refs.dir()?);
            let spare = temporary(OsStr::new(name));
            let _ = room.unlink(&spare);
            room.create(&spare, 0o644)?.write_all(commit.as_bytes())?;
            room.replace(&spare, refs, OsStr::new(name))
        });
        self.heed(&to.path, made)?;
        Ok(())
    }

    /// The commit's listing, if the cache has no other and every file of it has come.
    fn local_tree(&mut self, dir: &Dir, to: &To, commit: &str) -> Result<(), Stop> {
        #[derive(serde::Deserialize)]
        struct Listing {
            files: BTreeMap<String, serde::de::IgnoredAny>,
        }
        let below = Path::new(".cache/huggingface/trees");
        let name = OsString::from(format!("{commit}.json"));
        let Some(from) = dir.below(below).ok().flatten().filter(|_| self.act()) else { return Ok(()) };
        let Ok(bytes) = small(&from, &name, 256 << 20) else { return Ok(()) };
        let snapshot = to.path.join("snapshots").join(commit);
        let whole = serde_json::from_slice::<Listing>(&bytes).is_ok_and(|listing| {
            listing.files.keys().all(|file| names::file_path(file).is_ok() && snapshot.join(file).exists())
        });
        let made = to.below(Path::new("trees"), true).and_then(|trees| {
            let trees = trees.dir()?;
            if trees.look(&name)?.is_some() || !whole {
                return Ok(());
            }
            let room = to.below(Path::new(".modelstrap"), true)?;
            let (room, spare) = (room.dir()?, temporary(&name));
            let _ = room.unlink(&spare);
            room.create(&spare, 0o644)?.write_all(&bytes)?;
            room.replace(&spare, trees, &name)
        });
        if self.heed(&to.path, made)?.is_some() && whole && !self.links {
            self.drop_file(dir, &below.join(&name))?;
        }
        if let Ok(parent) = to.dir() {
            parent.remove_if_empty(OsStr::new("trees"));
        }
        Ok(())
    }

    fn drop_file(&mut self, dir: &Dir, below: &Path) -> Result<(), Stop> {
        let folder = below.parent().and_then(|folder| dir.below(folder).ok().flatten());
        if let (Some(folder), Some(name)) = (folder, below.file_name()) {
            match folder.unlink(name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => {
                    self.heed(&dir.path.join(below), done)?;
                }
            }
        }
        Ok(())
    }

    /// What the client keeps beside the files goes when no note is left; folders go when they are empty.
    fn end_of_local(&mut self, dir: &Dir, to: &To) {
        if let Ok(parent) = to.dir() {
            for name in ["blobs", "snapshots", ".modelstrap"] {
                prune(parent, OsStr::new(name), 0);
            }
        }
        self.without_note(dir);
        if self.links {
            return;
        }
        if let Ok(Some(own)) = dir.below(Path::new(".cache/huggingface")) {
            drop_empty_locks(&own, Path::new("download"), 0);
        }
        if notes(dir).is_empty() {
            forget(dir);
        }
        for name in dir.names_or_none() {
            prune(dir, &name, 0);
        }
        // A repository that nothing came to.
        if let Some((hub, name)) = to.path.parent().zip(to.path.file_name())
            && let Ok(hub) = Dir::open(hub)
        {
            hub.remove_if_empty(name);
        }
    }

    /// Names what nobody downloaded: how many files have no note.
    fn without_note(&mut self, dir: &Dir) {
        fn count(dir: &Dir, depth: usize) -> usize {
            let mut files = 0;
            for name in dir.names_or_none() {
                match dir.look(&name).ok().flatten().map(|look| look.kind) {
                    Some(Kind::File) => files += 1,
                    Some(Kind::Folder) if depth < 64 && !(depth == 0 && name == ".cache") => {
                        files += dir.sub(&name).map_or(0, |sub| count(&sub, depth + 1));
                    }
                    _ => {}
                }
            }
            files
        }
        let noted: Vec<Note> = notes(dir);
        let known = noted
            .iter()
            .filter(|note| dir.look_below(&note.file).ok().flatten().is_some_and(|look| look.kind == Kind::File));
        let others = count(dir, 0).saturating_sub(known.count());
        if others > 0 {
            let what = if others == 1 { "1 file".to_owned() } else { format!("{others} files") };
            self.stay(dir.path.clone(), format!("{what} in it did not come from the Hub"));
        }
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
