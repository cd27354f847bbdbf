//! `modelstrap undo`

use clap::Args;
use clap::builder::FalseyValueParser;

/// Flags of `modelstrap undo`.
#[derive(Debug, Clone, Args)]
pub struct UndoArgs {
    /// Take back every setup of this project, not only the last
    #[arg(long)]
    pub all: bool,
    /// Never ask
    #[arg(short, long, value_parser = FalseyValueParser::new(), env = "MODELSTRAP_YES")]
    pub yes: bool,
    /// Show what would be taken back, and change nothing
    #[arg(short = 'n', long, value_parser = FalseyValueParser::new(), env = "MODELSTRAP_DRY_RUN")]
    pub dry_run: bool,
}
