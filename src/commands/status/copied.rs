//! Whether a `.env` leads programs to a cache although no setup of this folder says so, as in a copy of a project: its record is the original's,
//! and counts for nothing here, while the variables in its files are as real as before.

use super::Report;
use crate::generate::dotenv;
use crate::plan::block;
use crate::support::{bounded, escape, quoted};

/// The variable that every block has.
const ROOT: &str = "PRIMARY_CACHE_PATH";

/// In a line; `None` where `.env` leads nowhere.
pub(super) fn line(report: &Report<'_>) -> Option<String> {
    let file = bounded::read(&report.project.root.join(".env"), bounded::CONFIGURATION).ok()?;
    let body = String::from_utf8(block::find(&file).ok()??.body).ok()?;
    let found = body.lines().find_map(|line| Some((line, line.strip_prefix(ROOT)?.strip_prefix('=')?)));
    let (line, value) = found?;
    let here = dotenv::line(ROOT, &quoted::text(&report.layout.cache_root));
    Some(if line == here {
        "Set up, but not from here, as a copy is: .env leads to the cache root, and the shell's hook follows after `modelstrap setup`\n"
            .to_owned()
    } else {
        let there = escape::printable(value.trim_matches('\''));
        format!("Not set up: .env leads to {there}, as in a copy; `modelstrap setup` leads it to the cache root\n")
    })
}
