//! The lines that a person reads: each pair, what stays as it is and why, and what it comes to.

use std::collections::BTreeMap;

use super::Report;
use crate::cache::duplicates::{How, Why};
use crate::support::{escape, paths, units};
use crate::ui::output::Output;
use crate::ui::table::{self, Cell, Column, Tone};

const COLUMNS: [Column; 5] = [
    Column { heading: "Frees", right: true },
    Column { heading: "Becomes", right: false },
    Column { heading: "Known by", right: false },
    Column { heading: "File", right: false },
    Column { heading: "Equal to", right: false },
];

/// So many pairs are shown on a terminal; all of them with `--verbose`.
const SHOWN: usize = 40;

/// Shows what becomes of what, before it does.
pub(super) fn plan(report: &Report<'_>, output: &Output) {
    let show = |path: &std::path::Path| paths::friendly(&report.layout.root, report.layout.home.as_deref(), path);
    let count = report.plan.copies().count();
    let shown = if output.terminal && output.verbose == 0 { SHOWN } else { usize::MAX };
    let rows: Vec<Vec<Cell>> = report
        .plan
        .copies()
        .take(shown)
        .map(|(set, copy)| {
            let names = copy.file.names.len();
            let more = if names > 1 { format!(" and {}", units::count(names - 1, "more name")) } else { String::new() };
            vec![
                Cell::size(Some(copy.saves)),
                Cell::toned(becomes(copy.how), Tone::Pending),
                Cell::new(if copy.by_name { "name" } else { "hash" }),
                Cell::new(format!("{}{more}", show(&copy.file.name().path()))),
                Cell::new(show(&set.keep.name().path())),
            ]
        })
        .collect();
    if !rows.is_empty() {
        output.say(table::render(&COLUMNS, &rows, output.colour, output.room()).trim_end());
        if count > shown {
            output.say(format!("and {} more; -v shows all", count - shown));
        }
        output.say("");
    }
    left(report, output);
    if count == 0 {
        output.say(format!(
            "Nothing is stored twice among {} that are large enough.",
            units::count(report.found.files, "file")
        ));
    } else {
        let sets = units::count(report.plan.sets.len(), "content");
        output.say(format!(
            "{} of {sets} can free {}.",
            units::count(count, "file"),
            units::bytes(report.plan.saves())
        ));
    }
}

/// What stays as it is although it has an equal: in numbers, and with `--verbose` each. What Git tracks is named always.
fn left(report: &Report<'_>, output: &Output) {
    let mut heaps: BTreeMap<Why, (usize, u64)> = BTreeMap::new();
    for left in &report.plan.left {
        let heap = heaps.entry(left.why).or_default();
        *heap = (heap.0 + 1, heap.1 + left.bytes);
    }
    for (why, (files, bytes)) in heaps {
        let which = report.plan.left.iter().filter(|left| left.why == why);
        if why == Why::Tracked {
            which.clone().for_each(|left| output.warn(format!("{} stays: {}", escape::path(&left.path), why.words())));
            continue;
        }
        let stay = if files == 1 { "stays" } else { "stay" };
        let heap = format!("{} with {}", units::count(files, "file"), units::bytes(bytes));
        output.tell(format!("{heap} {stay}: {}", why.words()));
        which.for_each(|left| output.detail(format!("  {}", escape::path(&left.path))));
    }
}

/// What a person should know before saying yes.
pub(super) fn no_undo(report: &Report<'_>) -> &'static str {
    match report.plan.copies().any(|(_, copy)| copy.how == How::HardLink) {
        true => "There is no undo, and the files of hard links become read-only: who writes to one would write to all.",
        false => "There is no undo: what is one now stays one.",
    }
}

/// What came of it.
pub(super) fn result(report: &Report<'_>) -> String {
    let Some(outcome) = &report.outcome else { return String::new() };
    let done = outcome.results.iter().flatten().filter(|result| matches!(result, Some(Ok(_)))).count();
    format!("Freed {} in {}.\n", units::bytes(outcome.saved), units::count(done, "file"))
}

pub(super) const fn becomes(how: How) -> &'static str {
    match how {
        How::Reflink => "reflink",
        How::HardLink => "hard link",
        How::Symlink => "symlink",
    }
}
