//! Puts what an archive brings into the cache. A content is written beside the place that it is for, held against its digest, and
//! only then gets its names; branches come last, when what they name is there. What breaks off leaves whole contents, or nothing.

use std::collections::HashMap;
use std::fs::{self, File, FileTimes};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use super::folder::Folder;
use super::found::Found;
use super::index::Index;
use super::members::{Sum, What};
use super::merge::{self, Merge, comes};
use super::names::{self, Name, Role};
use super::sharing::{Firsts, Sharing};
use super::target::{Spot, Target};
use crate::cache::stamp::Stamp;
use crate::support::escape;

/// Contents from here on are on the disk before they have their names: a lost one would be costly. What is smaller is written when
/// the disk sees fit, and what a power cut leaves of it has another size than its name, or its digest, says.
const SYNCED: u64 = 1 << 20;

#[path = "place_links.rs"]
mod links;
#[path = "place_store.rs"]
mod store;

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Files that came, under all their names.
    pub files: u64,
    /// Their bytes, those of second names that are links not counted.
    pub bytes: u64,
    /// Symbolic links that were made.
    pub links: u64,
    /// Branches that now name what the archive says.
    pub references: u64,
    /// What was not done after all, since something was there that was not there before, and why.
    pub kept: Vec<(Name, String)>,
}

/// A content that is being written.
struct Current {
    holder: usize,
    staging: PathBuf,
    name: Vec<u8>,
    file: File,
    sum: Sha256,
}

/// Puts things into a cache.
pub struct Placer<'a> {
    index: &'a Index,
    merge: &'a Merge,
    target: &'a Target,
    stores: Vec<Vec<u8>>,
    roots: HashMap<PathBuf, Folder>,
    /// The folder of the last name, and its root: the next one lies there, too, more often than not.
    last: Option<(Spot, Folder)>,
    staging: HashMap<PathBuf, Folder>,
    made: Vec<PathBuf>,
    number: u64,
    current: Option<Current>,
    small: Vec<u8>,
    references: Vec<(usize, Vec<u8>)>,
    outcome: Outcome,
}

impl<'a> Placer<'a> {
    /// For what `merge` says of the archive with `index`.
    pub fn new(index: &'a Index, merge: &'a Merge, target: &'a Target) -> Self {
        Self {
            index,
            merge,
            target,
            stores: index.stores(),
            roots: HashMap::new(),
            last: None,
            staging: HashMap::new(),
            made: Vec::new(),
            number: 0,
            current: None,
            small: Vec::new(),
            references: Vec::new(),
            outcome: Outcome::default(),
        }
    }

    fn role(&self, at: usize) -> Role {
        self.index.members.name(at).role(&self.stores)
    }

    fn spot(&self, at: usize) -> Spot {
        self.target.spot(self.index.members.name(at).bytes())
    }

    fn sharing(&self, at: usize) -> Sharing {
        Sharing::of(self.index, &self.stores, at)
    }

    fn takers(&self, holder: usize) -> &'a [u32] {
        self.merge.wanted.takers(holder)
    }

    /// The folder at `below` in `root`, made where it is missing.
    fn folder(&mut self, spot: &Spot, below: &[u8]) -> Result<Folder> {
        let failed = || format!("{} cannot be made", escape::path(&spot.root.join(names::to_path(below))));
        if !self.roots.contains_key(&spot.root) {
            self.note_missing(&spot.root);
            let root = Folder::root(&spot.root).with_context(failed)?;
            self.roots.insert(spot.root.clone(), root);
        }
        let mut folder: Option<Folder> = None;
        for part in below.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            let from = match &folder {
                Some(folder) => folder,
                None => self.roots.get(&spot.root).context("a root that was opened")?,
            };
            let (inside, made) = from.enter(part).with_context(failed)?;
            if made {
                self.made.push(inside.path().to_path_buf());
                // Without it the official client calls the repository corrupt.
                if names::is_repository(part) {
                    let (snapshots, _) = inside.enter(b"snapshots").with_context(failed)?;
                    self.made.push(snapshots.path().to_path_buf());
                }
            }
            folder = Some(inside);
        }
        match folder {
            Some(folder) => Ok(folder),
            None => Folder::root(&spot.root).with_context(failed),
        }
    }

    /// The folders above a root that are missing, so that they go again where nothing comes into them.
    fn note_missing(&mut self, root: &std::path::Path) {
        let missing: Vec<PathBuf> = root.ancestors().take_while(|path| !path.exists()).map(PathBuf::from).collect();
        self.made.extend(missing.into_iter().rev());
    }

    /// Calls `act` with the folder that `spot` lies in.
    fn within<T>(&mut self, spot: &Spot, act: impl FnOnce(&mut Self, &Folder) -> Result<T>) -> Result<T> {
        let known = self.last.take().filter(|(last, _)| last.root == spot.root && last.folder() == spot.folder());
        let folder = match known {
            Some((_, folder)) => folder,
            None => self.folder(spot, spot.folder())?,
        };
        let done = act(self, &folder);
        self.last = Some((spot.clone(), folder));
        done
    }

    /// The folder in which what becomes the member `at` is made. What a killed run left in it goes.
    fn staging(&mut self, at: usize) -> Result<PathBuf> {
        let spot = self.target.staging(&self.index.members.name(at), &self.stores);
        let path = spot.path();
        if !self.staging.contains_key(&path) {
            let folder = self.folder(&spot, &spot.below.clone())?;
            sweep(&folder);
            self.staging.insert(path.clone(), folder);
        }
        Ok(path)
    }

    fn temporary(&mut self) -> Vec<u8> {
        self.number += 1;
        format!("{}.tmp", self.number).into_bytes()
    }

    /// Some bytes of the content that the member `holder` holds.
    ///
    /// # Errors
    /// What the disk says.
    pub fn bytes(&mut self, holder: usize, bytes: &[u8]) -> Result<()> {
        if self.is_small(holder) {
            self.small.extend_from_slice(bytes);
            return Ok(());
        }
        self.begin(holder)?;
        let Some(current) = &mut self.current else { return Ok(()) };
        current.sum.update(bytes);
        current.file.write_all(bytes).with_context(|| {
            let name = self.index.members.name(holder);
            format!("{name} cannot be written")
        })
    }

    /// A reference: it is kept until what it names is there.
    fn is_small(&self, holder: usize) -> bool {
        self.takers(holder).first().is_some_and(|taker| self.role(*taker as usize) == Role::Reference)
    }

    fn begin(&mut self, holder: usize) -> Result<()> {
        if self.current.as_ref().is_some_and(|current| current.holder == holder) {
            return Ok(());
        }
        let Some(first) = self.takers(holder).first().map(|first| *first as usize) else { return Ok(()) };
        let staging = self.staging(first)?;
        let name = self.temporary();
        let mode = 0o666 | u32::from(self.index.members.get(first).mode) & 0o111;
        let folder = self.staging.get(&staging).context("a folder that was made")?;
        let file = folder
            .create(&name, mode)
            .with_context(|| format!("{} cannot be written", self.index.members.name(holder)))?;
        self.current = Some(Current { holder, staging, name, file, sum: Sha256::new() });
        Ok(())
    }

    /// The member `at` is over: what it is gets its name.
    ///
    /// # Errors
    /// When its bytes are not what the index says, or the disk refuses.
    pub fn over(&mut self, at: usize) -> Result<()> {
        if !self.takers(at).is_empty() {
            self.content(at)?;
        }
        if !comes(&self.merge.steps[at]) {
            return Ok(());
        }
        if let Some(twin) = self.merge.twins.get(at) {
            return self.twin(at, twin);
        }
        match self.index.members.what(at) {
            What::Link { to } => self.link(at, &to),
            What::Folder => {
                let spot = self.spot(at);
                let folder = self.folder(&spot, &spot.below)?;
                // It is empty and stays: only what was made on the way goes again.
                self.made.retain(|made| made != folder.path());
                Ok(())
            }
            What::File { .. } | What::Same { .. } => Ok(()),
        }
    }

    /// A content is whole: it is held against its digest, and gets its names.
    fn content(&mut self, holder: usize) -> Result<()> {
        let expected = self.index.members.sum(holder).context("a content")?;
        let name = &self.index.members.name(holder);
        if self.is_small(holder) {
            let bytes = std::mem::take(&mut self.small);
            let found: Sum = Sha256::digest(&bytes).into();
            if found != expected {
                bail!(merge::wrong(name, &expected, &found));
            }
            self.references.extend(self.takers(holder).iter().map(|taker| (*taker as usize, bytes.clone())));
            return Ok(());
        }
        // An empty file has no bytes that would have begun it.
        self.begin(holder)?;
        let Some(mut current) = self.current.take() else { return Ok(()) };
        let found: Sum = std::mem::take(&mut current.sum).finalize().into();
        let done = if found == expected {
            self.publish(&mut current)
        } else {
            Err(anyhow::anyhow!(merge::wrong(name, &expected, &found)))
        };
        if let (true, Some(folder)) = (done.is_err(), self.staging.get(&current.staging)) {
            let _ = folder.unlink(&current.name);
        }
        done
    }

    fn publish(&mut self, current: &mut Current) -> Result<()> {
        let takers = self.takers(current.holder);
        let Some((first, others)) = takers.split_first() else { return Ok(()) };
        let first = *first as usize;
        let size = self.index.members.content(current.holder).map_or(0, |(_, size)| size);
        let failed = |at: usize| format!("{} cannot be written", self.index.members.name(at));
        self.finish_file(first, &current.file).with_context(|| failed(first))?;
        if size >= SYNCED {
            current.file.sync_data().with_context(|| failed(first))?;
        }
        let mut twins = Firsts::default();
        for other in others.iter().map(|other| *other as usize) {
            let twin = twins.meet(self.sharing(other), other);
            self.second(first, other, twin, current).with_context(|| failed(other))?;
        }
        self.outcome.bytes += size;
        self.settle(first, &current.staging, &current.name)
    }

    /// The time and the mode that a file keeps.
    fn finish_file(&self, at: usize, file: &File) -> io::Result<()> {
        let entry = self.index.members.get(at);
        let mtime = UNIX_EPOCH + Duration::from_secs(u64::try_from(entry.mtime).unwrap_or(0).min(1 << 40));
        file.set_times(FileTimes::new().set_modified(mtime))?;
        if self.role(at) == Role::Payload { self.protect(at, file) } else { Ok(()) }
    }

    /// A payload is read-only, and readable for whoever may enter the hub (`utils/_shared_blobs.py:192-201`).
    #[cfg(unix)]
    fn protect(&self, at: usize, file: &File) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let spot = self.spot(at);
        let hub =
            spot.path().ancestors().nth(3).map(fs::metadata).transpose()?.map_or(0, |found| found.permissions().mode());
        let mode = 0o400 | (hub & 0o010) << 2 | (hub & 0o001) << 2;
        file.set_permissions(fs::Permissions::from_mode(mode))
    }

    #[cfg(not(unix))]
    fn protect(&self, _: usize, _: &File) -> io::Result<()> {
        Ok(())
    }

    /// Another name for the content that is made: the same file where both are blobs, or were one file, else a copy. `twin` is
    /// another second name with which it is one file.
    fn second(&mut self, first: usize, other: usize, twin: Option<usize>, current: &mut Current) -> Result<()> {
        let staging = self.staging(other)?;
        let name = self.temporary();
        let from = self.staging.get(&current.staging).context("a folder that was made")?;
        let to = self.staging.get(&staging).context("a folder that was made")?;
        let shared = self.sharing(first).fits(self.sharing(other));
        let of_twin = |twin: usize| fs::hard_link(self.spot(twin).path(), to.path().join(names::to_path(&name)));
        let linked = (shared && from.hard_link(&current.name, to, &name).is_ok())
            || (!shared && twin.is_some_and(|twin| of_twin(twin).is_ok()));
        if !linked {
            let mode = 0o666 | u32::from(self.index.members.get(other).mode) & 0o111;
            let mut copy = to.create(&name, mode)?;
            current.file.seek(SeekFrom::Start(0))?;
            let size = self.index.members.content(other).map_or(0, |(_, size)| size);
            let done = io::copy(&mut (&mut current.file).take(size), &mut copy);
            let done =
                done.and_then(|count| if count == size { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) });
            if let Err(error) = done.and_then(|()| self.finish_file(other, &copy)) {
                let _ = to.unlink(&name);
                return Err(error.into());
            }
            self.outcome.bytes += size;
        }
        self.settle(other, &staging, &name)
    }

    /// Gives what was made the name of the member `at`.
    fn settle(&mut self, at: usize, staging: &PathBuf, name: &[u8]) -> Result<()> {
        if self.role(at) == Role::Payload { self.payload(at, staging, name) } else { self.rename(at, staging, name) }
    }

    fn rename(&mut self, at: usize, staging: &PathBuf, name: &[u8]) -> Result<()> {
        let spot = self.spot(at);
        let before = self.merge.replaces(at);
        let called = self.index.members.name(at);
        self.within(&spot, |this, folder| {
            let from = this.staging.get(staging).context("a folder that was made")?;
            let over = before.is_some_and(|before| is_as_it_was(&spot, before));
            match from.rename(name, folder, spot.last(), over) {
                Ok(()) => {
                    this.outcome.files += 1;
                    Ok(())
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let _ = from.unlink(name);
                    // Another program fetched the same content meanwhile: its name says so.
                    if this.role(at) != Role::Blob {
                        this.outcome.kept.push((called, "something came there meanwhile".to_owned()));
                    }
                    Ok(())
                }
                Err(error) => {
                    let _ = from.unlink(name);
                    Err(error).with_context(|| format!("{called} cannot be written"))
                }
            }
        })
    }

    /// Everything came: branches get their commits, and what was made on the way goes.
    ///
    /// # Errors
    /// What the disk says.
    pub fn end(mut self) -> Result<Outcome> {
        #[cfg(target_os = "linux")]
        for root in self.roots.keys() {
            // What the branches name is on the disk before they name it.
            if let Ok(folder) = File::open(root) {
                let _ = rustix::fs::syncfs(&folder);
            }
        }
        for (at, bytes) in std::mem::take(&mut self.references) {
            if let Err(error) = self.reference(at, &bytes) {
                self.clear();
                return Err(error);
            }
        }
        self.clear();
        Ok(std::mem::take(&mut self.outcome))
    }

    /// Takes away what was made on the way, and folders into which nothing came.
    fn clear(&mut self) {
        // A temporary file of a content that broke off lies in there, too.
        self.current = None;
        for (path, folder) in self.staging.drain() {
            sweep(&folder);
            let _ = fs::remove_dir(path);
        }
        for path in self.made.drain(..).rev() {
            // One that holds something stays, and a repository that does keeps the folder that makes it one.
            let holds_more = |folder: &std::path::Path| fs::read_dir(folder).is_ok_and(|names| names.count() > 1);
            if !(path.ends_with("snapshots") && path.parent().is_some_and(holds_more)) {
                let _ = fs::remove_dir(path);
            }
        }
    }
}

/// What breaks off leaves nothing half.
impl Drop for Placer<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Removes the temporary files in `folder`.
fn sweep(folder: &Folder) {
    for entry in fs::read_dir(folder.path()).into_iter().flatten().filter_map(Result::ok) {
        let name = names::of_text(&entry.file_name()).filter(|name| name.ends_with(b".tmp"));
        if let Some(name) = name {
            let _ = folder.unlink(&name);
        }
    }
}

/// Whether what stands at `spot` is what was to be replaced.
fn is_as_it_was(spot: &Spot, before: &Found) -> bool {
    Stamp::at(&spot.path()).is_ok_and(|now| before.is_still(&now))
}
