//! One file that `local_dir=` made, or that is proven to be a revision's: its bytes get their name in the repository, and the
//! revision a link to them.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use super::dir::{self, Dir, Kind, Look};
use super::notes::Note;
use super::repository::pointer_text;
use super::tree::{ONE_NAME, is_across, is_one_file, is_one_name};
use super::work::{Stop, Tally, To, Work};
use crate::cache::Stamp;
use crate::fetch::Digest;
use crate::support::quoted;

/// Where the bytes of a file are.
pub(super) struct Source {
    pub(super) dir: Dir,
    pub(super) name: OsString,
    pub(super) look: Look,
    /// Whether they are a hub's, to which a link of `dedupe` leads: then they stay there, too.
    lent: bool,
}

impl Work<'_> {
    /// The bytes of the file `name` of `from`, or of what a link of `dedupe` there leads to; nothing where it is no file.
    pub(super) fn source(&self, from: &Dir, name: &OsStr, look: &Look) -> io::Result<Option<Source>> {
        let path = from.path.join(name);
        match look.kind {
            Kind::File => Ok(Some(Source { dir: from.again()?, name: name.to_owned(), look: *look, lent: false })),
            Kind::Link => {
                let Some(target) = self.needed.target(&path) else { return Ok(None) };
                let real = dir::real(&target);
                let (folder, name) = real.parent().zip(real.file_name()).ok_or(io::ErrorKind::NotFound)?;
                let dir = Dir::open(folder)?;
                let look = dir.look(name)?.filter(|look| look.kind == Kind::File);
                Ok(look.map(|look| Source { name: name.to_owned(), look, lent: true, dir }))
            }
            Kind::Folder | Kind::Other => Ok(None),
        }
    }

    /// One file: whether the repository has it now. `proven` is what its bytes were when they were compared with the tag.
    pub(super) fn local_file(&mut self, dir: &Dir, to: &To, note: &Note, proven: Option<Stamp>) -> Result<bool, Stop> {
        let path = dir.path.join(&note.file);
        let (Some(folder), Some(name)) = (note.file.parent(), note.file.file_name()) else { return Ok(false) };
        let Some(digest) = Digest::from_hex(&note.etag) else {
            self.stay(path, "has an entity tag that is no digest: nobody can tell whether it is whole");
            return Ok(false);
        };
        let Some(blobs) = self.heed(&path, to.sub(OsStr::new("blobs"), self.act()))? else { return Ok(false) };
        let pointers = Path::new("snapshots").join(&note.commit).join(folder);
        let Some(pointers) = self.heed(&path, to.below(&pointers, self.act()))? else { return Ok(false) };
        let target = pointers.path.join(name);
        let Some(from) = self.heed(&path, dir.below(folder))? else { return Ok(false) };
        let look = match &from {
            Some(from) => self.heed(&path, from.look(name))?.flatten(),
            None => None,
        };
        let (Some(from), Some(look)) = (from, look) else {
            // Taken by a run that was killed before the link was made, or deleted since.
            return self.resume(&blobs, &pointers, note, to);
        };
        if look.kind == Kind::Link && self.is_ours(&from, name, &target) {
            return Ok(true);
        }
        let source = self.source(&from, name, &look);
        let Some(source) = self.heed(&path, source)? else { return Ok(false) };
        let Some(source) = source else {
            self.stay(path, "is no file");
            return Ok(false);
        };
        if let Some(why) = self.hindrance(&path, name, &source.look) {
            self.stay(path, why);
            return Ok(false);
        }
        if self.is_one(&blobs, &from) || self.is_one(&pointers, &from) {
            self.stay(path, ONE_NAME);
            return Ok(false);
        }
        let is_proven = proven.is_some_and(|stamp| stamp.is_same_content(&source.look.stamp));
        // A run that only looks reads nothing: it asks the clock.
        if self.act() && !is_proven && !self.is_whole(&path, &source, &digest)? {
            return Ok(false);
        }
        let Some(tally) = self.local_blob(&source, (&blobs, &pointers, note), &digest, to)? else { return Ok(false) };
        let is_moved =
            pointers.look(name).is_ok_and(|there| there.is_some_and(|there| is_one_file(&source.look, &there)));
        if !is_moved && !self.local_pointer(&path, (&blobs, &pointers), note, to)? {
            return Ok(false);
        }
        if self.act() {
            let left = self.end_of_file(&from, name, &target);
            if self.heed(&path, left)?.is_none() {
                return Ok(false);
            }
        }
        self.out.tally += tally;
        Ok(true)
    }

    /// The file's name goes, or leads to the revision. With a rename the name is gone already.
    fn end_of_file(&mut self, from: &Dir, name: &OsStr, target: &Path) -> io::Result<()> {
        if from.look(name).ok().flatten().is_some() {
            return self.leave(from, name, target);
        }
        let path = from.path.join(name);
        self.free(&path, target)?;
        if self.links { from.symlink(&self.link_text(&path, target), name) } else { Ok(()) }
    }

    /// Whether the bytes are what their tag says; where they are not, that is said.
    fn is_whole(&mut self, path: &Path, source: &Source, digest: &Digest) -> Result<bool, Stop> {
        let file = source.dir.file(&source.name);
        let Some(file) = self.heed(path, file)? else { return Ok(false) };
        let found = self.digest(file, Some(digest))?;
        let Some(found) = self.heed(path, found)? else { return Ok(false) };
        let now = source.dir.look(&source.name).ok().flatten();
        if found != *digest || !now.is_some_and(|now| now.stamp.is_same_content(&source.look.stamp)) {
            self.stay(path, "was changed since it was downloaded");
            return Ok(false);
        }
        Ok(true)
    }

    fn resume(&mut self, blobs: &To, pointers: &To, note: &Note, to: &To) -> Result<bool, Stop> {
        let name = note.file.file_name().unwrap_or_default();
        let blob = blobs.look(OsStr::new(&note.etag)).ok().flatten();
        let there = pointers.look(name).ok().flatten().is_some();
        if there || blob.is_none() {
            return Ok(there);
        }
        let path = pointers.path.join(name);
        self.local_pointer(&path, (blobs, pointers), note, to)
    }

    /// The bytes to their name; what they are was read before.
    fn local_blob(
        &mut self,
        source: &Source,
        (blobs, pointers, note): (&To, &To, &Note),
        digest: &Digest,
        to: &To,
    ) -> Result<Option<Tally>, Stop> {
        let Source { dir: from, name, look, lent } = source;
        let (path, etag) = (from.path.join(name), OsStr::new(&note.etag));
        let mut tally = Tally { files: 1, bytes: look.stamp.size, ..Tally::default() };
        let Some(there) = self.heed(&path, blobs.look(etag))? else { return Ok(None) };
        if let Some(there) = there {
            tally.same = look.stamp.size;
            if !lent && is_one_name(look, &there) {
                self.stay(path, ONE_NAME);
                return Ok(None);
            }
            let is_good = is_one_file(look, &there) || !self.act() || self.is_good((blobs, etag), &there, digest)?;
            if !is_good {
                self.fail(path, format!("the blob at {} is damaged", quoted::shown(blobs.path.join(etag))));
            }
            if is_good && self.act() && look.stamp.names > 1 && there.kind == Kind::File {
                self.kin.copies.note(look, blobs.path.join(etag));
            }
            return Ok(is_good.then_some(tally));
        }
        if is_across(from, &blobs.path) {
            tally.copied = look.stamp.size;
        }
        if self.act() {
            let opened = blobs.dir().and_then(|dir| Ok((dir.again()?, to.below(Path::new(".modelstrap"), true)?)));
            let Some((dir, room)) = self.heed(&path, opened)? else { return Ok(None) };
            let placed = match from.link(name, &dir, etag) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
                Err(error) if *lent || error.kind() == io::ErrorKind::CrossesDevices => match room.dir() {
                    Ok(room) => self.copy((from, name), look, (&dir, etag), room, Some(digest))?,
                    Err(error) => Err(error),
                },
                Err(_) => pointers.dir().and_then(|pointers| move_known((from, name), (&dir, pointers), note)),
                // What was linked may be another file than the one that was read.
                Ok(()) => match dir.look(etag).ok().flatten() {
                    Some(now) if now.stamp.is_same_content(&look.stamp) => Ok(()),
                    _ => dir.unlink(etag).and_then(|()| Err(io::Error::other("was replaced meanwhile"))),
                },
            };
            if self.heed(&path, placed)?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(tally))
    }

    /// Whether the repository's own blob is what its name says.
    fn is_good(&mut self, (blobs, etag): (&To, &OsStr), there: &Look, digest: &Digest) -> Result<bool, Stop> {
        let path = blobs.path.join(etag);
        // A link into the store is followed one step, by the hub's own reading of it.
        let file = match there.kind {
            Kind::File => blobs.dir().and_then(|dir| dir.file(etag)),
            _ => std::fs::File::open(&path),
        };
        let Some(file) = self.heed(&path, file)? else { return Ok(false) };
        let found = self.digest(file, Some(digest))?;
        Ok(self.heed(&path, found)?.is_some_and(|found| found == *digest))
    }

    fn local_pointer(
        &mut self,
        path: &Path,
        (blobs, pointers): (&To, &To),
        note: &Note,
        to: &To,
    ) -> Result<bool, Stop> {
        let (name, etag) = (note.file.file_name().unwrap_or_default(), OsStr::new(&note.etag));
        let text = pointer_text(&note.file, etag);
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
                self.fail(path, format!("something else stands at {}", quoted::shown(pointers.path.join(name))));
                Ok(false)
            }
            None if self.act() => {
                let made = self.point((blobs, etag), (pointers, name), &text, to)?;
                Ok(self.heed(path, made)?.is_some())
            }
            None => Ok(true),
        }
    }

    /// A link to the blob; a second name or a copy where links cannot be made.
    fn point(
        &mut self,
        (blobs, etag): (&To, &OsStr),
        (pointers, name): (&To, &OsStr),
        text: &Path,
        to: &To,
    ) -> Result<io::Result<()>, Stop> {
        let ends = || Ok::<_, io::Error>((blobs.dir()?.again()?, pointers.dir()?.again()?));
        let (blobs, pointers) = match ends() {
            Ok(ends) => ends,
            Err(error) => return Ok(Err(error)),
        };
        if pointers.symlink(text, name).is_ok() || blobs.link(etag, &pointers, name).is_ok() {
            return Ok(Ok(()));
        }
        let room = to.below(Path::new(".modelstrap"), true);
        let found = room.and_then(|room| Ok((room, blobs.look(etag)?.ok_or(io::ErrorKind::NotFound)?)));
        match found.and_then(|(room, look)| Ok((room.dir()?.again()?, look))) {
            Ok((room, look)) => self.copy((&blobs, etag), &look, (&pointers, name), &room, None),
            Err(error) => Ok(Err(error)),
        }
    }
}

/// Moves the file `name` of `from` where no file has two names. The revision's link comes first and leads nowhere until the next step:
/// bytes that have lost their name are found by it alone. Where there are no links either, the file itself becomes the revision's, as
/// the client keeps it there.
fn move_known((from, name): (&Dir, &OsStr), (blobs, pointers): (&Dir, &Dir), note: &Note) -> io::Result<()> {
    let (last, etag) = (note.file.file_name().unwrap_or_default(), OsStr::new(&note.etag));
    let text = pointer_text(&note.file, etag);
    match pointers.look(last)? {
        Some(_) if pointers.text(last).is_ok_and(|one| one == text) => from.rename(name, blobs, etag),
        Some(_) => {
            Err(io::Error::other(format!("something else stands at {}", quoted::shown(pointers.path.join(last)))))
        }
        None if pointers.symlink(&text, last).is_ok() => from.rename(name, blobs, etag),
        None => from.rename(name, pointers, last),
    }
}
