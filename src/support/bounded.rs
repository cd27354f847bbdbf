//! Reads files that a stranger may have put there: regular files only, up to a size, so that neither a pipe nor
//! `/dev/zero` behind a link can hang or fill this process.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::quiet;

/// Files larger than this are not configuration; reading one would only cost memory.
pub const CONFIGURATION: u64 = 16 << 20;

/// The content of the file at `path`, links followed.
///
/// # Errors
/// When it is not a regular file, is larger than `max` bytes, or cannot be read.
pub fn read(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("is not a regular file"));
    }
    if metadata.len() > max {
        return Err(io::Error::other("is larger than such a file can be"));
    }
    // A vector that grows may end with twice the room that it needs.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0).saturating_add(1));
    // Notes lie among the files of models: that they were read is no use of these.
    quiet::file(path)?.take(max).read_to_end(&mut bytes)?;
    Ok(bytes)
}
