//! Restores an archive: one thread reads and decompresses, another verifies and writes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};

use super::index::Index;
use super::merge::Merge;
use super::place::{Outcome, Placer};
use super::read::{Archive, Taker};
use super::room;
use super::target::Target;
use crate::support::interrupt::{self, Interrupted};
use crate::support::lock::Lock;
use crate::support::{escape, own_folder};

/// What one restore holds, so that no other works in the same cache.
const LOCK: &str = "restore.lock";

/// What the reading thread hands over.
enum Word {
    Bytes(usize, Vec<u8>),
    Over(usize),
    End,
}

struct Forward<'a> {
    words: SyncSender<Word>,
    merge: &'a Merge,
    progress: &'a dyn Fn(u64),
}

/// The other thread is gone, and says why itself.
#[derive(Debug, thiserror::Error)]
#[error("nothing more can be written")]
struct Gone;

impl Taker for Forward<'_> {
    fn wants(&mut self, at: usize) -> bool {
        self.merge.wanted.contains(at)
    }

    fn bytes(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        if interrupt::requested() {
            bail!(stopped());
        }
        (self.progress)(bytes.len() as u64);
        self.words.send(Word::Bytes(at, bytes.to_vec())).map_err(|_| Gone.into())
    }

    fn over(&mut self, at: usize) -> Result<()> {
        if interrupt::requested() {
            bail!(stopped());
        }
        self.words.send(Word::Over(at)).map_err(|_| Gone.into())
    }
}

fn stopped() -> Interrupted {
    Interrupted("stopped; what came is whole and verified, and the same command goes on from there".to_owned())
}

/// Brings what `merge` wants of `archive` into the cache `target`. `progress` gets the bytes as they come.
///
/// # Errors
/// When the archive is refused, or the disk does; what came until then is whole.
pub fn restore(archive: &mut Archive, merge: &Merge, target: &Target, progress: &dyn Fn(u64)) -> Result<Outcome> {
    let index = std::sync::Arc::clone(&archive.index);
    room::has_room(&index, merge, target)?;
    let held = lock(target.root())?;
    sweep(&index, target);
    let done = thread::scope(|scope| {
        // As many pieces of up to 1 MiB wait as keep both threads busy.
        let (words, waiting) = sync_channel::<Word>(4);
        let writer = scope.spawn(|| -> Result<Option<Outcome>> {
            let mut placer = Placer::new(&index, merge, target);
            for word in waiting {
                match word {
                    Word::Bytes(at, bytes) => placer.bytes(at, &bytes)?,
                    Word::Over(at) => placer.over(at)?,
                    Word::End => return placer.end().map(Some),
                }
            }
            Ok(None)
        });
        let mut forward = Forward { words, merge, progress };
        let read = archive.read(&mut forward);
        if read.is_ok() {
            let _ = forward.words.send(Word::End);
        }
        drop(forward);
        let written = writer.join().unwrap_or_else(|_| Err(anyhow!("a thread broke off")));
        match (read, written) {
            (_, Err(error)) => Err(error),
            (Err(error), _) => Err(error),
            (Ok(()), Ok(outcome)) => outcome.ok_or_else(|| anyhow!("a thread broke off")),
        }
    });
    held.release();
    done
}

/// Takes away what a restore of such an archive left that was killed. Another one that is at work keeps its own.
pub fn tidy(index: &Index, target: &Target) {
    let left = stagings(index, target).iter().any(|folder| folder.parent().is_some_and(Path::is_dir));
    if (left || target.root().join(".modelstrap").join(LOCK).exists())
        && let Ok(held) = lock(target.root())
    {
        sweep(index, target);
        held.release();
    }
}

/// Where the members of the archive are made.
fn stagings(index: &Index, target: &Target) -> BTreeSet<PathBuf> {
    let stores = index.stores();
    let mut found = BTreeSet::new();
    for spot in (0..index.members.len()).map(|at| target.staging(&index.members.name(at), &stores)) {
        let path = spot.path();
        let mut way = path.ancestors().take_while(|path| *path != spot.root);
        if !found.contains(&path) && way.all(|folder| !folder.is_symlink()) {
            found.insert(path);
        }
    }
    found
}

fn sweep(index: &Index, target: &Target) {
    for folder in stagings(index, target) {
        for entry in fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
            if entry.file_name().as_encoded_bytes().ends_with(b".tmp") {
                let _ = fs::remove_file(entry.path());
            }
        }
        // What holds something else stays.
        let _ = fs::remove_dir(&folder);
        let _ = folder.parent().map(fs::remove_dir);
    }
}

/// The lock of all restores into one cache, with what was made for it.
struct Held {
    lock: Lock,
    folder: PathBuf,
    made: Vec<PathBuf>,
}

fn lock(root: &Path) -> Result<Held> {
    let folder = root.join(".modelstrap");
    if fs::symlink_metadata(&folder).is_ok_and(|found| !found.is_dir()) {
        bail!("{} is no folder, and modelstrap's own must be one", escape::path(&folder));
    }
    let missing: Vec<_> = folder.ancestors().take_while(|path| !path.exists()).map(Path::to_path_buf).collect();
    own_folder::make(&folder).with_context(|| format!("{} cannot be made", escape::path(&folder)))?;
    let path = folder.join(LOCK);
    let lock = Lock::acquire(&path, Duration::from_secs(2), || {}).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => anyhow!("another restore into {} is at work", escape::path(root)),
        _ => anyhow!("{} cannot be locked: {error}", escape::path(&path)),
    })?;
    Ok(Held { lock, folder, made: missing })
}

impl Held {
    fn release(self) {
        self.lock.remove();
        own_folder::remove_if_bare(&self.folder);
        for folder in self.made.iter().skip(1) {
            if fs::remove_dir(folder).is_err() {
                return;
            }
        }
    }
}
