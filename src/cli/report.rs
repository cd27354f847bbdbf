//! `modelstrap report`

use std::path::PathBuf;

use clap::Args;

/// Flags of `modelstrap report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Where the page goes, `-` for stdout [default: modelstrap-report.html in the project]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file even if it is no report of modelstrap's
    #[arg(long)]
    pub force: bool,
    /// Open the page in the browser
    #[arg(long)]
    pub open: bool,
}
