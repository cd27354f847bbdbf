//! Which bytes of a file are there: a set of ranges, none touching another.

use std::collections::BTreeMap;

/// Ranges of bytes, each from its first byte to the one after its last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Adds `start..end`, joined with what it touches.
    pub(super) fn add(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        let (mut start, mut end) = (start, end);
        while let Some((&other, &last)) = self.0.range(..=end).next_back().filter(|(_, last)| **last >= start) {
            self.0.remove(&other);
            start = start.min(other);
            end = end.max(last);
        }
        self.0.insert(start, end);
    }

    /// Where the first gap begins.
    pub(super) fn prefix(&self) -> u64 {
        self.0.get(&0).copied().unwrap_or(0)
    }

    /// How many bytes there are.
    pub(super) fn total(&self) -> u64 {
        self.0.iter().map(|(start, end)| end - start).sum()
    }

    /// The ranges, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|(start, end)| (*start, *end))
    }

    /// What is missing of a file of `size` bytes, in order.
    pub(super) fn gaps(&self, size: u64) -> Vec<(u64, u64)> {
        let mut gaps = Vec::new();
        let mut at = 0;
        for (start, end) in self.iter() {
            if start > at {
                gaps.push((at, start.min(size)));
            }
            at = end;
        }
        if at < size {
            gaps.push((at, size));
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_set_holds_exactly_the_bytes_that_were_added(added in prop::collection::vec((0_u64..60, 0_u64..12), 0..20)) {
            let mut ranges = Ranges::default();
            let mut bytes = [false; 80];
            for (start, length) in added {
                ranges.add(start, start + length);
                bytes[start as usize..(start + length) as usize].fill(true);
            }
            let mut seen = [false; 80];
            let mut last = None;
            for (start, end) in ranges.iter() {
                prop_assert!(start < end && last.is_none_or(|last| last < start), "apart and in order");
                seen[start as usize..end as usize].fill(true);
                last = Some(end);
            }
            prop_assert_eq!(seen, bytes);
            prop_assert_eq!(ranges.total(), bytes.iter().filter(|one| **one).count() as u64);
            prop_assert_eq!(ranges.prefix(), bytes.iter().position(|one| !*one).unwrap() as u64);
            for (start, end) in ranges.gaps(80) {
                prop_assert!(bytes[start as usize..end as usize].iter().all(|one| !*one));
                seen[start as usize..end as usize].fill(true);
            }
            prop_assert!(seen.iter().all(|one| *one));
        }
    }
}
