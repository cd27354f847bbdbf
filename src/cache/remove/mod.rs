//! The one way by which the verbs of the cache delete: everything is renamed into a trash on the same disk, looked at again, and
//! only then given up, at once or after a time in which `undo` brings it back.
//!
//! A victim is reached from its place by descriptors, never by a path that somebody could bend meanwhile, and goes only if it is
//! still what the plan saw. A journal that is on the disk before the first rename says where everything went, so that a run that
//! was killed is finished or taken back by the next one.

mod apart;
mod back;
mod clock;
mod copied;
mod downloads;
mod guard;
mod held;
mod hub;
mod job;
mod journal;
mod kept;
mod lent;
pub mod locks;
mod lost;
mod merge;
mod moves;
mod needed;
mod opened;
mod place;
mod rest;
mod room;
mod rows;
mod run;
mod settle;
mod store;
mod sweep;
mod take;
mod times;
mod walk;

pub use guard::{is_in_git, is_repository, is_tagged};
pub use kept::kept;

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::roll::Roll;
use super::stamp::Stamp;
use crate::platform::boot;
use crate::support::{paths, time};

/// Something that is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Victim {
    /// Where it is, absolute, strictly inside `root`.
    pub path: PathBuf,
    /// The place that it lies in. It may be a link: it is followed once; below it none is.
    pub root: PathBuf,
    /// What it was when it was chosen.
    pub stamp: Stamp,
    /// What is known of it, and so what is looked at again before it goes.
    pub role: Role,
    /// What it should free, in bytes.
    pub bytes: u64,
    /// Why it goes, for a person.
    pub why: String,
}

/// Who has what is to go, each by its number: whoever removes a million things asks for them one by one.
pub trait Supply {
    /// How many there are.
    fn len(&self) -> usize;

    /// The one at `at`.
    fn victim(&self, at: usize) -> Option<Victim>;

    /// Its name, and what it was.
    fn named(&self, at: usize) -> Option<(OsString, Stamp)> {
        self.victim(at).map(|one| (one.path.file_name().unwrap_or_default().to_os_string(), one.stamp))
    }

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Supply for Vec<Victim> {
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn victim(&self, at: usize) -> Option<Victim> {
        self.get(at).cloned()
    }
}

/// What a victim is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A folder that goes whole: nothing in it may be younger than the plan, locked, or open for writing. A whole repository is
    /// one; its lines in the lists of the shared store go with it.
    Tree,
    /// A file or a link of no layout; an unfinished download.
    File,
    /// `blobs/ETAG` of a repository, bytes or the link into the shared store: one that a snapshot still has, or has again, stays.
    Blob,
    /// `HUB/blobs/XX/HASH` of the shared store: goes by the store's own rules, if nobody uses it any more.
    Payload,
    /// `refs/…`: goes before the snapshot that it names.
    Reference,
    /// `snapshots/COMMIT`: one that a reference still names stays.
    Snapshot,
}

impl Role {
    /// First the names, then what they name, last what is shared.
    pub const fn rank(self) -> u8 {
        match self {
            Self::Reference => 0,
            Self::Snapshot => 1,
            Self::Tree | Self::File => 2,
            Self::Blob => 3,
            Self::Payload => 4,
        }
    }
}

/// What is to be removed, and how.
#[derive(Debug)]
pub struct Order<'a, V = Vec<Victim>> {
    /// The verb that asks, for the journal.
    pub verb: &'a str,
    /// What goes: references first, then snapshots, trees and files, blobs, payloads, among themselves in this order. What lies in
    /// a tree that goes need not be named.
    pub victims: V,
    /// Whether it can be brought back.
    pub keep: Keep,
    /// What was made, changed or linked so lately stays.
    pub grace: Duration,
    /// When the victims were looked at: taken before the scan began. What changed since stays.
    pub planned: SystemTime,
}

/// How long what was removed stays in the trash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Not at all: it is unlinked after the second look.
    Now,
    /// For so long `undo` can bring it back; a later `sweep` frees it.
    For(Duration),
}

/// What a removal came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many victims went.
    pub gone: usize,
    /// Bytes that are free now: the blocks of the files and folders whose last name went, counted as they went.
    pub freed: u64,
    /// How many of these are of files that a process still has open: the disk gives them back when it closes them.
    pub held: u64,
    /// The programs that have these open, as far as the system says: process, and name.
    pub holders: BTreeMap<u32, String>,
    /// Whether copies may share blocks on a disk that it lay on: then at most so much is free.
    pub may_share: bool,
    /// Bytes that will be free when the trash is emptied, counted in the trash. Of what goes for good, payloads to which something leads
    /// that can still be brought back.
    pub trashed: u64,
    /// What stayed, and why.
    pub stayed: Vec<(PathBuf, String)>,
    /// For how long it was to be kept.
    pub kept: Option<Duration>,
    /// Until when `undo` can bring it back, in seconds since 1970; `None`: it is gone for good.
    pub until: Option<i64>,
}

/// What an `undo` brought back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// The verb that had removed it.
    pub verb: String,
    /// What is back.
    pub back: Roll,
    /// What each of it takes on the disk, in bytes; of those at the end it may not be known.
    pub sizes: Vec<u64>,
    /// What could not be put back, of this run or of one that was undone before it: why, and where it lies in the trash, until its time
    /// is over.
    pub stayed: Vec<(PathBuf, String)>,
    /// Whether all is back of the run that this undo was for: the last one that can be, or else those that were stuck.
    pub is_whole: bool,
}

/// What a `sweep` did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Bytes that are free now.
    pub freed: u64,
    /// How many of these are of files that a process still has open: the disk gives them back when it closes them.
    pub held: u64,
    /// The programs that have these open, as far as the system says: process, and name.
    pub holders: BTreeMap<u32, String>,
    /// What a run that was killed had taken away, and is back.
    pub back: Roll,
    /// What could not be done, why, and where it waits. It is said each time until it is done.
    pub problems: Vec<(PathBuf, String)>,
}

/// Removes things from the places of one cache root.
#[derive(Debug)]
pub struct Remover {
    /// Links followed.
    cache_root: PathBuf,
    forbidden: Vec<PathBuf>,
    /// What is no cache, whatever leads there; links followed.
    left: Vec<PathBuf>,
    /// Links of `dedupe` that a plan knows of, and has decided over.
    known: Vec<PathBuf>,
    /// Places that nobody else has a trash in; links followed.
    own: Vec<PathBuf>,
    machine: PathBuf,
    /// What it removes next goes on with what it has removed before.
    goes_on: bool,
    /// What each place was when it was admitted: where it really is, and which folder that is.
    admitted: Mutex<HashMap<PathBuf, Admitted>>,
}

type Admitted = (PathBuf, (u64, u64));

impl Remover {
    /// For the cache at `cache_root`. `forbidden` are folders that no place may be, or hold: the project's, the user's home.
    pub fn new(cache_root: &Path, forbidden: &[PathBuf]) -> Self {
        let cache_root = paths::real_place(cache_root).unwrap_or_else(|| cache_root.to_path_buf());
        Self {
            cache_root,
            forbidden: forbidden.to_vec(),
            left: Vec::new(),
            known: Vec::new(),
            own: Vec::new(),
            machine: PathBuf::from("/"),
            goes_on: false,
            admitted: Mutex::default(),
        }
    }

    /// The same, but nothing is done in `left`, not even to what lies in a trash there.
    #[must_use]
    pub fn leaving(mut self, left: Vec<PathBuf>) -> Self {
        self.left = left;
        self
    }

    /// The same, and what lies in the trashes of `own` (links followed) is this project's, also where no journal tells of it.
    #[must_use]
    pub fn owning(mut self, own: Vec<PathBuf>) -> Self {
        self.own = own;
        self
    }

    /// The same for plans that know of these links of `dedupe`: what another one leads to stays.
    #[must_use]
    pub fn knowing(mut self, links: Vec<PathBuf>) -> Self {
        self.known = links;
        self
    }

    /// The same, and what is removed goes on with what this process has removed last: an undo brings back both.
    #[must_use]
    pub fn going_on(mut self, goes_on: bool) -> Self {
        self.goes_on = goes_on;
        self
    }

    /// The same on the machine whose `/proc` is below `machine`: what tells mounts and open files.
    #[must_use]
    pub fn on(mut self, machine: &Path) -> Self {
        self.machine = machine.to_path_buf();
        self
    }

    /// Where the place `root` really is, if things may be removed in it: what a plan shows before it asks. From then on nothing is
    /// removed from another folder by this name.
    ///
    /// # Errors
    /// Why nothing may be removed there.
    pub fn admit(&self, root: &Path) -> Result<PathBuf> {
        let real = self.guard().admit(root).map_err(anyhow::Error::msg)?;
        let id = Stamp::at(&real)?.id;
        self.admitted.lock().unwrap_or_else(PoisonError::into_inner).insert(root.to_path_buf(), (real.clone(), id));
        Ok(real)
    }

    /// Whether `root`, which is the folder `id` at `real` now, is another one than that which was admitted.
    fn has_moved(&self, root: &Path, real: &Path, id: (u64, u64)) -> bool {
        let admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        admitted.get(root).is_some_and(|(there, was)| there != real || *was != id)
    }

    /// Removes what `order` names. `progress` is told how many bytes are done so far.
    ///
    /// # Errors
    /// When the journal cannot be written, a place is refused (then nothing is removed), or the person stops it
    /// (`support::interrupt::Interrupted`). What stays for a reason of its own is no error.
    pub fn remove<V: Supply>(&self, order: Order<'_, V>, progress: &dyn Fn(u64)) -> Result<Outcome> {
        run::remove(self, order, progress)
    }

    /// Brings back what the last run removed whose trash is still there, and what earlier undos could not put back; `None` if
    /// there is neither.
    ///
    /// # Errors
    /// When the journals cannot be read, or written.
    pub fn undo(&self) -> Result<Option<Restored>> {
        sweep::undo(self)
    }

    /// What [`Self::undo`] would bring back. Changes nothing.
    ///
    /// # Errors
    /// When the journals cannot be read.
    pub fn would_return(&self) -> Result<Option<Restored>> {
        sweep::would_return(self, &self.moment())
    }

    /// Empties the trashes whose time is over at `now` (seconds since 1970), finishes or takes back what a killed run left.
    ///
    /// # Errors
    /// When the journals cannot be read.
    pub fn sweep(&self, now: i64) -> Result<Swept> {
        sweep::sweep(self, &sweep::Sweep::Expired(clock::Moment::of(now)))
    }

    /// The same, now: by the date, and by the time that the machine runs, so that a date that was set meanwhile empties nothing early.
    ///
    /// # Errors
    /// When the journals cannot be read.
    pub fn sweep_now(&self) -> Result<Swept> {
        sweep::sweep(self, &sweep::Sweep::Expired(self.moment()))
    }

    fn moment(&self) -> clock::Moment {
        clock::Moment { date: time::seconds(), up: boot::uptime(&self.machine) }
    }

    /// The same, and empties the trashes of all runs of this user that could still be brought back, whatever their time. What a
    /// killed run took and cannot be put back stays also now.
    ///
    /// # Errors
    /// When the journals cannot be read.
    pub fn sweep_all(&self) -> Result<Swept> {
        sweep::sweep(self, &sweep::Sweep::AllDecided)
    }

    /// How many bytes a [`Self::sweep_all`] would free of what was removed. Changes nothing.
    ///
    /// # Errors
    /// When the journals cannot be read.
    pub fn waiting(&self) -> Result<u64> {
        sweep::waiting(self)
    }

    /// The paths of what was removed and can still be brought back. Changes nothing.
    ///
    /// # Errors
    /// When the journals cannot be read.
    pub fn removed(&self) -> Result<Roll> {
        sweep::removed(self)
    }

    fn guard(&self) -> guard::Guard {
        guard::Guard::new(&self.cache_root, &self.forbidden, &self.machine).leaving(&self.left)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
