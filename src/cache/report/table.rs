//! Tables of the page: the same numbers as in the pictures, for who reads or listens. Where the page is narrow, each row is a card: its name,
//! and below it every cell behind its heading.

use std::fmt::Write as _;

use super::html::{self, text};
use crate::support::units;

/// A table with a caption.
#[derive(Debug)]
pub(super) struct Table {
    caption: String,
    columns: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    sums: Option<Vec<Cell>>,
}

/// A cell.
#[derive(Debug)]
pub(super) struct Cell {
    html: String,
    /// By which it is sorted, where that is no text.
    value: Option<i128>,
    right: bool,
    /// Whether it is a sentence, which needs room.
    sentence: bool,
}

impl Cell {
    /// A name.
    pub(super) fn name(words: &str) -> Self {
        Self::html(if words.is_empty() { String::new() } else { format!("<bdi>{}</bdi>", html::name(words)) })
    }

    /// The same, with words below: what there is to say of it, in names and sentences.
    pub(super) fn under(self, notes: &[String]) -> Self {
        let notes: Vec<&String> = notes.iter().filter(|note| !note.is_empty()).collect();
        // A sentence has spaces at which it is broken.
        let shown = |note: &str| if note.contains(' ') { text(note) } else { html::name(note) };
        let notes: Vec<String> = notes.iter().map(|note| format!("<bdi>{}</bdi>", shown(note))).collect();
        if notes.is_empty() {
            return self;
        }
        Self { html: format!("{}<small>{}</small>", self.html, notes.join(" · ")), ..self }
    }

    /// The same, with a sentence of ours below, in which commands stand between backticks.
    pub(super) fn remarked(self, sentence: &str) -> Self {
        if sentence.is_empty() {
            return self;
        }
        Self { html: format!("{}<small>{}</small>", self.html, html::sentence(sentence)), ..self }
    }

    /// Words of ours, and names in them.
    pub(super) fn words(words: &str) -> Self {
        Self::html(text(words))
    }

    /// What is HTML already.
    pub(super) fn html(html: String) -> Self {
        Self { html, value: None, right: false, sentence: false }
    }

    /// A sentence of ours, and names in it.
    pub(super) fn sentence(words: &str) -> Self {
        Self { sentence: true, ..Self::words(words) }
    }

    /// A command to run.
    pub(super) fn command(words: &str) -> Self {
        Self::html(if words.is_empty() { String::new() } else { format!("<code>{}</code>", text(words)) })
    }

    /// Words at the right.
    pub(super) fn right(words: &str) -> Self {
        Self { right: true, ..Self::words(words) }
    }

    /// A size.
    pub(super) fn bytes(bytes: u64) -> Self {
        Self { value: Some(i128::from(bytes)), ..Self::right(&units::bytes(bytes)) }
    }

    /// A size with how far it can be believed before it.
    pub(super) fn bounded(bound: &str, bytes: u64) -> Self {
        Self { value: Some(i128::from(bytes)), ..Self::right(&format!("{bound}{}", units::bytes(bytes))) }
    }

    /// A number of things.
    pub(super) fn count(count: u64) -> Self {
        Self { value: Some(i128::from(count)), ..Self::right(&count.to_string()) }
    }

    /// The same for words that stand for a number.
    pub(super) fn valued(words: &str, value: i64) -> Self {
        Self { value: Some(i128::from(value)), ..Self::right(words) }
    }
}

impl Table {
    pub(super) fn new(caption: &str, columns: &[&'static str]) -> Self {
        Self { caption: caption.to_owned(), columns: columns.to_vec(), rows: Vec::new(), sums: None }
    }

    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The last row, which stays where it is.
    pub(super) fn sums(&mut self, cells: Vec<Cell>) {
        self.sums = Some(cells);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table in a frame that scrolls sideways by itself.
    pub(super) fn html(&self) -> String {
        let caption = text(&self.caption);
        let mut out = format!(
            "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{caption}\"><table>\n<caption>{caption}</caption>\n<thead><tr>"
        );
        let is_right = |at: usize| self.rows.first().and_then(|row| row.get(at)).is_some_and(|cell| cell.right);
        for (at, column) in self.columns.iter().enumerate() {
            let class = if is_right(at) { " class=\"r\"" } else { "" };
            let _ = write!(out, "<th scope=\"col\"{class}>{}</th>", text(column));
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        self.rows.iter().for_each(|row| line(&mut out, row, &self.columns));
        out.push_str("</tbody>\n");
        if let Some(sums) = &self.sums {
            out.push_str("<tfoot>\n");
            line(&mut out, sums, &self.columns);
            out.push_str("</tfoot>\n");
        }
        out.push_str("</table></div>\n");
        out
    }
}

fn line(out: &mut String, row: &[Cell], labels: &[&str]) {
    out.push_str("<tr>");
    for (at, cell) in row.iter().enumerate() {
        let (open, close) = if at == 0 { ("th scope=\"row\"", "th") } else { ("td", "td") };
        let class = match (cell.right, cell.sentence) {
            (true, _) => " class=\"r\"",
            (_, true) => " class=\"n\"",
            _ => "",
        };
        let value = cell.value.map_or_else(String::new, |value| format!(" data-v=\"{value}\""));
        let label = labels.get(at).filter(|_| at > 0);
        let label = label.map_or_else(String::new, |label| format!(" data-l=\"{}\"", text(label)));
        let _ = write!(out, "<{open}{class}{value}{label}>{}</{close}>", cell.html);
    }
    out.push_str("</tr>\n");
}
