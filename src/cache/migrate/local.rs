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
use super::dir::Dir;
use super::listings::prune;
use super::notes::{NOTES, TREES, drop_empty_locks, forget, notes, without_note};
use super::work::{Stop, Tally, To, Work, check, sweep, temporary};
use crate::cache::hub::{Hub, Reference, Repository};
use crate::models::names;
use crate::support::quoted;

impl Work<'_> {
    /// Makes what is in the folder `from` revisions of the repository whose folder is `to`.
    pub(super) fn local(&mut self, dir: Dir, to: To) -> Result<(), Stop> {
        self.sweep_room(&to)?;
        let before = self.out.tally;
        let mut commits: BTreeMap<String, bool> = BTreeMap::new();
        for note in notes(&dir) {
            check()?;
            let there = self.local_file(&dir, &to, &note, None)?;
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
        self.tell_model(&to, before);
        if self.act() {
            self.end_of_local(&dir, &to);
        } else {
            self.without_note(&dir);
        }
        Ok(())
    }

    /// Removes what a killed run left in our own folder in the repository, which is made.
    pub(super) fn sweep_room(&mut self, to: &To) -> Result<(), Stop> {
        if self.act() {
            let room = to.below(Path::new(".modelstrap"), true);
            if let Some(Some(room)) = self.heed(&to.path, room)?.map(|room| room.dir) {
                sweep(&room);
            }
        }
        Ok(())
    }

    /// Names the repository and what came of it since the sums were `before`.
    pub(super) fn tell_model(&mut self, to: &To, before: Tally) {
        if self.out.tally.files > before.files {
            let name = quoted::text(to.path.file_name().unwrap_or_default());
            let (now, then) = (self.out.tally, before);
            let tally = Tally {
                files: now.files - then.files,
                bytes: now.bytes - then.bytes,
                copied: now.copied - then.copied,
                same: now.same - then.same,
            };
            self.out.models.push((name, tally));
        }
    }

    /// Gives the commit a name, if it has none: `main` where that is free, since libraries ask for it; else its own, which keeps
    /// `hf cache prune` away.
    fn name_commit(&mut self, to: &To, commit: &str) -> Result<(), Stop> {
        let references = self.references_of(to);
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
        self.write_name(to, name, commit)
    }

    /// The branches and tags that the repository has.
    pub(super) fn references_of(&self, to: &To) -> Vec<Reference> {
        let hub = Hub::at(to.path.parent().unwrap_or(&to.path));
        Repository::read(&to.path, &hub).references
    }

    /// Lets `name` be the commit's, in one step.
    pub(super) fn write_name(&mut self, to: &To, name: &str, commit: &str) -> Result<(), Stop> {
        if !self.act() {
            return Ok(());
        }
        let below = Path::new("refs").join(name);
        let (folder, name) = (below.parent().unwrap_or(&below), below.file_name().unwrap_or_default());
        let made = to.below(folder, true).and_then(|refs| {
            let room = to.below(Path::new(".modelstrap"), true)?;
            let (room, refs) = (room.dir()?, refs.dir()?);
            let spare = temporary(name);
            let _ = room.unlink(&spare);
            room.create(&spare, 0o644)?.write_all(commit.as_bytes())?;
            room.replace(&spare, refs, name)
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
        let below = Path::new(TREES);
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
        self.end_of_target(to);
        let others = self.without_note(dir);
        if self.links {
            return;
        }
        if let Ok(Some(own)) = dir.below(Path::new(".cache/huggingface")) {
            drop_empty_locks(&own, Path::new("download"), 0);
        }
        if notes(dir).is_empty() && !others {
            forget(dir);
        }
        // Where files stay that nobody downloaded the folder keeps what it is known by: the next run takes it for nothing else.
        for name in dir.names_or_none().into_iter().filter(|name| !others || name != ".cache") {
            prune(dir, &name, 0);
        }
        if let Ok(Some(notes)) = dir.below(Path::new(NOTES)) {
            notes.names_or_none().iter().for_each(|name| prune(&notes, name, 0));
        }
    }

    /// Folders that were made for what then stayed.
    pub(super) fn end_of_target(&self, to: &To) {
        if let Ok(parent) = to.dir() {
            for name in ["blobs", "snapshots", ".modelstrap"] {
                prune(parent, OsStr::new(name), 0);
            }
        }
        // A repository that nothing came to.
        if let Some((hub, name)) = to.path.parent().zip(to.path.file_name())
            && let Ok(hub) = Dir::open(hub)
        {
            hub.remove_if_empty(name);
        }
    }

    /// Names what nobody downloaded: how many files have no note. Whether there are any.
    fn without_note(&mut self, dir: &Dir) -> bool {
        let others = without_note(dir);
        if let Some(why) = &others {
            self.stay(dir.path.clone(), why.clone());
        }
        others.is_some()
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
