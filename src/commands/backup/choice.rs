//! What of the cache is stored: everything in the homes, or what a person names.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::super::context::Context;
use super::super::survey::Survey;
use super::super::words::Ground;
use crate::cache::Kind;
use crate::cache::archive::gather::Root;
use crate::cache::archive::names::{self, Name, Role};
use crate::cache::hub::{self, Hub, Repository};
use crate::cache::parts;
use crate::models::hub::layout;
use crate::models::lock::{self, Lock};
use crate::models::locked::{Model, Place};
use crate::models::sources;
use crate::support::{bounded, nearest, paths, quoted};

/// The folders of the cache, by the names that they have in archives. Where a variable leads a library elsewhere, its folder has the
/// name that it would have in the cache root: whoever restores it may have no such variable.
pub(super) fn roots(survey: &Survey) -> Vec<Root> {
    let homes = &survey.homes;
    let mut roots = Vec::new();
    for (prefix, path) in [("huggingface/hub", &homes.hub), ("torch/hub", &homes.torch_hub)] {
        if *path != homes.root.join(prefix) && path.is_dir() {
            let path = paths::real_place(path).unwrap_or_else(|| path.clone());
            roots.push(Root { prefix: prefix.as_bytes().to_vec(), path });
        }
    }
    for place in survey.places.iter().filter(|place| place.kind == Kind::Home) {
        let inside = place.path.strip_prefix(&homes.root).ok().and_then(names::of_path);
        if let Some(prefix) = inside.filter(|prefix| !prefix.is_empty() && !prefix.starts_with(b".modelstrap")) {
            roots.push(Root { prefix, path: place.real.clone() });
        }
    }
    roots
}

/// What is wanted.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// Everything.
    all: bool,
    /// Files, and folders with all that is in them.
    trees: Vec<Vec<u8>>,
    /// Single names: of a revision, its blobs and links.
    exact: HashSet<Vec<u8>>,
    /// Hubs of which something is wanted: their shared stores give what is used of them.
    hubs: HashSet<Vec<u8>>,
}

impl Choice {
    /// What `words` name; everything, if there are none.
    ///
    /// # Errors
    /// When a word names nothing that is in the cache.
    pub(super) fn of(context: &Context, survey: &Survey, roots: &[Root], words: &[OsString]) -> Result<Self> {
        let mut choice = Self { all: words.is_empty(), ..Self::default() };
        let lock = read_lock(survey);
        let start = context.start()?;
        for word in words {
            let mut found = false;
            // A word that looks quoted may be a name that is written so: what could be meant is stored.
            for name in quoted::readings(word) {
                let model = lock.iter().flat_map(|lock| &lock.models).find(|model| model.name == name);
                found |= match model {
                    Some(model) => choice.model(survey, roots, model)?,
                    None => choice.repository(survey, roots, &name) || choice.path(&start, survey, roots, &name),
                };
            }
            if !found {
                let word = quoted::given(word);
                let near = nearest(&word, roots, lock.as_ref())
                    .map(|near| format!("; did you mean `{}`?", quoted::shown(near)));
                bail!(
                    "nothing in the cache is called {}{}\n  it takes a model that modelstrap.lock names, a repository as \
                     org/name or org/name@REVISION, or a file or folder of the cache; `modelstrap status --models` lists them",
                    quoted::shown(&word),
                    near.unwrap_or_default()
                );
            }
        }
        Ok(choice)
    }

    /// Whether `name` is wanted.
    pub(super) fn wants(&self, name: &Name, stores: &[Vec<u8>]) -> bool {
        let in_tree = |tree: &Vec<u8>| name.bytes() == &tree[..] || name.below(tree).is_some();
        if self.all || self.exact.contains(name.bytes()) || self.trees.iter().any(in_tree) {
            return true;
        }
        let shared = matches!(name.role(stores), Role::Payload | Role::Marker | Role::Users);
        shared && self.hubs.iter().any(|hub| name.below(hub).is_some())
    }

    fn model(&mut self, survey: &Survey, roots: &[Root], model: &Model) -> Result<bool> {
        let mut found = false;
        for part in &model.parts {
            match &part.place {
                Place::Hub(place) => {
                    let folder = layout::Repository::of(place, &survey.homes.hub).root();
                    found |= self.revision(roots, &folder, Some(&place.commit));
                }
                other => {
                    for file in &part.files {
                        let path = sources::visible(other, file, &survey.homes)?;
                        let name =
                            path.filter(|path| path.symlink_metadata().is_ok()).and_then(|path| named(roots, &path));
                        found |= name.is_some();
                        self.trees.extend(name);
                    }
                }
            }
        }
        Ok(found)
    }

    /// `org/name`, `org/name@REVISION`, also of a dataset or space.
    fn repository(&mut self, survey: &Survey, roots: &[Root], word: &str) -> bool {
        let word = word.strip_prefix("hf:").unwrap_or(word);
        let (name, revision) = word.split_once('@').map_or((word, None), |(name, revision)| (name, Some(revision)));
        let plain = !name.is_empty() && !name.contains("..") && !name.starts_with(['/', '.']) && !name.contains('\\');
        if !plain || name.split('/').count() > 2 {
            return false;
        }
        let mut found = false;
        let mut hubs: Vec<PathBuf> = vec![survey.homes.hub.clone()];
        hubs.extend(roots.iter().flat_map(|root| [root.path.clone(), root.path.join("hub")]));
        hubs.dedup();
        for hub in hubs {
            for kind in ["models", "datasets", "spaces"] {
                let folder = hub.join(format!("{kind}--{}", name.replace('/', "--")));
                found |= folder.is_dir() && self.revision(roots, &folder, revision);
            }
        }
        found
    }

    /// A repository, or one revision of it: a commit, the beginning of one, a branch or a tag.
    fn revision(&mut self, roots: &[Root], folder: &Path, revision: Option<&str>) -> bool {
        let Some(name) = named(roots, folder) else { return false };
        let Some(hub) = name.iter().rposition(|byte| *byte == b'/').map(|end| name[..end].to_vec()) else {
            return false;
        };
        let Some(revision) = revision else {
            self.hubs.insert(hub);
            self.trees.push(name);
            return folder.is_dir();
        };
        let repository = Repository::read(folder, &Hub::at(folder.parent().unwrap_or(folder)));
        let is_it = |commit: &str, references: &[String]| {
            commit == revision
                || references.iter().any(|reference| reference == revision)
                || (revision.len() >= 7 && commit.starts_with(revision))
        };
        let mut found = false;
        for one in &repository.revisions {
            let Some(commit) = one.commit.to_str().filter(|commit| is_it(commit, &one.references)) else { continue };
            found = true;
            let at = |rest: &str| [&name[..], b"/", rest.as_bytes()].concat();
            self.trees.extend(["snapshots", ".no_exist"].map(|part| at(&format!("{part}/{commit}"))));
            self.exact.insert(at(&format!("trees/{commit}.json")));
            let named = repository.references.iter().filter(|reference| reference.commit.as_deref() == Some(commit));
            self.exact.extend(named.map(|reference| at(&format!("refs/{}", reference.name))));
            let blobs = one.blobs().filter_map(|blob| names::of_text(blob));
            self.exact.extend(blobs.map(|blob| [&at("blobs/")[..], &blob].concat()));
        }
        if found {
            self.hubs.insert(hub);
        }
        found
    }

    /// A file or folder, from here or from the cache root.
    fn path(&mut self, start: &Path, survey: &Survey, roots: &[Root], word: &str) -> bool {
        let ground = Ground { start, layout: &survey.layout };
        let in_cache = paths::absolute(&survey.homes.root, &quoted::path(word));
        let in_cache = Some(in_cache).filter(|path| path.symlink_metadata().is_ok());
        let mut found = ground.at(word).into_iter().chain(in_cache);
        let is_plain = |path: &PathBuf| !paths::has_parent_component(path);
        let Some((name, path)) =
            found.find_map(|path| Some((named(roots, &path)?, path)).filter(|(_, path)| is_plain(path)))
        else {
            return false;
        };
        self.trees.push(name);
        // A part of a model is no model: the others go with it.
        self.trees.extend(parts::beside(&path).iter().filter_map(|part| named(roots, part)));
        true
    }
}

/// What resembles `word` most, if anything does: a model of the lock, a repository, or what lies in a home, by the name that it is taken by.
fn nearest(word: &str, roots: &[Root], lock: Option<&Lock>) -> Option<String> {
    let models = lock.into_iter().flat_map(|lock| &lock.models).map(|model| (model.name.clone(), model.name.clone()));
    let folders = roots.iter().flat_map(|root| ["", "hub", "hub/checkpoints"].map(|below| (root, below)));
    let listed = folders.flat_map(|(root, below)| {
        let entries = std::fs::read_dir(root.path.join(below)).into_iter().flatten().filter_map(Result::ok);
        let folder = names::to_path(&root.prefix).join(below);
        entries.map(move |entry| (entry.file_name(), folder.join(entry.file_name())))
    });
    let listed = listed.map(|(name, path)| (quoted::text(name), quoted::text(path)));
    let listed = listed.filter(|(name, _)| !name.starts_with('.')).map(|(name, path)| match hub::full_name(&name) {
        Some(full) => (full.clone(), full),
        None => (name, path),
    });
    let known: Vec<(String, String)> = models.chain(listed).collect();
    let near = nearest::nearest(word, known.iter().map(|(name, _)| name.as_str()))?;
    known.iter().find(|(name, _)| name == near).map(|(_, taken)| taken.clone())
}

/// The command that fetches the damaged blob at `path` again: of its repository alone, where it lies in one.
pub(super) fn mending(path: &Path) -> String {
    const VERIFY: &str = "modelstrap verify --fix";
    let kinds = ["models--", "datasets--", "spaces--"];
    let parts = path.components().rev().filter_map(|part| part.as_os_str().to_str());
    let mut names = parts.filter_map(|part| kinds.iter().find_map(|kind| part.strip_prefix(kind)));
    let plain = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    match names.find(plain) {
        Some(name) => format!("{VERIFY} {}", name.replacen("--", "/", 1)),
        None => VERIFY.to_owned(),
    }
}

/// The name that `path` has in archives.
fn named(roots: &[Root], path: &Path) -> Option<Vec<u8>> {
    let real = path.parent().and_then(paths::real_place).zip(path.file_name()).map(|(folder, name)| folder.join(name));
    let inside = |path: &Path| {
        roots.iter().find_map(|root| {
            let rest = names::of_path(path.strip_prefix(&root.path).ok()?)?;
            Some(if rest.is_empty() { root.prefix.clone() } else { [&root.prefix[..], b"/", &rest].concat() })
        })
    };
    inside(path).or_else(|| inside(&real?))
}

fn read_lock(survey: &Survey) -> Option<Lock> {
    let bytes = bounded::read(&survey.project.root.join(lock::FILE), lock::MAX_SIZE).ok()?;
    std::str::from_utf8(&bytes).ok().and_then(|text| Lock::parse(text).ok())
}
