//! What is at a path: read once, compared often.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::support::{atomic, bounded, digest};

/// What stands at a path, links followed for files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Absent,
    /// A folder.
    Directory,
    /// A regular file: its content and permission bits (0 where a system has none).
    File(Vec<u8>, u32),
    /// A symbolic link that was asked for as such.
    Link(PathBuf),
}

/// A state as the journal writes it: contents by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trace {
    /// Nothing.
    Absent,
    /// A folder.
    Directory,
    /// A file: SHA-256 and permission bits.
    File {
        /// The content's SHA-256.
        sha256: String,
        /// The permission bits.
        mode: u32,
    },
    /// A symbolic link and its target.
    Link {
        /// What it points to.
        target: String,
    },
}

impl State {
    /// Reads what is at `path`, following links, so that what a link names counts as what is there.
    ///
    /// # Errors
    /// When it cannot be read, is larger than [`bounded::CONFIGURATION`], or is neither a file nor a folder.
    pub fn observe(path: &Path) -> io::Result<Self> {
        let target = atomic::resolve(path)?;
        let metadata = match fs::metadata(&target) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Absent),
            // A parent that is a file: nothing is there, and the folder that should hold it is the obstacle.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(Self::Absent),
            Err(error) => return Err(error),
        };
        if metadata.is_dir() {
            return Ok(Self::Directory);
        }
        if !metadata.is_file() {
            return Err(io::Error::other("is neither a file nor a folder"));
        }
        if metadata.len() > bounded::CONFIGURATION {
            let size = crate::support::units::bytes(metadata.len());
            return Err(io::Error::other(format!("is {size}, too large for a configuration file")));
        }
        Ok(Self::File(fs::read(&target)?, mode_of(&metadata)))
    }

    /// Reads what is at `path` without following a link there.
    ///
    /// # Errors
    /// As [`State::observe`].
    pub fn observe_link(path: &Path) -> io::Result<Self> {
        match fs::read_link(path) {
            Ok(target) => Ok(Self::Link(target)),
            Err(_) => Self::observe(path),
        }
    }

    /// Whether `now` is this state already: a file that may have any mode has the umask's.
    pub fn is_reached_by(&self, now: &Self) -> bool {
        match (self, now) {
            (Self::File(wanted, 0), Self::File(there, _)) => wanted == there,
            _ => self == now,
        }
    }

    /// The state with its content replaced by a digest.
    pub fn trace(&self) -> Trace {
        match self {
            Self::Absent => Trace::Absent,
            Self::Directory => Trace::Directory,
            Self::File(bytes, mode) => Trace::File { sha256: digest::sha256(bytes), mode: *mode },
            Self::Link(target) => Trace::Link { target: target.to_string_lossy().into_owned() },
        }
    }

    /// The content, when it is a file, without a copy.
    pub fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::File(bytes, _) => Some(bytes),
            _ => None,
        }
    }

    /// The content, when it is a file.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::File(bytes, _) => Some(bytes),
            _ => None,
        }
    }
}

impl Trace {
    /// True when `state` is what this trace describes. Permission bits do not count: a person may tighten them.
    pub fn matches(&self, state: &State) -> bool {
        match (self, state) {
            (Self::File { sha256, .. }, State::File(bytes, _)) => *sha256 == digest::sha256(bytes),
            (trace, state) => *trace == state.trace(),
        }
    }
}

#[cfg(unix)]
fn mode_of(metadata: &fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777
}

#[cfg(not(unix))]
fn mode_of(metadata: &fs::Metadata) -> u32 {
    if metadata.permissions().readonly() { 0o444 } else { 0o666 }
}
