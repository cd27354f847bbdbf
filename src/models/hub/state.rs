//! What of a part is on this disk, told without reading a byte of it.

use std::fs;
use std::path::PathBuf;

use super::layout::{Repository, blob_name};
use crate::models::homes::Homes;
use crate::models::locked::{File, HubPlace};
use crate::models::names;

/// How one file stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// A program can open it, and its size is right.
    Here,
    /// Its bytes are in the cache, but the snapshot does not name them: no request is needed.
    Unlinked,
    /// It is not there.
    Missing,
    /// It is there with another size.
    Changed {
        /// Its size.
        found: u64,
    },
}

/// How a part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartState {
    /// All of it is here.
    Here,
    /// Some of it is here.
    Partly,
    /// Nothing of it is here.
    Missing,
    /// Something of it has another size than it should.
    Changed,
}

/// How `file` stands.
pub fn file(place: &HubPlace, file: &File, homes: &Homes) -> FileState {
    if super::place::check(place, &[]).is_err() || names::file_path(&file.path).is_err() {
        return FileState::Missing;
    }
    let repository = Repository::of(place, &homes.hub);
    let judge = |path: PathBuf| {
        let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?.len();
        Some(if file.size.is_none_or(|size| size == found) { FileState::Here } else { FileState::Changed { found } })
    };
    let unlinked = || match judge(repository.blob(&blob_name(file)?))? {
        FileState::Here => Some(FileState::Unlinked),
        _ => None,
    };
    judge(repository.pointer(&place.commit, &file.path)).or_else(unlinked).unwrap_or(FileState::Missing)
}

/// How the part stands, with each file's own state.
pub fn part(place: &HubPlace, files: &[File], homes: &Homes) -> (PartState, Vec<FileState>) {
    let states: Vec<FileState> = files.iter().map(|one| file(place, one, homes)).collect();
    let here = states.iter().filter(|state| **state == FileState::Here).count();
    let whole = if states.iter().any(|state| matches!(state, FileState::Changed { .. })) {
        PartState::Changed
    } else if here == states.len() {
        PartState::Here
    } else if states.iter().all(|state| *state == FileState::Missing) {
        PartState::Missing
    } else {
        PartState::Partly
    };
    (whole, states)
}
