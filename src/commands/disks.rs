//! The disks that a cache lies on: the home of a library may be a link to a larger one, or be mounted, and each disk has its own room.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::survey::Survey;
use crate::cache::places::Kind;
use crate::cache::stamp::Stamp;

/// A disk, by a folder on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disk {
    /// The system's number of it, where that is known.
    pub(super) device: Option<u64>,
    /// The first of the folders that lies on it.
    pub(super) folder: PathBuf,
}

/// The disks under `folders`, each once, in their order.
pub(in crate::commands) fn under<'p>(folders: impl Iterator<Item = &'p Path>) -> Vec<Disk> {
    let mut seen = HashSet::new();
    let disk = |folder: &Path| {
        let real = folder.canonicalize().unwrap_or_default();
        Disk { device: Stamp::at(&real).ok().map(|stamp| stamp.id.0), folder: folder.to_path_buf() }
    };
    folders.map(disk).filter(|disk| seen.insert(disk.device)).collect()
}

/// The disks of the cache root, which comes first, and of what is in `folders`.
pub(super) fn touched<'p>(survey: &'p Survey, folders: impl IntoIterator<Item = &'p Path>) -> Vec<Disk> {
    under(std::iter::once(survey.layout.cache_root.as_path()).chain(folders))
}

/// The disks that the cache root, which comes first, and the homes of its libraries lie on.
pub(super) fn of(survey: &Survey) -> Vec<Disk> {
    let homes = survey.places.iter().filter(|place| place.kind == Kind::Home && place.path.exists());
    touched(survey, homes.map(|place| place.path.as_path()))
}
