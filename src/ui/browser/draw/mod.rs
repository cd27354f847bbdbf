//! What is shown, as a function of the state and the size of the terminal.

mod list;
mod panel;
mod status;

use console::measure_text_width;

use super::screen::{Frame, Line, Paint};
use super::state::{Browser, Mode};
use super::tree::{Id, Kind, Node, Tree};
use crate::support::{escape, units};
use crate::ui::text;

/// What the terminal can show.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Whether colours are wanted.
    pub colour: bool,
    /// Whether it takes more than ASCII.
    pub unicode: bool,
}

/// How the rows of a screen are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Panes {
    title: usize,
    heads: usize,
    list: usize,
    foot: usize,
}

impl Panes {
    /// A low screen gives up what explains before it gives up rows.
    const fn of(rows: usize) -> Self {
        let (title, heads, foot) = match rows {
            0..3 => (0, 0, 0),
            3..6 => (1, 0, 1),
            6..9 => (1, 1, 1),
            9..18 => (1, 1, 2),
            _ => (1, 1, 5),
        };
        Self { title, heads, list: rows - title - heads - foot, foot }
    }

    /// Lines of text in a dialog: all but the title, and its frame.
    const fn dialog(self) -> usize {
        (self.heads + self.list + self.foot).saturating_sub(2)
    }
}

impl Browser {
    /// Fits what is shown into a terminal of this size: before it is drawn, and before a key moves by pages.
    pub fn fit_into(&mut self, (columns, rows): (usize, usize)) {
        let panes = Panes::of(rows);
        match &mut self.mode {
            Mode::Dialog(dialog) => {
                let lines = panel::lines(dialog, columns).len();
                let room = panes.dialog().max(1);
                dialog.top = dialog.top.min(lines.saturating_sub(room));
                self.room = room;
            }
            Mode::List | Mode::Filter => self.fit(panes.list.max(1)),
        }
    }

    /// What is shown on a terminal of `columns` by `rows`.
    pub fn frame(&self, look: Look, (columns, rows): (usize, usize)) -> Frame {
        let panes = Panes::of(rows);
        let mut frame = Vec::with_capacity(rows);
        if panes.title > 0 {
            frame.push(self.title(look, columns));
        }
        if let Mode::Dialog(dialog) = &self.mode {
            frame.extend(panel::draw(dialog, look, columns, rows - frame.len()));
            return frame;
        }
        if panes.heads > 0 {
            frame.push(list::heads(self, columns));
        }
        frame.extend(list::rows(self, look, columns, panes.list));
        frame.resize(panes.title + panes.heads + panes.list, Line::default());
        frame.extend(status::foot(self, look, columns, panes.foot));
        frame
    }

    /// Where one is, and how much is here.
    fn title(&self, look: Look, columns: usize) -> Line {
        let between = if look.unicode { " › " } else { " > " };
        let mut way = vec!["modelstrap".to_owned()];
        let mut sum = String::new();
        if let (Some(tree), Some(level)) = (&self.tree, self.levels.last()) {
            way.extend(self.levels.iter().skip(1).map(|level| label(look, tree.node(level.node))));
            sum = units::bytes(tree.node(level.node).sizes.disk);
            if columns >= 60 {
                sum.push_str(" on disk");
            }
        }
        if let (Some(folders), Some(_)) = (self.scanning, &self.tree) {
            sum = format!("reading: {folders}");
        }
        let room = columns.saturating_sub(measure_text_width(&sum) + 2);
        let mut way = way.join(between);
        if measure_text_width(&way) > room {
            way = text::middle(&way, room, mark(look));
        }
        let mut line = Line::of(way, Paint::Bold);
        line.pad(columns.saturating_sub(measure_text_width(&sum)));
        line.and(sum, Paint::Dim)
    }

    fn tree_and_current(&self) -> Option<(&Tree, Id)> {
        Some((self.tree.as_ref()?, self.levels.last()?.current()?))
    }
}

/// Foreign text as this terminal can show it: nothing in it can drive the terminal.
fn shown(look: Look, text: &str) -> String {
    let text = escape::printable(text);
    if look.unicode || text.is_ascii() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii() { out.push(letter) } else { out.extend(letter.escape_unicode()) }
    }
    out
}

/// What a node is called on the screen: of a commit, as many digits as people use.
fn label(look: Look, node: &Node) -> String {
    match node.kind {
        Kind::Revision => shown(look, &node.name.chars().take(12).collect::<String>()),
        _ => shown(look, &node.name),
    }
}

/// `text` cut to `width` columns.
fn cut(look: Look, text: &str, width: usize) -> String {
    console::truncate_str(text, width, mark(look)).into_owned()
}

/// What stands where something was left out.
const fn mark(look: Look) -> &'static str {
    if look.unicode { "…" } else { "..." }
}
