//! From a repository's name to what the lock keeps of it: the commit, and the files that are wanted, with their digests.

use super::Error;
use super::api::{self, Entry};
use super::formats::{self, LeftOut, Wanted};
use super::patterns::Filter;
use super::settings::Settings;
use crate::models::documents::Documents;
use crate::models::locked::{File, HubPlace, Part, Place, RepoType};
use crate::models::names;
use crate::support::escape::printable;

/// What is wanted of a repository.
#[derive(Debug, Clone)]
pub struct HubAsk {
    /// Its kind.
    pub repo_type: RepoType,
    /// `owner/name`.
    pub repo: String,
    /// A branch, a tag or a commit; `main` without one.
    pub revision: Option<String>,
    /// Which files.
    pub filter: Filter,
    /// Which of several forms of the same weights.
    pub wanted: Wanted,
}

/// What was found beside the files themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The name in the Hub's letter case.
    pub repo: String,
    /// The name that was asked for, where its letter case is another.
    pub asked_as: Option<String>,
    /// The name now, where the repository was renamed since.
    pub renamed: Option<String>,
    /// Whether access must be asked for.
    pub gated: bool,
    /// The licence's short name.
    pub license: Option<String>,
    /// Other forms of weights that are taken.
    pub left_out: Vec<LeftOut>,
    /// Groups of names that become one file where letter case does not count.
    pub same_but_for_case: Vec<Vec<String>>,
}

impl Resolved {
    /// How many bytes need not be fetched.
    pub fn saved(&self) -> u64 {
        self.left_out.iter().map(|file| file.size).sum()
    }
}

/// Asks the Hub what `ask` is, exactly.
///
/// # Errors
/// Why the Hub does not say it, or that nothing is left of it.
pub fn resolve(documents: &dyn Documents, settings: &Settings, ask: &HubAsk) -> Result<(Part, Resolved), Error> {
    let requested = ask.revision.as_deref().unwrap_or("main");
    let snapshot = api::resolve(documents, settings, ask.repo_type, &ask.repo, requested)?;
    let total = snapshot.entries.len();
    let matching: Vec<Entry> = snapshot.entries.into_iter().filter(|entry| ask.filter.keeps(&entry.path)).collect();
    if matching.is_empty() {
        return Err(nothing(ask, total));
    }
    // In a dataset, names that look like weights are data.
    let wanted = if ask.repo_type == RepoType::Dataset { &Wanted::All } else { &ask.wanted };
    if let Some((missing, there)) = formats::missing_quantisations(&matching, wanted) {
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        let why = format!("it has no quantisation {}; it has {}", printable(&missing), printable(&there));
        return Err(Error::Nothing { repo: ask.repo.clone(), why });
    }
    let choice = formats::choose(&matching, wanted);
    let kept = only(matching, &choice.kept);
    let same_but_for_case = names::differing_only_by_case(kept.iter().map(|entry| entry.path.as_str()));
    let resolved = Resolved {
        asked_as: (snapshot.repo != ask.repo).then(|| ask.repo.clone()),
        repo: snapshot.repo.clone(),
        renamed: snapshot.renamed,
        gated: snapshot.gated,
        license: snapshot.license,
        left_out: choice.left_out,
        same_but_for_case: same_but_for_case
            .iter()
            .map(|group| group.iter().map(|&p| p.to_owned()).collect())
            .collect(),
    };
    let place = HubPlace {
        repo_type: ask.repo_type,
        repo: snapshot.repo,
        requested: requested.to_owned(),
        commit: snapshot.commit,
        complete: kept.len() == total,
    };
    Ok((Part { place: Place::Hub(place), files: kept.into_iter().map(file).collect() }, resolved))
}

/// Those of `entries` that stand at these places, in their own order; no second list is made of them.
fn only(mut entries: Vec<Entry>, places: &[usize]) -> Vec<Entry> {
    let mut keep = vec![false; entries.len()];
    for place in places {
        if let Some(keep) = keep.get_mut(*place) {
            *keep = true;
        }
    }
    let mut keep = keep.into_iter();
    entries.retain(|_| keep.next().unwrap_or(false));
    entries
}

fn file(entry: Entry) -> File {
    File { path: entry.path, size: Some(entry.size), digest: Some(entry.digest), url: None }
}

fn nothing(ask: &HubAsk, total: usize) -> Error {
    let quoted = |patterns: &[String]| {
        let texts: Vec<String> = patterns.iter().map(|text| format!("\"{}\"", printable(text))).collect();
        texts.join(", ")
    };
    let files = crate::support::units::count(total, "file");
    let why = match (&ask.filter.include, total) {
        (_, 0) => "the repository is empty at that revision".to_owned(),
        (Some(include), _) if include.is_empty() => "the list of include patterns is empty".to_owned(),
        (Some(include), _) => {
            let except = if ask.filter.exclude.is_empty() {
                String::new()
            } else {
                format!(", except {}", quoted(&ask.filter.exclude))
            };
            format!("none of its {files} matches {}{except}", quoted(include))
        }
        (None, _) => format!("all of its {files} match {}", quoted(&ask.filter.exclude)),
    };
    Error::Nothing { repo: ask.repo.clone(), why }
}
