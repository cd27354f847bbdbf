//! Names in an archive: bytes with `/` between the parts, relative to the cache root. What is read from an archive becomes a path
//! only through here.
//!
//! They are bytes, since a file of a Unix cache may have any name; in the index they are texts in which `%` and what is no UTF-8
//! are written `%25`, `%FF`.

use std::fmt;

pub use super::written::{decode, encode, of_path, of_text, shown, text, to_path};
use crate::models::names::storable;
use crate::platform::Os;

/// Why a name is refused.
pub type Flaw = &'static str;

/// The longest name, in bytes: what Linux takes at once.
const LONGEST: usize = 4095;
/// The longest part of a name that common file systems take, in bytes.
const LONGEST_PART: usize = 255;
/// More folders in folders than any cache has.
const DEEPEST: usize = 100;

/// What keeps a login, by the name of the file or folder: outside of repositories nothing else is called so.
const SECRETS: [&[u8]; 10] = [
    b"token",
    b"stored_tokens",
    b"credentials",
    b"credentials.json",
    b"kaggle.json",
    b".netrc",
    b"_netrc",
    b".env",
    b".git-credentials",
    b"auth.json",
];

/// A checked name: it stays below the cache root on this system.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<[u8]>);

/// What a name is in a hub, or that it is in none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `…/models--org--name/blobs/ETAG`
    Blob,
    /// `…/models--org--name/snapshots/COMMIT/…`
    Snapshot,
    /// `…/models--org--name/refs/…`
    Reference,
    /// `…/models--org--name/trees/COMMIT.json`
    Tree,
    /// `…/models--org--name/.no_exist/COMMIT/…`
    NoExist,
    /// `<hub>/blobs/XX/HASH` of a shared store
    Payload,
    /// `<hub>/blobs/XX/HASH.refs`
    Users,
    /// `<hub>/blobs/.huggingface-shared-blobs`
    Marker,
    /// Anything else.
    Plain,
}

/// Why a work tree of Git is left out.
pub const GIT: &str = "what Git keeps for itself";
/// Why what lies in a hidden folder beside the libraries' is left out.
pub const HIDDEN: &str = "in a hidden folder of no library";

impl Name {
    /// The name that `bytes` are.
    ///
    /// # Errors
    /// Why they can be no name on `os`.
    pub fn of(bytes: &[u8], os: Os) -> Result<Self, Flaw> {
        if bytes.is_empty() || bytes.len() > LONGEST {
            return Err("is empty or longer than 4,095 bytes");
        }
        if bytes.contains(&0) {
            return Err("holds a NUL");
        }
        if bytes[0] == b'/' || bytes[0] == b'\\' {
            return Err("is absolute");
        }
        if bytes.get(1) == Some(&b':') && bytes[0].is_ascii_alphabetic() {
            return Err("names a drive");
        }
        let mut parts = 0;
        for part in bytes.split(|byte| *byte == b'/') {
            parts += 1;
            match part {
                b".." => return Err("leads upwards with `..`"),
                b"" | b"." => return Err("has a part that is empty or `.`"),
                _ if part.len() > LONGEST_PART => return Err("has a part longer than 255 bytes"),
                _ if part == b"..\\" || part.starts_with(b"..\\") || part.windows(4).any(|four| four == b"\\..\\") => {
                    return Err("leads upwards with `..`");
                }
                _ => {}
            }
        }
        if parts > DEEPEST {
            return Err("lies more than 100 folders deep");
        }
        if os == Os::Windows {
            let text = std::str::from_utf8(bytes).map_err(|_| "is no name on Windows")?;
            storable(text, os)?;
            if text.contains(char::is_control) {
                return Err("holds a control character, which Windows does not allow in names");
            }
        }
        Ok(Self(bytes.into()))
    }

    /// The name that `bytes` are, which were one before they were put into a [`Table`](super::table::Table).
    pub(super) fn known(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its parts.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/')
    }

    /// The name below the part of it that is `prefix`, if it lies there.
    pub fn below(&self, prefix: &[u8]) -> Option<&[u8]> {
        self.0.strip_prefix(prefix)?.strip_prefix(b"/")
    }

    /// The folder that it lies in.
    pub fn folder(&self) -> &[u8] {
        let end = self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        &self.0[..end]
    }

    /// Its last part.
    pub fn last(&self) -> &[u8] {
        self.0.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// As documents of JSON have it.
    pub fn text(&self) -> String {
        text(&self.0)
    }

    /// As the index has it.
    pub fn encoded(&self) -> String {
        encode(&self.0)
    }

    /// The folder of the repository that it lies in, and what follows: `huggingface/hub/models--a`, `blobs/x`.
    pub fn repository(&self) -> Option<(&[u8], &[u8])> {
        let mut at = 0;
        for part in self.parts() {
            let end = at + part.len();
            if is_repository(part) && end < self.0.len() {
                return Some((&self.0[..end], &self.0[end + 1..]));
            }
            at = end + 1;
        }
        None
    }

    /// What it is. `stores` are the hubs that have a shared store.
    pub fn role(&self, stores: &[Vec<u8>]) -> Role {
        if let Some((_, inside)) = self.repository() {
            let parts = inside.split(|byte| *byte == b'/').count();
            return match inside.split(|byte| *byte == b'/').next() {
                Some(b"blobs") if parts == 2 => Role::Blob,
                Some(b"snapshots") if parts > 2 => Role::Snapshot,
                Some(b"refs") if parts > 1 => Role::Reference,
                Some(b"trees") if parts == 2 => Role::Tree,
                Some(b".no_exist") if parts > 2 => Role::NoExist,
                _ => Role::Plain,
            };
        }
        for hub in stores {
            let Some(inside) = self.below(hub).and_then(|rest| rest.strip_prefix(b"blobs/")) else { continue };
            let parts: Vec<&[u8]> = inside.split(|byte| *byte == b'/').collect();
            return match parts[..] {
                [b".huggingface-shared-blobs"] => Role::Marker,
                [shard, name] if name.len() > 2 && name.starts_with(shard) && name.ends_with(b".refs") => Role::Users,
                [shard, name] if name.starts_with(shard) && is_hex(name, 64) => Role::Payload,
                _ => Role::Plain,
            };
        }
        Role::Plain
    }

    /// Why it belongs to one machine and is neither stored nor restored: logins, locks, unfinished downloads, this tool's own.
    pub fn kept_out(&self) -> Option<&'static str> {
        let outside = match self.repository() {
            Some((repository, _)) => &self.0[..repository.len()],
            None => &self.0[..],
        };
        if self.parts().any(|part| part == b".modelstrap") {
            return Some("modelstrap's own");
        }
        // What Git finds there runs programs when somebody asks it anything; so may what programs find in a hidden folder of `~/.cache`.
        if self.parts().any(|part| part.eq_ignore_ascii_case(b".git") || part.eq_ignore_ascii_case(b"git~1")) {
            return Some(GIT);
        }
        if self.0.starts_with(b".") {
            return Some(HIDDEN);
        }
        if outside.split(|byte| *byte == b'/').skip(1).any(|part| SECRETS.contains(&part)) {
            return Some("a login");
        }
        // Who may run code by `torch.hub.load` without a question: an archive must not answer for a person.
        if outside.starts_with(b"torch/") && self.last() == b"trusted_list" {
            return Some("what torch trusts");
        }
        if outside.split(|byte| *byte == b'/').any(|part| part == b".locks") {
            return Some("a lock");
        }
        let last = self.last();
        let inside_snapshot = matches!(self.repository(), Some((_, inside)) if inside.starts_with(b"snapshots/"));
        if inside_snapshot {
            return None;
        }
        let ends = |end: &[u8]| last.ends_with(end);
        if last.strip_suffix(b".lock").is_some_and(|hash| is_hex(hash, 64)) {
            return Some("a lock");
        }
        let partial = [b".incomplete".as_slice(), b".part", b".partial", b".tmp", b".aria2", b".crdownload"];
        (partial.iter().any(|end| ends(end)) || last.windows(12).any(|part| part == b".modelstrap-"))
            .then_some("unfinished")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// True for what a repository's folder is called.
pub fn is_repository(part: &[u8]) -> bool {
    [b"models--".as_slice(), b"datasets--", b"spaces--"]
        .iter()
        .any(|kind| part.len() > kind.len() && part.starts_with(kind))
}

/// True for `count` lower-case hexadecimal digits.
pub fn is_hex(bytes: &[u8], count: usize) -> bool {
    bytes.len() == count && bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Where `target`, as a link in the folder `from` says it, leads: by the letters alone. `None` where that is above the root, or
/// nowhere that a name can be.
pub fn resolve(from: &[u8], target: &[u8]) -> Option<Vec<u8>> {
    if target.is_empty() || target[0] == b'/' || target.contains(&0) || target.len() > LONGEST {
        return None;
    }
    let mut parts: Vec<&[u8]> = from.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join(&b'/'))
}

/// The link in the folder `from` that leads to `to`: the opposite of [`resolve`].
pub fn relative(from: &[u8], to: &[u8]) -> Vec<u8> {
    let split = |bytes: &[u8]| -> Vec<Vec<u8>> {
        bytes.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let (from, to) = (split(from), split(to));
    let same = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let up = std::iter::repeat_n(b"..".to_vec(), from.len() - same);
    let mut parts: Vec<Vec<u8>> = up.chain(to[same..].iter().cloned()).collect();
    // To the folder that it lies in: `ln -s FOLDER NAME`, run twice, makes such a link.
    if parts.is_empty() {
        parts.push(b".".to_vec());
    }
    parts.join(&b'/')
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
