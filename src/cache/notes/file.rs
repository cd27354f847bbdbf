//! Files in a folder that a stranger may have prepared: nothing is written through a link, and nothing stays half.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::lock::is_at;
use crate::support::nofollow::open;
use crate::support::{bounded, own_folder};

/// How long another process may take over the same file.
const PATIENCE: Duration = Duration::from_secs(2);

/// How the names of files end that are not whole yet.
const UNFINISHED: &str = ".modelstrap-note";

/// How much is written or compared at a time, in bytes.
const BUFFER: usize = 64 << 10;

const POLL: Duration = Duration::from_millis(5);

/// Makes the notes' folder of `cache_root` and `below` in it, and gives its path. The cache root itself is not made.
///
/// # Errors
/// What the disk says; where one of them is a link or a file.
pub(in crate::cache) fn room(cache_root: &Path, below: &str) -> io::Result<PathBuf> {
    let mode = fs::metadata(cache_root)?;
    let own = super::folder(cache_root);
    let fresh = fs::symlink_metadata(&own).is_err();
    own_folder::make(&own)?;
    refuse_link(&own)?;
    if fresh {
        share(&own, &mode);
    }
    if below.is_empty() {
        return Ok(own);
    }
    let folder = own.join(below);
    match fs::create_dir(&folder) {
        Ok(()) => share(&folder, &mode),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    refuse_link(&folder)?;
    Ok(folder)
}

/// A cache that several people read or write has notes that they all read or write; where everybody may write, nobody may remove
/// another's.
#[cfg(unix)]
fn share(folder: &Path, root: &fs::Metadata) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = root.permissions().mode() & 0o2777;
    let sticky = if mode & 0o002 != 0 { 0o1000 } else { 0 };
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700 | mode | sticky));
}

/// The same for a file that was made just now in a folder of the notes.
#[cfg(unix)]
fn share_file(file: &File, path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = path.parent().and_then(|folder| fs::metadata(folder).ok());
    if let Some(mode) = folder.map(|found| found.permissions().mode()) {
        let _ = file.set_permissions(fs::Permissions::from_mode(0o600 | mode & 0o066));
    }
}

#[cfg(not(unix))]
fn share(_: &Path, _: &fs::Metadata) {}

#[cfg(not(unix))]
fn share_file(_: &File, _: &Path) {}

/// Whether `path` is a folder, and no link to one.
pub(in crate::cache) fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

fn refuse_link(folder: &Path) -> io::Result<()> {
    if is_folder(folder) {
        return Ok(());
    }
    Err(io::Error::other(format!("{} is no folder", folder.display())))
}

/// The content of a note; of a link, nothing.
///
/// # Errors
/// When it is no regular file, is larger than `max` bytes, or cannot be read.
pub(in crate::cache) fn read(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    if fs::symlink_metadata(path)?.is_symlink() {
        return Err(io::Error::other("is a link"));
    }
    bounded::read(path, max)
}

/// Replaces `path` in one step. Who writes the same file at the same time is waited for; what a killed one left is taken over.
///
/// # Errors
/// What the disk says.
pub(in crate::cache) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, &mut |file| file.write_all(bytes))
}

/// The same with what `write` writes: a lock of tens of thousands of files need not be in memory twice.
pub(super) fn replace_with(path: &Path, write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}{UNFINISHED}"));
    let file = take(&temporary)?;
    share_file(&file, path);
    let written = file
        .set_len(0)
        .and_then(|()| {
            let mut buffered = BufWriter::with_capacity(BUFFER, &file);
            write(&mut buffered)?;
            buffered.flush()
        })
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Whether the file at `path` is, byte for byte, what `write` writes; one above `largest` bytes is not.
pub(super) fn is_what(
    path: &Path,
    largest: u64,
    write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> io::Result<bool> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_file() || found.len() > largest {
        return Ok(false);
    }
    let file = File::open(path)?;
    let mut same = Same { file: BufReader::with_capacity(BUFFER, file), room: Vec::new() };
    match write(&mut same) {
        Ok(()) => Ok(same.file.fill_buf()?.is_empty()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(false),
        Err(error) => Err(error),
    }
}

/// Compares what is written to it with a file.
struct Same {
    file: BufReader<File>,
    room: Vec<u8>,
}

impl Write for Same {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room.resize(bytes.len().min(BUFFER), 0);
        let count = self.file.read(&mut self.room)?;
        match count > 0 && self.room.get(..count) == bytes.get(..count) {
            true => Ok(count),
            false => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The temporary file, held: its lock goes with the process, so that a killed one holds nobody up.
fn take(temporary: &Path) -> io::Result<File> {
    let start = Instant::now();
    loop {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let file = open(&mut options, temporary)?;
        match file.try_lock() {
            Ok(()) if is_at(&file, temporary) => return Ok(file),
            // The other one has renamed it.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                if start.elapsed() >= PATIENCE {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                std::thread::sleep(POLL);
            }
            // A disk without locks.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Adds `line`, which ends in a newline, to the end of `path`, in one write.
///
/// # Errors
/// What the disk says; where `path` is a link or no regular file.
pub(super) fn append(path: &Path, line: &str) -> io::Result<()> {
    added(path, line).map(drop)
}

/// The same, and on the disk when it returns.
///
/// # Errors
/// As there.
pub(in crate::cache) fn append_durably(path: &Path, line: &str) -> io::Result<()> {
    added(path, line)?.sync_data()
}

fn added(path: &Path, line: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    let mut file = open(&mut options, path)?;
    if file.metadata()?.len() == 0 {
        share_file(&file, path);
    }
    file.write_all(line.as_bytes())?;
    Ok(file)
}

/// Sets when `path` was changed last, in seconds since 1970.
///
/// # Errors
/// What the disk says, such as that it is another user's file.
pub(super) fn touch(path: &Path, when: i64) -> io::Result<()> {
    let when = std::time::UNIX_EPOCH + Duration::from_secs(u64::try_from(when).unwrap_or(0));
    let mut options = OpenOptions::new();
    options.write(true);
    open(&mut options, path)?.set_modified(when)
}

/// When `path` itself was changed last, in seconds since 1970.
pub(super) fn changed(path: &Path) -> Option<i64> {
    let since = fs::symlink_metadata(path).ok()?.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

/// Removes a note of ours, where it is there.
pub(super) fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}

/// Removes what killed processes left half-written in `folder`.
pub(super) fn remove_unfinished(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        if !entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
            continue;
        }
        let mut options = OpenOptions::new();
        options.write(true);
        // Who holds it is about to rename it.
        if open(&mut options, &entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            remove(&entry.path());
        }
    }
}

/// Removes `folder`, where nothing is left in it.
pub(super) fn remove_bare(folder: &Path) {
    let _ = fs::remove_dir(folder);
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn nothing_is_written_through_a_link() {
        let room_ = tempfile::tempdir().unwrap();
        let (root, victim) = (room_.path().join("cache"), room_.path().join("victim"));
        fs::create_dir(&root).unwrap();
        fs::create_dir(&victim).unwrap();
        fs::write(victim.join("file"), "mine").unwrap();
        symlink(&victim, root.join(".modelstrap")).unwrap();
        assert!(room(&root, "projects").is_err());
        fs::remove_file(root.join(".modelstrap")).unwrap();
        let folder = room(&root, "").unwrap();
        symlink(&victim, folder.join("projects")).unwrap();
        assert!(room(&root, "projects").is_err());
        symlink(victim.join("file"), folder.join("note")).unwrap();
        assert!(append(&folder.join("note"), "x\n").is_err());
        assert!(touch(&folder.join("note"), 5).is_err());
        assert!(read(&folder.join("note"), 10).is_err());
        // The link itself gives way.
        replace(&folder.join("note"), b"new").unwrap();
        symlink(victim.join("file"), folder.join(".two.modelstrap-note")).unwrap();
        assert!(replace(&folder.join("two"), b"new").is_err());
        assert_eq!(fs::read(victim.join("file")).unwrap(), b"mine");
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 1);
        assert!(room(&room_.path().join("missing"), "projects").is_err(), "no cache root is made");
    }

    #[test]
    fn a_cache_that_a_group_writes_to_has_notes_that_it_writes_to() {
        let room_ = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        for (root, expected, file) in [(0o775, 0o775, 0o664), (0o777, 0o1777, 0o666), (0o700, 0o700, 0o600)] {
            let cache = room_.path().join(format!("{root:o}"));
            fs::create_dir(&cache).unwrap();
            fs::set_permissions(&cache, fs::Permissions::from_mode(root)).unwrap();
            let folder = room(&cache, "projects").unwrap();
            assert_eq!((mode(&folder), mode(&cache.join(".modelstrap"))), (expected, expected));
            replace(&folder.join("a"), b"x").unwrap();
            append(&folder.join("b"), "x").unwrap();
            assert_eq!((mode(&folder.join("a")), mode(&folder.join("b"))), (file, file));
        }
    }
}
