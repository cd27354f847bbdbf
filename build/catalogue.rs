//! Reads the catalogue, refuses a mistake in it, and writes it down as Rust.
//!
//! A part of the build script. `tests/catalogue/libraries.rs` includes it too, to see that each kind of mistake is refused.

mod checks;
mod render;

pub(crate) use render::render;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Every policy, and the name of its variant in `src/catalogue/library.rs`.
const POLICIES: &[(&str, &str)] = &[
    ("export", "Export"),
    ("mirror", "Mirror"),
    ("export-scoped", "ExportScoped"),
    ("protect", "Protect"),
    ("unset", "Unset"),
    ("optional", "Optional"),
    ("ignored", "Ignored"),
    ("warn", "Warn"),
    ("respect", "Respect"),
    ("run-switch", "RunSwitch"),
    ("secret", "Secret"),
    ("ask", "Ask"),
    ("side-effect", "SideEffect"),
];
const SWITCHES: &[(&str, &str)] =
    &[("transformers-cache", "TransformersCache"), ("old-huggingface-hub", "OldHuggingfaceHub")];
const PLATFORMS: &[(&str, &str)] = &[("linux", "Linux"), ("macos", "Macos"), ("windows", "Windows")];
const TEMPLATES: &[&str] = &[
    "cache",
    "project",
    "home",
    "xdg_cache",
    "xdg_config",
    "xdg_data",
    "user_cache",
    "localappdata",
    "appdata",
    "tmp",
    "user",
    "hf_token",
    "ccache",
];
const TEMPLATES_OF_AN_ENVIRONMENT: &[&str] =
    &["site_packages", "sys_prefix", "venv_tag", "stanza_resources_version", "conda_root"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    library: Vec<Library>,
}

/// One entry as it stands in a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Library {
    #[serde(skip)]
    group: String,
    id: String,
    name: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    pypi: Vec<String>,
    versions: Option<String>,
    #[serde(default = "every_platform")]
    platforms: Vec<String>,
    #[serde(default)]
    inherits: Vec<String>,
    #[serde(default)]
    homes: Vec<String>,
    #[serde(default)]
    protects: Vec<String>,
    integrity: String,
    offline: String,
    caution: Option<String>,
    read: String,
    #[serde(default)]
    evidence: Vec<String>,
    #[serde(default)]
    default_locations: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    env: Vec<Env>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Env {
    name: String,
    value: Option<String>,
    policy: String,
    when: Option<String>,
    otherwise: Option<String>,
    #[serde(default)]
    user_place: BTreeMap<String, String>,
    note: String,
}

fn every_platform() -> Vec<String> {
    PLATFORMS.iter().map(|(word, _)| (*word).to_owned()).collect()
}

/// Every library of `texts`, each a group's name and its TOML, checked.
pub(crate) fn parse(texts: &[(String, String)]) -> Result<Vec<Library>, String> {
    let mut libraries = Vec::new();
    for (group, text) in texts {
        let file: File = toml::from_str(text).map_err(|e| format!("catalogue/{group}.toml: {e}"))?;
        libraries.extend(file.library.into_iter().map(|library| Library { group: group.clone(), ..library }));
    }
    let mistakes = checks::mistakes(&libraries);
    if mistakes.is_empty() { Ok(libraries) } else { Err(mistakes.join("\n")) }
}

/// The libraries' ids, which other parts of the catalogue refer to.
#[allow(dead_code, reason = "the tests of the libraries alone do not ask")]
pub(crate) fn ids(libraries: &[Library]) -> Vec<&str> {
    libraries.iter().map(|library| library.id.as_str()).collect()
}

/// The names between braces.
fn templates(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).map(|rest| rest.split_once('}').map_or(rest, |(name, _)| name))
}

fn lookup(table: &[(&'static str, &'static str)], word: &str) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == word).map(|(_, variant)| *variant)
}
