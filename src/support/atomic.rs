//! Replaces a file in one step: a temporary file beside the target, same mode and owner, fsync, rename.
//!
//! A symlinked target is written through: the link stays, the file that it names is replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How many links are followed before a loop is assumed; Linux' own limit is 40.
const MAX_LINKS: usize = 40;

/// Replaces the content of `path` by `bytes`. A new file gets `mode` (or what the umask gives);
/// an existing one keeps its mode and owner. `tag` names the temporary file, so that a later run can find it.
pub fn replace(path: &Path, bytes: &[u8], mode: Option<u32>, tag: &str) -> io::Result<()> {
    let target = resolve(path)?;
    let temporary = temporary_name(&target, tag);
    let written = write_temporary(&temporary, &target, bytes, mode).and_then(|()| fs::rename(&temporary, &target));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// The name that `replace` uses beside `target` while it writes.
pub fn temporary_name(target: &Path, tag: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    target.with_file_name(format!(".{name}.modelstrap-{tag}"))
}

/// Follows the links that `path` itself is (not those of its parents) to the file behind them, existing or not.
pub fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut current = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&current) {
            Ok(next) => current = current.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return Ok(current),
        }
    }
    Err(io::Error::other(format!("{} is a loop of symbolic links", path.display())))
}

/// Whether a file can be created in `folder`: asked of the system, not tried.
///
/// # Errors
/// What the system answers: a read-only disk, a missing permission.
#[cfg(unix)]
pub fn can_write(folder: &Path) -> io::Result<()> {
    use rustix::fs::{Access, access};
    access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(Into::into)
}

/// Whether a file can be created in `folder`. Windows has no cheap answer; the write itself tells.
#[cfg(not(unix))]
pub fn can_write(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Makes the renames in `directory` durable.
pub fn sync_directory(directory: &Path) {
    // A folder cannot be opened for syncing on Windows, nor on some network disks: the rename stands all the same.
    if let Ok(handle) = File::open(directory) {
        let _ = handle.sync_all();
    }
}

fn write_temporary(temporary: &Path, target: &Path, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
    // A leftover of a killed run. `create_new` below refuses anything that somebody else puts there meanwhile.
    let _ = fs::remove_file(temporary);
    let existing = fs::metadata(target).ok();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    owner::restrict(&mut options, existing.as_ref(), mode);
    let mut file = options.open(temporary)?;
    file.write_all(bytes)?;
    owner::keep(&file, existing.as_ref(), mode)?;
    file.sync_all()
}

#[cfg(unix)]
mod owner {
    use std::fs::{File, Metadata, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};

    /// Never wider than the target, not even before the mode is set: a `.env` may hold secrets.
    pub(super) fn restrict(options: &mut OpenOptions, existing: Option<&Metadata>, mode: Option<u32>) {
        if let Some(mode) = existing.map(MetadataExt::mode).or(mode) {
            options.mode(mode & 0o777);
        }
    }

    pub(super) fn keep(file: &File, existing: Option<&Metadata>, mode: Option<u32>) -> io::Result<()> {
        if let Some(existing) = existing {
            let ours = file.metadata()?;
            if (ours.uid(), ours.gid()) != (existing.uid(), existing.gid()) {
                std::os::unix::fs::fchown(file, Some(existing.uid()), Some(existing.gid()))?;
            }
        }
        match existing.map(MetadataExt::mode).or(mode) {
            Some(mode) => file.set_permissions(Permissions::from_mode(mode & 0o7777)),
            None => Ok(()),
        }
    }
}

#[cfg(not(unix))]
mod owner {
    use std::fs::{File, Metadata, OpenOptions};
    use std::io;

    pub(super) fn restrict(_: &mut OpenOptions, _: Option<&Metadata>, _: Option<u32>) {}

    /// Windows: a new file inherits the folder's access list, which is what an editor's save leaves too.
    pub(super) fn keep(_: &File, _: Option<&Metadata>, _: Option<u32>) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_link_stays_a_link_and_the_mode_stays_the_mode() {
        let room = tempfile::tempdir().unwrap();
        let real = room.path().join("dotfiles");
        fs::create_dir(&real).unwrap();
        fs::write(real.join("bashrc"), "old").unwrap();
        fs::set_permissions(real.join("bashrc"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("dotfiles/bashrc", room.path().join(".bashrc")).unwrap();

        replace(&room.path().join(".bashrc"), b"new", None, "t").unwrap();

        assert_eq!(fs::read_link(room.path().join(".bashrc")).unwrap(), Path::new("dotfiles/bashrc"));
        assert_eq!(fs::read(real.join("bashrc")).unwrap(), b"new");
        assert_eq!(fs::metadata(real.join("bashrc")).unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(fs::read_dir(&real).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_loop_of_links_is_an_error_and_not_a_hang() {
        let room = tempfile::tempdir().unwrap();
        symlink("b", room.path().join("a")).unwrap();
        symlink("a", room.path().join("b")).unwrap();
        assert!(replace(&room.path().join("a"), b"x", None, "t").unwrap_err().to_string().contains("loop"));
    }
}
