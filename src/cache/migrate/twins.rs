//! A content that both repositories have under one name: kept once where the bytes are the same; where they differ, and the name is a
//! digest, the name says which is right.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::Path;

use super::contents::file_at;
use super::dir::{Dir, Kind, Look};
use super::repository::Merge;
use super::store::is_payload;
use super::tree::{ONE_NAME, is_one_file, is_one_name};
use super::work::{ANOTHER, Stop, To, temporary};
use crate::cache::Stamp;
use crate::fetch::Digest;
use crate::support::quoted;

impl Merge<'_, '_, '_> {
    /// Whether the target's blob, which is there at `other`, makes the source's superfluous.
    pub(super) fn double(
        &mut self,
        (s, name): (&Dir, &OsStr),
        look: &Look,
        other: &Path,
        (t, etag): (&To, &OsStr),
        digest: Option<&Digest>,
    ) -> Result<bool, Stop> {
        let path = s.path.join(name);
        let Some(stamp) = self.work.heed(other, Stamp::at(other))? else { return Ok(false) };
        let there = Look { kind: Kind::File, stamp };
        if is_one_name(look, &there) {
            self.work.stay(path, ONE_NAME);
            return Ok(false);
        }
        if is_one_file(look, &there) {
            return Ok(true);
        }
        let alike = stamp.size == look.stamp.size;
        if !self.work.act() {
            if !alike && digest.is_none() {
                self.work.fail(path, format!("{ANOTHER} {}", quoted::shown(other)));
            }
            return Ok(alike || digest.is_some());
        }
        if alike {
            let files = s.file(name).and_then(|one| Ok((one, file_at(other)?)));
            let Some((one, two)) = self.work.heed(&path, files)? else { return Ok(false) };
            let compared = self.work.same_bytes(one, two)?;
            let Some(same) = self.work.heed(&path, compared)? else { return Ok(false) };
            if same {
                if look.stamp.names > 1 || is_payload(&path) {
                    self.work.kin.copies.note(look, other.to_path_buf());
                }
                return Ok(true);
            }
        }
        let Some(digest) = digest else {
            self.work.fail(path, format!("{ANOTHER} {}", quoted::shown(other)));
            return Ok(false);
        };
        // Two contents of one name: the name says which of them is right.
        let ours = self.is(s.file(name), digest, &path)?;
        let theirs = self.is(file_at(other), digest, other)?;
        match (ours, theirs) {
            (true, false) if other.parent() == Some(&t.path) => {
                let replaced = self.replace((s, name), look, t, etag, digest)?;
                if self.work.heed(&path, replaced)?.is_none() {
                    return Ok(false);
                }
                self.work
                    .out
                    .notes
                    .push(format!("{} was damaged; the one from here replaced it", quoted::shown(other)));
                Ok(true)
            }
            (true, false) => {
                self.work.fail(path, format!("the payload at {} is damaged", quoted::shown(other)));
                Ok(false)
            }
            (false, true) => {
                self.work
                    .fail(path, "is damaged: its bytes are not what its name says, and the cache has the right ones");
                Ok(false)
            }
            _ => {
                self.work.fail(path, format!("{ANOTHER} {}", quoted::shown(other)));
                Ok(false)
            }
        }
    }

    fn is(&mut self, file: io::Result<File>, digest: &Digest, path: &Path) -> Result<bool, Stop> {
        let Some(file) = self.work.heed(path, file)? else { return Ok(false) };
        let found = self.work.digest(file, Some(digest))?;
        Ok(self.work.heed(path, found)?.is_some_and(|found| found == *digest))
    }

    /// Puts the source's good blob over the target's damaged one, in one step.
    fn replace(
        &mut self,
        (s, name): (&Dir, &OsStr),
        look: &Look,
        t: &To,
        etag: &OsStr,
        digest: &Digest,
    ) -> Result<io::Result<()>, Stop> {
        let Some(room) = self.room()? else { return Ok(Ok(())) };
        let spare = temporary(etag);
        let _ = room.unlink(&spare);
        let made = match s.link(name, &room, &spare) {
            Ok(()) => Ok(()),
            Err(_) => {
                // `copy` itself uses that name until it is whole.
                let whole = OsString::from("migrate-whole");
                let _ = room.unlink(&whole);
                self.work
                    .copy((s, name), look, (&room, &whole), &room, Some(digest))?
                    .and_then(|()| room.replace(&whole, &room, &spare))
            }
        };
        Ok(made.and_then(|()| room.replace(&spare, t.dir()?, etag)))
    }
}
