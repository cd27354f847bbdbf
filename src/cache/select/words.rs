//! What the words of `clear` and of `--keep` mean: a model of the project, a repository, one of its revisions, a file, an
//! application cache, a path. A word that fits nothing is told the nearest one that does.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::Listed;
use super::picks::{At, Pick};
use super::stock::{Holding, Revision, Seen, Stock, ThingKind};
use crate::support::{nearest, quoted};

/// A model as the project's lock names it.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// What the project calls it.
    pub name: String,
    /// Its source, `hf:org/name`.
    pub spec: String,
    /// Its repositories: folder and commit.
    pub revisions: Vec<(String, String)>,
    /// Its files elsewhere.
    pub paths: Vec<PathBuf>,
}

/// What a word means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// These.
    Picks(Listed),
    /// A model of the project of which nothing is here.
    NotHere,
}

/// Why a word means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Nothing is called so; what resembles it most.
    Unknown(Option<String>),
    /// Several things are called so: where they are.
    Several(Vec<PathBuf>),
    /// It lies outside of the cache: where.
    Outside(Vec<PathBuf>),
    /// The repository has no such revision; those that it has.
    NoRevision(Vec<String>),
}

/// The words that stand for many things, and what `clear` does with each.
const GROUPS: [(&str, &str); 4] = [
    ("models", "deletes every model"),
    ("app", "deletes everything in the application caches"),
    ("all", "deletes every model and everything in the application caches"),
    ("trash", "deletes for good what could be brought back"),
];

/// What the word does that was suggested, if it stands for many things: nobody is led to that who looked for one.
pub fn group(word: &str) -> Option<&'static str> {
    GROUPS.iter().find(|(group, _)| *group == word).map(|(_, does)| *does)
}

/// So many digits of a commit are enough.
const DIGITS: usize = 4;

/// What `word` means; `path` is where it leads as a path, if it is written like one.
///
/// # Errors
/// When it means nothing, or several things.
pub fn meaning(word: &str, path: Option<&Path>, stock: &Stock, named: &[Named]) -> Result<Meaning, Problem> {
    meaning_in(word, path, None, stock, named)
}

/// What is said of many: of a folder that holds thousands of files, all parts are there by themselves.
const MANY: usize = 64;

/// The same where a folder is known above the homes, the cache root: whoever names it means the models in them.
///
/// # Errors
/// When it means nothing, or several things.
pub fn meaning_in(
    word: &str,
    path: Option<&Path>,
    cache_root: Option<&Path>,
    stock: &Stock,
    named: &[Named],
) -> Result<Meaning, Problem> {
    // A model in several files is no model without one of them.
    match alone(word, path, cache_root, stock, named)? {
        Meaning::Picks(picks) if picks.len() <= MANY => {
            Ok(Meaning::Picks(stock.with_parts(picks.iter().collect()).into()))
        }
        other => Ok(other),
    }
}

fn alone(
    word: &str,
    path: Option<&Path>,
    cache_root: Option<&Path>,
    stock: &Stock,
    named: &[Named],
) -> Result<Meaning, Problem> {
    if let Some(path) = path {
        let picks = at_path(path, cache_root == Some(path), stock);
        return if picks.is_empty() { Err(Problem::Unknown(None)) } else { Ok(Meaning::Picks(picks)) };
    }
    if let Some(model) = named.iter().find(|model| model.name == word) {
        return Ok(of_model(model, stock));
    }
    let cache: Vec<Pick> = stock
        .applications
        .iter()
        .enumerate()
        .filter(|(_, cache)| cache.name == word)
        .flat_map(|(number, _)| application(stock, number))
        .collect();
    if stock.applications.iter().any(|cache| cache.name == word) {
        return Ok(if cache.is_empty() { Meaning::NotHere } else { Meaning::Picks(cache.into()) });
    }
    for exact in [true, false] {
        let here = found(word, exact, stock, true);
        match here.len() {
            0 => {}
            1 => return Ok(Meaning::Picks(here.into())),
            _ => return Err(Problem::Several(paths(stock, &here))),
        }
    }
    if let Some(model) = named.iter().find(|model| model.spec == word) {
        return Ok(of_model(model, stock));
    }
    let repository = word.rsplit_once('@').map(|(repository, _)| repository);
    let all = |picks: Vec<Pick>| picks.iter().flat_map(|pick| commits(stock, pick)).collect::<Vec<String>>();
    let lacks = |commits: Vec<String>| if commits.is_empty() { Ok(()) } else { Err(Problem::NoRevision(commits)) };
    repository.map_or(Ok(()), |name| lacks(all(found(name, false, stock, true))))?;
    let outside = found(word, true, stock, false);
    if !outside.is_empty() {
        return Err(Problem::Outside(paths(stock, &outside)));
    }
    // Where no model is called so, it is said without its kind.
    let short = without_kind(word, stock);
    match short.len() {
        0 => {}
        1 => return Ok(Meaning::Picks(short.into())),
        _ => return Err(Problem::Several(paths(stock, &short))),
    }
    repository.map_or(Ok(()), |name| lacks(all(without_kind(name, stock))))?;
    Err(Problem::Unknown(nearest(word, stock, named)))
}

/// Repositories in homes that are called so but for their kind, where no model is: `org/name` for `datasets/org/name`.
fn without_kind(word: &str, stock: &Stock) -> Vec<Pick> {
    let named = ["datasets", "spaces", "kernels"].map(|kind| found(&format!("{kind}/{word}"), true, stock, true));
    named.into_iter().flatten().collect()
}

fn paths(stock: &Stock, picks: &[Pick]) -> Vec<PathBuf> {
    picks.iter().filter_map(|pick| stock.path(pick)).collect()
}

/// Repositories, revisions and files of this name, in homes or outside of them.
fn found(word: &str, exact: bool, stock: &Stock, home: bool) -> Vec<Pick> {
    let same = |name: &str, word: &str| if exact { name == word } else { name.to_lowercase() == word.to_lowercase() };
    let (repository, revision) = match word.rsplit_once('@') {
        Some((repository, revision)) => (repository, Some(revision)),
        None => (word, None),
    };
    let repository = ["hf:", "hf://", "model/", "models/"]
        .iter()
        .fold(repository, |rest, prefix| rest.strip_prefix(prefix).unwrap_or(rest));
    let repository = repository.replacen("dataset/", "datasets/", 1).replacen("space/", "spaces/", 1);
    let mut picks = Vec::new();
    for (at, _, holding) in stock.repositories().filter(|(_, hub, _)| hub.home == home) {
        if !same(&holding.full_name(), &repository) {
            continue;
        }
        match revision {
            None => picks.push(Pick::Repository(at)),
            Some(revision) => picks.extend(revisions(at, holding, revision)),
        }
    }
    let things = stock.numbered().filter(|(_, thing)| thing.home() == home && is_model(thing.kind()));
    picks.extend(
        things.filter(|(_, thing)| same(&quoted::text(thing.name()), word)).map(|(index, _)| Pick::Thing(index)),
    );
    picks
}

/// The commits of a repository's revisions.
fn commits(stock: &Stock, pick: &Pick) -> Vec<String> {
    let Pick::Repository(at) = pick else { return Vec::new() };
    let revisions = stock.at(*at).into_iter().flat_map(|(_, holding)| &holding.repository.revisions);
    revisions.map(|one| one.commit.to_string_lossy().into_owned()).collect()
}

fn is_model(kind: ThingKind) -> bool {
    matches!(kind, ThingKind::File | ThingKind::Folder)
}

/// The revision that a branch, a tag or the first digits of a commit name.
fn revisions(at: At, holding: &Holding, word: &str) -> Vec<Pick> {
    let commit = |revision: &&Revision| {
        let commit = revision.commit.to_string_lossy();
        word.len() >= DIGITS && commit.starts_with(&word.to_lowercase())
    };
    let named = |revision: &&Revision| revision.references.iter().any(|name| name == word);
    let all = || holding.repository.revisions.iter().enumerate();
    let by_name: Vec<Pick> = all().filter(|(_, one)| named(one)).map(|(index, _)| Pick::Revision(at, index)).collect();
    if by_name.is_empty() {
        return all().filter(|(_, one)| commit(one)).map(|(index, _)| Pick::Revision(at, index)).collect();
    }
    by_name
}

/// Everything of a model of the project that is here.
fn of_model(model: &Named, stock: &Stock) -> Meaning {
    let mut picks = Vec::new();
    for (at, _, holding) in stock.repositories().filter(|(_, hub, _)| hub.home) {
        let folder = holding.folder_name();
        for (index, revision) in holding.repository.revisions.iter().enumerate() {
            let is_its =
                |(name, commit): &&(String, String)| *name == folder && revision.commit.to_str() == Some(commit);
            if model.revisions.iter().any(|one| is_its(&one)) {
                picks.push(Pick::Revision(at, index));
            }
        }
    }
    for path in &model.paths {
        for (index, thing) in stock.numbered().filter(|(_, thing)| thing.home() && path.starts_with(thing.path())) {
            let pick = Pick::Thing(index);
            if is_model(thing.kind()) && !picks.contains(&pick) {
                picks.push(pick);
            }
        }
    }
    if picks.is_empty() { Meaning::NotHere } else { Meaning::Picks(picks.into()) }
}

/// Everything at or below `path`, in whatever place it lies; `above`: also in the homes below it.
fn at_path(path: &Path, above: bool, stock: &Stock) -> Listed {
    let mut picks = Listed::default();
    for (at, hub, holding) in stock.repositories() {
        let folder = &holding.repository.folder;
        if folder.starts_with(path) && (path.starts_with(&hub.root) || (hub.home && above)) {
            picks.push(Pick::Repository(at));
        }
        let revisions = holding.repository.revisions.iter().enumerate();
        picks.extend(revisions.filter(|(_, one)| one.folder == path).map(|(index, _)| Pick::Revision(at, index)));
        if path == folder.join("snapshots") {
            picks.push(Pick::Repository(at));
        }
        let unfinished = holding.repository.unfinished.iter().enumerate();
        picks.extend(unfinished.filter(|(_, (one, _))| one == path).map(|(index, _)| Pick::Unfinished(at, index)));
    }
    for (number, hub) in stock.hubs.iter().enumerate() {
        for (index, payload) in hub.payloads.iter().enumerate() {
            let known = path.starts_with(&hub.root) || (hub.home && above);
            if known && payload.entry.lies_in(path) {
                picks.push(Pick::Payload(number, index));
            }
        }
    }
    for (index, thing) in stock.numbered() {
        let known = path.starts_with(&thing.lot.root) || (thing.home() && above);
        let own = thing.path();
        if own.starts_with(path) && known && thing.kind() != ThingKind::Locks {
            picks.push(Pick::Thing(index));
        } else if path.starts_with(&own) {
            let entry = thing.entries().position(|entry| entry.is_at(path) && !entry.is_protected());
            picks.extend(entry.map(|entry| Pick::Inside(index, entry)));
        }
    }
    for (number, cache) in stock.applications.iter().enumerate() {
        if cache.path == path {
            picks.extend(application(stock, number));
        } else if path.starts_with(&cache.path) {
            let entry = cache.entries.iter().position(|entry| entry.is_at(path) && !entry.is_protected());
            picks.extend(entry.map(|entry| Pick::Application(number, entry)));
        }
    }
    picks
}

/// Everything in an application cache: its folders whole, unless they hold a file that stays.
pub(super) fn application(stock: &Stock, number: usize) -> Vec<Pick> {
    let Some(cache) = stock.applications.get(number) else { return Vec::new() };
    let top = |entry: &Seen<'_>| {
        let inside = entry.path();
        let first = inside.strip_prefix(&cache.path).ok()?.components().next()?;
        Some(cache.path.join(first))
    };
    let held: HashSet<PathBuf> =
        cache.entries.iter().filter(|entry| cache.is_held(entry)).filter_map(|entry| top(&entry)).collect();
    let mut picks = Vec::new();
    for (index, entry) in cache.entries.iter().enumerate() {
        let Some(top) = top(&entry) else { continue };
        let goes = match held.contains(&top) {
            true => !entry.is_folder() && !cache.is_held(&entry),
            false => entry.is_at(&top),
        };
        if goes {
            picks.push(Pick::Application(number, index));
        }
    }
    picks
}

/// What resembles `word` most, if anything does.
fn nearest(word: &str, stock: &Stock, named: &[Named]) -> Option<String> {
    let models = named.iter().map(|model| model.name.clone());
    let repositories = stock.repositories().filter(|(_, hub, _)| hub.home).map(|(_, _, holding)| holding.full_name());
    let things = stock.numbered().filter(|(_, thing)| thing.home() && is_model(thing.kind()));
    let things = things.map(|(_, thing)| quoted::text(thing.name()));
    let caches = stock.applications.iter().map(|cache| cache.name.clone());
    // A thing of its own is meant rather than all of them.
    nearest::nearest(word, models.chain(repositories).chain(things).chain(caches))
        .or_else(|| nearest::nearest(word, GROUPS.map(|(group, _)| group.to_owned())))
}
