//! Paths by the hundred thousand: a folder is written once, and of each path its last name. What a removal took, and an undo brought
//! back, takes a fifth of what as many paths would.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};

use crate::support::letters;

/// Paths, in the order in which they were added.
#[derive(Clone, Default)]
pub struct Roll {
    folders: Vec<PathBuf>,
    /// Which folder has this hash: of two that have the same, the last.
    known: HashMap<u64, u32>,
    hasher: RandomState,
    /// The folder of each path.
    list: Vec<u32>,
    /// The name of each, after its length.
    names: Vec<u8>,
}

/// How many bytes say how long a name is.
const LENGTH: usize = 4;

impl Roll {
    /// One path more.
    pub fn push(&mut self, path: &Path) {
        let (folder, name) = match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) => (folder, name),
            // What has no name of its own is a folder alone.
            _ => (path, OsStr::new("")),
        };
        let folder = self.folder(folder);
        let name = letters::bytes(name);
        self.list.push(folder);
        self.names.extend_from_slice(&u32::try_from(name.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.names.extend_from_slice(&name);
    }

    fn folder(&mut self, folder: &Path) -> u32 {
        let is_it = |at: u32| long(at).and_then(|at| self.folders.get(at)).is_some_and(|known| known == folder);
        if let Some(last) = self.list.last().copied().filter(|last| is_it(*last)) {
            return last;
        }
        let hash = self.hasher.hash_one(folder);
        if let Some(known) = self.known.get(&hash).copied().filter(|known| is_it(*known)) {
            return known;
        }
        let number = u32::try_from(self.folders.len()).unwrap_or(u32::MAX);
        self.folders.push(folder.to_path_buf());
        self.known.insert(hash, number);
        number
    }

    /// How many they are.
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them, one after the other.
    pub fn iter(&self) -> impl Iterator<Item = PathBuf> {
        let mut rest = self.names.as_slice();
        self.list.iter().filter_map(move |folder| {
            let (length, after) = rest.split_at_checked(LENGTH)?;
            let length = long(u32::from_le_bytes(length.try_into().ok()?))?;
            let (own, after) = after.split_at_checked(length)?;
            rest = after;
            let folder = self.folders.get(long(*folder)?)?;
            let own = letters::name(own);
            Some(if own.is_empty() { folder.clone() } else { folder.join(own) })
        })
    }
}

fn long(number: u32) -> Option<usize> {
    usize::try_from(number).ok()
}

impl<P: AsRef<Path>> Extend<P> for Roll {
    fn extend<I: IntoIterator<Item = P>>(&mut self, paths: I) {
        paths.into_iter().for_each(|path| self.push(path.as_ref()));
    }
}

impl std::fmt::Debug for Roll {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Roll {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Roll {}

#[cfg(test)]
impl PartialEq<[PathBuf]> for Roll {
    fn eq(&self, other: &[PathBuf]) -> bool {
        self.iter().eq(other.iter().cloned())
    }
}

#[cfg(test)]
impl From<Vec<PathBuf>> for Roll {
    fn from(paths: Vec<PathBuf>) -> Self {
        let mut roll = Self::default();
        roll.extend(paths);
        roll
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back_as_they_were_whatever_their_names_are() {
        use std::os::unix::ffi::OsStrExt as _;
        let strange = Path::new("/c").join(OsStr::from_bytes(b"a\xff\n"));
        let paths: Vec<PathBuf> =
            ["/", "/c", "/c/a", "/d/e/f", "/c/b", "x", ""].into_iter().map(PathBuf::from).chain([strange]).collect();
        let roll = Roll::from(paths.clone());
        assert_eq!((&roll, roll.len(), roll.folders.len()), (&Roll::from(paths.clone()), 8, 4));
        assert_eq!(roll, *paths);
    }
}
