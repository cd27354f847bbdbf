//! `modelstrap migrate`

use std::ffi::OsString;

use clap::Args;
use clap::builder::FalseyValueParser;

/// Flags of `modelstrap migrate`.
#[derive(Debug, Clone, Args)]
pub struct MigrateArgs {
    /// What to move: a folder, or a place by the name that `status` gives it. Without any, everything that belongs into the cache
    #[arg(value_name = "PLACE")]
    pub places: Vec<OsString>,
    /// Leave links at the old paths, so that what still looks there finds it
    #[arg(long)]
    pub link_back: bool,
    /// The repository that the folder is of: ORG/NAME, or datasets/ORG/NAME
    #[arg(long, value_name = "ORG/NAME", requires = "places")]
    pub repo: Option<String>,
    /// Move also what the locks of other projects name
    #[arg(long)]
    pub force: bool,
    /// Show what would move, and change nothing
    #[arg(short = 'n', long, env = "MODELSTRAP_DRY_RUN", value_parser = FalseyValueParser::new())]
    pub dry_run: bool,
    /// Never ask
    #[arg(short, long, env = "MODELSTRAP_YES", value_parser = FalseyValueParser::new())]
    pub yes: bool,
}
