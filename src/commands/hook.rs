//! `modelstrap hook SHELL`: the cd-hook, and what it asks at a prompt.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::context::Context;
use super::{Exit, Usage};
use crate::catalogue::variables::VariableSet;
use crate::cli::HookArgs;
use crate::generate::hook::{HookShell, export, hook};
use crate::generate::shell::Assignment;
use crate::generate::transition::{self, Saved};
use crate::plan::Record;
use crate::project::Project;
use crate::project::answers::Answers;
use crate::project::root::STATE_FOLDER;
use crate::setup::{Layout, Overrides};
use crate::support::vars::Vars;

pub(super) fn run(context: &Context, arguments: &HookArgs) -> Result<Exit> {
    let shell = HookShell::parse(&arguments.shell).ok_or_else(|| {
        Usage(format!(
            "`{}`: no hook for this shell\n  there is one for bash, zsh, fish, powershell, nushell, elvish and xonsh",
            arguments.shell
        ))
    })?;
    if arguments.export {
        // A project that cannot be read is left, and the prompt goes on: some shells would drop what a failing hook printed.
        let changes = changes(context).unwrap_or_else(|error| {
            context.output.error(format!("{error:#}"));
            transition::assignments(&context.vars, None)
        });
        context.output.exact(export(shell, &changes))?;
    } else {
        let binary = std::env::current_exe().context("the path of this program cannot be told")?;
        let binary =
            binary.to_str().context("the path of this program is not valid UTF-8\n  install it in another folder")?;
        context.output.exact(hook(shell, binary)?)?;
    }
    Ok(Exit::Done)
}

/// What has to change for the folder that the shell is in: only a project that setup made ready counts.
fn changes(context: &Context) -> Result<Vec<Assignment>> {
    let start = context.start()?;
    let Some(root) = Project::made_ready(&start, is_ready) else {
        return Ok(transition::assignments(&context.vars, None));
    };
    let project = Project::discover(root)?;
    let answers = Answers::load(&project.state_folder());
    let pristine = pristine(&context.vars);
    let layout = Layout::settle(&project, &answers, &Overrides::default(), &pristine, context.os)?;
    let set: VariableSet = layout.variables(&pristine);
    let name = project.root.to_string_lossy();
    Ok(transition::assignments(&context.vars, Some((&name, &set))))
}

/// The environment as it was before any project: what the project's variables depend on must not be another project's.
fn pristine(vars: &Vars) -> Vars {
    let (back, _) = transition::transition(Saved::from_vars(vars).as_ref(), vars, None);
    back.into_iter().fold(vars.clone(), |vars, change| match change {
        Assignment::Set(name, value) => vars.with(name, value),
        Assignment::Unset(name) => vars.without(&name),
    })
}

/// Whether this user's setup made `root` ready, on this machine: a clone that brings its own `.modelstrap` decides nothing.
fn is_ready(root: &Path) -> bool {
    let journal = root.join(STATE_FOLDER).join("journal");
    journal.is_dir() && Record::load(&journal).is_set_up()
}
