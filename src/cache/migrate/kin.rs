//! Files with several names that come from another disk: their names stay names of one file there, also where the target has one of
//! them already, and where a run is killed half-way.
//!
//! The other names are made as soon as the bytes are there under one, before any name of the original goes: afterwards nothing
//! would tell that they belong together.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::contents::file_at;
use super::copies::{Copies, Key, key};
use super::dir::{Dir, Kind, Look};
use super::tree::TRUST;
use super::work::{Stop, Work};
use crate::cache::Stamp;

/// Folders in folders are looked into so deep.
const DEEPEST: usize = 64;

/// The copies of a part's files that have several names.
#[derive(Debug, Default)]
pub(super) struct Kin {
    /// Where contents are at the target, those of other parts as well.
    pub(super) copies: Copies,
    /// The folders between which the names are the same, and the names there, if not all that are in them.
    way: Option<(Dir, Dir, Option<Vec<OsString>>)>,
    /// The names of each content, below these folders, once that was looked for.
    names: Option<HashMap<Key, Vec<PathBuf>>>,
    /// Names that were made at the target before their turn.
    made: HashSet<PathBuf>,
}

impl Kin {
    /// Says between which folders a part moves under the same names.
    pub(super) fn between(&mut self, from: &Dir, to: &Dir, only: Option<&[OsString]>) {
        let folders = from.again().and_then(|from| Ok((from, to.again()?)));
        self.way = folders.ok().map(|(from, to)| (from, to, only.map(<[OsString]>::to_vec)));
        self.names = None;
    }

    /// Whether what stands at the target is known to have the content.
    pub(super) fn is_copy(&self, look: &Look, there: &Look) -> bool {
        let known = self.copies.known(look).and_then(|path| Stamp::at(path).ok());
        known.is_some_and(|known| known.id != (0, 0) && known.is_same_content(&there.stamp))
    }

    /// Whether this name was made before its turn; only asked once.
    pub(super) fn was_made(&mut self, target: &Path) -> bool {
        self.made.remove(target)
    }

    fn names(&mut self, look: &Look) -> Vec<PathBuf> {
        let Some((from, _, only)) = &self.way else { return Vec::new() };
        let names = self.names.get_or_insert_with(|| {
            let mut found = HashMap::new();
            walk(from, Path::new(""), only.as_deref(), &mut found);
            found
        });
        names.get(&key(look)).cloned().unwrap_or_default()
    }
}

/// Files with several names in `dir`.
fn walk(dir: &Dir, below: &Path, only: Option<&[OsString]>, found: &mut HashMap<Key, Vec<PathBuf>>) {
    let wanted = |name: &Cow<'_, OsStr>| only.is_none_or(|only| only.iter().any(|one| one == name));
    for name in dir.row().unwrap_or_default().iter().filter(wanted) {
        let Ok(Some(look)) = dir.look(&name) else { continue };
        let path = below.join(&name);
        match look.kind {
            Kind::File if look.stamp.names > 1 && !TRUST.iter().any(|trust| *name == **trust) => {
                found.entry(key(&look)).or_default().push(path);
            }
            Kind::Folder if only.is_none() && below.components().count() < DEEPEST => {
                if let Ok(sub) = dir.sub(&name) {
                    walk(&sub, &path, None, found);
                }
            }
            _ => {}
        }
    }
}

impl Work<'_> {
    /// Looks for another name of the file `name` under which the target has its bytes, which are compared.
    pub(super) fn find_kin(&mut self, (from, name): (&Dir, &OsStr), look: &Look) -> Result<(), Stop> {
        if self.kin.copies.known(look).is_some() {
            return Ok(());
        }
        for path in self.kin.copies.noted(look) {
            let files = from.file(name).and_then(|one| Ok((one, file_at(&path)?)));
            let Ok((one, other)) = files else { continue };
            if self.same_bytes(one, other)?.unwrap_or(false) {
                self.kin.copies.note(look, path);
                return Ok(());
            }
        }
        if look.stamp.names < 2 {
            return Ok(());
        }
        for path in self.kin.names(look) {
            let Some((_, to, _)) = &self.kin.way else { return Ok(()) };
            let folder = to.below(path.parent().unwrap_or(Path::new(""))).ok().flatten();
            let Some((folder, file)) = folder.zip(path.file_name()) else { continue };
            let there = folder.look(file).ok().flatten();
            if there.is_none_or(|there| there.kind != Kind::File || there.stamp.size != look.stamp.size) {
                continue;
            }
            let Ok((one, other)) = from.file(name).and_then(|one| Ok((one, folder.file(file)?))) else { continue };
            if self.same_bytes(one, other)?.unwrap_or(false) {
                self.kin.copies.note(look, folder.path.join(file));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Gives what is at `path`, the content of a file with several names, the others of these, where nothing stands there yet.
    pub(super) fn spread(&mut self, look: &Look, path: &Path) {
        if look.stamp.names < 2 {
            return;
        }
        let names = self.kin.names(look);
        let Some((from, to, _)) = &self.kin.way else { return };
        let free = |name: &PathBuf| -> io::Result<PathBuf> {
            let now = from.look_below(name)?.ok_or(io::ErrorKind::NotFound)?;
            let (old, file) = (from.path.join(name), name.file_name().ok_or(io::ErrorKind::NotFound)?);
            if !now.stamp.is_same_content(&look.stamp) || self.hindrance(&old, file, &now).is_some() {
                return Err(io::ErrorKind::Other.into());
            }
            let folder = to.below_made(name.parent().unwrap_or(Path::new("")))?;
            let (base, own) = path.parent().zip(path.file_name()).ok_or(io::ErrorKind::NotFound)?;
            // What stands there is met in its turn.
            Dir::open(base)?.link(own, &folder, file)?;
            folder.sync();
            Ok(folder.path.join(file))
        };
        let made: Vec<PathBuf> = names.iter().filter_map(|name| free(name).ok()).collect();
        self.kin.made.extend(made);
    }
}
