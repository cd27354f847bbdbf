//! When something was used last, and which clock says so: a disk that notes no reading makes a model look older than it is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::stock::{Holding, HubStock, Revision, Seen};
use crate::support::time;

/// Nanoseconds in a second.
const SECOND: i128 = 1_000_000_000;

/// When something was used last, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Used {
    /// When.
    pub at: i64,
    /// Which clock says so.
    pub clock: Clock,
}

/// A clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clock {
    /// A file was written then (`mtime`).
    Written,
    /// A file was read then, as far as the disk notes it (`atime`).
    Read,
    /// This tool ran something with it, or fetched it.
    Log,
}

impl Clock {
    /// As the plan says it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Written => "mtime",
            Self::Read => "atime",
            Self::Log => "use log",
        }
    }
}

/// What this tool has noted: paths, and when.
pub type UseLog = HashMap<PathBuf, i64>;

/// When one of `entries` was used last. Folders and links say nothing: who lists or follows them, uses nothing.
pub(super) fn of<'a>(entries: impl Iterator<Item = Seen<'a>>) -> Option<Used> {
    let plain = entries.filter(|entry| entry.is_plain());
    plain.map(|entry| of_stamp(entry.stamp.accessed, entry.stamp.modified)).max()
}

fn of_stamp(accessed: i128, modified: i128) -> Used {
    let (at, clock) = if accessed > modified { (accessed, Clock::Read) } else { (modified, Clock::Written) };
    Used { at: not_ahead(i64::try_from(at.div_euclid(SECOND)).unwrap_or(i64::MAX)), clock }
}

/// A use that lies ahead counts as one of now: `touch`, or a clock that was wrong, may set any time.
fn not_ahead(at: i64) -> i64 {
    at.min(time::seconds())
}

/// `used`, unless the log knows of a later use of `path`; of a revision that somebody `names`, also of its repository: the log
/// knows no more of it.
pub(super) fn with_log(used: Option<Used>, path: &Path, names: bool, log: &UseLog) -> Option<Used> {
    let noted = path.ancestors().take(if names { 3 } else { 1 }).filter_map(|path| log.get(path)).max();
    used.max(noted.map(|at| Used { at: not_ahead(*at), clock: Clock::Log }))
}

/// When a revision was used last: by the contents of it that `is_alone` says it alone has. What others have as well says nothing of
/// which was meant, and counts where there is nothing else.
pub(super) fn of_revision(
    hub: &HubStock,
    holding: &Holding,
    revision: &Revision,
    is_alone: impl Fn(usize) -> bool,
) -> Option<Used> {
    let uses = |alone: bool| {
        let blobs = revision.blobs().filter(|blob| !alone || is_alone(*blob));
        of_bytes(hub, holding, blobs, std::iter::once(revision))
    };
    uses(true).or_else(|| uses(false))
}

/// When a repository was used last: by all of its contents.
pub(super) fn of_repository(hub: &HubStock, holding: &Holding) -> Option<Used> {
    of_bytes(hub, holding, 0..holding.contents(), holding.repository.revisions.iter())
}

/// When one of `blobs` was used last, or one of the files that lie in `revisions` themselves: where links cannot be made, these are
/// the bytes.
fn of_bytes<'a>(
    hub: &HubStock,
    holding: &Holding,
    blobs: impl Iterator<Item = usize>,
    revisions: impl Iterator<Item = &'a Revision>,
) -> Option<Used> {
    let blobs = blobs.filter_map(|blob| holding.bytes(hub, blob)).map(|stamp| of_stamp(stamp.accessed, stamp.modified));
    let own = revisions.filter_map(|revision| of(holding.below(&revision.folder)));
    blobs.chain(own).max()
}

#[cfg(test)]
mod tests {
    use super::super::stock::{Entries, entry};
    use super::*;

    #[test]
    fn a_use_that_lies_ahead_counts_as_one_of_now() {
        let before = time::seconds();
        let used = of(Entries::from(vec![entry("/c/a", 1, 0, 9_000_000_000, 10)]).iter()).unwrap();
        assert!((before..=time::seconds()).contains(&used.at), "{used:?}");
        let log: UseLog = [(PathBuf::from("/c"), i64::MAX)].into_iter().collect();
        let used = with_log(None, Path::new("/c"), false, &log).unwrap();
        assert!((before..=time::seconds()).contains(&used.at), "{used:?}");
    }

    #[test]
    fn the_latest_of_the_clocks_counts_and_is_named() {
        let entries = Entries::from(vec![entry("/c/a", 1, 0, 50, 10), entry("/c/b", 2, 0, 40, 40)]);
        let used = of(entries.iter());
        assert_eq!(used, Some(Used { at: 50, clock: Clock::Read }));
        assert_eq!(of(entries.iter().skip(1)), Some(Used { at: 40, clock: Clock::Written }));
        assert_eq!(of(entries.iter().skip(2)), None);
        let log: UseLog = [(PathBuf::from("/c"), 60), (PathBuf::from("/d"), 99)].into_iter().collect();
        assert_eq!(with_log(used, Path::new("/c/a"), true, &log), Some(Used { at: 60, clock: Clock::Log }));
        assert_eq!(with_log(used, Path::new("/c/a"), false, &log), used);
        assert_eq!(with_log(used, Path::new("/e/a"), true, &log), used);
    }
}
