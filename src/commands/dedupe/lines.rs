//! The lines that a person reads: each pair, what stays as it is and why, and what it comes to.

use std::collections::BTreeMap;

use super::Report;
use super::names::Names;
use crate::cache::duplicates::{Copy, How, Name, Why};
use crate::cli::DedupeArgs;
use crate::support::{escape, paths, units};
use crate::ui::output::Output;
use crate::ui::table::{self, Cell, Column, Tone};

const COLUMNS: [Column; 3] = [Column::number("Frees"), Column::plain("Becomes"), Column::words("File")];

/// The same, with what told that the two are equal.
const ALL: [Column; 4] =
    [Column::number("Frees"), Column::plain("Becomes"), Column::plain("Known by"), Column::words("File")];

/// So many pairs are shown on a terminal, or where the script or the document has each of them; all of them with `--verbose`.
const SHOWN: usize = 40;

/// So many lines are one table: with all of a million in one, none could be shown before all of them are made.
const PORTION: usize = 1_000;

/// Shows what becomes of what, before it does.
pub(super) fn plan(report: &Report<'_>, output: &Output) {
    let count = report.plan.count();
    if !output.quiet {
        pairs(report, count, output);
    }
    left(report, output);
    // What was compared already and differs is no copy.
    let (others, bytes) = report.refused().fold((0, 0), |(count, sum), (copy, _)| (count + 1, sum + copy.saves));
    let (count, saves) = (count - others, report.plan.saves() - bytes);
    if count == 0 {
        let files = units::count(report.found.count, "file");
        output.say(match report.plan.reasons().next().is_none() {
            true => format!("Nothing is stored twice among {files} that are large enough."),
            false => format!("Nothing else is stored twice among {files} that are large enough."),
        });
        return;
    }
    // Until their bytes were compared, names and hashes are all that is known.
    let copies = match (count, report.outcome.is_some()) {
        (1, false) => "1 file looks like a copy".to_owned(),
        (1, true) => "1 file is a copy".to_owned(),
        (_, false) => format!("{count} files look like copies"),
        (_, true) => format!("{count} files are copies"),
    };
    let next = if report.outcome.is_some() { "" } else { " Their bytes are compared before anything is replaced." };
    let others = report.plan.contents();
    let others = if others == 1 { "another one".to_owned() } else { format!("{others} others") };
    output.tell(format!("{copies} of {others}. To store each once frees {}.{next}", units::bytes(saves)));
}

/// Each file that stays, and below it those that become what it is.
fn pairs(report: &Report<'_>, count: usize, output: &Output) {
    if count == 0 {
        return;
    }
    let is_told = output.terminal || report.arguments.dry_run;
    let shown = if is_told && output.verbose == 0 { SHOWN } else { usize::MAX };
    let mut names = Names::of(&report.places);
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut kept = (None, String::new());
    for (set, copy) in report.plan.copies().take(shown) {
        if kept.0 != Some(set.keep.at()) {
            kept = (Some(set.keep.at()), names.label(set.keep.name()));
            let line = format!("{} in {}", kept.1, place(report, set.keep.name()));
            rows.push(vec![Cell::new(""), Cell::toned("stays", Tone::Good), Cell::new(""), Cell::new(line)]);
        }
        rows.push(row(report, copy, &kept.1, &mut names));
        if rows.len() >= PORTION {
            table(std::mem::take(&mut rows), output);
        }
    }
    table(rows, output);
    if count > shown {
        output.say(format!("and {} more; -v shows all", count - shown));
    }
    output.say("");
}

/// What becomes of a copy of the file that is called `kept`.
fn row(report: &Report<'_>, copy: Copy<'_>, kept: &str, names: &mut Names<'_>) -> Vec<Cell> {
    let stays = report.refusal(copy).is_some();
    let label = names.label(copy.file.name());
    let label = if label == kept { "the same".to_owned() } else { label };
    let others = copy.file.names().count() - 1;
    let more = if others > 0 { format!(", and {}", units::count(others, "more name")) } else { String::new() };
    vec![
        if stays { Cell::new("") } else { Cell::size(Some(copy.saves)) },
        if stays { Cell::toned("stays", Tone::Bad) } else { Cell::toned(becomes(copy.how), Tone::Pending) },
        Cell::new(if copy.by_name { "name" } else { "bytes" }),
        Cell::new(format!("{label} in {}{more}", place(report, copy.file.name()))),
    ]
}

fn table(mut rows: Vec<Vec<Cell>>, output: &Output) {
    if rows.is_empty() {
        return;
    }
    let columns: &[Column] = if output.verbose > 0 { &ALL } else { &COLUMNS };
    if output.verbose == 0 {
        rows.iter_mut().for_each(|row| drop(row.remove(2)));
    }
    output.say(table::render(columns, &rows, output.colour, output.room()).trim_end());
}

/// Where a file lies, as `status` calls it.
fn place(report: &Report<'_>, name: Name<'_>) -> String {
    let Some(place) = report.places.get(name.place()) else { return String::new() };
    paths::friendly(&report.layout.root, report.layout.home.as_deref(), &place.path)
}

/// How to get the script, for who sees the plan on a terminal. The flags are those that were given.
pub(super) fn script(report: &Report<'_>, output: &Output) {
    if report.plan.contents() == 0 {
        return output.say("Nothing was changed.");
    }
    let given = report.arguments;
    let mut command = "modelstrap dedupe --dry-run".to_owned();
    if given.min_size != DedupeArgs::MIN_SIZE {
        command.push_str(&format!(" --min-size {}B", given.min_size));
    }
    if given.grace != DedupeArgs::GRACE {
        let grace = humantime::format_duration(given.grace).to_string().replace(' ', "");
        command.push_str(&format!(" --grace {}", if given.grace.is_zero() { "0" } else { &grace }));
    }
    for (flag, word) in [(given.symlinks, " --symlinks"), (given.compare, " --compare")] {
        command.push_str(if flag { word } else { "" });
    }
    output.say("Nothing was changed. The same as a shell script that you can read and run:");
    output.say(format!("  {}", output.style().cyan().apply_to(format!("{command} > dedupe.sh"))));
}

/// What stays as it is although it has an equal: in numbers, and with `--verbose` each. What Git tracks is named always.
fn left(report: &Report<'_>, output: &Output) {
    let mut heaps: BTreeMap<Why, (usize, u64)> = BTreeMap::new();
    for (why, bytes) in report.plan.reasons() {
        let heap = heaps.entry(why).or_default();
        *heap = (heap.0 + 1, heap.1 + bytes);
    }
    for (why, (files, bytes)) in heaps {
        let which = || report.plan.left().filter(move |left| left.why == why);
        if why == Why::Tracked {
            which().for_each(|left| output.warn(format!("{} stays: {}", escape::path(&left.path), why.words())));
            continue;
        }
        let stay = if files == 1 { "stays" } else { "stay" };
        let heap = format!("{} with {}", units::count(files, "file"), units::bytes(bytes));
        let cure = match (why, files) {
            (Why::Young, 1) => "; `--grace 0` takes it",
            (Why::Young, _) => "; `--grace 0` takes them",
            _ => "",
        };
        output.tell(format!("{heap} {stay}: {}{cure}", why.words()));
        if output.verbose > 0 {
            which().for_each(|left| output.detail(format!("  {}", escape::path(&left.path))));
        }
    }
}

/// What a person should know before saying yes.
pub(super) fn no_undo(report: &Report<'_>) -> &'static str {
    match report.plan.copies().any(|(_, copy)| copy.how == How::HardLink) {
        true => {
            "There is no undo. Files that become hard links become read-only: to write to one name would change them all."
        }
        false => "There is no undo.",
    }
}

/// What came of it.
pub(super) fn result(report: &Report<'_>) -> String {
    let Some(outcome) = &report.outcome else { return String::new() };
    format!("Freed {} in {}.\n", units::bytes(outcome.saved), units::count(outcome.done(), "file"))
}

pub(super) const fn becomes(how: How) -> &'static str {
    match how {
        How::Reflink => "reflink",
        How::HardLink => "hard link",
        How::Symlink => "symlink",
    }
}
