//! Folders in which nothing lies that could go or move: folders in them, links, and files that always stay, such as a login. One rule for all
//! who ask: a place outside of the cache in which nothing else lies is none, and one of links alone is named and not counted.

use std::fs;
use std::path::{Path, PathBuf};

use super::places::{OWN, Place};
use super::select::stock::is_protected;

/// A folder in which more lies is not empty.
const FEW: usize = 10_000;

/// A hub's locks, which no verb takes by themselves.
const LOCKS: &str = ".locks";

/// Takes the places outside of the cache that hold nothing out of `places`, and gives those in which links lie.
pub fn taken_out(places: &mut Vec<Place>) -> Vec<PathBuf> {
    let mut hollow = Vec::new();
    places.retain(|place| match place.kind.is_outside().then(|| links(&place.path, |_| true)).flatten() {
        Some(links) if links > 0 => {
            hollow.push(place.path.clone());
            false
        }
        found => found.is_none(),
    });
    hollow
}

/// Whether only folders lie in `folder`, and files that always stay.
pub fn is_bare(folder: &Path) -> bool {
    is_bare_but(folder, |_| false)
}

/// The same of what lies in `folder` elsewhere than in the folders that are `known`.
pub fn is_bare_but(folder: &Path, known: impl Fn(&Path) -> bool) -> bool {
    let passes = |path: &Path| path.file_name().is_some_and(|name| name == LOCKS || name == OWN) || known(path);
    count(folder, |_| false, passes).is_some()
}

/// How many links lie in `folder`, where nothing else does; `None` also where a link is none of those that `admits` wants, where something
/// cannot be read, and where there is too much to look at. What this tool keeps there (the trash) is something.
pub fn links(folder: &Path, admits: impl Fn(&Path) -> bool) -> Option<usize> {
    count(folder, admits, |path| path.file_name().is_some_and(|name| name == LOCKS))
}

fn count(folder: &Path, admits: impl Fn(&Path) -> bool, passes: impl Fn(&Path) -> bool) -> Option<usize> {
    let mut waiting = vec![folder.to_path_buf()];
    let (mut links, mut left) = (0, FEW);
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).ok()? {
            let entry = entry.ok()?;
            let (kind, name) = (entry.file_type().ok()?, entry.file_name());
            left = left.checked_sub(1)?;
            match (kind.is_dir(), kind.is_symlink()) {
                (true, _) if passes(&entry.path()) => {}
                (true, _) => waiting.push(entry.path()),
                _ if is_protected(&name) => {}
                (_, true) if admits(&entry.path()) => links += 1,
                _ => return None,
            }
        }
    }
    Some(links)
}
