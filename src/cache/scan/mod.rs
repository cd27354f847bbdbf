//! Reads every place once, in parallel, by descriptors, and keeps what a person wants to know of it: sums, not names. Memory
//! grows with the largest repository, not with the cache.
//!
//! A thread takes a folder, counts its files, and gives the folders in it to whoever is free; a repository of the Hub is one
//! piece of work. Links are read and never followed.

mod blob;
mod folder;
mod key;
mod link_room;
mod links;
mod ollama;
mod pool;
mod repository;
mod state;
mod store;
mod summary;
mod tree;
mod twice;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::inventory::Inventory;
use super::places::Place;
use crate::platform::mounts;
use crate::support::time;
use folder::{Folder, NameBuf};
use state::RowId;
pub use tree::LLAMA_PART;

/// The mark of a store that the repositories of a hub share (huggingface_hub ≥ 1.32, `utils/_shared_blobs.py`): a file with the line `1`.
pub const STORE_MARK: &str = ".huggingface-shared-blobs";

/// Something to read.
#[derive(Debug)]
enum Work {
    /// A place.
    Place(u32),
    /// A folder in a place.
    Folder(Piece),
    /// A repository of the Hub; `hub` is the number of its hub.
    Repository { piece: Piece, hub: u32 },
    /// The store that the repositories of a hub share.
    Store { piece: Piece, hub: u32 },
    /// The layers of a store of Ollama, and its models.
    Ollama { piece: Piece, hub: u32 },
}

/// A folder that waits to be read.
#[derive(Debug)]
struct Piece {
    /// The folder that it lies in stays open until then.
    parent: Arc<Folder>,
    name: NameBuf,
    path: PathBuf,
    place: u32,
    /// What its files belong to.
    row: RowId,
    /// Whether it is (in) a unit, or above the units.
    in_unit: bool,
    depth: u32,
}

/// Reads `places`, with as many threads as the machine has cores.
pub fn scan(places: Vec<Place>) -> Inventory {
    counted(places, &Arc::default())
}

/// The same for who wants to see how far it is: `done` grows by one with each folder, or repository.
pub fn counted(places: Vec<Place>, done: &Arc<AtomicU64>) -> Inventory {
    let workers = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(8));
    let mounts = mounts::points(Path::new("/"));
    let pool = pool::Pool::new(places, &mounts, time::seconds(), Arc::clone(done));
    pool.run(workers);
    summary::of(pool)
}

impl Work {
    /// Where it is.
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Place(_) => None,
            Self::Folder(piece)
            | Self::Repository { piece, .. }
            | Self::Store { piece, .. }
            | Self::Ollama { piece, .. } => Some(&piece.path),
        }
    }
}

impl Piece {
    /// Opens it; what has vanished meanwhile is nothing, and so is what was read by another path.
    fn open(&self, pool: &pool::Pool) -> std::io::Result<Option<Folder>> {
        match self.parent.enter(&self.name) {
            Ok(folder) => Ok(Some(folder).filter(|folder| !pool.was_met(folder, &self.path))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
