//! The plan and what came of it, in lines for a person.

use super::{Run, files};
use crate::cache::hub;
use crate::cache::migrate::{ANOTHER, Outcome, Part, Shape, Stay};
use crate::support::{escape, units};
use crate::ui::output::Output;
use crate::ui::table::{self, Cell, Column};
use crate::ui::text;

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
        let most = named(outcome.models.len(), REPOSITORIES, output);
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
            "up to {} of it is in the cache already: compared byte by byte, and kept once where it is the same",
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

/// Folders that came with the project and alone say which commits are in them, where they move into a cache that others may use.
fn unproven(run: &Run<'_>) -> String {
    let says_itself = |part: &Part| matches!(part.shape, Shape::Hub | Shape::Repository | Shape::Local);
    let leaves = |part: &Part| part.from.starts_with(&run.project) && !part.to.starts_with(&run.project);
    let moved = run.parts.iter().filter(|(_, outcome)| outcome.tally.files > 0).map(|(part, _)| part);
    let parts = moved.filter(|part| says_itself(part) && leaves(part) && !part.is_confirmed(&run.sources));
    let names: Vec<String> = parts.map(|part| run.shown(&part.from)).collect();
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
    let most = if all.len() == NAMED + 1 { all.len() } else { NAMED };
    for note in all.iter().take(most) {
        text.push_str(&format!("  {}\n", familiar(run, note)));
    }
    if let Some(more) = all.len().checked_sub(most).filter(|more| *more > 0) {
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
        Shape::Tree(_) | Shape::Files(_) if across => "copied".to_owned(),
        Shape::Tree(_) | Shape::Files(_) => "moved".to_owned(),
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
pub(super) fn summary(run: &Run<'_>, output: &Output, acted: bool) -> String {
    let tally = run.tally();
    if tally.files == 0 && run.all_stays().any(|stay| stay.grave) {
        return "Nothing was moved.\n".to_owned();
    }
    if tally.files == 0 && run.all_stays().next().is_some() {
        return "Nothing to move: what stays is named, with the reason.\n".to_owned();
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
    text.push_str(&match output.room_out() {
        usize::MAX => notes(run),
        width => text::fold(&notes(run), width, 0),
    });
    text
}

/// What stays, and why; without what was told before the question.
pub(super) fn stays(run: &Run<'_>, output: &Output, acted: bool) {
    let is_new = |stay: &&Stay| stay.grave || !run.told.contains(stay);
    let (grave, plain): (Vec<_>, Vec<_>) = run.all_stays().filter(is_new).partition(|stay| stay.grave);
    for stay in &grave {
        output.warn(format!("{} stays: {}", run.shown(&stay.path), familiar(run, &stay.why)));
    }
    if grave.iter().any(|stay| stay.why.starts_with(ANOTHER)) {
        output.tell(
            "Of two contents under one name: compare them, then remove one with `modelstrap clear PATH`, or give one another \
             name to keep both.",
        );
    }
    let most = named(plain.len(), NAMED, output);
    if !plain.is_empty() {
        output.say(if acted { "Stayed where it was:" } else { "Stays where it is:" });
    }
    for stay in plain.iter().take(most) {
        output.remark(format!("{}: {}", run.shown(&stay.path), familiar(run, &stay.why)));
    }
    if let Some(more) = plain.len().checked_sub(most).filter(|more| *more > 0) {
        output.remark(format!("and {more} more; -v names them"));
    }
}

/// How many of `all` are named, where `most` should be: the line that says that there is one more would have named it.
const fn named(all: usize, most: usize, output: &Output) -> usize {
    if output.verbose > 0 || all == most + 1 { all } else { most }
}

/// `text` with its paths as a person knows them: below the project without it, in the home with `~`.
fn familiar(run: &Run<'_>, text: &str) -> String {
    let text = shortened(&escape::printable(text), &escape::path(&run.project), "");
    run.home.as_deref().map_or_else(|| text.clone(), |home| shortened(&text, &escape::path(home), "~/"))
}

/// `text` with `short` in the place of the folder `long`, where a path begins with it.
fn shortened(text: &str, long: &str, short: &str) -> String {
    let (mut out, mut rest, long) = (String::new(), text, format!("{long}/"));
    while let Some((before, after)) = rest.split_once(&long) {
        out.push_str(before);
        let goes_on = out.ends_with(|last: char| last.is_alphanumeric() || "/._-~".contains(last));
        // A command is right in every folder, and a folder that is called `~` is not the home.
        let is_said_whole = short.is_empty() && (out.ends_with("clear ") || after.starts_with('~'));
        out.push_str(if goes_on || is_said_whole { &long } else { short });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn a_folder_is_left_out_where_a_path_begins_with_it() {
        let text = "stands at /p/.cache/a, '/p/x y', /q/p/b; run `modelstrap clear /p/c`, and /p/~/d";
        let expected = "stands at .cache/a, 'x y', /q/p/b; run `modelstrap clear /p/c`, and /p/~/d";
        assert_eq!(shortened(text, "/p", ""), expected);
        assert_eq!(shortened("/home/u/x and /home/us", "/home/u", "~/"), "~/x and /home/us");
    }
}
