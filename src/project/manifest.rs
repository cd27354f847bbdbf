//! `modelstrap.toml`: what people write. Strict, so that a misspelt key is an error that names the right one.

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::model_entry::{self, ModelEntry};
use super::problem::Problem;
use crate::support::{escape, paths, units};

/// A manifest above this size is not one.
const MAX_SIZE: u64 = 1 << 20;

/// The manifest; everything in it is optional.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Manifest {
    /// `[project]`
    pub project: ProjectTable,
    /// `[cache]`
    pub cache: CacheTable,
    /// `[application_caches]`, in the file's order.
    #[serde(deserialize_with = "ordered")]
    pub application_caches: Vec<(String, ApplicationCache)>,
    /// `[environments.NAME]`, in the file's order.
    #[serde(deserialize_with = "ordered")]
    pub environments: Vec<(String, Environment)>,
    /// `[models]`, in the file's order; `models::request` reads them.
    #[serde(deserialize_with = "model_entry::ordered")]
    pub models: Vec<(String, ModelEntry)>,
    /// `[gitignore]`
    pub gitignore: GitignoreTable,
    /// `[legacy]`
    pub legacy: LegacyTable,
    /// `[setup]`: what setup writes.
    pub setup: SetupTable,
}

/// `[project]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectTable {
    /// The name to show.
    pub name: Option<String>,
}

/// `[cache]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheTable {
    /// The cache root: relative to the project, absolute, or `user`.
    pub base_dir: Option<String>,
    /// Catalogue ids.
    pub libraries: Option<Vec<String>>,
    /// What `status --check` and `prune` hold to.
    pub budget: Option<String>,
    /// Whether `TRANSFORMERS_CACHE` is set (to `$HF_HOME/hub`) or kept unset.
    pub transformers_cache: bool,
    /// Whether `~/.cache/whisper` becomes a link into the cache root.
    pub link_whisper: bool,
}

impl Default for CacheTable {
    fn default() -> Self {
        Self { base_dir: None, libraries: None, budget: None, transformers_cache: true, link_whisper: false }
    }
}

/// An application cache: the project's own, with a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationCache {
    /// Relative to the project, or absolute.
    pub path: String,
    /// Files older than this may go: `90d`.
    pub max_age: Option<String>,
}

/// A Python environment of the project.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Environment {
    /// Relative to the project, or absolute.
    pub path: String,
    /// The Python version it wants.
    pub python: Option<String>,
    /// Its requirements file.
    pub requirements: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// Where it is made; everywhere when empty.
    pub platforms: Vec<String>,
}

/// `[gitignore]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GitignoreTable {
    /// Further lines for the managed block.
    pub extra: Vec<String>,
}

/// `[legacy]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LegacyTable {
    /// Folders where an earlier layout kept models.
    pub paths: Vec<String>,
}

/// `[setup]`: a switch for each part; all but the profile are on by default.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SetupTable {
    /// The cache tree.
    pub cache: bool,
    /// `config/hardware_cache.json`.
    pub machine_config: bool,
    /// `.gitignore`.
    pub gitignore: bool,
    /// `.env`.
    pub dotenv: bool,
    /// `.modelstrap/env.*`.
    pub snippets: bool,
    /// Which shells' rc files: `auto`, shells or files separated by commas, or `none`.
    pub profile: Option<String>,
}

impl Default for SetupTable {
    fn default() -> Self {
        Self { cache: true, machine_config: true, gitignore: true, dotenv: true, snippets: true, profile: None }
    }
}

impl Manifest {
    /// Reads the manifest at `path`.
    ///
    /// # Errors
    /// With line, column, the line itself, and for an unknown key the nearest known one.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = escape::path(path);
        let metadata = std::fs::metadata(path).with_context(|| format!("{shown} cannot be read"))?;
        if !metadata.is_file() {
            bail!("{shown} is not a file\n  a manifest is a TOML file; move this away");
        }
        if metadata.len() > MAX_SIZE {
            bail!("{shown} is {}, far too large for a manifest", units::bytes(metadata.len()));
        }
        let bytes = std::fs::read(path).with_context(|| format!("{shown} cannot be read"))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            anyhow::anyhow!(
                "{shown} is not UTF-8 (first bad byte at offset {})\n  save it as UTF-8",
                error.valid_up_to()
            )
        })?;
        Self::parse(text).map_err(|problem| anyhow::anyhow!("{shown}{problem}"))
    }

    /// Reads a manifest's text.
    ///
    /// # Errors
    /// A [`Problem`].
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut manifest: Self = toml::from_str(text).map_err(|error| Problem::of(text, &error))?;
        model_entry::lines(&mut manifest.models, text);
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), Problem> {
        let plain = Problem::plain;
        if let Some(budget) = &self.cache.budget
            && units::parse_bytes(budget).is_none()
        {
            return Err(plain(format!("[cache] budget = {budget:?} is not a size; write it like \"150 GB\"")));
        }
        for (name, cache) in &self.application_caches {
            if cache.path.is_empty() {
                return Err(plain(format!("[application_caches] {name} has an empty path")));
            }
            // A cloned project must not make folders where its author pleases, nor forge lines of .gitignore.
            if paths::has_parent_component(cache.path.as_ref()) || cache.path.contains(char::is_control) {
                return Err(plain(format!(
                    "[application_caches] {name}: {:?} leads upwards with `..` or holds a control character; name a folder of the project",
                    cache.path
                )));
            }
            if let Some(age) = &cache.max_age
                && humantime::parse_duration(age).is_err()
            {
                return Err(plain(format!(
                    "[application_caches] {name}: max_age = {age:?} is not a time; write it like \"90d\""
                )));
            }
        }
        for (name, environment) in &self.environments {
            if environment.path.is_empty() {
                return Err(plain(format!("[environments.{name}] needs a path")));
            }
        }
        let forged = |line: &String| {
            line.contains(char::is_control) || line.contains("modelstrap <<<") || line.contains("modelstrap >>>")
        };
        if let Some(line) = self.gitignore.extra.iter().find(|line| forged(line)) {
            return Err(plain(format!(
                "[gitignore] extra: {line:?} is not one pattern; write one an entry, without line ends and markers"
            )));
        }
        // A cloned project must not choose which of a person's files is written to.
        if let Some(profile) = self.setup.profile.as_ref().filter(|profile| profile.contains(['/', '\\', '~', '.'])) {
            return Err(plain(format!(
                "[setup] profile = {profile:?} names a file; a manifest may say `auto`, `none` or shells, a file only `--profile`"
            )));
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for ApplicationCache {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            path: String,
            max_age: Option<String>,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ApplicationCache;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, or a table with `path` and `max_age`")
            }
            fn visit_str<E: de::Error>(self, path: &str) -> Result<ApplicationCache, E> {
                Ok(ApplicationCache { path: path.to_owned(), max_age: None })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ApplicationCache, A::Error> {
                let table = Table::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(ApplicationCache { path: table.path, max_age: table.max_age })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A table as a list of its entries, in the file's order.
fn ordered<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, T)>, D::Error> {
    struct Entries<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
        type Value = Vec<(String, T)>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                entries.push(entry);
            }
            Ok(entries)
        }
    }
    deserializer.deserialize_map(Entries(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        let problem = Manifest::parse("[cache]\nbase_dri = \".cache\"\n").unwrap_err().to_string();
        let expected = ":2:1: unknown key `base_dri`\n  2 | base_dri = \".cache\"\n    | ^^^^^^^^\n  the nearest known key is `base_dir`";
        assert_eq!(problem, expected);
    }

    #[test]
    fn a_wrong_type_and_broken_toml_show_their_place() {
        let problem = Manifest::parse("[cache]\nbudget = 5\n").unwrap_err().to_string();
        assert!(problem.starts_with(":2:10: invalid type: integer `5`, expected a string"), "{problem}");
        let problem = Manifest::parse("[cache\n").unwrap_err().to_string();
        assert!(problem.starts_with(":1:7: "), "{problem}");
    }

    #[test]
    fn application_caches_are_paths_or_tables_in_the_files_order() {
        let manifest = Manifest::parse(
            "[application_caches]\ntmdb = { path = \"out/t\", max_age = \"90d\" }\nb = \"out/b\"\na = \"out/a\"\n",
        )
        .unwrap();
        let names: Vec<_> = manifest.application_caches.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["tmdb", "b", "a"]);
        assert_eq!(manifest.application_caches[0].1.max_age.as_deref(), Some("90d"));
    }

    #[test]
    fn an_application_cache_stays_below_and_on_one_line() {
        for path in ["../x", "a/../../x", "a\\n/etc"] {
            let problem = Manifest::parse(&format!("[application_caches]\nx = \"{path}\"\n")).unwrap_err().to_string();
            assert!(problem.starts_with(": [application_caches] x: "), "{problem}");
        }
    }

    #[test]
    fn the_designs_own_example_is_read() {
        let manifest = Manifest::parse(include_str!("../../templates/modelstrap.toml")).unwrap();
        assert!(manifest.cache.transformers_cache);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]a-z_=\".\n{}#0-9é ]{0,60}") {
            let _ = Manifest::parse(&text).map_err(|problem| problem.to_string());
        }
    }
}
