//! Folders that are mounted a second time within the places, so that one folder is met at two paths: it counts once, where its own path is.
//! Only mount points can lead to one, so only they are remembered, by device and inode; a system without such mounts is asked nothing.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

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
}

impl Twice {
    /// Of these places on a machine where something is mounted at `mounts`.
    pub(super) fn of(places: &[Place], mounts: &[PathBuf]) -> Self {
        let mut points = HashSet::new();
        let mut met: HashMap<Id, Option<PathBuf>> = HashMap::new();
        let id = |path: &Path| path.is_dir().then(|| Stamp::at(path).ok()).flatten().map(|stamp| stamp.id);
        for place in places {
            for point in mounts.iter().filter(|point| **point != place.real) {
                let Ok(inside) = point.strip_prefix(&place.real) else { continue };
                met.extend(id(point).map(|id| (id, None)));
                points.insert(place.path.join(inside));
            }
        }
        if !points.is_empty() {
            met.extend(places.iter().filter_map(|place| Some((id(&place.real)?, Some(place.path.clone())))));
        }
        Self { met: Mutex::new(met), points }
    }

    /// Whether something is mounted within the places at all.
    pub(super) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Whether `path` is such a mount: it is read after everything else, so that what it leads to counts where it lies.
    pub(super) fn is_mount(&self, path: &Path) -> bool {
        !self.is_empty() && self.points.contains(path)
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
