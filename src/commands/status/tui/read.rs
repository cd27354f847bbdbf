//! What is below a node that somebody opens: asked for by the loop, done by a thread of its own.

use std::fs;
use std::path::{Path, PathBuf};

use super::tree::why;
use super::{folder, hub};
use crate::cache::Stamp;
use crate::cache::select::stock::is_protected;
use crate::support::quoted;
use crate::ui::browser::{Branch, Id, Kind, Tree};

/// What is to be read.
#[derive(Debug)]
pub(super) struct Request {
    kind: Kind,
    path: PathBuf,
    /// Why nothing in it can be marked, if so.
    stays: Option<&'static str>,
    /// What the place holds as things of their own: the rest of it is what lies beside them.
    units: Vec<PathBuf>,
    /// The other places: one that lies in this folder is counted by itself.
    places: Vec<PathBuf>,
}

impl Request {
    /// What is below `id`.
    pub(super) fn of(tree: &Tree, id: Id) -> Self {
        let node = tree.node(id);
        let place = tree.place(id);
        let units = tree.below(place).iter().map(|unit| tree.node(*unit));
        let places = tree.below(Tree::ROOT).iter().filter(|other| **other != place);
        Self {
            kind: node.kind,
            path: node.path.clone(),
            stays: node.stays,
            units: units.filter(|unit| unit.kind != Kind::Rest).map(|unit| unit.path.clone()).collect(),
            places: places.map(|other| tree.node(*other).path.clone()).collect(),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// Why it cannot be read, for a person.
    pub(super) fn read(self) -> Result<Vec<Branch>, String> {
        match self.kind {
            Kind::Revision => hub::revision(&self.path),
            Kind::Orphans => Ok(hub::orphans(&self.path)),
            Kind::Unfinished => Ok(hub::unfinished(&self.path)),
            Kind::Rest => {
                let mut branches = Vec::new();
                self.beside(&self.path, &mut branches);
                Ok(branches)
            }
            _ => folder::list(&self.path, &|path, folder| self.stays(path, folder)).map_err(|error| error.to_string()),
        }
    }

    fn stays(&self, path: &Path, folder: bool) -> Option<&'static str> {
        if self.places.iter().any(|place| place == path) {
            return Some(why::BESIDE);
        }
        self.stays.or_else(|| kept(path).filter(|_| !folder))
    }

    /// The files of a place that are no things of their own: those in the folders that lead to things.
    fn beside(&self, folder: &Path, branches: &mut Vec<Branch>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            let (Ok(kind), Ok(stamp)) = (entry.file_type(), Stamp::at(&path)) else { continue };
            if self.units.contains(&path) || self.places.contains(&path) {
                continue;
            }
            if kind.is_dir() {
                self.beside(&path, branches);
                continue;
            }
            let name = quoted::shown(path.strip_prefix(&self.path).unwrap_or(&path));
            let kind = if kind.is_symlink() { Kind::Link } else { Kind::File };
            let hidden = entry.file_name().as_encoded_bytes().first() == Some(&b'.');
            let stays = kept(&path).or(hidden.then_some(why::KEPT));
            branches.push(folder::leaf(name, path, &stamp, kind, stays));
        }
    }
}

/// What logs a person in, what they wrote themselves, what marks a folder as a cache.
fn kept(path: &Path) -> Option<&'static str> {
    path.file_name().is_some_and(is_protected).then_some(why::KEPT)
}
