//! A file of the cache as it was found, in 40 bytes: what tells that it is still the one that was looked at (as a
//! [`Stamp`] does, of which a million would be too many), and what an archive says of it.

use crate::cache::stamp::Stamp;

/// A file on the disk, as it was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    device: u64,
    inode: u64,
    /// Its length in bytes.
    pub size: u64,
    /// When it was changed last, in seconds since 1970, and the nanoseconds after that.
    seconds: i64,
    nanoseconds: u32,
    mode: u16,
    /// Whether it has other names.
    is_linked: bool,
}

/// Nanoseconds in a second.
const SECOND: i128 = 1_000_000_000;

impl Found {
    /// The file that `stamp` is of.
    pub fn of(stamp: &Stamp) -> Self {
        let seconds = stamp.modified.div_euclid(SECOND);
        Self {
            device: stamp.id.0,
            inode: stamp.id.1,
            size: stamp.size,
            // No system has a time that does not fit.
            seconds: i64::try_from(seconds).unwrap_or(0),
            nanoseconds: u32::try_from(stamp.modified.rem_euclid(SECOND)).unwrap_or(0),
            mode: (stamp.mode & 0o777) as u16 | if stamp.mode == 0 { 0o644 } else { 0 },
            is_linked: stamp.names > 1,
        }
    }

    /// Whether what is there now has the same content, as far as can be told without reading it.
    pub fn is_still(&self, now: &Stamp) -> bool {
        let now = Self::of(now);
        let content = |found: &Self| (found.device, found.inode, found.size, found.seconds, found.nanoseconds);
        content(self) == content(&now)
    }

    /// Which file it is, where it has other names and the system tells.
    pub fn id(&self) -> Option<(u64, u64)> {
        let id = (self.device, self.inode);
        (self.is_linked && id != (0, 0)).then_some(id)
    }

    /// When it was changed last, in whole seconds since 1970.
    pub const fn seconds(&self) -> i64 {
        self.seconds
    }

    /// The nine bits that say who may do what.
    pub const fn mode(&self) -> u16 {
        self.mode
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_content_is_seen_and_a_second_name_is_not() {
        let stamp = Stamp { id: (7, 9), size: 5, modified: -1, mode: 0o100_755, names: 1, ..Stamp::default() };
        let found = Found::of(&stamp);
        assert!(found.is_still(&Stamp { names: 2, changed: 5, accessed: 6, mode: 0, ..stamp }));
        for other in [
            Stamp { id: (8, 9), ..stamp },
            Stamp { id: (7, 8), ..stamp },
            Stamp { size: 6, ..stamp },
            Stamp { modified: 0, ..stamp },
            Stamp { modified: -2, ..stamp },
        ] {
            assert!(!found.is_still(&other), "{other:?}");
        }
        assert_eq!((found.seconds(), found.mode(), found.id()), (-1, 0o755, None));
        assert_eq!(Found::of(&Stamp { names: 2, ..stamp }).id(), Some((7, 9)));
        assert_eq!(Found::of(&Stamp::default()).mode(), 0o644);
        assert_eq!(size_of::<Found>(), 40);
    }
}
