//! The same for programs: every number an integer of bytes, every time RFC 3339.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Report, growth};
use crate::cache::inventory::{Found, Heap, Repository, Revision, Unit, UnitKind};
use crate::cache::others::Led;
use crate::cache::places::{Aside, Why};
use crate::cache::{Kind, Sizes};
use crate::commands::reclaim::Reclaimable;
use crate::support::{quoted, time};

pub(super) fn document(report: &Report<'_>) -> Value {
    let inventory = &report.inventory;
    let problems = inventory.problems.iter().map(|problem| json!({"path": text(&problem.path), "why": problem.why}));
    let hollow = report
        .hollow
        .iter()
        .map(|path| elsewhere(&quoted::text(path.file_name().unwrap_or_default()), path, "links_only", None));
    let (shown, _) = report.chosen();
    json!({
        "schema": "modelstrap.status/1",
        "project": text(&report.project.root),
        "set_up": report.set_up,
        "cache_root": text(&report.layout.cache_root),
        "file_system": report.file_system,
        "free_bytes": report.free,
        "budget_bytes": report.budget,
        "cache_bytes": report.taken(),
        "findings": report.findings(),
        "growth": growth::of(report).map(|one| json!({"since": time::rfc3339(one.since), "bytes": one.bytes})),
        "reclaimable": report.reclaimable.all.iter().map(reclaimable).collect::<Vec<_>>(),
        "prune_refused": report.reclaimable.refused,
        "elsewhere": report.aside.iter().map(aside).chain(report.led.iter().map(led)).chain(hollow).collect::<Vec<_>>(),
        "unmarked_stores": inventory.unmarked.iter().map(|path| text(path)).collect::<Vec<_>>(),
        "places": report.places().map(|found| place(report, found)).collect::<Vec<_>>(),
        "trash": sizes(inventory.trash),
        "outside_bytes": report.outside.whole,
        "perhaps_twice_bytes": report.outside.twice,
        "beside": heap(report.beside),
        "shown": report.chooses().then(|| sizes(shown)),
        "total": sizes(inventory.total),
        "problems": problems.collect::<Vec<_>>(),
        "more_problems": inventory.more_problems,
    })
}

/// A path as JSON can hold it, and `clear` takes it back.
fn text(path: &Path) -> String {
    quoted::text(path)
}

fn reclaimable(one: &Reclaimable) -> Value {
    json!({"what": one.what, "count": one.count, "bytes": one.bytes, "bound": one.bound.name(), "command": one.command})
}

/// What is no place, and why.
fn aside(aside: &Aside) -> Value {
    let (why, of) = match &aside.why {
        Why::Same(of) => ("same_folder", Some(of)),
        Why::Within(of) => ("within_place", Some(of)),
        Why::Above => ("holds_cache", None),
        Why::Nowhere => ("leads_nowhere", None),
        Why::Unfollowed(of) => ("not_followed", Some(of)),
    };
    elsewhere(&aside.name, &aside.path, why, of.map(PathBuf::as_path))
}

fn led(led: &Led) -> Value {
    let name = quoted::text(led.path.file_name().unwrap_or_default());
    elsewhere(&name, &led.path, "other_project", Some(&led.whose))
}

fn elsewhere(name: &str, path: &Path, why: &str, of: Option<&Path>) -> Value {
    json!({"name": name, "path": text(path), "why": why, "of": of.map(text)})
}

fn place(report: &Report<'_>, found: &Found) -> Value {
    let mut value = json!({
        "name": found.place.name,
        "path": text(&found.place.path),
        "kind": match found.place.kind {
            Kind::Home => "home",
            Kind::Application { .. } => "application",
            Kind::Stray { .. } => "stray",
            Kind::Shell { .. } => "shell",
            Kind::Legacy => "legacy",
        },
        "exists": found.exists,
        "distrusted": report.distrusted.iter().find(|one| one.place == found.place).map(|one| &one.why),
        "sizes": sizes(found.sizes),
    });
    match &found.place.kind {
        Kind::Application { max_age } => {
            value["max_age_seconds"] = json!(max_age);
            value["expired"] = sizes(found.expired);
        }
        Kind::Stray { whose } => value["library"] = json!(whose),
        Kind::Shell { variable } => value["variable"] = json!(variable),
        Kind::Home | Kind::Legacy => {}
    }
    if report.shows_models() {
        let (models, more) = report.models(found);
        value["models"] = models.into_iter().map(|unit| model(report, unit)).collect();
        value["more_models"] = json!(more);
    }
    value
}

fn model(report: &Report<'_>, unit: &Unit) -> Value {
    let mut value = json!({
        "name": quoted::text(&unit.name),
        "path": text(&unit.path),
        "kind": match &unit.kind {
            UnitKind::File => "file",
            UnitKind::Folder => "folder",
            UnitKind::Repository(repository) => repository.kind,
            UnitKind::Store => "store",
            UnitKind::Ollama => "ollama",
            UnitKind::Rest => "rest",
            UnitKind::Own => "own",
        },
        "sizes": sizes(unit.sizes),
        "last_used": unit.used.and_then(time::rfc3339),
        "partial": heap(unit.partial),
        "models": report.named.get(&unit.path).cloned().unwrap_or_default(),
    });
    if let UnitKind::Repository(repository) = &unit.kind {
        flaws(&mut value, repository);
        if report.arguments.revisions {
            value["revisions"] = repository.revisions.iter().map(revision).collect();
        }
    }
    value
}

fn flaws(value: &mut Value, repository: &Repository) {
    value["orphans"] = heap(repository.orphans);
    value["dangling_links"] = json!(repository.dangling);
    value["foreign_links"] = json!(repository.foreign);
    value["broken_refs"] = json!(repository.broken_refs);
}

fn revision(revision: &Revision) -> Value {
    json!({
        "commit": quoted::text(&revision.commit),
        "refs": revision.refs,
        "sizes": sizes(revision.sizes),
        "last_used": revision.used.and_then(time::rfc3339),
    })
}

fn heap(heap: Heap) -> Value {
    json!({"files": heap.files, "bytes": heap.bytes})
}

fn sizes(sizes: Sizes) -> Value {
    json!({
        "apparent_bytes": sizes.apparent,
        "disk_bytes": sizes.disk,
        "exclusive_bytes": sizes.exclusive,
        "files": sizes.files,
    })
}
