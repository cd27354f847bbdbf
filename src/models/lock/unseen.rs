//! Which files this machine has locked before their content was here. A lock that was committed vouches for pickles; what was
//! only just written into it by `models lock` or `models update` has been seen by nobody, and is looked into when it comes.

use std::collections::{BTreeSet, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::fetch::Digest;
use crate::models::lock::Lock;
use crate::models::locked::Model;
use crate::support::own_folder;
use crate::support::{atomic, bounded, escape};

/// Below the project's own state folder.
pub const FILE: &str = "unseen";

/// More than any lock has.
const MAX_SIZE: u64 = 256 << 20;

/// The digests, as they were noted.
pub struct Unseen {
    path: PathBuf,
    digests: BTreeSet<String>,
}

impl Unseen {
    /// Reads what the project's `state` folder says; nothing is unseen where it says nothing.
    pub fn load(state: &Path) -> Self {
        let path = state.join(FILE);
        let bytes = bounded::read(&path, MAX_SIZE).unwrap_or_default();
        let digests = String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect();
        Self { path, digests }
    }

    /// The digests of `lock` that are not among these.
    pub fn vouched(&self, lock: &Lock) -> HashSet<Digest> {
        of(&lock.models).filter(|digest| !self.digests.contains(&digest.to_string())).collect()
    }

    /// Notes what `new` has and `old` has not.
    ///
    /// # Errors
    /// When the note cannot be written: then the lock must not be, either.
    pub fn note(&mut self, old: Option<&Lock>, new: &Lock) -> Result<()> {
        let before: HashSet<Digest> = old.into_iter().flat_map(|lock| of(&lock.models)).collect();
        let fresh = of(&new.models).filter(|digest| !before.contains(digest)).map(|digest| digest.to_string());
        let many = self.digests.len();
        self.digests.extend(fresh);
        if self.digests.len() == many { Ok(()) } else { self.write() }
    }

    /// Forgets what has come, and was looked into on its way.
    ///
    /// # Errors
    /// When the note cannot be written.
    pub fn came<'a>(&mut self, models: impl IntoIterator<Item = &'a Model>) -> Result<()> {
        let many = self.digests.len();
        for digest in of(models) {
            self.digests.remove(&digest.to_string());
        }
        if self.digests.len() == many { Ok(()) } else { self.write() }
    }

    /// Forgets what `lock` does not have, after something else than this tool's usual verbs has changed it.
    ///
    /// # Errors
    /// When the note cannot be written.
    pub fn keep_only(&mut self, lock: Option<&Lock>) -> Result<()> {
        if self.digests.is_empty() {
            return Ok(());
        }
        let locked: BTreeSet<String> =
            lock.into_iter().flat_map(|lock| of(&lock.models)).map(|digest| digest.to_string()).collect();
        self.digests.retain(|digest| locked.contains(digest));
        self.write()
    }

    fn write(&self) -> Result<()> {
        if self.digests.is_empty() {
            let gone = std::fs::remove_file(&self.path);
            let gone = gone.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) });
            return gone.with_context(|| format!("{} cannot be removed", escape::path(&self.path)));
        }
        let text: String = self.digests.iter().map(|digest| format!("{digest}\n")).collect();
        own_folder::make(self.path.parent().unwrap_or(&self.path))
            .and_then(|()| atomic::replace(&self.path, text.as_bytes(), None, "unseen"))
            .with_context(|| format!("{} cannot be written", escape::path(&self.path)))
    }
}

fn of<'a>(models: impl IntoIterator<Item = &'a Model>) -> impl Iterator<Item = Digest> {
    models.into_iter().flat_map(|model| &model.parts).flat_map(|part| &part.files).filter_map(|file| file.digest)
}
