//! What must stay: what the locks of the projects name that share the cache, what running processes have open, what a person
//! wants to keep.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::stock::{Entry, Holding, Thing};
use crate::cache::hub::Revision;
use crate::models::homes::Homes;
use crate::models::hub::{names, refs};
use crate::models::lock::Lock;
use crate::models::locked::Place;
use crate::models::sources;

/// Who needs something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// The project, for a person.
    pub project: String,
    /// What it calls the model.
    pub model: String,
    /// Whether it is the project that asks.
    pub own: bool,
}

/// What must stay, and for whom.
#[derive(Debug, Default)]
pub struct Needs {
    /// Revisions: the folder's name and the commit.
    revisions: HashMap<(String, String), BTreeSet<Holder>>,
    /// Files and folders that lie elsewhere than in a hub, in lower case: some disks know no other.
    paths: BTreeMap<String, BTreeSet<Holder>>,
    /// Marks of projects whose lock is known, or that are gone for good: what they hold by a reference, and name in no lock, they
    /// need no more.
    settled: HashSet<String>,
    /// What running processes have open: device and inode.
    open: HashSet<(u64, u64)>,
}

impl Needs {
    /// Adds what `lock` names, of a project that a person knows as `project`; `homes` are those of the cache that is looked at.
    pub fn add_lock(&mut self, lock: &Lock, project: &str, own: bool, homes: &Homes) {
        for model in &lock.models {
            let holder = Holder { project: project.to_owned(), model: model.name.clone(), own };
            for part in &model.parts {
                match &part.place {
                    Place::Hub(place) => {
                        let folder = names::repo_folder(place.repo_type, &place.repo);
                        self.revisions.entry((folder, place.commit.clone())).or_default().insert(holder.clone());
                    }
                    other => {
                        let paths =
                            part.files.iter().filter_map(|file| sources::visible(other, file, homes).ok().flatten());
                        for path in paths {
                            self.paths.entry(lower(&path)).or_default().insert(holder.clone());
                        }
                    }
                }
            }
        }
    }

    /// Adds a project's mark ([`crate::project::Project::tag`]) of which only its lock counts from now on.
    pub fn settle(&mut self, mark: &str) {
        self.settled.insert(mark.to_owned());
    }

    /// Adds what running processes have open.
    pub fn add_open(&mut self, files: impl IntoIterator<Item = (u64, u64)>) {
        self.open.extend(files);
    }

    /// Whose locks name this revision.
    pub fn of_revision(&self, holding: &Holding, commit: &str) -> Vec<&Holder> {
        let found = self.revisions.get(&(holding.folder_name(), commit.to_owned()));
        found.into_iter().flatten().collect()
    }

    /// Whether a reference that counts, or a lock, names this revision.
    pub fn is_named(&self, holding: &Holding, revision: &Revision) -> bool {
        let commit = revision.commit.to_string_lossy();
        revision.references.iter().any(|name| self.counts(name, &commit))
            || !self.of_revision(holding, &commit).is_empty()
    }

    /// Whose locks name a file in `thing`, or the folder around it.
    pub fn of_thing(&self, thing: &Thing) -> Vec<&Holder> {
        let here = lower(&thing.path);
        let below = format!("{here}{}", std::path::MAIN_SEPARATOR);
        let inner = self.paths.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below));
        let own = self.paths.get(&here).into_iter().flatten();
        let found: BTreeSet<&Holder> = inner.flat_map(|(_, holders)| holders).chain(own).collect();
        found.into_iter().collect()
    }

    /// Whose locks name the file at `path`.
    pub fn of_path(&self, path: &Path) -> Vec<&Holder> {
        self.paths.get(&lower(path)).into_iter().flatten().collect()
    }

    /// Whether a process has one of `entries` open.
    pub fn is_open<'a>(&self, mut entries: impl Iterator<Item = &'a Entry>) -> bool {
        !self.open.is_empty() && entries.any(|entry| entry.is_plain() && self.open.contains(&entry.stamp.id))
    }

    /// Whether a process has the file of this device and inode open.
    pub fn has_open(&self, id: (u64, u64)) -> bool {
        self.open.contains(&id)
    }

    /// Whether the reference `name` keeps what it names: a branch, a tag, and what a project holds that nothing more is known of.
    pub fn counts(&self, name: &str, commit: &str) -> bool {
        if name == commit {
            // It is there for old readers, and says nothing.
            return false;
        }
        let Some(holder) = refs::holder(name) else { return true };
        let mark = holder.split_once('-').map_or(holder, |(mark, _)| mark);
        !self.settled.contains(mark)
    }
}

impl Holder {
    /// `/home/ada/p (asr)`.
    pub fn text(&self) -> String {
        format!("{} ({})", self.project, self.model)
    }
}

fn lower(path: &Path) -> String {
    path.to_string_lossy().to_lowercase()
}

/// The homes with links followed: what is looked at is named by where it really lies.
pub fn real_homes(homes: &Homes) -> Homes {
    let real = |path: &PathBuf| crate::support::paths::real_place(path).unwrap_or_else(|| path.clone());
    Homes {
        root: real(&homes.root),
        hub: real(&homes.hub),
        whisper: real(&homes.whisper),
        torch_hub: real(&homes.torch_hub),
        wheels: real(&homes.wheels),
        files: real(&homes.files),
    }
}
