//! Everything below a folder, links not followed, one list.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Entry, EntryKind};
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
    match fs::symlink_metadata(path) {
        Ok(looked) => {
            let kind = kind(looked.file_type());
            found.entries.push(Entry { path: path.to_path_buf(), stamp: Stamp::of(&looked), kind });
            if kind == EntryKind::Folder {
                below(path, 0, &mut found);
            }
        }
        Err(error) => note(&mut found, path, &error),
    }
    found
}

fn kind(found: fs::FileType) -> EntryKind {
    match (found.is_dir(), found.is_file()) {
        (true, _) => EntryKind::Folder,
        (_, true) => EntryKind::File,
        _ => EntryKind::Other,
    }
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
        let looked = entry.and_then(|entry| Ok((entry.path(), fs::symlink_metadata(entry.path())?)));
        match looked {
            Ok((path, looked)) => {
                let kind = kind(looked.file_type());
                found.entries.push(Entry { path: path.clone(), stamp: Stamp::of(&looked), kind });
                if kind == EntryKind::Folder {
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
