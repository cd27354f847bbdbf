//! Repositories that are links to elsewhere: how much lies behind each, and what the verbs do with it, which is nothing.

use super::Report;
use crate::cache::inventory::Unit;
use crate::cache::{Kind, Place, scan};
use crate::support::{escape, paths, quoted, units};

/// A line for each.
pub(super) fn notes(report: &Report<'_>) -> Vec<String> {
    let linked = report.inventory.repositories().filter_map(|(unit, found)| Some((unit, found.leads.as_deref()?)));
    linked.map(|(unit, leads)| note(report, unit, leads)).collect()
}

fn note(report: &Report<'_>, unit: &Unit, leads: &std::path::Path) -> String {
    let shown = paths::friendly(&report.layout.root, report.layout.home.as_deref(), &unit.path);
    let there = Place::at(quoted::text(leads), leads.to_path_buf(), Kind::Stray { whose: String::new() });
    // A link may come with a clone, and lead to the root of the disk: only what is laid out like a repository is counted.
    let bytes = leads.join("snapshots").is_dir().then(|| units::bytes(scan::scan(vec![there]).total.disk));
    let what = bytes.map_or_else(
        || "what is there is in no sum above".to_owned(),
        |bytes| format!("the {bytes} there are in no sum above"),
    );
    format!(
        "{shown} is a link to {}: {what}, and no verb deletes, moves or checks it, or takes the link",
        escape::path(leads)
    )
}
