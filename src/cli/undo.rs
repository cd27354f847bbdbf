//! `modelstrap undo`

use clap::Args;
use clap::builder::FalseyValueParser;

/// Flags of `modelstrap undo`.
#[derive(Debug, Clone, Args)]
pub struct UndoArgs {
    /// Take back every change that modelstrap made to this project, not only the last
    #[arg(long)]
    pub all: bool,
    /// Never ask
    #[arg(short, long, env = "MODELSTRAP_YES", value_parser = FalseyValueParser::new())]
    pub yes: bool,
    /// Show what would be taken back, and change nothing
    #[arg(short = 'n', long, env = "MODELSTRAP_DRY_RUN", value_parser = FalseyValueParser::new())]
    pub dry_run: bool,
}
