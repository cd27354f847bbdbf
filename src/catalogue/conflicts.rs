//! What the user's shell says already, where it differs from what the project needs.

use super::places::Places;
use super::variables::{Request, VariableSet};
use super::{Policy, with_inherited};
use serde::Serialize;

/// A variable of the user's shell that a person should know about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The variable's name.
    pub name: String,
    /// What became of it.
    pub kind: ConflictKind,
    /// The project's value; none where it sets none.
    pub ours: Option<String>,
    /// The shell's value.
    pub theirs: String,
    /// What follows, in one or two sentences.
    pub consequence: String,
}

/// How the shell and the project differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConflictKind {
    /// Both set it, to different values.
    Differs,
    /// The project removes it.
    Removed,
    /// No library of the project reads it.
    Useless,
    /// A library of the project reads it; the tool leaves it alone.
    Noticed,
}

/// Every variable of the request's environment that differs from `set`, or that the catalogue warns about for its libraries.
pub fn conflicts(request: &Request<'_>, set: &VariableSet) -> Vec<Conflict> {
    let mut found = Vec::new();
    let everywhere = set.set.iter().map(|variable| (variable, false));
    let scoped = set.scoped.iter().map(|variable| (variable, true));
    for (variable, scoped) in everywhere.chain(scoped) {
        if let Some(theirs) = differing(request, &variable.name, &variable.value) {
            found.push(Conflict {
                name: variable.name.clone(),
                kind: ConflictKind::Differs,
                consequence: differs(&variable.value, &theirs, scoped),
                ours: Some(variable.value.clone()),
                theirs,
            });
        }
    }
    // A name that is to go does no harm while it means the hub cache of the project.
    let hub = set.set.iter().find(|variable| variable.name == "HF_HUB_CACHE").map_or("", |hub| &hub.value);
    for name in &set.unset {
        if let Some(theirs) = differing(request, name, hub) {
            let consequence = format!(
                "It would keep models in a second cache, {theirs}: `modelstrap run` and the snippets remove it. \
                 A `.env` file cannot, and a process started without them still obeys it."
            );
            found.push(Conflict { name: name.clone(), kind: ConflictKind::Removed, ours: None, theirs, consequence });
        }
    }
    for env in with_inherited(request.libraries).iter().flat_map(|library| library.env) {
        let (kind, end) = match env.policy {
            Policy::Ignored => (ConflictKind::Useless, "It can go."),
            Policy::Warn => (ConflictKind::Noticed, "It is left as it is."),
            _ => continue,
        };
        let known = set.set.iter().any(|variable| variable.name == env.name)
            || found.iter().any(|conflict| conflict.name == env.name);
        if let Some(theirs) = request.vars.get(env.name).filter(|_| !known) {
            let theirs = theirs.to_string_lossy().into_owned();
            let consequence = format!("{} {end}", env.note);
            found.push(Conflict { name: env.name.to_owned(), kind, ours: None, theirs, consequence });
        }
    }
    found
}

/// The user's value of `name`, unless it means `ours`.
fn differing(request: &Request<'_>, name: &str, ours: &str) -> Option<String> {
    let theirs = request.vars.get(name)?.to_string_lossy();
    let meaning = Places::of(request).user_value(name);
    (meaning.as_deref().unwrap_or(&theirs) != ours).then(|| theirs.into_owned())
}

fn differs(ours: &str, theirs: &str, scoped: bool) -> String {
    if scoped {
        return format!("`modelstrap run` replaces it for the command that it starts; everything else keeps {theirs}.");
    }
    let until_now = if ours.contains(['/', '\\']) {
        format!("Files have gone to {theirs} and stay there until `modelstrap migrate {theirs}` moves them. ")
    } else {
        String::new()
    };
    format!(
        "{until_now}`modelstrap run`, the snippets and `.env` replace it for this project; \
         a process started without them still uses {theirs}."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::variables::variables;
    use crate::catalogue::{DEFAULT_LIBRARIES, select};
    use crate::platform::Os;
    use crate::support::vars::Vars;
    use std::path::Path;

    /// Name, kind, our value and the consequence of each conflict of `ids` with `vars`.
    fn found(ids: &[&str], vars: &[(&str, &str)]) -> Vec<(String, ConflictKind, Option<String>, String)> {
        let libraries = select(ids).unwrap();
        let vars: Vars = vars.iter().copied().collect();
        let request = Request {
            cache: Path::new("/srv/p/.cache"),
            project: Path::new("/srv/p"),
            libraries: &libraries,
            home: Some(Path::new("/home/ada")),
            vars: &vars,
            os: Os::Linux,
            transformers_cache: true,
            old_huggingface_hub: false,
            legacy_ccache: false,
        };
        conflicts(&request, &variables(&request)).into_iter().map(|c| (c.name, c.kind, c.ours, c.consequence)).collect()
    }

    #[test]
    fn a_variable_that_the_shell_sets_differently_is_reported_with_what_follows() {
        assert_eq!(
            found(&["huggingface"], &[("HF_HOME", "/data/hf"), ("HF_HUB_CACHE", "/srv/p/.cache/huggingface/hub/")]),
            [(
                "HF_HOME".to_owned(),
                ConflictKind::Differs,
                Some("/srv/p/.cache/huggingface".to_owned()),
                "Files have gone to /data/hf and stay there until `modelstrap migrate /data/hf` moves them. `modelstrap run`, the snippets and `.env` replace it for \
                 this project; a process started without them still uses /data/hf."
                    .to_owned()
            )]
        );
    }

    #[test]
    fn a_variable_that_makes_a_second_cache_is_reported_as_removed() {
        assert_eq!(
            found(&["sentence-transformers"], &[("SENTENCE_TRANSFORMERS_HOME", "/data/st")]),
            [(
                "SENTENCE_TRANSFORMERS_HOME".to_owned(),
                ConflictKind::Removed,
                None,
                "It would keep models in a second cache, /data/st: `modelstrap run` and the snippets remove it. \
                 A `.env` file cannot, and a process started without them still obeys it."
                    .to_owned()
            )]
        );
    }

    #[test]
    fn a_scoped_variable_is_said_to_change_for_one_command_only() {
        assert_eq!(
            found(&["openai-whisper"], &[("XDG_CACHE_HOME", "/fast/xdg"), ("PIP_CACHE_DIR", "/fast/pip")]),
            [(
                "XDG_CACHE_HOME".to_owned(),
                ConflictKind::Differs,
                Some("/srv/p/.cache".to_owned()),
                "`modelstrap run` replaces it for the command that it starts; everything else keeps /fast/xdg."
                    .to_owned()
            )]
        );
    }

    #[test]
    fn a_variable_that_nothing_reads_is_reported_as_useless_and_a_foreign_one_as_noticed() {
        assert_eq!(
            found(&["mlx"], &[("MLX_HOME", "/data/mlx"), ("MLXLM_USE_MODELSCOPE", "true")]),
            [
                ("MLX_HOME".to_owned(), ConflictKind::Useless, None, "No library reads it. It can go.".to_owned()),
                (
                    "MLXLM_USE_MODELSCOPE".to_owned(),
                    ConflictKind::Noticed,
                    None,
                    "When true, mlx-lm downloads the same models again, from ModelScope. It is left as it is."
                        .to_owned()
                ),
            ]
        );
    }

    #[test]
    fn an_empty_shell_and_an_activated_one_have_no_conflicts() {
        assert_eq!(found(DEFAULT_LIBRARIES, &[]), []);
        let ours = [
            ("PRIMARY_CACHE_PATH", "/srv/p/.cache"),
            ("HF_HOME", "/srv/p/.cache/huggingface"),
            ("HF_TOKEN_PATH", "/home/ada/.cache/huggingface/token"),
            ("XDG_CACHE_HOME", "/srv/p/.cache"),
            ("PYANNOTE_CACHE", "/srv/p/.cache/huggingface/hub"),
        ];
        assert_eq!(found(&["openai-whisper", "pyannote-audio-4"], &ours), []);
    }

    #[test]
    fn the_same_place_in_other_words_is_no_conflict() {
        let same = [
            ("HF_HOME", "/srv/p/.cache/huggingface/"),
            ("HF_TOKEN_PATH", "~/hf-token"),
            ("UV_CACHE_DIR", "$HOME/uv"),
            ("SENTENCE_TRANSFORMERS_HOME", "/srv/p/.cache/huggingface/hub"),
        ];
        assert_eq!(found(&["sentence-transformers", "openai-whisper"], &same), []);
    }

    #[test]
    fn a_token_is_never_shown() {
        assert_eq!(found(DEFAULT_LIBRARIES, &[("HF_TOKEN", "hf_secret")]), []);
    }
}
