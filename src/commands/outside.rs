//! What lies outside of the cache: how much that is, and whether it may be there twice.

use std::path::Path;

use crate::cache::duplicates::{self, Memory, Search, memory};
use crate::cache::inventory::Found;
use crate::cache::places::Kind;
use crate::cache::{Inventory, Place};
use crate::cli::DedupeArgs;
use crate::support::units;

/// Among so many files copies are looked for: 5,000 take 30 ms.
const MOST: u64 = 5_000;

/// How much lies outside, in bytes on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Outside {
    /// What is whole: downloads that were not finished are told by themselves.
    pub(super) whole: u64,
    /// Of that, what has the size of something in the cache; `None` where there are too many files to look.
    pub(super) twice: Option<u64>,
}

impl Outside {
    /// Of what was found; `cache_root` has what earlier runs of `dedupe` know.
    pub(super) fn of(inventory: &Inventory, cache_root: &Path) -> Self {
        let whole = inventory.outside().whole;
        let twice = (inventory.total.files <= MOST).then(|| if whole > 0 { alike(inventory, cache_root) } else { 0 });
        Self { whole, twice }
    }

    /// In a line; `None` where nothing is there.
    pub(super) fn words(self, no_project: bool) -> String {
        let Self { whole, twice } = self;
        if whole == 0 {
            return "outside of the cache: downloads that were not finished, and nothing else".to_owned();
        }
        let also = match twice {
            _ if no_project => String::new(),
            Some(0) => String::new(),
            Some(bytes) => format!(
                "; by their sizes, {} of it may be there twice, and `modelstrap dedupe` links what is",
                units::bytes(bytes)
            ),
            None => "; whether some of it is there twice, `modelstrap dedupe --dry-run` says".to_owned(),
        };
        format!("outside of the cache: {}, which no variable of this project leads to{also}", units::bytes(whole))
    }
}

fn alike(inventory: &Inventory, cache_root: &Path) -> u64 {
    // What a variable of the shell leads to, dedupe leaves alone.
    let looks = |found: &&Found| !found.is_own() && !matches!(found.place.kind, Kind::Shell { .. });
    let places = inventory.places.iter().filter(looks).map(|found| &found.place);
    let places: Vec<Place> = places.cloned().collect();
    let memory = Memory::load(&cache_root.join(".modelstrap").join(memory::FILE));
    // No file is called so: what a killed run left is no copy that anybody keeps.
    let search = Search {
        places: &places,
        min_size: DedupeArgs::MIN_SIZE,
        memory: &memory,
        remembers: false,
        leftover: "\u{0}",
    };
    duplicates::alike(&search, |place| place.kind.is_outside())
}
