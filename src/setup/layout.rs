//! Where the cache is and which libraries use it: flags before remembered answers before the manifest before the default.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Result, anyhow};

use super::cache_root;
use crate::catalogue::conflicts::{Conflict, conflicts};
use crate::catalogue::variables::{self, Request, VariableSet, WhisperLink};
use crate::catalogue::{self, Library};
use crate::models::homes::Homes;
use crate::platform::{Os, home};
use crate::project::answers::Answers;
use crate::project::{Project, hub_version};
use crate::support::paths;
use crate::support::vars::Vars;

/// The cache root of a project that names none.
pub const DEFAULT_BASE_DIR: &str = ".cache";

/// What flags and `MODELSTRAP_…` variables say.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--cache-dir`
    pub cache_dir: Option<String>,
    /// `--libraries`
    pub libraries: Option<Vec<String>>,
}

/// The groups of the catalogue whose libraries keep models.
const MODELS: [&str; 8] = ["huggingface", "hubs", "language", "mlx", "runtimes", "speech", "torch", "vision"];

/// The folders right in a cache root in which libraries keep models, and this tool itself: no other is taken for a home by who
/// deletes.
pub fn model_folders() -> BTreeSet<&'static str> {
    let libraries = catalogue::libraries().iter().filter(|library| MODELS.contains(&library.group));
    let homes = libraries.flat_map(|library| library.homes).filter_map(|home| home.split('/').next());
    homes.chain(["whisper", "wheels", "files"]).collect()
}

/// A project's cache, settled.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The project's folder.
    pub root: PathBuf,
    /// The cache root, absolute.
    pub cache_root: PathBuf,
    /// What it was called: `.cache`, `user`, or a path.
    pub base_dir: String,
    /// The libraries in use, as chosen (without what they inherit).
    pub libraries: Vec<&'static Library>,
    /// The user's home, when there is one.
    pub home: Option<PathBuf>,
    transformers_cache: bool,
    old_huggingface_hub: bool,
    legacy_ccache: bool,
    os: Os,
}

impl Layout {
    /// Settles the layout of `project`.
    ///
    /// # Errors
    /// When the cache root is not one, or a library is unknown.
    pub fn settle(project: &Project, answers: &Answers, overrides: &Overrides, vars: &Vars, os: Os) -> Result<Self> {
        let manifest = &project.manifest;
        let home = home::home_dir(vars, os);
        let base_dir = overrides
            .cache_dir
            .clone()
            .or_else(|| answers.cache_dir.clone())
            .or_else(|| manifest.cache.base_dir.clone())
            .unwrap_or_else(|| DEFAULT_BASE_DIR.to_owned());
        // `project` is the wizard's word for the default place.
        let base_dir = if base_dir == "project" { DEFAULT_BASE_DIR.to_owned() } else { base_dir };
        let cache_root = cache_root::resolve(&base_dir, &project.root, home.as_deref(), vars, os)?;
        let ids = overrides
            .libraries
            .clone()
            .or_else(|| answers.libraries.clone())
            .or_else(|| manifest.cache.libraries.clone());
        let libraries = match &ids {
            Some(ids) => catalogue::select(ids),
            None => catalogue::select(catalogue::DEFAULT_LIBRARIES),
        };
        let libraries = libraries.map_err(|error| {
            let place =
                project.manifest_path.as_ref().filter(|_| overrides.libraries.is_none() && answers.libraries.is_none());
            let place = place.map(|path| format!("{}: [cache] libraries: ", path.display())).unwrap_or_default();
            anyhow!(
                "{place}{}\n  `modelstrap env --list-libraries` shows every library that is known",
                crate::support::escape::printable(&error.to_string())
            )
        })?;
        let environments = manifest.environments.iter().map(|(_, environment)| &environment.path);
        let old_huggingface_hub = environments
            .map(|path| paths::absolute(&project.root, path.as_ref()))
            .any(|path| hub_version::may_be_old(&path));
        let legacy_ccache = home.as_ref().is_some_and(|home| home.join(".ccache").is_dir());
        Ok(Self {
            root: project.root.clone(),
            cache_root,
            base_dir,
            libraries,
            home,
            transformers_cache: manifest.cache.transformers_cache,
            old_huggingface_hub,
            legacy_ccache,
            os,
        })
    }

    /// The variables that lead the libraries into the cache root; `vars` is the environment that the user has.
    pub fn variables(&self, vars: &Vars) -> VariableSet {
        variables::variables(&self.request(vars))
    }

    /// Where the libraries look, by those variables.
    pub fn homes(&self, vars: &Vars) -> Homes {
        let set = self.variables(vars).set;
        let variable = |name: &str| set.iter().find(|one| one.name == name).map(|one| PathBuf::from(&one.value));
        Homes::led_by(&self.cache_root, variable)
    }

    /// What the user's environment says otherwise, and what follows.
    pub fn conflicts(&self, set: &VariableSet, vars: &Vars) -> Vec<Conflict> {
        conflicts(&self.request(vars), set)
    }

    /// The link that would lead openai-whisper into the cache root.
    pub fn whisper_link(&self, vars: &Vars) -> Option<WhisperLink> {
        let uses_it = catalogue::with_inherited(&self.libraries).iter().any(|library| library.id == "openai-whisper");
        if uses_it { variables::whisper_link(&self.request(vars)) } else { None }
    }

    /// Where each library that keeps models puts them when nothing is set, whether the project uses it or not. Compilers' and
    /// package managers' caches are not models.
    pub fn default_locations(&self, vars: &Vars) -> Vec<(&'static Library, PathBuf)> {
        let request = self.request(vars);
        catalogue::libraries()
            .iter()
            .filter(|library| MODELS.contains(&library.group))
            .flat_map(|library| {
                variables::default_locations(&request, library).into_iter().map(move |path| (library, path))
            })
            .collect()
    }

    /// Where the variables of `vars` lead the libraries that keep models, elsewhere than those of this project: the variable, and
    /// where.
    pub fn shell_locations(&self, vars: &Vars) -> Vec<(String, PathBuf)> {
        let models = catalogue::libraries().iter().filter(|library| MODELS.contains(&library.group));
        variables::shell_locations(&self.request(vars), models)
    }

    fn request<'a>(&'a self, vars: &'a Vars) -> Request<'a> {
        Request {
            cache: &self.cache_root,
            project: &self.root,
            libraries: &self.libraries,
            home: self.home.as_deref(),
            vars,
            os: self.os,
            transformers_cache: self.transformers_cache,
            old_huggingface_hub: self.old_huggingface_hub,
            legacy_ccache: self.legacy_ccache,
        }
    }
}
