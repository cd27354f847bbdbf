//! A plan as a person reads it: a list of what happens, then the diff.

use std::fmt::Write;
use std::path::Path;

use crate::plan::diff::{Action, Line};
use crate::plan::{Edit, Kind, Plan, State};
use crate::support::{paths, units};
use crate::ui::output::Output;
use crate::ui::text;

/// More lines of one diff than this push the question off the screen: on a terminal the rest is only counted.
const SHOWN: usize = 18;

/// How plans are shown: for whom, and relative to what.
#[derive(Debug)]
pub struct PlanView<'a> {
    /// Where it goes.
    pub output: &'a Output,
    /// The project's folder.
    pub root: &'a Path,
    /// The user's home.
    pub home: Option<&'a Path>,
}

impl PlanView<'_> {
    /// The path of an edit as it is shown.
    pub fn path(&self, path: &Path) -> String {
        paths::friendly(self.root, self.home, path)
    }

    /// The list: one line an edit; what belongs together shares a line.
    pub fn list(&self, plan: &Plan) -> String {
        let style = self.output.style();
        let mut rows: Vec<(Action, String, (String, String))> = Vec::new();
        let mut rest = plan.edits.as_slice();
        while let Some(edit) = rest.first() {
            let group = rest.iter().take_while(|next| self.output.verbose == 0 && alike(edit, next)).count().max(1);
            rows.push((edit.action(), self.group_title(&rest[..group]), self.group_note(&rest[..group])));
            rest = &rest[group..];
        }
        let width = rows.iter().map(|(_, path, _)| console::measure_text_width(path)).max().unwrap_or(0).min(44);
        let mut text = String::new();
        for (action, path, note) in &rows {
            let sign = match action {
                Action::Create => style.clone().green().apply_to("+"),
                Action::Change => style.clone().yellow().apply_to("~"),
            };
            let pad = " ".repeat(width.saturating_sub(console::measure_text_width(path)));
            let (why, amount) = note;
            let taken = 6 + console::measure_text_width(path).max(width) + console::measure_text_width(amount);
            let room = self.output.width.saturating_sub(taken).max(8);
            let why = if self.output.terminal { text::cut(why, room) } else { why.clone() };
            let _ = writeln!(text, "  {sign} {path}{pad}  {}", style.clone().dim().apply_to(why + amount));
        }
        text
    }

    /// The diffs of what people also edit, and of what replaces something; with `-v` of every file.
    pub fn diffs(&self, plan: &Plan) -> String {
        let mut text = String::new();
        let worth_it = |edit: &&Edit| match edit.kind {
            Kind::Directory => false,
            Kind::File => self.output.verbose > 0 || edit.action() == Action::Change,
            _ => true,
        };
        for edit in plan.edits.iter().filter(worth_it) {
            text.push('\n');
            text.push_str(&self.diff(edit));
        }
        text
    }

    /// One tick, as an edit is made. A person at a terminal is spared those of the folders, which the list has named.
    pub fn tick(&self, edit: &Edit) -> Option<String> {
        if self.output.terminal && self.output.verbose == 0 && edit.kind == Kind::Directory {
            return None;
        }
        Some(format!("  {} {}", self.output.style().green().apply_to("✓"), self.title(edit)))
    }

    fn title(&self, edit: &Edit) -> String {
        let path = self.path(&edit.path);
        if edit.kind == Kind::Directory { path + "/" } else { path }
    }

    fn group_title(&self, group: &[Edit]) -> String {
        let [first, .., _] = group else { return group.first().map_or_else(String::new, |edit| self.title(edit)) };
        if first.kind == Kind::Directory {
            return self.title(first);
        }
        let names: Vec<String> =
            group.iter().filter_map(|edit| Some(edit.path.extension()?.to_string_lossy().into_owned())).collect();
        let stem = self.path(&first.path.with_extension(""));
        format!("{stem}.{{{}, … {}}}", names[0], names[names.len() - 1])
    }

    /// Why, and how much.
    fn group_note(&self, group: &[Edit]) -> (String, String) {
        match group {
            [edit] => (edit.why.clone(), self.amount(edit)),
            [first, ..] if first.kind == Kind::Directory => (first.why.clone(), String::new()),
            [first, ..] => {
                let why = first.why.split(", for ").next().unwrap_or_default();
                (format!("{why}, for {} of shell", units::count(group.len(), "kind")), String::new())
            }
            [] => Default::default(),
        }
    }

    fn amount(&self, edit: &Edit) -> String {
        match (edit.kind, edit.line_counts()) {
            (Kind::Directory | Kind::Link, _) => String::new(),
            (_, (added, 0)) => format!(" (+{added})"),
            (_, (added, removed)) => format!(" (+{added} -{removed})"),
        }
    }

    fn diff(&self, edit: &Edit) -> String {
        let style = self.output.style();
        let mut text = format!("  {}\n", style.clone().bold().apply_to(self.title(edit)));
        if let State::Link(target) = &edit.after {
            // A link outside the project that leads to `.cache/…` would look as if it led beside itself.
            let inside = edit.path.starts_with(self.root);
            let target = if inside { self.path(target) } else { crate::support::escape::path(target) };
            let _ = writeln!(text, "  {}", style.clone().green().apply_to(format!("+ -> {target}")));
            return text;
        }
        let lines = readable(edit);
        let room = if self.output.terminal && self.output.verbose == 0 { SHOWN } else { usize::MAX };
        // One line of remark saves nothing in the place of one line of diff.
        let room = if lines.len() == room.saturating_add(1) { lines.len() } else { room };
        for line in lines.iter().take(room) {
            let shown = format!("{} {}", line.sign, line.text);
            let shown =
                if self.output.terminal { text::cut(&shown, self.output.width.saturating_sub(2)) } else { shown };
            let shown = match line.sign {
                '+' => style.clone().green().apply_to(shown),
                '-' => style.clone().red().apply_to(shown),
                '@' => style.clone().dim().apply_to("  …".to_owned()),
                _ => style.clone().dim().apply_to(shown),
            };
            let _ = writeln!(text, "  {shown}");
        }
        if lines.len() > room {
            let rest = format!(
                "… {}; `modelstrap setup --dry-run -v` shows all",
                units::count(lines.len() - room, "more line")
            );
            let _ = writeln!(text, "  {}", style.dim().apply_to(rest));
        }
        text
    }
}

/// The lines of a diff. A last line that only gets its end is no change to a reader.
fn readable(edit: &Edit) -> Vec<Line> {
    let mut lines = edit.lines(2);
    let ends = edit.before.bytes().is_none_or(|bytes| bytes.ends_with(b"\n"));
    let twin = |pair: &[Line]| pair[0].sign == '-' && pair[1].sign == '+' && pair[0].text == pair[1].text;
    if !ends && let Some(at) = lines.windows(2).position(twin) {
        lines.remove(at);
        lines[at].sign = ' ';
    }
    lines
}

/// Whether two edits share a line: new files of ours that differ in their extension only (the snippets), and a new
/// folder with the folders in it that serve the same purpose.
fn alike(one: &Edit, other: &Edit) -> bool {
    if one.kind == Kind::Directory {
        return other.kind == Kind::Directory && other.why == one.why && other.path.starts_with(&one.path);
    }
    let is_new = |edit: &Edit| edit.kind == Kind::File && edit.action() == Action::Create;
    let same_stem = one.path.with_extension("") == other.path.with_extension("") && one.path.extension().is_some();
    is_new(one) && is_new(other) && same_stem
}
