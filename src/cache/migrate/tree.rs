//! A folder of plain files into another one: file by file, what is there already compared, what differs left.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path};

use super::dir::{Dir, Kind, Look};
use super::work::{ANOTHER, PREFIX, Stop, Tally, To, Work, check, sweep, temporary, unlink_links};
use crate::support::quoted;

/// No library keeps folders in folders in so many folders.
const DEEPEST: usize = 64;

/// Files that say whom a library trusts: they hold no data, and a folder that came with a project must not bring its own.
pub(super) const TRUST: [&str; 1] = ["trusted_list"];

/// Why they stay.
pub(super) const TRUSTS: &str = "says whom a library trusts, which a move does not decide";

/// The file by which torch knows a repository of GitHub.
pub(super) const TORCH: &str = "hubconf.py";

/// Between which folders things move.
struct Way<'a> {
    /// The place itself, out of which no link may lead.
    top: &'a Path,
    /// Where it moves to.
    goal: &'a To,
    /// Names in the place itself that stay.
    others: &'a [OsString],
}

impl Work<'_> {
    /// Moves what is in `from` to `to`, without `others`.
    pub(super) fn tree(&mut self, from: &Dir, to: &To, others: &[OsString]) -> Result<(), Stop> {
        if let (true, Some(dir)) = (self.act(), &to.dir) {
            self.kin.between(from, dir, None);
        }
        self.tree_below(from, to, &Way { top: &from.path, goal: to, others }, 0)
    }

    fn tree_below(&mut self, from: &Dir, to: &To, way: &Way<'_>, depth: usize) -> Result<(), Stop> {
        if self.act() {
            sweep(from);
            if let Some(dir) = &to.dir {
                sweep(dir);
            }
        }
        let Some(names) = self.heed(&from.path, from.row())? else { return Ok(()) };
        // What tells whose the folder is goes last: so the next run knows one that a killed run has left half.
        let last = names.iter().filter(|name| **name == *TORCH);
        for name in names.iter().filter(|name| **name != *TORCH).chain(last) {
            check()?;
            let is_another = depth == 0 && way.others.iter().any(|other| *other == name);
            if is_another || name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
                continue;
            }
            let path = from.path.join(&name);
            let Some(Some(look)) = self.heed(&path, from.look(&name))? else { continue };
            match look.kind {
                Kind::File if TRUST.iter().any(|trust| *name == **trust) => self.stay(path, TRUSTS),
                Kind::File => {
                    self.bring((from, &name), &look, to, &name)?;
                }
                Kind::Folder if depth >= DEEPEST => self.fail(path, format!("lies more than {DEEPEST} folders deep")),
                Kind::Folder => self.folder(from, &name, to, way, depth)?,
                Kind::Link => self.link(from, &name, to, way.top)?,
                Kind::Other => self.stay(path, "is neither file, folder nor link"),
            }
        }
        Ok(())
    }

    fn folder(&mut self, from: &Dir, name: &OsStr, to: &To, way: &Way<'_>, depth: usize) -> Result<(), Stop> {
        let path = from.path.join(name);
        let Some(sub) = self.heed(&path, from.sub(name))? else { return Ok(()) };
        let before = to.look(name).ok().flatten();
        if let Some(before) = before.filter(|before| before.kind != Kind::Folder) {
            let what = if before.kind == Kind::Link { "a link" } else { "a file" };
            self.fail(path, format!("{what} stands at {}", quoted::shown(to.path.join(name))));
            return Ok(());
        }
        let stamp = sub.stamp().ok();
        let Some(into) = self.heed(&path, to.sub(name, self.act()))? else { return Ok(()) };
        if self.is_one(&into, &sub) {
            return Ok(());
        }
        if self.is_one(way.goal, &sub) {
            self.stay(path, "is where all this is moved to, seen by another path");
            return Ok(());
        }
        self.tree_below(&sub, &into, way, depth + 1)?;
        drop(sub);
        if !self.act() {
            return Ok(());
        }
        if before.is_none()
            && let (Some(dir), Some(stamp)) = (&into.dir, &stamp)
            && let Ok(parent) = to.dir()
            && !parent.remove_if_empty(name)
        {
            dir.take_after(stamp);
        }
        self.collapse(from, name, &into.path);
        Ok(())
    }

    /// Moves the file `name` of `from` to `new` in `to`. Whether its content is there now.
    pub(super) fn bring(
        &mut self,
        (from, name): (&Dir, &OsStr),
        look: &Look,
        to: &To,
        new: &OsStr,
    ) -> Result<bool, Stop> {
        let (path, target) = (from.path.join(name), to.path.join(new));
        if let Some(why) = self.hindrance(&path, name, look) {
            self.stay(path, why);
            return Ok(false);
        }
        let size = look.stamp.size;
        let Some(there) = self.heed(&target, to.look(new))? else { return Ok(false) };
        let mut tally = Tally { files: 1, bytes: size, ..Tally::default() };
        match there {
            None => {
                if !self.act() {
                    tally.copied = if is_across(from, &to.path) { self.kin.copies.size(look) } else { 0 };
                } else {
                    let dir = to.dir();
                    let Some(dir) = self.heed(&target, dir)? else { return Ok(false) };
                    let carried = self.carry((from, name), look, (dir, new))?;
                    let Some(copied) = self.heed(&path, carried)? else { return Ok(false) };
                    tally.copied = if copied { self.kin.copies.size(look) } else { 0 };
                }
            }
            Some(there) if there.kind == Kind::File => {
                if !self.is_same((from, name), look, (to, new), &there)? {
                    return Ok(false);
                }
                // One that was made before its turn is a name of a copy that was counted.
                if !self.kin.was_made(&target) {
                    tally.same = size;
                }
                if self.act() {
                    let left = self.leave(from, name, &target);
                    if self.heed(&path, left)?.is_none() {
                        return Ok(false);
                    }
                }
            }
            Some(_) => {
                self.fail(path, format!("something that is no file stands at {}", quoted::shown(&target)));
                return Ok(false);
            }
        }
        self.out.tally += tally;
        Ok(true)
    }

    /// Whether the target's file, which is there, has the same content; where it has not, that is said.
    fn is_same(
        &mut self,
        (from, name): (&Dir, &OsStr),
        look: &Look,
        (to, new): (&To, &OsStr),
        there: &Look,
    ) -> Result<bool, Stop> {
        let (path, target) = (from.path.join(name), to.path.join(new));
        if is_one_name(look, there) {
            self.stay(path, ONE_NAME);
            return Ok(false);
        }
        if is_one_file(look, there) {
            return Ok(true);
        }
        let mut same = look.stamp.size == there.stamp.size;
        if same && self.act() && !self.kin.is_copy(look, there) {
            let files = from.file(name).and_then(|one| Ok((one, to.dir()?.file(new)?)));
            let Some((one, other)) = self.heed(&path, files)? else { return Ok(false) };
            let compared = self.same_bytes(one, other)?;
            let Some(equal) = self.heed(&path, compared)? else { return Ok(false) };
            let now = from.look(name).ok().flatten();
            same = equal && now.is_some_and(|now| now.stamp.is_same_content(&look.stamp));
        }
        if same && self.act() && look.stamp.names > 1 && look.stamp.id.0 != there.stamp.id.0 {
            self.kin.copies.note(look, target.clone());
            self.spread(look, &target);
        }
        if !same {
            self.fail(path, format!("{ANOTHER} {}", quoted::shown(&target)));
        }
        Ok(same)
    }

    /// The file to a name that is free; true where it was copied.
    fn carry(
        &mut self,
        (from, name): (&Dir, &OsStr),
        look: &Look,
        (to, new): (&Dir, &OsStr),
    ) -> Result<io::Result<bool>, Stop> {
        let path = from.path.join(name);
        if self.links || self.needed.leads_to(&path) {
            // A second name first, so that the old path always leads to the bytes.
            match from.link(name, to, new) {
                Ok(()) => return Ok(self.leave(from, name, &to.path.join(new)).map(|()| false)),
                Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(Err(error)),
                // No second names here: a rename, and for a moment no path.
                Err(_) => {
                    let done = from.rename(name, to, new).and_then(|()| {
                        self.free(&path, &to.path.join(new)).or_else(|error| {
                            to.rename(new, from, name)?;
                            Err(error)
                        })?;
                        let text = self.link_text(&path, &to.path.join(new));
                        if self.links { from.symlink(&text, name) } else { Ok(()) }
                    });
                    return Ok(done.map(|()| false));
                }
            }
        } else {
            match from.rename(name, to, new) {
                Ok(()) => {
                    let moved = to.look(new).ok().flatten();
                    if moved.is_some_and(|moved| moved.kind == Kind::File && moved.stamp.id == look.stamp.id) {
                        return Ok(Ok(false));
                    }
                    // Somebody put another thing in its place since it was looked at.
                    let back = to.rename(new, from, name);
                    return Ok(back.and_then(|()| Err(io::Error::other("was replaced meanwhile"))));
                }
                Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        if let Err(error) = self.copy((from, name), look, (to, new), to, None)? {
            return Ok(Err(error));
        }
        Ok(self.leave(from, name, &to.path.join(new)).map(|()| true))
    }

    /// A link of the place: one that leads within it is made anew, since the same text leads to the same thing there.
    pub(super) fn link(&mut self, from: &Dir, name: &OsStr, to: &To, top: &Path) -> Result<(), Stop> {
        let path = from.path.join(name);
        let target = to.path.join(name);
        if self.is_ours(from, name, &target) {
            return Ok(());
        }
        if let Some(leads) = self.needed.target(&path) {
            return self.noted_link(from, name, to, &leads);
        }
        let Some(text) = self.heed(&path, from.text(name))? else { return Ok(()) };
        if !stays_within(&from.path, top, &text) {
            self.stay(path, "is a link that leads out of this folder");
            return Ok(());
        }
        let Some(there) = self.heed(&target, to.look(name))? else { return Ok(()) };
        match there {
            None if self.act() => {
                let made = to.dir().and_then(|dir| dir.symlink(&text, name)).and_then(|()| from.unlink(name));
                self.heed(&path, made)?;
            }
            Some(there) => {
                let same =
                    there.kind == Kind::Link && to.dir().and_then(|dir| dir.text(name)).is_ok_and(|one| one == text);
                if !same {
                    self.fail(path, format!("something else stands at {}", quoted::shown(&target)));
                } else if self.act() {
                    self.heed(&path, from.unlink(name))?;
                }
            }
            None => {}
        }
        Ok(())
    }

    /// The end of the folder `name` in `parent` of which everything is at `target`: it goes, or with `link_back` becomes a link
    /// there in one step. One that still holds something stays.
    pub(super) fn collapse(&mut self, parent: &Dir, name: &OsStr, target: &Path) {
        if !self.options.link_back {
            parent.remove_if_empty(name);
            return;
        }
        let Ok(dir) = parent.sub(name) else { return };
        let Ok(names) = dir.row() else { return };
        let all_lead = names.iter().all(|entry| self.is_ours(&dir, &entry, &target.join(&entry)));
        drop(names);
        if !all_lead || !target.is_dir() {
            return;
        }
        let at = parent.path.join(name);
        let (text, spare) = (self.link_text(&at, target), temporary(name));
        let _ = parent.unlink(&spare);
        if parent.symlink(&text, &spare).is_err() {
            return;
        }
        if parent.exchange(&spare, name).is_ok() {
            unlink_links(parent, &spare);
        } else {
            unlink_links(parent, name);
            if parent.replace(&spare, parent, name).is_err() {
                let _ = parent.unlink(&spare);
                return;
            }
        }
        self.out.links.leave_out(&at);
        self.out.links.push(&at, target);
    }
}

/// Whether both names are of one file.
pub(super) fn is_one_file(one: &Look, other: &Look) -> bool {
    one.stamp.id != (0, 0) && one.stamp.id == other.stamp.id
}

/// Whether it is one file that has only one name, which is seen by two paths: it, or a folder above it, is mounted twice. Without
/// that name it is lost.
pub(super) fn is_one_name(one: &Look, there: &Look) -> bool {
    is_one_file(one, there) && there.stamp.names < 2
}

/// Why such a file stays.
pub(super) const ONE_NAME: &str = "is the cache's own file, seen by another path";

/// Whether what is in `from` must be copied to come to `to`, which need not be there.
pub(super) fn is_across(from: &Dir, to: &Path) -> bool {
    let target = to.ancestors().find_map(|path| Dir::open(path).ok()).and_then(|dir| dir.stamp().ok());
    match (from.stamp(), target) {
        (Ok(one), Some(other)) => one.id.0 != other.id.0,
        _ => false,
    }
}

/// Whether a link in `folder` that says `text` leads to something in `top`, as far as its text tells.
fn stays_within(folder: &Path, top: &Path, text: &Path) -> bool {
    let Ok(inside) = folder.strip_prefix(top) else { return false };
    let mut depth = inside.components().count();
    for part in text.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir => match depth.checked_sub(1) {
                Some(up) => depth = up,
                None => return false,
            },
            Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_link_within_a_place_is_told_from_one_that_leads_out() {
        let within = |text: &str| stays_within(Path::new("/t/a/b"), Path::new("/t"), Path::new(text));
        assert!(within("x") && within("../x") && within("../../x") && within("./c/../x"));
        assert!(!within("../../../x") && !within("/t/x"));
    }
}
