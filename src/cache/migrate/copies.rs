//! Where on the cache's disk the copy is of a content that has several names, or several users in a store: what comes later under another
//! name becomes a name of that copy, in whichever part, and in the next run if this one is killed.
//!
//! That a content is one is seen only as long as all its names are there. So each copy is noted in the cache before the first name
//! goes, until a run comes to its end. The cache may have come with a clone: a note is believed once the bytes are compared, and of
//! files in the cache alone.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::dir::{Look, real};
use super::note;
use crate::cache::Stamp;
use crate::cache::notes::file;
use crate::support::quoted;

/// How the names of the notes end.
const ENDING: &str = "-copies.jsonl";

/// The most bytes that are read of all of them: some 200,000 copies.
const LARGEST: u64 = 64 << 20;

/// What tells a content of the source: a number may be another file's by now, size and time are of the same one.
pub(super) type Key = ((u64, u64), u64, i128);

/// The key of what was looked at.
pub(super) const fn key(look: &Look) -> Key {
    (look.stamp.id, look.stamp.size, look.stamp.modified)
}

/// The copies of one run, and those that a killed one has noted.
#[derive(Debug, Default)]
pub struct Copies {
    cache_root: PathBuf,
    /// Where this run notes its own: a JSON document a line.
    notes: PathBuf,
    /// Where a content is at the target, proven.
    known: HashMap<Key, PathBuf>,
    /// Where a run that was killed has noted one.
    noted: HashMap<Key, Vec<PathBuf>>,
    /// Files with several names or users that are counted as copied, by device and inode.
    counted: HashSet<(u64, u64)>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    device: u64,
    inode: u64,
    size: u64,
    /// Nanoseconds since 1970, more than a number of JSON can have.
    modified: String,
    at: String,
}

impl Copies {
    /// Those of a run for `project`, and what earlier runs have noted in the cache at `cache_root`, for whichever project: what lies in
    /// the home folder belongs to all of them.
    pub fn of(cache_root: &Path, project: &Path) -> Self {
        let notes = path(cache_root, project);
        let folder = notes.parent().and_then(|folder| std::fs::read_dir(folder).ok());
        let mut all: Vec<PathBuf> = folder.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
        all.retain(|path| path.as_os_str().as_encoded_bytes().ends_with(ENDING.as_bytes()));
        all.sort_unstable();
        let mut copies = Self { cache_root: cache_root.to_path_buf(), notes, ..Self::default() };
        all.iter().fold(LARGEST, |left, path| left.saturating_sub(copies.read(path, left)));
        copies
    }

    /// Adds what `path` notes, unless it has more than `most` bytes; gives how many it has.
    fn read(&mut self, path: &Path, most: u64) -> u64 {
        let bytes = file::read(path, most).unwrap_or_default();
        let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
        for Line { device, inode, size, modified, at } in lines {
            if let Ok(modified) = modified.parse() {
                self.noted.entry(((device, inode), size, modified)).or_default().push(quoted::path(&at));
            }
        }
        bytes.len() as u64
    }

    /// Notes that the content of `look` is at `path`, on this disk and before a name of the original goes.
    pub(super) fn note(&mut self, look: &Look, path: PathBuf) {
        // Where files have no numbers nothing tells one from another of its size and time.
        if look.stamp.id == (0, 0) {
            return;
        }
        let ((device, inode), size, modified) = key(look);
        let is_noted = self.noted.get(&key(look)).is_some_and(|noted| noted.contains(&path));
        // On one disk a name is made, and nothing is copied.
        let is_copied = Stamp::at(&path).is_ok_and(|there| there.id.0 != device);
        if is_copied && !is_noted && self.known.get(&key(look)) != Some(&path) {
            let (modified, at) = (modified.to_string(), quoted::text(path.as_os_str()));
            let line = serde_json::to_string(&Line { device, inode, size, modified, at }).unwrap_or_default();
            // Without it a killed run may leave two contents for one, and nothing else is worse.
            let _ = file::append_durably(&self.notes, &format!("\n{line}\n"));
        }
        self.known.insert(key(look), path);
    }

    /// How many bytes it takes to copy a file: of one with several names one is copied, and the others become names of that. Of two
    /// names only one is left when the second comes.
    pub(super) fn size(&mut self, look: &Look) -> u64 {
        let is_one = look.stamp.names > 1 || self.counted.contains(&look.stamp.id);
        if is_one { self.size_once(look) } else { look.stamp.size }
    }

    /// The same of what is asked for several times, by whatever name.
    pub(super) fn size_once(&mut self, look: &Look) -> u64 {
        let is_known = look.stamp.id != (0, 0) && !self.counted.insert(look.stamp.id);
        if is_known { 0 } else { look.stamp.size }
    }

    /// Where the content is known to be.
    pub(super) fn known(&self, look: &Look) -> Option<&Path> {
        self.known.get(&key(look)).map(PathBuf::as_path)
    }

    /// Where a killed run says that it is: files of the cache, whose bytes are yet to be compared.
    pub(super) fn noted(&self, look: &Look) -> Vec<PathBuf> {
        let root = real(&self.cache_root);
        let noted = self.noted.get(&key(look)).into_iter().flatten();
        noted.filter(|path| path.parent().is_some_and(|folder| real(folder).starts_with(&root))).cloned().collect()
    }
}

/// Whether a run has left notes that did not come to its end, or was killed in its last moment.
pub fn are_left(cache_root: &Path, project: &Path) -> bool {
    path(cache_root, project).symlink_metadata().is_ok()
}

/// Removes the notes: the run has come to its end.
pub fn end(cache_root: &Path, project: &Path) {
    let _ = std::fs::remove_file(path(cache_root, project));
}

fn path(cache_root: &Path, project: &Path) -> PathBuf {
    note(cache_root, project, ENDING)
}
