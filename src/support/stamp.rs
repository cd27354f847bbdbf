//! What tells that a file is still the one that was looked at: compared again before anything is done to it.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use super::time;

/// A file, folder or link, as the disk knew it at one moment. Links are not followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Its device and inode; `(0, 0)` where the system has none.
    pub id: (u64, u64),
    /// Its length in bytes.
    pub size: u64,
    /// What it takes on the disk, in bytes.
    pub disk: u64,
    /// How many names it has.
    pub names: u64,
    /// Its mode, as Unix has it; 0 elsewhere.
    pub mode: u32,
    /// When its content was changed last, in nanoseconds since 1970.
    pub modified: i128,
    /// When its content, owner, mode or number of names changed last, in nanoseconds since 1970; as `modified` where that is not
    /// known.
    pub changed: i128,
    /// When it was read last, as far as the disk remembers, in nanoseconds since 1970.
    pub accessed: i128,
}

/// Nanoseconds in a second.
const SECOND: i128 = 1_000_000_000;
const MINUTE: i128 = 60 * SECOND;
const DAY: i128 = 86_400 * SECOND;

impl Stamp {
    /// What stands at `path`; of a link, the link itself.
    ///
    /// # Errors
    /// What the disk says.
    pub fn at(path: &Path) -> io::Result<Self> {
        fs::symlink_metadata(path).map(|found| Self::of(&found))
    }

    /// What an answer of the system says, for who asks it by descriptor.
    #[cfg(unix)]
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion, reason = "the fields' types differ between systems")]
    pub fn of_stat(found: &rustix::fs::Stat) -> Self {
        let at = |seconds: i64, nanoseconds: i64| i128::from(seconds) * SECOND + i128::from(nanoseconds);
        Self {
            id: (found.st_dev as u64, found.st_ino as u64),
            size: u64::try_from(found.st_size).unwrap_or(0),
            disk: (found.st_blocks as u64).saturating_mul(512),
            names: found.st_nlink as u64,
            mode: u32::from(found.st_mode),
            modified: at(found.st_mtime as i64, found.st_mtime_nsec as i64),
            changed: at(found.st_ctime as i64, found.st_ctime_nsec as i64),
            accessed: at(found.st_atime as i64, found.st_atime_nsec as i64),
        }
    }

    /// The same content, as far as can be told without reading it. A second name (`names`, `changed`) makes no difference.
    pub fn is_same_content(&self, other: &Self) -> bool {
        (self.id, self.size, self.modified) == (other.id, other.size, other.modified)
    }

    /// When it was read or changed last, whichever is later, in seconds since 1970.
    pub fn used(&self) -> i64 {
        i64::try_from(self.accessed.max(self.modified).div_euclid(SECOND)).unwrap_or(i64::MAX)
    }

    /// When anything about it changed last, in seconds since 1970. A time that lies ahead says nothing: see `lately`.
    pub fn touched(&self) -> i64 {
        let last = self.lately(i128::from(time::seconds()) * SECOND);
        i64::try_from(last.div_euclid(SECOND)).unwrap_or(0)
    }

    /// When anything about it changed last, in nanoseconds since 1970, as far as that can be believed at `now`; `i128::MIN` where
    /// it cannot. A file may carry any `modified` (`touch -d 2040`, an archive of another time zone): what it says of the future
    /// would keep it from being removed till then, so that it counts only up to now. `changed` is written by the disk alone; what
    /// lies a little ahead is the clock of a server, behind which another machine may be at work right now, and is believed. Only
    /// what lies more than a day ahead was written by a clock that was wrong.
    pub fn lately(&self, now: i128) -> i128 {
        let modified = (self.modified <= now.saturating_add(MINUTE)).then_some(self.modified);
        let changed = (self.changed <= now.saturating_add(DAY)).then_some(self.changed);
        modified.max(changed).unwrap_or(i128::MIN)
    }

    /// What removing this name frees, in bytes: nothing while the file has others.
    pub const fn alone(&self) -> u64 {
        if self.names > 1 { 0 } else { self.disk }
    }

    /// What `found` says.
    #[cfg(unix)]
    pub fn of(found: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let at = |seconds: i64, nanoseconds: i64| i128::from(seconds) * SECOND + i128::from(nanoseconds);
        Self {
            id: (found.dev(), found.ino()),
            size: found.size(),
            disk: found.blocks().saturating_mul(512),
            names: found.nlink(),
            mode: found.mode(),
            modified: at(found.mtime(), found.mtime_nsec()),
            changed: at(found.ctime(), found.ctime_nsec()),
            accessed: at(found.atime(), found.atime_nsec()),
        }
    }

    /// What `found` says.
    #[cfg(not(unix))]
    pub fn of(found: &Metadata) -> Self {
        let at = |time: io::Result<std::time::SystemTime>| {
            let since = time.ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            since.map_or(0, |since| i128::try_from(since.as_nanos()).unwrap_or(i128::MAX))
        };
        let modified = at(found.modified());
        Self {
            id: (0, 0),
            size: found.len(),
            disk: found.len(),
            names: 1,
            mode: 0,
            modified,
            changed: modified,
            accessed: at(found.accessed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_lies_ahead_says_nothing_of_what_was_done_lately() {
        let now = 1_000 * DAY;
        let at = |modified, changed| Stamp { modified, changed, ..Stamp::default() }.lately(now);
        assert_eq!(at(now - DAY, now - 5), now - 5, "a second name");
        assert_eq!(at(now + 5000 * DAY, now - DAY), now - DAY, "`touch -d 2040`");
        assert_eq!(at(now + MINUTE, now - DAY), now + MINUTE, "two clocks that differ a little");
        assert_eq!(at(now - DAY, now + 3 * MINUTE), now + 3 * MINUTE, "a server's clock");
        assert_eq!(at(now + 5000 * DAY, now + 5000 * DAY), i128::MIN, "a clock that was wrong");
    }

    #[test]
    fn another_content_is_seen_and_a_second_name_is_not() {
        let room = tempfile::tempdir().unwrap();
        let file = room.path().join("a");
        fs::write(&file, "one").unwrap();
        let before = Stamp::at(&file).unwrap();
        fs::hard_link(&file, room.path().join("b")).unwrap();
        assert!(before.is_same_content(&Stamp::at(&file).unwrap()));
        fs::write(&file, "three").unwrap();
        assert!(!before.is_same_content(&Stamp::at(&file).unwrap()));
    }
}
