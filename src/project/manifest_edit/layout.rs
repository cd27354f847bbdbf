//! Where things stand in a TOML text: each header and each key with its value, by offset. The values themselves do not matter
//! here, but for inline tables, whose own keys are listed too.

use std::ops::Range;

use toml_parser::parser::{Event, EventKind, parse_document};
use toml_parser::{Raw, Source};

/// A header or a key with its value, in the order of the text.
pub(super) enum Item {
    Header(Header),
    Entry(Entry),
}

/// `[a.b]` or `[[a.b]]`
pub(super) struct Header {
    pub(super) path: Vec<String>,
    /// From the first bracket to the last.
    pub(super) span: Range<usize>,
}

/// `a.b = value`
pub(super) struct Entry {
    /// The header that it stands below.
    pub(super) table: Vec<String>,
    /// The header's path and the key's.
    pub(super) path: Vec<String>,
    /// Where the key begins.
    pub(super) start: usize,
    pub(super) value: Range<usize>,
    /// What is in the value when it is an inline table.
    pub(super) inner: Option<Inner>,
}

/// An inline table: what is between its braces.
#[derive(Default)]
pub(super) struct Inner {
    pub(super) span: Range<usize>,
    pub(super) entries: Vec<InnerEntry>,
}

/// `a.b = value` in an inline table.
#[derive(Default)]
pub(super) struct InnerEntry {
    pub(super) path: Vec<String>,
    pub(super) start: usize,
    pub(super) value: Range<usize>,
}

/// The layout of `text`, which is TOML: who calls has parsed it, so that its depth is bounded too.
pub(super) fn layout(text: &str) -> Vec<Item> {
    let tokens = Source::new(text).lex().into_vec();
    let mut events: Vec<Event> = Vec::new();
    parse_document(&tokens, &mut events, &mut ());
    let mut reader = Reader { text, ..Reader::default() };
    for event in &events {
        reader.take(event);
    }
    reader.items
}

/// Where the values of the list at `list` stand, when all of them are plain ones.
pub(super) fn elements(text: &str, list: &Range<usize>) -> Option<Vec<Range<usize>>> {
    let tokens = Source::new(text).lex().into_vec();
    let mut events: Vec<Event> = Vec::new();
    parse_document(&tokens, &mut events, &mut ());
    let within = |event: &&Event| event.span().start() > list.start && event.span().end() < list.end;
    let mut found = Vec::new();
    for event in events.iter().filter(within) {
        match event.kind() {
            EventKind::Scalar => found.push(event.span().start()..event.span().end()),
            EventKind::ArrayOpen | EventKind::InlineTableOpen => return None,
            _ => {}
        }
    }
    Some(found)
}

#[derive(Default)]
struct Reader<'a> {
    text: &'a str,
    items: Vec<Item>,
    table: Vec<String>,
    header: Option<Header>,
    entry: Option<Entry>,
    inner_entry: Option<InnerEntry>,
    depth: usize,
}

impl Reader<'_> {
    fn take(&mut self, event: &Event) {
        let span = event.span().start()..event.span().end();
        match event.kind() {
            EventKind::StdTableOpen | EventKind::ArrayTableOpen => {
                self.header = Some(Header { path: Vec::new(), span });
            }
            EventKind::StdTableClose | EventKind::ArrayTableClose => {
                if let Some(mut header) = self.header.take() {
                    header.span.end = span.end;
                    self.table.clone_from(&header.path);
                    self.items.push(Item::Header(header));
                }
            }
            EventKind::SimpleKey => self.key(event, span),
            EventKind::Scalar => {
                self.value_begins(&span);
                self.value_ends(&span);
            }
            EventKind::ArrayOpen | EventKind::InlineTableOpen => {
                self.value_begins(&span);
                if self.depth == 0
                    && event.kind() == EventKind::InlineTableOpen
                    && let Some(entry) = &mut self.entry
                {
                    entry.inner = Some(Inner { span: span.end..span.end, entries: Vec::new() });
                }
                self.depth += 1;
            }
            EventKind::ArrayClose | EventKind::InlineTableClose => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0
                    && let Some(inner) = self.entry.as_mut().and_then(|entry| entry.inner.as_mut())
                {
                    inner.span.end = span.start;
                }
                self.value_ends(&span);
            }
            _ => {}
        }
    }

    fn key(&mut self, event: &Event, span: Range<usize>) {
        let mut name = String::new();
        let raw = self.text.get(span.clone()).unwrap_or_default();
        Raw::new_unchecked(raw, event.encoding(), event.span()).decode_key(&mut name, &mut ());
        if let Some(header) = &mut self.header {
            header.path.push(name);
        } else if self.depth == 0 {
            let table = &self.table;
            let entry = self.entry.get_or_insert_with(|| Entry {
                table: table.clone(),
                path: table.clone(),
                start: span.start,
                value: 0..0,
                inner: None,
            });
            entry.path.push(name);
        } else if self.in_inline_table() {
            let entry =
                self.inner_entry.get_or_insert_with(|| InnerEntry { start: span.start, ..InnerEntry::default() });
            entry.path.push(name);
        }
    }

    /// Directly in the braces of an entry's value.
    fn in_inline_table(&self) -> bool {
        self.depth == 1 && self.entry.as_ref().is_some_and(|entry| entry.inner.is_some())
    }

    fn value_begins(&mut self, span: &Range<usize>) {
        if self.depth == 0 {
            if let Some(entry) = &mut self.entry {
                entry.value = span.clone();
            }
        } else if self.in_inline_table()
            && let Some(entry) = &mut self.inner_entry
        {
            entry.value = span.clone();
        }
    }

    fn value_ends(&mut self, span: &Range<usize>) {
        if self.depth == 0 {
            if let Some(mut entry) = self.entry.take() {
                entry.value.end = span.end;
                self.items.push(Item::Entry(entry));
            }
        } else if self.in_inline_table()
            && let Some(mut inner_entry) = self.inner_entry.take()
        {
            inner_entry.value.end = span.end;
            if let Some(inner) = self.entry.as_mut().and_then(|entry| entry.inner.as_mut()) {
                inner.entries.push(inner_entry);
            }
        }
    }
}
