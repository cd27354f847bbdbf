//! Goes through a tree by descriptors: to look at everything in it before and after it is moved, and to unlink it.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::path::Path;

use super::locks;
use crate::cache::stamp::Stamp;
use crate::support::folder::{Folder, Found, Kind};
use crate::support::interrupt;

/// Nobody's folders lie so deep, and each takes a descriptor while it is walked.
const DEEPEST: usize = 200;

/// What must not be in a tree that goes.
#[derive(Debug)]
pub(super) struct Limits {
    /// Nothing was made, changed or linked after this, in nanoseconds since 1970.
    pub(super) newest: i128,
    /// When it was planned. No folder was renamed after this; before, that says nothing of what is in it.
    pub(super) planned: i128,
    /// When the run began, in nanoseconds since 1970: by it a time that lies ahead is told.
    pub(super) now: i128,
    /// Files that some process writes, by device and inode.
    pub(super) written: HashSet<(u64, u64)>,
    /// Folders in which we have unlinked something ourselves, by device and inode.
    pub(super) ours: HashSet<(u64, u64)>,
    /// Files of which we have moved another name, by device and inode: that changed them.
    pub(super) moved: HashSet<(u64, u64)>,
}

/// Sums what unlinking would free: files whose names are all seen.
#[derive(Debug, Default)]
pub(super) struct Tally {
    bytes: u64,
    shared: HashMap<(u64, u64), u64>,
}

impl Limits {
    /// Why something that is so stays. `is_moved`: by us, which changed `changed`.
    pub(super) fn refuse(&self, found: &Found, is_moved: bool) -> Result<(), String> {
        let stamp = found.stamp;
        let is_moved = is_moved || self.moved.contains(&stamp.id);
        let stamp_then = if is_moved { Stamp { changed: i128::MIN, ..stamp } } else { stamp };
        let is_ours = found.kind == Kind::Folder && self.ours.contains(&stamp.id);
        let is_late = match found.kind {
            Kind::Folder => {
                let content = Stamp { changed: i128::MIN, ..stamp };
                content.lately(self.now) > self.newest || stamp_then.lately(self.now) > self.planned
            }
            _ => stamp_then.lately(self.now) > self.newest,
        };
        if !is_ours && is_late {
            return Err("was made, changed or linked too lately".to_owned());
        }
        if found.kind == Kind::File && self.written.contains(&stamp.id) {
            return Err("is open for writing in another process".to_owned());
        }
        Ok(())
    }

    /// Why the tree `name` in `parent` stays, if anything in it says so.
    pub(super) fn refuse_tree(&self, parent: &Folder, name: &OsStr, is_moved: bool) -> Result<(), String> {
        let mut is_top = true;
        let outcome = walk(parent, name, &mut |folder, name, found| {
            let what = |why| if is_top { why } else { format!("{} in it {why}", shown(name)) };
            self.refuse(found, is_moved && is_top).map_err(what).map_err(io::Error::other)?;
            if !is_top && let Some(why) = kept(folder, name, found) {
                return Err(io::Error::other(why));
            }
            if found.kind == Kind::File && locks::is_lock(name) && locks::is_held(folder, name) {
                return Err(io::Error::other(format!("{} in it is locked by another process", shown(name))));
            }
            is_top = false;
            Ok(())
        });
        outcome.map_err(|error| error.to_string())
    }
}

/// Why a tree stays in which `folder` holds this entry: a person's work is in no cache, and what can be brought back is none's rest.
fn kept(folder: &Folder, name: &OsStr, found: &Found) -> Option<&'static str> {
    let is_folder = |name: &str| folder.find(OsStr::new(name)).is_ok_and(|found| is(found, Kind::Folder));
    if name.eq_ignore_ascii_case(".git") {
        return Some("holds a Git work tree");
    }
    if name == "HEAD" && is_folder("objects") && is_folder("refs") {
        return Some("holds a Git repository");
    }
    let trash = || folder.descend(Path::new(".modelstrap/trash")).is_ok();
    let is_ours = name == ".modelstrap" && found.kind == Kind::Folder && trash();
    is_ours.then_some("holds what was removed before and can be brought back")
}

/// Whether `folder` is a Git work tree, or a bare repository.
pub(super) fn is_git(folder: &Folder) -> bool {
    let is_folder = |name: &str| folder.find(OsStr::new(name)).is_ok_and(|found| is(found, Kind::Folder));
    let is_there = |name: &str| folder.find(OsStr::new(name)).is_ok_and(|found| found.is_some());
    is_there(".git") || (is_there("HEAD") && is_folder("objects") && is_folder("refs"))
}

fn is(found: Option<Found>, kind: Kind) -> bool {
    found.is_some_and(|found| found.kind == kind)
}

impl Tally {
    /// What is free when everything that was added has gone.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds the tree (or file, or link) `name` in `parent`.
    pub(super) fn add(&mut self, parent: &Folder, name: &OsStr) -> io::Result<()> {
        walk(parent, name, &mut |_, _, found| {
            let stamp = found.stamp;
            let names = if found.kind == Kind::Folder { 1 } else { stamp.names };
            let seen = if names > 1 { self.shared.entry(stamp.id).or_default() } else { &mut 0 };
            *seen += 1;
            if *seen == names {
                self.bytes += stamp.disk;
            }
            Ok(())
        })
    }
}

/// Unlinks what is under `name` in `parent`, and tells `freed` of each inode whose last name went. Goes on where
/// something cannot be removed, and ends with the first such error.
pub(super) fn erase(parent: &Folder, name: &OsStr, freed: &mut dyn FnMut(&Stamp)) -> io::Result<()> {
    let found = match parent.find(name)? {
        None => return Ok(()),
        Some(found) => found,
    };
    if found.kind != Kind::Folder {
        return unlink(parent, name, &found, freed);
    }
    erase_folder(parent, name, &found, 0, freed)
}

fn erase_folder(
    parent: &Folder,
    name: &OsStr,
    found: &Found,
    depth: usize,
    freed: &mut dyn FnMut(&Stamp),
) -> io::Result<()> {
    if interrupt::requested() {
        return Err(io::ErrorKind::Interrupted.into());
    }
    let folder = enter(parent, name, depth)?;
    let mut first = Ok(());
    for name in folder.names()? {
        let outcome = match folder.find(&name) {
            Ok(Some(found)) if found.kind == Kind::Folder => erase_folder(&folder, &name, &found, depth + 1, freed),
            Ok(Some(found)) => unlink(&folder, &name, &found, freed),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if outcome.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
            return outcome;
        }
        first = first.and(outcome);
    }
    first?;
    parent.remove_folder(name)?;
    freed(&found.stamp);
    Ok(())
}

/// Removes the name of a file or link, and tells `freed` where that was its last.
pub(super) fn unlink(folder: &Folder, name: &OsStr, found: &Found, freed: &mut dyn FnMut(&Stamp)) -> io::Result<()> {
    match folder.unlink(name) {
        // A folder that its owner may not write in: he may give himself the right.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && folder.is_mine() => {
            folder.open_up()?;
            folder.unlink(name)?;
        }
        outcome => outcome?,
    }
    if found.stamp.names <= 1 {
        freed(&found.stamp);
    }
    Ok(())
}

/// Calls `visit` for `name` in `parent` and for everything below it, a folder before what is in it.
fn walk(
    parent: &Folder,
    name: &OsStr,
    visit: &mut dyn FnMut(&Folder, &OsStr, &Found) -> io::Result<()>,
) -> io::Result<()> {
    let found = parent.look(name)?;
    visit(parent, name, &found)?;
    if found.kind == Kind::Folder { below(parent, name, 0, visit) } else { Ok(()) }
}

fn below(
    parent: &Folder,
    name: &OsStr,
    depth: usize,
    visit: &mut dyn FnMut(&Folder, &OsStr, &Found) -> io::Result<()>,
) -> io::Result<()> {
    let folder = enter(parent, name, depth)?;
    if !folder.is_writable() {
        return Err(io::Error::other(format!(
            "{} belongs to somebody else, who alone may remove from it",
            shown(name)
        )));
    }
    for name in folder.names()? {
        let Some(found) = folder.find(&name)? else { continue };
        visit(&folder, &name, &found)?;
        if found.kind == Kind::Folder {
            below(&folder, &name, depth + 1, visit)?;
        }
    }
    Ok(())
}

/// The folder `name`, on the same disk.
pub(super) fn enter(parent: &Folder, name: &OsStr, depth: usize) -> io::Result<Folder> {
    if depth > DEEPEST {
        return Err(io::Error::other(format!("has more than {DEEPEST} folders in each other")));
    }
    let folder = match parent.enter(name) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(io::Error::other(format!("{} cannot be opened: {error}", shown(name))));
        }
        folder => folder?,
    };
    if folder.own()?.stamp.id.0 != parent.own()?.stamp.id.0 {
        return Err(io::Error::other(format!("{} is where another disk is mounted", shown(name))));
    }
    Ok(folder)
}

fn shown(name: &OsStr) -> String {
    crate::support::escape::printable(&name.to_string_lossy())
}
