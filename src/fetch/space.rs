//! Whether what is missing fits on the disk, asked before the first byte comes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::Error;
use crate::platform::disk;

/// What is missing on each disk.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// By folder first, since a thousand artifacts share one; then by disk.
    folders: HashMap<PathBuf, u64>,
}

/// A disk without enough room.
#[derive(Debug, Clone)]
pub(super) struct Short {
    path: PathBuf,
    needed: u64,
    free: u64,
}

impl Short {
    pub(super) fn error(&self) -> Error {
        Error::NoRoom { path: self.path.clone(), needed: self.needed, free: self.free }
    }
}

impl Space {
    /// `bytes` more will be written below `folder`.
    pub(super) fn need(&mut self, folder: &Path, bytes: u64) {
        match self.folders.get_mut(folder) {
            Some(sum) => *sum = sum.saturating_add(bytes),
            None => {
                self.folders.insert(folder.to_path_buf(), bytes);
            }
        }
    }

    /// The folders whose disk has no room for everything that it should take.
    pub(super) fn short(&self) -> HashMap<PathBuf, Short> {
        let mut disks: HashMap<u64, (u64, Vec<&PathBuf>)> = HashMap::new();
        for (folder, needed) in &self.folders {
            let (sum, folders) = disks.entry(disk_of(folder)).or_default();
            *sum = sum.saturating_add(*needed);
            folders.push(folder);
        }
        let mut short = HashMap::new();
        for (needed, folders) in disks.into_values() {
            let Some(free) = folders.first().and_then(|folder| disk::free_space(folder)) else { continue };
            if needed > free {
                for path in folders {
                    short.insert(path.clone(), Short { path: path.clone(), needed, free });
                }
            }
        }
        short
    }
}

/// Which disk holds `folder`, or would hold it.
#[cfg(unix)]
fn disk_of(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    folder.ancestors().find_map(|path| std::fs::metadata(path).ok()).map_or(0, |metadata| metadata.dev())
}

/// Windows: the drive's letter, or the share; a disk mounted in a folder counts as its drive.
#[cfg(not(unix))]
fn disk_of(folder: &Path) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    folder.components().next().map(|first| first.as_os_str().to_ascii_lowercase()).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_one_disk_are_counted_together() {
        let room = tempfile::tempdir().unwrap();
        let free = disk::free_space(room.path()).unwrap();
        let mut space = Space::default();
        space.need(&room.path().join("a/b"), free / 4 * 3);
        assert!(space.short().is_empty());
        space.need(&room.path().join("c"), free / 4 * 3);
        let short = space.short();
        assert_eq!(short.len(), 2);
        assert!(matches!(short[&room.path().join("c")].error(), Error::NoRoom { needed, .. } if needed > free));
    }
}
