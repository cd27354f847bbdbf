//! What of a cache is stored, by name, and of each file what is known of it without reading it.

use std::path::PathBuf;

use super::found::Found;
use super::gather::Root;
use super::names::{self, Name};
use super::table::{Full, Kind, Table};

/// Where the bytes of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// In the file that has its name, as it was found.
    Disk(Found),
    /// Nowhere: it is a list of a shared store, which is made for the archive (`users`), of so many bytes.
    Made(u64),
}

impl Source {
    /// How many bytes they are.
    pub const fn size(&self) -> u64 {
        match self {
            Self::Disk(found) => found.size,
            Self::Made(size) => *size,
        }
    }
}

/// What has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    /// A file.
    File(Source),
    /// A link, and what it says.
    Link(Vec<u8>),
    /// A folder with nothing in it.
    Folder,
}

/// Things, by name.
#[derive(Debug, Default)]
pub struct Things {
    pub(super) table: Table,
    pub(super) files: Vec<Source>,
}

impl Things {
    /// See [`Table::folder`].
    ///
    /// # Errors
    /// When it is full.
    pub fn folder(&mut self, path: &[u8]) -> Result<u32, Full> {
        self.table.folder(path)
    }

    /// See [`Table::inside`].
    ///
    /// # Errors
    /// When it is full.
    pub fn inside(&mut self, above: u32, last: &[u8]) -> Result<u32, Full> {
        self.table.inside(above, last)
    }

    /// `thing` is called `last`, in that folder.
    ///
    /// # Errors
    /// When it is full.
    pub fn push(&mut self, folder: u32, last: &[u8], thing: Thing) -> Result<(), Full> {
        let (kind, number) = match thing {
            Thing::File(source) => {
                self.files.push(source);
                (Kind::File, self.files.len() - 1)
            }
            Thing::Link(to) => (Kind::Link, self.table.target(&to)?),
            Thing::Folder => (Kind::Folder, 0),
        };
        self.table.push(folder, last, kind, number)
    }

    /// Sorts by name; of two of one name the first that came stays.
    pub fn sort(&mut self) {
        self.table.sort();
        self.table.settle();
        self.files.shrink_to_fit();
    }

    /// How many they are.
    pub const fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The name of the one at `at`.
    pub fn name(&self, at: usize) -> Name {
        self.table.name(at)
    }

    /// The one at `at`.
    pub fn get(&self, at: usize) -> Thing {
        match self.table.kind(at) {
            (Kind::File | Kind::Same, number) => Thing::File(self.files[number]),
            (Kind::Link, number) => Thing::Link(self.table.said(number)),
            (Kind::Folder, _) => Thing::Folder,
        }
    }

    /// The file on the disk that the one at `at` is.
    pub fn on_disk(&self, at: usize) -> Option<Found> {
        match self.table.kind(at) {
            (Kind::File, number) => match self.files[number] {
                Source::Disk(found) => Some(found),
                Source::Made(_) => None,
            },
            _ => None,
        }
    }

    /// The name to which the link at `at` leads: by the letters alone.
    pub fn leads_to(&self, at: usize) -> Option<Vec<u8>> {
        match self.table.kind(at) {
            (Kind::Link, number) => names::resolve(self.name(at).folder(), &self.table.said(number)),
            _ => None,
        }
    }

    /// Those that `stays` says stay.
    pub fn retain(&mut self, stays: impl Fn(&Self, usize) -> bool) {
        let kept: Vec<bool> = (0..self.len()).map(|at| stays(self, at)).collect();
        self.table.retain(&kept);
    }
}

/// Where what is called `name` lies, below one of `roots`.
pub fn place(roots: &[Root], name: &Name) -> PathBuf {
    let below = |root: &&Root| name.below(&root.prefix).is_some();
    let root = roots.iter().filter(below).max_by_key(|root| root.prefix.len());
    let inside = root.and_then(|root| Some(root.path.join(names::to_path(name.below(&root.prefix)?))));
    inside.unwrap_or_default()
}
