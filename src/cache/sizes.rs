//! The three numbers that everything in a cache has.

use std::ops::AddAssign;

/// How large something in a cache is, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// What programs see: the lengths of the files, each as often as it is visible under another content.
    pub apparent: u64,
    /// What lies on the disk: the blocks of the files, those with several names once.
    pub disk: u64,
    /// What deleting it would free: the blocks that nothing outside of it has a name for.
    pub exclusive: u64,
    /// How many files there are. Links are files, folders are not.
    pub files: u64,
}

impl AddAssign for Sizes {
    fn add_assign(&mut self, other: Self) {
        self.apparent = self.apparent.saturating_add(other.apparent);
        self.disk = self.disk.saturating_add(other.disk);
        self.exclusive = self.exclusive.saturating_add(other.exclusive);
        self.files = self.files.saturating_add(other.files);
    }
}
