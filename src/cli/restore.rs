//! `modelstrap restore`

use std::path::PathBuf;

use clap::Args;
use clap::builder::FalseyValueParser;

/// Flags of `modelstrap restore`.
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// What `modelstrap backup` wrote; `-` for standard input
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
    /// Only list what it holds; with --verbose, every file
    #[arg(long)]
    pub list: bool,
    /// Replace files of the cache that have another content, damaged blobs among them
    #[arg(long)]
    pub force: bool,
    /// Take contents that are other than their names promise
    #[arg(long)]
    pub allow_damaged: bool,
    /// Do not ask before writing. Only on a terminal it is asked; what comes from standard input, or without a terminal, goes on
    /// by itself, unless files would be replaced
    #[arg(short, long, env = "MODELSTRAP_YES", value_parser = FalseyValueParser::new())]
    pub yes: bool,
    /// Show what would come, and change nothing
    #[arg(short = 'n', long, env = "MODELSTRAP_DRY_RUN", value_parser = FalseyValueParser::new())]
    pub dry_run: bool,
}
