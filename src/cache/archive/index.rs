//! The index: the first member of an archive. It says of every other member what it is, and of every content its SHA-256, so that a
//! restore can list without reading, leave out what is here already, and verify while it reads.
//!
//! It is JSON lines: a head, a line for each member in the order in which they follow (sorted by name), and the digest of all the
//! lines before, so that a cut or damaged index is seen before anything is done. Nothing in it is believed: names are checked as
//! names from strangers, sizes are held against what really comes.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::names::{self, Name, Role};
use crate::platform::Os;

/// What the first member is called.
pub const NAME: &str = ".modelstrap/backup.jsonl";
/// The form that this tool writes and reads.
pub const SCHEMA: &str = "modelstrap.archive/1";
/// An index above this size is not read: 5,000,000 files.
pub const LARGEST: u64 = 1 << 30;
/// The longest line of an index, in bytes.
const LONGEST_LINE: usize = 32 << 10;
/// The largest content, in bytes: as in a lock.
const LARGEST_FILE: u64 = crate::models::locked::LARGEST_FILE;

/// A SHA-256.
pub type Sum = [u8; 32];

/// What an archive holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    /// What is said of all of it.
    pub head: Head,
    /// The members, sorted by name.
    pub entries: Vec<Entry>,
}

/// What is said of all of an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// [`SCHEMA`]
    pub schema: String,
    /// The version of the tool that wrote it.
    pub tool: String,
    /// When, in RFC 3339.
    pub created_at: String,
    /// The hubs that have a shared store: their folders, as names.
    #[serde(default)]
    pub stores: Vec<String>,
    /// How many members follow.
    pub entries: u64,
    /// The sum of all contents, in bytes, each counted once.
    pub bytes: u64,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: Name,
    /// When it was changed last, in seconds since 1970.
    pub mtime: i64,
    /// Its mode, of the nine bits that say who may do what.
    pub mode: u16,
    /// What it is.
    pub what: What,
}

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A content under its first name.
    File {
        /// Its size in bytes.
        size: u64,
        /// Its SHA-256.
        sum: Sum,
    },
    /// Another name for a content.
    Same {
        /// The number of the member that has it.
        of: usize,
        /// Whether it was a file of its own, with the same bytes; else it was a hard link.
        apart: bool,
    },
    /// A symbolic link, which leads to another member, or to a folder of one.
    Link {
        /// What it says.
        to: Box<[u8]>,
    },
    /// A folder with nothing in it.
    Folder,
}

/// A line of the index.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    same: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<usize>,
    #[serde(skip_serializing_if = "is_false")]
    apart: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtime: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Index {
    /// The hubs that have a shared store.
    pub fn stores(&self) -> Vec<Vec<u8>> {
        self.head.stores.iter().filter_map(|hub| names::decode(hub)).collect()
    }

    /// The content of the member `at`, if it has one: the number of the member that holds it, and its size.
    pub fn content(&self, at: usize) -> Option<(usize, u64)> {
        match self.entries.get(at)?.what {
            What::File { size, .. } => Some((at, size)),
            What::Same { of, .. } => self.content(of).filter(|_| of < at),
            What::Link { .. } | What::Folder => None,
        }
    }

    /// The number of the member called `name`.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        self.entries.binary_search_by(|entry| entry.name.bytes().cmp(name)).ok()
    }

    /// Whether a member is called `name`, or lies in a folder of that name.
    pub fn leads(&self, name: &[u8]) -> bool {
        let inside = [name, b"/"].concat();
        let at = self.entries.partition_point(|entry| entry.name.bytes() < &inside[..]);
        self.find(name).is_some() || self.entries.get(at).is_some_and(|entry| entry.name.bytes().starts_with(&inside))
    }

    /// Writes it, a line at a time.
    ///
    /// # Errors
    /// What `out` says.
    pub fn write<E>(&self, mut out: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut sum = Sha256::new();
        let mut put = |text: String| {
            sum.update(text.as_bytes());
            out(text.as_bytes())
        };
        put(line(&self.head))?;
        for entry in &self.entries {
            put(line(&Line::of(entry)))?;
        }
        let end = Line { end: Some(hex(&sum.finalize().into())), ..Line::default() };
        out(line(&end).as_bytes())
    }

    /// How many bytes [`Index::write`] writes.
    pub fn size(&self) -> u64 {
        let mut size = 0;
        let counted: Result<(), std::convert::Infallible> = self.write(|bytes| {
            size += bytes.len() as u64;
            Ok(())
        });
        match counted {
            Ok(()) => size,
        }
    }
}

fn line(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}

impl Line {
    fn of(entry: &Entry) -> Self {
        let name = Some(entry.name.encoded());
        let mut line = Self { mtime: Some(entry.mtime), mode: Some(entry.mode), ..Self::default() };
        match &entry.what {
            What::File { size, sum } => {
                (line.file, line.size, line.sha256) = (name, Some(*size), Some(hex(sum)));
            }
            What::Same { of, apart } => (line.same, line.of, line.apart) = (name, Some(*of), *apart),
            What::Link { to } => {
                (line.link, line.to) = (name, Some(names::encode(to)));
                (line.mtime, line.mode) = (None, None);
            }
            What::Folder => (line.folder, line.mtime, line.mode) = (name, None, None),
        }
        line
    }

    fn entry(self, os: Os) -> Result<Entry, String> {
        let Self { file, same, link, folder, size, sha256, of, apart, to, mtime, mode, end } = self;
        let what = match (&file, &same, &link, &folder, size, sha256, of, to) {
            (Some(_), None, None, None, Some(size), Some(sum), None, None) if size <= LARGEST_FILE => {
                What::File { size, sum: unhex(&sum).ok_or("it has a digest that is none")? }
            }
            (None, Some(_), None, None, None, None, Some(of), None) => What::Same { of, apart },
            (None, None, Some(_), None, None, None, None, Some(to)) => {
                What::Link { to: names::decode(&to).ok_or("it has a link that leads nowhere")?.into() }
            }
            (None, None, None, Some(_), None, None, None, None) => What::Folder,
            _ => return Err("it has a line that says nothing that is known".to_owned()),
        };
        if end.is_some() || mode.is_some_and(|mode| mode > 0o777) {
            return Err("it has a line that says nothing that is known".to_owned());
        }
        let text = file.or(same).or(link).or(folder).unwrap_or_default();
        let bytes = names::decode(&text).ok_or("it has a name that cannot be read")?;
        let name = Name::of(&bytes, os).map_err(|flaw| format!("its name {} {flaw}", names::shown(&bytes)))?;
        Ok(Entry { name, mtime: mtime.unwrap_or(0), mode: mode.unwrap_or(0o644), what })
    }
}

/// Reads an index line by line.
pub struct Reader {
    os: Os,
    index: Option<Index>,
    sum: Sha256,
    ended: bool,
    held: Vec<u8>,
}

impl Reader {
    /// For names as `os` has them.
    pub fn new(os: Os) -> Self {
        Self { os, index: None, sum: Sha256::new(), ended: false, held: Vec::new() }
    }

    /// Takes more of its bytes.
    ///
    /// # Errors
    /// Why they are refused.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        while let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(at + 1);
            if self.held.is_empty() {
                self.line(line)?;
            } else {
                let mut held = std::mem::take(&mut self.held);
                held.extend_from_slice(line);
                self.line(&held)?;
            }
            bytes = rest;
        }
        if self.held.len() + bytes.len() > LONGEST_LINE {
            return Err("it has a line that is too long".to_owned());
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    fn line(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.ended || bytes.len() > LONGEST_LINE {
            return Err("it has lines after its end".to_owned());
        }
        let unreadable = |error: serde_json::Error| format!("it has a line that cannot be read: {error}");
        let Some(index) = &mut self.index else {
            let head: Head = serde_json::from_slice(bytes).map_err(unreadable)?;
            if head.schema != SCHEMA {
                let schema = crate::support::escape::printable(&head.schema);
                return Err(format!("it is a {schema}, and this version of modelstrap reads {SCHEMA}"));
            }
            self.sum.update(bytes);
            self.index = Some(Index { head, entries: Vec::new() });
            return Ok(());
        };
        let line: Line = serde_json::from_slice(bytes).map_err(unreadable)?;
        if let Some(end) = &line.end {
            self.ended = true;
            let sum: Sum = self.sum.finalize_reset().into();
            return if unhex(end) == Some(sum) {
                Ok(())
            } else {
                Err("its digest does not fit: it was damaged".to_owned())
            };
        }
        self.sum.update(bytes);
        let entry = line.entry(self.os)?;
        if index.entries.last().is_some_and(|last| last.name >= entry.name) {
            return Err(format!("the member {} comes twice, or out of order", entry.name));
        }
        index.entries.push(entry);
        if index.entries.len() as u64 > index.head.entries {
            return Err("it has more members than it says".to_owned());
        }
        Ok(())
    }

    /// The index, once all of it was fed.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn end(self) -> Result<Index, String> {
        let index = self.index.filter(|_| self.ended && self.held.is_empty()).ok_or("it is cut off")?;
        check(&index)?;
        Ok(index)
    }
}

/// Whether the members fit each other.
fn check(index: &Index) -> Result<(), String> {
    if index.head.entries != index.entries.len() as u64 {
        return Err("it has fewer members than it says".to_owned());
    }
    let stores = index.stores();
    let mut bytes = 0_u64;
    for (at, entry) in index.entries.iter().enumerate() {
        let name = &entry.name;
        let refuse = |why: &str| Err(format!("the member {name} {why}"));
        if name.parts().count() < 2 {
            return refuse("lies in no library's folder");
        }
        if let Some(what) = name.kept_out() {
            return refuse(&format!("is {what}, which no archive of modelstrap holds"));
        }
        if through_a_member(index, at) {
            return refuse("lies below another member that is no folder");
        }
        match &entry.what {
            What::File { size, .. } => {
                bytes = bytes.saturating_add(*size);
                if name.role(&stores) == Role::Reference && *size > 4096 {
                    return refuse("is a reference, and too long for one");
                }
            }
            What::Same { of, .. } => {
                let of = *of;
                if of >= at
                    || !matches!(index.entries[of].what, What::File { .. })
                    || name.role(&stores) == Role::Reference
                {
                    return refuse("is a second name of no content");
                }
            }
            What::Link { to } => {
                if !names::resolve(name.folder(), to).is_some_and(|to| index.leads(&to)) {
                    return refuse("is a link to nothing in the archive");
                }
            }
            What::Folder => {}
        }
    }
    if bytes != index.head.bytes { Err("its sizes do not add up".to_owned()) } else { Ok(()) }
}

/// Whether a folder that the member lies in is a member that is none.
fn through_a_member(index: &Index, at: usize) -> bool {
    let name = index.entries[at].name.bytes();
    let before =
        at.checked_sub(1).and_then(|before| index.entries.get(before)).map_or(&b""[..], |entry| entry.name.folder());
    let ends = name.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| end);
    for end in ends {
        // The one before lies there too, and was looked at.
        if before.len() >= end && before[..end] == name[..end] && before.get(end).is_none_or(|byte| *byte == b'/') {
            continue;
        }
        let above = index.find(&name[..end]).and_then(|found| index.entries.get(found));
        if above.is_some_and(|above| above.what != What::Folder) {
            return true;
        }
    }
    false
}

/// `sum` as text.
pub fn hex(sum: &Sum) -> String {
    let mut text = String::with_capacity(64);
    for byte in sum {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The digest that `text` is, in lower-case hexadecimal digits.
pub fn unhex(text: &str) -> Option<Sum> {
    let mut sum = [0; 32];
    if !names::is_hex(text.as_bytes(), 64) {
        return None;
    }
    for (at, byte) in sum.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(sum)
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
