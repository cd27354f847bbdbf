//! Reads again whatever is cached and has a known digest, and tells what is damaged, without asking anybody.
//!
//! The digests lie beside the bytes, and mostly in their names: blobs of the Hub's cache and of Ollama, `trees/COMMIT.json`, the
//! marks of a `local_dir` download, torch's checkpoints, openai-whisper's models in the catalogue, the project's lock. `collect`
//! finds the files and what is said of each, every content once whatever names it has; `check` reads them.

mod check;
mod collect;
mod contents;
mod folders;
mod index;
mod local_dir;
mod names;
mod repository;
mod slot;
pub(in crate::cache) mod tree;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::ollama;
use super::stamp::Stamp;
use crate::catalogue::models::{Known, KnownFile};
use crate::fetch::Digest;

pub use check::{Damage, Found, Verdict, Verdicts, check};
pub use collect::{Scope, collect};
pub use contents::Contents;
pub use names::Digits;
pub use repository::owners;

/// Everything whose bytes can be checked, and what was seen on the way.
#[derive(Debug, Default)]
pub struct Collected {
    /// The contents, each once, and the files of which nobody has said what they are.
    pub contents: Contents,
    /// Files that should be there and are not.
    pub missing: Vec<Missing>,
    /// What is odd and no damage.
    pub notes: Vec<Note>,
    /// What could not be listed.
    pub problems: Vec<(PathBuf, String)>,
    /// The repositories of the Hub's caches that [`Owner::Repository`] means.
    pub repositories: Vec<Repo>,
    /// The stores that [`Owner::Ollama`] means.
    pub stores: Vec<Store>,
}

/// A repository in one of the Hub's caches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repo {
    /// Its folder.
    pub folder: PathBuf,
    /// `org/name`.
    pub name: String,
    /// `model`, `dataset` or `space`.
    pub kind: &'static str,
}

/// A store of Ollama, and its models.
#[derive(Debug)]
pub struct Store {
    /// Its folder.
    pub folder: PathBuf,
    /// What its manifests name.
    pub models: Vec<ollama::Model>,
}

/// Some bytes on the disk.
#[derive(Debug)]
pub struct Content {
    /// The files that are they: more than one where they are hard-linked, and something is said of each. The first is read.
    pub paths: Vec<PathBuf>,
    /// More of its names, of which nobody says what they are: a person's own file may be one, by a hard link of `dedupe`.
    pub unnamed: Vec<PathBuf>,
    /// What the disk said when it was found: what tells another content from it, and how many names it has. The rest is not kept.
    pub stamp: Stamp,
    /// What is said of it.
    pub claims: Vec<Claim>,
    /// Whose it is.
    pub owners: Vec<Owner>,
}

/// What somebody says of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// What its bytes are.
    pub expected: Expected,
    /// How many there are.
    pub size: Option<u64>,
    /// Who says so.
    pub by: By,
}

/// What bytes should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// This digest.
    Whole(Digest),
    /// A SHA-256 that begins with these hexadecimal digits.
    Begins(Digits),
}

/// Who says what a content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// Its own name.
    Name,
    /// The listing of its commit.
    Tree,
    /// The project's lock.
    Lock,
    /// The catalogue.
    Catalogue,
    /// The mark that a `local_dir` download leaves beside it.
    Mark,
    /// A manifest of Ollama.
    Manifest,
}

/// Whose a content is: how a person finds it, and how it could be fetched again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// A blob or a snapshot's own file, of the repository with this number.
    Repository(usize),
    /// A model of openai-whisper.
    Whisper(&'static Known, &'static KnownFile),
    /// A checkpoint of torch.
    Checkpoint,
    /// A layer in the store with this number.
    Ollama(usize),
    /// A file that was downloaded with `local_dir=`.
    LocalDir,
    /// A file of the lock.
    Locked(Locked),
}

/// A file of the lock, by numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locked {
    /// The model.
    pub model: usize,
    /// Its part.
    pub part: usize,
    /// The part's file.
    pub file: usize,
}

/// A file that should be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Where a program would open it.
    pub path: PathBuf,
    /// Whose it is.
    pub owner: Owner,
    /// What it should be.
    pub digest: Option<Digest>,
    /// How many bytes it should have.
    pub size: Option<u64>,
    /// Why it should be there.
    pub why: Why,
}

/// Why a file should be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A link leads to it.
    Linked,
    /// This tool has brought the whole commit, and its listing has it.
    Listed,
    /// The lock has it, and others of the same model are here.
    Locked,
    /// A manifest of Ollama names it.
    Manifest,
}

/// Something odd that is no damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A revision with fewer files than its commit, as after a download of some of them.
    Partial {
        /// The repository.
        repository: usize,
        /// Its commit.
        commit: OsString,
        /// How many files of it are here.
        here: usize,
        /// How many it has.
        all: usize,
    },
    /// A branch or tag that names no commit which is here.
    BrokenReference {
        /// The repository.
        repository: usize,
        /// What it is called.
        name: String,
    },
    /// A link that leads out of the repository: it was not followed.
    Foreign(PathBuf),
    /// A link to another content than its commit's listing says. What it leads to is what its own name says.
    Astray(PathBuf),
    /// A model of the lock of which nothing is here: its number.
    Absent(usize),
    /// A blob that links to a payload of the shared store which is gone, and that no revision has.
    LostPayload(PathBuf),
}

impl Claim {
    /// Takes over what another one says who means the same bytes: their size, where that is not known. False where they differ.
    fn adopts(&mut self, other: &Self) -> bool {
        let agree = self.expected == other.expected && (self.size.is_none() || self.size == other.size);
        if agree {
            self.size = self.size.or(other.size);
        }
        agree
    }
}

impl Content {
    /// The file that is read.
    pub fn path(&self) -> &Path {
        self.paths.first().map_or(Path::new(""), PathBuf::as_path)
    }

    /// What it must be as a whole, where all agree.
    pub fn digest(&self) -> Option<Digest> {
        let mut wholes = self.claims.iter().filter_map(|claim| match claim.expected {
            Expected::Whole(digest) => Some(digest),
            Expected::Begins(_) => None,
        });
        let first = wholes.next()?;
        // Git's name and a SHA-256 of one content differ and agree.
        let contradicts =
            |other: &Digest| std::mem::discriminant(other) == std::mem::discriminant(&first) && *other != first;
        (!wholes.any(|other| contradicts(&other))).then_some(first)
    }

    /// Its size, where somebody says it.
    pub fn expected_size(&self) -> Option<u64> {
        self.claims.iter().find_map(|claim| claim.size)
    }
}
