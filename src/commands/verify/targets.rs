//! Which of what is cached is meant by the words of the command line.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::super::Usage;
use super::super::words::Ground;
use crate::cache::Place;
use crate::cache::ollama::Model;
use crate::cache::places::Kind;
use crate::cache::verify::{Collected, Content, Missing, Note, Owner, Repo, Store};
use crate::fetch::Digest;
use crate::models::lock::Lock;
use crate::support::nearest::nearest;
use crate::support::{paths, quoted};

/// What is meant; everything, without words.
#[derive(Debug, Default)]
pub(super) struct Targets {
    words: Vec<Word>,
}

#[derive(Debug, Default)]
struct Word {
    /// The names that it can be read as, one or two, as [`quoted::text`] has them.
    names: Vec<String>,
    /// The paths that it is, links followed.
    reals: Vec<PathBuf>,
    /// Where the links in those folders lead: a snapshot is a folder of them.
    files: HashSet<PathBuf>,
}

/// A folder with more files than this is no snapshot.
const MOST: usize = 100_000;

impl Targets {
    /// What `words` mean, seen from where somebody is.
    pub(super) fn of(words: &[OsString], ground: &Ground<'_>) -> Self {
        let is_any = |word: &&OsString| word.to_str().is_none_or(|word| !word.trim().is_empty());
        Self { words: words.iter().filter(is_any).map(|word| Word::of(word, ground)).collect() }
    }

    /// Whether everything is meant.
    pub(super) fn is_all(&self) -> bool {
        self.words.is_empty()
    }

    /// `places`, and the folders and files that were named and lie in none of them.
    pub(super) fn places(&self, places: Vec<Place>) -> Vec<Place> {
        let mut all = places;
        for real in self.words.iter().flat_map(|word| &word.reals) {
            if !all.iter().any(|place| real.starts_with(&place.real)) {
                let name = quoted::text(real);
                all.push(Place::at(name, real.clone(), Kind::Stray { whose: "you".to_owned() }));
            }
        }
        all
    }

    /// Leaves in `found` what is meant.
    ///
    /// # Errors
    /// When a word means nothing that is cached.
    pub(super) fn restrict(&self, found: &mut Collected, lock: Option<&Lock>) -> Result<(), Usage> {
        if self.is_all() {
            return Ok(());
        }
        let names = Names::of(found, lock);
        for word in &self.words {
            let meant = found.contents.iter().any(|content| word.means(&content, &names))
                || found.missing.iter().any(|missing| word.lacks(missing, &names))
                || found.contents.unproven().any(|(path, _)| word.is_unproven(&path, &found.repositories));
            if !meant && word.reals.is_empty() {
                let near = nearest(word.said(), names.all().chain(files(found)));
                let near = near.map_or_else(String::new, |near| format!("; did you mean `{}`?", quoted::shown(&near)));
                return Err(Usage(format!("nothing in the cache is called {}{near}", quoted::shown(word.said()))));
            }
        }
        found.contents.mean(|content| self.words.iter().any(|word| word.means(content, &names)));
        found.missing.retain(|missing| self.words.iter().any(|word| word.lacks(missing, &names)));
        let meant = |note: &Note| {
            let owner = match note {
                Note::Partial { repository, .. } | Note::BrokenReference { repository, .. } => {
                    Owner::Repository(*repository)
                }
                Note::Foreign(path) | Note::Astray(path) | Note::LostPayload(path) => {
                    return self.words.iter().any(|word| word.holds(path));
                }
                Note::Absent(_) => return false,
            };
            self.words.iter().any(|word| names.of_owner(&owner, None, |name| word.is(name)))
        };
        found.notes.retain(meant);
        let repositories = &found.repositories;
        found.contents.mean_unproven(|path| self.words.iter().any(|word| word.is_unproven(path, repositories)));
        Ok(())
    }
}

/// What the files are called.
fn files(found: &Collected) -> impl Iterator<Item = String> {
    let proven = found.contents.iter().flat_map(|content| content.paths.into_iter().chain(content.unnamed));
    let all = proven.chain(found.contents.unproven().map(|(path, _)| path));
    all.filter_map(|path| path.file_name().map(quoted::text))
}

/// What owners are called.
struct Names {
    repositories: Vec<(String, &'static str)>,
    /// Of each store of Ollama, its models and their layers.
    stores: Vec<Vec<(String, Vec<Digest>)>>,
    locked: Vec<String>,
}

impl Names {
    fn of(found: &Collected, lock: Option<&Lock>) -> Self {
        let layers = |model: &Model| (model.name.clone(), model.layers.iter().map(|layer| layer.digest).collect());
        let models = |store: &Store| store.models.iter().map(layers).collect();
        Self {
            repositories: found.repositories.iter().map(|repo| (repo.name.clone(), repo.kind)).collect(),
            stores: found.stores.iter().map(models).collect(),
            locked: lock.iter().flat_map(|lock| &lock.models).map(|model| model.name.clone()).collect(),
        }
    }

    /// Every name that a person may give.
    fn all(&self) -> impl Iterator<Item = String> {
        let repositories = self.repositories.iter().map(|(name, _)| name);
        let layers = self.stores.iter().flatten().map(|(name, _)| name);
        repositories.chain(layers).chain(&self.locked).cloned()
    }

    /// Whether one of the names of `owner` is meant; `digest` says which layer of a store it is.
    fn of_owner(&self, owner: &Owner, digest: Option<Digest>, mut is: impl FnMut(&str) -> bool) -> bool {
        match owner {
            Owner::Repository(at) => self
                .repositories
                .get(*at)
                .is_some_and(|(name, kind)| is(name) || is(&format!("hf:{name}")) || is(&format!("{kind}s/{name}"))),
            Owner::Whisper(known, _) => known.names().any(is),
            Owner::Ollama(at) => self.stores.get(*at).into_iter().flatten().any(|(name, layers)| {
                let short = name.strip_suffix(":latest").unwrap_or(name);
                digest.is_some_and(|digest| layers.contains(&digest)) && (is(name) || is(short))
            }),
            Owner::Locked(locked) => self.locked.get(locked.model).is_some_and(|name| is(name)),
            Owner::Checkpoint | Owner::LocalDir => false,
        }
    }
}

impl Word {
    fn of(word: &OsStr, ground: &Ground<'_>) -> Self {
        let mut found = Self::default();
        for name in quoted::readings(word) {
            if let Some(real) = ground.at(&name).and_then(|path| path.canonicalize().ok()) {
                if real.is_dir() {
                    links(&real, &mut found.files);
                }
                found.reals.push(real);
            }
            found.names.push(name);
        }
        found
    }

    /// The word for a person.
    fn said(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    fn is(&self, name: &str) -> bool {
        self.names.iter().any(|own| name.eq_ignore_ascii_case(own.trim()))
    }

    fn holds(&self, path: &Path) -> bool {
        if self.reals.is_empty() {
            return false;
        }
        let real = paths::real_place(path).unwrap_or_else(|| path.to_path_buf());
        self.reals.iter().any(|own| real.starts_with(own)) || self.files.contains(&real)
    }

    fn means(&self, content: &Content, names: &Names) -> bool {
        content.owners.iter().any(|owner| names.of_owner(owner, content.digest(), |name| self.is(name)))
            || content.paths.iter().chain(&content.unnamed).any(|path| self.holds(path) || self.is_file(path))
    }

    fn lacks(&self, missing: &Missing, names: &Names) -> bool {
        let folder = missing.path.parent().unwrap_or(&missing.path);
        names.of_owner(&missing.owner, missing.digest, |name| self.is(name))
            || self.holds(folder)
            || self.is_file(&missing.path)
            || self.names.iter().any(|name| missing.path == quoted::path(name))
    }

    /// Whether a file is meant of which nobody says what it is.
    fn is_unproven(&self, path: &Path, repositories: &[Repo]) -> bool {
        let within = |repo: &Repo| self.is(&repo.name) && path.starts_with(&repo.folder);
        self.is_file(path) || self.holds(path) || repositories.iter().any(within)
    }

    /// Whether the word is the file's own name, such as `base.pt`.
    fn is_file(&self, path: &Path) -> bool {
        path.file_name().is_some_and(|name| self.is(&quoted::text(name)))
    }
}

/// Where the links below `folder` lead.
fn links(folder: &Path, files: &mut HashSet<PathBuf>) {
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => waiting.push(entry.path()),
                Ok(kind) if kind.is_symlink() => files.extend(std::fs::canonicalize(entry.path()).ok()),
                _ => {}
            }
            if files.len() + waiting.len() > MOST {
                return;
            }
        }
    }
}
