//! A dialog: a frame with a text that is folded and can be moved, and below it what it asks.

use console::measure_text_width;

use super::list::bar;
use super::{Look, mark, shown};
use crate::support::units;
use crate::ui::browser::dialog::{Dialog, Question};
use crate::ui::browser::screen::{Line, Paint};
use crate::ui::table::Tone;
use crate::ui::text;

/// The text, folded to a terminal of `columns`.
pub(super) fn lines(dialog: &Dialog, columns: usize) -> Vec<(String, Tone)> {
    let room = Dialog::room(columns).max(8);
    let fold = |(line, tone): &(String, Tone)| {
        let (key, what) = split(line, room);
        let folded = format!("{key}{}", text::fold(what, room, measure_text_width(key)));
        let pieces: Vec<(String, Tone)> =
            folded.split('\n').flat_map(|line| broken(line, room)).map(|line| (line, *tone)).collect();
        pieces
    };
    dialog.lines.iter().flat_map(fold).collect()
}

/// A key and what it does, which then hangs behind it.
fn split(line: &str, room: usize) -> (&str, &str) {
    const WIDEST: usize = 16;
    let at = line.find("  ").map(|gap| gap + line[gap..].len() - line[gap..].trim_start().len());
    match at.filter(|at| room >= 3 * WIDEST && *at <= WIDEST && !line.starts_with(' ')) {
        Some(at) => line.split_at(at),
        None => ("", line),
    }
}

/// A line in pieces of at most `room` columns: a path has no blanks to fold at.
fn broken(line: &str, room: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut width = 0;
    for letter in line.chars() {
        let wide = measure_text_width(letter.encode_utf8(&mut [0; 4]));
        if width + wide > room {
            pieces.push(String::new());
            width = 0;
        }
        width += wide;
        if let Some(piece) = pieces.last_mut() {
            piece.push(letter);
        }
    }
    pieces
}

/// The dialog in a room of `columns` by `rows`.
pub(super) fn draw(dialog: &Dialog, look: Look, columns: usize, rows: usize) -> Vec<Line> {
    let escaped = Dialog {
        lines: dialog.lines.iter().map(|(line, tone)| (shown(look, line), *tone)).collect(),
        ..dialog.clone()
    };
    let room = rows.saturating_sub(2).max(1);
    let mut text = lines(&escaped, columns);
    if let Question::Work { done, total } = dialog.question {
        text.push((progress(look, done, total, Dialog::room(columns)), Tone::Good));
    }
    let top = dialog.top.min(text.len().saturating_sub(room));
    let all = text.len();
    let height = all.min(room);
    let mut frame = vec![edge(look, ["┌", "─", "┐"], &shown(look, &dialog.title), Paint::Bold, "", columns)];
    let side = if look.unicode { "│" } else { "|" };
    for (line, tone) in text.into_iter().skip(top).take(height) {
        if Dialog::room(columns) == columns {
            frame.push(Line::of(line, paint(tone)));
            continue;
        }
        let mut row = Line::of(format!("{side} "), Paint::Dim).and(line, paint(tone));
        row.pad(columns.saturating_sub(2));
        frame.push(row.and(format!(" {side}"), Paint::Dim));
    }
    let place = if all > room { format!("{}-{} of {all}", top + 1, top + height) } else { String::new() };
    // What is asked is seen however low the terminal is.
    frame.truncate(rows.saturating_sub(1));
    frame.push(edge(look, ["└", "─", "┘"], dialog.ask(), Paint::Lead, &place, columns));
    frame.truncate(rows);
    frame
}

const fn paint(tone: Tone) -> Paint {
    match tone {
        Tone::Good => Paint::Good,
        Tone::Pending => Paint::Lead,
        Tone::Bad => Paint::Bad,
        Tone::Plain => Paint::Plain,
    }
}

/// A border with words in it.
fn edge(look: Look, signs: [&str; 3], words: &str, paint: Paint, right: &str, columns: usize) -> Line {
    let [left, between, end] = if look.unicode { signs } else { ["+", "-", "+"] };
    let right = if right.is_empty() { String::new() } else { format!(" {right} ") };
    let room = columns.saturating_sub(6 + measure_text_width(&right));
    let words = text::middle(words, room, mark(look));
    let mut line = Line::of(format!("{left}{between} "), Paint::Dim).and(words, paint).and(" ", Paint::Dim);
    let free = columns.saturating_sub(line.width() + measure_text_width(&right) + 1);
    line.push(format!("{}{right}{end}", between.repeat(free)), Paint::Dim);
    line
}

fn progress(look: Look, done: u64, total: u64, width: usize) -> String {
    if total == 0 {
        return if done == 0 { mark(look).to_owned() } else { units::bytes(done) };
    }
    let words = format!(" {} of {}", units::bytes(done), units::bytes(total));
    let cells = width.saturating_sub(measure_text_width(&words)).min(40);
    format!("{}{words}", bar(look, done, total, cells))
}
