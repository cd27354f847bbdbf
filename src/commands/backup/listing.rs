//! What an archive holds, or would hold, for people: repository by repository and file by file, with sizes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::cache::archive::index::{Index, What};
use crate::cache::archive::names::{self, Role};
use crate::support::time;
use crate::ui::output::Output;
use crate::ui::table::{self, Cell, Column};

/// A repository, or a file, of an archive.
#[derive(Default)]
struct Line {
    bytes: u64,
    files: usize,
    revisions: BTreeSet<Vec<u8>>,
    used: i64,
}

/// The repositories and files of an archive, by name.
pub(in crate::commands) struct Listing(BTreeMap<String, Line>);

impl Listing {
    /// What the archive with this index holds.
    pub(in crate::commands) fn of(index: &Index) -> Self {
        let stores = index.stores();
        let mut lines: BTreeMap<String, Line> = BTreeMap::new();
        for (at, entry) in index.entries.iter().enumerate() {
            let role = entry.name.role(&stores);
            if matches!(role, Role::Users | Role::Marker | Role::Payload) {
                continue;
            }
            if is_link_back(index, at) {
                continue;
            }
            let unit = match entry.name.repository() {
                Some((repository, _)) => names::shown(repository),
                None => entry.name.to_string(),
            };
            let line = lines.entry(unit).or_default();
            line.used = line.used.max(entry.mtime);
            if let (Role::Snapshot, Some((_, inside))) = (role, entry.name.repository()) {
                line.revisions.extend(inside.split(|byte| *byte == b'/').nth(1).map(<[u8]>::to_vec));
            }
            if matches!(role, Role::Blob | Role::Plain) {
                let content = match &entry.what {
                    What::Link { to } => {
                        names::resolve(entry.name.folder(), to).and_then(|to| index.content(index.find(&to)?))
                    }
                    _ => index.content(at),
                };
                line.bytes += content.map_or(0, |(_, size)| size);
                line.files += usize::from(content.is_some());
            }
        }
        Self(lines)
    }

    /// As a table for standard output.
    pub(in crate::commands) fn table(&self, output: &Output) -> String {
        const COLUMNS: [Column; 4] =
            [Column::name("What"), Column::number("Size"), Column::number("Files"), Column::number("Revisions")];
        let row = |(name, line): (&String, &Line)| {
            let revisions = if line.revisions.is_empty() { String::new() } else { line.revisions.len().to_string() };
            vec![Cell::new(name), Cell::size(Some(line.bytes)), Cell::new(line.files.to_string()), Cell::new(revisions)]
        };
        let rows: Vec<Vec<Cell>> = self.0.iter().map(row).collect();
        table::render(&COLUMNS, &rows, output.colour_out, output.room_out())
    }

    /// For programs.
    pub(in crate::commands) fn units(&self) -> Vec<Value> {
        let unit = |(name, line): (&String, &Line)| {
            let revisions: Vec<String> = line.revisions.iter().map(|commit| names::encode(commit)).collect();
            json!({"name": name, "bytes": line.bytes, "files": line.files, "revisions": revisions, "changed_at": time::rfc3339(line.used)})
        };
        self.0.iter().map(unit).collect()
    }
}

/// Whether a member is a link to a folder of the archive, as a migration leaves one for programs that look there: it is none of the models.
fn is_link_back(index: &Index, at: usize) -> bool {
    let Some(entry) = index.entries.get(at) else { return false };
    let What::Link { to } = &entry.what else { return false };
    let leads =
        || names::resolve(entry.name.folder(), to).is_some_and(|to| index.find(&to).is_none() && index.leads(&to));
    entry.name.repository().is_none() && leads()
}
