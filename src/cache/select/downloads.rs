//! Repositories into which a program downloads now. Which revision a download is for, nothing on the disk says before its last file: so
//! none of them goes.

use super::needs::Needs;
use super::prune::span;
use super::stock::Holding;

/// What is being downloaded was written to less than so many seconds ago.
pub(super) const BUSY: i64 = 60;

impl Needs {
    /// Why nothing of the repository goes that a download into it needs: somebody has an unfinished one open, has written to it after
    /// `limit` (seconds since 1970), the last `busy` seconds, or holds a lock.
    pub(super) fn downloads(&self, holding: &Holding, limit: i64, busy: i64) -> Option<String> {
        let unfinished = || holding.repository.unfinished.iter();
        let is_open = self.is_open(unfinished().filter_map(|(path, _)| holding.entry(path)));
        if is_open || self.is_any_locked(holding) {
            return Some("a program downloads into it".to_owned());
        }
        unfinished()
            .any(|(_, stamp)| stamp.touched() > limit)
            .then(|| format!("a download into it began or went on less than {} ago; `--grace 0` takes it", span(busy)))
    }
}
