//! A journal as rows: what is written of each rename, and what tells its thing in the trash from another.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Role;
use super::clock::Moment;
use crate::cache::stamp::Stamp;
use crate::support::folder::{self, Found, Kind};

/// A path in a journal: as text, or where it is none, as the bytes that it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Text {
    Plain(String),
    Raw { hex: String },
}

/// One rename that was intended.
#[derive(Debug, Clone)]
pub(super) struct Move {
    /// The place, by number.
    pub(super) place: usize,
    /// Below the place.
    pub(super) path: PathBuf,
    /// The trash, by number.
    pub(super) trash: usize,
    /// Its name there.
    pub(super) name: String,
    pub(super) mark: Mark,
    pub(super) role: Role,
    /// The list of users beside a payload.
    pub(super) is_list: bool,
    /// When the folder that it lay in was changed last before the run, in nanoseconds since 1970.
    pub(super) above: Option<i64>,
}

/// What tells in the trash that something is what was moved there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Its device and inode; `(0, 0)` where the system has none.
    id: (u64, u64),
    size: u64,
    /// When it was changed last, in nanoseconds since 1970.
    modified: i64,
    /// Whether what it is of was copied since, with its journal.
    #[serde(skip)]
    is_copied: bool,
}

/// Where removed things lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TrashAt {
    /// A folder that was there before.
    pub(super) base: PathBuf,
    /// The run's own folder below it.
    pub(super) below: PathBuf,
    /// The device and inode of `base`, where that was noted.
    pub(super) id: Option<(u64, u64)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Row {
    Open {
        schema: String,
        verb: String,
        started: i64,
        tool: String,
        seal: String,
        root: Text,
        host: String,
        process: u32,
    },
    Place(Text),
    Trash {
        base: Text,
        below: Text,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<(u64, u64)>,
    },
    Move(Line),
    Decided {
        until: Option<i64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Moment>,
        /// Whether this is what an undo could not put back.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        tried: bool,
    },
    /// The date lay before that of the decision, at this date.
    SeenBack {
        at: i64,
    },
    Returning,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) place: usize,
    pub(super) path: Text,
    pub(super) trash: usize,
    pub(super) name: String,
    pub(super) mark: Mark,
    pub(super) role: Role,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) list: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) above: Option<i64>,
}

impl Line {
    /// What it says, if it can be one of ours in a journal of so many places and trashes.
    pub(super) fn checked(self, places: usize, trashes: usize) -> Option<Move> {
        let Self { place, path, trash, name, mark, role, list, above } = self;
        let known = place < places && trash < trashes;
        let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        let path = path.path()?;
        (known && is_number && folder::split(&path).is_some()).then_some(())?;
        Some(Move { place, path, trash, name, mark, role, is_list: list, above })
    }
}

impl Mark {
    /// That of what `stamp` is of.
    pub(super) fn of(stamp: &Stamp) -> Self {
        let modified = i64::try_from(stamp.modified).unwrap_or_default();
        Self { id: stamp.id, size: stamp.size, modified, is_copied: false }
    }

    /// That of a copy: it has another inode, and not each tool for copies keeps all of the time.
    pub(super) const fn copied(self) -> Self {
        Self { is_copied: true, ..self }
    }

    /// Whether what has this mark was changed last when what has the other one was.
    pub(super) const fn is_since(&self, other: Self) -> bool {
        self.modified == other.modified
    }
}

impl Move {
    /// The disk that it was on, where the system tells.
    pub(super) fn device(&self) -> Option<u64> {
        (self.mark.id != (0, 0)).then_some(self.mark.id.0)
    }

    /// Whether `found`, which has its name in the trash, is it. A list of users may have been written anew before it was moved; a
    /// folder changes when a part of it is put back, or freed. A disk may have another number than before the machine was started
    /// anew: that of the trash is the one that counts.
    pub(super) fn is(&self, found: &Found) -> bool {
        let (there, mark) = (Mark::of(&found.stamp), self.mark);
        if mark.is_copied {
            let is_tree = matches!(self.role, Role::Tree | Role::Snapshot) && found.kind == Kind::Folder;
            return self.is_list || is_tree || (found.kind != Kind::Folder && there.size == mark.size);
        }
        let same_inode = there.id.1 == mark.id.1;
        let same_content = (there.size, there.modified) == (mark.size, mark.modified);
        self.is_list || (same_inode && (same_content || found.kind == Kind::Folder))
    }
}

impl Text {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        match path.to_str() {
            Some(text) => Ok(Self::Plain(text.to_owned())),
            None => raw(path),
        }
    }

    pub(super) fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Plain(text) => Some(text.into()),
            Self::Raw { hex } => from_raw(hex),
        }
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it fails")]
fn raw(path: &Path) -> io::Result<Text> {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    let bytes = path.as_os_str().as_bytes();
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Ok(Text::Raw { hex })
}

#[cfg(unix)]
fn from_raw(hex: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(byte).collect();
    Some(std::ffi::OsString::from_vec(bytes?).into())
}

#[cfg(not(unix))]
fn raw(path: &Path) -> io::Result<Text> {
    Err(io::Error::other(format!("{} is no name that can be written down", crate::support::escape::path(path))))
}

#[cfg(not(unix))]
fn from_raw(_: &str) -> Option<PathBuf> {
    None
}
