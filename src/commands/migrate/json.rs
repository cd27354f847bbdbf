//! The same for programs.

use std::path::Path;

use serde_json::{Value, json};

use super::Run;
use crate::cache::migrate::{Shape, Stay, Tally};
use crate::support::quoted;

/// `modelstrap.migrate/1`.
pub(super) fn document(run: &Run<'_>, acted: bool) -> Value {
    let parts = run.parts.iter().map(|(part, outcome)| {
        json!({
            "from": text(&part.from),
            "to": text(&part.to),
            "kind": kind(&part.shape),
            "sizes": sizes(outcome.tally),
            "models": outcome.models.iter().map(|(name, tally)| json!({"name": name, "sizes": sizes(*tally)})).collect::<Vec<_>>(),
            "links": outcome.links.iter().map(|(at, to)| json!({"path": text(at), "target": text(to)})).collect::<Vec<_>>(),
            "notes": outcome.notes,
        })
    });
    json!({
        "schema": "modelstrap.migrate/1",
        "project": text(&run.project),
        "cache_root": text(&run.cache_root),
        "moved": acted,
        "parts": parts.collect::<Vec<_>>(),
        "stays": run.all_stays().map(stay).collect::<Vec<_>>(),
        "total": sizes(run.tally()),
    })
}

fn sizes(tally: Tally) -> Value {
    json!({
        "files": tally.files,
        "bytes": tally.bytes,
        "copied_bytes": tally.copied,
        "present_bytes": tally.same,
    })
}

fn stay(stay: &Stay) -> Value {
    json!({"path": text(&stay.path), "why": stay.why, "failed": stay.grave})
}

const fn kind(shape: &Shape) -> &'static str {
    match shape {
        Shape::Hub => "hub",
        Shape::Repository => "repository",
        Shape::Tree(_) => "folder",
        Shape::Local | Shape::Proven => "local_dir",
        Shape::Files(_) => "files",
    }
}

fn text(path: &Path) -> String {
    quoted::text(path)
}
