//! What `prune` would take, as it says itself: its own decision, over the few repositories and places in which the scan saw anything that may
//! go. Where these hold so many names that reading them would make `status` slow, the sums of the scan say how much it is at most.

use std::collections::HashSet;
use std::path::Path;

use super::{Bound, Grounds, PRUNE, Reclaimable};
use crate::cache::inventory::{Found, Heap, Inventory, Repository, Revision, Unit, UnitKind};
use crate::cache::places::Place;
use crate::cache::select::{Line, Selection};
use crate::commands::cleaning::{Scene, Scope};
use crate::commands::context::Context;
use crate::commands::prune;
use crate::models::hub::refs;

/// So many names are read once more at most: 5,000 take 30 ms.
const MOST: u64 = 5_000;

/// What `prune` would take of what was found, or why it takes nothing.
pub(super) fn all(context: &Context, grounds: &Grounds<'_>) -> Result<Vec<Reclaimable>, String> {
    let suspects = Suspects::of(grounds);
    if suspects.names == 0 {
        return Ok(Vec::new());
    }
    if suspects.names > MOST {
        return Ok(at_most(grounds, context));
    }
    let scope = Scope { outside: false, dry_run: true, empty_trash: false, ci: false };
    let scene = Scene::with(context, grounds.survey.clone(), scope, |places| suspects.inventory(grounds, places));
    let planned = scene.and_then(|scene| prune::planned(&scene).map(|selection| exactly(&selection)));
    planned.map_err(|error| format!("{error:#}"))
}

/// What may go: by the path of each unit, and the application caches.
struct Suspects<'a> {
    units: HashSet<&'a Path>,
    applications: HashSet<&'a Path>,
    /// Whether everything may go.
    all: bool,
    /// How many names have to be read.
    names: u64,
}

impl<'a> Suspects<'a> {
    fn of(grounds: &'a Grounds<'_>) -> Self {
        let all = grounds.budget.is_some_and(|budget| grounds.taken() > budget);
        let mut found = Self { units: HashSet::new(), applications: HashSet::new(), all, names: 0 };
        let homes: Vec<&Found> = grounds.cached().collect();
        let units = || homes.iter().flat_map(|found| &found.units);
        let hub = |unit: &'a Unit| unit.path.parent().filter(|_| matches!(unit.kind, UnitKind::Repository(_)));
        let stores = units().filter(|unit| matches!(unit.kind, UnitKind::Store));
        let stores: HashSet<&Path> = stores.filter_map(|unit| unit.path.parent()).collect();
        let suspicious: Vec<&Unit> = units().filter(|unit| all || is_suspicious(unit)).collect();
        // Whose a payload is, all repositories of its hub say.
        let above = suspicious.iter().filter_map(|unit| match unit.kind {
            UnitKind::Store => unit.path.parent(),
            _ => hub(unit).filter(|hub| stores.contains(hub)),
        });
        let hubs: HashSet<&Path> = above.collect();
        for unit in units() {
            let in_hub = unit.path.parent().is_some_and(|parent| hubs.contains(parent));
            let goes_with = in_hub && matches!(unit.kind, UnitKind::Store | UnitKind::Repository(_));
            if goes_with || all || is_suspicious(unit) {
                found.units.insert(&unit.path);
                found.names += names(unit);
            }
        }
        for home in homes.iter().filter(|home| home.units.iter().any(|unit| found.units.contains(&*unit.path))) {
            let rest = home.units.iter().filter(|unit| matches!(unit.kind, UnitKind::Rest));
            found.names += rest.map(|unit| unit.sizes.files).sum::<u64>();
        }
        // One that holds what it must not makes prune refuse everything: where anything is read, all of them are.
        let is_any = found.names > 0 || grounds.applications().any(|cache| cache.expired.files > 0);
        for cache in grounds.applications().filter(|_| is_any) {
            found.applications.insert(&cache.place.path);
            found.names += cache.sizes.files.saturating_add(1);
        }
        found
    }

    /// The inventory of `places` with nothing in it but the suspects.
    fn inventory(&self, grounds: &Grounds<'_>, places: Vec<Place>) -> Inventory {
        let known = grounds.inventory;
        let of = |place: Place| {
            let found = known.places.iter().find(|found| found.place == place);
            let units: Vec<Unit> =
                found.into_iter().flat_map(|found| &found.units).map(|unit| self.unit(unit)).collect();
            let is_asked =
                self.applications.contains(&*place.path) || units.iter().any(|unit| self.units.contains(&*unit.path));
            let exists = found.is_some_and(|found| found.exists) && (self.all || is_asked);
            let (sizes, expired) = found.map(|found| (found.sizes, found.expired)).unwrap_or_default();
            Found { place, exists, sizes, expired, units }
        };
        let places = places.into_iter().map(of).collect();
        Inventory { places, total: known.total, homes: known.homes, trash: known.trash, ..Inventory::default() }
    }

    fn unit(&self, unit: &Unit) -> Unit {
        let kind = match &unit.kind {
            // Nothing is read of what is Ollama's: so what is no suspect is passed by.
            _ if !self.units.contains(&*unit.path) && !matches!(unit.kind, UnitKind::Rest) => UnitKind::Ollama,
            UnitKind::Repository(found) => {
                UnitKind::Repository(Box::new(Repository { leads: found.leads.clone(), ..Repository::default() }))
            }
            UnitKind::File => UnitKind::File,
            UnitKind::Folder => UnitKind::Folder,
            UnitKind::Store => UnitKind::Store,
            UnitKind::Ollama => UnitKind::Ollama,
            UnitKind::Rest => UnitKind::Rest,
            UnitKind::Own => UnitKind::Own,
        };
        let Unit { name, path, sizes, elsewhere, used, partial, .. } = unit;
        let (name, path, with) = (name.clone(), path.clone(), None);
        Unit { name, path, sizes: *sizes, elsewhere: *elsewhere, with, used: *used, partial: *partial, kind }
    }
}

/// Whether `prune` may take something of it.
fn is_suspicious(unit: &Unit) -> bool {
    match &unit.kind {
        UnitKind::Repository(repository) => {
            let Repository { leads, revisions, orphans, broken_refs, .. } = &**repository;
            let is_empty = leads.is_none() && revisions.is_empty();
            unit.partial.files > 0
                || orphans.files > 0
                || !broken_refs.is_empty()
                || is_empty
                || revisions.iter().any(is_unnamed)
        }
        UnitKind::Store => unit.sizes.files > 0,
        // A hub without a repository may have a store all the same.
        UnitKind::Folder => unit.name == "blobs" || unit.partial.files > 0,
        // What Ollama has not finished, it goes on with, or removes when it starts.
        UnitKind::Own => unit.partial.files > 0 && unit.name != "blobs",
        _ => unit.partial.files > 0,
    }
}

/// Whether no branch and no tag names it. What projects hold by a reference of ours, their locks say.
fn is_unnamed(revision: &Revision) -> bool {
    let speaks = |name: &String| name.as_bytes() != revision.commit.as_encoded_bytes() && !refs::is_ours(name);
    !revision.refs.iter().any(speaks)
}

/// How many names there are in it, about: files, and the links of revisions.
fn names(unit: &Unit) -> u64 {
    let links = match &unit.kind {
        UnitKind::Repository(repository) => repository.revisions.iter().map(|one| one.sizes.files).sum(),
        _ => 0_u64,
    };
    unit.sizes.files.saturating_add(links).saturating_add(1)
}

/// What the plan takes, by kinds.
fn exactly(selection: &Selection) -> Vec<Reclaimable> {
    let mut found: Vec<Reclaimable> = Vec::new();
    for line in selection.lines.iter() {
        let (what, words) = kind(&line);
        let is_one = matches!(line.kind, "revision" | "repository" | "reference" | "file" | "folder");
        let count = if is_one { 1 } else { line.count as u64 };
        match found.iter_mut().find(|one| one.what == what) {
            Some(one) => {
                one.count = one.count.saturating_add(count);
                one.bytes = one.bytes.saturating_add(line.frees);
            }
            None => {
                found.push(Reclaimable { what, words, count, bytes: line.frees, bound: Bound::Exact, command: PRUNE })
            }
        }
    }
    found
}

fn kind(line: &Line) -> (&'static str, &'static str) {
    match line.kind {
        "unfinished" => ("unfinished_downloads", "unfinished downloads"),
        "blobs" => ("orphan_blobs", "blobs that no revision has"),
        "payloads" => ("unused_payloads", "shared payloads that no repository has"),
        "revision" if line.why.starts_with("no ref") => ("unreferenced_revisions", "revisions that nothing names"),
        "repository" => ("empty_repositories", "repositories without a revision"),
        "reference" => ("broken_refs", "refs to nothing"),
        "application" => ("expired_files", "files past their max_age"),
        _ => ("least_recently_used", "what was not used for the longest time"),
    }
}

/// The same by the sums of the scan: no more than that can go, but for a budget, which is as much as has to.
fn at_most(grounds: &Grounds<'_>, context: &Context) -> Vec<Reclaimable> {
    let (mut partial, mut orphans, mut unused) = (Heap::default(), Heap::default(), Heap::default());
    let needed = grounds.needed(context);
    let mut revisions = Heap::default();
    for unit in grounds.cached().flat_map(|found| &found.units).filter(|unit| is_suspicious(unit)) {
        partial += unit.partial;
        match &unit.kind {
            UnitKind::Repository(repository) => {
                orphans += repository.orphans;
                let is_needed = |commit: String| needed.contains(&(unit.path.clone(), commit));
                revisions +=
                    unit.with_revisions(|one| is_unnamed(one) && !is_needed(one.commit.to_string_lossy().into_owned()));
            }
            // Of a store without its mark, nobody knows who uses it.
            UnitKind::Store if !grounds.inventory.unmarked.contains(&unit.path) => {
                unused += Heap { files: unit.sizes.files, bytes: unit.sizes.exclusive };
            }
            _ => {}
        }
    }
    let mut expired = Heap::default();
    for found in grounds.applications() {
        expired += Heap { files: found.expired.files, bytes: found.expired.disk };
    }
    let heap = |what, words, heap: Heap| {
        let Heap { files: count, bytes } = heap;
        (count > 0).then_some(Reclaimable { what, words, count, bytes, bound: Bound::AtMost, command: PRUNE })
    };
    let over = grounds.budget.and_then(|budget| grounds.taken().checked_sub(budget)).filter(|more| *more > 0);
    let over = over.map(|bytes| Reclaimable {
        bound: Bound::About,
        ..Reclaimable::new("least_recently_used", "what was not used for the longest time", 0, bytes, PRUNE)
    });
    [
        heap("unfinished_downloads", "unfinished downloads", partial),
        heap("orphan_blobs", "blobs that no revision has", orphans),
        heap("unused_payloads", "shared payloads that no repository has", unused),
        heap("unreferenced_revisions", "revisions that nothing names", revisions),
        heap("expired_files", "files past their max_age", expired),
        over,
    ]
    .into_iter()
    .flatten()
    .collect()
}
