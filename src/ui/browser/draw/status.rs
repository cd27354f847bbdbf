//! Below the rows: what the arrow stands at, in full; what is marked; the keys.

use console::measure_text_width;

use super::{Look, cut, label, list, mark, shown};
use crate::support::{escape, time, units};
use crate::ui::browser::marks::Weight;
use crate::ui::browser::screen::{Line, Paint};
use crate::ui::browser::state::{Browser, Mode};
use crate::ui::text;

/// So many lines of it: those that matter most.
pub(super) fn foot(browser: &Browser, look: Look, width: usize, height: usize) -> Vec<Line> {
    let said = said(browser, look, width);
    match height {
        0 => Vec::new(),
        1 => vec![said.unwrap_or_else(|| keys(browser, width))],
        2..5 => vec![facts(browser, look, width, true), said.unwrap_or_else(|| keys(browser, width))],
        _ => {
            vec![
                named(browser, look, width),
                place(browser, look, width),
                facts(browser, look, width, false),
                said.unwrap_or_default(),
                keys(browser, width),
            ]
        }
    }
}

/// What was typed, what is to be told, or what is marked.
fn said(browser: &Browser, look: Look, width: usize) -> Option<Line> {
    let level = browser.levels.last();
    let filter = level.map(|level| shown(look, &level.filter)).unwrap_or_default();
    if browser.mode == Mode::Filter {
        let typed = Line::of("/", Paint::Lead);
        let typed = typed.and(filter, Paint::Bold).and(if look.unicode { "▏" } else { "_" }, Paint::Lead);
        let hint = "  names here and below";
        let has_room = typed.width() + hint.len() <= width;
        return Some(typed.and(if has_room { hint } else { "" }, Paint::Dim));
    }
    if let Some(notice) = &browser.notice {
        return Some(Line::of(text::middle(&shown(look, notice), width, mark(look)), Paint::Lead));
    }
    if browser.marks.count() > 0 {
        let frees = match &browser.weight {
            Weight::Nothing => String::new(),
            Weight::Weighing => format!(": reading{}", mark(look)),
            Weight::Frees(bytes) => format!(": deleting them frees {}", units::bytes(*bytes)),
            Weight::Unknown(why) => format!(": {}", shown(look, why)),
        };
        let text = format!("{} marked{frees}", browser.marks.count());
        let unmarks = format!("{text}; Esc: {}", browser.back());
        let text = if measure_text_width(&unmarks) <= width { unmarks } else { text };
        return Some(Line::of(cut(look, &text, width), Paint::Good));
    }
    let (tree, level) = (browser.tree.as_ref()?, level.filter(|level| !level.filter.is_empty())?);
    let all = tree.below(level.node).len();
    let text = format!("/{filter}: {} of {all}; Esc shows all", level.rows.len());
    Some(Line::of(cut(look, &text, width), Paint::Lead))
}

/// Where it lies.
fn place(browser: &Browser, look: Look, width: usize) -> Line {
    let Some((tree, id)) = browser.tree_and_current() else { return Line::default() };
    let path = shown(look, &escape::path(&tree.node(id).path));
    Line::of(text::middle(&path, width, mark(look)), Paint::Plain)
}

/// A rule that holds the whole name: a row may have room for its two ends alone.
fn named(browser: &Browser, look: Look, width: usize) -> Line {
    let rule = if look.unicode { "─" } else { "-" };
    let Some((tree, id)) = browser.tree_and_current().filter(|_| width > 12) else {
        return Line::of(rule.repeat(width), Paint::Dim);
    };
    let room = width.saturating_sub(6);
    let name = text::middle(&shown(look, &tree.node(id).name), room, mark(look));
    let mut line = Line::of(rule.repeat(2), Paint::Dim).and(" ", Paint::Plain).and(name, Paint::Bold);
    line.push(" ", Paint::Plain);
    let rest = width.saturating_sub(line.width());
    line.and(rule.repeat(rest), Paint::Dim)
}

/// Everything that is known of it, in words: what has no column on a narrow terminal stands here, and a name of which the row shows only
/// the ends, where it has no line of its own.
fn facts(browser: &Browser, look: Look, width: usize, is_low: bool) -> Line {
    let Some((tree, id)) = browser.tree_and_current() else { return Line::default() };
    let node = tree.node(id);
    let mut facts = Vec::new();
    if width < 72 {
        facts.push(units::bytes(node.sizes.apparent));
    }
    let files = usize::try_from(node.sizes.files).unwrap_or(usize::MAX);
    facts.push(units::count(files, "file"));
    if let Some(used) = node.used.filter(|_| width < 50) {
        facts.push(format!("used {}", time::ago(browser.now, used)));
    }
    if !node.about.is_empty() {
        facts.push(shown(look, &node.about));
    }
    let (name, facts) = (label(look, node), facts.join(", "));
    let whole = format!("{name}, {facts}");
    let is_cut = measure_text_width(&name) >= list::name_width(width);
    let fits = is_low && is_cut && measure_text_width(&whole) <= width;
    Line::of(if fits { whole } else { cut(look, &facts, width) }, Paint::Dim)
}

/// The keys, as many as there is room for.
fn keys(browser: &Browser, width: usize) -> Line {
    let keys = [
        ("?", "help"),
        ("q", "quit"),
        ("space", "mark"),
        ("d", "delete"),
        ("Esc", browser.back()),
        ("/", "filter"),
        ("u", "undo"),
        ("r", "refresh"),
        ("s", "sort"),
    ];
    let mut line = Line::default();
    // At the top Escape is one more `q`.
    for (key, what) in keys.into_iter().filter(|key| *key != ("Esc", "quit")) {
        let wide = key.len() + 1 + what.len();
        if line.width() + 2 + wide > width {
            continue;
        }
        line.push(if line.width() == 0 { "" } else { "  " }, Paint::Plain);
        line.push(key, Paint::Bold);
        line.push(format!(" {what}"), Paint::Dim);
    }
    line
}
