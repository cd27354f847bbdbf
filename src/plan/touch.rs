//! The one place where an edit meets the disk: brings a path to a state.

use std::fs;
use std::io;
use std::path::Path;

use super::journal::Entry;
use super::{Kind, State};
use crate::support::atomic;

/// Brings `path` to `state`. Only a link of ours is itself what is written or removed; of any other it is what it names.
pub(super) fn write(path: &Path, kind: Kind, state: &State, tag: &str) -> io::Result<()> {
    let target = if kind == Kind::Link { path.to_path_buf() } else { atomic::resolve(path)? };
    let path = target.as_path();
    match state {
        State::Absent => match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => fs::remove_dir(path),
            Ok(_) => fs::remove_file(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        },
        State::Directory => match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            made => made,
        },
        State::File(bytes, mode) => atomic::replace(path, bytes, (*mode != 0).then_some(*mode), tag),
        State::Link(target) => {
            let temporary = atomic::temporary_name(path, tag);
            let _ = fs::remove_file(&temporary);
            link(target, &temporary)?;
            fs::rename(&temporary, path)
        }
    }
}

/// Removes what a killed run left half-written beside the entry's file.
pub(super) fn remove_temporary(entry: &Entry, tag: &str) {
    for target in [Some(entry.path.clone()), atomic::resolve(&entry.path).ok()].into_iter().flatten() {
        let _ = fs::remove_file(atomic::temporary_name(&target, tag));
    }
}

#[cfg(unix)]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

#[cfg(windows)]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_dir(target, at)
}
