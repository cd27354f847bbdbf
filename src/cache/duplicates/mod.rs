//! Files of equal content: found across every place, from names first and from bytes only where no name tells.
//!
//! Nothing here changes the disk. `walk` lists the files that are large enough, `names` says what their names tell of their
//! contents, `group` puts equal ones together, `decide` chooses which one stays and what becomes of the others, and `compare`
//! proves two open files equal, byte by byte.

pub mod compare;
pub mod decide;
mod file;
mod files;
mod group;
mod hash;
pub mod memory;
mod names;
mod pairs;
mod payloads;
mod sets;
mod walk;
mod work;
pub mod world;

pub use decide::{Copy, How, Left, Plan, Rules, Set, Why};
pub use file::{open, stamp};
pub use files::{File, Files, Name, Role, Tree};
pub use group::{Found, Groups};
pub use memory::Memory;

use std::collections::HashMap;
use std::num::NonZero;
use std::thread;

use super::places::Place;

/// What is looked for.
#[derive(Debug)]
pub struct Search<'a> {
    /// Where.
    pub places: &'a [Place],
    /// Smaller files are not looked at, in bytes.
    pub min_size: u64,
    /// What was hashed before.
    pub memory: &'a Memory,
    /// Whether what is hashed will be known to the next run: if not, two files alone are compared instead, which is quicker.
    pub remembers: bool,
    /// Names that begin so are what a run that was killed left.
    pub leftover: &'a str,
}

/// Every group of files that are equal, as far as names and hashes tell, with what could not be read.
pub fn find(search: &Search<'_>) -> Found {
    let walked = walk::walk(search);
    group::group(walked, search.memory, search.remembers)
}

/// How many bytes lie in files of the places that `is_outside` names and may lie in one of the other places as well: by their sizes, as far as
/// neither a name nor an earlier run tells them apart. Nothing is read for it.
pub fn alike(search: &Search<'_>, is_outside: impl Fn(&Place) -> bool) -> u64 {
    let files = walk::walk(search).files;
    let mut inside: HashMap<u64, Vec<File<'_>>> = HashMap::new();
    let lies_outside = |name: Name<'_>| search.places.get(name.place()).is_some_and(&is_outside);
    // What has a name in each is one file already.
    let (within, outside): (Vec<File<'_>>, Vec<File<'_>>) =
        files.iter().partition(|file| !file.names().all(lies_outside));
    within.into_iter().for_each(|file| inside.entry(file.size()).or_default().push(file));
    let differ = |one: File<'_>, other: File<'_>| {
        let (first, second) = (one.known(), other.known());
        let told = first.is_some() && second.is_some() && first != second;
        let (hash, again) = (search.memory.of(&one.stamp()), search.memory.of(&other.stamp()));
        told || (hash.is_some() && again.is_some() && hash != again)
    };
    let is_alike = |file: &&File<'_>| {
        inside.get(&file.size()).is_some_and(|others| others.iter().any(|other| !differ(**file, *other)))
    };
    outside.iter().filter(is_alike).fold(0, |sum: u64, file| sum.saturating_add(file.stamp().disk))
}

/// As many as the machine has cores: more only wait for memory.
pub(super) fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(8)
}
