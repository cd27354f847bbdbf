//! A model written as a table: its source, its alternatives, its patterns, and what makes no sense together.

use super::{Choice, Weights, WellKnown, parse};
use crate::models::names;
use crate::models::spec::Spec;
use crate::models::when::When;
use crate::project::model_entry::{AlternativeTable, ModelTable, Words};
use crate::support::nearest::nearest;

/// Formats of weights that may be asked for by name.
pub const FORMATS: [&str; 20] = [
    "safetensors",
    "bin",
    "pt",
    "pth",
    "ckpt",
    "onnx",
    "gguf",
    "ggml",
    "h5",
    "msgpack",
    "tflite",
    "openvino",
    "coreml",
    "npz",
    "pytorch",
    "tensorflow",
    "flax",
    "rust",
    "ot",
    "original",
];

/// The choices of a table in the order of trial: its alternatives, then its own source.
pub(super) fn choices(key: &str, table: &ModelTable, known: &WellKnown<'_>) -> Result<Vec<Choice>, String> {
    if table.source.is_none() && table.alternatives.is_empty() {
        return Err("needs `source`, or `alternatives`".to_owned());
    }
    let lonely = table.revision.is_some() || table.include.is_some() || table.weights.is_some();
    if table.source.is_none() && (lonely || !table.exclude.0.is_empty() || !table.when.0.is_empty()) {
        return Err(
            "has no `source`, so `revision`, `include`, `exclude`, `weights` and `when` belong to its alternatives"
                .to_owned(),
        );
    }
    let own = table.source.is_some().then(|| table.own());
    let mut choices: Vec<Choice> = Vec::new();
    let last = table.alternatives.len() + usize::from(own.is_some()) - 1;
    for (at, source) in table.alternatives.iter().chain(&own).enumerate() {
        let mut choice = choice(source, known)?;
        let is_own = at == table.alternatives.len();
        if at < last && choice.when.is_always() {
            return Err(format!("the alternative {} needs a `when`: what follows it is never taken", choice.spec));
        }
        choice.name = if is_own || choice.when.is_always() { key.to_owned() } else { format!("{key}@{}", choice.when) };
        if choices.iter().any(|before| before.name == choice.name) {
            return Err(format!("has two alternatives for `{}`: the second is never taken", choice.when));
        }
        choices.push(choice);
    }
    Ok(choices)
}

fn choice(table: &AlternativeTable, known: &WellKnown<'_>) -> Result<Choice, String> {
    let mut spec = parse(&table.source, known)?;
    if let Some(revision) = &table.revision {
        spec = spec.at(revision).map_err(|why| format!("revision: {why}"))?;
    }
    let filtered = table.include.is_some() || !table.exclude.0.is_empty() || table.weights.is_some();
    if filtered && !matches!(spec, Spec::Hub { .. } | Spec::SentenceTransformers(_)) {
        return Err(format!(
            "`include`, `exclude` and `weights` choose among a repository's files; `{}:` knows itself which it needs",
            spec.kind()
        ));
    }
    let include = table.include.as_ref().map(|words| patterns("include", words)).transpose()?;
    if include.as_ref().is_some_and(Vec::is_empty) {
        return Err("`include` is empty, which would take no file; leave it out to take all".to_owned());
    }
    Ok(Choice {
        name: String::new(),
        spec,
        include,
        exclude: patterns("exclude", &table.exclude)?,
        weights: table.weights.as_ref().map_or(Ok(Weights::Auto), |words| weights(&words.0))?,
        when: When::parse(&table.when.0)?,
    })
}

fn patterns(field: &str, words: &Words) -> Result<Vec<String>, String> {
    if words.0.len() > 256 {
        return Err(format!("`{field}` has more than 256 patterns"));
    }
    if let Some(bad) =
        words.0.iter().find(|word| word.is_empty() || word.len() > 512 || word.contains(char::is_control))
    {
        return Err(format!("`{field}`: {bad:?} is no pattern: it is empty, very long or holds a control character"));
    }
    let mut sorted = words.0.clone();
    sorted.sort_unstable();
    sorted.dedup();
    Ok(sorted)
}

pub(super) fn weights(words: &[String]) -> Result<Weights, String> {
    match words {
        [word] if word == "auto" => return Ok(Weights::Auto),
        [word] if word == "all" => return Ok(Weights::All),
        [] => return Err("`weights` is empty".to_owned()),
        _ => {}
    }
    for word in words {
        let (format, quantisation) =
            word.split_once(':').map_or((word.as_str(), None), |(head, tail)| (head, Some(tail)));
        if !FORMATS.contains(&format) || (quantisation.is_some() && format != "gguf") {
            let near = nearest(format, FORMATS);
            let hint = near.map_or_else(|| FORMATS.join(", "), |near| format!("the nearest one is `{near}`"));
            return Err(format!("`weights` knows no {word:?}: it is `auto`, `all` or formats\n  {hint}"));
        }
        quantisation.map_or(Ok(()), names::plain).map_err(|flaw| format!("`weights`: {word:?} {flaw}"))?;
    }
    Ok(Weights::Formats(words.to_vec()))
}

/// A wheel is installed, nothing else is.
pub(super) fn environment(table: &ModelTable, choices: &[Choice]) -> Result<Option<String>, String> {
    if table.environment.is_some() && !choices.iter().any(|choice| matches!(choice.spec, Spec::Spacy { .. })) {
        return Err(
            "`environment` is for models that are installed, such as `spacy:`; a cache serves all of them".to_owned()
        );
    }
    Ok(table.environment.clone())
}
