//! What could go or needs mending, each with the command that does it.

use std::path::Path;

use super::Subject;
use super::tree::{unit_name, used};
use crate::cache::inventory::{Found, Heap, Revision, Unit, UnitKind};
use crate::cache::places::{Kind, OWN};
use crate::support::{paths, units};

/// What was not used for so many days is old.
pub(super) const OLD_DAYS: i64 = 90;

/// Something that could go.
#[derive(Debug)]
pub(super) struct Finding {
    /// What it is.
    pub(super) what: String,
    /// What deleting or mending it would free, in bytes.
    pub(super) frees: u64,
    /// How many there are.
    pub(super) count: u64,
    /// The command.
    pub(super) command: String,
    /// What is to be known before.
    pub(super) note: String,
}

/// Everything that could go, what frees most first.
pub(super) fn findings(subject: &Subject<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = [
        unfinished(subject),
        orphans(subject),
        unneeded(subject),
        expired(subject),
        duplicates(subject),
        old(subject),
        broken(subject),
        over_budget(subject),
        trash(subject),
    ]
    .into_iter()
    .flatten()
    .collect();
    found.extend(strays(subject).map(|found| {
        let at = shown(subject, &found.place.path);
        let quoted = quoted(&at, &found.place.path);
        let whose = match &found.place.kind {
            Kind::Stray { whose } if whose == "this project" => "of weights in the project itself".to_owned(),
            Kind::Stray { whose } => format!("where {whose} puts things when nothing is set"),
            _ => "in a folder of an earlier layout".to_owned(),
        };
        Finding {
            what: format!("Outside of the cache: {at}"),
            frees: 0,
            count: found.sizes.files,
            command: format!("modelstrap migrate {quoted}"),
            note: format!("{} {whose}", units::bytes(found.sizes.disk)),
        }
    }));
    found.sort_by(|one, other| other.frees.cmp(&one.frees).then_with(|| one.what.cmp(&other.what)));
    found
}

/// The places that have a row. What was removed has one of its own.
pub(super) fn places<'a>(subject: &'a Subject<'_>) -> impl Iterator<Item = &'a Found> {
    subject.inventory.places.iter().filter(|found| found.exists && !found.place.path.ends_with(OWN))
}

/// What lies outside of the cache.
pub(super) fn strays<'a>(subject: &'a Subject<'_>) -> impl Iterator<Item = &'a Found> {
    let outside = |kind: &Kind| matches!(kind, Kind::Stray { .. } | Kind::Legacy);
    let places = subject.inventory.places.iter();
    places.filter(move |found| found.exists && found.sizes.files > 0 && outside(&found.place.kind))
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

/// A path for a person.
pub(super) fn shown(subject: &Subject<'_>, path: &Path) -> String {
    paths::friendly(subject.root, subject.home, path)
}

/// A path as a shell takes it: as it is shown, where no sign in that means anything to a shell but the home folder.
fn quoted(shown: &str, path: &Path) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._+@:-".contains(c);
    if !shown.starts_with('-') && shown.strip_prefix('~').unwrap_or(shown).chars().all(plain) {
        return shown.to_owned();
    }
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

fn heap(heap: Heap, what: &str, command: &str, note: &str) -> Option<Finding> {
    (heap.files > 0).then(|| Finding {
        what: what.to_owned(),
        frees: heap.bytes,
        count: heap.files,
        command: command.to_owned(),
        note: note.to_owned(),
    })
}

/// What lies in the libraries' homes: `prune` takes nothing elsewhere.
fn cleaned<'a>(subject: &'a Subject<'_>) -> impl Iterator<Item = &'a Unit> {
    places(subject).filter(|found| found.place.kind == Kind::Home).flat_map(|found| &found.units)
}

fn unfinished(subject: &Subject<'_>) -> Option<Finding> {
    let mut all = Heap::default();
    // What Ollama has not finished, it goes on with.
    let units = cleaned(subject).filter(|unit| !(matches!(unit.kind, UnitKind::Own) && unit.name == "blobs"));
    units.for_each(|unit| all += unit.partial);
    heap(all, "Unfinished downloads", "modelstrap prune", "those that nobody is writing")
}

fn orphans(subject: &Subject<'_>) -> Option<Finding> {
    let mut all = Heap::default();
    for unit in cleaned(subject) {
        match &unit.kind {
            UnitKind::Repository(repository) => all += repository.orphans,
            // Of a store without its mark, nobody knows who uses it.
            UnitKind::Store if !subject.inventory.unmarked.contains(&unit.path) => {
                all += Heap { files: unit.sizes.files, bytes: unit.sizes.exclusive };
            }
            _ => {}
        }
    }
    heap(all, "Contents that no revision has", "modelstrap prune", "other tools do not show them")
}

/// Revisions that no branch, no tag and no lock names.
fn unneeded(subject: &Subject<'_>) -> Option<Finding> {
    let mut all = Heap::default();
    for unit in cleaned(subject) {
        let is_needed = |one: &Revision| subject.needs.names_commit(&unit.path, &one.commit.to_string_lossy());
        all += unit.with_revisions(|one| one.refs.is_empty() && !is_needed(one));
    }
    let note = "no branch, no tag and no lock of a registered project names them";
    heap(all, "Revisions that nothing needs", "modelstrap prune", note)
}

fn expired(subject: &Subject<'_>) -> Option<Finding> {
    let mut all = Heap::default();
    for found in &subject.inventory.places {
        all += Heap { files: found.expired.files, bytes: found.expired.disk };
    }
    heap(all, "Files past their max_age", "modelstrap prune", "in application caches")
}

fn duplicates(subject: &Subject<'_>) -> Option<Finding> {
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

fn old(subject: &Subject<'_>) -> Option<Finding> {
    let old = old_models(subject);
    let bytes = old.iter().map(|(_, unit, _)| unit.sizes.exclusive).fold(0, u64::saturating_add);
    let what = format!("Models not used for {OLD_DAYS} days");
    heap(
        Heap { files: old.len() as u64, bytes },
        &what,
        &format!("modelstrap prune --older-than {OLD_DAYS}d"),
        "as far as the disk remembers, or modelstrap",
    )
}

fn broken(subject: &Subject<'_>) -> Option<Finding> {
    let is_broken = |dangling: u64, refs: usize| dangling > 0 || refs > 0;
    let broken = subject.inventory.repositories();
    let count = broken.filter(|(_, one)| is_broken(one.dangling, one.broken_refs.len())).count() as u64;
    let note = "links or refs that lead to nothing: `hf cache ls` does not show such a repository";
    heap(Heap { files: count, bytes: 0 }, "Broken repositories", "modelstrap verify --fix", note)
}

fn trash(subject: &Subject<'_>) -> Option<Finding> {
    let trash = subject.inventory.trash;
    let note = "until then `modelstrap clear --undo` brings it back";
    let heap = Heap { files: trash.files.max(u64::from(trash.disk > 0)), bytes: trash.exclusive };
    self::heap(heap, "What was removed and can be brought back", "modelstrap clear trash", note)
}

fn over_budget(subject: &Subject<'_>) -> Option<Finding> {
    let taken = subject.inventory.homes.disk;
    let more = subject.budget.and_then(|budget| taken.checked_sub(budget)).filter(|more| *more > 0)?;
    Some(Finding {
        what: "Over the budget".to_owned(),
        frees: more,
        count: 0,
        command: "modelstrap prune".to_owned(),
        note: "what was not used for the longest time goes first".to_owned(),
    })
}

/// What is wrong with a model, in words.
pub(super) fn flaws(unit: &Unit) -> String {
    let mut words = Vec::new();
    let mut say = |count: u64, what: &str| {
        if count > 0 {
            words.push(units::count(usize::try_from(count).unwrap_or(usize::MAX), what));
        }
    };
    say(unit.partial.files, "unfinished download");
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
        UnitKind::Store | UnitKind::Rest | UnitKind::Own => "own",
    }
}

/// A model and its place, for tables.
pub(super) fn called(subject: &Subject<'_>, found: &Found, unit: &Unit) -> String {
    format!("{} / {}", place(subject, found), unit_name(unit))
}

/// What a place is called: what lies outside of the cache by where it is, since it may have a library's name, too.
pub(super) fn place(subject: &Subject<'_>, found: &Found) -> String {
    match found.place.kind {
        Kind::Home | Kind::Application { .. } => found.place.name.clone(),
        Kind::Stray { .. } | Kind::Legacy => shown(subject, &found.place.path),
    }
}
