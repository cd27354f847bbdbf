//! `modelstrap env`: the variables, in the form that is asked for.

use std::fmt::Write;

use anyhow::Result;

use super::context::Context;
use super::{Exit, Usage};
use crate::catalogue;
use crate::cli::{EnvArgs, EnvFormat};
use crate::generate::shell::{Assignment, Shell, exports};
use crate::generate::{dotenv, formats};
use crate::project::answers::Answers;
use crate::setup::{Layout, Overrides};
use crate::support::escape;

pub(super) fn run(context: &Context, arguments: &EnvArgs) -> Result<Exit> {
    if arguments.list_libraries {
        context.output.result(libraries())?;
        return Ok(Exit::Done);
    }
    let project = context.project()?;
    let answers = Answers::load(&project.state_folder());
    let layout = Layout::settle(&project, &answers, &Overrides::default(), &context.vars, context.os)?;
    let set = layout.variables(&context.vars);
    let format = arguments.format.or_else(|| context.global.json.then_some(EnvFormat::Json));
    let text = match format {
        Some(EnvFormat::Json) => escape::json(&formats::json(&set)),
        Some(EnvFormat::Github) => formats::github(&set),
        Some(EnvFormat::Docker) => formats::docker(&set)?,
        Some(EnvFormat::Dotenv) => dotenv::lines(&set).iter().fold(String::new(), |text, line| text + line + "\n"),
        None => {
            let assignments: Vec<Assignment> = (set.unset.iter().cloned().map(Assignment::Unset))
                .chain(set.set.into_iter().map(|variable| Assignment::Set(variable.name, variable.value)))
                .collect();
            exports(shell(context, arguments)?, &assignments)
        }
    };
    context.output.exact(text)?;
    Ok(Exit::Done)
}

fn shell(context: &Context, arguments: &EnvArgs) -> Result<Shell> {
    let usual = if cfg!(windows) { Shell::PowerShell } else { Shell::Posix };
    match &arguments.shell {
        Some(name) => Shell::parse(name).ok_or_else(|| {
            let names: Vec<_> = Shell::ALL.iter().map(|shell| shell.label()).collect();
            Usage(format!("`--shell {name}`: not a shell that is known\n  these are: {}", names.join("; "))).into()
        }),
        None => Ok(context.vars.text("SHELL").and_then(Shell::parse).unwrap_or(usual)),
    }
}

fn libraries() -> String {
    let width = catalogue::libraries().iter().map(|library| library.id.len()).max().unwrap_or_default();
    catalogue::libraries().iter().fold(String::new(), |mut text, library| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:width$}  {}", library.id, library.name);
        text
    })
}
