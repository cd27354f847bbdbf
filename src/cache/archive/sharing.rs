//! Which members with one content may be one file: blobs, which nobody writes into, and what was one file before. A content may
//! have a hundred thousand names, so that none is held against all others.

use std::collections::HashMap;

use super::index::Index;
use super::members::What;
use super::names::Role;

/// With which others a member may be one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sharing {
    /// The member with which it was one.
    group: Option<usize>,
    is_blob: bool,
}

impl Sharing {
    /// That of the member `at`.
    pub(super) fn of(index: &Index, stores: &[Vec<u8>], at: usize) -> Self {
        let group = match index.members.what(at) {
            What::Same { with, .. } => Some(with),
            What::File { .. } => Some(at),
            What::Link { .. } | What::Folder => None,
        };
        Self { group, is_blob: index.members.name(at).role(stores) == Role::Blob }
    }

    /// Whether this one and `other` may be one file.
    pub(super) fn fits(self, other: Self) -> bool {
        (self.group.is_some() && self.group == other.group) || (self.is_blob && other.is_blob)
    }
}

/// Members with one content, of which the first that another may be one file with is found at once.
#[derive(Debug, Default)]
pub(super) struct Firsts {
    count: usize,
    /// How many came before, and which it is.
    groups: HashMap<usize, (usize, usize)>,
    blob: Option<(usize, usize)>,
}

impl Firsts {
    /// The first that came before with which this one may be one file. Then the member `at`, which is this one, is among them.
    pub(super) fn meet(&mut self, sharing: Sharing, at: usize) -> Option<usize> {
        let own = (self.count, at);
        self.count += 1;
        let group = sharing.group.map(|group| *self.groups.entry(group).or_insert(own));
        let blob = sharing.is_blob.then(|| *self.blob.get_or_insert(own));
        group.into_iter().chain(blob).filter(|found| *found != own).min().map(|(_, at)| at)
    }
}

/// Members with one content, of which all are found that another may be one file with.
#[derive(Debug, Default)]
pub(super) struct Files {
    groups: HashMap<usize, Vec<u32>>,
    blobs: Vec<u32>,
}

impl Files {
    /// The member `at`, which is this one, is among them.
    pub(super) fn add(&mut self, sharing: Sharing, at: u32) {
        if sharing.is_blob {
            self.blobs.push(at);
        }
        if let Some(group) = sharing.group {
            self.groups.entry(group).or_default().push(at);
        }
    }

    /// Those with which this one may be one file.
    pub(super) fn fitting(&self, sharing: Sharing) -> impl Iterator<Item = u32> {
        let group = sharing.group.and_then(|group| self.groups.get(&group)).map_or(&[][..], Vec::as_slice);
        let blobs = if sharing.is_blob { &self.blobs[..] } else { &[] };
        // Both lists are sorted.
        group.iter().chain(blobs.iter().filter(|blob| group.binary_search(blob).is_err())).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_first_that_fits_is_found(all in proptest::collection::vec((proptest::option::of(0_usize..4), proptest::bool::ANY), 0..12)) {
            let all: Vec<Sharing> = all.into_iter().map(|(group, is_blob)| Sharing { group, is_blob }).collect();
            let (mut firsts, mut files) = (Firsts::default(), Files::default());
            for (at, sharing) in all.iter().enumerate() {
                let first = all[..at].iter().position(|other| other.fits(*sharing));
                proptest::prop_assert_eq!(firsts.meet(*sharing, at), first);
                let mut fitting: Vec<u32> = files.fitting(*sharing).collect();
                fitting.sort_unstable();
                let expected: Vec<u32> = (0..).zip(&all[..at]).filter(|(_, other)| other.fits(*sharing)).map(|(at, _)| at).collect();
                proptest::prop_assert_eq!(fitting, expected);
                files.add(*sharing, u32::try_from(at).unwrap());
            }
        }
    }
}
