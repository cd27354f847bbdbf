//! The same for programs: every number an integer of bytes. It is written as it is made: a million pairs are half a gigabyte of text.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::Report;
use crate::cache::duplicates::{Copy, How, Set};
use crate::support::quoted;

/// The document about a run.
pub(super) struct Document<'a>(pub(super) &'a Report<'a>);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = self.0;
        let problems = report.found.problems.iter();
        let problems = problems.map(|problem| json!({"path": quoted::text(&problem.path), "why": problem.why}));
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "modelstrap.dedupe/1")?;
        map.serialize_entry("project", &quoted::text(&report.project.root))?;
        map.serialize_entry("cache_root", &quoted::text(&report.layout.cache_root))?;
        map.serialize_entry("dry_run", &report.arguments.dry_run)?;
        map.serialize_entry("files", &report.found.count)?;
        map.serialize_entry("read_bytes", &report.found.read)?;
        map.serialize_entry("contents", &report.plan.contents())?;
        map.serialize_entry("can_free_bytes", &report.plan.saves())?;
        map.serialize_entry("freed_bytes", &report.outcome.as_ref().map_or(0, |outcome| outcome.saved))?;
        map.serialize_entry("pairs", &Pairs(report))?;
        map.serialize_entry("left", &Left(report))?;
        map.serialize_entry("problems", &problems.collect::<Vec<_>>())?;
        map.end()
    }
}

struct Pairs<'a>(&'a Report<'a>);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.plan.copies().map(|(set, copy)| pair(self.0, set, copy)))
    }
}

struct Left<'a>(&'a Report<'a>);

impl Serialize for Left<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let left = self.0.plan.left();
        serializer.collect_seq(
            left.map(|left| json!({"path": quoted::text(&left.path), "bytes": left.bytes, "why": left.why.words()})),
        )
    }
}

fn pair(report: &Report<'_>, set: Set<'_>, copy: Copy<'_>) -> Value {
    let names: Vec<_> = copy.file.names().map(|name| quoted::text(name.path())).collect();
    let mut value = json!({
        "keep": quoted::text(set.keep.name().path()),
        "names": names,
        "size_bytes": copy.file.size(),
        "can_free_bytes": copy.saves,
        "how": how(copy.how),
        "known_by": if copy.by_name { "name" } else { "bytes" },
    });
    match report.outcome.as_ref().map(|outcome| outcome.result(copy.number)) {
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
