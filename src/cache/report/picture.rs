//! The treemap as a picture that stands still, and as data for the page's script, which lets one walk through it.

use std::fmt::Write as _;

use super::html::{json, text};
use super::squarify::{Rect, squarify};
use super::tree::{Node, age};
use crate::support::units;

/// The picture's room.
const ROOM: Rect = Rect { x: 0.0, y: 0.0, w: 1200.0, h: 600.0 };

/// The strip above a group that holds its name.
const HEAD: f64 = 22.0;

/// What is smaller in a direction is not drawn.
const SMALLEST: f64 = 3.0;

/// A letter is about so wide, at 12 pixels.
const LETTER: f64 = 6.8;

/// There are so many colours.
pub(super) const COLOURS: usize = 8;

/// The picture, without its frame.
pub(super) fn svg(root: &Node) -> String {
    if root.children.is_empty() {
        return "<p>Nothing is here yet.</p>\n".to_owned();
    }
    let mut out = format!(
        "<svg class=\"picture\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n",
        ROOM.w,
        ROOM.h,
        text(&summary(root))
    );
    for (at, (library, rect)) in laid(root, ROOM).enumerate() {
        group(&mut out, library, rect, at % COLOURS);
    }
    out.push_str("</svg>\n");
    out
}

/// What the picture says, in words.
fn summary(root: &Node) -> String {
    let part = |node: &Node| format!("{} {}", node.name, units::bytes(node.size));
    let parts: Vec<String> = root.children.iter().take(6).map(part).collect();
    format!("Treemap of {}: {}. The tables below hold every number.", units::bytes(root.size), parts.join(", "))
}

fn laid(node: &Node, room: Rect) -> impl Iterator<Item = (&Node, Rect)> {
    let sizes: Vec<u64> = node.children.iter().map(|child| child.size).collect();
    node.children.iter().zip(squarify(&sizes, room)).filter(|(_, rect)| rect.w >= SMALLEST && rect.h >= SMALLEST)
}

fn group(out: &mut String, library: &Node, rect: Rect, colour: usize) {
    let _ = writeln!(out, "<g class=\"c{colour}\">");
    tile(out, rect, "g", library, &library.name);
    if rect.w < 40.0 || rect.h < 2.0 * HEAD {
        out.push_str("</g>\n");
        return;
    }
    label(out, rect, &format!("{}  {}", library.name, units::bytes(library.size)), "h");
    let inner = Rect { x: rect.x + 3.0, y: rect.y + HEAD, w: rect.w - 6.0, h: rect.h - HEAD - 3.0 };
    for (model, rect) in laid(library, inner) {
        tile(out, rect, "t", model, &format!("{} / {}", library.name, model.name));
        if rect.h >= 18.0 {
            label(out, rect, &model.name, "l");
        }
        if rect.h >= 36.0 && rect.w >= 60.0 {
            let below = Rect { y: rect.y + 15.0, ..rect };
            label(out, below, &units::bytes(model.size), "s");
        }
    }
    out.push_str("</g>\n");
}

fn tile(out: &mut String, rect: Rect, class: &str, node: &Node, name: &str) {
    let Rect { x, y, w, h } = rect;
    let (w, h) = ((w - 1.0).max(1.0), (h - 1.0).max(1.0));
    let (name, size) = (text(name), units::bytes(node.size));
    let _ = writeln!(
        out,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\"><title>{name}, {size}</title></rect>"
    );
}

/// As much of `words` as there is room for.
fn label(out: &mut String, rect: Rect, words: &str, class: &str) {
    let room = ((rect.w - 8.0) / LETTER) as usize;
    if room < 3 {
        return;
    }
    let shown = match words.char_indices().nth(room) {
        Some((at, _)) => format!("{}…", &words[..at.min(words.len())]),
        None => words.to_owned(),
    };
    let (x, y) = (rect.x + 5.0, rect.y + 15.0);
    let _ = writeln!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", text(&shown));
}

/// The tree for the script: `[name, bytes, class of age, children]`.
pub(super) fn data(root: &Node, now: i64) -> String {
    let mut out = String::new();
    write(&mut out, root, now);
    out
}

fn write(out: &mut String, node: &Node, now: i64) {
    let _ = write!(out, "[{},{},{}", json(&node.name), node.size, age(now, node.used));
    if !node.children.is_empty() {
        out.push_str(",[");
        for (at, child) in node.children.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            write(out, child, now);
        }
        out.push(']');
    }
    out.push(']');
}
