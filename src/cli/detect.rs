//! `modelstrap detect`

use std::path::PathBuf;

use clap::Args;

/// Flags of `modelstrap detect`.
#[derive(Debug, Clone, Args)]
pub struct DetectArgs {
    /// Copy what detection reads into DIR, with nothing personal in it: for a bug report, or a test
    #[arg(long, value_name = "DIR")]
    pub dump: Option<PathBuf>,
    /// Read a folder that `--dump` made, instead of this machine
    #[arg(long, value_name = "DIR", conflicts_with = "dump", env = "MODELSTRAP_DETECT_FROM")]
    pub from: Option<PathBuf>,
    /// Run the Python interpreters that are found, to ask for their exact versions
    #[arg(long)]
    pub python: bool,
}
