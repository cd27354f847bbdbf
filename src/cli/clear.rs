//! `modelstrap clear`

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;

use super::Consent;

/// Flags of `modelstrap clear`.
#[derive(Debug, Clone, Args)]
pub struct ClearArgs {
    /// What goes: `models`, `app`, `all`; `trash`, what earlier runs removed; or a model of the project, a repository (org/name, org/name@REVISION), a file such as
    /// large-v3.pt, an application cache, a path
    #[arg(value_name = "models|app|all|trash|MODEL", required_unless_present = "undo")]
    pub what: Vec<OsString>,
    /// Also what another project's lock needs
    #[arg(short, long)]
    pub force: bool,
    /// How what is removed can be brought back.
    #[command(flatten)]
    pub trash: Trash,
    /// Leave what is being downloaded: into which an unfinished download wrote less than so long ago [default: 1m]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub grace: Option<Duration>,
    /// Consent.
    #[command(flatten)]
    pub consent: Consent,
}

/// Whether what is removed can be brought back.
#[derive(Debug, Clone, Default, Args)]
pub struct Trash {
    /// Bring back what the last `clear`, `prune` or `models remove --purge` removed, as long as it is kept
    #[arg(long, conflicts_with_all = ["now", "undo_for"])]
    pub undo: bool,
    /// Free it at once: it cannot be brought back
    #[arg(long, conflicts_with = "undo_for")]
    pub now: bool,
    /// How long it is kept, and takes its room on the disk, so that --undo brings it back [default: 1h; 0 where the disk is nearly full]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub undo_for: Option<Duration>,
}

/// `30d`, `1h 30m`, `0`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    humantime::parse_duration(text).map_err(|_| "write it like 30d, 12h or 0".to_owned())
}
