//! A blob of a repository: whose it is, and what its name and the links to it say.

use super::folder::Look;
use super::key::Key;
use crate::cache::inventory::Revision;
use crate::cache::sizes::Sizes;

/// A blob of the repository.
pub(super) struct Blob {
    pub(super) key: Key,
    pub(super) content: Content,
    /// The revision that has it; `MANY` if several have.
    pub(super) revision: u32,
    /// The revision that counted it last.
    pub(super) counted: u32,
}

/// What a blob is.
#[derive(Clone, Copy)]
pub(super) enum Content {
    /// The bytes.
    Own { size: u64, taken: u64, used: i64, alone: bool },
    /// A link to this payload of the shared store, and what the link itself takes.
    Payload(Key, u64),
}

pub(super) const NONE: u32 = u32::MAX;
pub(super) const MANY: u32 = u32::MAX - 1;

impl Blob {
    pub(super) fn plain(key: Key, look: &Look) -> Self {
        let (size, taken, used) = (look.size, look.disk, look.used);
        let content = Content::Own { size, taken, used, alone: look.links <= 1 };
        Self { key, content, revision: NONE, counted: NONE }
    }

    pub(super) fn elsewhere(key: Key, payload: Key, taken: u64) -> Self {
        Self { key, content: Content::Payload(payload, taken), revision: NONE, counted: NONE }
    }

    /// What deleting it frees by itself; 0 if it has other names.
    pub(super) const fn disk(&self) -> u64 {
        match self.content {
            Content::Own { taken, alone: true, .. } | Content::Payload(_, taken) => taken,
            Content::Own { .. } => 0,
        }
    }

    /// Counts it in `revision`, once, however many files of it have this content.
    pub(super) fn belongs_to(&mut self, index: u32, revision: &mut Revision, via: &mut Vec<(Key, u32)>) {
        revision.sizes += Sizes { files: 1, ..Sizes::default() };
        self.revision = match self.revision {
            NONE => index,
            known if known == index => index,
            _ => MANY,
        };
        if self.counted == index {
            return;
        }
        self.counted = index;
        match self.content {
            Content::Payload(payload, taken) => {
                revision.sizes += Sizes { disk: taken, ..Sizes::default() };
                via.push((payload, index));
            }
            Content::Own { size, taken, used, .. } => {
                revision.sizes += Sizes { apparent: size, disk: taken, ..Sizes::default() };
                revision.used = revision.used.max(Some(used));
            }
        }
    }
}

/// Whether a blob's name says which bytes it has: SHA-256 or Git's SHA-1, in hexadecimal.
pub(super) fn is_digest(name: &[u8]) -> bool {
    matches!(name.len(), 40 | 64) && name.iter().all(u8::is_ascii_hexdigit)
}

/// Temporary names of every client: `ETAG.incomplete` (0.36), `ETAG.RANDOM.incomplete` (≥ 1.19).
pub(super) fn is_unfinished(name: &[u8]) -> bool {
    name.ends_with(b".incomplete")
}

/// An unfinished download of this tool's own engine, in its folder.
pub(super) fn is_part(name: &[u8]) -> bool {
    name.ends_with(b".part")
}

/// The blob that a snapshot's link names: `../../blobs/NAME`, with one `..` more for each folder of the file's path.
pub(super) fn blob(target: &[u8], depth: usize) -> Option<&[u8]> {
    let mut rest = target;
    for _ in 0..depth + 2 {
        rest = rest.strip_prefix(b"../")?;
    }
    let name = rest.strip_prefix(b"blobs/")?;
    (!name.is_empty() && !name.contains(&b'/') && name != b".." && name != b".").then_some(name)
}

/// The payload that a blob's link names: `../../blobs/XX/NAME` in the hub's own store.
pub(super) fn payload(target: &[u8]) -> Option<&[u8]> {
    let rest = target.strip_prefix(b"../../blobs/")?;
    let (shard, name) = (rest.get(..2)?, rest.get(3..)?);
    let plain = shard.iter().all(u8::is_ascii_hexdigit) && rest[2] == b'/';
    (plain && !name.is_empty() && !name.contains(&b'/')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_names_a_blob_only_in_the_layouts_own_form() {
        assert_eq!(blob(b"../../blobs/abc", 0), Some(&b"abc"[..]));
        assert_eq!(blob(b"../../../blobs/abc", 1), Some(&b"abc"[..]));
        for (target, depth) in [
            (&b"../../blobs/abc"[..], 1),
            (b"../../../blobs/abc", 0),
            (b"/etc/passwd", 0),
            (b"../../blobs/a/b", 0),
            (b"../../blobs/", 0),
            (b"../../blobs/..", 0),
            (b"../../refs/main", 0),
        ] {
            assert_eq!(blob(target, depth), None, "{:?}", String::from_utf8_lossy(target));
        }
        assert_eq!(payload(b"../../blobs/ab/abcd"), Some(&b"abcd"[..]));
        for target in [
            &b"../../blobs/abcd"[..],
            b"../../blobs/zz/abcd",
            b"/blobs/ab/cd",
            b"../../blobs/ab/c/d",
            b"../../blobs/ab/",
        ] {
            assert_eq!(payload(target), None, "{:?}", String::from_utf8_lossy(target));
        }
    }
}
