//! `modelstrap setup`

use std::path::PathBuf;

use clap::Args;
use clap::builder::{BoolishValueParser, FalseyValueParser};

use crate::support::vars::Vars;

/// Flags of `modelstrap setup`.
#[derive(Debug, Clone, Default, Args)]
pub struct SetupArgs {
    /// Never ask: take the flags, the remembered answers, the manifest, the defaults
    #[arg(short, long, env = "MODELSTRAP_YES", value_parser = FalseyValueParser::new())]
    pub yes: bool,
    /// Show the plan and the diff, and change nothing
    #[arg(short = 'n', long, conflicts_with = "check", env = "MODELSTRAP_DRY_RUN", value_parser = FalseyValueParser::new())]
    pub dry_run: bool,
    /// Change nothing; exit 3 if anything is pending: a file, a model, a lock that does not fit
    #[arg(long, env = "MODELSTRAP_CHECK", value_parser = FalseyValueParser::new())]
    pub check: bool,
    /// Make everything generated afresh, also what was edited by hand (kept for `undo`)
    #[arg(short, long, env = "MODELSTRAP_FORCE", value_parser = FalseyValueParser::new())]
    pub force: bool,
    /// Where the cache is: `project`, `user` (one for all your projects), or a folder
    #[arg(long, value_name = "WHERE", env = "MODELSTRAP_CACHE_DIR")]
    pub cache_dir: Option<String>,
    /// The libraries that the project uses
    #[arg(long, value_name = "ID,…", value_delimiter = ',', env = "MODELSTRAP_LIBRARIES")]
    pub libraries: Option<Vec<String>>,
    /// Load the variables in new shells: `auto`, `none`, or shells and rc files
    #[arg(long, value_name = "auto|SHELL,…|FILE", env = "MODELSTRAP_PROFILE")]
    pub profile: Option<String>,
    /// Make ~/.cache/whisper a link into the cache (openai-whisper reads no variable of its own)
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true", require_equals = true, env = "MODELSTRAP_LINK_WHISPER", value_parser = BoolishValueParser::new())]
    pub link_whisper: Option<bool>,
    /// Download these models at the end, instead of the manifest's: names, or sources such as openai-whisper:base
    #[arg(long, value_name = "MODEL,…", value_delimiter = ',', env = "MODELSTRAP_MODELS")]
    pub models: Option<Vec<String>>,
    /// Download no models ($SKIP_MODEL_DOWNLOAD says so, too)
    #[arg(long, env = "MODELSTRAP_NO_MODELS", value_parser = FalseyValueParser::new())]
    pub no_models: bool,
    /// At most this many connections (default: by cores and files)
    #[arg(long, value_name = "N", env = "MODELSTRAP_MAX_WORKERS", value_parser = super::models::workers)]
    pub max_workers: Option<usize>,
    /// Accept pickles whose imports are unknown: they run code when they are loaded
    #[arg(long, env = "MODELSTRAP_ALLOW_PICKLE", value_parser = FalseyValueParser::new())]
    pub allow_pickle: bool,
    /// Leave these parts out: cache, machine-config, gitignore, dotenv, snippets, profile
    #[arg(long, value_name = "PART,…", value_delimiter = ',', env = "MODELSTRAP_SKIP")]
    pub skip: Vec<String>,
    /// Work on these parts only
    #[arg(long, value_name = "PART,…", value_delimiter = ',', conflicts_with = "skip", env = "MODELSTRAP_ONLY")]
    pub only: Vec<String>,
    /// Take the machine from a folder that `detect --dump` made
    #[arg(long, value_name = "DIR", hide = true, env = "MODELSTRAP_DETECT_FROM")]
    pub from: Option<PathBuf>,
}

impl SetupArgs {
    /// Whether no model is to be downloaded, by flag or by the variable that projects used before.
    pub fn skips_models(&self, vars: &Vars) -> bool {
        self.no_models || vars.flag("SKIP_MODEL_DOWNLOAD")
    }
}
