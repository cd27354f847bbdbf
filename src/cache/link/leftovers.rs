//! What a run that was killed left: one temporary name beside a file.
//!
//! It is either the new file that had not taken its place, or the old one that had lost it. Both are equal to the file under the
//! name for which they stand, and that is proven before one goes.

#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;

/// Removes each of `leftovers`, which begin with `prefix`; those that stay, and why.
#[cfg(unix)]
pub fn sweep(leftovers: &[PathBuf], prefix: &str) -> Vec<(PathBuf, String)> {
    let mut stayed = Vec::new();
    for path in leftovers {
        // Another run may have been at work, and has ended.
        if std::fs::symlink_metadata(path).is_err() {
            continue;
        }
        if let Err(why) = one(path, prefix) {
            stayed.push((path.clone(), why));
        }
    }
    stayed
}

/// There are none.
#[cfg(not(unix))]
pub fn sweep(_: &[PathBuf], _: &str) -> Vec<(PathBuf, String)> {
    Vec::new()
}

#[cfg(unix)]
fn one(path: &Path, prefix: &str) -> Result<(), String> {
    use crate::cache::duplicates::compare::{Two, equal};
    use crate::cache::duplicates::stamp;

    let folder = path.parent().ok_or("it lies nowhere")?;
    let spot = super::place::Spot::at(folder, path).map_err(|error| error.to_string())?;
    let remove = || spot.unlink(spot.name()).map_err(|error| error.to_string());
    let found = std::fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    // What was replaced is a file always: a link is one that had not taken its place.
    if found.is_symlink() {
        return remove();
    }
    let stands_for = owner(folder, prefix, spot.name()).ok_or("the file for which it stood is gone")?;
    let old = spot.open().map_err(|error| error.to_string())?;
    // The new file may be a link to the hub's.
    let new = std::fs::File::open(&stands_for).map_err(|error| error.to_string())?;
    let stamps = || -> std::io::Result<_> { Ok((stamp(&old)?, stamp(&new)?)) };
    let before = stamps().map_err(|error| error.to_string())?;
    let same = before.0.id == before.1.id
        || before.0.size == before.1.size
            && equal(&[Two { one: &old, other: &new, size: before.0.size }], &|_| {})
                .into_iter()
                .all(|equal| equal.is_ok_and(|equal| equal));
    let after = stamps().map_err(|error| error.to_string())?;
    let still = super::one::is_it(&after.0, &before.0) && super::one::is_it(&after.1, &before.1);
    if same && still { remove() } else { Err("it differs from the file for which it stood".to_owned()) }
}

/// The file for which a temporary name stands.
#[cfg(unix)]
fn owner(folder: &Path, prefix: &str, temporary: &std::ffi::OsStr) -> Option<PathBuf> {
    let names = std::fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.file_name());
    let stands = |name: &std::ffi::OsString| super::temporary(prefix, name).as_str() == temporary;
    names.into_iter().find(stands).map(|name| folder.join(name))
}
