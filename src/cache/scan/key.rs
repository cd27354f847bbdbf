//! Names of blobs as numbers: a hub may hold a million, and a number takes a quarter of what a name takes.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Turns names into numbers of 128 bits. The keys are random, so that nobody can choose names that meet.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys(RandomState, RandomState);

/// A name. That two names become one number is as likely as that memory fails.
pub(super) type Key = u128;

impl Keys {
    /// The number of `name` within `room`, such as one of several hubs.
    pub(super) fn of(&self, room: u32, name: &[u8]) -> Key {
        let half = |state: &RandomState| {
            let mut hasher = state.build_hasher();
            hasher.write_u32(room);
            hasher.write(name);
            u128::from(hasher.finish())
        };
        (half(&self.0) << 64) | half(&self.1)
    }
}
