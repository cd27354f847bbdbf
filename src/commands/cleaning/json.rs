//! The same for programs: one document, every number an integer of bytes, every time RFC 3339. It is written as it is made: a plan may have
//! a million lines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::Scene;
use crate::cache::remove::{Outcome, Restored, Swept};
use crate::cache::select::{Kept, Line, Selection};
use crate::support::{quoted, time};
use crate::ui::document::Each;

/// The document of a run.
pub(in crate::commands) struct Document<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) verb: &'a str,
    /// As it was shown.
    pub(super) plan: &'a Selection<'a>,
    /// What came of it, where something was removed.
    pub(super) outcome: Option<&'a Outcome>,
    /// What was freed of the trash.
    pub(super) emptied: &'a Swept,
}

impl Document<'_> {
    /// Whether something stayed that was to go.
    pub(in crate::commands) fn has_stayed(&self) -> bool {
        self.outcome.is_some_and(|outcome| !outcome.stayed.is_empty())
    }

    /// What went and running programs still have open, in bytes, and those programs.
    fn held(&self) -> (u64, BTreeMap<u32, String>) {
        let swept = [&self.scene.swept, self.emptied].map(|swept| (swept.held, &swept.holders));
        let all = swept.into_iter().chain(self.outcome.map(|outcome| (outcome.held, &outcome.holders)));
        all.fold((0, BTreeMap::new()), |(held, mut by): (u64, _), (bytes, holders)| {
            by.extend(holders.iter().map(|(process, name)| (*process, name.clone())));
            (held.saturating_add(bytes), by)
        })
    }
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { scene, verb, plan, outcome, emptied } = *self;
        let stayed = || outcome.iter().flat_map(|outcome| &outcome.stayed).map(stays);
        let projects = &scene.projects;
        let (held, by) = self.held();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", &format!("modelstrap.{verb}/1"))?;
        map.serialize_entry("project", &quoted::text(&scene.survey.project.root))?;
        map.serialize_entry("cache_root", &quoted::text(&scene.survey.layout.cache_root))?;
        map.serialize_entry("dry_run", &outcome.is_none())?;
        map.serialize_entry("plan", &Each(|| plan.lines.iter().map(|one| line(&one))))?;
        map.serialize_entry("kept", &Each(|| plan.kept.iter().map(|one| kept(&one))))?;
        map.serialize_entry("unreached", &plan.short)?;
        map.serialize_entry("exclusive_bytes", &plan.frees())?;
        map.serialize_entry("removed", &outcome.map_or(0, |outcome| outcome.gone))?;
        map.serialize_entry("freed_bytes", &outcome.map_or(0, |outcome| outcome.freed))?;
        map.serialize_entry("freed_at_most", &outcome.is_some_and(|outcome| outcome.may_share))?;
        map.serialize_entry("held_bytes", &held)?;
        map.serialize_entry("held_by", &holders(&by))?;
        map.serialize_entry("trashed_bytes", &outcome.map_or(0, |outcome| outcome.trashed))?;
        map.serialize_entry("undo_until", &outcome.and_then(|outcome| outcome.until).and_then(time::rfc3339))?;
        map.serialize_entry("stayed", &Each(stayed))?;
        map.serialize_entry("trash_bytes", &scene.pending)?;
        map.serialize_entry("swept_bytes", &scene.swept.freed.saturating_add(emptied.freed))?;
        map.serialize_entry("projects_gone", &paths(projects.gone.iter().map(|(path, _)| path)))?;
        map.serialize_entry("projects_without_lock", &paths(projects.unlocked.iter().map(|(path, _)| path)))?;
        map.serialize_entry("projects_dropped", &paths(projects.dropped.iter().map(|one| &one.project)))?;
        map.serialize_entry("projects_unknown", &paths(projects.unknown.iter().map(|(path, _)| path)))?;
        map.end()
    }
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

/// The document of an undo.
pub(super) struct Undone<'a> {
    pub(super) verb: &'a str,
    pub(super) restored: Option<&'a Restored>,
    pub(super) dry_run: bool,
}

impl Serialize for Undone<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { verb, restored, dry_run } = *self;
        let back = || restored.iter().flat_map(|one| one.back.iter()).map(|path| quoted::text(&path));
        let stayed = || restored.iter().flat_map(|one| &one.stayed).map(stays);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", &format!("modelstrap.{verb}/1"))?;
        map.serialize_entry("dry_run", &dry_run)?;
        map.serialize_entry("undone", &restored.map(|one| &one.verb))?;
        map.serialize_entry("restored", &Each(back))?;
        map.serialize_entry("stayed", &Each(stayed))?;
        map.end()
    }
}

fn paths<P: AsRef<Path>>(paths: impl Iterator<Item = P>) -> Vec<String> {
    paths.map(|path| quoted::text(path.as_ref())).collect()
}

fn stays((path, why): &(PathBuf, String)) -> Value {
    json!({"path": quoted::text(path), "why": why})
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
