//! Which projects need what of the cache, by the locks that are registered in it.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::cache::notes::projects::Known;
use crate::models::footprint;
use crate::models::homes::Homes;
use crate::models::lock::Lock;
use crate::models::locked::Model;
use crate::support::quoted;

/// What the registered projects need.
#[derive(Debug, Default)]
pub struct Needs {
    /// The names of the projects that need each folder or file, or something in it.
    paths: HashMap<PathBuf, BTreeSet<String>>,
}

impl Needs {
    /// Of the projects `known` and of the project at `root` with this lock, whose models lie in `homes`.
    pub fn of(known: &[Known], root: &Path, own: Option<&Lock>, homes: &Homes) -> Self {
        let mut needs = Self::default();
        let others = known.iter().map(|one| (&*one.registration.project, one.lock.as_ref()));
        for (project, lock) in others.chain([(root, own)]) {
            let name = quoted::shown(project.file_name().unwrap_or_default());
            for model in lock.iter().flat_map(|lock| &lock.models) {
                needs.add(model, &name, homes);
            }
        }
        needs
    }

    fn add(&mut self, model: &Model, project: &str, homes: &Homes) {
        for path in footprint::paths(model, homes) {
            // The folders above it, too: a model may be known as the folder that its files lie in.
            for above in path.ancestors().take_while(|above| *above != homes.root && above.parent().is_some()) {
                self.paths.entry(above.to_path_buf()).or_default().insert(project.to_owned());
            }
        }
    }

    /// The projects that need what lies at `path`, or something in it.
    pub fn whose(&self, path: &Path) -> Vec<&str> {
        self.paths.get(path).into_iter().flatten().map(String::as_str).collect()
    }
}
