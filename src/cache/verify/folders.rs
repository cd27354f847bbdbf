//! Folders by number, so that the path of each is kept once and not with each of its files.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folders, each once.
#[derive(Debug, Default)]
pub(super) struct Folders {
    all: Vec<Arc<Path>>,
    numbers: HashMap<Arc<Path>, u32>,
    last: u32,
}

impl Folders {
    /// The number of the folder of `path`, and the name in it.
    pub(super) fn split<'a>(&mut self, path: &'a Path) -> (u32, &'a OsStr) {
        match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) => (self.number(folder), name),
            _ => (self.number(path), OsStr::new("")),
        }
    }

    fn number(&mut self, folder: &Path) -> u32 {
        // Mostly it is the one of the file before.
        if self.all.get(self.last as usize).is_some_and(|last| last.as_os_str() == folder.as_os_str()) {
            return self.last;
        }
        self.last = self.numbers.get(folder).copied().unwrap_or_else(|| {
            let (number, folder) = (short(self.all.len()), Arc::<Path>::from(folder));
            self.all.push(Arc::clone(&folder));
            self.numbers.insert(folder, number);
            number
        });
        self.last
    }

    pub(super) fn path(&self, folder: u32, name: &OsStr) -> PathBuf {
        let folder = self.all.get(folder as usize).map_or(Path::new(""), |path| &**path);
        if name.is_empty() { folder.to_path_buf() } else { folder.join(name) }
    }

    /// Forgets what finds a folder again: no more will come.
    pub(super) fn close(&mut self) {
        self.numbers = HashMap::new();
    }
}

/// Four billion files are more than any disk has.
pub(super) fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
