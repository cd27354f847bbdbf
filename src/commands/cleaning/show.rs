//! The plan as a person reads it: what goes, what that frees, when it was used last and by which clock, and why.

use std::io::{self, Write};
use std::path::Path;

use super::Scene;
use super::roots::Keeping;
use super::said;
use crate::cache::link::Unseen;
use crate::cache::remove::Swept;
use crate::cache::select::{Line, Selection, Stays, Used};
use crate::models::hub::refs;
use crate::models::lock;
use crate::support::{escape, paths, quoted, time, units};
use crate::ui::excerpt::Excerpt;
use crate::ui::table::{self, Cell, Column, Tone};
use crate::ui::text;

const COLUMNS: [Column; 4] =
    [Column::name(""), Column::number("Frees"), Column::number("Used").yields(0), Column::words("Why")];

/// So many of what stays are named; `-v` names all.
const NAMED: usize = 8;

/// So many lines of a plan stand in a dialog, from its beginning and its end.
const SHOWN: (usize, usize) = (2000, 60);

/// The plan without colours, in so many columns, for a dialog: of a long one its beginning and its end.
pub(in crate::commands) fn plan_in(
    scene: &Scene<'_>,
    selection: &Selection,
    keeping: &Keeping,
    width: usize,
) -> String {
    let mut text = Excerpt::of(SHOWN.0, SHOWN.1);
    // It takes whatever is written.
    let _ = write(scene, selection, keeping, (false, width), &mut text);
    text.text(|lines| format!("… {lines} more lines; `modelstrap clear --dry-run` shows them all"))
}

/// Writes the plan: what goes, and what of it can be brought back. In colours or not, in so many columns.
pub(super) fn write(
    scene: &Scene<'_>,
    selection: &Selection,
    keeping: &Keeping,
    (colour, width): (bool, usize),
    out: &mut dyn Write,
) -> io::Result<()> {
    let folded = |text: &str| if width == usize::MAX { text.to_owned() } else { text::fold(text, width, 0) };
    let is_empty = selection.lines.is_empty();
    if !is_empty {
        let rows = || {
            let lines = selection.lines.iter().map(|line| row(scene, &line));
            lines.chain(std::iter::once_with(|| total(selection)))
        };
        table::write(&COLUMNS, rows, colour, width, out)?;
        write!(out, "{}\n{}\n", led(scene, selection), folded(&keeping.says))?;
    }
    let kept = kept(scene, &selection.kept);
    let gap = if kept.is_empty() || is_empty { "" } else { "\n" };
    write!(out, "{gap}{}", folded(&kept))
}

/// What is said where nothing goes, to stderr: what stays, and why.
pub(super) fn nothing(scene: &Scene<'_>, selection: &Selection) -> String {
    let output = &scene.context.output;
    let else_ = if scene.pending > 0 { "else " } else { "" };
    let kept = kept(scene, &selection.kept);
    let width = output.room();
    let kept = if width == usize::MAX { kept } else { text::fold(&kept, width, 0) };
    format!("Nothing {else_}to remove.\n{kept}").trim_end().to_owned()
}

/// What waits in the trash and is given up with this run.
pub(super) fn pending(scene: &Scene<'_>, dry_run: bool) -> Option<String> {
    let bytes = units::bytes(Some(scene.pending).filter(|bytes| *bytes > 0)?);
    Some(match dry_run {
        true => format!("{bytes} in the trash would be freed, and could not be brought back."),
        false => format!("{bytes} in the trash will be freed, and cannot be brought back."),
    })
}

/// The places of the plan that are links, and where they lead.
fn led(scene: &Scene<'_>, selection: &Selection) -> String {
    let roots = selection.roots();
    let project = &scene.survey.project.root;
    let real = paths::real_place(project).unwrap_or_else(|| project.clone());
    let mut lines = String::new();
    for place in scene.survey.places.iter().filter(|place| roots.contains(place.real.as_path())) {
        if place.path.strip_prefix(project).is_ok_and(|inside| real.join(inside) != place.real) {
            lines.push_str(&format!("{} leads to {}\n", scene.shown(&place.path), escape::path(&place.real)));
        }
    }
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

fn row(scene: &Scene<'_>, line: &Line) -> Vec<Cell> {
    let count = line.count;
    let name = match line.kind {
        "blobs" | "unfinished" | "application" | "payloads" => format!("{}: {}", line.name, what(line.kind, count)),
        "revision" => format!("{}{}", line.name, references(scene, &line.path)),
        _ => quoted::shown(&line.name),
    };
    let used = line.used.map(|used| last(scene.now, used)).unwrap_or_default();
    vec![Cell::new(name), Cell::size(Some(line.frees)), Cell::new(used), Cell::new(&line.why)]
}

/// ` (main)`: the branches and tags that name the revision in `folder`.
fn references(scene: &Scene<'_>, folder: &Path) -> String {
    let revisions = scene.stock.hubs.iter().flat_map(|hub| &hub.repositories).flat_map(|one| &one.repository.revisions);
    let names = revisions.filter(|one| one.folder == folder).flat_map(|one| &one.references);
    let names: Vec<&str> = names.map(String::as_str).filter(|name| !refs::is_ours(name)).collect();
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
}

fn what(kind: &str, count: usize) -> String {
    match kind {
        "blobs" => units::count(count, "blob"),
        "unfinished" => units::count(count, "unfinished download"),
        "payloads" => units::count(count, "payload"),
        _ if count == 1 => "1 entry".to_owned(),
        _ => format!("{count} entries"),
    }
}

/// `41 d (atime)`
fn last(now: i64, used: Used) -> String {
    format!("{} ({})", time::ago(now, used.at), used.clock.name())
}

fn total(selection: &Selection) -> Vec<Cell> {
    let cell = |text: &str| Cell::toned(text, Tone::Good);
    vec![cell("Total"), Cell::toned(units::bytes(selection.frees()), Tone::Good), cell(""), cell("")]
}

/// What stays although it was asked for, or would go by its age.
fn kept(scene: &Scene<'_>, kept: &Stays<'_>) -> String {
    if kept.is_empty() {
        return String::new();
    }
    let most = if scene.context.output.verbose > 0 { kept.len() } else { NAMED };
    let mut text = String::from("Stays:\n");
    for one in kept.iter().take(most) {
        text.push_str(&format!("  {}: {}\n", quoted::shown(&one.name), escape::printable(&one.why)));
    }
    if kept.len() > most {
        text.push_str(&format!("  and {} more; `-v` names them\n", kept.len() - most));
    }
    text
}

/// What became of what earlier runs had removed, to stderr.
pub(super) fn swept(scene: &Scene<'_>, swept: &Swept) {
    let output = &scene.context.output;
    if swept.freed > 0 {
        let held = said::held(swept.held, &swept.holders);
        output.say(format!("{} that earlier runs had removed are free now.{held}", units::bytes(swept.freed)));
    }
    for (path, why) in &swept.problems {
        output.warn(format!("{}: {}", scene.shown(path), escape::printable(why)));
    }
}

/// What is known of the projects that share the cache, to stderr.
pub(super) fn projects(scene: &Scene<'_>) {
    let output = &scene.context.output;
    let projects = &scene.projects;
    scene.survey.warn(output);
    for (project, since) in &projects.gone {
        output.warn(format!(
            "the project {} is gone ({}); what its lock names is kept for it until 30 days have passed",
            escape::path(project),
            time::ago(scene.now, *since)
        ));
    }
    for (project, seen) in &projects.unlocked {
        let then = time::rfc3339(*seen).unwrap_or_default();
        output.warn(format!(
            "the project {} has no {} now; what the one names that it had on {} is kept until 30 days have passed",
            escape::path(project),
            lock::FILE,
            then.get(..10).unwrap_or_default()
        ));
    }
    for root in &scene.unseen {
        let link = escape::path(&root.link);
        match &root.unseen {
            Some(Unseen::Hidden(why)) => output.warn(format!(
                "the link {link}, which dedupe made, cannot be looked at: {}; what it leads to is kept",
                escape::printable(why)
            )),
            Some(Unseen::Absent { since }) => output.warn(format!(
                "the link {link}, which dedupe made, is not there ({}); what it led to is kept until 30 days have passed",
                time::ago(scene.now, *since)
            )),
            None => {}
        }
    }
    for one in &projects.dropped {
        output.warn(format!(
            "the project {} on {} counts no more: it is gone, without its lock, or silent for too long",
            escape::path(&one.project),
            escape::printable(&one.host)
        ));
    }
    for (project, why) in &projects.unknown {
        output.warn(format!("what {} needs is not known: {}", escape::path(project), escape::printable(why)));
    }
    if !scene.swept.back.is_empty() {
        output.say(format!(
            "A run that was killed had taken {} away; it is back.",
            units::count(scene.swept.back.len(), "thing")
        ));
    }
    swept(scene, &scene.swept);
    for (path, why) in &scene.stock.problems {
        output.warn(format!("{}: {}; it stays", scene.shown(path), escape::printable(why)));
    }
}
