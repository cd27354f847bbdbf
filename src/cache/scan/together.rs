//! Which rows have contents in common, and how much that is: so that the sum of any of them counts each content once. Most contents that are
//! shared at all are shared by the same few rows, so a number for each set of rows is little.

use std::collections::{HashMap, HashSet};

use super::state::RowId;
use crate::cache::inventory::Shared;

/// The sums, by the rows.
#[derive(Debug, Default)]
pub(super) struct Together {
    sums: HashMap<Box<[RowId]>, Sum>,
    rows: Vec<RowId>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Sum {
    disk: u64,
    /// Of that, what nobody else has.
    frees: u64,
}

impl Together {
    /// Adds a content that `owners` have; with `alone`, they and nobody else.
    pub(super) fn add(&mut self, disk: u64, alone: bool, owners: impl Iterator<Item = RowId>) {
        self.rows.clear();
        self.rows.extend(owners);
        self.rows.sort_unstable();
        self.rows.dedup();
        if self.rows.len() < 2 {
            return;
        }
        let sum = match self.sums.get_mut(&*self.rows) {
            Some(sum) => sum,
            None => self.sums.entry(self.rows.as_slice().into()).or_default(),
        };
        sum.disk = sum.disk.saturating_add(disk);
        sum.frees = sum.frees.saturating_add(if alone { disk } else { 0 });
    }

    /// Every row that has something in common with another one.
    pub(super) fn rows(&self) -> HashSet<RowId> {
        self.sums.keys().flatten().copied().collect()
    }

    /// All of them, with the units that the rows have become; what has become none is never among those that are asked about.
    pub(super) fn shared(self, unit: impl Fn(RowId) -> Option<(usize, usize)>) -> Vec<Shared> {
        let one = |(rows, Sum { disk, frees }): (Box<[RowId]>, Sum)| {
            let units: Vec<_> = rows.iter().filter_map(|row| unit(*row)).collect();
            let frees = if units.len() == rows.len() { frees } else { 0 };
            (units.len() > 1).then_some(Shared { units, disk, frees })
        };
        let mut all: Vec<Shared> = self.sums.into_iter().filter_map(one).collect();
        all.sort_unstable_by(|one, other| (&one.units, other.frees).cmp(&(&other.units, one.frees)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_of_the_same_rows_are_one_sum_and_rows_that_are_no_unit_keep_what_they_have() {
        let mut together = Together::default();
        together.add(10, true, [2, 1, 2].into_iter());
        together.add(5, false, [1, 2].into_iter());
        together.add(7, true, [3, 3].into_iter());
        together.add(9, true, [1, 2, 4].into_iter());
        let found = together.shared(|row| (row < 4).then_some((0, row as usize)));
        let units = vec![(0, 1), (0, 2)];
        assert_eq!(found, [Shared { units: units.clone(), disk: 15, frees: 10 }, Shared { units, disk: 9, frees: 0 }]);
    }
}
