//! `modelstrap dedupe`

use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;

/// Flags of `modelstrap dedupe`.
#[derive(Debug, Clone, Args)]
pub struct DedupeArgs {
    /// Leave smaller files alone, such as 100kB
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = size)]
    pub min_size: u64,
    /// Leave files alone that were changed within this time, such as 1day; 0 for none
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = time)]
    pub grace: Duration,
    /// Also make files on other disks links to the hub's copy
    #[arg(long)]
    pub symlinks: bool,
    /// With --dry-run, compare the bytes of each pair already
    #[arg(long, requires = "dry_run")]
    pub compare: bool,
    /// Never ask
    #[arg(short, long, env = "MODELSTRAP_YES", value_parser = FalseyValueParser::new())]
    pub yes: bool,
    /// Change nothing: show the plan; into a file or a pipe, print it as a shell script
    #[arg(short = 'n', long, env = "MODELSTRAP_DRY_RUN", value_parser = FalseyValueParser::new())]
    pub dry_run: bool,
}

impl DedupeArgs {
    /// `--min-size` where none is given, in bytes.
    pub const MIN_SIZE: u64 = 1 << 20;
    /// `--grace` where none is given.
    pub const GRACE: Duration = Duration::from_secs(3600);
}

fn size(text: &str) -> Result<u64, String> {
    crate::support::units::parse_limit(text).ok_or_else(|| "write it like 100kB".to_owned())
}

fn time(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    humantime::parse_duration(text).map_err(|_| "write it like 30min, 1h or 2days".to_owned())
}
