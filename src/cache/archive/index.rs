//! The index: the first member of an archive. It says of every other member what it is, and of every content its SHA-256, so that a
//! restore can list without reading, leave out what is here already, and verify while it reads.
//!
//! It is JSON lines: a head, a line for each member in the order in which they follow (sorted by name), and the digest of all the
//! lines before, so that a cut or damaged index is seen before anything is done. Nothing in it is believed: names are checked as
//! names from strangers, sizes are held against what really comes.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::check::check;
use super::members::{Entry, Members, Sum, What, hex, unhex};
use super::names::{self, Name};
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

/// What an archive holds.
#[derive(Debug, Default)]
pub struct Index {
    /// What is said of all of it.
    pub head: Head,
    /// The members, sorted by name.
    pub members: Members,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    with: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtime: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
}

impl Index {
    /// The hubs that have a shared store.
    pub fn stores(&self) -> Vec<Vec<u8>> {
        self.head.stores.iter().filter_map(|hub| names::decode(hub)).collect()
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
        for entry in self.members.iter() {
            put(line(&Line::of(&entry)))?;
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
            What::Same { of, with } => {
                (line.same, line.of, line.with) = (name, Some(*of), Some(*with).filter(|with| with != of));
            }
            What::Link { to } => {
                (line.link, line.to) = (name, Some(names::encode(to)));
                (line.mtime, line.mode) = (None, None);
            }
            What::Folder => (line.folder, line.mtime, line.mode) = (name, None, None),
        }
        line
    }

    fn entry(self, os: Os) -> Result<Entry, String> {
        let Self { file, same, link, folder, size, sha256, of, with, to, mtime, mode, end } = self;
        let what = match (&file, &same, &link, &folder, size, sha256, of, to) {
            (Some(_), None, None, None, Some(size), Some(sum), None, None) if size <= LARGEST_FILE => {
                What::File { size, sum: unhex(&sum).ok_or("it has a digest that is none")? }
            }
            (None, Some(_), None, None, None, None, Some(of), None) => What::Same { of, with: with.unwrap_or(of) },
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
    last: Option<Name>,
    sum: Sha256,
    ended: bool,
    held: Vec<u8>,
}

impl Reader {
    /// For names as `os` has them.
    pub fn new(os: Os) -> Self {
        Self { os, index: None, last: None, sum: Sha256::new(), ended: false, held: Vec::new() }
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
            self.index = Some(Index { head, members: Members::default() });
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
        if self.last.as_ref().is_some_and(|last| *last >= entry.name) {
            return Err(format!("the member {} comes twice, or out of order", entry.name));
        }
        index.members.push(&entry).map_err(|full| full.to_string())?;
        self.last = Some(entry.name);
        if index.members.len() as u64 > index.head.entries {
            return Err("it has more members than it says".to_owned());
        }
        Ok(())
    }

    /// The index, once all of it was fed.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn end(self) -> Result<Index, String> {
        let mut index = self.index.filter(|_| self.ended && self.held.is_empty()).ok_or("it is cut off")?;
        index.members.settle();
        check(&index)?;
        Ok(index)
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
