//! The rows: a name, its sizes, when it was used, and a bar of its share. A narrow terminal has fewer columns, never narrower
//! numbers.

use console::measure_text_width;

use super::{Look, cut, label, mark, shown};
use crate::support::{time, units};
use crate::ui::browser::level::{Level, Order};
use crate::ui::browser::screen::{Line, Paint};
use crate::ui::browser::state::Browser;
use crate::ui::browser::tree::{Children, Id, Kind, Node, Tree};
use crate::ui::table::Tone;
use crate::ui::text;

/// A column behind the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Size,
    Disk,
    Frees,
    Used,
    /// The bar, in so many columns.
    Share(usize),
}

/// What stands before a name: the arrow, the mark, a blank.
const MARGIN: usize = 3;

/// `999 MB` and a blank before it.
const NUMBER: usize = 8;

/// What there is room for.
fn columns(width: usize) -> Vec<Column> {
    use Column::{Disk, Frees, Share, Size, Used};
    match width {
        0..34 => vec![Disk],
        34..50 => vec![Disk, Frees],
        50..60 => vec![Disk, Frees, Used],
        60..72 => vec![Disk, Frees, Used, Share(8)],
        72..110 => vec![Size, Disk, Frees, Used, Share(10)],
        _ => vec![Size, Disk, Frees, Used, Share(20)],
    }
}

impl Column {
    const fn width(self) -> usize {
        match self {
            Self::Size | Self::Disk | Self::Frees => NUMBER,
            Self::Used => 6,
            Self::Share(width) => width,
        }
    }

    /// Its heading, and whether the rows are in its order.
    fn head(self, order: Order) -> (&'static str, bool) {
        match self {
            Self::Size => ("Size", false),
            Self::Disk => ("On disk", order == Order::Size),
            Self::Frees => ("Frees", order == Order::Frees),
            Self::Used => ("Used", order == Order::Used),
            Self::Share(_) => ("Share", false),
        }
    }
}

/// How much room a name has.
pub(super) fn name_width(width: usize) -> usize {
    let taken: usize = columns(width).into_iter().map(|column| column.width() + 1).sum();
    width.saturating_sub(MARGIN + taken).max(4)
}

/// The headings; that of the order is bold.
pub(super) fn heads(browser: &Browser, width: usize) -> Line {
    let paint = |sorted: bool| if sorted { Paint::Bold } else { Paint::Dim };
    let mut line = Line::default();
    line.pad(MARGIN);
    line.push("Name", paint(browser.order == Order::Name));
    line.pad(MARGIN + name_width(width));
    for column in columns(width) {
        let (head, sorted) = column.head(browser.order);
        let free = column.width().saturating_sub(head.len());
        let before = if matches!(column, Column::Share(_)) { 0 } else { free };
        line.push(" ".repeat(1 + before), Paint::Plain);
        line.push(head, paint(sorted));
    }
    line
}

/// The rows that are on the screen.
pub(super) fn rows(browser: &Browser, look: Look, width: usize, height: usize) -> Vec<Line> {
    let (Some(tree), Some(level)) = (&browser.tree, browser.levels.last()) else {
        return alone(&reading(browser), width, height);
    };
    if level.rows.is_empty() {
        return alone(&nothing(look, tree, level), width, height);
    }
    let whole = share_of(tree, level);
    let shown = level.rows.iter().enumerate().skip(level.top).take(height);
    shown
        .map(|(at, id)| {
            let mut line = row(browser, tree, *id, look, width, whole);
            if at == level.cursor {
                line = arrow(look).joined(line, width);
            }
            line
        })
        .collect()
}

/// The arrow takes the place of the first blank.
struct Arrow(&'static str);

fn arrow(look: Look) -> Arrow {
    Arrow(if look.unicode { "❯" } else { ">" })
}

impl Arrow {
    fn joined(&self, row: Line, width: usize) -> Line {
        let mut line = Line::of(self.0, Paint::Lead);
        line.append(row.without_first());
        line.pad(width);
        line.chosen = true;
        line
    }
}

/// What a full bar stands for: the level's own size, or its largest row where rows share what the level counts once.
fn share_of(tree: &Tree, level: &Level) -> u64 {
    let largest = level.rows.iter().map(|id| tree.node(*id).sizes.disk).max().unwrap_or_default();
    tree.node(level.node).sizes.disk.max(largest)
}

fn row(browser: &Browser, tree: &Tree, id: Id, look: Look, width: usize, whole: u64) -> Line {
    let node = tree.node(id);
    let (sign, paint) = sign(browser, tree, id, look);
    let mut line = Line::of(" ", Paint::Plain).and(sign, paint).and(" ", Paint::Plain);
    let room = name_width(width);
    let leaf = matches!(tree.children(id), Children::Nothing);
    let name = text::middle(&label(look, node), room - usize::from(!leaf), mark(look));
    line.push(name, if paint == Paint::Good { paint } else { tone(node) });
    line.push(if leaf { "" } else { "/" }, Paint::Dim);
    // Twelve digits tell a person nothing: a branch does.
    let left = (MARGIN + room).saturating_sub(line.width() + 1);
    if node.kind == Kind::Revision && left > 3 {
        line.push(format!(" {}", cut(look, &shown(look, &node.about), left)), Paint::Dim);
    }
    line.pad(MARGIN + room);
    for column in columns(width) {
        line.push(" ", Paint::Plain);
        match column {
            Column::Size => right(&mut line, &units::bytes(node.sizes.apparent), NUMBER),
            Column::Disk => right(&mut line, &units::bytes(node.sizes.disk), NUMBER),
            Column::Frees => right(&mut line, &units::bytes(node.sizes.exclusive), NUMBER),
            Column::Used => {
                let used = node.used.map(|used| time::ago(browser.now, used)).unwrap_or_default();
                right(&mut line, &used, column.width());
            }
            Column::Share(cells) => line.push(bar(look, node.sizes.disk, whole, cells), Paint::Lead),
        }
    }
    line
}

fn right(line: &mut Line, text: &str, width: usize) {
    let free = width.saturating_sub(measure_text_width(text));
    line.push(format!("{}{text}", " ".repeat(free)), Paint::Plain);
}

/// The mark: a dot; an open one for what goes with what is above it, a half one for what has marks below it.
fn sign(browser: &Browser, tree: &Tree, id: Id, look: Look) -> (&'static str, Paint) {
    let marks = &browser.marks;
    let signs = if look.unicode { ["●", "○", "◐"] } else { ["*", "o", "-"] };
    if marks.count() == 0 {
        (" ", Paint::Plain)
    } else if marks.has(id) {
        (signs[0], Paint::Good)
    } else if marks.covered(tree, id).is_some() {
        (signs[1], Paint::Good)
    } else if marks.within(tree, id) {
        (signs[2], Paint::Lead)
    } else {
        (" ", Paint::Plain)
    }
}

const fn tone(node: &Node) -> Paint {
    match node.tone {
        Tone::Good => Paint::Good,
        Tone::Pending => Paint::Dim,
        Tone::Bad => Paint::Bad,
        Tone::Plain => Paint::Plain,
    }
}

/// A bar of `part` of `whole`, in eighths of a cell. What is there at all has an eighth.
pub(super) fn bar(look: Look, part: u64, whole: u64, cells: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let steps = if look.unicode { cells * 8 } else { cells };
    let share = if whole == 0 { 0.0 } else { (part as f64 / whole as f64).min(1.0) };
    let filled = ((share * steps as f64).round() as usize).max(usize::from(part > 0));
    if !look.unicode {
        return format!("{}{}", "#".repeat(filled), ".".repeat(cells - filled));
    }
    let text = format!("{}{}", "█".repeat(filled / 8), EIGHTHS[filled % 8]);
    let blank = cells.saturating_sub(measure_text_width(&text));
    text + &" ".repeat(blank)
}

fn reading(browser: &Browser) -> Vec<String> {
    let folders = browser.scanning.unwrap_or_default();
    let far = if folders == 0 { String::new() } else { format!("{folders} folders") };
    vec!["Reading the caches".to_owned(), far]
}

fn nothing(look: Look, tree: &Tree, level: &Level) -> Vec<String> {
    let text = match tree.children(level.node) {
        Children::Reading => "reading".to_owned(),
        Children::Failed(why) => format!("cannot be read: {}", shown(look, why)),
        _ if !level.filter.is_empty() => "no name that was read here has these letters: Esc shows all".to_owned(),
        _ if level.node == Tree::ROOT => "nothing is cached yet".to_owned(),
        _ => "nothing is in here".to_owned(),
    };
    vec![text]
}

/// A few words in the middle of the room.
fn alone(words: &[String], width: usize, height: usize) -> Vec<Line> {
    let mut lines = vec![Line::default(); height.saturating_sub(words.len()) / 2];
    for words in words {
        let mut line = Line::default();
        line.pad(width.saturating_sub(measure_text_width(words)) / 2);
        lines.push(line.and(words.as_str(), Paint::Dim));
    }
    lines.truncate(height);
    lines
}
