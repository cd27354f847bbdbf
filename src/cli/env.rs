//! `modelstrap env`

use clap::{Args, ValueEnum};

/// Flags of `modelstrap env`.
#[derive(Debug, Clone, Args)]
pub struct EnvArgs {
    /// Statements for this shell (default: the one in $SHELL)
    #[arg(long, value_name = "SHELL", conflicts_with = "format", env = "MODELSTRAP_SHELL")]
    pub shell: Option<String>,
    /// Another form than a shell's
    #[arg(long, value_enum, value_name = "FORMAT", env = "MODELSTRAP_FORMAT")]
    pub format: Option<EnvFormat>,
    /// List the libraries that [cache] libraries may name
    #[arg(long, conflicts_with_all = ["shell", "format"])]
    pub list_libraries: bool,
}

/// Forms of the variables that are not a shell's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EnvFormat {
    /// Lines for a .env file
    Dotenv,
    /// A JSON object
    Json,
    /// Lines for $GITHUB_ENV
    Github,
    /// Lines for `docker run --env-file`
    Docker,
}
