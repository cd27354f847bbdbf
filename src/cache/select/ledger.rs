//! What deleting frees: the blocks of a file go with its last name, and with no earlier one.

use std::collections::HashMap;

use super::super::stamp::Stamp;

/// The names that go, file by file.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    gone: HashMap<(u64, u64), u64>,
}

impl Ledger {
    /// One name more of what `stamp` is. The bytes that this frees.
    pub(super) fn take(&mut self, stamp: &Stamp) -> u64 {
        // A folder has as many names as folders in it, and no second one of its own.
        if stamp.names <= 1 || stamp.is_folder() || stamp.id == (0, 0) {
            return stamp.disk;
        }
        let gone = self.gone.entry(stamp.id).or_default();
        *gone += 1;
        if *gone == stamp.names { stamp.disk } else { 0 }
    }

    /// The same for several.
    pub(super) fn take_all(&mut self, stamps: impl Iterator<Item = Stamp>) -> u64 {
        stamps.fold(0, |sum: u64, stamp| sum.saturating_add(self.take(&stamp)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
