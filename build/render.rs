//! The catalogue as a Rust expression.

use super::{Env, Library, PLATFORMS, POLICIES, SWITCHES, TEMPLATES_OF_AN_ENVIRONMENT, lookup, templates};
use std::fmt::Write as _;

/// The libraries as a Rust expression, for `src/catalogue/mod.rs` to include.
pub(crate) fn render(libraries: &[Library]) -> String {
    let mut out = String::from("&[\n");
    for library in libraries {
        let empty = Vec::new();
        let at = |platform: &str| library.default_locations.get(platform).unwrap_or(&empty);
        let platforms: Vec<_> = library.platforms.iter().filter_map(|p| lookup(PLATFORMS, p)).collect();
        let env: String = library.env.iter().map(render_env).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "Library {{ id: {:?}, name: {:?}, aliases: &{:?}, group: {:?}, pypi: &{:?}, versions: {:?}, \
             platforms: &[{}], inherits: &{:?}, homes: &{:?}, protects: &{:?}, integrity: {:?}, offline: {:?}, \
             caution: {:?}, read: {:?}, evidence: &{:?}, \
             default_locations: PerOs {{ linux: &{:?}, macos: &{:?}, windows: &{:?} }}, env: &[{env}] }},",
            library.id,
            library.name,
            library.aliases,
            library.group,
            library.pypi,
            library.versions,
            platforms.iter().map(|p| format!("Os::{p}")).collect::<Vec<_>>().join(", "),
            library.inherits,
            library.homes,
            library.protects,
            library.integrity,
            library.offline,
            library.caution,
            library.read,
            library.evidence,
            at("linux"),
            at("macos"),
            at("windows"),
        );
    }
    out.push(']');
    out
}

fn render_env(env: &Env) -> String {
    let place = |platform: &str| env.user_place.get(platform).cloned().unwrap_or_default();
    let user_place = if env.user_place.is_empty() {
        "None".to_owned()
    } else {
        format!(
            "Some(PerOs {{ linux: {:?}, macos: {:?}, windows: {:?} }})",
            place("linux"),
            place("macos"),
            place("windows")
        )
    };
    let when = env.when.as_deref().and_then(|when| lookup(SWITCHES, when));
    let per_environment =
        env.value.as_deref().is_some_and(|v| templates(v).any(|t| TEMPLATES_OF_AN_ENVIRONMENT.contains(&t)));
    format!(
        "Env {{ name: {:?}, value: {:?}, policy: Policy::{}, when: {}, unset_otherwise: {}, user_place: {user_place}, \
         per_environment: {per_environment}, note: {:?} }}, ",
        env.name,
        env.value,
        lookup(POLICIES, &env.policy).unwrap_or_default(),
        when.map_or_else(|| "None".to_owned(), |when| format!("Some(Switch::{when})")),
        env.otherwise.is_some(),
        env.note,
    )
}
