//! How setup shows its plan, its result and what to do next.

use anyhow::Result;
use serde_json::{Value, json};

use super::super::context::Context;
use super::super::migrate;
use super::super::survey::Survey;
use super::decide::Decided;
use super::models::Ended;
use super::outlook::Outlook;
use crate::cache::inventory::Heap;
use crate::plan::Plan;
use crate::support::{escape, paths, quoted, units};
use crate::ui::plan::PlanView;
use crate::ui::text;

/// More names than `migrate` looks through for a number: what holds as many is told without one.
const NAMES: u64 = 5_000;

/// What a plan is shown with.
pub(super) struct View {
    /// The last setup was interrupted.
    pub(super) unfinished: bool,
    /// A model that is needed is not here.
    pub(super) wanting: bool,
    /// There is something to download, needed or not.
    pub(super) coming: bool,
    /// The files are as they should be, and another folder's setup wrote them.
    pub(super) copied: bool,
    /// Adds the project's line, for who saw no card.
    pub(super) machine: bool,
}

/// The plan, then what a person should know.
pub(super) fn show(context: &Context, decided: &Decided, plan: &Plan, shown: &View) {
    let output = &context.output;
    let view = PlanView { output, root: &decided.project.root, home: decided.layout.home.as_deref() };
    let bold = output.style().bold();
    if shown.machine {
        output.say(format!("{} {}", bold.apply_to("Project"), view_root(decided)));
        output.headed("Machine", &decided.machine);
    }
    if !plan.is_empty() {
        output.say(format!("\n{}", bold.apply_to(format!("Plan: {}", units::count(plan.edits.len(), "change")))));
        output.say(view.list(plan).trim_end());
        let diffs = view.diffs(plan);
        if !diffs.is_empty() {
            output.say(diffs.trim_end());
        }
        output.say("");
    }
    outside(context, decided);
    for kept in &plan.kept {
        let force = if kept.yields_to_force { "; `--force` replaces it, `undo` brings it back" } else { "" };
        output.warn(format!("{} stays as it is: {}{force}", view.path(&kept.path), kept.why));
    }
    for warning in &decided.wishes.warnings {
        output.warn(warning);
    }
    let noted = !decided.outside.is_empty() || !plan.kept.is_empty() || !decided.wishes.warnings.is_empty();
    if noted && !plan.is_empty() {
        // The question must not look like the last line of a warning.
        output.say("");
    }
    if plan.is_empty() {
        output.tell(match shown.unfinished {
            true => "The last setup was interrupted when everything was written; `modelstrap setup` ends it.",
            false if shown.copied => {
                "The files of this project are as they should be, but it was not set up from here, as a copy is not; \
                 `modelstrap setup` notes that it is."
            }
            false if shown.coming => "Nothing to do but to download what is missing.",
            false if shown.wanting => "The files of this project are as they should be.",
            false if !plan.kept.is_empty() => "Nothing to do, but for what stays as it is.",
            false => "Nothing to do: this project is ready.",
        });
    }
}

/// What an earlier life left in other places: said once, with the command that knows more.
fn outside(context: &Context, decided: &Decided) {
    let output = &context.output;
    if decided.outside.is_empty() {
        return;
    }
    let dim = output.style().dim();
    output.tell("Outside of the cache, and left as it is; `modelstrap status` says what it holds:");
    let shown = |path: &std::path::Path| paths::friendly(&decided.project.root, decided.layout.home.as_deref(), path);
    let rows: Vec<(String, String)> =
        decided.outside.iter().map(|one| (shown(&one.path), format!("({})", one.whose))).collect();
    for line in text::columns(&rows) {
        output.say(format!("  {}", dim.apply_to(line)));
    }
}

fn view_root(decided: &Decided) -> String {
    let root = &decided.project.root;
    paths::friendly(std::path::Path::new("/nowhere"), decided.layout.home.as_deref(), root)
}

/// The result as one JSON document, when that is asked for. After the events of a download it is the last of the lines.
pub(super) fn report(
    context: &Context,
    decided: &Decided,
    plan: &Plan,
    applied: bool,
    ended: Ended,
    models: Option<&Outlook>,
) -> Result<()> {
    if !context.global.json {
        return Ok(());
    }
    let changes: Vec<Value> = plan
        .edits
        .iter()
        .map(|edit| {
            let (added, removed) = edit.line_counts();
            json!({
                "path": quoted::text(&edit.path), "action": edit.action(), "kind": edit.kind, "why": edit.why,
                "lines_added": added, "lines_removed": removed,
            })
        })
        .collect();
    let kept: Vec<Value> =
        plan.kept.iter().map(|kept| json!({"path": quoted::text(&kept.path), "why": kept.why})).collect();
    let variables: serde_json::Map<String, Value> =
        decided.variables.set.iter().map(|variable| (variable.name.clone(), variable.value.clone().into())).collect();
    let mut document = json!({
        "schema": "modelstrap.setup/1",
        "project": quoted::text(&decided.project.root),
        "cache_root": quoted::text(&decided.layout.cache_root),
        "applied": applied,
        "changes": changes,
        "kept": kept,
        "warnings": decided.wishes.warnings,
        "variables": variables,
    });
    if let (Some(models), Some(members)) = (models, document.as_object_mut()) {
        members.insert("models".to_owned(), models.as_json());
    }
    context.output.document(match ended {
        Ended::Skipped => format!("{document:#}\n"),
        Ended::Whole | Ended::Missing(_) => format!("{document}\n"),
    })?;
    Ok(())
}

/// Three lines on what to do next.
pub(super) fn next_steps(context: &Context, decided: &Decided) {
    let output = &context.output;
    let name = escape::printable(&decided.project.name());
    output.say(format!("\n{}", output.style().green().bold().apply_to(format!("{name} is ready."))));
    // From another folder the same words would mean another project.
    let root = &decided.project.root;
    let here = context.start().is_ok_and(|start| start == *root) && context.global.project.is_none();
    let shown = paths::friendly(std::path::Path::new("/nowhere"), decided.layout.home.as_deref(), root);
    let (tool, snippet) = match here {
        true => ("modelstrap".to_owned(), ".modelstrap/env.sh".to_owned()),
        false => (format!("modelstrap -C {shown}"), format!("{shown}/.modelstrap/env.sh")),
    };
    let rows = [
        (format!("{tool} run -- python main.py"), "runs a command with its models in one place"),
        (format!(". {snippet}"), "does so for every command of this shell"),
        (
            format!("{tool} undo"),
            "takes this setup back; no model is deleted (what `clear` deletes, `clear --undo` brings back)",
        ),
    ];
    let width = rows.iter().map(|(command, _)| command.chars().count()).max().unwrap_or_default();
    for (command, what) in rows {
        output.explained(&command, width, what);
    }
    if let Some(hint) = hint(context, decided, &tool) {
        output.tell(format!("\n{hint}"));
    }
}

/// What `migrate` would bring of what lies outside, where there is something and looking takes no time.
fn hint(context: &Context, decided: &Decided, tool: &str) -> Option<String> {
    if decided.outside.is_empty() {
        return None;
    }
    let survey = Survey::of(context).ok()?;
    let (Heap { files, bytes }, exact) = migrate::planned(context, &survey, names)?;
    if !exact {
        return Some(format!("`{tool} migrate` brings what lies outside into the cache."));
    }
    let count = units::count(files, "file");
    (files > 0)
        .then(|| format!("`{tool} migrate` brings {} in {count} from outside into the cache.", units::bytes(bytes)))
}

/// How many names there are in `folder`, of which no more than a few thousand are counted.
fn names(folder: &std::path::Path) -> Heap {
    let mut waiting = vec![folder.to_path_buf()];
    let mut files = 0;
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            files += 1;
            if files > NAMES {
                return Heap { files, bytes: 0 };
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push(entry.path());
            }
        }
    }
    Heap { files, bytes: 0 }
}
