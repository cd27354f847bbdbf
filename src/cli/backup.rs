//! `modelstrap backup`

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};

/// Flags of `modelstrap backup`.
#[derive(Debug, Clone, Args)]
pub struct BackupArgs {
    /// The archive to write: NAME.tar.zst, NAME.tar.gz or NAME.tar; `-` for standard output
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
    /// Only these: a model of the project, a repository as org/name or org/name@REVISION, a file or folder of the cache
    #[arg(value_name = "MODEL")]
    pub models: Vec<OsString>,
    /// How to compress it; by its name, unless this is given
    #[arg(long, value_enum, value_name = "HOW")]
    pub compress: Option<Compress>,
    /// How hard to compress: 1 to 19 with zstd, 1 to 9 with gzip. Weights hardly get smaller beyond 1, which is what it is unless
    /// this is given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=19))]
    pub level: Option<u8>,
    /// Store contents that are other than their names promise, instead of refusing
    #[arg(long)]
    pub allow_damaged: bool,
    /// Replace an archive of this name without asking
    #[arg(short, long, env = "MODELSTRAP_YES", value_parser = FalseyValueParser::new())]
    pub yes: bool,
    /// Show what would be stored, and write nothing
    #[arg(short = 'n', long, env = "MODELSTRAP_DRY_RUN", value_parser = FalseyValueParser::new())]
    pub dry_run: bool,
}

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compress {
    /// Zstandard
    Zstd,
    /// gzip, for systems without zstd: ten times as slow
    Gzip,
    /// Not at all
    None,
}
