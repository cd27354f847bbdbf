//! What was hashed before, so that the next run does not read it again.
//!
//! A hash is known by device, inode, size and both times of its file. Git's rule for its index holds here, too: what was changed
//! less than two seconds before it was hashed may change again within what the disk's clock can tell, and is not noted. A wrong
//! note costs a comparison and nothing else: who replaces a file compares its bytes.

use std::collections::HashMap;
use std::path::Path;

use crate::cache::Stamp;
use crate::support::bounded;

/// The file, in the tool's folder in the cache root.
pub const FILE: &str = "hashes";

/// The first line.
const HEAD: &str = "modelstrap.hashes/1";

/// How many notes are kept: those that were of use last.
const MOST: usize = 50_000;

/// The most bytes that so many notes take.
const LARGEST: u64 = 16 << 20;

/// A file's clock must be so much older than the hash, in nanoseconds.
const RACY: i128 = 2_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    id: (u64, u64),
    size: u64,
    modified: i128,
    changed: i128,
}

/// Hashes of files.
#[derive(Debug, Default)]
pub struct Memory(HashMap<Key, (u128, i64)>);

impl Memory {
    /// What the file at `path` says; nothing where there is none, or it is not one of ours.
    pub fn load(path: &Path) -> Self {
        let bytes = bounded::read(path, LARGEST).unwrap_or_default();
        Self::parse(&String::from_utf8_lossy(&bytes))
    }

    fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        if lines.next() != Some(HEAD) {
            return Self::default();
        }
        Self(lines.filter_map(line).take(MOST).collect())
    }

    /// The hash of the file that `stamp` is of.
    pub fn of(&self, stamp: &Stamp) -> Option<u128> {
        self.0.get(&key(stamp)).map(|(hash, _)| *hash)
    }

    /// Notes a hash that was of use at `now`, in nanoseconds since 1970.
    pub fn note(&mut self, stamp: &Stamp, hash: u128, now: i128) {
        if stamp.id != (0, 0) && now - stamp.modified.max(stamp.changed) >= RACY {
            let seconds = i64::try_from(now / 1_000_000_000).unwrap_or(i64::MAX);
            self.0.insert(key(stamp), (hash, seconds));
        }
        if self.0.len() > 2 * MOST {
            let mut all: Vec<_> = self.0.drain().collect();
            all.sort_unstable_by_key(order);
            all.truncate(MOST);
            self.0.extend(all);
        }
    }

    /// The same as text, those of use last first.
    pub fn text(&self) -> String {
        let mut notes: Vec<(Key, (u128, i64))> = self.0.iter().map(|(key, note)| (*key, *note)).collect();
        notes.sort_unstable_by_key(order);
        notes.truncate(MOST);
        let mut text = format!("{HEAD}\n");
        for (key, (hash, used)) in notes {
            let Key { id: (device, inode), size, modified, changed } = key;
            text.push_str(&format!("{device} {inode} {size} {modified} {changed} {hash:032x} {used}\n"));
        }
        text
    }
}

/// Which notes are kept: those that were of use last.
fn order((key, (_, used)): &(Key, (u128, i64))) -> impl Ord + use<> {
    (std::cmp::Reverse(*used), key.id, key.changed)
}

fn key(stamp: &Stamp) -> Key {
    Key { id: stamp.id, size: stamp.size, modified: stamp.modified, changed: stamp.changed }
}

fn line(line: &str) -> Option<(Key, (u128, i64))> {
    let mut words = line.split(' ');
    let mut word = || words.next();
    let id = (word()?.parse().ok()?, word()?.parse().ok()?);
    let size = word()?.parse().ok()?;
    let (modified, changed) = (word()?.parse().ok()?, word()?.parse().ok()?);
    let hash = u128::from_str_radix(word()?, 16).ok()?;
    let used = word()?.parse().ok()?;
    word().is_none().then_some((Key { id, size, modified, changed }, (hash, used)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp(inode: u64, changed: i128) -> Stamp {
        Stamp { id: (1, inode), size: 7, modified: 5, changed, ..Stamp::default() }
    }

    #[test]
    fn a_hash_is_known_again_until_anything_about_the_file_changes() {
        let mut memory = Memory::default();
        memory.note(&stamp(1, 10), 42, 10 + RACY);
        memory.note(&stamp(2, 10), 43, 9 + RACY);
        let memory = Memory::parse(&memory.text());
        assert_eq!(memory.of(&stamp(1, 10)), Some(42));
        assert_eq!(memory.of(&stamp(1, 11)), None);
        assert_eq!(memory.of(&Stamp { size: 8, ..stamp(1, 10) }), None);
        assert_eq!(memory.of(&stamp(2, 10)), None, "it was changed less than two seconds before");
    }

    #[test]
    fn no_more_is_kept_than_fits_and_the_oldest_goes() {
        let mut memory = Memory::default();
        for inode in 0..2 * u64::try_from(MOST).unwrap() + 10 {
            memory.note(
                &stamp(inode, 0),
                u128::from(inode),
                (RACY / 1_000_000_000 + i128::from(inode)) * 1_000_000_000,
            );
        }
        let text = memory.text();
        assert!(text.lines().count() == MOST + 1 && u64::try_from(text.len()).unwrap() < LARGEST);
        let again = Memory::parse(&text);
        let first = u64::try_from(MOST).unwrap() + 10;
        assert_eq!((again.of(&stamp(first - 1, 0)), again.of(&stamp(first, 0))), (None, Some(u128::from(first))));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            let _ = Memory::parse(&text);
            let _ = Memory::parse(&format!("{HEAD}\n1 2 3 4 5 {text}\n{text}"));
        }
    }
}
