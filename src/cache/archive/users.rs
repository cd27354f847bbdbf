//! Who uses what of a shared store: the lists beside its payloads, which are made anew for an archive. A list has a line for each
//! blob that leads to its payload; of a million, only who leads where is held, and a list is spelt when it is wanted.

use super::names::{self, Name, Role};
use super::table::{Kind, Table};
use crate::platform::Os;

/// What a list is called, after the name of its payload.
const LIST: &[u8] = b".refs";
/// What lies in a shared store, so that a client knows it for one.
const MARKER: &[u8] = b".huggingface-shared-blobs";

/// What the list of the payload `last` is called.
pub(super) fn list_of(last: &[u8]) -> Vec<u8> {
    [last, LIST].concat()
}

/// Whether `name` is, or may be, the mark of a shared store.
pub(super) fn is_marker(name: &Name) -> bool {
    name.last() == MARKER
}

/// The blobs that lead to payloads of `stores`: the payload, and the number of the blob.
pub(super) fn links<'a>(table: &'a Table, stores: &'a [Vec<u8>]) -> impl Iterator<Item = (Name, usize)> + 'a {
    let all = if stores.is_empty() { 0 } else { table.len() };
    (0..all).filter_map(move |at| {
        let (Kind::Link, number) = table.kind(at) else { return None };
        let name = table.name(at);
        let to = (name.role(stores) == Role::Blob).then(|| names::resolve(name.folder(), &table.said(number)))??;
        let to = Name::of(&to, Os::current()).ok()?;
        (to.role(stores) == Role::Payload).then_some((to, at))
    })
}

/// The lists of all payloads.
#[derive(Debug, Default)]
pub(super) struct Lists(Vec<Line>);

/// A line of a list: the numbers of the list and of the blob.
#[derive(Debug, Clone, Copy)]
struct Line {
    list: u32,
    blob: u32,
}

impl Lists {
    /// Those in `table`, which is sorted.
    pub(super) fn of(table: &Table, stores: &[Vec<u8>]) -> Self {
        let number = |at: usize| u32::try_from(at).ok();
        let line = |(payload, blob): (Name, usize)| {
            let list = table.find(&list_of(payload.bytes()))?;
            Some(Line { list: number(list)?, blob: number(blob)? })
        };
        let mut lines: Vec<Line> = links(table, stores).filter_map(line).collect();
        lines.sort_by_key(|line| line.list);
        lines.shrink_to_fit();
        Self(lines)
    }

    /// The list at `at`, where `name` gives the names of members.
    pub(super) fn text(&self, at: usize, stores: &[Vec<u8>], name: impl Fn(usize) -> Name) -> Vec<u8> {
        let first = self.0.partition_point(|line| (line.list as usize) < at);
        let mut text = Vec::new();
        for line in self.0[first..].iter().take_while(|line| line.list as usize == at) {
            let blob = name(line.blob as usize);
            if let Some(inside) = stores.iter().find_map(|hub| blob.below(hub)) {
                text.extend_from_slice(inside);
                text.push(b'\n');
            }
        }
        text
    }
}
