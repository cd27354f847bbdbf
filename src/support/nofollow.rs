//! Writing in a folder that a stranger may have prepared: no link is followed, and no pipe waited for.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use super::escape;

/// Opens the regular file at `path` as `options` say.
///
/// # Errors
/// What the disk says; where `path` is a link or no regular file, that.
pub fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    guard(options, path)?;
    let file = options.open(path).map_err(|error| if is_link(path) { link(path) } else { error })?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other(format!("{} is not a regular file", escape::path(path))));
    }
    Ok(file)
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
}

fn link(path: &Path) -> io::Error {
    io::Error::other(format!("{} is a link, and nothing is written through one: remove it", escape::path(path)))
}

#[cfg(unix)]
fn guard(options: &mut OpenOptions, _: &Path) -> io::Result<()> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    options.custom_flags(i32::try_from(flags).unwrap_or(0));
    Ok(())
}

#[cfg(not(unix))]
fn guard(_: &mut OpenOptions, path: &Path) -> io::Result<()> {
    if is_link(path) { Err(link(path)) } else { Ok(()) }
}
