//! Which contents of an archive a cache needs, and which members get them: two lists of numbers, since there may be a million.

/// Contents, by the members that hold them, each with the members that get it.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Sorted; a content is here once for each of its takers.
    holders: Vec<u32>,
    /// The takers, at the same places.
    takers: Vec<u32>,
}

impl Wanted {
    /// What these pairs say: a content, and a member that gets it. Those of one content stay in their order.
    pub(super) fn of(mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.sort_by_key(|(holder, _)| *holder);
        let (holders, takers) = pairs.into_iter().unzip();
        Self { holders, takers }
    }

    /// The members that get the content that the member `holder` holds.
    pub fn takers(&self, holder: usize) -> &[u32] {
        let first = self.holders.partition_point(|other| (*other as usize) < holder);
        let count = self.holders[first..].partition_point(|other| *other as usize == holder);
        &self.takers[first..first + count]
    }

    /// Whether somebody needs the content that the member `holder` holds.
    pub fn contains(&self, holder: usize) -> bool {
        u32::try_from(holder).is_ok_and(|holder| self.holders.binary_search(&holder).is_ok())
    }

    /// All contents, with who gets each.
    pub fn contents(&self) -> impl Iterator<Item = (usize, &[u32])> {
        let mut first = 0;
        self.holders.chunk_by(|one, other| one == other).map(move |chunk| {
            first += chunk.len();
            (chunk[0] as usize, &self.takers[first - chunk.len()..first])
        })
    }

    /// Leaves out the takers that do not stay.
    pub(super) fn retain(&mut self, stays: impl Fn(usize) -> bool) {
        let mut at = 0;
        self.holders.retain(|_| {
            at += 1;
            stays(self.takers[at - 1] as usize)
        });
        self.takers.retain(|taker| stays(*taker as usize));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takers_stay_in_their_order_and_a_content_that_nobody_takes_is_none() {
        let mut wanted = Wanted::of(vec![(5, 9), (2, 2), (5, 7), (3, 3)]);
        assert_eq!((wanted.takers(5), wanted.takers(2), wanted.takers(4)), (&[9, 7][..], &[2][..], &[][..]));
        let all: Vec<(usize, Vec<u32>)> = wanted.contents().map(|(holder, takers)| (holder, takers.to_vec())).collect();
        assert_eq!(all, [(2, vec![2]), (3, vec![3]), (5, vec![9, 7])]);
        wanted.retain(|taker| taker != 3 && taker != 9);
        assert_eq!((wanted.contains(3), wanted.contains(5), wanted.takers(5)), (false, true, &[7][..]));
    }
}
