//! Of equal files: which one stays, and what becomes of the others. Decided from what was found, the few questions that only the
//! disk and Git can answer asked through [`World`].
//!
//! What lies in a hub stays: older clients that delete a revision follow its blobs' links and delete what they find there, so a
//! blob that was a link to `./models` would take the user's file with it.

mod plan;

pub use plan::{Copy, How, Left, Plan, Set, Why};

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::files::{File, Files, Name, Role};
use super::group::Groups;
use plan::Turn;

use crate::cache::places::{Kind, Place};

/// Rights to write: two files that differ in nothing else may become one, which nobody may write to.
const WRITE: u32 = 0o222;

/// Rights, with what else `chmod` sets.
const RIGHTS: u32 = 0o7777;

/// Formats that programs write to in place: with two names for one file, one program's writes are the other's.
const MUTABLE: [&str; 10] = [".db", ".db3", ".sqlite", ".sqlite3", ".log", "-wal", "-journal", "-shm", ".mdb", ".ldb"];

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The places, by the numbers that names have.
    pub places: &'a [Place],
    /// Whoever deletes below it knows of the links that lead there.
    pub cache_root: &'a Path,
    /// Nanoseconds since 1970.
    pub now: i128,
    /// Files that were changed later than so many nanoseconds ago are left alone.
    pub grace: i128,
    /// Whether a file on another disk may become a link to the hub's.
    pub symlinks: bool,
}

/// What must be asked.
pub trait World {
    /// Whether the file system of the two can let them share blocks.
    fn can_share(&self, keep: File<'_>, copy: File<'_>) -> bool;
    /// Whether they share their blocks already.
    fn are_shared(&self, keep: File<'_>, copy: File<'_>) -> bool;
    /// Whether Git tracks the file.
    fn is_tracked(&self, name: Name<'_>, place: &Path) -> bool;
}

/// What becomes of `groups` of `files`.
pub fn decide(files: Files, groups: &Groups, rules: &Rules<'_>, world: &dyn World) -> Plan {
    let mut plan = Plan::of(files);
    for group in groups.iter() {
        let mut files = Vec::new();
        for at in group.iter().copied() {
            match rules.refusal(plan.files.file(at), world) {
                Some(why) => plan.leave(at, why),
                None => {
                    plan.files.order_names(at, |name| rules.rank(name));
                    files.push(at);
                }
            }
        }
        rules.one(files, world, &mut plan);
    }
    plan.settle();
    plan
}

impl Rules<'_> {
    /// Why a file is not even looked at.
    fn refusal(&self, file: File<'_>, world: &dyn World) -> Option<Why> {
        let mut plain = file.names().filter(|name| name.role() == Role::Plain);
        let tracked =
            |name: Name<'_>| self.places.get(name.place()).is_some_and(|place| world.is_tracked(name, &place.real));
        // A clock that was wrong must not keep a file young for ever: only what lies a little ahead counts.
        let age = self.now - file.stamp().modified;
        if age < self.grace && age > -self.grace {
            Some(Why::Young)
        } else {
            plain.any(tracked).then_some(Why::Tracked)
        }
    }

    /// What becomes of equal files.
    fn one(&self, mut files: Vec<u32>, world: &dyn World, plan: &mut Plan) {
        let file = |at: u32| plan.files.file(at);
        let key = |file: File<'_>| (self.rank(file.name()), Reverse(file.stamp().names), file.stamp().modified);
        files.sort_by(|one, other| {
            let (one, other) = (file(*one), file(*other));
            key(one).cmp(&key(other)).then_with(|| one.name().compare(other.name()))
        });
        let Some((keep, others)) = files.split_first() else { return };
        let device = |at: u32| file(at).stamp().id.0;
        let (here, elsewhere): (Vec<u32>, Vec<u32>) = others.iter().partition(|at| device(**at) == device(*keep));
        let in_hub = file(*keep).name().role().is_hub();
        let can_lead = self.can_lead(file(*keep).name());
        plan.begin(*keep);
        for at in here {
            self.pair(*keep, at, world, plan);
        }
        let mut disks: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for at in elsewhere {
            let file = plan.files.file(at);
            let may_link = can_lead && self.may_link(file);
            match (self.symlinks && may_link).then(|| self.alone(file)) {
                Some(Ok(())) => plan.turn(*keep, Turn::of(at, How::Symlink, Err(Why::OtherDisk), true)),
                Some(Err(why)) => plan.leave(at, why),
                None => disks.entry(file.stamp().id.0).or_default().push(at),
            }
        }
        plan.end();
        let why = if can_lead { Why::OtherDisk } else { Why::OtherHub };
        for files in disks.into_values() {
            let could_link = files.iter().copied().filter(|at| in_hub && self.may_link(plan.files.file(*at)));
            let could_link: Vec<u32> = could_link.collect();
            let before = plan.counts();
            self.one(files, world, plan);
            let settled: HashSet<u32> = plan.since(before).collect();
            could_link.into_iter().filter(|at| !settled.contains(at)).for_each(|at| plan.leave(at, why));
        }
    }

    /// What becomes of a file on the disk of the one that stays.
    fn pair(&self, keep: u32, at: u32, world: &dyn World, plan: &mut Plan) {
        let (kept, file) = (plan.files.file(keep), plan.files.file(at));
        if file.stamp().disk == 0 {
            return;
        }
        let hard = self.hard_link(kept, file);
        let may_link = self.can_lead(kept.name()) && self.may_link(file);
        let can_share = world.can_share(kept, file);
        if can_share && world.are_shared(kept, file) {
            return;
        }
        match (can_share, hard) {
            (true, hard) => plan.turn(keep, Turn::of(at, How::Reflink, hard, may_link)),
            (false, Ok(how)) => plan.turn(keep, Turn::of(at, how, Ok(how), may_link)),
            (false, Err(why)) => plan.leave(at, why),
        }
    }

    fn hard_link(&self, keep: File<'_>, copy: File<'_>) -> Result<How, Why> {
        let mut both = keep.names().chain(copy.names());
        if both.clone().any(|name| self.kind(name).is_some_and(|kind| matches!(kind, Kind::Application { .. }))) {
            Err(Why::Application)
        } else if both.any(is_mutable) {
            Err(Why::Mutable)
        } else if keep.owner() != copy.owner() {
            Err(Why::Owner)
        } else if (keep.stamp().mode ^ copy.stamp().mode) & RIGHTS & !WRITE != 0 {
            Err(Why::Mode)
        } else {
            self.alone(copy).map(|()| How::HardLink)
        }
    }

    /// Whether all names of a file were found: only then does replacing them free it.
    fn alone(&self, file: File<'_>) -> Result<(), Why> {
        if file.stamp().names == file.names().count() as u64 { Ok(()) } else { Err(Why::OtherNames) }
    }

    /// Whether a link may lead to it: to the copy of a hub in this cache. What lies in a hub elsewhere other projects delete, which
    /// read their own notes, and `migrate` moves it.
    fn can_lead(&self, keep: Name<'_>) -> bool {
        let place = self.places.get(keep.place());
        keep.role().is_hub() && place.is_some_and(|place| place.path.starts_with(self.cache_root))
    }

    /// Whether it may become a link to a hub's blob: what is a hub's own may not.
    fn may_link(&self, file: File<'_>) -> bool {
        let application = |name: Name<'_>| self.kind(name).is_none_or(|kind| matches!(kind, Kind::Application { .. }));
        file.names().all(|name| !name.role().is_hub() && !is_mutable(name) && !application(name))
    }

    fn kind(&self, name: Name<'_>) -> Option<&Kind> {
        self.places.get(name.place()).map(|place| &place.kind)
    }

    /// The smaller, the sooner it stays.
    fn rank(&self, name: Name<'_>) -> u8 {
        let Some(kind) = self.kind(name) else { return u8::MAX };
        match (kind, name.role()) {
            (Kind::Home, Role::Payload) => 0,
            (Kind::Home, Role::Blob) => 1,
            (Kind::Home, Role::Snapshot) => 2,
            (_, Role::Payload) => 3,
            (_, Role::Blob) => 4,
            (_, Role::Snapshot) => 5,
            (Kind::Home, Role::Plain) => 6,
            (Kind::Legacy, Role::Plain) => 7,
            (Kind::Stray { .. } | Kind::Shell { .. }, Role::Plain) => 8,
            (Kind::Application { .. }, Role::Plain) => 9,
        }
    }
}

fn is_mutable(name: Name<'_>) -> bool {
    let file = name.file();
    let bytes = file.as_encoded_bytes();
    let ends = |ending: &str| {
        let end = bytes.len().checked_sub(ending.len()).and_then(|at| bytes.get(at..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(ending.as_bytes()))
    };
    MUTABLE.iter().any(|ending| ends(ending))
}

#[cfg(test)]
mod tests;
