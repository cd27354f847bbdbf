//! Room on a disk that is full to the last byte or inode, for the journal and the trash of a removal: the person whose disk is full
//! wants just this, and must not be told to make room first.
//!
//! Only what goes for good gives it, one file at a time, after the same look as anything that goes: first what this tool can find out
//! again, then what is a file alone, then a file of a tree that goes whole. Of a repository its names go first (`refs`, then
//! `snapshots`), so that one that is cut off here is no revision with half of its files, but one without a name, which the next run
//! finds again. A folder of another library has no such order: it comes last, and of it first what no program needs.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use anyhow::{Result, anyhow};

use super::journal::Journal;
use super::run::{Run, State};
use super::settle::STAYS_NAMED;
use super::{Keep, Remover, Role, guard, hub, take, walk};
use crate::cache::duplicates::memory;
use crate::cache::stamp::Stamp;
use crate::support::folder::{self, Folder, Kind};

/// What a person whose disk is full can do.
const MORE_ROOM: &str = "delete a file of your own on this disk, a few kB will do, and run this again";

/// What goes first, and whether also what frees no byte: a link frees an inode.
const ORDER: [(Role, bool); 5] =
    [(Role::File, false), (Role::Blob, false), (Role::Reference, true), (Role::File, true), (Role::Blob, true)];

/// Whether the disk, or what this user may have of it, has no room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl Run<'_> {
    /// Begins the journal; on a full disk, what goes for good makes the room. `None`: nothing is left that needs one.
    pub(super) fn begin_on_any_disk(
        &mut self,
        remover: &Remover,
        name: &str,
        verb: &str,
        keep: Keep,
    ) -> Result<Option<Journal>> {
        loop {
            let error = match self.begin(remover, name, verb) {
                Ok(journal) => return Ok(Some(journal)),
                Err(error) => error,
            };
            if !error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(is_full) {
                return Err(error);
            }
            let way = match keep {
                Keep::For(_) => "what can be brought back needs a little room: `--now` deletes it at once",
                Keep::Now => MORE_ROOM,
            };
            if keep != Keep::Now || !(self.forget() || self.make_room() || self.stays_anyway()) {
                return Err(anyhow!("{error:#}\n  {way}"));
            }
            if (0..self.jobs.len()).all(|at| !self.jobs.is(at, &State::Waiting)) {
                return Ok(None);
            }
        }
    }

    /// Gives up what the next `dedupe` would know without reading: it reads again.
    fn forget(&self) -> bool {
        let own = folder::open(&self.cache_root).and_then(|root| root.descend(Path::new(".modelstrap")));
        own.and_then(|own| own.unlink(OsStr::new(memory::FILE))).is_ok()
    }

    /// Whether nothing can go for a reason of its own, whatever room there is: then that is what is to be said.
    fn stays_anyway(&mut self) -> bool {
        let waiting = (0..self.jobs.len()).filter(|at| self.jobs.is(*at, &State::Waiting));
        // What others use goes after them, by the rules of its store.
        let (after, first): (Vec<usize>, Vec<usize>) = waiting.partition(|at| self.jobs.role(*at) == Role::Payload);
        for at in &first {
            let Err(why) = take::look(self, *at) else { return false };
            self.jobs.set(*at, State::Stays(why));
        }
        if !first.is_empty() {
            let why = "needs a journal to go, for which the disk has no room";
            after.into_iter().for_each(|at| self.jobs.set(at, State::Stays(why.to_owned())));
        }
        !first.is_empty()
    }

    /// Unlinks one file where it lies; false where there is none left that may go so.
    pub(super) fn make_room(&mut self) -> bool {
        self.keep_names_of_what_stays();
        for (role, any) in ORDER {
            for at in 0..self.jobs.len() {
                let frees = |stamp: Stamp| any && stamp.names <= 1 || stamp.alone() > 0;
                // One that may not go now may do so later, when the revision that has it has gone.
                if self.is_next(at, role)
                    && frees(self.jobs.get(at).stamp)
                    && let Ok(freed) = take::unlink(self, at)
                {
                    self.jobs.set(at, State::Freed(freed));
                    self.contents = None;
                    return true;
                }
            }
        }
        let is_repository = |run: &Self, at: usize| guard::is_repository(run.jobs.get(at).split().1);
        let trees = [(Role::Tree, true), (Role::Snapshot, false), (Role::Tree, false)];
        trees.into_iter().any(|(role, repository)| {
            let is_next = |run: &Self, at| run.is_next(at, role) && is_repository(run, at) == repository;
            (0..self.jobs.len()).any(|at| is_next(self, at) && self.thin(at).unwrap_or(false))
        })
    }

    /// Before the first reference goes, the snapshots that they name are looked at: one that stays keeps them.
    fn keep_names_of_what_stays(&mut self) {
        let references: Vec<usize> = (0..self.jobs.len()).filter(|at| self.is_next(*at, Role::Reference)).collect();
        if references.is_empty() {
            return;
        }
        self.look_who_writes();
        for at in references {
            let job = self.jobs.get(at);
            let path = job.path();
            let named = self.places[job.place()].parent(&path).ok();
            let named = named.and_then(|(parent, name)| hub::commit(&parent, name));
            let around = hub::around(&path);
            let place = job.place();
            let is_its = |other: &usize| {
                let other = self.jobs.get(*other);
                let same = other.place() == place && hub::around(&other.path()) == around;
                same && Some(other.split().1) == named.as_deref()
            };
            let Some(snapshot) = (0..self.jobs.len()).filter(|at| self.jobs.role(*at) == Role::Snapshot).find(is_its)
            else {
                continue;
            };
            let stays = match self.jobs.state(snapshot) {
                State::Stays(why) => Some(why),
                State::Waiting => take::look_at_itself(self, snapshot).err(),
                State::Gone | State::Freed(_) => None,
            };
            if let Some(why) = stays {
                self.jobs.set(snapshot, State::Stays(why));
                self.jobs.set(at, State::Stays(STAYS_NAMED.to_owned()));
            }
        }
    }

    fn is_next(&self, at: usize, role: Role) -> bool {
        self.jobs.role(at) == role && self.jobs.is(at, &State::Waiting)
    }

    /// Unlinks one file of the tree of the job `at`, if all of it may go; where none is left, an empty folder.
    fn thin(&mut self, at: usize) -> Result<bool, String> {
        let ready = take::look(self, at)?;
        let (parent, name) = (&ready.parent, ready.path.file_name().unwrap_or_default());
        let says = |error: io::Error| error.to_string();
        let Some((freed, folder)) = first(parent, name, 0).map_err(says)? else {
            // Refused where a file with a second name is in it.
            parent.remove_folder(name).map_err(says)?;
            self.jobs.set(at, State::Freed(ready.found.stamp.disk));
            return Ok(true);
        };
        // Its time and its size are ours now.
        self.limits.ours.insert(folder);
        self.thinned += freed;
        let now = parent.look(name).ok().map(|found| found.stamp);
        let own = self.jobs.get(at).stamp.id;
        self.jobs.is_thinned(at, now.filter(|now| now.id == own));
        self.contents = None;
        Ok(true)
    }
}

/// Unlinks the first file or link in the folder `name` that has no other name, or the first empty folder: what that freed, and the
/// folder that it was in.
fn first(parent: &Folder, name: &OsStr, depth: usize) -> io::Result<Option<(u64, (u64, u64))>> {
    let folder = walk::enter(parent, name, depth)?;
    let mut names = folder.names()?;
    names.sort_by_key(rank);
    for name in names {
        let Some(found) = folder.find(&name)? else { continue };
        if found.kind == Kind::Folder {
            if let Some(done) = first(&folder, &name, depth + 1)? {
                return Ok(Some(done));
            }
            if folder.remove_folder(&name).is_err() {
                continue;
            }
        } else if found.stamp.names <= 1 {
            walk::unlink(&folder, &name, &found, &mut |_| {})?;
        } else {
            continue;
        }
        return Ok(Some((found.stamp.disk, folder.own()?.stamp.id)));
    }
    Ok(None)
}

fn rank(name: &OsString) -> u8 {
    match name.to_str() {
        Some("refs") => 0,
        Some("snapshots") => 1,
        Some(name) if is_spare(name) => 2,
        _ => 3,
    }
}

/// Whether no program that reads the folder misses it.
fn is_spare(name: &str) -> bool {
    const BEGINNINGS: [&str; 4] = ["readme", "license", "changelog", ".git"];
    const ENDS: [&str; 6] = [".md", ".rst", ".png", ".jpg", ".svg", ".pyc"];
    let name = name.to_ascii_lowercase();
    let begins = BEGINNINGS.iter().any(|beginning| name.starts_with(beginning));
    begins || ENDS.iter().any(|end| name.ends_with(end)) || matches!(name.as_str(), "__pycache__" | "docs")
}
