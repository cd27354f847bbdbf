//! The file beside an unfinished download: which version of what it is of, and which bytes are there.
//!
//! A head of 1 KiB (one JSON line, padded), then one record of 16 bytes for each range that was ever begun: where it begins
//! and how many of its bytes are on the disk. A record is rewritten in place after each write of data, so that a killed
//! process loses what was in its buffers and nothing else. What the file says is believed only as far as it makes
//! sense; whether the bytes are right is for their digest to say.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::at;
use super::ranges::Ranges;
use crate::support::bounded;

const HEAD: usize = 1024;
const RECORD: usize = 16;

/// More ranges than any file is cut into.
const MOST_RECORDS: usize = 1 << 16;

const SCHEMA: &str = "modelstrap.partial/1";

/// Which version of which content an unfinished download is of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Its digest, as text.
    pub(super) digest: Option<String>,
    /// How long it is.
    pub(super) size: Option<u64>,
    /// The server's strong entity tag.
    pub(super) etag: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    schema: String,
    #[serde(flatten)]
    identity: Identity,
}

/// The side file, open for writing.
#[derive(Debug)]
pub(super) struct Side {
    file: File,
}

impl Side {
    /// Replaces the side file at `path`: `identity`, and one record for each range of `done`.
    pub(super) fn create(path: &Path, identity: &Identity, done: &Ranges) -> io::Result<Self> {
        let mut bytes = serde_json::to_vec(&Head { schema: SCHEMA.to_owned(), identity: identity.clone() })?;
        if bytes.len() >= HEAD {
            return Err(io::Error::other("the server's entity tag is too long"));
        }
        bytes.resize(HEAD - 1, b' ');
        bytes.push(b'\n');
        for (start, end) in done.iter() {
            bytes.extend(record(start, end - start));
        }
        // Written beside and renamed: a process killed here leaves the old one or the new one.
        let fresh = path.with_extension("state-new");
        // A killed run's, or a link that somebody put there: made anew, it is neither.
        let _ = fs::remove_file(&fresh);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&fresh)?;
        file.write_all(&bytes)?;
        fs::rename(&fresh, path)?;
        Ok(Self { file })
    }

    /// Notes that `done` bytes from `start` on are on the disk, in record number `slot`.
    pub(super) fn note(&self, slot: usize, start: u64, done: u64) -> io::Result<()> {
        at::write_all(&self.file, &record(start, done), (HEAD + slot * RECORD) as u64)
    }
}

fn record(start: u64, done: u64) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    bytes[..8].copy_from_slice(&start.to_le_bytes());
    bytes[8..].copy_from_slice(&done.to_le_bytes());
    bytes
}

/// What the side file at `path` says; `None` if there is none that makes sense.
pub(super) fn load(path: &Path) -> Option<(Identity, Ranges)> {
    parse(&bounded::read(path, (HEAD + MOST_RECORDS * RECORD) as u64).ok()?)
}

fn parse(bytes: &[u8]) -> Option<(Identity, Ranges)> {
    let (head, records) = bytes.split_at_checked(HEAD)?;
    let head: Head = serde_json::from_slice(head).ok()?;
    if head.schema != SCHEMA {
        return None;
    }
    let size = head.identity.size.unwrap_or(u64::MAX);
    let mut done = Ranges::default();
    for record in records.chunks_exact(RECORD) {
        let (start, length) = record.split_at(8);
        let number = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes).ok();
        let (start, length) = (number(start)?, number(length)?);
        let end = start.checked_add(length).filter(|end| *end <= size)?;
        done.add(start, end);
    }
    Some((head.identity, done))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn identity() -> Identity {
        Identity { digest: Some("sha256:00".to_owned()), size: Some(1000), etag: Some("\"v1\"".to_owned()) }
    }

    #[test]
    fn what_was_noted_is_read_again_by_the_next_run() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("a.state");
        let mut done = Ranges::default();
        done.add(0, 100);
        let side = Side::create(&path, &identity(), &done).unwrap();
        side.note(1, 500, 50).unwrap();
        side.note(2, 100, 0).unwrap();
        side.note(1, 500, 60).unwrap();
        done.add(500, 560);
        assert_eq!(load(&path), Some((identity(), done)));
        assert_eq!(fs::read_dir(room.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_side_file_that_makes_no_sense_counts_as_none() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("a.state");
        let side = Side::create(&path, &identity(), &Ranges::default()).unwrap();
        side.note(0, 900, 101).unwrap();
        assert_eq!(load(&path), None, "beyond the end");
        side.note(0, u64::MAX, 2).unwrap();
        assert_eq!(load(&path), None, "beyond all numbers");
        fs::write(&path, "{}").unwrap();
        assert_eq!(load(&path), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), head in any::<bool>()) {
            let mut all = Vec::new();
            if head {
                all = serde_json::to_vec(&Head { schema: SCHEMA.to_owned(), identity: identity() }).unwrap();
                all.resize(HEAD, b' ');
            }
            all.extend(bytes);
            if let Some((identity, done)) = parse(&all) {
                prop_assert!(done.iter().all(|(start, end)| start < end && end <= identity.size.unwrap_or(u64::MAX)));
            }
        }
    }
}
