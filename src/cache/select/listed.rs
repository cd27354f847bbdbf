//! What a word means, one after the other. The path of a folder means a million files as easily as a name means one, so that what stands
//! in one list is noted by its numbers there: four bytes each, where a [`Pick`] has 32.

use super::picks::Pick;

/// Picks, in the order in which they were added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed(Vec<(Pick, Vec<u32>)>);

impl Listed {
    /// One more.
    pub fn push(&mut self, pick: Pick) {
        let (list, number) = pick.split();
        // No list has more: what stands in it is numbered so as well.
        let Ok(number) = u32::try_from(number) else { return };
        match self.0.last_mut().filter(|(last, _)| *last == list) {
            Some((_, numbers)) => numbers.push(number),
            None => self.0.push((list, vec![number])),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Pick> {
        self.0.iter().flat_map(|(list, numbers)| {
            numbers.iter().filter_map(|number| usize::try_from(*number).ok()).map(|number| list.with(number))
        })
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|(_, numbers)| numbers.len()).sum()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Extend<Pick> for Listed {
    fn extend<T: IntoIterator<Item = Pick>>(&mut self, picks: T) {
        picks.into_iter().for_each(|pick| self.push(pick));
    }
}

impl FromIterator<Pick> for Listed {
    fn from_iter<T: IntoIterator<Item = Pick>>(picks: T) -> Self {
        let mut listed = Self::default();
        listed.extend(picks);
        listed
    }
}

impl From<Vec<Pick>> for Listed {
    fn from(picks: Vec<Pick>) -> Self {
        picks.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::picks::At;
    use super::*;

    #[test]
    fn each_comes_back_in_its_place_as_often_as_it_was_added() {
        let at = At { hub: 1, repository: 2 };
        let all = [Pick::Thing(7), Pick::Thing(3), Pick::Repository(at), Pick::Revision(at, 5), Pick::Thing(7)];
        let listed: Listed = all.into_iter().collect();
        assert_eq!((listed.iter().collect::<Vec<_>>(), listed.len(), listed.is_empty()), (all.to_vec(), 5, false));
        assert_eq!((Listed::default().len(), Listed::default().is_empty()), (0, true));
    }
}
