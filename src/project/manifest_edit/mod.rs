//! Adding a model to the manifest, and taking one out, with every other byte as it was: comments, order, line ends.
//!
//! toml's own parser says where things stand, and the text is cut and pasted there. (toml_edit would normalise line ends.) Each
//! result is read again and compared with what was meant, so that an unforeseen layout is refused and never damaged.

mod layout;

use std::ops::Range;

use layout::{Item, elements, layout};
use toml::{Table, Value};

use super::model_entry::{AlternativeTable, ModelTable, ModelValue, Words};
use super::problem::Problem;
use crate::support::toml_text::{key as bare, quoted};

const TABLE: &str = "models";

/// `text` with the model `key`. The same text where it says so already; a model of that name gets the new value in its place.
///
/// # Errors
/// When `text` is not TOML, or its `models` is written in a way that cannot be added to.
pub fn add(text: &str, key: &str, value: &ModelValue) -> Result<String, Problem> {
    let (mark, body) = without_mark(text);
    let before = read(body)?;
    let rendered = render(value);
    let wanted = read(&format!("x = {rendered}"))?.remove("x").unwrap_or(Value::Boolean(false));
    if before.get(TABLE).and_then(|models| models.get(key)) == Some(&wanted) {
        return Ok(text.to_owned());
    }
    let after = match place_of(body, key) {
        Some(at) => spliced(body, at, &rendered),
        // The line end of the whole: what is cut may have held every one of them.
        None => inserted(&cut(body, key), key, &rendered, eol(body)),
    };
    let mut expected = before;
    let models = expected.entry(TABLE).or_insert_with(|| Value::Table(Table::new()));
    models.as_table_mut().map(|models| models.insert(key.to_owned(), wanted));
    // TOML knows no other order, but a value that stands elsewhere now is the same one.
    if toml::from_str::<Table>(&after).ok().as_ref() != Some(&expected) {
        return Err(Problem::plain(format!(
            "[models] is written in a way that a model cannot be added to\n  write this below it: {} = {rendered}",
            bare(key)
        )));
    }
    Ok(format!("{mark}{after}"))
}

/// `text` without the model `key`, its comment on the same line and its own section; `None` where there is no such model.
///
/// # Errors
/// When `text` is not TOML, or the model is written in a way that cannot be taken out.
pub fn remove(text: &str, key: &str) -> Result<Option<String>, Problem> {
    let (mark, body) = without_mark(text);
    let mut expected = read(body)?;
    let models = expected.get_mut(TABLE).and_then(Value::as_table_mut);
    if models.and_then(|models| models.remove(key)).is_none() {
        return Ok(None);
    }
    let after = cut(body, key);
    let mut found = toml::from_str::<Table>(&after).unwrap_or_default();
    // The last section of its kind takes the table with it.
    found.entry(TABLE).or_insert_with(|| Value::Table(Table::new()));
    if found != expected {
        return Err(Problem::plain(format!(
            "{key:?} in [models] is written in a way that cannot be taken out: do it by hand"
        )));
    }
    Ok(Some(format!("{mark}{after}")))
}

/// `text` without the source at `index` of the list of the model `key`; without the model, where that was its only one.
///
/// # Errors
/// When `text` is not TOML, has no such source, or the list is written in a way that it cannot be taken out of.
pub fn remove_from_list(text: &str, key: &str, index: usize) -> Result<String, Problem> {
    let (mark, body) = without_mark(text);
    let mut expected = read(body)?;
    let by_hand = || Problem::plain(format!("the list {key:?} in [models] cannot be edited: do it by hand"));
    let list = expected.get_mut(TABLE).and_then(|models| models.get_mut(key)).and_then(Value::as_array_mut);
    let list = list.filter(|list| index < list.len()).ok_or_else(by_hand)?;
    if list.len() == 1 {
        return remove(text, key)?.ok_or_else(by_hand);
    }
    list.remove(index);
    let elements = place_of(body, key).and_then(|list| elements(body, &list)).ok_or_else(by_hand)?;
    let mut ways = ways_to_cut(body, &elements, index).into_iter().map(|range| spliced(body, range, ""));
    let after = ways.find(|after| toml::from_str::<Table>(after).ok().as_ref() == Some(&expected));
    Ok(format!("{mark}{}", after.ok_or_else(by_hand)?))
}

/// What may be cut for an element of a list, the best first: its line, where nothing else stands there but its comma and a
/// comment; else up to the next one, with the comma between; else from the one before. Some write the comma first.
fn ways_to_cut(text: &str, elements: &[Range<usize>], index: usize) -> Vec<Range<usize>> {
    let Some(own) = elements.get(index) else { return Vec::new() };
    let (start, end) = (line_start(text, own.start), line_end(text, own.end));
    let rest = text[own.end..end].trim();
    let rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    let is_alone = text[start..own.start].trim().is_empty() && (rest.is_empty() || rest.starts_with('#'));
    let next = elements.get(index + 1).map(|next| own.start..next.start);
    let previous = index.checked_sub(1).and_then(|at| elements.get(at)).map(|previous| previous.end..own.end);
    is_alone.then_some(start..end).into_iter().chain(next).chain(previous).collect()
}

fn read(text: &str) -> Result<Table, Problem> {
    toml::from_str(text).map_err(|error| Problem::of(text, &error))
}

/// The byte order mark that some editors put first, and the rest.
fn without_mark(text: &str) -> (&str, &str) {
    text.split_at(if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 })
}

/// Where the value of the model stands when it is one value.
fn place_of(text: &str, key: &str) -> Option<Range<usize>> {
    layout(text).into_iter().find_map(|item| {
        let Item::Entry(entry) = item else { return None };
        if is_model(&entry.path, key) && entry.path.len() == 2 {
            return Some(entry.value);
        }
        let inner = entry.inner.filter(|_| entry.path == [TABLE])?;
        inner.entries.into_iter().find(|one| one.path == [key]).map(|one| one.value)
    })
}

/// `text` without everything of the model: its lines, its sections, its members of an inline table.
fn cut(text: &str, key: &str) -> String {
    let items = layout(text);
    let ranges = items.iter().enumerate().filter_map(|(at, item)| lines_of(text, key, item, &items[at + 1..]));
    let ranges: Vec<_> = ranges.collect();
    let mut text = text.to_owned();
    // From the end, so that the offsets before stay true.
    for range in ranges.into_iter().rev() {
        text.replace_range(range, "");
    }
    while let Some(range) = member_of(&text, key) {
        text.replace_range(range, "");
    }
    text
}

/// The lines to cut for one item, `after` being those that follow it. An entry below a header of the model goes with that.
fn lines_of(text: &str, key: &str, item: &Item, after: &[Item]) -> Option<Range<usize>> {
    match item {
        Item::Entry(entry) if is_model(&entry.path, key) && !is_model(&entry.table, key) => {
            Some(line_start(text, entry.start)..line_end(text, entry.value.end))
        }
        Item::Header(header) if is_model(&header.path, key) => {
            let section = after.iter().map_while(|item| match item {
                Item::Entry(entry) => Some(entry.value.end),
                Item::Header(_) => None,
            });
            let end = line_end(text, section.last().unwrap_or(header.span.end));
            let blank = text[end..].split_inclusive('\n').take_while(|line| line.trim().is_empty());
            Some(line_start(text, header.span.start)..end + blank.map(str::len).sum::<usize>())
        }
        _ => None,
    }
}

/// The next member of `models = { … }` to cut: with the comma after it, or before the last one, or all between the braces.
fn member_of(text: &str, key: &str) -> Option<Range<usize>> {
    let inner = layout(text).into_iter().find_map(|item| match item {
        Item::Entry(entry) if entry.path == [TABLE] => entry.inner,
        _ => None,
    })?;
    let at = inner.entries.iter().position(|one| one.path.first().is_some_and(|name| name == key))?;
    Some(match (inner.entries.get(at + 1), at.checked_sub(1)) {
        (Some(next), _) => inner.entries[at].start..next.start,
        (None, Some(previous)) => inner.entries[previous].value.end..inner.entries[at].value.end,
        (None, None) => inner.span,
    })
}

fn is_model(path: &[String], key: &str) -> bool {
    path.len() >= 2 && path[0] == TABLE && path[1] == key
}

/// `text` with a new model, at the end of the models that there are.
fn inserted(text: &str, key: &str, value: &str, eol: &str) -> String {
    let items = layout(text);
    let line = format!("{} = {value}", bare(key));
    for item in &items {
        if let Item::Entry(entry) = item
            && entry.path == [TABLE]
            && let Some(inner) = &entry.inner
        {
            return match inner.entries.last() {
                Some(last) => spliced(text, last.value.end..last.value.end, &format!(", {line}")),
                None => spliced(text, inner.span.clone(), &format!(" {line} ")),
            };
        }
    }
    // Below the header `[models]`, after its last entry; or after the last `models.other = …` at the top.
    let mut below = None;
    let mut dotted = None;
    for item in &items {
        match item {
            Item::Header(header) if header.path == [TABLE] => below = Some(header.span.end),
            Item::Entry(entry) if entry.table == [TABLE] => below = Some(entry.value.end),
            Item::Entry(entry) if entry.table.is_empty() && entry.path[0] == TABLE => dotted = Some(entry.value.end),
            _ => {}
        }
    }
    match (below, dotted) {
        (Some(after), _) => with_line(text, after, &line, eol),
        (None, Some(after)) => with_line(text, after, &format!("{TABLE}.{line}"), eol),
        (None, None) => {
            let gap = match text {
                "" => "",
                text if text.ends_with(&format!("{eol}{eol}")) || text == eol => "",
                text if text.ends_with('\n') => eol,
                _ => &format!("{eol}{eol}"),
            };
            format!("{text}{gap}[{TABLE}]{eol}{line}{eol}")
        }
    }
}

/// `text` with a line more, after the one that holds `offset`.
fn with_line(text: &str, offset: usize, line: &str, eol: &str) -> String {
    let at = line_end(text, offset);
    let ended = text[..at].ends_with('\n');
    spliced(text, at..at, &if ended { format!("{line}{eol}") } else { format!("{eol}{line}{eol}") })
}

fn spliced(text: &str, range: Range<usize>, put: &str) -> String {
    format!("{}{put}{}", &text[..range.start], &text[range.end..])
}

fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |at| at + 1)
}

/// After the line end that follows `offset`, or the end of the text.
/// How the lines of `text` end.
fn eol(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

fn line_end(text: &str, offset: usize) -> usize {
    text[offset..].find('\n').map_or(text.len(), |at| offset + at + 1)
}

/// A value on one line.
fn render(value: &ModelValue) -> String {
    match value {
        ModelValue::One(source) => quoted(source),
        ModelValue::Several(sources) => list(sources),
        ModelValue::Table(table) => render_table(table),
    }
}

fn render_table(table: &ModelTable) -> String {
    let mut members = members(&table.own(), table.source.is_some());
    members.extend(table.optional.then(|| "optional = true".to_owned()));
    members.extend(table.gated.then(|| "gated = true".to_owned()));
    members.extend(table.environment.as_ref().map(|name| format!("environment = {}", quoted(name))));
    if !table.alternatives.is_empty() {
        let all: Vec<_> = table.alternatives.iter().map(|one| braced(&members_of(one))).collect();
        members.push(format!("alternatives = [{}]", all.join(", ")));
    }
    braced(&members)
}

fn members_of(table: &AlternativeTable) -> Vec<String> {
    members(table, true)
}

fn members(table: &AlternativeTable, with_source: bool) -> Vec<String> {
    let text = |key: &str, value: &String| format!("{key} = {}", quoted(value));
    let words = |key: &str, words: &Words| match words.0.as_slice() {
        [one] => text(key, one),
        several => format!("{key} = {}", list(several)),
    };
    let mut members = Vec::new();
    members.extend(with_source.then(|| text("source", &table.source)));
    members.extend(table.revision.as_ref().map(|revision| text("revision", revision)));
    members.extend(table.include.as_ref().map(|patterns| words("include", patterns)));
    members.extend((!table.exclude.0.is_empty()).then(|| words("exclude", &table.exclude)));
    members.extend(table.weights.as_ref().map(|formats| words("weights", formats)));
    members.extend((!table.when.0.is_empty()).then(|| words("when", &table.when)));
    members
}

fn braced(members: &[String]) -> String {
    format!("{{ {} }}", members.join(", "))
}

fn list(words: &[String]) -> String {
    format!("[{}]", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;
