//! What is wrong with one file, in the terms of people and programs.

use std::path::{Path, PathBuf};

use super::cure::Remedy;
use crate::cache::ollama;
use crate::cache::verify::{By, Collected, Content, Damage, Expected, Found, Missing, Owner, Why, owners};
use crate::fetch::Digest;
use crate::models::lock::Lock;
use crate::models::locked::Model;
use crate::support::quoted;

/// What is wrong with one file.
#[derive(Debug)]
pub(super) struct Finding {
    /// Whose it is, as [`quoted::text`] has names; foreign text.
    pub(super) model: String,
    /// What it is called there, written so as well.
    pub(super) file: String,
    /// Where it lies.
    pub(super) path: PathBuf,
    /// Whether its path is the only word that means it and nothing else.
    pub(super) is_loose: bool,
    /// What is wrong.
    pub(super) kind: Kind,
    /// What it should be.
    pub(super) expected: Option<String>,
    /// Who says so.
    pub(super) by: Option<&'static str>,
    /// What it is.
    pub(super) found: Option<String>,
    /// How many bytes it should have.
    pub(super) size: Option<u64>,
    /// Its names that are a person's own: they keep what they have.
    pub(super) own: Vec<PathBuf>,
    /// How many names the file has that were not found: they keep it too.
    pub(super) elsewhere: u64,
    /// What mends it.
    pub(super) remedy: Remedy,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Other bytes.
    Damaged,
    /// More or fewer bytes.
    Size,
    /// A link leads to nothing, or a manifest names what is not there.
    Missing,
    /// A file of a model that is here otherwise.
    Incomplete,
}

impl Kind {
    /// As `models verify` says it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Size => "another size",
            Self::Missing => "missing",
            Self::Incomplete => "incomplete",
        }
    }
}

/// Where a file stands in the cache and in the lock.
pub(super) struct Desk<'a> {
    pub(super) found: &'a Collected,
    pub(super) lock: Option<&'a Lock>,
}

/// What a file is called: whose it is, and its name there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Called {
    pub(super) model: String,
    pub(super) file: String,
}

impl<'a> Desk<'a> {
    pub(super) fn locked(&self, owner: &Owner) -> Option<(&'a Model, usize, usize)> {
        let Owner::Locked(at) = owner else { return None };
        self.lock?.models.get(at.model).map(|model| (model, at.part, at.file))
    }

    /// What is wrong with a damaged content.
    pub(super) fn damaged(&self, content: &Content, damage: &Damage, (remedy, own): (Remedy, Vec<PathBuf>)) -> Finding {
        let Called { model, file } = self.called(content);
        let (kind, expected, found) = match damage.found {
            Found::Size(found) => (Kind::Size, damage.claim.size.map(|size| size.to_string()), Some(found.to_string())),
            Found::Digest(found) => {
                let expected = match &damage.claim.expected {
                    Expected::Whole(digest) => digest.to_string(),
                    Expected::Begins(digits) => format!("sha256:{digits}…"),
                };
                (Kind::Damaged, Some(expected), Some(found.to_string()))
            }
        };
        let size = content.expected_size().or(Some(content.stamp.size));
        let path = content.path().to_path_buf();
        let elsewhere = content.stamp.names.saturating_sub((content.paths.len() + content.unnamed.len()) as u64);
        let is_loose = content.owners.iter().all(|owner| matches!(owner, Owner::Checkpoint | Owner::LocalDir));
        Finding {
            is_loose,
            own,
            elsewhere,
            model,
            file,
            path,
            kind,
            expected,
            by: Some(by(damage.claim.by)),
            found,
            size,
            remedy,
        }
    }

    /// What is wrong with a file that is not there.
    pub(super) fn missing(&self, missing: &Missing, remedy: Remedy) -> Finding {
        let Called { model, file } = self.called_missing(missing);
        let kind = match missing.why {
            Why::Linked | Why::Manifest => Kind::Missing,
            Why::Listed | Why::Locked => Kind::Incomplete,
        };
        let by = match missing.why {
            Why::Linked => "a link leads to it",
            Why::Listed => "modelstrap has brought the whole commit",
            Why::Locked => "the lock has it",
            Why::Manifest => "its model's manifest has it",
        };
        let expected = missing.digest.map(|digest: Digest| digest.to_string());
        let (path, size) = (missing.path.clone(), missing.size);
        let is_loose = false;
        Finding {
            is_loose,
            model,
            file,
            path,
            kind,
            expected,
            by: Some(by),
            found: None,
            size,
            own: Vec::new(),
            elsewhere: 0,
            remedy,
        }
    }

    /// The lock's name for it first: it is the person's own.
    pub(super) fn called(&self, content: &Content) -> Called {
        let locked = content.owners.iter().find_map(|owner| self.locked(owner));
        if let Some((model, part, file)) = locked {
            return of_lock(model, part, file);
        }
        let named = |owner: &Owner| match owner {
            Owner::Repository(at) => {
                let repo = self.found.repositories.get(*at)?;
                let files = owners(repo, content);
                let file = files.first().map_or_else(|| base(content.path()), |(_, path)| path.clone());
                Some(Called { model: repo.name.clone(), file })
            }
            Owner::Whisper(known, file) => Some(Called { model: known.name.to_owned(), file: file.path.to_owned() }),
            Owner::Ollama(at) => {
                let digest = content.digest()?;
                Some(Called { model: self.layer_of(*at, &digest).join(", "), file: base(content.path()) })
            }
            Owner::Checkpoint => Some(Called { model: base(content.path()), file: base(content.path()) }),
            Owner::LocalDir => {
                let folder = content.path().parent().unwrap_or(Path::new(""));
                Some(Called { model: base(folder), file: base(content.path()) })
            }
            Owner::Locked(_) => None,
        };
        let other = || Called { model: base(content.path()), file: base(content.path()) };
        content.owners.iter().find_map(named).unwrap_or_else(other)
    }

    pub(super) fn called_missing(&self, missing: &Missing) -> Called {
        if let Some((model, part, file)) = self.locked(&missing.owner) {
            return of_lock(model, part, file);
        }
        match &missing.owner {
            Owner::Repository(at) => {
                let repo = self.found.repositories.get(*at);
                let within = repo.and_then(|repo| missing.path.strip_prefix(repo.folder.join("snapshots")).ok());
                let file = within.map(|path| path.components().skip(1).collect::<PathBuf>());
                let file = file.map_or_else(|| base(&missing.path), quoted::text);
                Called { model: repo.map_or_else(String::new, |repo| repo.name.clone()), file }
            }
            Owner::Ollama(at) => {
                let models = missing.digest.map(|digest| self.layer_of(*at, &digest)).unwrap_or_default();
                Called { model: models.join(", "), file: base(&missing.path) }
            }
            _ => Called { model: base(&missing.path), file: base(&missing.path) },
        }
    }

    /// The models of the store that have the layer.
    pub(super) fn layer_of(&self, store: usize, digest: &Digest) -> Vec<String> {
        let models = self.found.stores.get(store).map(|store| &store.models);
        let has = |model: &&ollama::Model| model.layers.iter().any(|layer| layer.digest == *digest);
        models.into_iter().flatten().filter(has).map(|model| model.name.clone()).collect()
    }
}

fn of_lock(model: &Model, part: usize, file: usize) -> Called {
    let file = model.parts.get(part).and_then(|part| part.files.get(file));
    Called { model: model.name.clone(), file: file.map_or_else(String::new, |file| file.path.clone()) }
}

fn base(path: &Path) -> String {
    quoted::text(path.file_name().unwrap_or(path.as_os_str()))
}

const fn by(by: By) -> &'static str {
    match by {
        By::Name => "its name",
        By::Tree => "its commit's listing",
        By::Lock => "the lock",
        By::Catalogue => "the catalogue",
        By::Mark => "the mark of its download",
        By::Manifest => "its model's manifest",
    }
}
