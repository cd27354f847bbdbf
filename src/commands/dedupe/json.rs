//! The same for programs: every number an integer of bytes.

use serde_json::{Value, json};

use super::Report;
use crate::cache::duplicates::{Copy, How, Set};
use crate::cache::link::Done;
use crate::support::quoted;

pub(super) fn document(report: &Report<'_>) -> Value {
    let mut results = report.outcome.iter().flat_map(|outcome| outcome.results.iter().flatten());
    let pairs: Vec<Value> = report.plan.copies().map(|(set, copy)| pair(report, set, copy, results.next())).collect();
    let left = report
        .plan
        .left
        .iter()
        .map(|left| json!({"path": quoted::text(&left.path), "bytes": left.bytes, "why": left.why.words()}));
    let problems = report.found.problems.iter();
    let problems = problems.map(|problem| json!({"path": quoted::text(&problem.path), "why": problem.why}));
    json!({
        "schema": "modelstrap.dedupe/1",
        "project": quoted::text(&report.project.root),
        "cache_root": quoted::text(&report.layout.cache_root),
        "dry_run": report.arguments.dry_run,
        "files": report.found.files,
        "read_bytes": report.found.read,
        "contents": report.plan.sets.len(),
        "can_free_bytes": report.plan.saves(),
        "freed_bytes": report.outcome.as_ref().map_or(0, |outcome| outcome.saved),
        "pairs": pairs,
        "left": left.collect::<Vec<_>>(),
        "problems": problems.collect::<Vec<_>>(),
    })
}

fn pair(report: &Report<'_>, set: &Set, copy: &Copy, result: Option<&Option<Result<Done, String>>>) -> Value {
    let names: Vec<_> = copy.file.names.iter().map(|name| quoted::text(name.path())).collect();
    let mut value = json!({
        "keep": quoted::text(set.keep.name().path()),
        "names": names,
        "size_bytes": copy.file.stamp.size,
        "can_free_bytes": copy.saves,
        "how": how(copy.how),
        "known_by": if copy.by_name { "name" } else { "bytes" },
    });
    match result {
        None => value["state"] = json!("planned"),
        Some(None) => value["state"] = json!("not reached"),
        Some(Some(Ok(_))) if report.arguments.dry_run => value["state"] = json!("equal"),
        Some(Some(Ok(done))) => {
            value["state"] = json!("replaced");
            value["how"] = json!(how(done.how));
            value["freed_bytes"] = json!(done.saved);
        }
        Some(Some(Err(why))) => {
            value["state"] = json!("stays");
            value["why"] = json!(why);
        }
    }
    value
}

const fn how(how: How) -> &'static str {
    match how {
        How::Reflink => "reflink",
        How::HardLink => "hard_link",
        How::Symlink => "symlink",
    }
}
