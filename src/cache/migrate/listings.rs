//! What a repository has beside its contents: listings of commits, marks for files that are not there, branches and tags; and the
//! end of all that in the source.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::contents::small;
use super::dir::{Dir, Kind};
use super::repository::Merge;
use super::work::{Stop, temporary};
use crate::cache::Stamp;
use crate::cache::hub::{BlobKind, FileKind, Reference};
use crate::support::units;

/// The most bytes that a listing can have: a million files.
const LARGEST: u64 = 256 << 20;

/// A listing, as far as it is compared.
#[derive(Deserialize, PartialEq)]
struct Listing {
    files: BTreeMap<String, Listed>,
}

#[derive(Deserialize, PartialEq)]
struct Listed {
    size: u64,
    blob_id: String,
}

impl Merge<'_, '_, '_> {
    /// Listings come before the links of their commit: a run that is killed between the two leaves nothing that is read.
    pub(super) fn trees(&mut self) -> Result<(), Stop> {
        let Ok(s) = self.s.sub(OsStr::new("trees")) else { return Ok(()) };
        for name in s.names_or_none() {
            let path = s.path.join(&name);
            let Some(bytes) = self.work.heed(&path, small(&s, &name, LARGEST))? else { continue };
            let t = self.t.below(Path::new("trees"), self.work.act());
            let Some(t) = self.work.heed(&path, t)? else { continue };
            let there = t.dir.as_ref().and_then(|dir| small(dir, &name, LARGEST).ok());
            let good = match there {
                Some(there) if there == bytes => true,
                Some(there) => {
                    match (serde_json::from_slice::<Listing>(&bytes), serde_json::from_slice::<Listing>(&there)) {
                        (Ok(one), Ok(other)) => one == other,
                        _ => false,
                    }
                }
                None if self.is_wider(&name, &bytes) => {
                    self.work.stay(path, "lists files that the cache does not have, whose revision is used without it");
                    continue;
                }
                None => {
                    if self.work.act() {
                        let mode = Stamp::at(&path).map_or(0o600, |stamp| stamp.mode & 0o777);
                        let made = t.dir().and_then(|dir| self.write((dir, &name), &bytes, mode));
                        if self.work.heed(&path, made)?.is_none() {
                            continue;
                        }
                    }
                    true
                }
            };
            if good {
                self.spent.push(Path::new("trees").join(name));
            } else {
                self.work.fail(path, "the cache has another listing of this commit");
            }
        }
        Ok(())
    }

    /// Whether the target has the commit already, and the listing names files that it then still does not have: Python refuses
    /// such a revision offline.
    fn is_wider(&self, name: &OsStr, bytes: &[u8]) -> bool {
        let Some(commit) = Path::new(name).file_stem() else { return true };
        let Some(there) = self.into.revisions.iter().find(|revision| revision.commit == commit) else { return false };
        let Ok(listing) = serde_json::from_slice::<Listing>(bytes) else { return true };
        let here = self.from.revisions.iter().filter(|revision| revision.commit == commit);
        let have: HashSet<&Path> =
            here.chain([there]).flat_map(|revision| &revision.files).map(|file| file.path.as_path()).collect();
        !listing.files.keys().all(|file| have.contains(Path::new(file)))
    }

    /// A small file in one step.
    fn write(&mut self, (to, name): (&Dir, &OsStr), bytes: &[u8], mode: u32) -> io::Result<()> {
        let room = self.t.below(Path::new(".modelstrap"), true)?;
        let room = room.dir()?;
        let spare = temporary(name);
        let _ = room.unlink(&spare);
        let written = room.create(&spare, mode).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        let done = written.and_then(|()| room.replace(&spare, to, name));
        if done.is_err() {
            let _ = room.unlink(&spare);
        }
        done
    }

    /// Marks for files that are not there: those of both, without what one of them has.
    pub(super) fn no_exist(&mut self) -> Result<(), Stop> {
        let commits: Vec<OsString> =
            self.s.below(Path::new(".no_exist")).ok().flatten().map(|dir| dir.names_or_none()).unwrap_or_default();
        for commit in &commits {
            let below = Path::new(".no_exist").join(commit);
            for file in files_below(&self.s, &below, 0) {
                let exists = Path::new("snapshots").join(commit).join(&file);
                let settled = self.settled.contains(&Path::new(commit).join(&file));
                let there =
                    self.t.dir.as_ref().is_some_and(|dir| dir.look_below(&exists).is_ok_and(|look| look.is_some()));
                if self.work.act() && !settled && !there {
                    let folder = below.join(file.parent().unwrap_or(Path::new("")));
                    let made = self.t.below(&folder, true).and_then(|to| {
                        let name = file.file_name().unwrap_or_default();
                        match to.dir()?.create(name, 0o666) {
                            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                            _ => Ok(()),
                        }
                    });
                    if self.work.heed(&self.s.path.join(&below).join(&file), made)?.is_none() {
                        continue;
                    }
                }
                self.spent.push(below.join(file));
            }
        }
        self.no_longer_absent();
        Ok(())
    }

    /// A mark of the target for a file that came makes a library believe that it is not there.
    fn no_longer_absent(&self) {
        let Some(dir) = self.t.dir.as_ref().filter(|_| self.work.act()) else { return };
        for settled in &self.settled {
            let mark = Path::new(".no_exist").join(settled);
            let folder = mark.parent().and_then(|folder| dir.below(folder).ok().flatten());
            if let (Some(folder), Some(name)) = (folder, mark.file_name()) {
                let _ = folder.unlink(name);
            }
        }
    }

    /// Branches and tags: where both have one of a name, the newer commit wins, and the other one gets a name of its own.
    pub(super) fn references(&mut self) -> Result<(), Stop> {
        let references = std::mem::take(&mut self.from.references);
        for reference in &references {
            let path = reference.path.clone();
            let Some(commit) = &reference.commit else {
                self.work.stay(path, "names no commit");
                continue;
            };
            let will_come = self.from.revisions.iter().any(|revision| *revision.commit == **commit);
            if !will_come && !self.has_commit(commit) {
                self.work.stay(path, "names a commit that is not there");
                continue;
            }
            let theirs = self.into.references.iter().find(|one| one.name == reference.name).cloned();
            let (came, all) = self.came(commit);
            if came < all {
                // The snapshot stays readable by its name, and what came of it is nobody's to prune.
                self.work.stay(path, format!("names a commit of which {came} of {} came", units::count(all, "file")));
                let named = self.into.references.iter().any(|one| one.commit.as_deref() == Some(&**commit));
                if came > 0 && !named {
                    let name = if theirs.is_none() { &reference.name } else { commit };
                    self.write_reference(name, commit, &reference.path)?;
                }
                continue;
            }
            if self.settle_reference(reference, commit, theirs.as_ref())?
                && let Ok(below) = reference.path.strip_prefix(&self.s.path)
            {
                self.spent.push(below.to_path_buf());
            }
        }
        self.from.references = references;
        Ok(())
    }

    /// How many of the files that the source has of `commit` the target has too, and how many these are.
    fn came(&self, commit: &str) -> (usize, usize) {
        let revision = self.from.revisions.iter().find(|revision| *revision.commit == *commit);
        let files = revision.map(|revision| revision.files.iter().map(|file| &file.path).collect::<HashSet<_>>());
        let Some(files) = files else { return (0, 0) };
        let settled = self.settled.iter().filter_map(|file| file.strip_prefix(commit).ok());
        let came: HashSet<&Path> = settled.filter(|file| files.contains(&file.to_path_buf())).collect();
        (came.len(), files.len())
    }

    /// Empty folders of the target that were made for what then stayed.
    fn clear_target(&self) {
        let into = &self.into;
        let Ok(dir) = self.t.dir() else { return };
        if let Ok(snapshots) = dir.sub(OsStr::new("snapshots")) {
            let known = |commit: &OsStr| into.revisions.iter().any(|revision| *revision.commit == *commit);
            for revision in self.from.revisions.iter().filter(|one| !one.files.is_empty() && !known(&one.commit)) {
                prune(&snapshots, &revision.commit, 0);
            }
        }
        if into.revisions.is_empty() && into.blobs.is_empty() && into.references.is_empty() {
            for name in ["blobs", "snapshots", "trees"] {
                dir.remove_if_empty(OsStr::new(name));
            }
        }
    }

    fn settle_reference(
        &mut self,
        reference: &Reference,
        commit: &str,
        theirs: Option<&Reference>,
    ) -> Result<bool, Stop> {
        let other = theirs.and_then(|theirs| theirs.commit.as_deref());
        if other == Some(commit) {
            return Ok(true);
        }
        let Some(other) = other.filter(|other| self.has_commit(other)) else {
            return self.write_reference(&reference.name, commit, &reference.path);
        };
        let newer = self.made(true, commit) > self.made(false, other);
        let (winner, loser) = if newer { (commit, other) } else { (other, commit) };
        self.work.out.notes.push(format!(
            "{}: {} names {} here and {} in the cache; the newer one wins: {}",
            self.from.name,
            reference.name,
            short(commit),
            short(other),
            short(winner)
        ));
        // Without any name `hf cache prune` takes the commit.
        let named = |one: &&Reference| one.commit.as_deref() == Some(loser) && one.name != reference.name;
        if !self.into.references.iter().any(|one| named(&one))
            && !self.write_reference(loser, loser, &reference.path)?
        {
            return Ok(false);
        }
        if newer { self.write_reference(&reference.name, commit, &reference.path) } else { Ok(true) }
    }

    fn write_reference(&mut self, name: &str, commit: &str, path: &Path) -> Result<bool, Stop> {
        if !self.work.act() {
            return Ok(true);
        }
        let below = Path::new("refs").join(name);
        let folder = below.parent().unwrap_or(Path::new("refs"));
        let made = self.t.below(folder, true).and_then(|to| {
            let dir = to.dir()?;
            self.write((dir, below.file_name().unwrap_or_default()), commit.as_bytes(), 0o644)
        });
        Ok(self.work.heed(path, made)?.is_some())
    }

    fn has_commit(&self, commit: &str) -> bool {
        self.into.revisions.iter().any(|revision| *revision.commit == *commit)
    }

    /// When the commit came to the source, or to the target: when its first file did. Neither a file that joins it nor a run that is
    /// killed changes that.
    fn made(&self, source: bool, commit: &str) -> i128 {
        let repository = if source { &self.from } else { &self.into };
        let revision = repository.revisions.iter().find(|revision| *revision.commit == *commit);
        let files = revision
            .into_iter()
            .flat_map(|revision| revision.files.iter().map(|file| revision.folder.join(&file.path)));
        files.filter_map(|file| Stamp::at(&file).ok()).map(|stamp| stamp.modified).min().unwrap_or(0)
    }

    /// Takes from the source what the target has: references first, so that no name leads to a revision that is going; then the
    /// revisions' files, and the contents that none of them needs any more.
    pub(super) fn clear(&mut self) -> Result<(), Stop> {
        let spent = std::mem::take(&mut self.spent);
        let (references, others): (Vec<PathBuf>, Vec<PathBuf>) =
            spent.into_iter().partition(|path| path.starts_with("refs"));
        let settled: Vec<PathBuf> = self.settled.iter().map(|file| Path::new("snapshots").join(file)).collect();
        for path in references.iter().chain(&settled).chain(&others) {
            self.unlink(path)?;
        }
        for top in ["refs", "snapshots", "trees", ".no_exist"] {
            prune(&self.s, OsStr::new(top), 0);
        }
        self.clear_blobs()?;
        let bare = self.s.names_or_none().iter().all(|name| name == ".modelstrap");
        if bare && let Ok(own) = self.s.sub(OsStr::new(".modelstrap")) {
            // Notes on whose files those were: without them they count as somebody else's, which is safe.
            for name in own.names_or_none() {
                let text = name.to_string_lossy();
                if text == "main" || text.starts_with("brought-") {
                    let _ = own.unlink(&name);
                } else {
                    own.remove_if_empty(&name);
                }
            }
            drop(own);
            self.s.remove_if_empty(OsStr::new(".modelstrap"));
        }
        self.clear_target();
        let room = self.t.below(Path::new(".modelstrap"), false);
        if room.is_ok_and(|room| room.dir.is_some_and(|dir| dir.names_or_none().is_empty()))
            && let Ok(dir) = self.t.dir()
        {
            dir.remove_if_empty(OsStr::new(".modelstrap"));
        }
        Ok(())
    }

    fn unlink(&mut self, below: &Path) -> Result<(), Stop> {
        let (Some(folder), Some(name)) = (below.parent(), below.file_name()) else { return Ok(()) };
        let path = self.s.path.join(below);
        let Some(Some(dir)) = self.work.heed(&path, self.s.below(folder))? else { return Ok(()) };
        if !self.t.below(folder, false).is_ok_and(|there| !self.work.is_one(&there, &dir)) {
            // One folder, mounted at two paths: its names are the target's.
            return Ok(());
        }
        match dir.unlink(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => {
                self.work.heed(&path, done)?;
            }
        }
        Ok(())
    }

    fn clear_blobs(&mut self) -> Result<(), Stop> {
        let settled: HashSet<&PathBuf> = self.settled.iter().collect();
        let mut needed = self.lost.clone();
        for revision in &self.from.revisions {
            for file in &revision.files {
                if let FileKind::Blob(etag) = &file.kind
                    && !settled.contains(&Path::new(&revision.commit).join(&file.path))
                {
                    needed.insert(etag.clone());
                }
            }
        }
        let Ok(blobs) = self.s.sub(OsStr::new("blobs")) else { return Ok(()) };
        let Ok(there) = self.t.sub(OsStr::new("blobs"), false) else { return Ok(()) };
        if self.work.is_one(&there, &blobs) {
            return Ok(());
        }
        // What came is asked for once more, by the folder that stands there now.
        let came = |name: &OsStr| there.look(name).is_ok_and(|look| look.is_some());
        let gone: Vec<_> = self.from.blobs.iter().filter(|(name, _)| !needed.contains(*name) && came(name)).collect();
        let (mut shared, mut own) = (Vec::new(), Vec::new());
        for (name, blob) in gone {
            match &blob.kind {
                BlobKind::Own => own.push((name.clone(), blob.stamp)),
                BlobKind::Shared(payload, Some(_)) => shared.push((name.clone(), payload.clone())),
                _ => {}
            }
        }
        for (name, stamp) in own {
            // A download may have put another one there meanwhile.
            let same = blobs.look(&name).ok().flatten().is_some_and(|now| now.stamp.is_same_content(&stamp));
            let path = blobs.path.join(&name);
            if same && self.work.is_free(&path, &self.t.path.join("blobs").join(&name)) {
                self.work.heed(&path, blobs.unlink(&name))?;
            }
        }
        for (name, payload) in shared {
            self.unshare(&blobs, &name, &payload)?;
        }
        drop(blobs);
        self.s.remove_if_empty(OsStr::new("blobs"));
        Ok(())
    }
}

/// The files below `root/below`, as paths below that; what is no file or folder is left out.
fn files_below(root: &Dir, below: &Path, depth: usize) -> Vec<PathBuf> {
    let Ok(Some(dir)) = root.below(below) else { return Vec::new() };
    let mut found = Vec::new();
    for name in dir.names_or_none() {
        match dir.look(&name).ok().flatten().map(|look| look.kind) {
            Some(Kind::File) => found.push(PathBuf::from(&name)),
            Some(Kind::Folder) if depth < 32 => {
                found.extend(
                    files_below(root, &below.join(&name), depth + 1)
                        .into_iter()
                        .map(|file| Path::new(&name).join(file)),
                );
            }
            _ => {}
        }
    }
    found
}

/// Removes the folder `name` with the empty folders in it; whatever else is in it keeps it.
pub(super) fn prune(parent: &Dir, name: &OsStr, depth: usize) {
    let Ok(dir) = parent.sub(name) else { return };
    if depth < 64 {
        for entry in dir.names_or_none() {
            if dir.look(&entry).is_ok_and(|look| look.is_some_and(|look| look.kind == Kind::Folder)) {
                prune(&dir, &entry, depth + 1);
            }
        }
    }
    drop(dir);
    parent.remove_if_empty(name);
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
