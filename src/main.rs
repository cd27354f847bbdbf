//! Parse, dispatch, exit code: nothing else.

use std::process::ExitCode;

use clap::Parser;
use modelstrap::cli::Cli;
use modelstrap::commands;
use modelstrap::support::vars::Vars;

fn main() -> ExitCode {
    commands::dispatch(Cli::parse(), Vars::from_process(), std::env::current_dir())
}
