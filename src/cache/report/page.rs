//! The page, section by section.

use std::fmt::Write as _;

use super::findings::{self, OLD_DAYS, findings, flaws, kind, models, shown};
use super::html::{allowed, name, sentence, text};
use super::table::{Cell, Table};
use super::tree::{tree, used};
use super::{MARK, Subject, growth, picture};
use crate::cache::inventory::{Found, Unit, UnitKind};
use crate::cache::notes::projects::Standing;
use crate::cache::places::Kind;
use crate::support::{time, units};

const TEMPLATE: &str = include_str!("../../../templates/report.html");

/// So many models are listed by name.
const LISTED: usize = 1000;

/// So many rows the smaller tables have.
const FEW: usize = 60;

/// The page.
pub fn render(subject: &Subject<'_>) -> String {
    let root = tree(subject);
    // A browser counts lines with one sign at their ends, and so does the digest in the policy.
    let template = TEMPLATE.replace('\r', "");
    let sections = [
        ("TITLE", text(subject.project)),
        ("POLICY", policy(&template)),
        ("HEAD", head(subject)),
        ("FACTS", facts(subject)),
        ("PICTURE", picture::svg(&root)),
        ("FINDINGS", found(subject)),
        ("GROWTH", growth::section(subject)),
        ("PLACES", places(subject)),
        ("MODELS", listed(subject)),
        ("MORE", more(subject)),
        ("DATA", picture::data(&root, subject.now)),
    ];
    // Each placeholder once, from the front: what a value holds is never taken for one.
    let mut out = String::with_capacity(TEMPLATE.len() * 4);
    let mut rest = template.as_str();
    while let Some((before, name, after)) = next(rest) {
        out.push_str(before);
        out.push_str(sections.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text));
        rest = after;
    }
    out.push_str(rest);
    debug_assert!(out.starts_with(MARK), "a page is known by its first bytes");
    out
}

/// The next `@@NAME@@`.
fn next(template: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = template.split_once("@@")?;
    let (name, after) = rest.split_once("@@")?;
    Some((before, name, after))
}

/// Nothing but the page's own style and script.
fn policy(template: &str) -> String {
    let between = |open: &str, close: &str| {
        template.split_once(open).and_then(|(_, rest)| rest.split_once(close)).map_or("", |(content, _)| content)
    };
    let (style, script) = (between("<style>", "</style>"), between("<script>", "</script>"));
    format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        allowed(style),
        allowed(script)
    )
}

fn head(subject: &Subject<'_>) -> String {
    let when = time::rfc3339(subject.now).unwrap_or_default();
    let at = shown(subject, subject.cache_root);
    format!(
        "<p class=\"sub\">Cache <code>{}</code> · {} · modelstrap {}</p>",
        text(&at),
        text(&when.replace('T', " ").replace('Z', " UTC")),
        text(env!("CARGO_PKG_VERSION"))
    )
}

/// The numbers at the top.
fn facts(subject: &Subject<'_>) -> String {
    let inventory = subject.inventory;
    let taken = inventory.homes.disk;
    let outside = inventory.outside();
    let mut out = String::new();
    let mut fact = |name: &str, value: &str, note: &str| {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{} <small>{}</small></dd></div>", text(value), text(note));
    };
    let count = models(subject).filter(|(found, _)| found.place.kind == Kind::Home).count();
    fact(
        "In the cache",
        &units::bytes(taken),
        &format!("{} in {}", units::count(count, "model"), files(inventory.homes.files)),
    );
    if outside.whole > 0 {
        let note = "where libraries put things without being told";
        let also = match outside.unfinished {
            0 => String::new(),
            bytes => format!(", beside {} of unfinished downloads", units::bytes(bytes)),
        };
        fact("Outside of it", &units::bytes(outside.whole), &format!("{note}{also}"));
    }
    if let Some(free) = subject.free {
        fact("Free on the disk", &units::bytes(free), "");
    }
    if inventory.total.disk != taken.saturating_add(outside.whole).saturating_add(outside.unfinished) {
        fact("Everything here", &units::bytes(inventory.total.disk), "what several share counted once");
    }
    if let Some(budget) = subject.budget {
        let note = match taken.checked_sub(budget).filter(|more| *more > 0) {
            Some(more) => format!("{} too much", units::bytes(more)),
            None => format!("{} left", units::bytes(budget - taken)),
        };
        fact("Budget", &units::bytes(budget), &note);
    }
    format!("<dl class=\"facts\">\n{out}</dl>\n{}", bar(subject.budget, taken))
}

fn files(count: u64) -> String {
    units::count(count, "file")
}

/// How much of the budget is taken, as a bar.
fn bar(budget: Option<u64>, taken: u64) -> String {
    let Some(budget) = budget.filter(|budget| *budget > 0) else { return String::new() };
    let share = taken as f64 / budget as f64;
    let class = if share > 1.0 { "over" } else { "within" };
    let width = 1000.0 * share.min(1.0);
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 1000 12\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{:.0} % of the budget\">\
         <rect class=\"all\" width=\"1000\" height=\"12\"/><rect class=\"{class}\" width=\"{width:.0}\" height=\"12\"/></svg>\n",
        share * 100.0
    )
}

fn found(subject: &Subject<'_>) -> String {
    let refused = match subject.refused {
        _ if subject.no_project => "<p>This folder is no project: to remove or move anything, change into one, \
             or name it with <code>-C</code>.</p>\n"
            .to_owned(),
        Some(why) => format!("<p><code>modelstrap prune</code> takes nothing here: {}</p>\n", text(why)),
        None => String::new(),
    };
    let found = findings(subject);
    if found.is_empty() && subject.no_project {
        return refused;
    }
    if found.is_empty() {
        let nothing = "Nothing: no command that removes or moves has anything to do here.";
        return format!("{refused}<p>{nothing}</p>\n");
    }
    let mut table = Table::new("What could go, and how", &["What", "How much", "How many", "Command"]);
    for one in &found {
        let count = if one.count > 0 { Cell::count(one.count) } else { Cell::right("–") };
        let bytes = if one.bytes > 0 { Cell::bounded(one.bound, one.bytes) } else { Cell::right("–") };
        table.row(vec![Cell::words(&one.what).remarked(&one.note), bytes, count, Cell::command(&one.command)]);
    }
    let hint = "As the commands would say themselves at this moment; what is “up to” or “about” so much, they know when they have looked. One thing may be in several lines. \
                Each command shows what it would do, and asks, before it does anything; <code>--dry-run</code> only shows it.";
    format!("{refused}<p>{hint}</p>\n{}", table.html())
}

fn places(subject: &Subject<'_>) -> String {
    let mut table = Table::new("Libraries and other places", &["Place", "Size", "On disk", "Frees", "Files", "Used"]);
    let mut there: Vec<&Found> = findings::places(subject).collect();
    there.sort_by(|one, other| {
        other.sizes.disk.cmp(&one.sizes.disk).then_with(|| one.place.path.cmp(&other.place.path))
    });
    for found in there {
        let kind = match &found.place.kind {
            Kind::Home => "library".to_owned(),
            Kind::Application { max_age: Some(age) } => format!("application cache, {} d", age / 86_400),
            Kind::Application { max_age: None } => "application cache".to_owned(),
            Kind::Stray { whose } => format!("outside: {whose}"),
            Kind::Shell { variable } => format!("outside: {variable} of the shell"),
            Kind::Legacy => "outside: earlier layout".to_owned(),
        };
        let last = found.units.iter().filter_map(|unit| used(subject, unit)).max();
        table.row(vec![
            Cell::name(&found.place.name).under(&[shown(subject, &found.place.path), kind]),
            Cell::bytes(found.sizes.apparent),
            Cell::bytes(found.sizes.disk),
            Cell::bytes(found.sizes.exclusive),
            Cell::count(found.sizes.files),
            ago(subject, last),
        ]);
    }
    let trash = subject.inventory.trash;
    if trash.disk > 0 {
        table.row(vec![
            Cell::words("Trash").remarked("what was removed and can be brought back"),
            Cell::bytes(trash.apparent),
            Cell::bytes(trash.disk),
            Cell::bytes(trash.exclusive),
            Cell::count(trash.files),
            ago(subject, None),
        ]);
    }
    let total = subject.inventory.total;
    table.sums(vec![
        Cell::words("Total").remarked("what several share counted once"),
        Cell::bytes(total.apparent),
        Cell::bytes(total.disk),
        Cell::bytes(total.exclusive),
        Cell::count(total.files),
        Cell::words(""),
    ]);
    table.html()
}

fn ago(subject: &Subject<'_>, used: Option<i64>) -> Cell {
    used.map_or_else(|| Cell::valued("unknown", i64::MIN), |used| Cell::valued(&time::ago(subject.now, used), used))
}

/// Every model, the largest first; beyond a number of them their sum.
fn listed(subject: &Subject<'_>) -> String {
    let mut all: Vec<(&Found, &Unit)> = findings::listed(subject).collect();
    all.sort_by(|one, other| other.1.sizes.disk.cmp(&one.1.sizes.disk).then_with(|| one.1.path.cmp(&other.1.path)));
    if all.is_empty() {
        return "<p>Nothing is cached yet.</p>\n".to_owned();
    }
    let columns = ["Model", "Kind", "Size", "On disk", "Frees", "Files", "Used"];
    let mut table = Table::new("Models, the largest first", &columns);
    let rest = all.split_off(all.len().min(LISTED));
    for (found, unit) in &all {
        table.row(vec![
            named(subject, found, unit, &notes(subject, unit)),
            Cell::words(kind(unit)),
            Cell::bytes(unit.sizes.apparent),
            Cell::bytes(unit.sizes.disk),
            Cell::bytes(unit.sizes.exclusive),
            Cell::count(unit.sizes.files),
            ago(subject, used(subject, unit)),
        ]);
    }
    if !rest.is_empty() {
        let sum = |of: fn(&Unit) -> u64| rest.iter().map(|(_, unit)| of(unit)).fold(0, u64::saturating_add);
        table.sums(vec![
            Cell::words(&format!("{} more, all smaller", rest.len())),
            Cell::words(""),
            Cell::bytes(sum(|unit| unit.sizes.apparent)),
            Cell::bytes(sum(|unit| unit.sizes.disk)),
            Cell::bytes(sum(|unit| unit.sizes.exclusive)),
            Cell::count(sum(|unit| unit.sizes.files)),
            Cell::words(""),
        ]);
    }
    table.html()
}

/// A model by its name; below it the place, whose lock names it, and what else there is to say.
fn named(subject: &Subject<'_>, found: &Found, unit: &Unit, notes: &str) -> Cell {
    let needed = subject.needs.whose(&unit.path).join(", ");
    let needed = if needed.is_empty() { needed } else { format!("needed by {needed}") };
    let name = Cell::name(&super::tree::unit_name(unit));
    name.under(&[format!("in {}", findings::place(subject, found)), needed, notes.to_owned()])
}

/// What is wrong with a model, and what of it is drawn elsewhere.
fn notes(subject: &Subject<'_>, unit: &Unit) -> String {
    let flaws = Some(flaws(unit)).filter(|flaws| !flaws.is_empty());
    let unused = matches!(unit.kind, UnitKind::Store).then(|| "what no repository of the hub has".to_owned());
    unused.into_iter().chain(flaws).chain(findings::shared(subject, unit)).collect::<Vec<_>>().join("; ")
}

/// The smaller tables: what is stored twice, what is old, what no lock names, who uses the cache, what could not be read.
fn more(subject: &Subject<'_>) -> String {
    let mut out = String::new();
    let mut section = |title: &str, intro: &str, table: &Table, more: usize| {
        if table.is_empty() {
            return;
        }
        let more = if more > 0 { format!("<p>and {more} more</p>\n") } else { String::new() };
        let id = title.split(' ').next().unwrap_or_default().to_lowercase();
        let _ = writeln!(
            out,
            "<section aria-labelledby=\"{id}\"><h2 id=\"{id}\">{}</h2>\n<p>{}</p>\n{}{more}</section>",
            text(title),
            sentence(intro),
            table.html()
        );
    };
    let (table, more) = duplicates(subject);
    section(
        "Duplicated",
        "The same content more than once, by what the names of the files say. `modelstrap dedupe` also compares bytes.",
        &table,
        more,
    );
    let (table, more) = old(subject);
    section(
        "Old",
        &format!(
            "Not used for {OLD_DAYS} days. `modelstrap prune --older-than {OLD_DAYS}d` removes those of the cache, but not what a project still needs; what lies \
             outside of it goes by its path, with `modelstrap clear PATH`."
        ),
        &table,
        more,
    );
    let (table, more) = unneeded(subject);
    section(
        "Unreferenced",
        "Models that no lock of a registered project names. Programs may have fetched them by themselves.",
        &table,
        more,
    );
    section(
        "Projects that use this cache",
        "They register when modelstrap runs in them; what their locks name is kept.",
        &projects(subject),
        0,
    );
    section(
        "Unreadable",
        "What could not be read is not in the sums.",
        &problems(subject),
        subject.inventory.more_problems,
    );
    out
}

fn duplicates(subject: &Subject<'_>) -> (Table, usize) {
    let mut table = Table::new("Stored more than once", &["Files", "Copies", "Saves"]);
    let all = &subject.contents.duplicates;
    for one in all.iter().take(FEW) {
        let paths = one.paths.iter().take(6).map(|path| format!("<bdi>{}</bdi>", name(&shown(subject, path))));
        let cells = vec![
            Cell::html(paths.collect::<Vec<_>>().join("<br>")),
            Cell::count(one.paths.len() as u64),
            Cell::bytes(one.bytes),
        ];
        table.row(cells);
    }
    (table, all.len().saturating_sub(FEW))
}

fn old(subject: &Subject<'_>) -> (Table, usize) {
    let mut table = Table::new("Not used for long", &["Model", "Frees", "Used"]);
    let all = findings::old_models(subject);
    for (found, unit, used) in all.iter().take(FEW) {
        table.row(vec![named(subject, found, unit, ""), Cell::bytes(unit.sizes.exclusive), ago(subject, Some(*used))]);
    }
    (table, all.len().saturating_sub(FEW))
}

fn unneeded(subject: &Subject<'_>) -> (Table, usize) {
    let mut table = Table::new("Named by no lock", &["Model", "Frees", "Used"]);
    let all = findings::unneeded_models(subject);
    for (found, unit) in all.iter().take(FEW) {
        table.row(vec![
            named(subject, found, unit, ""),
            Cell::bytes(unit.sizes.exclusive),
            ago(subject, used(subject, unit)),
        ]);
    }
    (table, all.len().saturating_sub(FEW))
}

fn projects(subject: &Subject<'_>) -> Table {
    let mut table = Table::new("Projects", &["Project", "Machine", "Models", "Seen", "State"]);
    for one in subject.known {
        let registration = &one.registration;
        let state = match (&one.problem, one.standing) {
            (Some(problem), _) => problem.clone(),
            (None, Standing::Here) => "here".to_owned(),
            (None, Standing::Elsewhere) => "cannot be seen from here".to_owned(),
            (None, Standing::Unlocked { since }) => {
                format!("without the lock that it had, noticed {}", time::ago(subject.now, since))
            }
            (None, Standing::Gone { since }) => format!("gone, noticed {}", time::ago(subject.now, since)),
        };
        let models = one.lock.as_ref().map_or(0, |lock| lock.models.len());
        table.row(vec![
            Cell::name(&shown(subject, &registration.project)),
            Cell::name(&registration.host),
            Cell::count(models as u64),
            ago(subject, Some(registration.seen)),
            Cell::words(&state),
        ]);
    }
    table
}

fn problems(subject: &Subject<'_>) -> Table {
    let mut table = Table::new("Not read", &["Where", "Why"]);
    for problem in &subject.inventory.problems {
        table.row(vec![Cell::name(&shown(subject, &problem.path)), Cell::sentence(&problem.why)]);
    }
    table
}
