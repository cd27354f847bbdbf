//! What proves a file's bytes: SHA-256, or the SHA-1 by which Git names a blob.

use std::fmt;
use std::str::FromStr;

/// A content's name. Its text is `sha256:` or `git:` and lower-case hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Digest {
    /// SHA-256 of the bytes.
    Sha256([u8; 32]),
    /// SHA-1 of `blob SIZE`, a NUL, and the bytes: Git's name for them.
    Git([u8; 20]),
}

/// What was computed while a file was read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// What the bytes are: Git's name for them where that was asked for, else their SHA-256.
    pub digest: Digest,
    /// How many bytes there are.
    pub size: u64,
}

/// A text that names no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: it is written `sha256:` and 64 lower-case hexadecimal digits, or `git:` and 40")]
pub struct NotADigest;

impl Digest {
    /// The digest with these hexadecimal digits: 64 mean SHA-256, 40 mean Git's SHA-1. `None` for anything else,
    /// upper case too: a blob's name is lower case.
    pub fn from_hex(hex: &str) -> Option<Self> {
        match hex.len() {
            64 => decode(hex).map(Self::Sha256),
            40 => decode(hex).map(Self::Git),
            _ => None,
        }
    }

    /// Its digits, lower case: how the Hub's cache names a blob.
    pub fn hex(&self) -> String {
        match self {
            Self::Sha256(bytes) => encode(bytes),
            Self::Git(bytes) => encode(bytes),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if matches!(self, Self::Sha256(_)) { "sha256" } else { "git" };
        write!(f, "{kind}:{}", self.hex())
    }
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let (kind, hex) = text.split_once(':').ok_or(NotADigest)?;
        match (kind, Self::from_hex(hex)) {
            ("sha256", Some(digest @ Self::Sha256(_))) | ("git", Some(digest @ Self::Git(_))) => Ok(digest),
            _ => Err(NotADigest),
        }
    }
}

fn decode<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// By table: a run that finds 2,000 files in place spent a fifth of its time in `write!("{:02x}")`.
fn encode(bytes: &[u8]) -> String {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        hex.push(digit(byte >> 4));
        hex.push(digit(byte & 15));
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_as_it_is_written_and_nothing_else_does() {
        for text in [format!("sha256:{}", "0a".repeat(32)), format!("git:{}", "ff".repeat(20))] {
            assert_eq!(text.parse::<Digest>().map(|digest| digest.to_string()), Ok(text));
        }
        for text in ["", "sha256:", "md5:00", &format!("git:{}", "0a".repeat(32)), &format!("git:{}", "FF".repeat(20))]
        {
            assert_eq!(text.parse::<Digest>(), Err(NotADigest), "{text}");
        }
        assert_eq!(Digest::from_hex(&"é".repeat(20)), None);
    }
}
