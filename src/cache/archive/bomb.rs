//! How much an archive may become. Weights hardly get smaller; what unpacks into a thousand times of itself was made to fill a disk.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// So many bytes may come of anything.
const ALWAYS: u64 = 1 << 30;
/// Beyond that, at most so many for each byte of the archive. Text and repeated numbers stay below a hundred; zeros reach 18,000 in our
/// frames.
const TIMES: u64 = 1000;

/// How much of an archive was read, as its reader counts it.
#[derive(Debug, Clone, Default)]
pub(super) struct Came(Arc<AtomicU64>);

impl Came {
    /// So many bytes more were read or passed over.
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }
}

/// What became of what was read.
#[derive(Debug, Default)]
pub(super) struct Measure {
    came: Came,
    gave: u64,
}

impl Measure {
    /// Of an archive whose reader counts in `came`.
    pub(super) fn of(came: Came) -> Self {
        Self { came, gave: 0 }
    }

    /// So many bytes more were unpacked.
    ///
    /// # Errors
    /// When that is more than any backup becomes.
    pub(super) fn gives(&mut self, count: usize) -> io::Result<()> {
        self.gave = self.gave.saturating_add(count as u64);
        let came = self.came.0.load(Ordering::Relaxed);
        if self.gave > ALWAYS && self.gave / TIMES > came { Err(io::Error::other(Bomb)) } else { Ok(()) }
    }
}

/// Whether `error` says that an archive becomes too much.
pub(super) fn is_one(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Bomb>())
}

/// An archive that becomes too much.
#[derive(Debug, thiserror::Error)]
#[error(
    "it unpacks into more than {TIMES} times its size, as no backup of models does: it was made to fill a disk\n  \
     if you know what is in it, unpack it first: `zstd -dc ARCHIVE | modelstrap restore -`"
)]
struct Bomb;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_becomes_a_thousand_times_as_much_is_refused_and_only_when_that_is_much() {
        let came = Came::default();
        let mut measure = Measure::of(came.clone());
        measure.gives(1 << 30).unwrap();
        let error = measure.gives(1).unwrap_err();
        assert!(is_one(&error) && error.to_string().contains("1000 times"));
        assert!(!is_one(&io::Error::other("a disk that fails")));
        came.add((1 << 30) / TIMES + 1);
        measure.gives(1).unwrap();
        assert!(measure.gives(10_000).is_err());
    }
}
