//! Proven bytes into the place of a damaged file, and the link of the revision that leads to them: each step in a folder that is
//! held open, and over nothing but what was seen to be damaged.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::held::{Held, above};
use super::{Linked, Wound};
use crate::models::hub::layout::{Repository, blob_name, pointer_target};
use crate::models::hub::{place, symlinks};
use crate::models::rehash::{self, Finding, Item};
use crate::models::world::World;
use crate::support::escape;
use crate::support::folder::{Found, Kind};
use crate::support::lock::Lock;
use crate::support::stamp::Stamp;

/// How long another program is waited for that holds a blob's lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gives the proven bytes, which lie in `stage` under `new`, the wound's names. Those that stand for another file by now keep it, and
/// are given back.
///
/// # Errors
/// What the disk says; when another file is there meanwhile.
pub(super) fn place(world: &World, wound: &Wound, stage: &Held, new: &OsStr) -> io::Result<Vec<PathBuf>> {
    let Some((first, others)) = wound.paths.split_first() else { return Ok(Vec::new()) };
    let (held, name) = above(&wound.inside, first, true)?;
    let _guard = guard(wound, &held, &name);
    let there = held.folder.find(&name)?;
    if !may_go(wound, there.as_ref(), is_untouched) {
        // Another program may have brought the same bytes, or an equal wound of the same run.
        if there.is_some_and(|there| there.kind == Kind::File) && is_good(&held.way(&name), wound) {
            let _ = stage.folder.unlink(new);
            return link(world, wound).map(|()| Vec::new());
        }
        return Err(changed(first));
    }
    if let Some(file) = there.filter(|there| there.kind == Kind::File) {
        if wound.keeps_time {
            // Without it the bytes are right all the same.
            let _ = set_time(stage, new, file.stamp.modified);
        }
        // Who may read it stays as it was.
        let _ = stage.folder.set_mode(new, file.stamp.mode);
    }
    match there {
        Some(_) => stage.folder.replace_in(new, &held.folder, &name)?,
        None => stage.folder.rename(new, &held.folder, &name)?,
    }
    let mut kept = Vec::new();
    for other in others {
        if !second_name(wound, &held, &name, stage, other)? {
            kept.push(other.clone());
        }
    }
    link(world, wound).map(|()| kept)
}

fn set_time(held: &Held, name: &OsStr, modified: i128) -> io::Result<()> {
    let since = u64::try_from(modified).map(Duration::from_nanos).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).append(!cfg!(unix)).open(held.way(name))?;
    file.set_modified(SystemTime::UNIX_EPOCH + since)
}

/// Gives `name` the name `other` too, in the place of one of the damaged file's; false where that stands for another file by now:
/// somebody may have saved their work there while the bytes came.
fn second_name(wound: &Wound, held: &Held, name: &OsStr, stage: &Held, other: &Path) -> io::Result<bool> {
    let (at, other_name) = above(&wound.inside, other, true)?;
    let temporary = OsString::from(format!("{}.link", wound.digest.hex()));
    let _ = stage.folder.unlink(&temporary);
    held.folder.hard_link(name, &stage.folder, &temporary)?;
    // Looked at last. The damaged file has lost a name since it was read, which `changed` tells too.
    let there = at.folder.find(&other_name);
    if !there.as_ref().is_ok_and(|there| may_go(wound, there.as_ref(), Stamp::is_same_content)) {
        stage.folder.unlink(&temporary)?;
        return there.map(|_| false);
    }
    stage.folder.replace_in(&temporary, &at.folder, &other_name).map(|()| true)
}

/// Whether what is there is what was seen: the damaged file, or where none was, nothing or a link to nothing.
fn may_go(wound: &Wound, there: Option<&Found>, same: impl Fn(&Stamp, &Stamp) -> bool) -> bool {
    match (&wound.seen, there) {
        (Some(seen), Some(there)) => there.kind == Kind::File && same(seen, &there.stamp),
        (None, Some(there)) => there.kind == Kind::Link,
        (_, None) => true,
    }
}

/// Whether nobody has written to the file, not even who put its time back. A name more or fewer is no writing, and moves `changed`.
fn is_untouched(seen: &Stamp, now: &Stamp) -> bool {
    seen.is_same_content(now) && (seen.changed == now.changed || seen.names != now.names)
}

fn changed(path: &Path) -> io::Error {
    io::Error::other(format!("{} was changed meanwhile, and is left alone", escape::path(path)))
}

/// Whether the file at `path` holds what the wound's must.
pub(super) fn is_good(path: &Path, wound: &Wound) -> bool {
    let item = Item { path: path.to_path_buf(), size: wound.size, digest: Some(wound.digest) };
    matches!(rehash::verify(&[item], 1, &|_, _| ())[..], [Finding::Good])
}

/// The lock that Python takes around a blob, or around a payload of the shared store, where there is one. Correctness rests on the
/// rename: one that is held too long is passed by.
fn guard(wound: &Wound, held: &Held, name: &OsStr) -> Option<Lock> {
    let mut beside = name.to_owned();
    beside.push(".lock");
    let locked = |held: &Held, name: &OsStr| {
        let is_there = held.folder.find(name).ok().flatten().is_some_and(|found| found.kind == Kind::File);
        is_there.then(|| Lock::acquire(&held.way(name), PATIENCE, || ()).ok())
    };
    if let Some(lock) = locked(held, &beside) {
        return lock;
    }
    let link = wound.link.as_ref()?;
    let of_blob = Repository::of(&link.place, &link.hub).lock(&wound.digest.hex());
    let (held, name) = above(&wound.inside, &of_blob, false).ok()?;
    locked(&held, &name)?
}

/// Makes the file of the revision lead to its bytes.
///
/// # Errors
/// What the disk says.
pub(super) fn link(world: &World, wound: &Wound) -> io::Result<()> {
    let Some(link) = &wound.link else { return Ok(()) };
    if cfg!(unix) {
        return lead(world, &wound.inside, link);
    }
    // How a link is made at all is tried there, by paths.
    let homes = crate::models::homes::Homes { hub: link.hub.clone(), ..world.homes.clone() };
    place::settle(&link.place, &link.file, &homes, &world.hub)
}

fn lead(world: &World, inside: &[PathBuf], link: &Linked) -> io::Result<()> {
    let Linked { place, file, hub } = link;
    place::check(place, std::slice::from_ref(file))
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
    let repository = Repository::of(place, hub);
    let blob = blob_name(file).unwrap_or_default();
    let target = pointer_target(&file.path, &blob);
    let (at, name) = above(inside, &repository.pointer(&place.commit, &file.path), true)?;
    let (blobs, blob) = above(inside, &repository.blob(&blob), true)?;
    if place::is_good(&at.way(&name), &target, &blobs.way(&blob), file) {
        return Ok(());
    }
    // A pointer to nothing makes the whole repository "corrupt" for Python.
    let content = fs::canonicalize(blobs.way(&blob))?;
    if world.hub.symlinks_wanted && at.folder.symlink(&name, &target).is_ok() {
        return Ok(());
    }
    let (private, temporary) = above(inside, &repository.private().join(symlinks::unique("link")), true)?;
    let symbolic = world.hub.symlinks_wanted && private.folder.symlink(&temporary, &target).is_ok();
    let made = if symbolic { Ok(()) } else { second(inside, &content, &private, &temporary) };
    let done = made.and_then(|()| private.folder.replace_in(&temporary, &at.folder, &name));
    // Renaming one of two names of a file onto the other leaves both.
    let _ = private.folder.unlink(&temporary);
    done
}

/// A second name for `content`, or where the disk gives none, its bytes again.
fn second(inside: &[PathBuf], content: &Path, to: &Held, name: &OsStr) -> io::Result<()> {
    let (from, file) = above(inside, content, false)?;
    from.folder
        .hard_link(&file, &to.folder, name)
        .or_else(|_| io::copy(&mut from.folder.open_file(&file)?, &mut to.folder.create(name, 0o666)?).map(|_| ()))
}
