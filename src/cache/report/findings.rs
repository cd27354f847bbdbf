//! What could go or needs mending, each with the command that does it.

use std::path::Path;

use super::tree::used;
use super::{Claim, Subject};
use crate::cache::inventory::{Found, Heap, Unit, UnitKind};
use crate::cache::places::Kind;
use crate::support::{paths, units};

/// What was not used for so many days is old.
pub(super) const OLD_DAYS: i64 = 90;

/// Everything that could go, what frees most first: what the commands said of themselves, and what they only find when they are asked for.
pub(super) fn findings(subject: &Subject<'_>) -> Vec<Claim> {
    let mut found: Vec<Claim> = subject.claims.to_vec();
    // Where every command would refuse, there is none to name.
    if !subject.no_project {
        found.extend(duplicates(subject).into_iter().chain(old(subject)).chain(old_outside(subject)));
    }
    found.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.what.cmp(&other.what)));
    found
}

/// The places that have a row. What was removed has one of its own.
pub(super) fn places<'a>(subject: &'a Subject<'_>) -> impl Iterator<Item = &'a Found> {
    subject.inventory.places.iter().filter(|found| found.exists && !found.is_own())
}

/// The models that were not used for long, what frees most first.
pub(super) fn old_models<'a>(subject: &'a Subject<'_>) -> Vec<(&'a Found, &'a Unit, i64)> {
    let before = subject.now.saturating_sub(OLD_DAYS * 86_400);
    let mut old: Vec<_> = models(subject)
        .filter(|(_, unit)| unit.sizes.exclusive > 0)
        .filter_map(|(found, unit)| used(subject, unit).filter(|used| *used < before).map(|used| (found, unit, used)))
        .collect();
    old.sort_by(|one, other| {
        other.1.sizes.exclusive.cmp(&one.1.sizes.exclusive).then_with(|| one.1.path.cmp(&other.1.path))
    });
    old
}

/// The models of libraries' homes that no registered project's lock names, what frees most first.
pub(super) fn unneeded_models<'a>(subject: &'a Subject<'_>) -> Vec<(&'a Found, &'a Unit)> {
    if subject.known.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<_> = models(subject)
        .filter(|(found, unit)| found.place.kind == Kind::Home && subject.needs.whose(&unit.path).is_empty())
        .collect();
    found.sort_by(|one, other| {
        other.1.sizes.exclusive.cmp(&one.1.sizes.exclusive).then_with(|| one.1.path.cmp(&other.1.path))
    });
    found
}

/// Every model, with its place.
pub(super) fn models<'a>(subject: &'a Subject<'_>) -> impl Iterator<Item = (&'a Found, &'a Unit)> {
    let is_model = |unit: &&Unit| !matches!(unit.kind, UnitKind::Rest | UnitKind::Own | UnitKind::Store);
    let places = subject.inventory.places.iter().filter(|found| found.exists);
    places.flat_map(move |found| found.units.iter().filter(is_model).map(move |unit| (found, unit)))
}

/// Every model, and every store that holds what no repository has, with its place.
pub(super) fn listed<'a>(subject: &'a Subject<'_>) -> impl Iterator<Item = (&'a Found, &'a Unit)> {
    let is_store = |unit: &&Unit| matches!(unit.kind, UnitKind::Store) && unit.sizes.files > 0;
    let places = subject.inventory.places.iter().filter(|found| found.exists);
    let stores = places.flat_map(move |found| found.units.iter().filter(is_store).map(move |unit| (found, unit)));
    models(subject).chain(stores)
}

/// A path for a person.
pub(super) fn shown(subject: &Subject<'_>, path: &Path) -> String {
    paths::friendly(subject.root, subject.home, path)
}

fn heap(heap: Heap, what: &str, command: &str, note: &str) -> Option<Claim> {
    (heap.files > 0).then(|| Claim {
        what: what.to_owned(),
        count: heap.files,
        bytes: heap.bytes,
        bound: "up to ",
        command: command.to_owned(),
        note: note.to_owned(),
    })
}

fn duplicates(subject: &Subject<'_>) -> Option<Claim> {
    let duplicates = &subject.contents.duplicates;
    let bytes = duplicates.iter().map(|one| one.bytes).fold(0, u64::saturating_add);
    let all = Heap { files: duplicates.len() as u64, bytes };
    heap(
        all,
        "Contents that are stored twice",
        "modelstrap dedupe",
        "as far as names tell; dedupe finds the others, too",
    )
}

/// Those that `prune --older-than` may take: what lies in the cache, and no project needs.
fn old(subject: &Subject<'_>) -> Option<Claim> {
    let goes =
        |found: &Found, unit: &Unit| found.place.kind == Kind::Home && subject.needs.whose(&unit.path).is_empty();
    heap(
        old_heap(subject, goes),
        &format!("Models not used for {OLD_DAYS} days"),
        &format!("modelstrap prune --older-than {OLD_DAYS}d"),
        "as far as the disk remembers, or modelstrap; not what a project still needs",
    )
}

/// Those outside of the cache, which `clear` takes one by one: not what a variable of the shell leads to, nor Ollama's, of which `ollama rm`
/// knows what else uses a layer.
fn old_outside(subject: &Subject<'_>) -> Option<Claim> {
    let goes = |found: &Found, unit: &Unit| {
        let is_left_alone = matches!(found.place.kind, Kind::Shell { .. }) || matches!(unit.kind, UnitKind::Ollama);
        found.place.kind.is_outside() && !is_left_alone
    };
    heap(
        old_heap(subject, goes),
        &format!("Models outside of the cache not used for {OLD_DAYS} days"),
        "modelstrap clear PATH",
        "each by its path; the table of old models below says which. Other projects may read them",
    )
}

fn old_heap(subject: &Subject<'_>, goes: impl Fn(&Found, &Unit) -> bool) -> Heap {
    let mut all = Heap::default();
    for (_, unit, _) in old_models(subject).into_iter().filter(|(found, unit, _)| goes(found, unit)) {
        all += Heap { files: 1, bytes: unit.sizes.exclusive };
    }
    all
}

/// What is wrong with a model, in words.
pub(super) fn flaws(unit: &Unit) -> String {
    let mut words = Vec::new();
    let mut say = |count: u64, what: &str| {
        if count > 0 {
            words.push(units::count(count, what));
        }
    };
    say(unit.partial.files, "unfinished download");
    let parts = unit.parts();
    say(parts.map_or(0, |(here, of)| of.saturating_sub(here)), "missing part");
    if let UnitKind::Repository(repository) = &unit.kind {
        say(repository.orphans.files, "orphan blob");
        say(repository.dangling, "dangling link");
        say(repository.foreign, "foreign link");
        say(repository.broken_refs.len() as u64, "broken ref");
    }
    words.join(", ")
}

/// With which other model it shares bytes that are drawn there, in words.
pub(super) fn shared(subject: &Subject<'_>, unit: &Unit) -> Option<String> {
    let with = unit.with.as_ref()?;
    Some(format!("{} of it are the same bytes as in {}", units::bytes(unit.elsewhere), shown(subject, with)))
}

/// What kind of thing a model is, in a word.
pub(super) fn kind(unit: &Unit) -> &'static str {
    match &unit.kind {
        UnitKind::File => "file",
        UnitKind::Folder => "folder",
        UnitKind::Repository(repository) => repository.kind,
        UnitKind::Ollama => "model",
        UnitKind::Store => "store",
        UnitKind::Rest | UnitKind::Own => "own",
    }
}

/// What a place is called: what lies outside of the cache by where it is, since it may have a library's name, too.
pub(super) fn place(subject: &Subject<'_>, found: &Found) -> String {
    match found.place.kind {
        Kind::Home | Kind::Application { .. } => found.place.name.clone(),
        Kind::Stray { .. } | Kind::Shell { .. } | Kind::Legacy => shown(subject, &found.place.path),
    }
}
