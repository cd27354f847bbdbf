//! Which projects need what of the cache, by the locks that are registered in it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::cache::notes::projects::Known;
use crate::models::footprint;
use crate::models::homes::Homes;
use crate::models::hub::layout;
use crate::models::locked::Place;

/// What the registered projects need.
#[derive(Debug, Default)]
pub struct Needs {
    /// The names of the projects that need each folder or file.
    paths: HashMap<PathBuf, BTreeSet<String>>,
    /// The commits of repositories that a lock names.
    commits: HashSet<(PathBuf, String)>,
    /// Whether every registered project says what it needs.
    pub certain: bool,
}

impl Needs {
    /// Of the projects `known`, whose models lie in `homes`.
    pub fn of(known: &[Known], homes: &Homes) -> Self {
        let mut needs = Self { certain: !known.is_empty(), ..Self::default() };
        for one in known {
            needs.certain &= one.problem.is_none();
            let name = one.registration.project.file_name().unwrap_or_default().to_string_lossy().into_owned();
            for model in one.lock.iter().flat_map(|lock| &lock.models) {
                for path in footprint::paths(model, homes) {
                    needs.paths.entry(path).or_default().insert(name.clone());
                }
                for part in &model.parts {
                    if let Place::Hub(place) = &part.place {
                        let folder = layout::Repository::of(place, &homes.hub).root();
                        needs.commits.insert((folder, place.commit.clone()));
                    }
                }
            }
        }
        needs
    }

    /// The projects that need what lies at `path`, or something in it.
    pub fn whose(&self, path: &Path) -> Vec<&str> {
        match self.paths.get(path) {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => {
                let inner = self.paths.iter().filter(|(inner, _)| inner.starts_with(path));
                inner.flat_map(|(_, names)| names).map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect()
            }
        }
    }

    /// Whether a lock names this commit of the repository in `folder`.
    pub fn names_commit(&self, folder: &Path, commit: &str) -> bool {
        self.commits.contains(&(folder.to_path_buf(), commit.to_owned()))
    }
}
