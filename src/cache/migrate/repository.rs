//! One repository into one that may be there already: union of contents, revisions, listings and references.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::dir::{Dir, Kind, Look};
use super::hub::Hubs;
use super::tree::is_across;
use super::work::{Stop, Tally, To, Work, check, sweep};
use crate::cache::hub::{Blob, BlobKind, FileKind, Repository};
use crate::fetch::Digest;
use crate::support::quoted;

/// A repository on its way.
pub(super) struct Merge<'w, 'o, 'h> {
    pub(super) work: &'w mut Work<'o>,
    pub(super) hubs: &'h Hubs,
    pub(super) from: Repository,
    pub(super) into: Repository,
    /// The source's folder.
    pub(super) s: Dir,
    /// The target's.
    pub(super) t: To,
    /// Blobs that stay in the source.
    pub(super) lost: HashSet<OsString>,
    /// Files of revisions that the target has: below `snapshots/`.
    pub(super) settled: Vec<PathBuf>,
    /// Small files of the source that have nothing more to say: below the repository.
    pub(super) spent: Vec<PathBuf>,
    across: bool,
}

impl<'w, 'o, 'h> Merge<'w, 'o, 'h> {
    pub(super) fn new(
        work: &'w mut Work<'o>,
        hubs: &'h Hubs,
        from: Repository,
        into: Repository,
        s: Dir,
        t: To,
    ) -> Self {
        let across = is_across(&s, &t.path);
        Self { work, hubs, from, into, s, t, lost: HashSet::new(), settled: Vec::new(), spent: Vec::new(), across }
    }

    pub(super) fn run(mut self) -> Result<(), Stop> {
        if self.work.act()
            && let Some(room) = self.room()?
        {
            sweep(&room);
        }
        self.blobs()?;
        self.trees()?;
        self.revisions()?;
        self.no_exist()?;
        self.references()?;
        if self.work.act() {
            if let Some(dir) = &self.t.dir {
                dir.sync();
            }
            self.clear()?;
        }
        Ok(())
    }

    /// Our own folder in the target's repository, where things lie that are not whole: no scanner looks into it.
    pub(super) fn room(&mut self) -> Result<Option<Dir>, Stop> {
        let made = self
            .t
            .below(Path::new(".modelstrap"), true)
            .and_then(|to| to.dir.ok_or_else(|| io::ErrorKind::NotFound.into()));
        self.work.heed(&self.t.path, made)
    }

    fn blobs(&mut self) -> Result<(), Stop> {
        if self.from.blobs.is_empty() {
            return Ok(());
        }
        let opened =
            self.s.sub(OsStr::new("blobs")).and_then(|s| Ok((s, self.t.sub(OsStr::new("blobs"), self.work.act())?)));
        let Some((s, t)) = self.work.heed(&self.s.path, opened)? else {
            self.lost.extend(self.from.blobs.keys().cloned());
            return Ok(());
        };
        let blobs: Vec<(OsString, Blob)> =
            self.from.blobs.iter().map(|(name, blob)| (name.clone(), blob.clone())).collect();
        for (name, blob) in blobs {
            check()?;
            let path = s.path.join(&name);
            let there = match &blob.kind {
                BlobKind::Own => {
                    let look = Look { kind: Kind::File, stamp: blob.stamp };
                    match self.work.hindrance(&path, &name, &look) {
                        Some(why) => {
                            self.work.stay(path, why);
                            false
                        }
                        None => self.content((&s, &name), &look, &t, &name)?,
                    }
                }
                BlobKind::Shared(payload, Some(stamp)) => self.shared(payload, *stamp, &t, &name)?,
                BlobKind::Shared(_, None) => {
                    self.work.stay(path, "is a link to a payload that is not there");
                    false
                }
                BlobKind::Foreign => {
                    self.work.stay(path, "is no blob");
                    false
                }
            };
            if !there {
                self.lost.insert(name);
            }
        }
        Ok(())
    }

    /// Sees to it that the target has the blob `etag`, whose bytes are the file `name` of `s`. The source keeps its name for them.
    pub(super) fn content(
        &mut self,
        (s, name): (&Dir, &OsStr),
        look: &Look,
        t: &To,
        etag: &OsStr,
    ) -> Result<bool, Stop> {
        let digest = etag.to_str().and_then(Digest::from_hex);
        let path = s.path.join(name);
        let mut tally = Tally { files: 1, bytes: look.stamp.size, ..Tally::default() };
        let there = self.into.blobs.get(etag).map(|blob| blob.kind.clone());
        let other = match there {
            Some(BlobKind::Own) => Some(t.path.join(etag)),
            Some(BlobKind::Shared(payload, Some(_))) => Some(payload),
            Some(BlobKind::Foreign) => {
                self.work
                    .fail(path, format!("something that is no blob stands at {}", quoted::shown(t.path.join(etag))));
                return Ok(false);
            }
            // A link to nothing gives way.
            Some(BlobKind::Shared(_, None)) | None => None,
        };
        if let Some(other) = other {
            if !self.double((s, name), look, &other, (t, etag), digest.as_ref())? {
                return Ok(false);
            }
            tally.same = look.stamp.size;
            self.work.out.tally += tally;
            return Ok(true);
        }
        if self.across && !self.work.act() {
            tally.copied = self.work.kin.copies.size(look);
        }
        if self.work.act() {
            let placed = self.place((s, name), look, t, etag, digest.as_ref())?;
            let Some(copied) = self.work.heed(&path, placed)? else { return Ok(false) };
            tally.copied = if copied { self.work.kin.copies.size(look) } else { 0 };
        }
        self.work.out.tally += tally;
        Ok(true)
    }

    /// A new blob: a second name, a copy on another disk, or a rename where there are no second names. Whether it was copied.
    fn place(
        &mut self,
        (s, name): (&Dir, &OsStr),
        look: &Look,
        t: &To,
        etag: &OsStr,
        digest: Option<&Digest>,
    ) -> Result<io::Result<bool>, Stop> {
        let dir = match t.dir() {
            Ok(dir) => dir,
            Err(error) => return Ok(Err(error)),
        };
        if self.into.blobs.contains_key(etag) {
            // The link to nothing.
            if let Err(error) = dir.unlink(etag) {
                return Ok(Err(error));
            }
        }
        let linked = match s.link(name, dir, etag) {
            // What was linked may be another file than the one that was looked at.
            Ok(()) => {
                let same = dir.look(etag).ok().flatten().is_some_and(|now| now.stamp.id == look.stamp.id);
                if same {
                    return Ok(Ok(false));
                }
                return Ok(dir.unlink(etag).and_then(|()| Err(io::Error::other("was replaced meanwhile"))));
            }
            Err(error) => error,
        };
        match linked.kind() {
            io::ErrorKind::AlreadyExists => Ok(Err(linked)),
            // No second names here. A payload of a store stays for the others that use it.
            kind if kind != io::ErrorKind::CrossesDevices && s.path == self.s.path.join("blobs") => {
                let moved = s.rename(name, dir, etag).and_then(|()| {
                    self.work.free(&s.path.join(name), &t.path.join(etag)).or_else(|error| {
                        dir.rename(etag, s, name)?;
                        Err(error)
                    })
                });
                Ok(moved.map(|()| false))
            }
            _ => {
                let Some(room) = self.room()? else { return Ok(Err(linked)) };
                Ok(self.work.copy((s, name), look, (dir, etag), &room, digest)?.map(|()| true))
            }
        }
    }

    fn revisions(&mut self) -> Result<(), Stop> {
        let revisions = std::mem::take(&mut self.from.revisions);
        for revision in &revisions {
            check()?;
            let folder = Path::new("snapshots").join(&revision.commit);
            let existed = self.t.dir.as_ref().and_then(|dir| dir.below(&folder).ok().flatten()).is_some();
            let mut folders: HashMap<PathBuf, (Dir, To)> = HashMap::new();
            for file in &revision.files {
                let below = file.path.parent().unwrap_or(Path::new("")).to_path_buf();
                if !folders.contains_key(&below) {
                    let opened = self.s.below(&folder.join(&below)).and_then(|s| {
                        let s = s.ok_or(io::ErrorKind::NotFound)?;
                        Ok((s, self.t.below(&folder.join(&below), self.work.act())?))
                    });
                    let Some(opened) = self.work.heed(&revision.folder.join(&below), opened)? else { continue };
                    folders.insert(below.clone(), opened);
                }
                let Some((s, t)) = folders.get(&below) else { continue };
                if self.pointer(s, t, &file.path, &file.kind)? {
                    self.settled.push(Path::new(&revision.commit).join(&file.path));
                }
            }
            if revision.files.is_empty() && self.work.act() {
                // A commit without files is a commit all the same: a reference may name it.
                let made = self.t.below(&folder, true).map(|_| ());
                self.work.heed(&revision.folder, made)?;
            }
            drop(folders);
            if self.work.act()
                && !existed
                && let (Ok(Some(s)), Ok(to)) = (self.s.below(&folder), self.t.below(&folder, false))
                && let (Ok(stamp), Some(dir)) = (s.stamp(), to.dir)
            {
                dir.take_after(&stamp);
            }
        }
        self.from.revisions = revisions;
        Ok(())
    }

    /// Sees to it that the target's revision has the file; whether it has.
    fn pointer(&mut self, s: &Dir, t: &To, file: &Path, kind: &FileKind) -> Result<bool, Stop> {
        let name = file.file_name().unwrap_or_default();
        let path = s.path.join(name);
        let there = self.work.heed(&path, t.look(name))?.flatten();
        let has = |etag| self.into.blobs.get(etag).is_some_and(|blob: &Blob| blob.kind == BlobKind::Own);
        match kind {
            // A link to nothing whose blob the target has: a run that was killed had renamed it.
            FileKind::Dangling(etag) if has(etag) => self.pointer(s, t, file, &FileKind::Blob(etag.clone())),
            FileKind::Blob(etag) if self.lost.contains(etag) => Ok(false),
            FileKind::Blob(etag) => {
                let text = pointer_text(file, etag);
                match there {
                    Some(look)
                        if look.kind == Kind::Link
                            && t.dir().and_then(|dir| dir.text(name)).is_ok_and(|one| one == text) =>
                    {
                        return Ok(true);
                    }
                    Some(look) if look.kind == Kind::Link && std::fs::metadata(t.path.join(name)).is_err() => {
                        let act = self.work.act();
                        let gone = t.dir().and_then(|dir| if act { dir.unlink(name) } else { Ok(()) });
                        if self.work.heed(&path, gone)?.is_none() {
                            return Ok(false);
                        }
                    }
                    Some(look) if look.kind != Kind::Folder => return self.equal_pointers(&path, &t.path.join(name)),
                    Some(_) => {
                        self.work.fail(path, format!("a folder stands at {}", quoted::shown(t.path.join(name))));
                        return Ok(false);
                    }
                    None => {}
                }
                if !self.work.act() {
                    return Ok(true);
                }
                let made = t.dir().and_then(|dir| self.point(dir, name, &text, etag));
                if let (Ok(dir), Ok(Some(look))) = (t.dir(), s.look(name)) {
                    // Of two commits that one branch names, the newer wins by this time.
                    dir.date(name, &look.stamp);
                }
                Ok(self.work.heed(&path, made)?.is_some())
            }
            FileKind::Own(stamp) => {
                if there.is_some_and(|look| look.kind == Kind::Link) {
                    return self.equal_pointers(&path, &t.path.join(name));
                }
                self.work.bring((s, name), &Look { kind: Kind::File, stamp: *stamp }, t, name)
            }
            FileKind::Dangling(_) => {
                self.work.stay(path, "is a link to nothing");
                Ok(false)
            }
            FileKind::Foreign(_) => {
                self.work.stay(path, "is a link that leads out of its repository");
                Ok(false)
            }
        }
    }

    /// A link to the blob; a second name or a copy where links cannot be made.
    fn point(&self, dir: &Dir, name: &OsStr, text: &Path, etag: &OsStr) -> io::Result<()> {
        if dir.symlink(text, name).is_ok() {
            return Ok(());
        }
        let blobs = self.t.below(Path::new("blobs"), false)?;
        match blobs.dir()?.link(etag, dir, name) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                io::copy(&mut blobs.dir()?.file(etag)?, &mut dir.create(name, 0o666)?).map(|_| ())
            }
            done => done,
        }
    }

    /// Whether two paths of revisions lead to the same bytes: links are followed here, and only read.
    fn equal_pointers(&mut self, path: &Path, other: &Path) -> Result<bool, Stop> {
        let files = File::open(path).and_then(|one| Ok((one, File::open(other)?)));
        let Some((one, two)) = self.work.heed(path, files)? else { return Ok(false) };
        let alike = one.metadata().map(|found| found.len()).ok() == two.metadata().map(|found| found.len()).ok();
        let same = if alike && self.work.act() {
            let compared = self.work.same_bytes(one, two)?;
            self.work.heed(path, compared)?.unwrap_or(false)
        } else {
            alike
        };
        if !same {
            self.work.fail(path, format!("another content stands at {}", quoted::shown(other)));
        }
        Ok(same)
    }
}

/// What a link at `file`, below its revision, says.
pub(super) fn pointer_text(file: &Path, etag: &OsStr) -> PathBuf {
    let up: PathBuf = file.components().map(|_| "..").chain([".."]).collect();
    up.join("blobs").join(etag)
}
