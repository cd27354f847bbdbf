//! `modelstrap status`

use clap::{Args, ValueEnum};

/// Flags of `modelstrap status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// List each model too; so do --sort, --filter and --limit
    #[arg(short, long)]
    pub models: bool,
    /// List each model, and the revisions of each repository
    #[arg(short, long)]
    pub revisions: bool,
    /// Walk through the caches on the terminal, with keys: open, sort, filter, mark, delete, undo
    #[arg(long, conflicts_with_all = ["models", "revisions", "check", "sort", "filter", "limit"])]
    pub tui: bool,
    /// Exit with 3 when the cache is over its budget, over --max-size, or leaves less free than --min-free
    #[arg(long)]
    pub check: bool,
    /// The most that the cache may take on the disk, such as 100GB; for --check
    #[arg(long, value_name = "SIZE", requires = "check", value_parser = size)]
    pub max_size: Option<u64>,
    /// What must stay free on the cache's disk, such as 20GB; for --check
    #[arg(long, value_name = "SIZE", requires = "check", value_parser = size)]
    pub min_free: Option<u64>,
    /// The order of the models; by size, unless it is given
    #[arg(long, value_enum, value_name = "BY")]
    pub sort: Option<Sort>,
    /// Show only models like this: size>1GB, disk>1GB, frees>0, files<10, used>30d, or name=whisper for a part of the name. May be
    /// given several times
    #[arg(long, value_name = "CONDITION")]
    pub filter: Vec<String>,
    /// Show only so many models, of all places together: the first in the order of --sort
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// The order of the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// The largest first
    Size,
    /// What frees most first
    Frees,
    /// By name
    Name,
    /// What was not used for the longest time first
    Used,
    /// What has most files first
    Files,
}

fn size(text: &str) -> Result<u64, String> {
    crate::support::units::parse_limit(text).ok_or_else(|| "write it like 100GB".to_owned())
}
