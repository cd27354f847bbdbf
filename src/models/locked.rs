//! What a model is, exactly: the form that the lock file keeps.

use std::ops::Deref;
use std::sync::Arc;

use crate::fetch::Digest;

/// A model, resolved: the same bytes on every machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The manifest's key, or the spec itself for one named on the command line.
    pub name: String,
    /// The spec, in its canonical form.
    pub spec: String,
    /// What it is made of: one repository, or the several that a pipeline needs.
    pub parts: Vec<Part>,
}

/// One repository, release or group of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it lies, there and here.
    pub place: Place,
    /// Its files, sorted by path, each path once.
    pub files: Files,
}

/// The files of a part. A copy shares them: a model of 20,000 files is held by the lock, by what is to be brought and by what
/// was brought, and takes 3 MB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(Arc<Vec<File>>);

impl Files {
    /// To change them, apart from all copies.
    pub fn to_mut(&mut self) -> &mut Vec<File> {
        Arc::make_mut(&mut self.0)
    }
}

impl Deref for Files {
    type Target = [File];

    fn deref(&self) -> &[File] {
        &self.0
    }
}

impl From<Vec<File>> for Files {
    fn from(files: Vec<File>) -> Self {
        Self(Arc::new(files))
    }
}

impl FromIterator<File> for Files {
    fn from_iter<I: IntoIterator<Item = File>>(files: I) -> Self {
        Vec::from_iter(files).into()
    }
}

impl<'a> IntoIterator for &'a Files {
    type Item = &'a File;
    type IntoIter = std::slice::Iter<'a, File>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Where a part comes from, and which library's folder it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A repository of the Hub, into the Hub's cache.
    Hub(HubPlace),
    /// Files with URLs of their own, into the folder of a library.
    Files {
        /// Whose folder.
        home: FilesHome,
    },
    /// A repository of code, as `torch.hub.load` keeps it.
    TorchHub {
        /// `owner`
        owner: String,
        /// `name`
        repo: String,
        /// The folder's suffix: the branch or tag that the library will ask for, with `/` as `_`.
        reference: String,
        /// The commit that it was.
        commit: String,
    },
    /// A wheel, kept in the cache and installed into an environment.
    Wheel {
        /// The environment of the manifest; without it the wheel is only kept.
        environment: Option<String>,
    },
}

/// A repository of the Hub at one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubPlace {
    /// `model`, `dataset` or `space`.
    pub repo_type: RepoType,
    /// `owner/name`, in the letter case that the library will ask for.
    pub repo: String,
    /// The branch, tag or commit that was asked for.
    pub requested: String,
    /// 40 lower-case hexadecimal digits.
    pub commit: String,
    /// True when `files` is everything that the commit holds: only then may a tree file be written.
    pub complete: bool,
}

/// The kinds of repositories on the Hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RepoType {
    /// `models--…`
    Model,
    /// `datasets--…`
    Dataset,
}

/// Whose folder plain files go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FilesHome {
    /// openai-whisper's.
    Whisper,
    /// `torch/hub/checkpoints`.
    TorchCheckpoints,
    /// `torch/hub/torchaudio`: what torchaudio's `download_asset` keeps.
    TorchaudioAssets,
    /// The cache root's own folder for `url:` models.
    Files,
}

/// The most bytes that one file can have: 8 TiB, far above what any hub takes. A million such files are still a number that 64
/// bits hold, so that sums need no care.
pub const LARGEST_FILE: u64 = 8 << 40;

/// One file of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path in the part, with `/`; checked: it never leads upwards, nor is it absolute on any system.
    pub path: String,
    /// In bytes; unknown only for a URL that was never fetched.
    pub size: Option<u64>,
    /// What its bytes are; unknown only for a URL that was never fetched.
    pub digest: Option<Digest>,
    /// Where it is, for parts whose place does not say it.
    pub url: Option<String>,
}
