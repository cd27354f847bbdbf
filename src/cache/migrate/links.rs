//! The links that a run leaves at old paths, by the million where a folder has so many files: most lead to the same name in another folder,
//! so that a name is written once, and a folder once for all its links. A pair of paths took 250 bytes, this takes 30.

use std::path::{Path, PathBuf};

use crate::cache::roll::Roll;

/// Links, and where they lead, in the order in which they were made.
#[derive(Debug, Default)]
pub struct Links {
    at: Roll,
    /// The folder that each leads to, or the whole path where the names differ.
    to: Vec<u32>,
    targets: Vec<Target>,
}

#[derive(Debug, PartialEq, Eq)]
enum Target {
    /// What has the link's own name in this folder.
    In(PathBuf),
    /// This.
    This(PathBuf),
}

impl Links {
    /// One more, at `at`, to `target`.
    pub(super) fn push(&mut self, at: &Path, target: &Path) {
        let folder = target.parent().filter(|_| at.file_name().is_some() && at.file_name() == target.file_name());
        let is_last =
            self.targets.last().is_some_and(|last| matches!(last, Target::In(known) if Some(&**known) == folder));
        if !is_last {
            let target = || Target::This(target.to_path_buf());
            self.targets.push(folder.map_or_else(target, |folder| Target::In(folder.to_path_buf())));
        }
        self.at.push(at);
        self.to.push(u32::try_from(self.targets.len() - 1).unwrap_or(u32::MAX));
    }

    /// Leaves out those at or below `folder`.
    pub(super) fn leave_out(&mut self, folder: &Path) {
        let all = std::mem::take(self);
        all.iter().filter(|(at, _)| !at.starts_with(folder)).for_each(|(at, target)| self.push(&at, &target));
    }

    /// How many they are.
    pub const fn len(&self) -> usize {
        self.to.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.to.is_empty()
    }

    /// All of them: where each is, and where it leads.
    pub fn iter(&self) -> impl Iterator<Item = (PathBuf, PathBuf)> {
        self.at.iter().zip(&self.to).filter_map(|(at, to)| {
            let target = match self.targets.get(usize::try_from(*to).ok()?)? {
                Target::In(folder) => folder.join(at.file_name()?),
                Target::This(target) => target.clone(),
            };
            Some((at, target))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_come_back_as_they_were_made_but_those_below_a_folder_that_became_one() {
        let made =
            [("/h/a/x", "/c/x"), ("/h/a/y", "/c/y"), ("/h/b", "/c/d/other"), ("/h/a/z", "/d/z"), ("/h/e", "/d/e")];
        let paths = |(at, to): (&str, &str)| (PathBuf::from(at), PathBuf::from(to));
        let mut links = Links::default();
        made.map(paths).iter().for_each(|(at, to)| links.push(at, to));
        assert_eq!((links.iter().collect::<Vec<_>>(), links.targets.len()), (made.map(paths).to_vec(), 3));
        links.leave_out(Path::new("/h/a"));
        links.push(Path::new("/h/a"), Path::new("/c"));
        let left = [("/h/b", "/c/d/other"), ("/h/e", "/d/e"), ("/h/a", "/c")];
        assert_eq!((links.iter().collect::<Vec<_>>(), links.len()), (left.map(paths).to_vec(), 3));
    }
}
