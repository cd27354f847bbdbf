//! The command line as data: clap structs only, one file a verb, no logic.

mod backup;
mod clear;
mod dedupe;
mod detect;
mod env;
mod hook;
mod migrate;
pub mod models;
mod prune;
mod report;
mod restore;
mod run;
mod setup;
mod status;
mod undo;
mod verify;

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub use backup::{BackupArgs, Compress};
pub use clear::{ClearArgs, Trash};
pub use dedupe::DedupeArgs;
pub use detect::DetectArgs;
pub use env::{EnvArgs, EnvFormat};
pub use hook::HookArgs;
pub use migrate::MigrateArgs;
pub use models::{
    AddArgs, Consent, DownloadArgs, ExportArgs, LockArgs, ModelsArgs, ModelsVerb, PathArgs, RemoveArgs, ScanArgs,
    SearchArgs, Transfer, UpdateArgs, VerifyArgs,
};
pub use prune::PruneArgs;
pub use report::ReportArgs;
pub use restore::RestoreArgs;
pub use run::RunArgs;
pub use setup::SetupArgs;
pub use status::{Sort, StatusArgs};
pub use undo::UndoArgs;
pub use verify::CacheVerifyArgs;

/// Makes a machine-learning project ready on any machine: one cache for every library
#[derive(Debug, Parser)]
#[command(name = "modelstrap", version, propagate_version = true, arg_required_else_help = true, max_term_width = 100)]
#[command(
    after_help = "Start with `modelstrap setup` in a project's folder.\n\nExit codes: 0 done or nothing to do, 1 it failed, 2 wrong usage, 3 a check found something, 130 interrupted."
)]
pub struct Cli {
    /// Flags of every verb.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Flags of every verb.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The project's folder, instead of the one found from here
    #[arg(
        short = 'C',
        long,
        value_name = "DIR",
        global = true,
        env = "MODELSTRAP_PROJECT",
        help_heading = "Global options"
    )]
    pub project: Option<PathBuf>,
    /// One JSON document on stdout; of a download, JSON lines
    #[arg(long, global = true, env = "MODELSTRAP_JSON", help_heading = "Global options", value_parser = FalseyValueParser::new())]
    pub json: bool,
    /// Say only what went wrong
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        env = "MODELSTRAP_QUIET",
        value_parser = FalseyValueParser::new(),
        help_heading = "Global options"
    )]
    pub quiet: bool,
    /// Say more; twice for everything
    #[arg(short, long, action = ArgAction::Count, global = true, help_heading = "Global options")]
    pub verbose: u8,
    /// Whether to colour what is shown
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        global = true,
        env = "MODELSTRAP_COLOR",
        help_heading = "Global options"
    )]
    pub color: Color,
    /// Never use the network
    #[arg(long, global = true, env = "MODELSTRAP_OFFLINE", help_heading = "Global options", value_parser = FalseyValueParser::new())]
    pub offline: bool,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set; always with `CLICOLOR_FORCE`.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make this project ready: detect, decide, show the plan, apply it
    #[command(visible_aliases = ["init", "bootstrap"])]
    Setup(SetupArgs),
    /// Show what this machine is, and what it should run
    Detect(DetectArgs),
    /// Print the variables: for a shell, a .env file, JSON, GitHub Actions, Docker
    Env(EnvArgs),
    /// Run a command with the variables
    Run(RunArgs),
    /// Print the shell integration that sets the variables on entering a project
    Hook(HookArgs),
    /// Name, lock, download, check and find the project's models
    Models(ModelsArgs),
    /// Show what the caches hold, by library, model and revision, and what lies outside of them
    Status(StatusArgs),
    /// Read again whatever is cached and has a known digest, and tell what is damaged
    Verify(CacheVerifyArgs),
    /// Find what is stored twice in the caches, and store it once
    Dedupe(DedupeArgs),
    /// Delete cached models or application caches: all of them, or those that you name
    Clear(ClearArgs),
    /// Delete what nobody needs: unfinished downloads, left revisions, what is old or too much
    Prune(PruneArgs),
    /// Bring what lies outside of the cache into it: old folders, the libraries' default places, what scripts downloaded elsewhere
    Migrate(MigrateArgs),
    /// Store the cache, or some of its models, in one archive
    Backup(BackupArgs),
    /// Bring what an archive holds into the cache, beside what is there
    Restore(RestoreArgs),
    /// Make a page to look at: where the bytes are, what could go, how the cache grew
    Report(ReportArgs),
    /// Take back the last change that modelstrap made here: a setup, `models add` or `models remove`
    ///
    /// Models that `clear`, `prune` or `status --tui` deleted are brought back by `modelstrap clear --undo`, not by this.
    Undo(UndoArgs),
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}
