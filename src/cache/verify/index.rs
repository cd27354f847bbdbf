//! Finds a content by its number on the disk. Four bytes for each, in a table that is three quarters full at most: a map of the numbers
//! themselves takes six times as much, and a cache may have a million contents.

/// Numbers of contents, by the hash of what finds them.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// One more than the number, 0 where there is none; as long as a power of two.
    table: Vec<u32>,
    count: usize,
}

impl Index {
    /// The number with this hash that `is` says yes to.
    pub(super) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        let taken = self.places(hash).map_while(|at| self.table.get(at)?.checked_sub(1));
        taken.into_iter().find(|number| is(*number))
    }

    /// Adds a number that is not there; `hash_of` tells the hashes of those that are.
    pub(super) fn insert(&mut self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        if (self.count + 1) * 4 > self.table.len() * 3 {
            let larger = vec![0; (self.table.len() * 2).max(64)];
            let old = std::mem::replace(&mut self.table, larger);
            for number in old.into_iter().filter_map(|taken| taken.checked_sub(1)) {
                self.put(hash_of(number), number);
            }
        }
        self.put(hash, number);
        self.count += 1;
    }

    fn put(&mut self, hash: u64, number: u32) {
        let free = self.places(hash).find(|at| self.table.get(*at) == Some(&0));
        if let Some(place) = free.and_then(|at| self.table.get_mut(at)) {
            *place = number + 1;
        }
    }

    /// The places where something of this hash may be, in their order: one after the other.
    fn places(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let length = self.table.len();
        let first = usize::try_from(hash % (length.max(1) as u64)).unwrap_or(0);
        (first..length).chain(0..first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_found_again_also_where_hashes_are_the_same() {
        let hash = |number: u32| u64::from(number % 50) * 977;
        let mut index = Index::default();
        assert_eq!(index.find(7, |_| true), None);
        for number in 0..500 {
            assert_eq!(index.find(hash(number), |other| other == number), None);
            index.insert(hash(number), number, hash);
        }
        for number in 0..500 {
            assert_eq!(index.find(hash(number), |other| other == number), Some(number));
        }
        assert!(index.table.len() <= 1024, "{}", index.table.len());
    }
}
