//! One file to fetch, and who decides about it once it is here.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Credential, Digest, Proof};

/// One file to fetch: where it comes from, what it must be, where it goes.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// What a person calls it: its path in the repository, or its file name. Foreign text: escape it when shown.
    pub label: String,
    /// The index of the model that it belongs to, for sums and for the final table.
    pub group: usize,
    /// Where it comes from: `http` or `https`.
    pub url: String,
    /// Its size in bytes, where the source says it.
    pub size: Option<u64>,
    /// What its bytes must be; without it, they are trusted on first use and the proof is recorded.
    pub digest: Option<Digest>,
    /// Its final name, absolute.
    pub destination: PathBuf,
    /// The folder for its unfinished bytes, on the destination's file system; made when needed. Shared by those of a repository.
    pub partials: Arc<Path>,
    /// The token for its URL, and the origins that may see it.
    pub credential: Option<Arc<Credential>>,
    /// By which its [`Steward`] knows it again; nothing to the engine.
    pub key: usize,
}

/// What is to be fetched, each made when its turn comes: 20,000 of them at once take 10 MB.
pub trait Order: Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// The size of one of them.
    fn size(&self, index: usize) -> Option<u64>;

    /// One of them; the same each time.
    fn artifact(&self, index: usize) -> Artifact;
}

/// Artifacts that are there already.
pub(super) struct All<'a>(pub(super) &'a [Artifact]);

impl Order for All<'_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn size(&self, index: usize) -> Option<u64> {
        self.0[index].size
    }

    fn artifact(&self, index: usize) -> Artifact {
        self.0[index].clone()
    }
}

/// Who owns the places that files are fetched into.
///
/// `admit` and `settle` come from the engine's worker threads, for each artifact once and in this order.
pub trait Steward: Sync {
    /// Whether what has the artifact's final name is known to be damaged: it is fetched although a file of its size is there, which
    /// keeps its name until the right bytes take it.
    fn is_stale(&self, artifact: &Artifact) -> bool {
        let _ = artifact;
        false
    }

    /// The bytes in `file` are proven and have not got their final name yet; an error keeps them from it and says why. `bytes`
    /// are all of them, where they are few and in memory still.
    ///
    /// # Errors
    /// Why the file may not come into the cache, in a sentence for a person.
    fn admit(&self, artifact: &Artifact, file: &Path, bytes: Option<&[u8]>, proof: &Proof) -> Result<(), String> {
        let _ = (artifact, file, bytes, proof);
        Ok(())
    }

    /// The file has its final name, now or since an earlier run: make the links, references and records that go with it.
    ///
    /// # Errors
    /// What the disk says.
    fn settle(&self, artifact: &Artifact) -> io::Result<()> {
        let _ = artifact;
        Ok(())
    }
}
