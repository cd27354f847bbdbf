//! What the repositories of a hub share, and who uses it: a list, sorted by path.

use std::path::Path;

use super::{Entries, Entry, Seen};

/// A content of the store that the repositories of a hub share, in the making.
#[derive(Debug, Clone)]
pub struct Payload {
    /// The content.
    pub entry: Entry,
    /// What lies beside it: who uses it (`.refs`), its lock.
    pub beside: Vec<Entry>,
    /// Whether it can be told who uses it: its list can be read, or there is none. Else nobody may delete it.
    pub listed: bool,
    /// Whether one of the users in that list still links here.
    pub used: bool,
}

/// The contents of a hub's store.
#[derive(Debug, Default)]
pub struct Payloads {
    /// Each payload, and what lies beside it after it.
    entries: Entries,
    list: Vec<One>,
}

#[derive(Debug)]
struct One {
    begin: u32,
    listed: bool,
    used: bool,
}

/// One of them.
#[derive(Debug, Clone, Copy)]
pub struct Shared<'a> {
    /// The content.
    pub entry: Seen<'a>,
    /// Whether it can be told who uses it: its list can be read, or there is none. Else nobody may delete it.
    pub listed: bool,
    /// Whether one of the users in that list still links here.
    pub used: bool,
    /// Where the next one begins.
    end: usize,
}

impl Payloads {
    /// One more, which follows those before it by its path; false where there is no room for it.
    pub(super) fn push(&mut self, payload: &Payload) -> bool {
        let Ok(begin) = u32::try_from(self.entries.len()) else { return false };
        if !self.entries.push(&payload.entry) {
            return false;
        }
        self.list.push(One { begin, listed: payload.listed, used: payload.used });
        payload.beside.iter().all(|entry| self.entries.push(entry))
    }

    /// Gives back the room that nothing needs any more.
    pub(super) fn settle(&mut self) {
        self.entries.settle();
        self.list.shrink_to_fit();
    }

    /// Of none it can be told who uses it.
    pub(super) fn unlist(&mut self) {
        self.list.iter_mut().for_each(|one| one.listed = false);
    }

    /// How many they are.
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The one at `index`.
    pub fn get(&self, index: usize) -> Option<Shared<'_>> {
        let One { begin, listed, used } = self.list.get(index)?;
        let end = self.list.get(index + 1).map_or(Some(self.entries.len()), |next| usize::try_from(next.begin).ok())?;
        let entry = self.entries.get(usize::try_from(*begin).ok()?)?;
        Some(Shared { entry, listed: *listed, used: *used, end })
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Shared<'_>> {
        (0..self.list.len()).filter_map(|index| self.get(index))
    }

    /// Which one is at `path`.
    pub fn find(&self, path: &Path) -> Option<usize> {
        let (folder, name) = (path.parent()?, path.file_name()?);
        let compared = |index: usize| {
            let entry = self.get(index).map(|payload| payload.entry);
            entry.map(|entry| entry.folder().cmp(folder).then_with(|| (*entry.name()).cmp(name)))
        };
        let (mut low, mut high) = (0, self.list.len());
        while low < high {
            let middle = low.midpoint(high);
            match compared(middle)? {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

impl<'a> Shared<'a> {
    /// Whether there is a list of its users beside it. Where none is, the clients of the Hub delete nothing
    /// (`sweep_shared_blob`: missing metadata is never grounds for deletion).
    pub fn has_list(&self) -> bool {
        self.entries().any(|entry| Path::new(&*entry.name()).extension().is_some_and(|ending| ending == "refs"))
    }

    /// Itself and what lies beside it.
    pub fn entries(&self) -> impl Iterator<Item = Seen<'a>> + use<'a> {
        let (list, at) = self.entry.place();
        (at..self.end).filter_map(|at| list.get(at))
    }
}

#[cfg(test)]
impl From<Vec<Payload>> for Payloads {
    fn from(mut payloads: Vec<Payload>) -> Self {
        payloads.sort_by(|one, other| one.entry.path.cmp(&other.entry.path));
        let mut found = Self::default();
        assert!(payloads.iter().all(|payload| found.push(payload)));
        found
    }
}
