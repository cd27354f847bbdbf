//! Makes equal files one: by shared blocks, a second name, or a link to the copy in the hub.
//!
//! A pair that was found is believed by nobody here. Both files are opened, compared byte by byte through their descriptors with
//! their stamps before and after, and the name changes in one step, with the old file kept until it is certain that it was the
//! one that was compared. There is no moment without the file.

#[cfg(unix)]
mod attributes;
pub mod leftovers;
mod notes;
#[cfg(unix)]
mod one;
#[cfg(unix)]
mod place;
mod replace;
mod repoint;
mod roots;
#[cfg(unix)]
mod worker;

pub use notes::{guard, remember};
pub use replace::{Done, Job, Outcome, compare, replace};
pub use repoint::{lead, repoint, tidy_beside};
pub use roots::{Root, Unseen, damaged, line as note_line, look, note, roots};

use std::path::Path;

use crate::support::digest;

/// How the temporary names of a run begin that works for the cache at `cache_root`.
pub fn prefix(cache_root: &Path) -> String {
    let tag = digest::sha256(cache_root.as_os_str().as_encoded_bytes());
    format!(".modelstrap-dedupe-{}-", tag.get(..8).unwrap_or_default())
}

/// The temporary name beside `name`. It says for which name it stands, so that the next run can put right what a killed one left.
fn temporary(prefix: &str, name: &std::ffi::OsStr) -> String {
    let tag = digest::sha256(name.as_encoded_bytes());
    format!("{prefix}{}", tag.get(..16).unwrap_or_default())
}
