//! What the last step of setup finds: which models are here, and what their download would bring. Nobody is asked, and no
//! file is read: what counts is the lock, names and sizes.

use anyhow::Result;
use serde_json::{Value, json};

use super::super::context::Context;
use super::super::models::{Line, Session, line, rows};
use super::decide::Decided;
use super::models;
use crate::cli::SetupArgs;
use crate::platform::Facts;
use crate::support::{escape, units};
use crate::ui::table;

/// How the models stand that a setup would bring.
#[derive(Debug)]
pub(super) struct Outlook {
    lines: Vec<Line>,
    /// Models of the manifest that the person does not want on this machine.
    left_out: Vec<String>,
    is_locked: bool,
    disagreements: Vec<String>,
    /// The command that downloads.
    command: String,
}

/// Looks at the models; `None` where setup has nothing to do with any.
///
/// # Errors
/// When the manifest's models or the lock cannot be understood.
pub(super) fn outlook(
    context: &Context,
    arguments: &SetupArgs,
    decided: &Decided,
    facts: &Facts,
) -> Result<Option<Outlook>> {
    let named = arguments.models.iter().flatten().any(|word| !word.trim().is_empty());
    let new = &decided.models.new;
    let nothing = decided.project.manifest.models.is_empty() && !named && new.is_empty();
    if arguments.skips_models(&context.vars) || nothing {
        return Ok(None);
    }
    let session = Session::open_at(context, &decided.project, &decided.layout, facts)?;
    let mut words = models::words(arguments, &decided.answers, &decided.models, &session);
    let left_out = decided.answers.models_left_out.clone().unwrap_or_default();
    words.extend(new.iter().cloned());
    let wanted = if words.is_empty() && !left_out.is_empty() { Vec::new() } else { session.select(&words)? };
    let mut lines = Vec::new();
    for request in &wanted {
        lines.extend(line(&session, request)?);
    }
    let wants = |name: &String| wanted.iter().any(|request| request.name == *name);
    let left_out: Vec<String> = left_out.into_iter().filter(|name| !wants(name)).collect();
    let disagreements = session.disagreements(&left_out);
    let named: Vec<String> = arguments.models.iter().flatten().map(|word| escape::printable(word.trim())).collect();
    let command = match named.is_empty() {
        true => "modelstrap setup".to_owned(),
        false => format!("modelstrap setup --models {}", named.join(",")),
    };
    Ok(Some(Outlook { lines, left_out, is_locked: session.is_locked(), disagreements, command }))
}

impl Outlook {
    /// Whether a model that the project needs on this machine is not here, or nobody can tell by the lock what it is.
    pub(super) fn is_pending(&self) -> bool {
        !self.disagreements.is_empty() || self.wanting().any(|line| !line.optional)
    }

    /// Whether there is anything to download.
    pub(super) fn brings_something(&self) -> bool {
        self.wanting().next().is_some()
    }

    fn wanting(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.is_wanting())
    }

    /// What is to come, as far as it is known: bytes, and models of which nobody knows how many those are.
    fn to_come(&self) -> (u64, usize) {
        self.wanting().fold((0, 0), |(bytes, unknown), line| match line.size {
            Some(size) => (bytes + size.saturating_sub(line.here), unknown),
            None => (bytes, unknown + 1),
        })
    }

    /// Shows the table and what follows from it; without `all`, only what a download brings. A plan above it ends in an empty line.
    pub(super) fn show(&self, context: &Context, all: bool, below_plan: bool) {
        let output = &context.output;
        let lines: Vec<Line> = if all { self.lines.clone() } else { self.wanting().cloned().collect() };
        let above = if below_plan { "" } else { "\n" };
        output.say(format!("{above}{}", output.style().bold().apply_to("Models")));
        if !lines.is_empty() {
            output.say(table::render(&table::LISTED, &rows(&lines), output.colour, output.room()).trim_end());
        }
        if !self.left_out.is_empty() {
            let names: Vec<String> = self.left_out.iter().map(|name| escape::printable(name)).collect();
            output.tell(format!("Left out on this machine: {}.", names.join(", ")));
        }
        if self.brings_something() {
            let (bytes, unknown) = self.to_come();
            let models = || format!("{} of unknown size", units::count(unknown, "model"));
            let amount = match (bytes, unknown) {
                (bytes, 0) => units::bytes(bytes),
                (0, _) => models(),
                (bytes, _) => format!("{} and {}", units::bytes(bytes), models()),
            };
            let optional = if self.wanting().all(|line| line.optional) { " (optional)" } else { "" };
            let how = if all { format!(" `{}` does that.", self.command) } else { String::new() };
            output.say(format!("To download: {amount}{optional}.{how}"));
        }
        if !all {
            // The question, or the first thing that is done, is no part of this.
            if below_plan {
                output.say("");
            }
            return;
        }
        if self.disagreements.is_empty() {
            return;
        }
        output.tell(match self.is_locked {
            true => format!(
                "modelstrap.lock does not fit the manifest: {}\n  `modelstrap models lock` mends that",
                self.disagreements.join("; ")
            ),
            false => {
                "There is no modelstrap.lock: the download writes it, and so does `modelstrap models lock`.".to_owned()
            }
        });
    }

    /// What a program is told.
    pub(super) fn as_json(&self) -> Value {
        let (bytes, unknown) = self.to_come();
        let list: Vec<Value> = self.lines.iter().map(Line::as_json).collect();
        json!({
            "list": list, "left_out": self.left_out, "bytes": bytes, "unknown": unknown, "lock": self.disagreements,
        })
    }
}
