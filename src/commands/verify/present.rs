//! What a person and a program get to see of it.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::cure::Remedy;
use super::finding::{Finding, Kind};
use super::{Outcome, units};
use crate::cache::verify::{Collected, Note};
use crate::commands::context::Context;
use crate::models::lock::Lock;
use crate::project::Project;
use crate::setup::Layout;
use crate::support::escape::printable;
use crate::support::{escape, paths, quoted};
use crate::ui::text;

/// So many notes are told without `-v`.
const TOLD: usize = 10;

/// Of a model that misses more files than these, they are counted.
const NAMED: usize = 3;

pub(super) struct View<'a> {
    pub(super) context: &'a Context,
    /// Where the person is.
    pub(super) start: &'a Path,
    pub(super) project: &'a Project,
    pub(super) layout: &'a Layout,
    pub(super) found: &'a Collected,
    pub(super) lock: Option<&'a Lock>,
}

impl View<'_> {
    /// Shows what was found; with `fixes`, what mends it follows.
    pub(super) fn show(&self, outcome: &Outcome, fixes: bool) -> Result<()> {
        let output = &self.context.output;
        if self.context.global.json {
            let document = self.document(outcome);
            output.document(if fixes { format!("{document}\n") } else { format!("{document:#}\n") })?;
        } else {
            let lines = self.lines(outcome);
            let width = output.room_out();
            output.result(if width == usize::MAX { lines } else { text::fold(&lines, width, 0) })?;
        }
        for (path, why) in &outcome.unreadable {
            output.warn(format!("{}: {why}", escape::path(path)));
        }
        for path in &outcome.changed {
            output.tell(format!("{} changed while it was read, and was not checked", escape::path(path)));
        }
        self.notes();
        self.summary(outcome);
        if !outcome.findings.is_empty() && !fixes {
            self.next(outcome);
        }
        Ok(())
    }

    fn lines(&self, outcome: &Outcome) -> String {
        let mut lines = String::new();
        let mut at = 0;
        while let Some(finding) = outcome.findings.get(at) {
            let same = |other: &&Finding| other.model == finding.model && other.kind == finding.kind;
            let group: Vec<&Finding> = outcome.findings[at..].iter().take_while(same).collect();
            if matches!(finding.kind, Kind::Missing | Kind::Incomplete) && group.len() > NAMED {
                let some: Vec<String> = group.iter().take(NAMED).map(|one| quoted::shown(&one.file)).collect();
                let count = units::count(group.len(), "file");
                let what = if finding.kind == Kind::Missing { "missing" } else { "not here" };
                lines.push_str(&format!("{}: {count} {what}: {}, …\n", quoted::shown(&finding.model), some.join(", ")));
                // Of some nobody may know what they were: what can be fetched has the word.
                let mends = group.iter().find(|one| !matches!(one.remedy, Remedy::Nothing(_)));
                lines.push_str(&self.mend(mends.unwrap_or(&finding)));
                at += group.len();
                continue;
            }
            self.one(finding, &mut lines);
            at += 1;
        }
        lines
    }

    fn one(&self, finding: &Finding, lines: &mut String) {
        let output = &self.context.output;
        let (model, mut file) = (quoted::shown(&finding.model), quoted::shown(&finding.file));
        // Of a blob that no revision names, its path below has the rest.
        if file.len() >= 40 && file.chars().all(|digit| digit.is_ascii_hexdigit()) && output.shows_results() {
            file.replace_range(12.., "…");
        }
        let name = if model == file { model } else { format!("{model} {file}") };
        let what = match finding.kind {
            Kind::Damaged => "damaged".to_owned(),
            Kind::Size => "of another size".to_owned(),
            Kind::Missing | Kind::Incomplete => {
                let by = finding.by.map_or_else(String::new, |by| format!(", and {by}"));
                format!("{}{by}", if finding.kind == Kind::Missing { "missing" } else { "not here" })
            }
        };
        lines.push_str(&format!("{name}: {what}\n"));
        let at = paths::friendly(&self.layout.root, self.layout.home.as_deref(), &finding.path);
        lines.push_str(&format!("    {at}{}\n", sizes(finding)));
        if let (true, Some(expected), Some(found)) = (finding.kind != Kind::Size, &finding.expected, &finding.found) {
            let by = finding.by.map_or_else(String::new, |by| format!(" ({by})"));
            // On a narrow terminal the ends of a digest tell it from another one; a pipe and `--json` have all of it.
            let room = output.room_out().saturating_sub(13 + by.len());
            let [expected, found] = [expected, found].map(|digest| text::middle(digest, room.max(24), "…"));
            lines.push_str(&format!("    expected {expected}{by}\n    found    {found}\n"));
        }
        lines.push_str(&self.mend(finding));
    }

    /// What mends it, in a line.
    fn mend(&self, finding: &Finding) -> String {
        match &finding.remedy {
            Remedy::Nothing(advice) => format!("    {advice}\n"),
            remedy => {
                let does = if remedy.asks_servers() { "fetches it again" } else { "copies it from where it is sound" };
                format!("    `{}` {does}\n", self.command(finding))
            }
        }
    }

    /// The command for this one alone.
    fn command(&self, finding: &Finding) -> String {
        // The folder that a loose file lies in may be called like a model.
        let home = self.layout.home.as_deref().and_then(|home| finding.path.strip_prefix(home).ok());
        let word = match (finding.is_loose, finding.path.strip_prefix(self.start), home) {
            (false, ..) => quoted::word(&quoted::path(&finding.model)),
            (_, Ok(inside), _) => quoted::word(inside),
            (_, _, Some(inside)) => format!("~/{}", quoted::word(inside)),
            _ => quoted::word(&finding.path),
        };
        // A model without a name, and what would be read as a flag.
        let is_word = !finding.model.is_empty() && !word.trim_start_matches('\'').starts_with('-');
        if is_word { format!("modelstrap verify --fix {word}") } else { "modelstrap verify --fix".to_owned() }
    }

    fn notes(&self) {
        let output = &self.context.output;
        let notes: Vec<String> = self.found.notes.iter().map(|note| self.note(note)).collect();
        let told = if output.verbose > 0 { usize::MAX } else { TOLD };
        for note in notes.iter().take(told) {
            output.tell(format!("note: {note}"));
        }
        if notes.len() > told {
            output.tell(format!("note: and {} more, which `-v` tells", notes.len() - told));
        }
    }

    fn note(&self, note: &Note) -> String {
        let repository =
            |at: &usize| self.found.repositories.get(*at).map_or_else(String::new, |repo| printable(&repo.name));
        let shown = |path: &Path| paths::friendly(&self.layout.root, self.layout.home.as_deref(), path);
        match note {
            Note::Partial { repository: at, commit, here, all } => {
                let commit: String = commit.to_string_lossy().chars().take(12).collect();
                format!(
                    "{}: {here} of the {all} files of {} are here, as after a download of some of them",
                    repository(at),
                    printable(&commit)
                )
            }
            Note::BrokenReference { repository: at, name } => {
                format!("{}: the ref {} names no commit that is here", repository(at), printable(name))
            }
            Note::Foreign(path) => format!("{} leads out of its repository, and was not followed", shown(path)),
            Note::Astray(path) => format!("{} leads to another content than its commit's listing says", shown(path)),
            Note::LostPayload(path) => format!("{} leads to nothing, and no revision has it", shown(path)),
            Note::Absent(at) => {
                let name = self.lock.and_then(|lock| lock.models.get(*at)).map(|model| printable(&model.name));
                format!("{} is not here: `modelstrap models download` brings it", name.unwrap_or_default())
            }
        }
    }

    fn summary(&self, outcome: &Outcome) {
        let speed = (outcome.read as f64 / outcome.time.as_secs_f64().max(0.001)) as u64;
        let of = |kinds: &[Kind]| outcome.findings.iter().filter(|finding| kinds.contains(&finding.kind)).count();
        let (files, bytes) = self.found.contents.unproven_sum();
        let counted = format!("{}, {}", units::count(files, "file"), units::bytes(bytes));
        if outcome.contents == 0 && outcome.findings.is_empty() && files > 0 {
            self.context.output.tell(format!("Nothing here has a known digest: {counted}."));
            return;
        }
        let unproven = match files {
            0 => String::new(),
            _ => format!(" Of {counted}, nobody says what they are."),
        };
        self.context.output.tell(format!(
            "{} read in {} ({}/s): {}, {} damaged, {} missing.{unproven}",
            units::bytes(outcome.read),
            units::seconds(outcome.time),
            units::bytes(speed),
            units::count(outcome.contents, "file"),
            of(&[Kind::Damaged, Kind::Size]),
            of(&[Kind::Missing, Kind::Incomplete]),
        ));
    }

    fn next(&self, outcome: &Outcome) {
        let (none, some): (Vec<&Finding>, Vec<&Finding>) =
            outcome.findings.iter().partition(|finding| matches!(finding.remedy, Remedy::Nothing(_)));
        if !some.is_empty() {
            let all = if none.is_empty() { "these, and nothing else" } else { "what can be fetched of these" };
            self.context.output.say(format!("`modelstrap verify --fix` fetches {all}."));
        }
    }

    fn document(&self, outcome: &Outcome) -> Value {
        let finding = |finding: &Finding| {
            let number = |text: &String| text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number));
            let value = |text: &Option<String>| match (finding.kind, text) {
                (Kind::Size, Some(text)) => number(text),
                (_, text) => json!(text),
            };
            json!({
                "model": finding.model,
                "file": finding.file,
                "path": quoted::text(&finding.path),
                "finding": finding.kind.word(),
                "expected": value(&finding.expected),
                "found": value(&finding.found),
                "size_bytes": finding.size,
                "said_by": finding.by,
                "fixable": !matches!(finding.remedy, Remedy::Nothing(_)),
                "mend": match &finding.remedy {
                    Remedy::Nothing(advice) => advice.clone(),
                    _ => self.command(finding),
                },
            })
        };
        let unproven = self.found.contents.unproven_sum();
        let place = |path: &Path, why: &str| json!({"path": quoted::text(path), "why": why});
        json!({
            "schema": "modelstrap.verify/1",
            "project": quoted::text(&self.project.root),
            "files": outcome.contents,
            "read_bytes": outcome.read,
            "seconds": outcome.time.as_secs_f64(),
            "findings": outcome.findings.iter().map(finding).collect::<Vec<_>>(),
            "notes": self.found.notes.iter().map(|note| self.note(note)).collect::<Vec<_>>(),
            "unproven": {"files": unproven.0, "bytes": unproven.1},
            "changed": outcome.changed.iter().map(quoted::text).collect::<Vec<_>>(),
            "unreadable": outcome.unreadable.iter().map(|(path, why)| place(path, why)).collect::<Vec<_>>(),
        })
    }
}

/// How large it is, in brackets, and how large it should be.
fn sizes(finding: &Finding) -> String {
    let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<u64>().ok());
    match (finding.kind, number(&finding.expected), number(&finding.found)) {
        (Kind::Size, Some(expected), Some(found)) => {
            let by = finding.by.map_or_else(String::new, |by| format!(" by {by}"));
            let short = [found, expected].map(units::bytes);
            // A few bytes of many GB make no other short size.
            let [found, expected] =
                if short[0] == short[1] { [found, expected].map(|size| format!("{size} bytes")) } else { short };
            format!(" ({found}, expected {expected}{by})")
        }
        (Kind::Missing | Kind::Incomplete, ..) => {
            finding.size.map_or_else(String::new, |size| format!(" (nothing, expected {})", units::bytes(size)))
        }
        _ => finding.size.map_or_else(String::new, |size| format!(" ({})", units::bytes(size))),
    }
}
