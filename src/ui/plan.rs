//! A plan as a person reads it: a list of what happens, then the diff.

use std::fmt::Write;
use std::path::Path;

use crate::plan::diff::Action;
use crate::plan::{Edit, Kind, Plan, State};
use crate::support::{paths, units};
use crate::ui::output::Output;

/// Lines of a new, wholly generated file that are shown before the rest is summed up.
const NEW_FILE_LINES: usize = 6;

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

    /// The list: one line an edit.
    pub fn list(&self, plan: &Plan) -> String {
        let style = self.output.style();
        let shown: Vec<String> = plan.edits.iter().map(|edit| self.title(edit)).collect();
        let width = shown.iter().map(|path| console::measure_text_width(path)).max().unwrap_or(0).min(44);
        let mut text = String::new();
        for (edit, path) in plan.edits.iter().zip(&shown) {
            let sign = match edit.action() {
                Action::Create => style.clone().green().apply_to("+"),
                Action::Change => style.clone().yellow().apply_to("~"),
            };
            let pad = " ".repeat(width.saturating_sub(console::measure_text_width(path)));
            let note = style.clone().dim().apply_to(format!("{}{}", edit.why, self.amount(edit)));
            let _ = writeln!(text, "  {sign} {path}{pad}  {note}");
        }
        text
    }

    /// The diffs of everything that is not a folder.
    pub fn diffs(&self, plan: &Plan) -> String {
        let mut text = String::new();
        for edit in plan.edits.iter().filter(|edit| edit.kind != Kind::Directory) {
            text.push('\n');
            text.push_str(&self.diff(edit));
        }
        text
    }

    /// One tick, as an edit is made.
    pub fn tick(&self, edit: &Edit) -> String {
        format!("  {} {}", self.output.style().green().apply_to("✓"), self.title(edit))
    }

    fn title(&self, edit: &Edit) -> String {
        let path = self.path(&edit.path);
        if edit.kind == Kind::Directory { path + "/" } else { path }
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
            let _ = writeln!(text, "  {}", style.clone().green().apply_to(format!("+ -> {}", self.path(target))));
            return text;
        }
        let lines = edit.lines(2);
        // A generated file that is new says nothing by its full length; `-v` shows it all.
        let whole = self.output.verbose > 0 || edit.kind != Kind::File || edit.action() == Action::Change;
        let limit = if whole { usize::MAX } else { NEW_FILE_LINES };
        for line in lines.iter().take(limit) {
            let shown = format!("{} {}", line.sign, line.text);
            let shown = match line.sign {
                '+' => style.clone().green().apply_to(shown),
                '-' => style.clone().red().apply_to(shown),
                '@' => style.clone().dim().apply_to("  …".to_owned()),
                _ => style.clone().dim().apply_to(shown),
            };
            let _ = writeln!(text, "  {shown}");
        }
        if lines.len() > limit {
            let more = units::count(lines.len() - limit, "line");
            let _ = writeln!(text, "  {}", style.dim().apply_to(format!("  … {more} more (-v shows them)")));
        }
        text
    }
}
