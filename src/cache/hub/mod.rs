//! A hub file by file: what the verbs that move, delete or read contents need to know, of one repository at a time. `scan` sums
//! up; here is every blob, every link of every revision, every reference.
//!
//! Links are read and never followed. The layout is that of huggingface_hub 0.36 to 2.4, the shared store of 1.32 and later with
//! it.

mod read;

pub use read::Reading;
pub(in crate::cache) use read::named;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::stamp::Stamp;
use crate::models::hub::store;

/// A folder that holds repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hub {
    /// Where it is.
    pub folder: PathBuf,
    /// The store that its repositories share, if it has one (`<hub>/blobs`, with its marker).
    pub store: Option<PathBuf>,
}

/// A repository in a hub.
#[derive(Debug, Default)]
pub struct Repository {
    /// Its folder, `…/models--org--name`.
    pub folder: PathBuf,
    /// `org/name`.
    pub name: String,
    /// `model`, `dataset`, `space` or `kernel`.
    pub kind: &'static str,
    /// Its contents, by name; without those that are not finished.
    pub blobs: BTreeMap<OsString, Blob>,
    /// Its revisions, by commit.
    pub revisions: Vec<Revision>,
    /// Its branches and tags, and what they name, by name.
    pub references: Vec<Reference>,
    /// Files of unfinished downloads, of every client, with this tool's own (`.part`, `.state`).
    pub unfinished: Vec<(PathBuf, Stamp)>,
    /// What could not be read. Who deletes must then leave the repository alone: a link that was not seen may need a blob.
    pub problems: Vec<(PathBuf, io::Error)>,
}

/// A content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// `blobs/NAME`: a file, or the link into the shared store.
    pub stamp: Stamp,
    /// What it is.
    pub kind: BlobKind,
}

/// What stands at `blobs/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobKind {
    /// The bytes.
    Own,
    /// A link to a payload of the hub's shared store, be that marked as one or not: its path, and what is there (`None`: nothing).
    Shared(PathBuf, Option<Stamp>),
    /// A link to somewhere else, a folder, a device: nothing that any client makes.
    Foreign,
}

/// A commit in the cache.
#[derive(Debug, Default)]
pub struct Revision {
    /// As the folder is called.
    pub commit: OsString,
    /// Its folder.
    pub folder: PathBuf,
    /// The branches and tags that name it.
    pub references: Vec<String>,
    /// Its files.
    pub files: Vec<File>,
}

/// A file of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Below the revision's folder.
    pub path: PathBuf,
    /// What it is.
    pub kind: FileKind,
}

/// What a file of a revision is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// A link to this blob of the repository.
    Blob(OsString),
    /// The bytes themselves, where links cannot be made; maybe a hard link to a blob.
    Own(Stamp),
    /// A link to a blob that is not there.
    Dangling(OsString),
    /// A link to elsewhere, a device: nothing that any client makes.
    Foreign(PathBuf),
}

impl FileKind {
    /// The name of the blob that it leads to, whether there is anything behind that or not.
    pub const fn blob(&self) -> Option<&OsString> {
        match self {
            Self::Blob(name) | Self::Dangling(name) => Some(name),
            Self::Own(_) | Self::Foreign(_) => None,
        }
    }
}

/// A branch or tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `main`, `refs/pr/1`.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// The commit in it, where it holds one.
    pub commit: Option<String>,
}

/// What a repository is called when its kind has to be told (`org/name`, `datasets/org/name`), if a folder of this name is one's.
pub fn full_name(folder: &str) -> Option<String> {
    let (name, kind) = named(folder)?;
    Some(if kind == "model" { name } else { format!("{kind}s/{name}") })
}

impl Hub {
    /// The hub at `folder`.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), store: store::folder(folder) }
    }

    /// Whether a repository of it links into `<hub>/blobs`, be that marked as a store or not: then it is no cache of its own. Where
    /// it cannot be told, it does.
    pub fn links_into_store(&self) -> bool {
        // A kind of repository that nobody knows yet may be one as well.
        let Ok(mut folders) = std::fs::read_dir(&self.folder) else { return true };
        folders.any(|folder| match folder.and_then(|folder| std::fs::read_dir(folder.path().join("blobs"))) {
            Ok(mut blobs) => {
                blobs.any(|blob| blob.is_ok_and(|blob| read::leads_into_store(&blob.path(), &self.folder)))
            }
            Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
        })
    }

    /// The folders of its repositories, sorted.
    ///
    /// # Errors
    /// What the disk says.
    pub fn repositories(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() && entry.file_name().to_str().and_then(named).is_some() {
                found.push(entry.path());
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}

impl Repository {
    /// Reads the repository in `folder`, which lies in `hub`. What is not there is empty; what cannot be read is a problem.
    pub fn read(folder: &Path, hub: &Hub) -> Self {
        read::repository(folder, hub)
    }

    /// The same without contents and files: `reading` is given those.
    pub fn read_into(folder: &Path, hub: &Hub, reading: &mut dyn Reading) -> Self {
        read::read(folder, hub, reading)
    }

    /// The blobs that no revision has, or has a link to where the payload of the blob is gone.
    pub fn orphans(&self) -> impl Iterator<Item = (&OsString, &Blob)> {
        let files = self.revisions.iter().flat_map(|revision| &revision.files);
        let used: std::collections::HashSet<&OsString> = files.filter_map(|file| file.kind.blob()).collect();
        self.blobs.iter().filter(move |(name, _)| !used.contains(name))
    }

    /// `blobs/NAME`.
    pub fn blob(&self, name: &std::ffi::OsStr) -> PathBuf {
        self.folder.join("blobs").join(name)
    }
}

impl Revision {
    /// The names of the blobs that it has; one may come several times.
    pub fn blobs(&self) -> impl Iterator<Item = &OsString> {
        self.files.iter().filter_map(|file| match &file.kind {
            FileKind::Blob(name) => Some(name),
            _ => None,
        })
    }
}
