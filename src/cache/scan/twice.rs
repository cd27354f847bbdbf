//! What is mounted a second time within the places, so that it is met at two paths. Only mount points can lead to such a thing, so only they
//! are remembered, by device and inode; a system without such mounts is asked nothing.
//!
//! A folder is read once, where its own path is. A file, and a folder that is a part of a repository (without which the repository would
//! look broken), are read at every path, and what is in them counts as files with several names do.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::folder::Mounted;
use super::repository::named;
use crate::cache::places::Place;
use crate::cache::stamp::Stamp;

/// A device and an inode.
type Id = (u64, u64);

/// What may be met twice.
#[derive(Debug, Default)]
pub(super) struct Twice {
    /// Where each such folder was met first.
    met: Mutex<HashMap<Id, Option<PathBuf>>>,
    /// The mount points in the places, as the places have them.
    points: HashSet<PathBuf>,
    /// What is read at every path.
    mounted: Option<Arc<Mounted>>,
}

impl Twice {
    /// Of these places on a machine where something is mounted at `mounts`.
    pub(super) fn of(places: &[Place], mounts: &[PathBuf]) -> Self {
        let mut points = HashSet::new();
        let mut met: HashMap<Id, Option<PathBuf>> = HashMap::new();
        let mut mounted = Mounted::default();
        let id = |path: &Path| path.is_dir().then(|| Stamp::at(path).ok()).flatten().map(|stamp| stamp.id);
        let mut known = HashSet::new();
        for place in places {
            for point in mounts.iter().filter(|point| **point != place.real) {
                let Ok(inside) = point.strip_prefix(&place.real) else { continue };
                if !point.is_dir() || is_part(inside) {
                    // A place may lie within another one.
                    if let Some(stamp) = Stamp::at(point).ok().filter(|_| known.insert(point)) {
                        *mounted.0.entry(stamp.id).or_default() += 1;
                    }
                    continue;
                }
                met.extend(id(point).map(|id| (id, None)));
                points.insert(place.path.join(inside));
            }
        }
        if !points.is_empty() {
            met.extend(places.iter().filter_map(|place| Some((id(&place.real)?, Some(place.path.clone())))));
        }
        let mounted = (!mounted.0.is_empty()).then(|| Arc::new(mounted));
        Self { met: Mutex::new(met), points, mounted }
    }

    /// Whether no folder is mounted within the places.
    pub(super) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// What is read at every path, if there is such a thing.
    pub(super) fn mounted(&self) -> Option<&Arc<Mounted>> {
        self.mounted.as_ref()
    }

    /// Whether `path` is such a mount: it is read after everything else, so that what it leads to counts where it lies.
    pub(super) fn is_mount(&self, path: &Path) -> bool {
        !self.is_empty() && self.points.contains(path)
    }

    /// Notes the folders right in `folder` as met: parts of a repository, or of a store, which are read with it.
    pub(super) fn note_parts(&self, folder: &Path) {
        if self.is_empty() {
            return;
        }
        for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir()) && !self.is_mount(&path);
            if let Some(stamp) = is_folder.then(|| Stamp::at(&path).ok()).flatten() {
                let _ = self.before(stamp.id, &path);
            }
        }
    }

    /// Where the folder with this number at `path` was met before, if it was.
    pub(super) fn before(&self, id: Id, path: &Path) -> Option<PathBuf> {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        match met.get_mut(&id)? {
            Some(first) => Some(first.clone()),
            nowhere => {
                *nowhere = Some(path.to_path_buf());
                None
            }
        }
    }
}

/// Whether what lies at `inside`, below a place, is a part of a repository.
fn is_part(inside: &Path) -> bool {
    inside.parent().into_iter().flatten().any(|part| part.to_str().is_some_and(|part| named(part).is_some()))
}
