//! What an archive holds, or would hold, for people: repository by repository and file by file, with sizes.

use std::io;

use serde_json::{Value, json};

use crate::cache::archive::index::Index;
use crate::cache::archive::members::{Entry, What};
use crate::cache::archive::names::{self, Name, Role};
use crate::support::time;
use crate::ui::output::Output;
use crate::ui::table::{self, Cell, Column};

/// A repository, or a file, of an archive. There may be a million: its name is that of one of its members.
struct Line {
    /// The number of a member.
    member: u32,
    files: u32,
    bytes: u64,
    used: i64,
    /// Of each, the number of a member.
    revisions: Vec<u32>,
}

/// The repositories and files of an archive, by name.
pub(in crate::commands) struct Listing<'a> {
    index: &'a Index,
    lines: Vec<Line>,
}

impl<'a> Listing<'a> {
    /// What the archive with this index holds.
    pub(in crate::commands) fn of(index: &'a Index) -> Self {
        let stores = index.stores();
        let mut lines: Vec<Line> = Vec::new();
        // Members are sorted: those of a repository follow each other, and in it those of a revision.
        let mut last: Option<Name> = None;
        for (at, entry) in (0_u32..).zip(index.members.iter()) {
            let role = entry.name.role(&stores);
            if matches!(role, Role::Users | Role::Marker | Role::Payload) {
                continue;
            }
            if is_link_back(index, &entry) {
                continue;
            }
            if last.as_ref().is_none_or(|last| unit(last) != unit(&entry.name)) {
                lines.push(Line { member: at, files: 0, bytes: 0, used: 0, revisions: Vec::new() });
            }
            let Some(line) = lines.last_mut() else { continue };
            line.used = line.used.max(entry.mtime);
            let is_known =
                line.revisions.last().is_some_and(|_| last.as_ref().and_then(revision) == revision(&entry.name));
            if role == Role::Snapshot && !is_known {
                line.revisions.push(at);
            }
            if matches!(role, Role::Blob | Role::Plain) {
                let member = at as usize;
                let content = match entry.what {
                    What::Link { .. } => index.members.led_to(member).and_then(|to| index.members.content(to)),
                    _ => index.members.content(member),
                };
                line.bytes += content.map_or(0, |(_, size)| size);
                line.files += u32::from(content.is_some());
            }
            last = Some(entry.name);
        }
        let name = |line: &Line| index.members.name(line.member as usize);
        lines.sort_by(|one, other| unit(&name(one)).cmp(unit(&name(other))));
        Self { index, lines }
    }

    /// As a table, to standard output.
    ///
    /// # Errors
    /// When it is closed.
    pub(in crate::commands) fn show(&self, output: &Output) -> io::Result<()> {
        const COLUMNS: [Column; 4] =
            [Column::name("What"), Column::number("Size"), Column::number("Files"), Column::number("Revisions")];
        let row = |line: &Line| {
            let revisions = if line.revisions.is_empty() { String::new() } else { line.revisions.len().to_string() };
            vec![
                Cell::new(self.name(line)),
                Cell::size(Some(line.bytes)),
                Cell::new(line.files.to_string()),
                Cell::new(revisions),
            ]
        };
        if output.shows_results() {
            let rows: Vec<Vec<Cell>> = self.lines.iter().map(row).collect();
            return output.result(table::render(&COLUMNS, &rows, output.colour_out, output.room_out()));
        }
        output.stream(|out| table::write(&COLUMNS, || self.lines.iter().map(row), output.colour_out, usize::MAX, out))
    }

    /// For programs.
    pub(in crate::commands) fn units(&self) -> impl Iterator<Item = Value> {
        self.lines.iter().map(|line| {
            let commit = |at: &u32| revision(&self.index.members.name(*at as usize)).map(names::text);
            json!({
                "name": names::text(unit(&self.index.members.name(line.member as usize))),
                "bytes": line.bytes,
                "files": line.files,
                "revisions": line.revisions.iter().filter_map(commit).collect::<Vec<_>>(),
                "changed_at": time::rfc3339(line.used),
            })
        })
    }

    fn name(&self, line: &Line) -> String {
        names::shown(unit(&self.index.members.name(line.member as usize)))
    }
}

/// What the line is called that this member is in.
fn unit(name: &Name) -> &[u8] {
    name.repository().map_or(name.bytes(), |(repository, _)| repository)
}

/// The commit of what lies in a revision.
fn revision(name: &Name) -> Option<&[u8]> {
    let inside = name.repository()?.1.strip_prefix(b"snapshots/")?;
    inside.split(|byte| *byte == b'/').next()
}

/// Whether a member is a link to a folder of the archive, as a migration leaves one for programs that look there: it is none of the models.
fn is_link_back(index: &Index, entry: &Entry) -> bool {
    let What::Link { to } = &entry.what else { return false };
    let is_folder = |to: Vec<u8>| index.members.find(&to).is_none() && index.members.leads(&to);
    entry.name.repository().is_none() && names::resolve(entry.name.folder(), to).is_some_and(is_folder)
}
