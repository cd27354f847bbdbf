//! Proven bytes into the place of a damaged file, and the link of the revision that leads to them: each step in a folder that is
//! held open, and over nothing but what was seen to be damaged.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::held::{Held, above};
use super::{Linked, Wound};
use crate::models::hub::layout::{Repository, blob_name, pointer_target};
use crate::models::hub::{place, symlinks};
use crate::models::rehash::{self, Finding, Item};
use crate::models::world::World;
use crate::support::escape;
use crate::support::folder::{Found, Kind};
use crate::support::lock::Lock;

/// How long another program is waited for that holds a blob's lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gives the proven bytes, which lie in `stage` under `new`, the wound's names.
///
/// # Errors
/// What the disk says; when another file is there meanwhile.
pub(super) fn place(world: &World, wound: &Wound, stage: &Held, new: &OsStr) -> io::Result<()> {
    let Some((first, others)) = wound.paths.split_first() else { return Ok(()) };
    let (held, name) = above(&wound.inside, first, true)?;
    let _guard = guard(wound, &held, &name);
    let there = held.folder.find(&name)?;
    if !may_go(wound, there.as_ref()) {
        // Another program may have brought the same bytes, or an equal wound of the same run.
        if there.is_some_and(|there| there.kind == Kind::File) && is_good(&held.way(&name), wound) {
            let _ = stage.folder.unlink(new);
            return link(world, wound);
        }
        return Err(changed(first));
    }
    if let Some(file) = there.filter(|there| there.kind == Kind::File) {
        // Who may read it stays as it was.
        let _ = stage.folder.set_mode(new, file.stamp.mode);
    }
    match there {
        Some(_) => stage.folder.replace_in(new, &held.folder, &name)?,
        None => stage.folder.rename(new, &held.folder, &name)?,
    }
    for other in others {
        second_name(wound, &held, &name, stage, other, there.as_ref())?;
    }
    link(world, wound)
}

/// Gives `name` the name `other` too, in the place of one of the damaged file's.
fn second_name(
    wound: &Wound,
    held: &Held,
    name: &OsStr,
    stage: &Held,
    other: &Path,
    damaged: Option<&Found>,
) -> io::Result<()> {
    let (at, other_name) = above(&wound.inside, other, true)?;
    let there = at.folder.find(&other_name)?;
    let same = |one: &Found, two: &Found| one.stamp.id == two.stamp.id && one.kind == two.kind;
    if !may_go(wound, there.as_ref()) || damaged.zip(there.as_ref()).is_some_and(|(one, two)| !same(one, two)) {
        return Err(changed(other));
    }
    let temporary = OsString::from(format!("{}.link", wound.digest.hex()));
    let _ = stage.folder.unlink(&temporary);
    held.folder.hard_link(name, &stage.folder, &temporary)?;
    stage.folder.replace_in(&temporary, &at.folder, &other_name)
}

/// Whether what is there is what was seen: the damaged file, or where none was, nothing or a link to nothing.
fn may_go(wound: &Wound, there: Option<&Found>) -> bool {
    match (wound.seen, there) {
        (Some(seen), Some(there)) => there.kind == Kind::File && seen == (there.stamp.size, there.stamp.modified),
        (None, Some(there)) => there.kind == Kind::Link,
        (_, None) => true,
    }
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
