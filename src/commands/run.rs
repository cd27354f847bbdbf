//! `modelstrap run -- COMMAND`: the command, with the project's variables, in the place of this process.

use std::ffi::OsString;

use anyhow::{Result, bail};

use super::context::Context;
use super::{Exit, Usage, notes};
use crate::cli::RunArgs;
use crate::environments::{Job, activation};
use crate::project::Project;
use crate::project::answers::Answers;
use crate::setup::{Layout, Overrides};
use crate::support::{escape, paths};

pub(super) fn run(context: &Context, arguments: &RunArgs) -> Result<Exit> {
    let project = context.project()?;
    let answers = Answers::load(&project.state_folder());
    let layout = Layout::settle(&project, &answers, &Overrides::default(), &context.vars, context.os)?;
    let homes = layout.homes(&context.vars);
    let variables = layout.variables(&context.vars);
    let scoped = variables.set.into_iter().chain(variables.scoped);
    let mut job = Job {
        command: &arguments.command,
        set: scoped.map(|variable| (variable.name.into(), variable.value.into())).collect(),
        unset: variables.unset.into_iter().map(OsString::from).collect(),
    };
    if let Some(name) = &arguments.environment {
        activate(&mut job, name, &project, context)?;
    }
    notes::used_lock(context, &project, &homes);
    match job.run() {
        Ok(code) => Ok(Exit::Of(code)),
        Err(error) => {
            let program = arguments.command.first().map(|program| escape::printable(&program.to_string_lossy()));
            context.output.error(format!("`{}` could not be started: {error}", program.unwrap_or_default()));
            // As a shell says it: 127 not found, 126 found but not runnable.
            Ok(Exit::Of(if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 }))
        }
    }
}

fn activate(job: &mut Job<'_>, name: &str, project: &Project, context: &Context) -> Result<()> {
    let environments = &project.manifest.environments;
    let Some((_, environment)) = environments.iter().find(|(known, _)| known == name) else {
        let known: Vec<_> = environments.iter().map(|(known, _)| known.as_str()).collect();
        let known = if known.is_empty() {
            "the manifest names none".to_owned()
        } else {
            format!("the manifest names {}", known.join(", "))
        };
        return Err(Usage(format!("`--environment {name}`: there is no such environment; {known}")).into());
    };
    let path = paths::absolute(&project.root, environment.path.as_ref());
    if !path.is_dir() {
        bail!(
            "the environment {name} is not there: {} does not exist\n  create it first, with `uv venv` or `python -m venv`",
            escape::path(&path)
        );
    }
    job.set.extend(activation(&path, context.vars.get("PATH")));
    job.unset.push("PYTHONHOME".into());
    Ok(())
}
