//! `modelstrap verify`

use std::ffi::OsString;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::models::{Consent, Transfer};

/// Flags of `modelstrap verify`.
#[derive(Debug, Clone, Args)]
pub struct CacheVerifyArgs {
    /// Only these: names of the project's models, repositories such as org/name, or files and folders
    #[arg(value_name = "MODEL|PATH")]
    pub targets: Vec<OsString>,
    /// Fetch what is damaged, and nothing else; what is here a second time is copied
    #[arg(long, env = "MODELSTRAP_FIX", value_parser = FalseyValueParser::new())]
    pub fix: bool,
    /// How the download goes.
    #[command(flatten)]
    pub transfer: Transfer,
    /// Consent and preview.
    #[command(flatten)]
    pub consent: Consent,
}
