//! What goes back to where something stands again. The same content is back, and its copy in the trash goes; a folder gets what it lacks;
//! anything else stays in the trash.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::guard;
use super::journal::{Mark, Move};
use crate::cache::duplicates::compare::{self, Two};
use crate::support::folder::{Folder, Found, Kind};

/// When a folder in the trash says that it was changed last, from the moment in which the first part of it is back: in nanoseconds since
/// 1970.
const PARTED: i64 = 1;

/// A folder or file in the trash that is to go where something stands.
struct Merge<'a> {
    /// Of a folder, itself in the trash.
    top: Option<&'a Folder>,
    is_parted: Cell<bool>,
}

/// Puts `name` in `from` to `new` in `to`, where something stands; `path` is where that is, links followed. False where a part of it stays in the trash.
pub(super) fn onto(from: &Folder, name: &OsStr, to: &Folder, new: &OsStr, path: &Path) -> io::Result<bool> {
    let (found, there) = (from.look(name)?, to.look(new)?);
    if (found.kind, there.kind) != (Kind::Folder, Kind::Folder) {
        return Merge { top: None, is_parted: Cell::new(true) }.file(from, name, &found, to, new, &there, path);
    }
    let top = from.enter(name)?;
    Merge { top: Some(&top), is_parted: Cell::new(false) }.folder(from, name, to, new, path)
}

/// Whether the folder `found` in the trash is all that `one` took: no part of it is back.
pub(super) fn is_whole(one: &Move, found: &Found) -> bool {
    found.kind != Kind::Folder || one.mark.is_since(Mark::of(&found.stamp))
}

impl Merge<'_> {
    fn folder(&self, from: &Folder, name: &OsStr, to: &Folder, new: &OsStr, path: &Path) -> io::Result<bool> {
        let (source, target) = (from.enter(name)?, to.enter(new)?);
        let mut whole = true;
        for name in source.names()? {
            let path = path.join(&name);
            let Some(there) = target.find(&name)? else {
                self.part();
                whole &= match source.rename(&name, &target, &name) {
                    // It came in this moment.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
                    moved => moved.map(|()| true)?,
                };
                continue;
            };
            let found = source.look(&name)?;
            whole &= match (found.kind, there.kind) {
                (Kind::Folder, Kind::Folder) => self.folder(&source, &name, &target, &name, &path)?,
                _ => self.file(&source, &name, &found, &target, &name, &there, &path)?,
            };
        }
        if whole {
            self.part();
            from.remove_folder(name)?;
        }
        Ok(whole)
    }

    /// What stands there is the same, and ours is one too many; or else it stays.
    #[expect(clippy::too_many_arguments, reason = "two names in two folders, and what they are")]
    fn file(
        &self,
        from: &Folder,
        name: &OsStr,
        found: &Found,
        to: &Folder,
        new: &OsStr,
        there: &Found,
        path: &Path,
    ) -> io::Result<bool> {
        let is_same = match (found.kind, there.kind) {
            (Kind::Link, Kind::Link) if from.target(name)? == to.target(new)? => true,
            (Kind::Link, _) if is_named_by_content(path) => leads_to_content(from.target(name).ok(), to, path, there),
            (Kind::File, Kind::Link) if is_named_by_content(path) => match led(to, path, Path::new(new)) {
                Some(led) if led.metadata()?.len() == found.stamp.size => is_same(&from.open_file(name)?, &led)?,
                _ => false,
            },
            (Kind::File, Kind::File) if found.stamp.size == there.stamp.size => {
                is_same(&from.open_file(name)?, &to.open_file(new)?)?
            }
            _ => false,
        };
        if is_same {
            self.part();
            from.unlink(name)?;
        }
        Ok(is_same)
    }

    /// Notes that not all of it is in the trash any more.
    fn part(&self) {
        if let Some(top) = self.top.filter(|_| !self.is_parted.replace(true)) {
            top.set_modified(PARTED);
        }
    }
}

/// Whether `path` is that of a content of the Hub's, whose name is its digest: `REPOSITORY/blobs/ETAG`.
fn is_named_by_content(path: &Path) -> bool {
    let mut above = path.ancestors().skip(1).filter_map(Path::file_name);
    above.next().is_some_and(|name| name == "blobs") && above.next().is_some_and(guard::is_repository)
}

/// The file that `name` leads to, beside `path`.
fn led(to: &Folder, path: &Path, name: &Path) -> Option<File> {
    let above = path.parent().unwrap_or(path);
    File::open(to.way(above).join(name)).ok().filter(|file| file.metadata().is_ok_and(|found| found.is_file()))
}

/// Whether what stands there is the content that a link in the trash, which leads to `target`, is named by: of the link nothing is lost.
fn leads_to_content(target: Option<PathBuf>, to: &Folder, path: &Path, there: &Found) -> bool {
    let name = Path::new(path.file_name().unwrap_or_default());
    let size = |name: &Path| led(to, path, name).and_then(|led| Some(led.metadata().ok()?.len()));
    match there.kind {
        Kind::File => size(&target.unwrap_or_default()).is_none_or(|size| size == there.stamp.size),
        Kind::Link => size(name).is_some(),
        _ => false,
    }
}

/// Whether two names stand for files of the same bytes.
pub(super) fn are_same((from, name): (&Folder, &OsStr), (to, new): (&Folder, &OsStr)) -> io::Result<bool> {
    let (one, other) = (from.open_file(name)?, to.open_file(new)?);
    let size = |file: &File| file.metadata().map(|found| found.len());
    Ok(size(&one)? == size(&other)? && is_same(&one, &other)?)
}

/// Whether two files of one size have the same bytes.
fn is_same(one: &File, other: &File) -> io::Result<bool> {
    let size = one.metadata()?.len();
    compare::equal(&[Two { one, other, size }], &|_| {}).pop().unwrap_or_else(|| Err(io::ErrorKind::Interrupted.into()))
}
