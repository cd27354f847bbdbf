//! The same for programs: one document, every number an integer of bytes, every time RFC 3339.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Scene;
use crate::cache::remove::{Outcome, Swept};
use crate::cache::select::{Kept, Line, Selection};
use crate::support::{quoted, time};

/// The document of `verb`; `outcome` where something was removed, `emptied` what became of the trash.
pub(super) fn document(
    scene: &Scene<'_>,
    verb: &str,
    plan: &Planned,
    outcome: Option<&Outcome>,
    emptied: &Swept,
) -> Value {
    let stayed = outcome.iter().flat_map(|outcome| &outcome.stayed);
    let stayed = stayed.map(|(path, why)| json!({"path": quoted::text(path), "why": why}));
    let swept = [&scene.swept, emptied].map(|swept| (swept.held, &swept.holders));
    let all = swept.into_iter().chain(outcome.map(|outcome| (outcome.held, &outcome.holders)));
    let (mut held, mut by) = (0_u64, BTreeMap::new());
    for (bytes, holders) in all {
        held = held.saturating_add(bytes);
        by.extend(holders.iter().map(|(process, name)| (*process, name.clone())));
    }
    json!({
        "schema": format!("modelstrap.{verb}/1"),
        "project": quoted::text(&scene.survey.project.root),
        "cache_root": quoted::text(&scene.survey.layout.cache_root),
        "dry_run": outcome.is_none(),
        "plan": plan.lines,
        "kept": plan.kept,
        "unreached": plan.short,
        "exclusive_bytes": plan.frees,
        "removed": outcome.map_or(0, |outcome| outcome.gone),
        "freed_bytes": outcome.map_or(0, |outcome| outcome.freed),
        "freed_at_most": outcome.is_some_and(|outcome| outcome.may_share),
        "held_bytes": held,
        "held_by": holders(&by),
        "trashed_bytes": outcome.map_or(0, |outcome| outcome.trashed),
        "undo_until": outcome.and_then(|outcome| outcome.until).and_then(time::rfc3339),
        "stayed": stayed.collect::<Vec<_>>(),
        "trash_bytes": scene.pending,
        "swept_bytes": scene.swept.freed.saturating_add(emptied.freed),
        "projects_gone": scene.projects.gone.iter().map(|(path, _)| quoted::text(path)).collect::<Vec<_>>(),
        "projects_without_lock": scene.projects.unlocked.iter().map(|(path, _)| quoted::text(path)).collect::<Vec<_>>(),
        "projects_dropped": scene.projects.dropped.iter().map(|one| quoted::text(&one.project)).collect::<Vec<_>>(),
        "projects_unknown": scene.projects.unknown.iter().map(|(path, _)| quoted::text(path)).collect::<Vec<_>>(),
    })
}

/// The documents of the steps of one run as one: what each did, and how it was at the last.
pub(in crate::commands) fn joined(documents: Vec<Value>) -> Option<Value> {
    const ADDED: [&str; 6] =
        ["exclusive_bytes", "removed", "freed_bytes", "held_bytes", "trashed_bytes", "swept_bytes"];
    documents.into_iter().reduce(|mut first, mut then| {
        for name in ["plan", "stayed", "held_by"] {
            let mut all = first[name].as_array().cloned().unwrap_or_default();
            all.extend(then[name].as_array().cloned().unwrap_or_default());
            then[name] = all.into();
        }
        for name in ADDED {
            let sum =
                [&first, &then].map(|one| one[name].as_u64().unwrap_or(0)).into_iter().fold(0, u64::saturating_add);
            then[name] = sum.into();
        }
        if then["undo_until"].is_null() {
            then["undo_until"] = first["undo_until"].take();
        }
        then
    })
}

/// The programs that have something open which went.
pub(super) fn holders(by: &BTreeMap<u32, String>) -> Vec<Value> {
    by.iter().map(|(process, name)| json!({"pid": process, "name": name})).collect()
}

/// A plan as it is written, before its victims are handed on.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) lines: Vec<Value>,
    pub(super) kept: Vec<Value>,
    pub(super) short: Vec<String>,
    pub(super) frees: u64,
}

impl Planned {
    pub(super) fn of(selection: &Selection) -> Self {
        Self {
            lines: selection.lines.iter().map(line).collect(),
            kept: selection.kept.iter().map(kept).collect(),
            short: selection.short.clone(),
            frees: selection.frees(),
        }
    }
}

fn line(line: &Line) -> Value {
    json!({
        "name": line.name,
        "kind": line.kind,
        "path": quoted::text(&line.path),
        "why": line.why,
        "exclusive_bytes": line.frees,
        "last_used": line.used.and_then(|used| time::rfc3339(used.at)),
        "clock": line.used.map(|used| used.clock.name()),
        "entries": line.count,
    })
}

fn kept(kept: &Kept) -> Value {
    json!({"name": kept.name, "path": quoted::text(&kept.path), "why": kept.why})
}
