//! What is removed while a program has it open or mapped: the disk gives it back when that ends, and df shows nothing of it before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::cache::stamp::Stamp;
use crate::platform::holders::{self, Holders};

/// What of that which goes somebody has.
#[derive(Debug)]
pub(super) struct Held {
    machine: PathBuf,
    holders: Holders,
    bytes: u64,
    by: BTreeSet<u32>,
}

impl Held {
    /// As it is before the first file goes.
    pub(super) fn now(machine: &Path) -> Self {
        Self { machine: machine.to_path_buf(), holders: holders::holders(machine), bytes: 0, by: BTreeSet::new() }
    }

    /// A file went with its last name.
    pub(super) fn goes(&mut self, file: &Stamp) {
        if let Some(by) = self.holders.get(&file.id) {
            self.bytes += file.disk;
            self.by.extend(by);
        }
    }

    /// Says how much it was, and by whom.
    pub(super) fn tell(self, held: &mut u64, by: &mut BTreeMap<u32, String>) {
        *held += self.bytes;
        let name = |process| holders::program(&self.machine, process).unwrap_or_else(|| "a program".to_owned());
        by.extend(self.by.into_iter().map(|process| (process, name(process))));
    }
}
