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

/// What loading these bytes would do.
///
/// # Errors
/// When the person stopped it.
pub fn scan_bytes(bytes: &[u8]) -> io::Result<Report> {
    scan::scan(&bytes)
}
