//! Files of equal content: found across every place, from names first and from bytes only where no name tells.
//!
//! Nothing here changes the disk. `walk` lists the files that are large enough, `names` says what their names tell of their
//! contents, `group` puts equal ones together, `decide` chooses which one stays and what becomes of the others, and `compare`
//! proves two open files equal, byte by byte.

pub mod compare;
pub mod decide;
mod file;
mod group;
mod hash;
pub mod memory;
mod names;
mod walk;
mod work;
pub mod world;

pub use decide::{Copy, How, Left, Plan, Rules, Set, Why};
pub use file::{File, Name, Role, open, stamp};
pub use group::{Found, Group};
pub use memory::Memory;

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
    /// Names that begin so are what a run that was killed left.
    pub leftover: &'a str,
}

/// Every group of files that are equal, as far as names and hashes tell, with what could not be read.
pub fn find(search: &Search<'_>) -> Found {
    let walked = walk::walk(search);
    group::group(walked, search.memory)
}

/// As many as the machine has cores: more only wait for memory.
pub(super) fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(8)
}
