//! Reading contents: comparing two, hashing one, copying one to another disk and proving the copy.

use std::ffi::OsStr;
use std::fs::{File, FileTimes, Metadata};
use std::io::{self, Read, Seek as _, Write as _};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::dir::{Dir, Look};
use super::store::is_payload;
use super::work::{Stop, Work, check, is_full, temporary};
use crate::fetch::Digest;

/// How much is read at once, in bytes.
const BLOCK: usize = 256 << 10;

enum Hasher {
    Sha256(Sha256),
    Git(Sha1),
}

impl Hasher {
    fn like(like: Option<&Digest>, size: u64) -> Self {
        match like {
            Some(Digest::Git(_)) => Self::Git(Sha1::new_with_prefix(format!("blob {size}\0"))),
            _ => Self::Sha256(Sha256::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Git(hash) => hash.update(bytes),
        }
    }

    fn finish(self) -> Digest {
        match self {
            Self::Sha256(hash) => Digest::Sha256(hash.finalize().into()),
            Self::Git(hash) => Digest::Git(hash.finalize().into()),
        }
    }
}

/// Reads until `block` is full or the file ends: a compare needs the same pieces of both.
fn fill(file: &mut File, block: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match file.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl Work<'_> {
    /// Whether both hold the same bytes.
    pub(super) fn same_bytes(&self, mut one: File, mut other: File) -> Result<io::Result<bool>, Stop> {
        let (mut left, mut right) = (vec![0; BLOCK], vec![0; BLOCK]);
        loop {
            check()?;
            let (Ok(count), Ok(second)) = (fill(&mut one, &mut left), fill(&mut other, &mut right)) else {
                return Ok(Err(io::Error::other("cannot be read")));
            };
            if left[..count] != right[..second] {
                return Ok(Ok(false));
            }
            if count == 0 {
                return Ok(Ok(true));
            }
            self.progress(count as u64);
        }
    }

    /// The digest of what `file` holds, of the same kind as `like`.
    pub(super) fn digest(&self, mut file: File, like: Option<&Digest>) -> Result<io::Result<Digest>, Stop> {
        let size = match file.metadata() {
            Ok(found) => found.len(),
            Err(error) => return Ok(Err(error)),
        };
        let mut hasher = Hasher::like(like, size);
        let mut block = vec![0; BLOCK];
        loop {
            check()?;
            match fill(&mut file, &mut block) {
                Ok(0) => return Ok(Ok(hasher.finish())),
                Ok(count) => {
                    hasher.update(&block[..count]);
                    self.progress(count as u64);
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Copies the file `name` of `from`, which is `look`, to `new` in `to`, where nothing may stand. Until it is whole and read
    /// back it lies in `room`, on the same disk. `expected` is what its bytes must be. The inner error says why it stays.
    pub(super) fn copy(
        &mut self,
        (from, name): (&Dir, &OsStr),
        look: &Look,
        (to, new): (&Dir, &OsStr),
        room: &Dir,
        expected: Option<&Digest>,
    ) -> Result<io::Result<()>, Stop> {
        self.find_kin((from, name), look)?;
        if let Some(known) = self.kin.copies.known(look) {
            let there = known.parent().zip(known.file_name());
            let linked = there.map(|(folder, file)| Dir::open(folder).and_then(|folder| folder.link(file, to, new)));
            if matches!(linked, Some(Ok(()))) {
                to.sync();
                self.spread(look, &to.path.join(new));
                return Ok(Ok(()));
            }
        }
        let unfinished = temporary(new);
        let _ = room.unlink(&unfinished);
        let done = self.copy_to((from, name), look, (room, &unfinished), expected);
        let done = match done {
            Ok(Ok(())) => room.rename(&unfinished, to, new),
            other => {
                let _ = room.unlink(&unfinished);
                return match other {
                    Ok(Err(error)) if is_full(&error) => Err(Stop::Full(to.path.clone(), error)),
                    other => other,
                };
            }
        };
        if done.is_err() {
            let _ = room.unlink(&unfinished);
            return Ok(done);
        }
        to.sync();
        if look.stamp.names > 1 || is_payload(&from.path.join(name)) {
            self.kin.copies.note(look, to.path.join(new));
            self.spread(look, &to.path.join(new));
        }
        Ok(Ok(()))
    }

    fn copy_to(
        &self,
        (from, name): (&Dir, &OsStr),
        look: &Look,
        (room, unfinished): (&Dir, &OsStr),
        expected: Option<&Digest>,
    ) -> Result<io::Result<()>, Stop> {
        let opened = from.file(name).and_then(|source| {
            let metadata = source.metadata()?;
            Ok((source, metadata, room.create(unfinished, 0o600)?))
        });
        let (source, metadata, mut copy) = match opened {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error)),
        };
        let digest = if is_cloned(&source, &copy) {
            None
        } else {
            match self.stream(source, &mut copy, expected)? {
                Ok(digest) => Some(digest),
                Err(error) => return Ok(Err(error)),
            }
        };
        if let Some(digest) = digest {
            forget(&copy);
            let read = copy.rewind().and_then(|()| copy.try_clone());
            let read = match read {
                Ok(file) => self.digest(file, expected)?,
                Err(error) => Err(error),
            };
            match read {
                Ok(found) if found == digest => {}
                Ok(_) => {
                    return Ok(Err(io::Error::other("the copy read back is another content: the disk is not sound")));
                }
                Err(error) => return Ok(Err(error)),
            }
            if expected.is_some_and(|expected| *expected != digest) {
                return Ok(Err(io::Error::other("its bytes are not what its name says: it is damaged")));
            }
        }
        // After it was read back, which is no use of it.
        if let Err(error) = settle(&copy, &metadata, look) {
            return Ok(Err(error));
        }
        let same = from.look(name).map(|now| now.is_some_and(|now| now.stamp.is_same_content(&look.stamp)));
        Ok(same.and_then(|same| if same { Ok(()) } else { Err(io::Error::other("changed while it was copied")) }))
    }

    fn stream(&self, mut source: File, copy: &mut File, like: Option<&Digest>) -> Result<io::Result<Digest>, Stop> {
        let size = source.metadata().map_or(0, |found| found.len());
        let mut hasher = Hasher::like(like, size);
        let mut block = vec![0; BLOCK];
        loop {
            check()?;
            let done = fill(&mut source, &mut block).and_then(|count| {
                hasher.update(&block[..count]);
                copy.write_all(&block[..count])?;
                Ok(count)
            });
            match done {
                Ok(0) => return Ok(copy.sync_all().map(|()| hasher.finish())),
                Ok(count) => self.progress(count as u64),
                Err(error) => return Ok(Err(error)),
            }
        }
    }
}

/// Mode, times and, where we may, the owner: what tells when a model was used last goes with it.
fn settle(copy: &File, source: &Metadata, look: &Look) -> io::Result<()> {
    copy.set_permissions(source.permissions())?;
    own(copy, source);
    let time = |at: i128| {
        let nanoseconds = u64::try_from(at.max(0)).unwrap_or(u64::MAX);
        std::time::UNIX_EPOCH + std::time::Duration::from_nanos(nanoseconds)
    };
    copy.set_times(FileTimes::new().set_accessed(time(look.stamp.accessed)).set_modified(time(look.stamp.modified)))?;
    copy.sync_all()
}

#[cfg(unix)]
fn own(copy: &File, source: &Metadata) {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    if rustix::process::geteuid().is_root() {
        let _ = fchown(copy, Some(source.uid()), Some(source.gid()));
    }
}

#[cfg(not(unix))]
fn own(_: &File, _: &Metadata) {}

/// A copy that shares its blocks, where two folders are two file systems by name only (btrfs' subvolumes).
#[cfg(target_os = "linux")]
fn is_cloned(source: &File, copy: &File) -> bool {
    rustix::fs::ioctl_ficlone(copy, source).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn is_cloned(_: &File, _: &File) -> bool {
    false
}

/// Lets the kernel forget what it has of the file, so that what is read back comes from the disk.
#[cfg(target_os = "linux")]
fn forget(file: &File) {
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn forget(_: &File) {}

/// At most `limit` bytes of the file `name`.
pub(super) fn small(dir: &Dir, name: &OsStr, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    dir.file(name)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The file at `path`, whose last part is no link.
pub(super) fn file_at(path: &Path) -> io::Result<File> {
    let (folder, name) = path.parent().zip(path.file_name()).ok_or(io::ErrorKind::NotFound)?;
    Dir::open(folder)?.file(name)
}
