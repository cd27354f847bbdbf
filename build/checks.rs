//! What the build refuses in the catalogue.

use super::{Env, Library, PLATFORMS, POLICIES, SWITCHES, TEMPLATES, TEMPLATES_OF_AN_ENVIRONMENT, lookup, templates};
use std::collections::{BTreeMap, BTreeSet};

/// What is wrong, one line each, so that a person mends all of it at once.
pub(super) fn mistakes(libraries: &[Library]) -> Vec<String> {
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    for library in libraries {
        for name in std::iter::once(&library.id).chain(&library.aliases) {
            if !names.insert(name.as_str()) {
                found.push(format!("catalogue/{}.toml: the id or alias {name:?} is there twice", library.group));
            }
        }
    }
    let ids: BTreeSet<_> = libraries.iter().map(|library| library.id.as_str()).collect();
    let protected: BTreeSet<_> =
        libraries.iter().flat_map(|l| &l.env).filter(|e| e.policy == "protect").map(|e| e.name.as_str()).collect();
    for library in libraries {
        let mut complain =
            |what: String| found.push(format!("catalogue/{}.toml: {}: {what}", library.group, library.id));
        check_library(library, &ids, &protected, &mut complain);
        for env in &library.env {
            check_env(env, &mut |what| complain(format!("{}: {what}", env.name)));
        }
    }
    found.extend(disagreements(libraries));
    found.extend(circles(libraries));
    found
}

fn check_library(
    library: &Library,
    ids: &BTreeSet<&str>,
    protected: &BTreeSet<&str>,
    complain: &mut impl FnMut(String),
) {
    if library.evidence.is_empty() {
        complain("has no evidence".to_owned());
    }
    let lists = [&library.aliases, &library.pypi, &library.platforms, &library.homes, &library.evidence];
    let single = [&library.id, &library.name, &library.integrity, &library.offline, &library.read];
    let optional = library.versions.iter().chain(&library.caution);
    let places = library.default_locations.values().flatten();
    for text in lists.into_iter().flatten().chain(single).chain(optional).chain(places) {
        if text.trim().is_empty() {
            complain("has an empty value".to_owned());
        }
    }
    for other in library.inherits.iter().filter(|other| !ids.contains(other.as_str())) {
        complain(format!("inherits {other:?}, which is no id of the catalogue"));
    }
    for name in library.protects.iter().filter(|name| !protected.contains(name.as_str())) {
        complain(format!("protects {name:?}, which no entry has with the policy `protect`"));
    }
    for platform in library.platforms.iter().chain(library.default_locations.keys()) {
        if lookup(PLATFORMS, platform).is_none() {
            complain(format!("unknown platform {platform:?}; known: {}", words(PLATFORMS)));
        }
    }
    for home in &library.homes {
        if home.split('/').any(|part| matches!(part, "" | "." | "..")) || home.contains(['\\', '{', ':']) {
            complain(format!("the home {home:?} is not a plain folder under the cache root"));
        }
    }
    for place in library.default_locations.values().flatten() {
        check_templates(place, complain);
    }
}

fn check_env(env: &Env, complain: &mut impl FnMut(String)) {
    if env.name.is_empty() || !env.name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') {
        complain("a name is made of capital letters, digits and `_`".to_owned());
    }
    if lookup(POLICIES, &env.policy).is_none() {
        complain(format!("unknown policy {:?}; known: {}", env.policy, words(POLICIES)));
    }
    for text in env.value.iter().chain(env.user_place.values()).chain([&env.note]) {
        if text.trim().is_empty() {
            complain("has an empty value".to_owned());
        }
        check_templates(text, complain);
    }
    if matches!(env.policy.as_str(), "export" | "mirror" | "export-scoped" | "run-switch") && env.value.is_none() {
        complain(format!("the policy {:?} needs a value", env.policy));
    }
    if env.policy == "unset" && env.value.is_some() {
        complain("the policy \"unset\" has no value".to_owned());
    }
    if let Some(when) = env.when.as_ref().filter(|when| lookup(SWITCHES, when).is_none()) {
        complain(format!("unknown switch {when:?}; known: {}", words(SWITCHES)));
    }
    if env.otherwise.as_ref().is_some_and(|otherwise| otherwise != "unset" || env.when.is_none()) {
        complain("`otherwise` is \"unset\", and only beside `when`".to_owned());
    }
    if env.user_place.keys().any(|platform| lookup(PLATFORMS, platform).is_none()) {
        complain(format!("`user_place` names an unknown platform; known: {}", words(PLATFORMS)));
    }
    if !env.user_place.is_empty() && (env.policy != "protect" || env.user_place.len() != PLATFORMS.len()) {
        complain("`user_place` goes with the policy \"protect\", and names every platform".to_owned());
    }
}

fn check_templates(text: &str, complain: &mut impl FnMut(String)) {
    for name in templates(text) {
        if !TEMPLATES.contains(&name) && !TEMPLATES_OF_AN_ENVIRONMENT.contains(&name) {
            complain(format!("unknown template variable {{{name}}} in {text:?}"));
        }
    }
}

/// Two libraries of one project must never ask for different values of one variable.
fn disagreements(libraries: &[Library]) -> Vec<String> {
    let mut asked: BTreeMap<&str, (&str, Option<&str>)> = BTreeMap::new();
    let mut found = Vec::new();
    for library in libraries {
        for env in &library.env {
            if !matches!(env.policy.as_str(), "export" | "mirror" | "export-scoped" | "optional" | "unset") {
                continue;
            }
            let wish = (library.id.as_str(), env.value.as_deref());
            let first = asked.entry(&env.name).or_insert(wish);
            if first.1 != wish.1 {
                found.push(format!(
                    "catalogue/{}.toml: {}: {} is {:?} here and {:?} in {}",
                    library.group, library.id, env.name, wish.1, first.1, first.0
                ));
            }
        }
    }
    found
}

/// A library that inherits itself would never be resolved.
fn circles(libraries: &[Library]) -> Vec<String> {
    let by_id: BTreeMap<_, _> = libraries.iter().map(|library| (library.id.as_str(), library)).collect();
    let mut found = Vec::new();
    for library in libraries {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = library.inherits.iter().map(String::as_str).collect();
        while let Some(id) = open.pop() {
            if id == library.id {
                found.push(format!("catalogue/{}.toml: {id}: inherits itself", library.group));
                break;
            }
            if seen.insert(id) {
                open.extend(by_id.get(id).into_iter().flat_map(|other| other.inherits.iter().map(String::as_str)));
            }
        }
    }
    found
}

fn words(table: &[(&str, &str)]) -> String {
    table.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
}
