//! One file in the place of another: every name of the copy, one after the other.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use super::attributes;
use super::place::Spot;
use crate::cache::duplicates::{self, Copy, File, How, Name};
use crate::cache::{Place, Stamp};

/// What could not be, in words for a person.
pub(super) type Refused = String;

/// A file and its copy, open, with what they were when they were opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) keep: fs::File,
    pub(super) keep_spot: Spot,
    pub(super) copy: fs::File,
    pub(super) keep_stamp: Stamp,
    pub(super) copy_stamp: Stamp,
}

/// Whether a file is the one that it was, with nothing about it changed; that somebody read it makes no difference.
pub(super) fn is_it(now: &Stamp, then: &Stamp) -> bool {
    now.is_same_content(then) && now.changed == then.changed
}

/// That a file is not the one that it was.
pub(super) const CHANGED: &str = "it was changed meanwhile";

pub(super) fn words(error: &io::Error) -> Refused {
    match error.kind() {
        io::ErrorKind::NotFound => "it is gone".to_owned(),
        io::ErrorKind::Interrupted => "stopped".to_owned(),
        _ => error.to_string(),
    }
}

/// A run, as far as one pair needs to know it.
pub(super) struct Run<'a> {
    pub(super) cache_root: &'a Path,
    /// How temporary names begin.
    pub(super) prefix: &'a str,
    pub(super) places: &'a [Place],
}

impl Run<'_> {
    fn spot(&self, name: Name<'_>) -> io::Result<Spot> {
        let outside = || io::Error::other("lies in no place");
        let place = self.places.get(name.place()).ok_or_else(outside)?;
        Spot::at(&place.real, &name.path())
    }

    /// Opens both, which must be what was found: `keep_stamp` is what the one that stays is by now.
    pub(super) fn open(&self, keep: File<'_>, keep_stamp: &Stamp, copy: Copy<'_>) -> Result<Opened, Refused> {
        let keep_spot = self.spot(keep.name()).map_err(|error| words(&error))?;
        let open = |spot: &Spot| -> io::Result<_> {
            let file = spot.open()?;
            let stamp = duplicates::stamp(&file)?;
            Ok((file, stamp))
        };
        let (keep, stamp) = open(&keep_spot).map_err(|error| format!("what it equals: {}", words(&error)))?;
        if !is_it(&stamp, keep_stamp) {
            return Err("what it equals was changed meanwhile".to_owned());
        }
        let copy_spot = self.spot(copy.file.name()).map_err(|error| words(&error))?;
        let (file, copy_stamp) = open(&copy_spot).map_err(|error| words(&error))?;
        if !is_it(&copy_stamp, &copy.file.stamp()) {
            return Err(CHANGED.to_owned());
        }
        Ok(Opened { keep, keep_spot, copy: file, keep_stamp: stamp, copy_stamp })
    }

    /// Makes the copy what `how` says: the bytes of both were compared. Gives how it was done, and how much that freed.
    pub(super) fn replace(
        &self,
        opened: &Opened,
        keep: File<'_>,
        copy: Copy<'_>,
        how: How,
    ) -> Result<(How, u64), Refused> {
        let now = |file| duplicates::stamp(file).map_err(|error| words(&error));
        if !is_it(&now(&opened.keep)?, &opened.keep_stamp) {
            return Err("what it equals was changed meanwhile".to_owned());
        }
        if !is_it(&now(&opened.copy)?, &opened.copy_stamp) {
            return Err(CHANGED.to_owned());
        }
        if how == How::HardLink {
            if attributes::of(&opened.keep) != attributes::of(&opened.copy) {
                return Err("its access list or attributes differ, and one file has one set of them".to_owned());
            }
            read_only(&opened.keep, &opened.keep_stamp)
                .map_err(|error| format!("what it equals cannot be made read-only: {error}"))?;
        }
        let mut done = how;
        for name in copy.file.names() {
            done = self.name(opened, keep, copy, name, done)?;
        }
        let left = now(&opened.copy)?;
        Ok((done, if left.names == 0 { left.disk } else { 0 }))
    }

    /// One name of the copy.
    fn name(&self, opened: &Opened, keep: File<'_>, copy: Copy<'_>, name: Name<'_>, how: How) -> Result<How, Refused> {
        let spot = self.spot(name).map_err(|error| words(&error))?;
        let temporary = super::temporary(self.prefix, spot.name());
        let temporary = OsStr::new(&temporary);
        let symlink = || {
            let target = keep.name().path();
            super::roots::note(self.cache_root, &name.path(), &target)?;
            spot.symlink(&target, temporary)
        };
        let (made, how) = match how {
            How::Symlink => (symlink(), How::Symlink),
            _ => match opened.keep_spot.link(&spot, temporary) {
                Err(error) if copy.may_link && lacks_hard_links(&error) => (symlink(), How::Symlink),
                made => (made, How::HardLink),
            },
        };
        made.map_err(|error| words(&error))?;
        // One file by the two names of its disk: a link in the place of the one would be a link to itself.
        let is_one = how == How::Symlink
            && opened.keep_spot.name() == spot.name()
            && opened.keep_spot.standing(temporary).is_ok();
        let swapped = match is_one {
            true => Err("it is what it equals, seen by another path".to_owned()),
            false => self.swap(opened, &spot, temporary, how),
        };
        if swapped.is_err() {
            // Only what was made above stands there, or what `swap` could not put back.
            let ours = spot.standing(temporary).is_ok_and(|there| there.id != opened.copy_stamp.id);
            if ours {
                let _ = spot.unlink(temporary);
            }
        }
        swapped.map(|()| how)
    }

    /// Lets the name stand for what `temporary` stands for, and removes the old one once it is certain that it is the copy.
    fn swap(&self, opened: &Opened, spot: &Spot, temporary: &OsStr, how: How) -> Result<(), Refused> {
        let says = |error: io::Error| words(&error);
        let made = spot.standing(temporary).map_err(says)?;
        // The name of the one that stays may stand for another file by now.
        if how == How::HardLink && made.id != opened.keep_stamp.id {
            return Err("what it equals was changed meanwhile".to_owned());
        }
        let is_copy = |name: &OsStr| {
            spot.standing(name).is_ok_and(|there| there.is_file && there.id == opened.copy_stamp.id)
                && duplicates::stamp(&opened.copy).is_ok_and(|now| now.is_same_content(&opened.copy_stamp))
        };
        if !is_copy(spot.name()) {
            return Err(CHANGED.to_owned());
        }
        if !spot.exchange(temporary).map_err(says)? {
            // In the moment between this and the look above nobody can be kept from the name.
            spot.replace_by(temporary).map_err(says)?;
            // Two names of one file: a rename of one to the other does nothing at all.
            let _ = spot.unlink(temporary);
            return Ok(());
        }
        // Whoever deletes what the link leads to has seen it by now, or has been quicker: then it leads nowhere.
        let leads = how != How::Symlink || spot.behind().is_ok_and(|id| id == opened.keep_stamp.id);
        if !is_copy(temporary) || !leads {
            spot.exchange(temporary).map_err(says)?;
            return Err(if leads { CHANGED } else { "what it equals was changed meanwhile" }.to_owned());
        }
        spot.unlink(temporary).map_err(says)
    }
}

/// A file with two names can be written to under both: nobody may.
fn read_only(file: &fs::File, stamp: &Stamp) -> io::Result<()> {
    const WRITE: u32 = 0o222;
    if stamp.mode & WRITE == 0 {
        return Ok(());
    }
    let mode = rustix::fs::Mode::from_bits_truncate((stamp.mode & 0o7777 & !WRITE) as rustix::fs::RawMode);
    Ok(rustix::fs::fchmod(file, mode)?)
}

/// Whether the disk has no hard links, or no more for this file.
fn lacks_hard_links(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let lacking = [Errno::PERM, Errno::MLINK, Errno::OPNOTSUPP, Errno::NOSYS, Errno::XDEV];
    lacking.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
