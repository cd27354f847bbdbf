//! How the cache grew: a line, and the same numbers in a table.

use std::fmt::Write as _;

use super::Subject;
use super::html::text;
use super::table::{Cell, Table};
use crate::cache::notes::history::Moment;
use crate::support::{time, units};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 240.0;
/// The room for numbers at the left, and around the line.
const LEFT: f64 = 104.0;
const EDGE: f64 = 14.0;
const BELOW: f64 = 30.0;

/// So many moments are drawn and listed.
const MOST: usize = 240;

/// What the section holds.
pub(super) fn section(subject: &Subject<'_>) -> String {
    let moments = moments(subject);
    if moments.len() < 2 {
        let words = "The history begins now: each <code>setup</code>, <code>status</code>, <code>prune</code> and <code>report</code> adds how large the cache is, at most once an hour.";
        return format!("<p>{words}</p>\n{}", listed(&moments, true));
    }
    format!("{}{}", chart(&moments, subject.budget), listed(&moments, false))
}

/// What was noted before now, thinned, and now.
fn moments(subject: &Subject<'_>) -> Vec<(i64, u64, u64)> {
    let past = subject.history.iter().filter(|moment| moment.time < subject.now);
    let mut past: Vec<&Moment> = past.collect();
    while past.len() > MOST {
        let end = past.len() - MOST / 2;
        let mut at = 0;
        past.retain(|_| {
            at += 1;
            at > end || at % 2 == 1
        });
    }
    let mut moments: Vec<(i64, u64, u64)> = past.into_iter().map(|one| (one.time, one.apparent, one.disk)).collect();
    let homes = subject.inventory.homes;
    moments.push((subject.now, homes.apparent, homes.disk));
    moments
}

fn chart(moments: &[(i64, u64, u64)], budget: Option<u64>) -> String {
    let (first, last) = (moments.first().map_or(0, |one| one.0), moments.last().map_or(1, |one| one.0));
    let most = moments.iter().map(|one| one.2).chain(budget).max().unwrap_or(1).max(1) as f64 * 1.05;
    let span = (last.saturating_sub(first)).max(1) as f64;
    let x = |at: i64| LEFT + (at.saturating_sub(first)) as f64 / span * (WIDTH - LEFT - EDGE);
    let y = |disk: u64| HEIGHT - BELOW - disk as f64 / most * (HEIGHT - BELOW - EDGE);
    let from = moments.first().map_or(0, |one| one.2);
    let to = moments.last().map_or(0, |one| one.2);
    let words = format!(
        "The cache from {} to {}: {} then, {} now.",
        day(first),
        day(last),
        units::bytes(from),
        units::bytes(to)
    );
    let mut out = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n",
        text(&words)
    );
    for part in [0.0, 0.5, 1.0] {
        let disk = (most / 1.05 * part) as u64;
        let at = y(disk);
        let _ = writeln!(
            out,
            "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{:.1}\"/><text class=\"y\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            WIDTH - EDGE,
            LEFT - 8.0,
            at + 4.0,
            units::bytes(disk)
        );
    }
    if let Some(budget) = budget {
        let at = y(budget);
        let (right, above, after) = (WIDTH - EDGE, at - 5.0, LEFT + 6.0);
        let _ = writeln!(
            out,
            "<path class=\"budget\" d=\"M{LEFT} {at:.1}H{right:.1}\"/><text class=\"b\" x=\"{after:.1}\" y=\"{above:.1}\">budget {}</text>",
            units::bytes(budget)
        );
    }
    let points: Vec<String> = moments.iter().map(|(at, _, disk)| format!("{:.1} {:.1}", x(*at), y(*disk))).collect();
    let line = points.join("L");
    let floor = HEIGHT - BELOW;
    let _ = writeln!(
        out,
        "<path class=\"area\" d=\"M{LEFT} {floor}L{line}L{:.1} {floor}Z\"/><path class=\"line\" d=\"M{line}\"/>",
        x(last)
    );
    for (at, _, disk) in moments {
        let (cx, cy) = (x(*at), y(*disk));
        let _ = writeln!(
            out,
            "<circle class=\"dot\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3\"><title>{}: {}</title></circle>",
            moment(*at),
            units::bytes(*disk)
        );
    }
    let below = HEIGHT - 8.0;
    let _ = writeln!(
        out,
        "<text class=\"x\" x=\"{LEFT}\" y=\"{below}\">{}</text><text class=\"x e\" x=\"{:.1}\" y=\"{below}\">{}</text>\n</svg>",
        day(first),
        WIDTH - EDGE,
        day(last)
    );
    out
}

fn listed(moments: &[(i64, u64, u64)], open: bool) -> String {
    let mut table = Table::new("How large the cache was", &["When", "Size", "On disk", "Change"]);
    let mut before: Option<u64> = None;
    let mut rows = Vec::new();
    for (at, apparent, disk) in moments {
        let change = before.map_or_else(String::new, |before| match disk.cmp(&before) {
            std::cmp::Ordering::Equal => "±0".to_owned(),
            std::cmp::Ordering::Greater => format!("+{}", units::bytes(disk - before)),
            std::cmp::Ordering::Less => format!("−{}", units::bytes(before - disk)),
        });
        before = Some(*disk);
        rows.push(vec![Cell::name(&moment(*at)), Cell::bytes(*apparent), Cell::bytes(*disk), Cell::right(&change)]);
    }
    rows.into_iter().rev().for_each(|row| table.row(row));
    let open = if open { " open" } else { "" };
    format!("<details{open}><summary>The same as a table</summary>\n{}</details>\n", table.html())
}

fn moment(at: i64) -> String {
    time::rfc3339(at).map_or_else(|| "?".to_owned(), |text| text.get(..16).unwrap_or(&text).replace('T', " "))
}

fn day(at: i64) -> String {
    time::rfc3339(at).map_or_else(|| "?".to_owned(), |text| text.get(..10).unwrap_or(&text).to_owned())
}
