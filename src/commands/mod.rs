//! One file a verb: arguments, a call into the domain, and how its result is shown.

mod backup;
mod cleaning;
mod clear;
mod consent;
mod context;
mod dedupe;
mod detect;
mod disks;
mod env;
mod hook;
mod migrate;
mod models;
mod notes;
mod outside;
mod prune;
mod reclaim;
mod report;
mod restore;
mod run;
mod setup;
mod status;
mod survey;
mod undo;
mod verify;
mod wizard;
mod words;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory;

use crate::cli::{Cli, Verb};
use crate::support::interrupt::Interrupted;
use crate::support::vars::Vars;
use context::Context;

/// How a run ended, as the exit code says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Done, or nothing to do: 0.
    Done,
    /// A check found something: 3.
    Found,
    /// A command that was run ended with this code.
    Of(i32),
}

/// Wrong usage that clap cannot see: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Runs what `cli` asks for and gives the exit code.
pub fn dispatch(cli: Cli, vars: Vars, cwd: io::Result<PathBuf>) -> ExitCode {
    let context = Context::new(cli.global, vars, cwd);
    let result = match cli.verb {
        Verb::Setup(arguments) => setup::run(&context, &arguments),
        Verb::Dedupe(arguments) => dedupe::run(&context, &arguments),
        Verb::Detect(arguments) => detect::run(&context, &arguments),
        Verb::Env(arguments) => env::run(&context, &arguments),
        Verb::Run(arguments) => run::run(&context, &arguments),
        Verb::Hook(arguments) => hook::run(&context, &arguments),
        Verb::Migrate(arguments) => migrate::run(&context, &arguments),
        Verb::Models(arguments) => models::run(&context, &arguments),
        Verb::Status(arguments) => status::run(&context, &arguments),
        Verb::Clear(arguments) => clear::run(&context, &arguments),
        Verb::Prune(arguments) => prune::run(&context, &arguments),
        Verb::Backup(arguments) => backup::run(&context, &arguments),
        Verb::Restore(arguments) => restore::run(&context, &arguments),
        Verb::Report(arguments) => report::run(&context, &arguments),
        Verb::Undo(arguments) => undo::run(&context, &arguments),
        Verb::Verify(arguments) => verify::run(&context, &arguments),
        Verb::Completions { shell } => completions(&context, shell),
        Verb::Man => manual(&context),
    };
    exit_code(&context, result)
}

fn exit_code(context: &Context, result: Result<Exit>) -> ExitCode {
    let error = match result {
        Ok(Exit::Done) => return ExitCode::SUCCESS,
        Ok(Exit::Found) => return ExitCode::from(3),
        Ok(Exit::Of(code)) => return ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1)),
        Err(error) => error,
    };
    // A reader that has seen enough (`modelstrap env | head -1`) is no failure.
    let closed = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(closed) {
        return ExitCode::SUCCESS;
    }
    if let Some(interrupted) = error.downcast_ref::<Interrupted>() {
        context.output.say(interrupted);
        return ExitCode::from(130);
    }
    context.output.error(format!("{error:#}"));
    ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
}

fn completions(context: &Context, shell: clap_complete::Shell) -> Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "modelstrap", &mut text);
    context.output.exact(String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}

fn manual(context: &Context) -> Result<Exit> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut text)?;
    context.output.exact(String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}
