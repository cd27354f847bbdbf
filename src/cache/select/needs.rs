//! What must stay: what the locks of the projects name that share the cache, what running processes have open, what a person
//! wants to keep.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::locked::AsksLocks;
use super::stock::{Holding, Revision, Seen, Thing};
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
    /// The link that leads there, where it is one, and no lock that names it.
    pub link: Option<PathBuf>,
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
    /// The mark of the project that asks.
    own: Option<String>,
    /// Files that links elsewhere lead to, with links followed.
    links: BTreeMap<PathBuf, BTreeSet<Holder>>,
    /// What running processes have open: device and inode.
    open: HashSet<(u64, u64)>,
    /// Who is asked for locks: only where something would go that they speak for. There may be one for each file.
    locks: Option<AsksLocks>,
}

impl Needs {
    /// Adds what `lock` names, of a project that a person knows as `project`; `homes` are those of the cache that is looked at.
    pub fn add_lock(&mut self, lock: &Lock, project: &str, own: bool, homes: &Homes) {
        for model in &lock.models {
            let holder = Holder { project: project.to_owned(), model: model.name.clone(), own, link: None };
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
                            // What a link leads to there is needed as well.
                            if let Some(real) = path.canonicalize().ok().filter(|real| *real != path) {
                                self.links.entry(real).or_default().insert(holder.clone());
                            }
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

    /// What the project that asks holds by a reference is its own.
    pub fn own(&mut self, mark: &str) {
        self.own = Some(mark.to_owned());
    }

    /// Who else than the project that asks needs this revision: by a lock, or by a reference of which nothing more is known.
    pub fn others(&self, holding: &Holding, revision: &Revision) -> Vec<Holder> {
        let commit = revision.commit.to_string_lossy();
        let mut found: Vec<Holder> =
            self.of_revision(holding, &commit).into_iter().filter(|one| !one.own).cloned().collect();
        let foreign = |name: &&String| {
            refs::is_ours(name)
                && self.counts(name, &commit)
                && mark(name).is_some_and(|mark| Some(mark) != self.own.as_deref())
        };
        if revision.references.iter().any(|name| foreign(&name)) {
            found.push(Holder::unknown());
        }
        found
    }

    /// Adds a link, and what it leads to, with links followed: without that the link would lead to nothing.
    pub fn add_link(&mut self, link: &Path, target: PathBuf) {
        let project = format!("the link {}", crate::support::escape::path(link));
        let holder = Holder { project, model: String::new(), own: false, link: Some(link.to_path_buf()) };
        self.links.entry(target).or_default().insert(holder);
    }

    /// The links that lead to `path`, or to something below it.
    pub fn links_to(&self, path: &Path) -> impl Iterator<Item = &Holder> {
        // Paths are compared part by part: what lies below a folder follows it.
        let found = self.links.range(path.to_path_buf()..).take_while(move |(target, _)| target.starts_with(path));
        found.flat_map(|(_, holders)| holders)
    }

    /// The links that lead to `path` itself.
    pub(super) fn links_at(&self, path: &Path) -> impl Iterator<Item = &Holder> {
        self.links.get(path).into_iter().flatten()
    }

    /// Whether there is a link at all.
    pub(super) fn has_links(&self) -> bool {
        !self.links.is_empty()
    }

    /// Asks for locks in this way.
    pub fn ask_locks(&mut self, asks: AsksLocks) {
        self.locks = Some(asks);
    }

    pub(super) const fn asks_locks(&self) -> Option<AsksLocks> {
        self.locks
    }

    /// Adds what running processes have open.
    pub fn add_open(&mut self, files: impl IntoIterator<Item = (u64, u64)>) {
        self.open.extend(files);
    }

    /// Whose locks name `commit` of the repository in the hub's folder `folder`.
    pub fn of_commit(&self, folder: &str, commit: &str) -> Vec<&Holder> {
        self.revisions.get(&(folder.to_owned(), commit.to_owned())).into_iter().flatten().collect()
    }

    /// Whose locks name this revision.
    pub fn of_revision(&self, holding: &Holding, commit: &str) -> Vec<&Holder> {
        self.of_commit(&holding.folder_name(), commit)
    }

    /// Whether a reference that counts, or a lock, names this revision.
    pub fn is_named(&self, holding: &Holding, revision: &Revision) -> bool {
        let commit = revision.commit.to_string_lossy();
        revision.references.iter().any(|name| self.counts(name, &commit))
            || !self.of_revision(holding, &commit).is_empty()
    }

    /// Whose locks name a file in `thing`, or the folder around it.
    pub fn of_thing(&self, thing: &Thing<'_>) -> Vec<&Holder> {
        self.of_path(&thing.path())
    }

    /// Whose locks name the file at `path`, or one below it.
    pub fn of_path(&self, path: &Path) -> Vec<&Holder> {
        let here = lower(path);
        let below = format!("{here}{}", std::path::MAIN_SEPARATOR);
        let inner = self.paths.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below));
        let own = self.paths.get(&here).into_iter().flatten();
        let found: BTreeSet<&Holder> = inner.flat_map(|(_, holders)| holders).chain(own).collect();
        found.into_iter().collect()
    }

    /// Whether a process has one of `entries` open.
    pub fn is_open<'a>(&self, mut entries: impl Iterator<Item = Seen<'a>>) -> bool {
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
        mark(name).is_none_or(|mark| !self.settled.contains(mark))
    }
}

/// The mark of the project that holds something by the reference `name`.
fn mark(name: &str) -> Option<&str> {
    let holder = refs::holder(name)?;
    Some(holder.split_once('-').map_or(holder, |(mark, _)| mark))
}

impl Holder {
    /// `/home/ada/p (asr)`.
    pub fn text(&self) -> String {
        format!("{} ({})", self.project, self.model)
    }

    /// `the lock of /home/ada/p (asr)`.
    pub fn who(&self) -> String {
        if self.model.is_empty() { self.project.clone() } else { format!("the lock of {}", self.text()) }
    }

    /// `the lock of /home/ada/p (asr) names it`.
    pub fn claim(&self) -> String {
        format!("{} {} it", self.who(), if self.link.is_some() { "leads to" } else { "names" })
    }

    /// A project that holds something by a reference, and of which nothing more is known.
    fn unknown() -> Self {
        Self {
            project: "a project that is not registered here".to_owned(),
            model: String::new(),
            own: false,
            link: None,
        }
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
