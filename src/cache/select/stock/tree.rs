//! Everything below a folder, links not followed, one list.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Entry;
use crate::cache::stamp::Stamp;
use crate::support::interrupt;

/// Deeper than any cache: a loop of mounts, or an attack.
const DEEPEST: usize = 128;

/// What a walk has found.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The folder itself first, then everything below it.
    pub(super) entries: Vec<Entry>,
    /// What could not be read.
    pub(super) problems: Vec<(PathBuf, String)>,
}

/// Walks `path`, a file or a folder. What vanishes meanwhile is left out.
pub(super) fn walk(path: &Path) -> Walk {
    let mut found = Walk::default();
    match Stamp::at(path) {
        Ok(stamp) => {
            found.entries.push(Entry { path: path.to_path_buf(), stamp });
            if stamp.is_folder() || path_is_folder(path) {
                below(path, 0, &mut found);
            }
        }
        Err(error) => note(&mut found, path, &error),
    }
    found
}

/// Where the system has no modes, the stamp does not tell.
fn path_is_folder(path: &Path) -> bool {
    cfg!(not(unix)) && fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

fn below(folder: &Path, depth: usize, found: &mut Walk) {
    if depth > DEEPEST {
        let why = io::Error::other(format!("holds folders more than {DEEPEST} folders deep"));
        return note(found, folder, &why);
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return note(found, folder, &error),
    };
    for entry in entries {
        if interrupt::requested() {
            return;
        }
        let looked = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?, Stamp::at(&entry.path())?)));
        match looked {
            Ok((path, kind, stamp)) => {
                found.entries.push(Entry { path: path.clone(), stamp });
                if kind.is_dir() {
                    below(&path, depth + 1, found);
                }
            }
            Err(error) => note(found, folder, &error),
        }
    }
}

fn note(found: &mut Walk, path: &Path, error: &io::Error) {
    if error.kind() != io::ErrorKind::NotFound {
        found.problems.push((path.to_path_buf(), error.to_string()));
    }
}
