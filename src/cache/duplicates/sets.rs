//! Files that may be equal, set by set: their numbers in one list. A list for each of half a million pairs would take more than the files.

use std::ops::Range;

/// Sets of files, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Sets {
    files: Vec<u32>,
    /// Where each ends.
    ends: Vec<u32>,
}

impl Sets {
    /// One set more.
    pub(super) fn push(&mut self, set: impl IntoIterator<Item = u32>) {
        self.files.extend(set);
        // There are no more files than have a number.
        self.ends.push(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
    }

    /// How many they are.
    pub(super) const fn len(&self) -> usize {
        self.ends.len()
    }

    /// The files of one.
    pub(super) fn get(&self, at: usize) -> &[u32] {
        &self.files[self.range(at..at + 1)]
    }

    /// The files of several that follow each other.
    pub(super) fn all(&self, sets: Range<usize>) -> &[u32] {
        &self.files[self.range(sets)]
    }

    fn range(&self, sets: Range<usize>) -> Range<usize> {
        let end = |at: usize| at.checked_sub(1).and_then(|at| self.ends.get(at)).map_or(0, |end| *end as usize);
        end(sets.start)..end(sets.end)
    }

    /// Each of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Those of which `is_first` says so, and the others.
    pub(super) fn partition(self, is_first: impl Fn(&[u32]) -> bool) -> (Self, Self) {
        let mut two = (Self::default(), Self::default());
        for set in self.iter() {
            let part = if is_first(set) { &mut two.0 } else { &mut two.1 };
            part.push(set.iter().copied());
        }
        two
    }

    /// Those of `other` as well.
    pub(super) fn append(&mut self, other: &Self) {
        other.iter().for_each(|set| self.push(set.iter().copied()));
    }

    /// Runs of sets that are worked on together: so many that they weigh `enough`, or one that weighs more.
    pub(super) fn batches(&self, enough: u64, weight: impl Fn(&[u32]) -> u64) -> impl Iterator<Item = Range<usize>> {
        let mut start = 0;
        std::iter::from_fn(move || {
            let mut sum = 0_u64;
            let mut end = start;
            while end < self.len() && sum < enough {
                sum = sum.saturating_add(weight(self.get(end)));
                end += 1;
            }
            let batch = start..end;
            start = end;
            (!batch.is_empty()).then_some(batch)
        })
    }
}

/// Chains of files that names make equal: of one of them, the first, the bytes are read if any have to be.
#[derive(Debug, Default)]
pub(super) struct Chains(Vec<u32>);

/// A file that is not the first of its chain.
const LED: u32 = 1 << 31;

/// The end of a chain.
const END: u32 = LED - 1;

impl Chains {
    /// Adds a file to the chain that ends with `last`; `count` files there are in all.
    pub(super) fn add(&mut self, last: u32, at: u32, count: u32) {
        if self.0.is_empty() {
            self.0.resize(count as usize, END);
        }
        self.0[last as usize] = self.0[last as usize] & LED | at;
        self.0[at as usize] |= LED;
    }

    /// Whether a file is not the first of its chain.
    pub(super) fn is_led(&self, at: u32) -> bool {
        self.0.get(at as usize).is_some_and(|next| next & LED != 0)
    }

    /// A file, and those that follow it in its chain.
    pub(super) fn from(&self, at: u32) -> impl Iterator<Item = u32> {
        let next = |at: &u32| self.0.get(*at as usize).map(|next| next & !LED).filter(|next| *next != END);
        std::iter::successors(Some(at), next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_come_back_in_batches_as_heavy_as_asked() {
        let mut sets = Sets::default();
        [&[1, 2][..], &[3, 4, 5], &[6, 7], &[8, 9]].iter().for_each(|set| sets.push(set.iter().copied()));
        let batches: Vec<&[u32]> = sets.batches(4, |set| set.len() as u64).map(|batch| sets.all(batch)).collect();
        assert_eq!(batches, [&[1, 2, 3, 4, 5][..], &[6, 7, 8, 9]]);
        let (odd, mut even) = sets.partition(|set| set.len() % 2 == 1);
        even.append(&odd);
        assert_eq!(even.iter().collect::<Vec<_>>(), [&[1, 2][..], &[6, 7], &[8, 9], &[3, 4, 5]]);
    }

    #[test]
    fn chains_are_followed_from_their_first() {
        let mut chains = Chains::default();
        assert!(!chains.is_led(3) && chains.from(3).eq([3]));
        chains.add(1, 3, 6);
        chains.add(3, 4, 6);
        let led: Vec<u32> = (0..6).filter(|at| chains.is_led(*at)).collect();
        assert_eq!((chains.from(1).collect::<Vec<_>>(), led), (vec![1, 3, 4], vec![3, 4]));
    }
}
