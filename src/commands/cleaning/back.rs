//! What an undo brought back, as the plan had counted it: models and revisions, not the many names that they have on the disk.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};

use crate::cache::Kind;
use crate::cache::hub::{self, Blob, File, FileKind, Hub, Reading, Repository};
use crate::cache::places::Place;
use crate::cache::remove::Restored;
use crate::cache::roll::Roll;
use crate::commands::survey::Survey;
use crate::support::{quoted, units};

/// So many lines are told.
const NAMED: usize = 8;

/// Lines that name what is back: `org/name@1a2b is back (30.0 MB).` What `becomes` of it: it is back, or would be.
pub(in crate::commands) fn back(survey: &Survey, restored: &Restored, becomes: &str) -> Vec<String> {
    let mut things = Things::default();
    let mut repositories = Repositories::of(&restored.back);
    let sizes = restored.sizes.iter().copied().chain(std::iter::repeat(0));
    for (path, bytes) in restored.back.iter().zip(sizes) {
        things.add(name(survey, &mut repositories, &path), bytes);
    }
    let (count, whole) = (things.count(), things.whole);
    // What has a second name elsewhere freed nothing, and nothing is to be said of its size.
    let told = |(name, bytes): (String, u64)| match bytes {
        0 => format!("{} {becomes}.", quoted::shown(&name)),
        _ => format!("{} {becomes} ({}).", quoted::shown(&name), units::bytes(bytes)),
    };
    let mut lines: Vec<String> = things.first.into_iter().map(told).collect();
    if count > NAMED {
        lines.push(format!("And {} more; {} in all.", count - NAMED, units::bytes(whole)));
    }
    lines
}

/// What is told of things: the first of them by name, and how many they are.
#[derive(Default)]
struct Things {
    /// Those that are told, and what each takes.
    first: BTreeMap<String, u64>,
    /// The names of all, as numbers: a file may be one of a million.
    hashes: Vec<u64>,
    hasher: RandomState,
    whole: u64,
}

impl Things {
    fn add(&mut self, name: String, bytes: u64) {
        self.whole = self.whole.saturating_add(bytes);
        let hash = self.hasher.hash_one(&name);
        // Of one revision, there are thousands of names.
        if self.hashes.last() != Some(&hash) {
            self.hashes.push(hash);
        }
        let sum = self.first.entry(name).or_default();
        *sum = sum.saturating_add(bytes);
        // Before what is left out, as many others stay.
        if self.first.len() > NAMED {
            self.first.pop_last();
        }
    }

    fn count(&mut self) -> usize {
        self.hashes.sort_unstable();
        self.hashes.dedup();
        self.hashes.len()
    }
}

/// Where something lies in a repository.
struct Part {
    /// The repository's folder.
    folder: PathBuf,
    /// What it is called.
    name: String,
    /// Below that folder.
    rest: PathBuf,
}

impl Part {
    fn of(path: &Path) -> Option<Self> {
        let named = |folder: &Path| hub::full_name(folder.file_name()?.to_str()?);
        let (folder, name) = path.ancestors().find_map(|folder| Some((folder, named(folder)?)))?;
        Some(Self { folder: folder.to_path_buf(), name, rest: path.strip_prefix(folder).ok()?.to_path_buf() })
    }

    fn commit(&self) -> Option<&str> {
        self.rest.strip_prefix("snapshots").ok()?.to_str().filter(|commit| !commit.is_empty())
    }
}

/// What came back of each repository, by its folder. Of thousands of contents, a repository is read once.
#[derive(Default)]
struct Repositories {
    commits: HashMap<PathBuf, Vec<String>>,
    /// Which of those commits has a content.
    owners: HashMap<PathBuf, Owners>,
}

impl Repositories {
    fn of(back: &Roll) -> Self {
        let mut found = Self::default();
        for part in back.iter().filter_map(|path| Part::of(&path)) {
            if let Some(commit) = part.commit() {
                found.commits.entry(part.folder.clone()).or_default().push(commit.to_owned());
            }
        }
        found
    }

    /// The commit of those that are back which `part` belongs to.
    fn owner(&mut self, part: &Part) -> Option<&str> {
        let commits = self.commits.get(&part.folder)?;
        let name = part.rest.file_name()?;
        let text = part.rest.to_string_lossy();
        if let Some(commit) = commits.iter().find(|commit| text.contains(commit.as_str())) {
            return Some(commit);
        }
        if !part.rest.starts_with("blobs") {
            return commits.first().map(String::as_str).filter(|_| part.rest.starts_with("refs") && commits.len() == 1);
        }
        let owners = self.owners.entry(part.folder.clone()).or_insert_with(|| Owners::of(&part.folder));
        let has = |commit: &&String| owners.of_content(name).any(|owner| owner == commit.as_str());
        // Of one that is not back yet, nobody can say what it has.
        let alone =
            commits.first().filter(|commit| commits.len() == 1 && !part.folder.join("snapshots").join(commit).exists());
        commits.iter().find(has).or(alone).map(String::as_str)
    }
}

/// Which revisions of a repository have a content: its name is a number here.
#[derive(Default)]
struct Owners {
    hasher: RandomState,
    commits: Vec<OsString>,
    /// Sorted.
    contents: Vec<(u64, u32)>,
}

impl Owners {
    fn of(folder: &Path) -> Self {
        let mut owners = Self::default();
        if let Some(hub) = folder.parent() {
            let read = Repository::read_into(folder, &Hub::at(hub), &mut owners);
            owners.commits = read.revisions.into_iter().map(|revision| revision.commit).collect();
            owners.contents.sort_unstable();
            owners.contents.dedup();
        }
        owners
    }

    fn of_content(&self, name: &OsStr) -> impl Iterator<Item = &OsStr> {
        let hash = self.hasher.hash_one(name);
        let first = self.contents.partition_point(|(known, _)| *known < hash);
        let its = self.contents[first..].iter().take_while(move |(known, _)| *known == hash);
        its.filter_map(|(_, commit)| self.commits.get(usize::try_from(*commit).ok()?)).map(OsString::as_os_str)
    }
}

impl Reading for Owners {
    fn blob(&mut self, _: OsString, _: Blob) {}

    /// What a link leads to is not asked here.
    fn has(&self, _: &OsStr) -> bool {
        true
    }

    fn file(&mut self, revision: usize, file: File) {
        if let (FileKind::Blob(name), Ok(revision)) = (file.kind, u32::try_from(revision)) {
            self.contents.push((self.hasher.hash_one(name.as_os_str()), revision));
        }
    }
}

/// What a person calls what lies at `path`. Contents belong to the revision that came back with them.
fn name(survey: &Survey, repositories: &mut Repositories, path: &Path) -> String {
    let application = |place: &&Place| matches!(place.kind, Kind::Application { .. }) && path.starts_with(&place.real);
    if let Some(place) = survey.places.iter().find(application) {
        return place.name.clone();
    }
    let Some(part) = Part::of(path) else {
        return quoted::text(path.file_name().unwrap_or_default());
    };
    if part.rest.as_os_str().is_empty() {
        return part.name;
    }
    match repositories.owner(&part) {
        Some(commit) => format!("{}@{}", part.name, commit.chars().take(12).collect::<String>()),
        None => format!("{}: what belongs to no revision", part.name),
    }
}
