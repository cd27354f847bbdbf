//! `modelstrap prune`

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;

use super::Consent;
use super::clear::{Trash, duration};

/// Flags of `modelstrap prune`.
#[derive(Debug, Clone, Args)]
pub struct PruneArgs {
    /// Also models that were not used for so long, such as 30d
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with = "undo")]
    pub older_than: Option<Duration>,
    /// Also models, those not used for the longest time first, until the cache takes no more than this [default: the manifest's budget]
    #[arg(long, value_name = "SIZE", value_parser = size, conflicts_with = "undo")]
    pub max_size: Option<u64>,
    /// The same until so much is free on the cache's disk; frees at once
    #[arg(long, value_name = "SIZE", value_parser = size, conflicts_with = "undo")]
    pub until_free: Option<u64>,
    /// Keep this model: a name of the project, a repository, a file. May be given several times
    #[arg(long, value_name = "MODEL", conflicts_with = "undo")]
    pub keep: Vec<OsString>,
    /// Keep exactly what modelstrap.lock names, and free the rest at once: what a CI cache should hold
    #[arg(long, conflicts_with_all = ["older_than", "max_size", "until_free", "undo"])]
    pub ci: bool,
    /// Leave what came or changed less than so long ago [default: 1h; with --ci 0]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub grace: Option<Duration>,
    /// How what is removed can be brought back.
    #[command(flatten)]
    pub trash: Trash,
    /// Consent.
    #[command(flatten)]
    pub consent: Consent,
}

fn size(text: &str) -> Result<u64, String> {
    crate::support::units::parse_limit(text).ok_or_else(|| "write it like 100GB".to_owned())
}
