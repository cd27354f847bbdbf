//! Which repository a commit is of: what `local_dir=` made tells the commit and not the repository. The project's lock knows, and the
//! hubs do: the client notes the commit as a branch before the first file comes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::known::Sources;
use crate::cache::hub::Hub;
use crate::models::hub::layout;
use crate::models::locked::Place;
use crate::support::bounded;

/// Commits, and the folders of the repositories that have them (`models--org--name`).
#[derive(Debug, Default)]
pub struct Owners(BTreeMap<String, BTreeSet<String>>);

impl Owners {
    /// What `sources` say, also those that prove nothing of contents: which repository a person has agreed to is in the plan.
    pub fn of(sources: &Sources) -> Self {
        let mut owners = Self::default();
        for model in sources.lock.iter().flatten().flat_map(|lock| &lock.models) {
            for part in &model.parts {
                if let Place::Hub(place) = &part.place {
                    let folder = layout::Repository::of(place, Path::new("")).root();
                    owners.add(&place.commit, &folder.to_string_lossy());
                }
            }
        }
        for hub in sources.hubs.iter().chain(sources.doubted.iter().flatten()) {
            for folder in Hub::at(hub).repositories().unwrap_or_default() {
                let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                for commit in commits(&folder) {
                    owners.add(&commit, &name);
                }
            }
        }
        owners
    }

    fn add(&mut self, commit: &str, folder: &str) {
        self.0.entry(commit.to_owned()).or_default().insert(folder.to_owned());
    }

    /// The folders of the repositories that have one of `commits`.
    pub fn folders(&self, commits: &[String]) -> Vec<String> {
        let found: BTreeSet<&String> = commits.iter().filter_map(|commit| self.0.get(commit)).flatten().collect();
        found.into_iter().cloned().collect()
    }
}

/// The commits that the repository in `folder` names: its branches, revisions and listings.
fn commits(folder: &Path) -> BTreeSet<String> {
    let names = |below: &str| {
        let entries = std::fs::read_dir(folder.join(below)).into_iter().flatten().filter_map(Result::ok);
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    let mut found: BTreeSet<String> = names("snapshots").into_iter().collect();
    found.extend(names("trees").iter().filter_map(|name| name.strip_suffix(".json").map(str::to_owned)));
    let mut folders = vec![(folder.join("refs"), 0)];
    while let Some((refs, depth)) = folders.pop() {
        for entry in std::fs::read_dir(refs).into_iter().flatten().filter_map(Result::ok) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < 16 => folders.push((entry.path(), depth + 1)),
                Ok(kind) if kind.is_file() => {
                    let bytes = bounded::read(&entry.path(), 64).unwrap_or_default();
                    found.extend(String::from_utf8(bytes).ok().map(|text| text.trim().to_owned()));
                }
                _ => {}
            }
        }
    }
    found.retain(|commit| crate::models::names::is_commit(commit));
    found
}
