//! Reads pickles without running them. Loading a pickle runs code: whatever it imports and calls. So a file of weights
//! whose digest nobody vouches for is read opcode by opcode against torch's own `weights_only` list, and refused when it
//! would import anything else.
//!
//! Files are known by their content: a pickle may have any name, lie in an archive, or come after another one. Tensors
//! are never read, only the first bytes of each member; memory is bounded, and so is time by the file's own length.

mod bytes;
mod kind;
mod machine;
mod names;
mod report;
mod scan;
mod tar;
mod texts;
mod walk;
mod zip;

use std::fs::File;
use std::io;
use std::path::Path;

pub use kind::Kind;
pub use report::{Import, Report, Verdict};

/// What loading the file at `path` would do; links are followed. Nothing of it is executed.
///
/// # Errors
/// When it is no regular file, cannot be read, or the person stopped it
/// (the error holds [`Interrupted`](crate::support::interrupt::Interrupted)).
pub fn scan(path: &Path) -> io::Result<Report> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("is not a regular file"));
    }
    let file = File::open(path)?;
    scan::scan(&bytes::Whole { file: &file, len: metadata.len() })
}

/// Who sees a member of an archive: its name, as foreign as the archive, its length as the archive claims it, its bytes.
pub type Visit<'a> = dyn FnMut(&str, u64, &mut dyn io::Read) -> io::Result<()> + 'a;

/// Shows `visit` every member of the zip at `path`, in the archive's order. Names may come twice.
///
/// # Errors
/// When it cannot be read, is no sound archive, or what `visit` says.
pub fn each_member(path: &Path, visit: &mut Visit<'_>) -> io::Result<()> {
    let file = File::open(path)?;
    let bytes = bytes::Whole { file: &file, len: file.metadata()?.len() };
    for member in zip::members(&bytes)? {
        match member.content(&bytes)? {
            zip::Content::Stored(window) => visit(&member.name, member.size, &mut zip::Reading(window, 0))?,
            zip::Content::Deflated(window) => visit(&member.name, member.size, &mut zip::inflate(window))?,
        }
    }
    Ok(())
}

/// What loading these bytes would do.
///
/// # Errors
/// When the person stopped it.
pub fn scan_bytes(bytes: &[u8]) -> io::Result<Report> {
    scan::scan(&bytes)
}
