//! Places outside of the cache in which no file lies: empty folders are no places, and one of links alone is named and not counted.

use std::fs;
use std::path::{Path, PathBuf};

use super::places::Place;

/// A folder in which more lies is no heap of links.
const FEW: usize = 2_000;

/// Takes the places outside of the cache that hold no file out of `places`, and gives those in which links lie.
pub fn taken_out(places: &mut Vec<Place>) -> Vec<PathBuf> {
    let mut hollow = Vec::new();
    places.retain(|place| match place.kind.is_outside().then(|| links(&place.path)).flatten() {
        Some(links) if links > 0 => {
            hollow.push(place.path.clone());
            false
        }
        found => found.is_none(),
    });
    hollow
}

/// How many links lie in `folder`, where nothing else does but folders.
fn links(folder: &Path) -> Option<usize> {
    let mut waiting = vec![folder.to_path_buf()];
    let (mut links, mut left) = (0, FEW);
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).ok()? {
            let entry = entry.ok()?;
            let kind = entry.file_type().ok()?;
            left = left.checked_sub(1)?;
            match (kind.is_dir(), kind.is_symlink()) {
                (true, _) => waiting.push(entry.path()),
                (_, true) => links += 1,
                _ => return None,
            }
        }
    }
    Some(links)
}
