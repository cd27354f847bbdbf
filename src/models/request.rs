//! What a project asks for: the manifest's `[models]` and the words after `--models`, checked and in one form.
//!
//! A key with one source is one request of that name. A key with a list is one request for each source, named `KEY/NAME` after
//! what the source names, so that adding a second source renames nothing; the key means all of them. A table with
//! `alternatives` is one request with several choices: the first alternative whose `when` holds, else the table's own source.

mod table;

use std::collections::HashSet;
use std::fmt;

use super::names;
use super::spec::{self, Spec};
use super::when::When;
use crate::fetch::Digest;
use crate::platform::Facts;
use crate::project::Manifest;
use crate::project::model_entry::{ModelEntry, ModelValue};
use crate::project::root::MANIFEST;
use crate::support::escape::printable;
use crate::support::nearest::nearest;
use crate::support::units;

pub use table::FORMATS;

/// A model that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What a person calls it: the manifest's key, `KEY/NAME` for one of a list, or the spec from the command line.
    pub name: String,
    /// The manifest's key, or the spec again.
    pub key: String,
    /// What it can be, in the order of trial; at least one.
    pub choices: Vec<Choice>,
    /// True when setup may go on without it.
    pub optional: bool,
    /// True when its owner asks people to agree to something first.
    pub gated: bool,
    /// The Python environment of the manifest that it is installed into.
    pub environment: Option<String>,
}

/// One source of a request. Every choice is locked, also those for other machines: the lock is the same everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its name in the lock: the request's, with `@` and the condition for an alternative: `asr@mlx`.
    pub name: String,
    /// What is meant.
    pub spec: Spec,
    /// Patterns of the files to take, sorted; `None` is everything.
    pub include: Option<Vec<String>>,
    /// Patterns of the files to leave out, sorted.
    pub exclude: Vec<String>,
    /// Which of several formats of the same weights to take.
    pub weights: Weights,
    /// Where it is wanted.
    pub when: When,
}

/// Which of several formats of the same weights to take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Weights {
    /// The one that the reader takes.
    #[default]
    Auto,
    /// All of them.
    All,
    /// These: words of [`FORMATS`], or `gguf:QUANTISATION`.
    Formats(Vec<String>),
}

impl Weights {
    /// What `weights = …` or `--weights` says: `auto`, `all`, or formats.
    ///
    /// # Errors
    /// With the nearest format.
    pub fn of_words(words: &[String]) -> Result<Self, String> {
        table::weights(words)
    }
}

/// The names that need no source, and how to find the one that was meant: the catalogue's, handed in.
#[derive(Clone, Copy)]
pub struct WellKnown<'a> {
    /// The spec of a well-known name.
    pub find: &'a dyn Fn(&str) -> Option<&'static str>,
    /// The well-known name that looks like this one.
    pub nearest: &'a dyn Fn(&str) -> Option<String>,
}

/// Why a request cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The line of the manifest and its key; none for the command line.
    place: Option<(usize, String)>,
    message: String,
}

/// All requests of a manifest, in its order, those for other machines too.
///
/// # Errors
/// With the line and the key, the rule, and the nearest right word.
pub fn of_manifest(manifest: &Manifest, known: &WellKnown<'_>) -> Result<Vec<Request>, Error> {
    let environment = |name: &str| manifest.environments.iter().any(|(known, _)| known == name);
    let mut requests = Vec::new();
    for (key, entry) in &manifest.models {
        let place = |message: String| Error { place: Some((entry.line, key.clone())), message };
        let found = Request::from_manifest(key, entry, known).map_err(place)?;
        for name in found.iter().filter_map(|request| request.environment.as_deref()) {
            if !environment(name) {
                let known: Vec<_> = manifest.environments.iter().map(|(name, _)| format!("`{name}`")).collect();
                let hint = if known.is_empty() { "there is none".to_owned() } else { known.join(", ") };
                return Err(place(format!("there is no [environments.{name}]\n  in the manifest: {hint}")));
            }
        }
        requests.extend(found);
    }
    Ok(requests)
}

/// What the words of `--models` mean: keys of the manifest, names of its requests, or specs. Each request comes once.
///
/// # Errors
/// With the nearest key or well-known name.
pub fn select<S: AsRef<str>>(words: &[S], requests: &[Request], known: &WellKnown<'_>) -> Result<Vec<Request>, Error> {
    let mut chosen: Vec<Request> = Vec::new();
    for word in words.iter().map(|word| word.as_ref().trim()).filter(|word| !word.is_empty()) {
        let named: Vec<_> = requests.iter().filter(|one| one.key == word || one.name == word).cloned().collect();
        let found = if named.is_empty() { vec![by_spec(word, requests, known)?] } else { named };
        chosen.extend(found);
    }
    Ok(dedupe(chosen))
}

/// Each name once, the first of each; and a spec from the command line only when nothing before it asks for the same.
pub fn dedupe(requests: Vec<Request>) -> Vec<Request> {
    let mut names = HashSet::new();
    requests.into_iter().filter(|request| names.insert(request.name.clone())).collect()
}

/// The digest of what is asked for: it changes when a lock made from it would, and not with a manifest's layout, nor with
/// `when`, `optional` and `gated`, which decide nothing that a lock holds. The alternatives' names hold their conditions.
pub fn digest(requests: &[Request]) -> Digest {
    use sha2::{Digest as _, Sha256};
    let mut lines: Vec<String> = lines(requests).collect();
    lines.sort_unstable();
    let text = format!("modelstrap.requests/1\n{}\n", lines.join("\n"));
    Digest::Sha256(Sha256::digest(text.as_bytes()).into())
}

/// What a manifest asks for, to be looked up: of thousands of models, to compare each with each takes minutes.
pub struct Asked(HashSet<String>);

impl Asked {
    /// What `requests` ask for.
    pub fn by(requests: &[Request]) -> Self {
        Self(lines(requests).collect())
    }

    /// Whether something asks for the same as `choice` for this environment: a lock made from the one is right for the other.
    pub fn has(&self, choice: &Choice, environment: Option<&str>) -> bool {
        self.0.contains(&choice.canonical(environment))
    }
}

fn lines(requests: &[Request]) -> impl Iterator<Item = String> {
    requests
        .iter()
        .flat_map(|request| request.choices.iter().map(|choice| choice.canonical(request.environment.as_deref())))
}

impl Request {
    /// A request for a spec of the command line.
    pub fn of_spec(spec: Spec) -> Self {
        let name = spec.to_string();
        let choice = Choice::plain(name.clone(), spec);
        Self { key: name.clone(), name, choices: vec![choice], optional: false, gated: false, environment: None }
    }

    /// A request named `name` for a spec in its canonical form, without patterns; `None` if it is no spec.
    pub fn plain(name: &str, spec: &str) -> Option<Self> {
        let spec = Spec::parse(spec, &|_| None).ok()?;
        Some(Self { choices: vec![Choice::plain(name.to_owned(), spec.clone())], ..Self::of_spec(spec) })
    }

    /// The requests of one key of the manifest's `[models]`: several for a list.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn from_manifest(key: &str, entry: &ModelEntry, known: &WellKnown<'_>) -> Result<Vec<Self>, String> {
        names::key(key).map_err(|flaw| format!("the key {flaw}"))?;
        let one = |name: String, choices| Self {
            name,
            key: key.to_owned(),
            choices,
            optional: false,
            gated: false,
            environment: None,
        };
        match &entry.value {
            ModelValue::One(source) => {
                let choice = Choice::plain(key.to_owned(), parse(source, known)?);
                Ok(vec![one(key.to_owned(), vec![choice])])
            }
            ModelValue::Several(sources) => {
                let specs = sources.iter().map(|source| parse(source, known)).collect::<Result<Vec<_>, _>>()?;
                let list = named(key, specs)?;
                Ok(list.into_iter().map(|(name, spec)| one(name.clone(), vec![Choice::plain(name, spec)])).collect())
            }
            ModelValue::Table(table) => {
                let mut request = one(key.to_owned(), table::choices(key, table, known)?);
                request.optional = table.optional;
                request.gated = table.gated;
                request.environment = table::environment(table, &request.choices)?;
                Ok(vec![request])
            }
        }
    }

    /// What it is on this machine: the first choice whose condition holds. None: the model is for other machines.
    pub fn chosen(&self, facts: &Facts) -> Option<&Choice> {
        self.choices.iter().find(|choice| choice.when.holds(facts))
    }
}

impl Choice {
    fn plain(name: String, spec: Spec) -> Self {
        Self { name, spec, include: None, exclude: Vec::new(), weights: Weights::Auto, when: When::default() }
    }

    /// One line that is the same whatever the manifest looks like. JSON, since a pattern may hold any sign.
    fn canonical(&self, environment: Option<&str>) -> String {
        let weights = match &self.weights {
            Weights::Auto => vec!["auto"],
            Weights::All => vec!["all"],
            Weights::Formats(formats) => formats.iter().map(String::as_str).collect(),
        };
        serde_json::json!([self.name, self.spec.to_string(), self.include, self.exclude, weights, environment])
            .to_string()
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some((line, key)) => write!(f, "{MANIFEST}:{line}: [models] {}: {}", printable(key), self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// A request for a spec: the manifest's own, where it asks for the same.
fn by_spec(word: &str, requests: &[Request], known: &WellKnown<'_>) -> Result<Request, Error> {
    let spec = Spec::parse(word, known.find).map_err(|error| {
        // The project's own names come first, where a well-known one is not nearer.
        let near = |name: &str| {
            let own = requests.iter().flat_map(|request| [&request.key, &request.name]).cloned();
            nearest(name, own.chain((known.nearest)(name)))
        };
        let error = error.with_nearest(near);
        Error { place: None, message: no_such_model(&error, requests) }
    })?;
    let same = |request: &&Request| request.choices.iter().all(|choice| choice.spec == spec);
    Ok(requests.iter().find(same).cloned().unwrap_or_else(|| Request::of_spec(spec)))
}

/// The error in words; of a bare name, with the models that the project has.
fn no_such_model(error: &spec::Error, requests: &[Request]) -> String {
    const NAMED: usize = 10;
    let shown = error.to_string();
    let spec::Error::UnknownName { name, .. } = error else { return shown };
    if requests.is_empty() {
        return shown;
    }
    let mut names: Vec<String> = requests.iter().take(NAMED).map(|request| printable(&request.name)).collect();
    if let Some(more) = requests.len().checked_sub(NAMED).filter(|more| *more > 0) {
        names.push(format!("{more} more"));
    }
    // What it may have been, or what a source looks like.
    let hint = shown.split_once('\n').map_or("", |(_, hint)| hint);
    let names = units::listed(&names);
    format!(
        "`{}` is no model of this project, and not a well-known one\n  the project has {names}\n{hint}",
        printable(name)
    )
}

fn parse(source: &str, known: &WellKnown<'_>) -> Result<Spec, String> {
    Spec::parse(source, known.find).map_err(|error| error.with_nearest(|name| (known.nearest)(name)).to_string())
}

/// A list's names: the short one, or where two sources have the same, the whole spec.
fn named(key: &str, specs: Vec<Spec>) -> Result<Vec<(String, Spec)>, String> {
    let mut seen = HashSet::new();
    if let Some(twice) = specs.iter().find(|spec| !seen.insert(*spec)) {
        return Err(format!("names {twice} twice"));
    }
    let short: Vec<String> = specs.iter().map(|spec| spec.short_name().to_owned()).collect();
    let name = |at: usize, spec: &Spec| {
        let alone = short.iter().filter(|name| **name == short[at]).count() == 1;
        if alone { format!("{key}/{}", short[at]) } else { format!("{key}/{spec}") }
    };
    Ok(specs.into_iter().enumerate().map(|(at, spec)| (name(at, &spec), spec)).collect())
}

#[cfg(test)]
mod tests;
