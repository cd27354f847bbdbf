//! The set of environment variables that a project's processes get.

use super::places::Places;
use super::{Env, Library, Policy, Switch, libraries, with_inherited};
use crate::platform::Os;
use crate::support::vars::Vars;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What a set of homes needs from the environment. Values are absolute and never empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VariableSet {
    /// Set in every process of the project, in this order.
    pub set: Vec<Variable>,
    /// Removed, because another value would make a second cache.
    pub unset: Vec<String>,
    /// Set only by `modelstrap run`, because they move more than models.
    pub scoped: Vec<Variable>,
}

/// One environment variable and why it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// The variable's name, ASCII letters, digits and `_`.
    pub name: String,
    /// Its value: an absolute path, or a switch such as `1`.
    pub value: String,
    /// The catalogue id of the library that asks for it, or `modelstrap`.
    pub library: String,
    /// One line on what it does.
    pub note: String,
}

/// What the variables depend on. Paths are absolute and valid UTF-8.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The cache root.
    pub cache: &'a Path,
    /// The project's folder.
    pub project: &'a Path,
    /// The libraries that the project uses; what they inherit is added.
    pub libraries: &'a [&'static Library],
    /// The user's home folder, if there is one.
    pub home: Option<&'a Path>,
    /// The environment that the user has, perhaps with our variables in it already.
    pub vars: &'a Vars,
    /// The system whose rules hold.
    pub os: Os,
    /// Whether the manifest wants `TRANSFORMERS_CACHE`; it does unless it says otherwise.
    pub transformers_cache: bool,
    /// Whether an environment of the project has a `huggingface_hub` older than 1.32.
    pub old_huggingface_hub: bool,
    /// Whether `~/.ccache` exists, which ccache prefers to its newer place.
    pub legacy_ccache: bool,
}

/// A link that makes openai-whisper use the cache root without any variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhisperLink {
    /// Where openai-whisper looks when nothing is set.
    pub at: PathBuf,
    /// Its home in the cache root.
    pub target: PathBuf,
}

/// The variables that lead the libraries of `request` into its cache root.
///
/// The same request gives the same set inside an environment that has these variables already. A variable whose value
/// only one Python environment knows is left out ([`Env::per_environment`]).
pub fn variables(request: &Request<'_>) -> VariableSet {
    let places = Places::of(request);
    let mut found = VariableSet::default();
    if let Some(value) = places.expand("{cache}") {
        found.set.push(Variable {
            name: "PRIMARY_CACHE_PATH".to_owned(),
            value,
            library: "modelstrap".to_owned(),
            note: "The cache root: every library's home lies below it.".to_owned(),
        });
    }
    for library in with_inherited(request.libraries) {
        for env in library.env {
            add(request, &places, library, env, &mut found);
        }
    }
    found
}

/// Where `library` writes on this machine when nothing is set. Places inside one Python environment are left out.
pub fn default_locations(request: &Request<'_>, library: &Library) -> Vec<PathBuf> {
    let places = Places::of(request);
    library
        .default_locations
        .on(request.os)
        .iter()
        .filter_map(|place| places.expand(place))
        .map(PathBuf::from)
        .collect()
}

/// Where the user's own variables lead `libraries`: each variable that a project sets or removes and that names a folder outside of the
/// cache root, and where. The outer of two come first.
pub fn shell_locations(
    request: &Request<'_>,
    libraries: impl Iterator<Item = &'static Library>,
) -> Vec<(String, PathBuf)> {
    let places = Places::of(request);
    let ours = |env: &Env| {
        matches!(env.policy, Policy::Export | Policy::Mirror) && is_folder(env) || env.policy == Policy::Unset
    };
    let cache = places.expand("{cache}").unwrap_or_default();
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for env in libraries.flat_map(|library| library.env).filter(|env| ours(env)) {
        let value = places.user_value(env.name).filter(|value| !places.inside(value, &cache));
        let Some(path) = value.map(PathBuf::from) else { continue };
        if found.iter().all(|(_, known)| *known != path) {
            found.push((env.name.to_owned(), path));
        }
    }
    found.sort_by_key(|(_, path)| path.components().count());
    found
}

/// Whether a variable leads to a folder of models.
fn is_folder(env: &Env) -> bool {
    env.value.is_some_and(|value| value.starts_with("{cache}/"))
}

/// The link that serves openai-whisper, unless its own folder is the home in the cache root already.
pub fn whisper_link(request: &Request<'_>) -> Option<WhisperLink> {
    let places = Places::of(request);
    let [at, target] = [places.expand("{xdg_cache}/whisper")?, places.expand("{cache}/whisper")?];
    (at != target).then(|| WhisperLink { at: at.into(), target: target.into() })
}

fn add(request: &Request<'_>, places: &Places<'_>, library: &Library, env: &Env, found: &mut VariableSet) {
    let wanted = match env.when {
        None => true,
        Some(Switch::TransformersCache) => request.transformers_cache,
        Some(Switch::OldHuggingfaceHub) => request.old_huggingface_hub,
    };
    match env.policy {
        Policy::Export | Policy::Mirror if wanted => push(&mut found.set, library, env, value(places, env)),
        Policy::Export | Policy::Mirror if env.unset_otherwise => push_name(&mut found.unset, env.name),
        Policy::ExportScoped if wanted => {
            push(&mut found.scoped, library, env, value(places, env));
            for env in library.protects.iter().filter_map(|name| protected(name)) {
                let own = places.user_value(env.name);
                let own = own.or_else(|| places.expand(env.user_place?.on(request.os)));
                push(&mut found.scoped, library, env, own);
            }
        }
        Policy::Unset => push_name(&mut found.unset, env.name),
        _ => {}
    }
}

fn value(places: &Places<'_>, env: &Env) -> Option<String> {
    places.expand(env.value?)
}

fn protected(name: &str) -> Option<&'static Env> {
    libraries().iter().flat_map(|library| library.env).find(|env| env.policy == Policy::Protect && env.name == name)
}

/// The first library that asks gives its name to the variable; the build makes sure that the others ask for the same.
fn push(list: &mut Vec<Variable>, library: &Library, env: &Env, value: Option<String>) {
    if let Some(value) = value.filter(|_| list.iter().all(|known| known.name != env.name)) {
        let [name, library, note] = [env.name, library.id, env.note].map(str::to_owned);
        list.push(Variable { name, value, library, note });
    }
}

fn push_name(list: &mut Vec<String>, name: &str) {
    if list.iter().all(|known| known != name) {
        list.push(name.to_owned());
    }
}

#[cfg(test)]
mod tests;
