//! `modelstrap run`

use std::ffi::OsString;

use clap::Args;

/// Flags of `modelstrap run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Run it inside this environment of the manifest
    #[arg(short, long, value_name = "NAME", env = "MODELSTRAP_ENVIRONMENT")]
    pub environment: Option<String>,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}
