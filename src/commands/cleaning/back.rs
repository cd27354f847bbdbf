//! What an undo brought back, as the plan had counted it: models and revisions, not the many names that they have on the disk.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::cache::Kind;
use crate::cache::hub::{self, Hub, Repository, Revision};
use crate::cache::places::Place;
use crate::cache::remove::Restored;
use crate::commands::survey::Survey;
use crate::support::{quoted, units};

/// So many lines are told.
const NAMED: usize = 8;

/// Lines that name what is back: `org/name@1a2b is back (30.0 MB).` What `becomes` of it: it is back, or would be.
pub(in crate::commands) fn back(survey: &Survey, restored: &Restored, becomes: &str) -> Vec<String> {
    let mut things: BTreeMap<String, u64> = BTreeMap::new();
    let mut repositories = Repositories::of(&restored.back);
    let mut whole: u64 = 0;
    for path in &restored.back {
        let bytes = restored.sizes.get(path).copied().unwrap_or(0);
        whole = whole.saturating_add(bytes);
        let sum = things.entry(name(survey, &mut repositories, path)).or_default();
        *sum = sum.saturating_add(bytes);
    }
    let count = things.len();
    // What has a second name elsewhere freed nothing, and nothing is to be said of its size.
    let told = |(name, bytes): (String, u64)| match bytes {
        0 => format!("{} {becomes}.", quoted::shown(&name)),
        _ => format!("{} {becomes} ({}).", quoted::shown(&name), units::bytes(bytes)),
    };
    let mut lines: Vec<String> = things.into_iter().take(NAMED).map(told).collect();
    if count > NAMED {
        lines.push(format!("And {} more; {} in all.", count - NAMED, units::bytes(whole)));
    }
    lines
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
    owners: HashMap<PathBuf, HashMap<OsString, String>>,
}

impl Repositories {
    fn of(back: &[PathBuf]) -> Self {
        let mut found = Self::default();
        for part in back.iter().filter_map(|path| Part::of(path)) {
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
        let owners = self.owners.entry(part.folder.clone()).or_insert_with(|| owners(&part.folder, commits));
        // Of one that is not back yet, nobody can say what it has.
        let alone =
            commits.first().filter(|commit| commits.len() == 1 && !part.folder.join("snapshots").join(commit).exists());
        owners.get(name).or(alone).map(String::as_str)
    }
}

/// Which of `commits` has each content of the repository in `folder`; the first, where several have it.
fn owners(folder: &Path, commits: &[String]) -> HashMap<OsString, String> {
    let Some(hub) = folder.parent() else { return HashMap::new() };
    let repository = Repository::read(folder, &Hub::at(hub));
    let mut owners = HashMap::new();
    for commit in commits {
        let revision = repository.revisions.iter().find(|one| one.commit.to_string_lossy() == *commit);
        for blob in revision.into_iter().flat_map(Revision::blobs) {
            owners.entry(blob.clone()).or_insert_with(|| commit.clone());
        }
    }
    owners
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
