//! What a file on the test hub holds: given bytes, or bytes that are made while they are sent.
//!
//! A pattern of 4 GiB takes no memory and next to no time: it is one block of noise, repeated, and every repetition
//! begins with a stamp of seed and position, so that no two places of a file, and no two files, are the same.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock};

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// How often a pattern repeats.
const BLOCK: u64 = 1 << 20;
/// How many bytes at the start of each repetition tell which it is.
const STAMP: usize = 16;

/// The content of a file. Cloning it copies nothing.
#[derive(Clone)]
pub(crate) struct Content(Arc<Inner>);

struct Inner {
    kind: Kind,
    sha256: OnceLock<String>,
    git: OnceLock<String>,
}

enum Kind {
    Bytes(Vec<u8>),
    Pattern { seed: u64, size: u64 },
    Flipped { whole: Content, at: u64 },
    Filled { prefix: Vec<u8>, unit: Vec<u8>, size: u64 },
}

/// A few bytes that exist nowhere else, to be followed by a slice.
#[derive(Clone, Copy)]
pub(crate) struct Stamp {
    bytes: [u8; STAMP],
    from: usize,
    to: usize,
}

impl Stamp {
    const NONE: Self = Self { bytes: [0; STAMP], from: 0, to: 0 };

    /// The bytes.
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.from..self.to]
    }
}

impl Content {
    /// `size` bytes that look like noise and are the same for the same seed.
    pub(crate) fn pattern(seed: u64, size: u64) -> Self {
        Self::new(Kind::Pattern { seed, size })
    }

    /// `prefix`, and then `unit` again and again until there are `size` bytes.
    pub(crate) fn filled(prefix: &str, unit: &str, size: u64) -> Self {
        let times = (64 << 10) / unit.len() + 1;
        Self::new(Kind::Filled { prefix: prefix.into(), unit: unit.repeat(times).into_bytes(), size })
    }

    /// This content with one byte changed.
    pub(crate) fn with_flipped_byte(&self, at: u64) -> Self {
        Self::new(Kind::Flipped { whole: self.clone(), at })
    }

    fn new(kind: Kind) -> Self {
        Self(Arc::new(Inner { kind, sha256: OnceLock::new(), git: OnceLock::new() }))
    }

    /// How many bytes.
    pub(crate) fn size(&self) -> u64 {
        match &self.0.kind {
            Kind::Bytes(bytes) => bytes.len() as u64,
            Kind::Pattern { size, .. } | Kind::Filled { size, .. } => *size,
            Kind::Flipped { whole, .. } => whole.size(),
        }
    }

    /// At most `most` bytes from `offset` on, at least one where there is one: first the stamp, then the slice.
    pub(crate) fn piece(&self, offset: u64, most: usize) -> (Stamp, &[u8]) {
        let most = most.min(usize::try_from(self.size() - offset).unwrap_or(usize::MAX));
        match &self.0.kind {
            Kind::Bytes(bytes) => (Stamp::NONE, &bytes[index(offset)..index(offset) + most]),
            Kind::Pattern { seed, .. } => pattern_piece(*seed, offset, most),
            Kind::Flipped { whole, at } => flipped_piece(whole, *at, offset, most),
            Kind::Filled { prefix, unit, .. } => {
                let rest = match prefix.get(index(offset)..) {
                    Some(rest) if !rest.is_empty() => rest,
                    _ => &unit[(index(offset) - prefix.len()) % unit.len()..],
                };
                (Stamp::NONE, &rest[..most.min(rest.len())])
            }
        }
    }

    /// Hands every byte of `span` to `sink`, in order.
    pub(crate) fn each_piece(&self, span: Range<u64>, mut sink: impl FnMut(&[u8])) {
        let mut at = span.start;
        while at < span.end {
            let (stamp, slice) = self.piece(at, usize::try_from(span.end - at).unwrap_or(usize::MAX));
            sink(stamp.as_slice());
            sink(slice);
            at += (stamp.as_slice().len() + slice.len()) as u64;
        }
    }

    /// The bytes of `span`.
    pub(crate) fn bytes_of(&self, span: Range<u64>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(index(span.end - span.start));
        self.each_piece(span, |piece| bytes.extend_from_slice(piece));
        bytes
    }

    /// All bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes_of(0..self.size())
    }

    /// SHA-256 of the bytes, in hexadecimal; the name of an LFS file's blob.
    pub(crate) fn sha256(&self) -> String {
        self.0.sha256.get_or_init(|| self.remembered_sha256()).clone()
    }

    /// The name that Git gives to the bytes.
    pub(crate) fn git_sha1(&self) -> String {
        let hash = || {
            let mut hasher = Sha1::new_with_prefix(format!("blob {}\0", self.size()));
            self.each_piece(0..self.size(), |piece| hasher.update(piece));
            hex(&hasher.finalize())
        };
        self.0.git.get_or_init(hash).clone()
    }

    /// Tests of one program use the same large patterns: each is hashed once.
    fn remembered_sha256(&self) -> String {
        static KNOWN: Mutex<Option<HashMap<(u64, u64), String>>> = Mutex::new(None);
        let hash = || {
            let mut hasher = Sha256::new();
            self.each_piece(0..self.size(), |piece| hasher.update(piece));
            hex(&hasher.finalize())
        };
        match self.0.kind {
            Kind::Pattern { seed, size } if size > BLOCK => {
                let mut known = KNOWN.lock().unwrap();
                known.get_or_insert_default().entry((seed, size)).or_insert_with(hash).clone()
            }
            _ => hash(),
        }
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

fn pattern_piece(seed: u64, offset: u64, most: usize) -> (Stamp, &'static [u8]) {
    let (repetition, within) = (offset / BLOCK, index(offset % BLOCK));
    let mut stamp = Stamp::NONE;
    if within < STAMP {
        stamp.bytes[..8].copy_from_slice(&mixed(seed).to_le_bytes());
        stamp.bytes[8..].copy_from_slice(&mixed(repetition.wrapping_add(seed)).to_le_bytes());
        (stamp.from, stamp.to) = (within, STAMP.min(within + most));
    }
    let start = within + stamp.as_slice().len();
    let end = index(BLOCK).min(within + most);
    let shift = index(mixed(seed) % BLOCK);
    (stamp, &noise()[shift + start..shift + end])
}

fn flipped_piece(whole: &Content, at: u64, offset: u64, most: usize) -> (Stamp, &[u8]) {
    if offset != at {
        // A piece ends before the byte, so that the next one begins with it.
        let before = if offset < at { most.min(usize::try_from(at - offset).unwrap_or(most)) } else { most };
        return whole.piece(offset, before);
    }
    let (stamp, slice) = whole.piece(offset, 1);
    let byte = stamp.as_slice().first().or(slice.first()).unwrap();
    let mut flipped = Stamp { from: 0, to: 1, ..Stamp::NONE };
    flipped.bytes[0] = byte ^ 1;
    (flipped, &[])
}

/// Two blocks of noise: a pattern begins somewhere in the first.
fn noise() -> &'static [u8] {
    static NOISE: OnceLock<Vec<u8>> = OnceLock::new();
    NOISE.get_or_init(|| (0..BLOCK / 4).flat_map(|i| mixed(i).to_le_bytes()).collect())
}

/// The finaliser of splitmix64.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(Kind::Bytes(bytes))
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl<const N: usize> From<&[u8; N]> for Content {
    fn from(bytes: &[u8; N]) -> Self {
        bytes.to_vec().into()
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<serde_json::Value> for Content {
    fn from(value: serde_json::Value) -> Self {
        value.to_string().into()
    }
}

impl From<&Content> for Content {
    fn from(content: &Content) -> Self {
        content.clone()
    }
}
