//! What an undo brought back, as the plan had counted it: models and revisions, not the many names that they have on the disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cache::Kind;
use crate::cache::hub::{self, Hub, Repository, Revision};
use crate::cache::places::Place;
use crate::cache::remove::Restored;
use crate::commands::survey::Survey;
use crate::support::{quoted, units};

/// So many lines are told.
const NAMED: usize = 8;

/// Lines that name what is back: `org/name@1a2b is back (30.0 MB).`
pub(in crate::commands) fn back(survey: &Survey, restored: &Restored) -> Vec<String> {
    let mut things: BTreeMap<String, u64> = BTreeMap::new();
    let parts: Vec<Part> = restored.back.iter().filter_map(|path| Part::of(path)).collect();
    let mut whole: u64 = 0;
    for path in &restored.back {
        let bytes = restored.sizes.get(path).copied().unwrap_or(0);
        whole = whole.saturating_add(bytes);
        let sum = things.entry(name(survey, &parts, path)).or_default();
        *sum = sum.saturating_add(bytes);
    }
    let count = things.len();
    // What has a second name elsewhere freed nothing, and nothing is to be said of its size.
    let told = |(name, bytes): (String, u64)| match bytes {
        0 => format!("{} is back.", quoted::shown(&name)),
        _ => format!("{} is back ({}).", quoted::shown(&name), units::bytes(bytes)),
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

    /// The commit of those that are `back` which this belongs to.
    fn owner<'a>(&self, back: &[&'a str]) -> Option<&'a str> {
        let name = self.rest.file_name()?;
        let text = self.rest.to_string_lossy();
        if let Some(commit) = back.iter().find(|commit| text.contains(**commit)) {
            return Some(commit);
        }
        if !self.rest.starts_with("blobs") {
            return back.first().copied().filter(|_| self.rest.starts_with("refs") && back.len() == 1);
        }
        let repository = Repository::read(&self.folder, &Hub::at(self.folder.parent()?));
        let has = |revision: &&Revision| revision.blobs().any(|blob| blob == name);
        let owners = repository.revisions.iter().filter(has);
        let commits: Vec<String> = owners.map(|one| one.commit.to_string_lossy().into_owned()).collect();
        back.iter().copied().find(|commit| commits.iter().any(|one| one == commit))
    }
}

/// What a person calls what lies at `path`. Contents belong to the revision that came back with them.
fn name(survey: &Survey, parts: &[Part], path: &Path) -> String {
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
    let back: Vec<&str> = parts.iter().filter(|one| one.folder == part.folder).filter_map(Part::commit).collect();
    match part.owner(&back) {
        Some(commit) => format!("{}@{}", part.name, commit.chars().take(12).collect::<String>()),
        None => format!("{}: what belongs to no revision", part.name),
    }
}
