//! What deleting frees: the blocks of a file go with its last name, and with no earlier one.

use std::collections::HashMap;

use super::super::stamp::Stamp;

/// The names that go, file by file.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    gone: HashMap<(u64, u64), u64>,
    /// Of files with several names, how many of those count; all of one that is not in here.
    counting: HashMap<(u64, u64), u64>,
}

impl Ledger {
    /// One in which a file is gone with the last of its names among `stamps`: what has a name elsewhere as well leaves a cache, and frees
    /// nothing.
    pub(super) fn among(stamps: impl Iterator<Item = Stamp>) -> Self {
        let mut counting: HashMap<(u64, u64), u64> = HashMap::new();
        for stamp in stamps.filter(has_several) {
            *counting.entry(stamp.id).or_default() += 1;
        }
        Self { counting, ..Self::default() }
    }

    /// One name more of what `stamp` is. The bytes that this frees.
    pub(super) fn take(&mut self, stamp: &Stamp) -> u64 {
        if !has_several(stamp) {
            return stamp.disk;
        }
        let names = self.names(stamp);
        let gone = self.gone.entry(stamp.id).or_default();
        *gone += 1;
        if *gone == names { stamp.disk } else { 0 }
    }

    /// Whether the last name that counts of what `stamp` is has gone, if one has.
    pub(super) fn is_gone(&self, stamp: &Stamp) -> bool {
        !has_several(stamp) || self.gone.get(&stamp.id).is_some_and(|gone| *gone >= self.names(stamp))
    }

    fn names(&self, stamp: &Stamp) -> u64 {
        self.counting.get(&stamp.id).map_or(stamp.names, |counting| stamp.names.min(*counting))
    }

    /// The same for several.
    pub(super) fn take_all(&mut self, stamps: impl Iterator<Item = Stamp>) -> u64 {
        stamps.fold(0, |sum: u64, stamp| sum.saturating_add(self.take(&stamp)))
    }
}

/// Whether it is a file with several names. A folder has as many as folders in it, and no second one of its own.
fn has_several(stamp: &Stamp) -> bool {
    stamp.names > 1 && !stamp.is_folder() && stamp.id != (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_leaves_with_the_last_name_that_counts() {
        let file = |inode| Stamp { id: (1, inode), disk: 4096, names: 3, mode: 0o100_644, ..Stamp::default() };
        let mut ledger = Ledger::among([file(7), file(7)].into_iter());
        assert_eq!([ledger.take(&file(7)), ledger.take(&file(7)), ledger.take(&file(7))], [0, 4096, 0]);
        assert_eq!([ledger.take(&file(8)), ledger.take(&file(8)), ledger.take(&file(8))], [0, 0, 4096]);
    }

    #[test]
    fn a_file_with_several_names_is_freed_with_the_last_of_them() {
        let file = Stamp { id: (1, 7), disk: 4096, names: 2, mode: 0o100_644, ..Stamp::default() };
        let folder = Stamp { id: (1, 8), disk: 512, names: 9, mode: 0o040_755, ..Stamp::default() };
        let mut ledger = Ledger::default();
        assert_eq!([ledger.take(&file), ledger.take(&folder), ledger.take(&file)], [0, 512, 4096]);
        let nowhere = Stamp { disk: 10, names: 1, ..Stamp::default() };
        assert_eq!(ledger.take_all([nowhere, nowhere].into_iter()), 20);
    }
}
