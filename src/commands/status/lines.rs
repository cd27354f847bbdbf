//! The lines that a person reads: first where the cache is and how full, then who takes how much, then what is wrong.

use std::path::Path;

use super::{Report, copied, growth, linked, unfinished};
use crate::cache::inventory::{Found, Heap, Revision, Unit, UnitKind};
use crate::cache::places::{Aside, Why};
use crate::cache::scan::STORE_MARK;
use crate::cache::{Kind, Sizes};
use crate::commands::reclaim;
use crate::models::hub::refs;
use crate::support::{escape, paths, quoted, time, units};
use crate::ui::output::Output;
use crate::ui::table::{self, Cell, Column, Tone};
use crate::ui::text;

/// Before what lies outside of the cache; the line below the table that begins with it says what that means.
const OUTSIDE: &str = "❗ ";

const COLUMNS: [Column; 7] = [
    Column::name(""),
    Column::number("Size").yields(1),
    Column::number("On disk"),
    Column::number("Frees"),
    Column::number("Files").yields(0),
    Column::number("Used").yields(2),
    Column::words("Where"),
];

pub(super) fn render(report: &Report<'_>, output: &Output) -> String {
    let mut text = head(report);
    let mut rows = Vec::new();
    let groups: [(&str, Vec<&Found>); 3] = [
        ("Cache", report.cached().collect()),
        ("Application caches", report.applications().collect()),
        ("Outside of the cache", report.strays().collect()),
    ];
    for (heading, group) in groups {
        if group.is_empty() {
            continue;
        }
        rows.push(vec![Cell::toned(heading, Tone::Pending)]);
        for found in group {
            place(report, found, output, &mut rows);
        }
    }
    if rows.is_empty() {
        text.push_str("Nothing is cached yet.\n");
    } else {
        if report.inventory.trash.disk > 0 {
            let about = "what was removed and can be brought back";
            rows.push(line("Trash", Tone::Pending, report.inventory.trash, None, about));
        }
        if report.chooses() {
            let (sizes, models) = report.chosen();
            rows.push(line("Shown", Tone::Good, sizes, None, &units::count(models, "model")));
        }
        let about = if report.chooses() { "with what is not shown" } else { "" };
        rows.push(line("Total", Tone::Good, report.inventory.total, None, about));
    }
    let table = table::render(&COLUMNS, &rows, output.colour_out, output.room_out());
    let parts = [text, if rows.is_empty() { String::new() } else { table }, notes(report, output)];
    let width = output.room_out();
    let [head, table, notes] = parts;
    let fold = |text: String| if width == usize::MAX { text } else { text::fold(&text, width, 0) };
    format!("{}{table}{}", fold(head), fold(notes))
}

/// Where the cache is, and how full.
fn head(report: &Report<'_>) -> String {
    let layout = &report.layout;
    let root = paths::friendly(&layout.root, layout.home.as_deref(), &layout.cache_root);
    let mut text = format!("Cache root: {root}");
    let mut facts = Vec::new();
    facts.extend(report.file_system.as_deref().map(escape::printable));
    facts.extend(report.free.map(|free| format!("{} free", units::bytes(free))));
    facts.extend(
        report
            .budget
            .map(|budget| format!("{} of a budget of {} taken", units::bytes(report.taken()), units::bytes(budget))),
    );
    facts.extend(growth::of(report).and_then(|growth| growth::words(growth, report.now)));
    if !facts.is_empty() {
        text.push_str(&format!(" ({})", facts.join(", ")));
    }
    text.push('\n');
    if report.reclaimable.no_project {
        let said = "No project here: programs use ~/.cache";
        let what = "to remove or move anything, change into a project, or name it with `-C`";
        text.push_str(&format!("{said}{}; {what}\n", where_shells_lead(report)));
    } else if !report.set_up {
        text.push_str(&copied::line(report).unwrap_or_else(|| led_by_nobody(report)));
    }
    text.push('\n');
    text
}

/// Where programs keep their models while the project is not set up, in a line.
fn led_by_nobody(report: &Report<'_>) -> String {
    let else_where = where_shells_lead(report);
    if report.is_project() {
        format!("Not set up: programs use ~/.cache here{else_where}; `modelstrap setup` leads them to the cache root\n")
    } else {
        format!("No project here: programs use ~/.cache{else_where}; `modelstrap setup` would make this folder one\n")
    }
}

/// Where variables of the shell lead programs instead.
fn where_shells_lead(report: &Report<'_>) -> String {
    let mut variables: Vec<&str> = report.inventory.places.iter().filter_map(variable).collect();
    variables.sort_unstable();
    match variables.as_slice() {
        [] => String::new(),
        [one] => format!(", or where {one} leads"),
        [first @ .., last] => format!(", or where {} and {last} lead", first.join(", ")),
    }
}

/// The variable of the user's shell that leads to a place.
fn variable(found: &Found) -> Option<&str> {
    match &found.place.kind {
        Kind::Shell { variable } => Some(variable),
        _ => None,
    }
}

fn place(report: &Report<'_>, found: &Found, output: &Output, rows: &mut Vec<Vec<Cell>>) {
    let layout = &report.layout;
    let mut at = paths::friendly(&layout.root, layout.home.as_deref(), &found.place.path);
    match &found.place.kind {
        Kind::Stray { whose } if whose == "this project" && !report.is_project() => at.push_str(" (this folder)"),
        Kind::Stray { whose } => at.push_str(&format!(" ({whose})")),
        Kind::Shell { variable } => at.push_str(&format!(" ({variable} of this shell)")),
        Kind::Home | Kind::Application { .. } | Kind::Legacy => {}
    }
    at.extend(policy(found));
    let icon = if output.unicode { icon(found) } else { "" };
    let tone = match found.place.kind {
        Kind::Stray { .. } | Kind::Shell { .. } | Kind::Legacy => Tone::Bad,
        Kind::Home | Kind::Application { .. } => Tone::Plain,
    };
    let missing = if found.exists { "" } else { " (not there)" };
    let used = found.units.iter().filter_map(|unit| unit.used).max().map(|used| time::ago(report.now, used));
    let name = quoted::shown(&found.place.name);
    rows.push(line(&format!("  {icon}{name}{missing}"), tone, found.sizes, used, &at));
    if report.shows_models() {
        for unit in report.models(found).0 {
            model(report, unit, rows);
        }
    }
}

/// How old an application cache's files may become, and how much of it is older.
pub(super) fn policy(found: &Found) -> Option<String> {
    let Kind::Application { max_age } = &found.place.kind else { return None };
    let Some(age) = max_age.map(time::span) else { return Some(" (no max_age)".to_owned()) };
    let old = found.expired;
    Some(match old.files {
        0 => format!(" (nothing older than {age})"),
        count => format!(" ({} in {} older than {age})", units::bytes(old.disk), files(count)),
    })
}

fn model(report: &Report<'_>, unit: &Unit, rows: &mut Vec<Vec<Cell>>) {
    let used = unit.used.map(|used| time::ago(report.now, used));
    let flaws = flaws(unit);
    let named = report.named.get(&unit.path).map(|names| format!("model {}", names.join(", ")));
    let parts = unit.parts().filter(|(here, of)| here == of).map(|(_, of)| format!("{of} parts"));
    let about: Vec<String> = named.into_iter().chain(parts).chain(flaws.iter().cloned()).collect();
    let tone = if flaws.is_empty() { Tone::Plain } else { Tone::Bad };
    rows.push(line(&format!("      {}", quoted::shown(&unit.name)), tone, unit.sizes, used, &about.join("; ")));
    if let (UnitKind::Repository(repository), true) = (&unit.kind, report.arguments.revisions) {
        rows.extend(repository.revisions.iter().map(|one| revision(report, one)));
    }
}

fn revision(report: &Report<'_>, revision: &Revision) -> Vec<Cell> {
    let commit: String = revision.commit.to_string_lossy().chars().take(12).collect();
    let used = revision.used.map(|used| time::ago(report.now, used));
    line(&format!("        {commit}"), Tone::Plain, revision.sizes, used, &references(revision))
}

/// Which branches and tags name a revision, and whether projects hold it, in words.
pub(super) fn references(revision: &Revision) -> String {
    let (held, mut refs): (Vec<&String>, Vec<&String>) = revision.refs.iter().partition(|name| refs::is_ours(name));
    // A ref of the commit's own name says nothing.
    refs.retain(|name| name.as_bytes() != revision.commit.as_encoded_bytes());
    let mut about: Vec<String> = refs.into_iter().cloned().collect();
    if !held.is_empty() {
        about.push(format!("held for {}", units::count(held.len(), "model")));
    }
    if about.is_empty() { "no ref".to_owned() } else { about.join(", ") }
}

/// What is wrong with a model, in words.
pub(super) fn flaws(unit: &Unit) -> Vec<String> {
    let heap = |heap: Heap, what: &str| {
        (heap.files > 0).then(|| format!("{}, {}", units::count(heap.files, what), units::bytes(heap.bytes)))
    };
    let number = |count: u64, what: &str| (count > 0).then(|| units::count(count, what));
    let partial = heap(unit.partial, "unfinished download");
    let parts = unit.parts().filter(|(here, of)| here < of);
    let missing = parts.map(|(here, of)| format!("{} of {of} parts missing", of - here));
    let UnitKind::Repository(repository) = &unit.kind else { return missing.into_iter().chain(partial).collect() };
    let leads = repository.leads.as_ref().map(|leads| format!("link to {}", escape::path(leads)));
    [
        leads,
        partial,
        heap(repository.orphans, "orphan blob"),
        number(repository.dangling, "dangling link"),
        number(repository.foreign, "foreign link"),
        number(repository.broken_refs.len() as u64, "broken ref"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn line(name: &str, tone: Tone, sizes: Sizes, used: Option<String>, about: &str) -> Vec<Cell> {
    let size = |bytes| Cell::size(Some(bytes));
    vec![
        Cell::toned(name, tone),
        size(sizes.apparent),
        size(sizes.disk),
        size(sizes.exclusive),
        Cell::new(sizes.files.to_string()),
        Cell::new(used.unwrap_or_default()),
        Cell::new(about),
    ]
}

/// What could go, and what is too much.
fn notes(report: &Report<'_>, output: &Output) -> String {
    let (mut partial, mut orphans) = (Heap::default(), Heap::default());
    let mut broken = 0;
    for unit in report.inventory.places.iter().flat_map(|found| &found.units) {
        partial += unit.partial;
        if let UnitKind::Repository(repository) = &unit.kind {
            orphans += repository.orphans;
            broken += usize::from(repository.dangling > 0 || !repository.broken_refs.is_empty());
        }
    }
    let mut notes = Vec::new();
    notes.extend(unfinished::line(report, partial));
    if orphans.files > 0 {
        notes.push(format!("blobs that no revision has: {} in {}", units::bytes(orphans.bytes), files(orphans.files)));
    }
    if report.shows_models() && report.inventory.places.iter().all(|found| report.admitted(found).next().is_none()) {
        let is_asked = !report.arguments.filter.is_empty();
        notes.push(if is_asked { "no model is like that" } else { "no model is here yet" }.to_owned());
    }
    let more: usize = match report.arguments.limit {
        Some(_) => report.inventory.places.iter().map(|found| report.models(found).1).sum(),
        None => 0,
    };
    if more > 0 {
        notes.push(format!("{} not shown, because of --limit", units::count(more, "more model")));
    }
    if broken > 0 {
        notes.push(format!(
            "{} with links or refs to nothing: `hf cache ls` does not show them",
            if broken == 1 { "1 repository".to_owned() } else { format!("{broken} repositories") }
        ));
    }
    if report.strays().next().is_some() {
        let mark = if output.unicode { OUTSIDE } else { "" };
        notes.push(format!("{mark}{}", report.outside.words(report.reclaimable.no_project)));
        let told = report.strays().filter(|found| found.sizes.files > 0 && !report.reclaimable.no_project);
        notes.extend(told.filter_map(|found| {
            let at = paths::friendly(&report.layout.root, report.layout.home.as_deref(), &found.place.path);
            Some(format!("`modelstrap migrate {at}` brings in what {} of this shell leads to", variable(found)?))
        }));
    }
    if report.beside.files > 0 {
        let root = paths::friendly(&report.layout.root, report.layout.home.as_deref(), &report.layout.cache_root);
        let Heap { files: count, bytes } = report.beside;
        let lie = if count == 1 { "lies" } else { "lie" };
        notes.push(format!(
            "{} in {} {lie} in {root} itself, beside the libraries' folders: no library reads them there, and no row counts them",
            units::bytes(bytes),
            files(count)
        ));
    }
    notes.extend(report.led.iter().map(|led| {
        let shown = |path| paths::friendly(&report.layout.root, report.layout.home.as_deref(), path);
        format!("{} leads into the cache of {}", shown(&led.path), shown(&led.whose))
    }));
    notes.extend(report.aside.iter().map(|one| aside(report, one)));
    notes.extend(report.hollow.iter().map(|path| {
        let path = paths::friendly(&report.layout.root, report.layout.home.as_deref(), path);
        format!("{path} holds nothing but links: nothing is counted there")
    }));
    notes.extend(linked::notes(report));
    notes.extend(report.inventory.unmarked.iter().map(|store| unmarked(report, store)));
    notes.extend(reclaim::lines(&report.reclaimable));
    notes.extend(report.findings());
    if notes.is_empty() { String::new() } else { format!("\n{}\n", notes.join("\n")) }
}

/// What is no place, and why.
fn aside(report: &Report<'_>, aside: &Aside) -> String {
    let shown = |path: &Path| paths::friendly(&report.layout.root, report.layout.home.as_deref(), path);
    let path = shown(&aside.path);
    match &aside.why {
        Why::Same(of) => format!("{path} is the same folder as {}: it is counted once", shown(of)),
        Why::Within(of) => format!("{path} leads into {}: it is counted there", shown(of)),
        Why::Above => format!("{path} leads to a folder that holds the cache or the project: nothing is counted there"),
        Why::Unfollowed(of) => {
            let at = shown(of);
            format!("{path} is a link to {at}, into which nothing here looks: `modelstrap migrate {at}` does")
        }
        Why::Nowhere => format!("{path} leads to nothing: make what it leads to, or remove the link"),
    }
}

/// A store that has lost its mark: what it is good for still, and what mends it.
fn unmarked(report: &Report<'_>, store: &Path) -> String {
    let path = paths::friendly(&report.layout.root, report.layout.home.as_deref(), store);
    format!(
        "{path} is a store that repositories share, and its file {STORE_MARK} is missing: what is linked there can be read, and is neither \
         shared nor cleaned any more; such a file with the line `1` mends that"
    )
}

fn files(count: u64) -> String {
    units::count(count, "file")
}

/// A small picture of who it is.
fn icon(found: &Found) -> &'static str {
    match (&found.place.kind, found.place.name.as_str()) {
        (Kind::Application { .. }, _) => "📁 ",
        (Kind::Stray { .. } | Kind::Shell { .. } | Kind::Legacy, _) => OUTSIDE,
        (_, "huggingface") => "🤗 ",
        (_, "torch") => "🔥 ",
        (_, "whisper") => "🎤 ",
        (_, "mlx") => "🍎 ",
        _ => "📦 ",
    }
}
