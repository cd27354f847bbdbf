//! `modelstrap models` and its verbs.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand, ValueEnum};

use super::clear::duration;
use crate::support::units;

/// `modelstrap models`
#[derive(Debug, Clone, Args)]
pub struct ModelsArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: ModelsVerb,
}

/// What to do with the project's models.
#[derive(Debug, Clone, Subcommand)]
pub enum ModelsVerb {
    /// Show each model: whether it is here, how large it is, who reads it
    List,
    /// Name models in the manifest, lock them, and download them
    Add(AddArgs),
    /// Take models out of the manifest and the lock
    Remove(RemoveArgs),
    /// Ask the sources what the models are, and write modelstrap.lock
    Lock(LockArgs),
    /// Move models to what their branch or release is now
    Update(UpdateArgs),
    /// Bring what is missing onto this machine
    Download(DownloadArgs),
    /// Read every byte again and compare it with the lock; no network
    Verify(VerifyArgs),
    /// Print the local path that a program should open
    Path(PathArgs),
    /// Find a model in the catalogue, and on the Hub when online
    Search(SearchArgs),
    /// Write a bill of materials of the locked models
    Export(ExportArgs),
    /// Look into weights for code that would run when they are loaded
    Scan(ScanArgs),
}

/// Consent and preview, of every verb that changes something.
#[derive(Debug, Clone, Default, Args)]
pub struct Consent {
    /// Never ask
    #[arg(short, long, env = "MODELSTRAP_YES", value_parser = FalseyValueParser::new())]
    pub yes: bool,
    /// Show what would be done, and change nothing
    #[arg(short = 'n', long, env = "MODELSTRAP_DRY_RUN", value_parser = FalseyValueParser::new())]
    pub dry_run: bool,
}

/// How a download goes, of every verb that downloads.
#[derive(Debug, Clone, Default, Args)]
pub struct Transfer {
    /// At most this many connections (default: by cores and files)
    #[arg(long, value_name = "N", env = "MODELSTRAP_MAX_WORKERS", value_parser = workers)]
    pub max_workers: Option<usize>,
    /// At most this much a second, as in 10MB
    #[arg(long, value_name = "SIZE", env = "MODELSTRAP_LIMIT_RATE", value_parser = rate)]
    pub limit_rate: Option<u64>,
    /// Accept pickles whose imports are unknown: they run code when they are loaded
    #[arg(long, env = "MODELSTRAP_ALLOW_PICKLE", value_parser = FalseyValueParser::new())]
    pub allow_pickle: bool,
}

/// Flags of `modelstrap models add`.
#[derive(Debug, Clone, Args)]
pub struct AddArgs {
    /// A well-known name, or a source such as hf:OWNER/NAME@REVISION or openai-whisper:large-v3
    #[arg(required = true, value_name = "SPEC")]
    pub specs: Vec<String>,
    /// The name in the manifest (default: from the spec); for one model
    #[arg(long, value_name = "NAME")]
    pub key: Option<String>,
    /// Only files that match, as in '*.json'; may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub include: Vec<String>,
    /// No files that match; may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<String>,
    /// A branch, tag or commit
    #[arg(long, value_name = "REVISION")]
    pub revision: Option<String>,
    /// Which weights, where a repository holds them several times: auto, all, or formats such as safetensors,onnx
    #[arg(long, value_name = "auto|all|FORMAT,…", value_delimiter = ',')]
    pub weights: Vec<String>,
    /// Only on machines that are all of these: gpu, cuda, rocm, apple, cpu, linux, macos, windows
    #[arg(long, value_name = "MACHINE,…", value_delimiter = ',')]
    pub when: Vec<String>,
    /// The project also works without it
    #[arg(long)]
    pub optional: bool,
    /// It needs an account that was granted access
    #[arg(long)]
    pub gated: bool,
    /// The environment of the manifest that a package is installed into
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Name and lock it, and leave the download for later
    #[arg(long, env = "MODELSTRAP_NO_DOWNLOAD", value_parser = FalseyValueParser::new())]
    pub no_download: bool,
    /// How the download goes.
    #[command(flatten)]
    pub transfer: Transfer,
    /// Consent and preview.
    #[command(flatten)]
    pub consent: Consent,
}

/// Flags of `modelstrap models remove`.
#[derive(Debug, Clone, Args)]
pub struct RemoveArgs {
    /// Names in the manifest; `KEY/NAME` for one of a list
    #[arg(required = true, value_name = "MODEL")]
    pub models: Vec<String>,
    /// Remove their files from the cache, too; `modelstrap clear --undo` brings them back
    #[arg(long)]
    pub purge: bool,
    /// With `--purge`: also files outside the project of which nobody knows who else uses them
    #[arg(long, requires = "purge")]
    pub force: bool,
    /// With `--purge`: free them at once, so that they cannot be brought back
    #[arg(long, requires = "purge", conflicts_with = "undo_for")]
    pub now: bool,
    /// With `--purge`: how long they are kept, and take their room on the disk, so that they can be brought back [default: 1h; 0 where the disk is nearly full]
    #[arg(long, requires = "purge", value_name = "TIME", value_parser = duration)]
    pub undo_for: Option<Duration>,
    /// Consent and preview.
    #[command(flatten)]
    pub consent: Consent,
}

/// Flags of `modelstrap models lock`.
#[derive(Debug, Clone, Args)]
pub struct LockArgs {
    /// Change nothing; exit 3 if the lock does not fit the manifest
    #[arg(long, env = "MODELSTRAP_CHECK", value_parser = FalseyValueParser::new())]
    pub check: bool,
    /// Consent and preview.
    #[command(flatten)]
    pub consent: Consent,
}

/// Flags of `modelstrap models update`.
#[derive(Debug, Clone, Args)]
pub struct UpdateArgs {
    /// Only these
    #[arg(value_name = "MODEL")]
    pub models: Vec<String>,
    /// Consent and preview.
    #[command(flatten)]
    pub consent: Consent,
}

/// Flags of `modelstrap models download`.
#[derive(Debug, Clone, Default, Args)]
pub struct DownloadArgs {
    /// Only these: names in the manifest, or sources that it does not name
    #[arg(value_name = "MODEL")]
    pub models: Vec<String>,
    /// Fail if the manifest and the lock disagree
    #[arg(long, env = "MODELSTRAP_LOCKED", value_parser = FalseyValueParser::new())]
    pub locked: bool,
    /// Take the lock as it is: ask no server what a model is
    #[arg(long, env = "MODELSTRAP_FROZEN", value_parser = FalseyValueParser::new())]
    pub frozen: bool,
    /// Which weights, where a repository holds them several times: auto, all, or formats such as safetensors,onnx
    #[arg(long, value_name = "auto|all|FORMAT,…", value_delimiter = ',', env = "MODELSTRAP_WEIGHTS")]
    pub weights: Vec<String>,
    /// Also the models that are for other machines
    #[arg(long, env = "MODELSTRAP_ALL_PLATFORMS", value_parser = FalseyValueParser::new())]
    pub all_platforms: bool,
    /// How the download goes.
    #[command(flatten)]
    pub transfer: Transfer,
    /// Consent and preview.
    #[command(flatten)]
    pub consent: Consent,
}

/// Flags of `modelstrap models verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// Only these
    #[arg(value_name = "MODEL")]
    pub models: Vec<String>,
    /// Fetch what is damaged or missing, and nothing else
    #[arg(long, env = "MODELSTRAP_FIX", value_parser = FalseyValueParser::new())]
    pub fix: bool,
    /// How the download goes.
    #[command(flatten)]
    pub transfer: Transfer,
    /// Consent and preview.
    #[command(flatten)]
    pub consent: Consent,
}

/// Flags of `modelstrap models path`.
#[derive(Debug, Clone, Args)]
pub struct PathArgs {
    /// A name in the manifest, or a source
    pub model: String,
    /// One file of it
    pub file: Option<String>,
}

/// Flags of `modelstrap models search`.
#[derive(Debug, Clone, Args)]
pub struct SearchArgs {
    /// What its name holds
    pub word: String,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
}

/// Flags of `modelstrap models export`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// The form of the document
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "cyclonedx")]
    pub format: ExportFormat,
    /// Into this file, instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Forms of a bill of materials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// `CycloneDX` 1.6, JSON
    Cyclonedx,
}

/// Flags of `modelstrap models scan`.
#[derive(Debug, Clone, Args)]
pub struct ScanArgs {
    /// Only these: names in the manifest, or files and folders
    #[arg(value_name = "MODEL|PATH")]
    pub targets: Vec<OsString>,
}

/// A number of connections.
pub(super) fn workers(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=256).contains(count));
    count.ok_or_else(|| "a number from 1 to 256 is expected".to_owned())
}

/// A number of bytes a second, `/s` or not.
fn rate(text: &str) -> Result<u64, String> {
    let bytes = units::parse_bytes(text.trim().trim_end_matches("/s")).filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| "a size such as 10MB or 500kB is expected".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        models: ModelsArgs,
    }

    fn read(line: &str) -> Result<ModelsVerb, String> {
        let words = std::iter::once("models").chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.models.verb).map_err(|error| error.to_string())
    }

    #[test]
    fn every_verb_is_well_formed() {
        Line::command().debug_assert();
    }

    #[test]
    fn the_flags_of_a_download_are_read() {
        let read = read("download asr vad --frozen --max-workers 4 --limit-rate 10MB/s --weights safetensors,onnx -y");
        let Ok(ModelsVerb::Download(given)) = read else { panic!("{read:?}") };
        assert_eq!(given.models, ["asr", "vad"]);
        assert_eq!(given.weights, ["safetensors", "onnx"]);
        assert_eq!((given.transfer.max_workers, given.transfer.limit_rate), (Some(4), Some(10_000_000)));
        assert!(given.frozen && given.consent.yes && !given.locked && !given.all_platforms);
    }

    #[test]
    fn what_is_no_number_of_connections_and_no_rate_is_refused() {
        for (line, why) in [
            ("download --max-workers 0", "a number from 1 to 256 is expected"),
            ("download --max-workers many", "a number from 1 to 256 is expected"),
            ("download --limit-rate fast", "a size such as 10MB or 500kB is expected"),
            ("download --limit-rate 0", "a size such as 10MB or 500kB is expected"),
            ("add", "<SPEC>..."),
            ("remove", "<MODEL>..."),
        ] {
            let refused = read(line).unwrap_err();
            assert!(refused.contains(why), "{line}: {refused}");
        }
    }
}
