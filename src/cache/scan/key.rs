//! Names of blobs as numbers: a hub may hold a million, and a number takes an eighth of what a name takes.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Turns names into numbers. The keys are random, so that nobody can choose names that meet.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys(RandomState);

/// A name. In a hub of a million names, two of them become one number in one scan of forty million.
pub(super) type Key = u64;

impl Keys {
    /// The number of `name` within `room`, such as one of several hubs.
    pub(super) fn of(&self, room: u32, name: &[u8]) -> Key {
        let mut hasher = self.0.build_hasher();
        hasher.write_u32(room);
        hasher.write(name);
        hasher.finish()
    }
}
