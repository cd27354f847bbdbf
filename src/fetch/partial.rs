//! The unfinished bytes of one artifact: their names on the disk, the lock that keeps two processes apart, what an earlier
//! run left.
//!
//! `NAME.part` holds the bytes, `NAME.state` says which of them are there when they were not written from front to back.
//! NAME comes from the digest, so that two URLs of the same content continue each other's work.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
#[cfg(not(unix))]
use std::time::Duration;

use super::gate::lock;
use super::ranges::Ranges;
use super::side::{self, Identity, Side};
use super::{Artifact, Digest, Error};
use crate::support::digest::sha256;
use crate::support::lock::Lock;

/// The names of one artifact's unfinished bytes.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) part: PathBuf,
    pub(super) state: PathBuf,
}

impl Names {
    pub(super) fn of(artifact: &Artifact) -> Self {
        let stem = match &artifact.digest {
            Some(digest) => digest.hex(),
            None => format!("url-{}", sha256(artifact.url.as_bytes())),
        };
        Self::with_stem(&artifact.partials, &stem)
    }

    /// Names that no other process has.
    fn unique(artifact: &Artifact) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let stem = sha256(artifact.url.as_bytes());
        Self::with_stem(&artifact.partials, &format!("alone-{}-{number}-{stem}", std::process::id()))
    }

    fn with_stem(folder: &Path, stem: &str) -> Self {
        Self { part: folder.join(format!("{stem}.part")), state: folder.join(format!("{stem}.state")) }
    }

    /// Takes a link away: nobody makes one here but who wants the bytes to be written somewhere else. A cache can come with a
    /// project from somebody else, and the names are known beforehand.
    fn refuse_link(path: &Path) {
        if path.is_symlink() {
            // One that stays is met again when it is opened.
            let _ = fs::remove_file(path);
        }
    }

    /// Windows keeps everybody, us too, from reading a locked file through another handle: there the lock has its own file.
    fn lock(&self) -> PathBuf {
        if cfg!(unix) { self.part.clone() } else { self.part.with_extension("lock") }
    }
}

/// Unfinished bytes that this thread may write.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) names: Names,
    /// On Unix it carries the lock, too.
    pub(super) file: File,
    /// The lock's own file.
    lock: Option<Lock>,
    /// How many bytes an earlier run left in the file.
    left: u64,
    /// There may be a side file.
    sided: Cell<bool>,
    /// It has its final name, or is gone.
    released: bool,
    /// No other run can find these names.
    alone: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Nor is there anything to go on from where no byte came.
        if self.alone || (!self.released && self.length() == 0) {
            let _ = fs::remove_file(&self.names.part);
            self.forget_side();
        }
    }
}

/// Which folders can keep two processes apart.
#[derive(Debug, Default)]
pub(super) struct Folders(Mutex<HashMap<PathBuf, bool>>);

impl Folders {
    /// Tried, not believed: on some network disks every lock succeeds.
    fn locks_work(&self, folder: &Path, held: &Path) -> bool {
        let mut known = lock(&self.0);
        if let Some(works) = known.get(folder) {
            return *works;
        }
        let second = OpenOptions::new().read(true).write(true).open(held).map(|file| file.try_lock());
        let works = matches!(second, Ok(Err(TryLockError::WouldBlock)));
        known.insert(folder.to_path_buf(), works);
        works
    }
}

impl Partial {
    /// Opens the artifact's unfinished bytes, or begins them. `None` while another process has them.
    pub(super) fn open(artifact: &Artifact, folders: &Folders) -> Result<Option<Self>, Error> {
        let disk = |path: &Path| {
            let path = path.to_path_buf();
            move |source| Error::Disk { path, source }
        };
        let names = Names::of(artifact);
        let held = match Held::take(&names) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&artifact.partials).map_err(disk(&artifact.partials))?;
                Held::take(&names)
            }
            other => other,
        };
        let held = match held {
            Ok(held) => held,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(disk(&names.part)(error)),
        };
        let alone = !folders.locks_work(&artifact.partials, &names.lock());
        let (names, held) = if alone {
            // Where locks keep nobody out, a name that nobody else has does; an earlier run's bytes are not used there.
            let names = Names::unique(artifact);
            let held = Held::take(&names).map_err(disk(&names.part))?;
            (names, held)
        } else {
            (names, held)
        };
        let Held { file, lock, left } = held;
        if left > 0 {
            Names::refuse_link(&names.state);
        }
        Ok(Some(Self { names, file, lock, left, sided: Cell::new(left > 0), released: false, alone }))
    }

    /// Whether an earlier run left anything.
    pub(super) fn is_fresh(&self) -> bool {
        self.left == 0
    }

    /// How many bytes the file holds.
    pub(super) fn length(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }

    /// The side file of an earlier run, if there is one that fits `artifact`.
    pub(super) fn earlier(&self, artifact: &Artifact) -> Option<(Identity, Ranges)> {
        if self.is_fresh() { None } else { fitting(artifact, &self.names, self.length()) }
    }

    /// A fresh side file.
    pub(super) fn side(&self, identity: &Identity, done: &Ranges) -> Result<Side, Error> {
        self.sided.set(true);
        Side::create(&self.names.state, identity, done).map_err(|error| self.error(error))
    }

    /// Forgets all bytes: another file takes the name. The old one is not cut, since where locks do not work another process
    /// may have given it its final name.
    pub(super) fn renew(&mut self) -> Result<(), Error> {
        self.forget_side();
        let fresh = (|| {
            if cfg!(windows) {
                self.file.set_len(0)?;
                return Ok(None);
            }
            fs::remove_file(&self.names.part)?;
            Held::take(&self.names).map(Some)
        })();
        if let Some(Held { file, lock, .. }) = fresh.map_err(|error| self.error(error))? {
            self.lock = lock;
            self.file = file;
        }
        self.left = 0;
        Ok(())
    }

    /// The bytes are in one piece from the front, and need no side file.
    pub(super) fn forget_side(&self) {
        if self.sided.replace(false) {
            let _ = fs::remove_file(&self.names.state);
        }
    }

    /// Removes everything.
    pub(super) fn discard(self) {
        let _ = fs::remove_file(&self.names.part);
        self.release();
    }

    /// After the file got its final name: removes what is left.
    pub(super) fn release(mut self) {
        self.released = true;
        self.forget_side();
        if let Some(lock) = self.lock.take() {
            lock.remove();
        }
    }

    /// What the disk says, and of which file; a full disk as such.
    pub(super) fn error(&self, source: io::Error) -> Error {
        Error::Disk { path: self.names.part.clone(), source }
    }
}

/// A file of unfinished bytes that no other process has.
struct Held {
    file: File,
    lock: Option<Lock>,
    left: u64,
}

impl Held {
    /// Opens the file, or makes it, and locks it: one handle for both, since 20,000 files pay for each call.
    #[cfg(unix)]
    fn take(names: &Names) -> io::Result<Self> {
        use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
        let file = options.open(&names.part).or_else(|error| {
            Names::refuse_link(&names.part);
            if error.kind() == io::ErrorKind::NotFound { Err(error) } else { options.open(&names.part) }
        })?;
        match file.try_lock() {
            Ok(()) => {}
            // A disk without locks: whether they keep anybody out is tried once for each folder.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Another process may have given it its final name before we had the lock.
        let (ours, there) = (file.metadata()?, fs::metadata(&names.part)?);
        if (ours.dev(), ours.ino()) == (there.dev(), there.ino()) {
            Ok(Self { file, lock: None, left: ours.len() })
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    #[cfg(not(unix))]
    fn take(names: &Names) -> io::Result<Self> {
        [&names.part, &names.lock()].into_iter().for_each(|path| Names::refuse_link(path));
        let lock = Lock::acquire(&names.lock(), Duration::ZERO, || {})?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&names.part)?;
        let left = file.metadata()?.len();
        Ok(Self { file, lock: Some(lock), left })
    }
}

fn fitting(artifact: &Artifact, names: &Names, length: u64) -> Option<(Identity, Ranges)> {
    let (identity, done) = side::load(&names.state)?;
    let same_digest = identity.digest == artifact.digest.as_ref().map(Digest::to_string);
    let same_size = artifact.size.is_none() || artifact.size == identity.size;
    let provable = identity.digest.is_some() || identity.etag.is_some();
    let there = done.iter().last().is_none_or(|(_, end)| end <= length);
    (same_digest && same_size && provable && there).then_some((identity, done))
}

/// The files in which an earlier run left something of `artifact`.
pub fn left(artifact: &Artifact) -> Vec<PathBuf> {
    let Names { part, state } = Names::of(artifact);
    [part, state].into_iter().filter(|path| fs::symlink_metadata(path).is_ok()).collect()
}

/// How many bytes of `artifact` an earlier run left that the next one can use.
pub fn resumable(artifact: &Artifact) -> u64 {
    let names = Names::of(artifact);
    let Ok(metadata) = fs::metadata(&names.part) else { return 0 };
    let length = metadata.len();
    if let Some((_, done)) = fitting(artifact, &names, length) {
        return done.total();
    }
    // Without a side file the bytes go from front to back, and only a digest can tell whether they are of this content.
    let usable = artifact.digest.is_some() && !names.state.exists() && artifact.size.is_none_or(|size| length <= size);
    if usable { length } else { 0 }
}
