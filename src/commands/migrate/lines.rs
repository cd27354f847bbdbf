//! The plan and what came of it, in lines for a person.

use super::{Run, files};
use crate::cache::hub;
use crate::cache::migrate::{Outcome, Part, Shape, Stay};
use crate::support::{escape, units};
use crate::ui::output::Output;
use crate::ui::table::{self, Cell, Column};

const COLUMNS: [Column; 5] = [
    Column::name("From"),
    Column::words_below("To", "to "),
    Column::number("Size"),
    Column::number("Files").yields(0),
    Column::plain(""),
];

/// How many notes, and things that stay, are named one by one.
const NAMED: usize = 20;

/// What becomes of a repository of which the cache has a part.
const MERGED: &str = "merged";

/// So many repositories of a hub are named.
const REPOSITORIES: usize = 3;

/// What would move, and how.
pub(super) fn plan(run: &Run<'_>, output: &Output) -> String {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for (part, outcome) in run.parts.iter().filter(|(_, outcome)| outcome.tally.files > 0) {
        rows.push(vec![
            Cell::new(run.shown(&part.from)),
            Cell::new(run.shown(&part.to)),
            Cell::size(Some(outcome.tally.bytes)),
            Cell::new(outcome.tally.files.to_string()),
            Cell::new(how(part, outcome)),
        ]);
        let most = if output.verbose > 0 { usize::MAX } else { REPOSITORIES };
        for (folder, tally) in
            outcome.models.iter().take(most).filter(|_| part.shape == Shape::Hub || output.verbose > 0)
        {
            let name = hub::full_name(folder).unwrap_or_else(|| folder.clone());
            let how = if part.shape == Shape::Hub { arrives(part, outcome, folder) } else { "" };
            rows.push(vec![
                Cell::new(format!("  {name}")),
                Cell::new(""),
                Cell::size(Some(tally.bytes)),
                Cell::new(tally.files.to_string()),
                Cell::new(how),
            ]);
        }
        let more = outcome.models.len().saturating_sub(most);
        if more > 0 && part.shape == Shape::Hub {
            let blank = || Cell::new("");
            rows.push(vec![Cell::new(format!("  and {more} more; -v names them")), blank(), blank(), blank(), blank()]);
        }
    }
    let mut text = table::render(&COLUMNS, &rows, output.colour, output.room());
    text.push_str(&output.fitting(after(run)));
    text
}

/// What stands below the table.
fn after(run: &Run<'_>) -> String {
    let tally = run.tally();
    let mut sums = vec![format!("{} in {}", units::bytes(tally.bytes), files(tally.files))];
    if tally.same > 0 {
        sums.push(format!(
            "{} of it is in the cache already: compared byte by byte, then kept once",
            units::bytes(tally.same)
        ));
    }
    if tally.copied > 0 {
        sums.push(format!(
            "{} is copied from another disk and read back before the original goes",
            units::bytes(tally.copied)
        ));
    }
    let mut text = format!("\n{}\n", sums.join("; "));
    text.push_str(&notes(run));
    text.push_str(&unproven(run));
    text.push_str(match run.arguments.link_back {
        true => "Links stay at the old paths.\n",
        false => "Other projects that look at the old paths will find nothing there: --link-back leaves links.\n",
    });
    text
}

/// Folders that came with the project and say themselves which commits are in them, where they move into a cache that others may use.
fn unproven(run: &Run<'_>) -> String {
    let says_itself = |part: &Part| matches!(part.shape, Shape::Hub | Shape::Repository | Shape::Local);
    let leaves = |part: &Part| part.from.starts_with(&run.project) && !part.to.starts_with(&run.project);
    let parts = run.parts.iter().filter(|(part, outcome)| outcome.tally.files > 0 && says_itself(part) && leaves(part));
    let names: Vec<String> = parts.map(|(part, _)| run.shown(&part.from)).collect();
    let Some((first, others)) = names.split_first() else { return String::new() };
    let more = match others.len() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    format!(
        "  {first}{more}: only the folder itself says which commits it has, and the cache is not this project's alone: \
         move it if you know where it came from\n"
    )
}

/// What else a person should know, in a few lines.
fn notes(run: &Run<'_>) -> String {
    let all: Vec<&String> = run.parts.iter().flat_map(|(_, outcome)| &outcome.notes).collect();
    let mut text = String::new();
    for note in all.iter().take(NAMED) {
        text.push_str(&format!("  {}\n", escape::printable(note)));
    }
    if let Some(more) = all.len().checked_sub(NAMED).filter(|more| *more > 0) {
        text.push_str(&format!("  and {more} more; --json names them\n"));
    }
    text
}

fn how(part: &Part, outcome: &Outcome) -> String {
    let across = outcome.tally.copied > 0;
    match &part.shape {
        Shape::Hub => repositories(part, outcome),
        Shape::Repository if part.to.symlink_metadata().is_ok() => MERGED.to_owned(),
        Shape::Repository if across => "copied".to_owned(),
        Shape::Repository => "moved".to_owned(),
        Shape::Local | Shape::Proven => "becomes a revision".to_owned(),
        Shape::Tree | Shape::Files(_) if across => "copied".to_owned(),
        Shape::Tree | Shape::Files(_) => "moved".to_owned(),
    }
}

/// `1 merged, 2 moved`: with what the cache has already, a repository is merged.
fn repositories(part: &Part, outcome: &Outcome) -> String {
    let all = outcome.models.iter().map(|(folder, _)| arrives(part, outcome, folder));
    let merged = all.clone().filter(|how| *how == MERGED).count();
    let other = all.clone().find(|how| *how != MERGED).unwrap_or_default();
    let count = |count: usize| if count == 1 { "1 repository".to_owned() } else { format!("{count} repositories") };
    match (merged, outcome.models.len() - merged) {
        (merged, 0) => format!("{} {MERGED}", count(merged)),
        (0, others) => format!("{} {other}", count(others)),
        (merged, others) => format!("{} {MERGED}, {others} {other}", count(merged)),
    }
}

/// How a repository of a hub comes.
fn arrives(part: &Part, outcome: &Outcome, folder: &str) -> &'static str {
    match part.to.join(folder).symlink_metadata() {
        Ok(_) => MERGED,
        Err(_) if outcome.tally.copied > 0 => "copied",
        Err(_) => "moved",
    }
}

/// What came of it.
pub(super) fn summary(run: &Run<'_>, acted: bool) -> String {
    let tally = run.tally();
    if tally.files == 0 && run.all_stays().any(|stay| stay.grave) {
        return "Nothing was moved.\n".to_owned();
    }
    if !acted || tally.files == 0 {
        return "Nothing to move: what belongs into the cache is there.\n".to_owned();
    }
    let mut text = format!("{} in {} came into the cache", units::bytes(tally.bytes), files(tally.files));
    let mut parts = Vec::new();
    if tally.same > 0 {
        parts.push(format!("{} of it was there already", units::bytes(tally.same)));
    }
    if tally.copied > 0 {
        parts.push(format!("{} was copied from another disk", units::bytes(tally.copied)));
    }
    let links: usize = run.parts.iter().map(|(_, outcome)| outcome.links.len()).sum();
    if links > 0 {
        parts.push(format!("{} at old paths", units::count(links, "link")));
    }
    if !parts.is_empty() {
        text.push_str(&format!(": {}", parts.join(", ")));
    }
    text.push_str(".\n");
    text.push_str(&notes(run));
    text
}

/// What stays, and why; without what was told before the question.
pub(super) fn stays(run: &Run<'_>, output: &Output, acted: bool) {
    let is_new = |stay: &&Stay| stay.grave || !run.told.contains(stay);
    let (grave, plain): (Vec<_>, Vec<_>) = run.all_stays().filter(is_new).partition(|stay| stay.grave);
    for stay in &grave {
        output.warn(format!("{} stays: {}", run.shown(&stay.path), escape::printable(&stay.why)));
    }
    let most = if output.verbose > 0 { usize::MAX } else { NAMED };
    if !plain.is_empty() {
        output.say(if acted { "Stayed where it was:" } else { "Stays where it is:" });
    }
    for stay in plain.iter().take(most) {
        output.remark(format!("{}: {}", run.shown(&stay.path), escape::printable(&stay.why)));
    }
    if let Some(more) = plain.len().checked_sub(most).filter(|more| *more > 0) {
        output.remark(format!("and {more} more; -v names them"));
    }
}
