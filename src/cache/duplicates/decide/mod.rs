//! Of equal files: which one stays, and what becomes of the others. Decided from what was found, the few questions that only the
//! disk and Git can answer asked through [`World`].
//!
//! What lies in a hub stays: older clients that delete a revision follow its blobs' links and delete what they find there, so a
//! blob that was a link to `./models` would take the user's file with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::file::{File, Name, Role};
use super::group::Group;
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
    fn can_share(&self, keep: &File, copy: &File) -> bool;
    /// Whether they share their blocks already.
    fn are_shared(&self, keep: &File, copy: &File) -> bool;
    /// Whether Git tracks the file.
    fn is_tracked(&self, name: &Name, place: &Path) -> bool;
}

/// How one content can have two names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Two files with the same blocks, of which each can be changed by itself.
    Reflink,
    /// One file with two names, which nobody may write to.
    HardLink,
    /// A link to the copy in the hub.
    Symlink,
}

/// Why a file stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It was changed lately.
    Young,
    /// Git tracks it.
    Tracked,
    /// A program writes to it.
    Mutable,
    /// An application writes to its cache.
    Application,
    /// Its rights are others.
    Mode,
    /// It belongs to somebody else.
    Owner,
    /// It has names outside of the places.
    OtherNames,
    /// It lies on another disk.
    OtherDisk,
    /// It lies on another disk than a hub's copy that other projects may delete.
    OtherHub,
}

/// A file that can give its room back.
#[derive(Debug, Clone)]
pub struct Copy {
    /// It.
    pub file: File,
    /// What it becomes.
    pub how: How,
    /// What it becomes where blocks cannot be shared after all.
    pub otherwise: Result<How, Why>,
    /// Whether a link to the kept file may stand in for a hard link that the disk refuses.
    pub may_link: bool,
    /// What that frees, in bytes.
    pub saves: u64,
    /// Whether names say that the two are equal; else their hashes do.
    pub by_name: bool,
}

/// A file that stays, and those that become what it is.
#[derive(Debug, Clone)]
pub struct Set {
    /// The one that stays. Its best name comes first.
    pub keep: File,
    /// The others.
    pub copies: Vec<Copy>,
}

/// A file that stays although it has an equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// It.
    pub path: PathBuf,
    /// What it takes on the disk, in bytes.
    pub bytes: u64,
    /// Why it stays.
    pub why: Why,
}

/// What is to be done.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// What becomes one.
    pub sets: Vec<Set>,
    /// What stays.
    pub left: Vec<Left>,
}

impl Plan {
    /// What it saves, in bytes.
    pub fn saves(&self) -> u64 {
        self.copies().map(|(_, copy)| copy.saves).sum()
    }

    /// Every pair.
    pub fn copies(&self) -> impl Iterator<Item = (&Set, &Copy)> {
        self.sets.iter().flat_map(|set| set.copies.iter().map(move |copy| (set, copy)))
    }
}

impl Why {
    /// In words that go on after "stays:".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Young => "changed within the time of grace (--grace)",
            Self::Tracked => "tracked by Git, or Git could not be asked",
            Self::Mutable => "a program writes to files like this one, and would write to both",
            Self::Application => "an application writes to its cache, and would write to both",
            Self::Mode => "other access rights, and one file has one set of them",
            Self::Owner => "another user or group, and one file has one owner",
            Self::OtherNames => "with names outside of these places too, so that replacing frees nothing",
            Self::OtherDisk => "on another disk; --symlinks makes such files links to the hub's copy",
            Self::OtherHub => {
                "on another disk than the hub's copy, which lies outside of the cache and may be deleted without a look at links"
            }
        }
    }
}

/// What becomes of `groups`.
pub fn decide(groups: Vec<Group>, rules: &Rules<'_>, world: &dyn World) -> Plan {
    let mut plan = Plan::default();
    for group in groups {
        let mut files = Vec::new();
        for file in group.files {
            match rules.refusal(&file, world) {
                Some(why) => plan.left.push(left(&file, why)),
                None => files.push(rules.with_best_name_first(file)),
            }
        }
        rules.one(files, world, &mut plan);
    }
    plan.sets.sort_by_key(|set| std::cmp::Reverse(set.copies.iter().map(|copy| copy.saves).sum::<u64>()));
    plan.left.sort_by(|one, other| (one.why, &one.path).cmp(&(other.why, &other.path)));
    plan
}

fn left(file: &File, why: Why) -> Left {
    Left { path: file.name().path(), bytes: file.stamp.disk, why }
}

impl Rules<'_> {
    /// Why a file is not even looked at.
    fn refusal(&self, file: &File, world: &dyn World) -> Option<Why> {
        let plain = file.names.iter().filter(|name| name.role == Role::Plain);
        let tracked =
            |name: &Name| self.places.get(name.place).is_some_and(|place| world.is_tracked(name, &place.real));
        // A clock that was wrong must not keep a file young for ever: only what lies a little ahead counts.
        let age = self.now - file.stamp.modified;
        if age < self.grace && age > -self.grace {
            Some(Why::Young)
        } else {
            plain.clone().any(tracked).then_some(Why::Tracked)
        }
    }

    fn one(&self, mut files: Vec<File>, world: &dyn World, plan: &mut Plan) {
        files.sort_by_cached_key(|file| {
            let names = std::cmp::Reverse(file.stamp.names);
            (self.rank(file.name()), names, file.stamp.modified, file.name().path())
        });
        let mut files = files.into_iter();
        let Some(keep) = files.next() else { return };
        let device = keep.stamp.id.0;
        let (here, elsewhere): (Vec<File>, Vec<File>) = files.partition(|file| file.stamp.id.0 == device);
        let in_hub = keep.name().role.is_hub();
        let can_lead = self.can_lead(keep.name());
        let mut set = Set { keep, copies: Vec::new() };
        for file in here {
            self.pair(&mut set, file, world, plan);
        }
        let mut disks: BTreeMap<u64, Vec<File>> = BTreeMap::new();
        for file in elsewhere {
            let may_link = can_lead && self.may_link(&file);
            match (self.symlinks && may_link).then(|| self.alone(&file)) {
                Some(Ok(())) => set.copies.push(copy(&set.keep, file, How::Symlink, Err(Why::OtherDisk), true)),
                Some(Err(why)) => plan.left.push(left(&file, why)),
                None => disks.entry(file.stamp.id.0).or_default().push(file),
            }
        }
        if !set.copies.is_empty() {
            plan.sets.push(set);
        }
        let why = if can_lead { Why::OtherDisk } else { Why::OtherHub };
        for files in disks.into_values() {
            let could_link = files.iter().filter(|file| in_hub && self.may_link(file));
            let could_link: Vec<Left> = could_link.map(|file| left(file, why)).collect();
            let (sets, lefts) = (plan.sets.len(), plan.left.len());
            self.one(files, world, plan);
            let copies = plan.sets.iter().skip(sets).flat_map(|set| &set.copies).map(|copy| copy.file.name().path());
            let told = plan.left.iter().skip(lefts).map(|left| left.path.clone());
            let settled: Vec<PathBuf> = copies.chain(told).collect();
            plan.left.extend(could_link.into_iter().filter(|left| !settled.contains(&left.path)));
        }
    }

    /// What becomes of a file on the disk of the one that stays.
    fn pair(&self, set: &mut Set, file: File, world: &dyn World, plan: &mut Plan) {
        if file.stamp.disk == 0 {
            return;
        }
        let hard = self.hard_link(&set.keep, &file);
        let may_link = self.can_lead(set.keep.name()) && self.may_link(&file);
        if world.can_share(&set.keep, &file) {
            if !world.are_shared(&set.keep, &file) {
                set.copies.push(copy(&set.keep, file, How::Reflink, hard, may_link));
            }
            return;
        }
        match hard {
            Ok(how) => set.copies.push(copy(&set.keep, file, how, Ok(how), may_link)),
            Err(why) => plan.left.push(left(&file, why)),
        }
    }

    fn hard_link(&self, keep: &File, copy: &File) -> Result<How, Why> {
        let both = || keep.names.iter().chain(&copy.names);
        if both().any(|name| self.kind(name).is_some_and(|kind| matches!(kind, Kind::Application { .. }))) {
            Err(Why::Application)
        } else if both().any(is_mutable) {
            Err(Why::Mutable)
        } else if keep.owner != copy.owner {
            Err(Why::Owner)
        } else if (keep.stamp.mode ^ copy.stamp.mode) & RIGHTS & !WRITE != 0 {
            Err(Why::Mode)
        } else {
            self.alone(copy).map(|()| How::HardLink)
        }
    }

    /// Whether all names of a file were found: only then does replacing them free it.
    fn alone(&self, file: &File) -> Result<(), Why> {
        let found = u64::try_from(file.names.len()).unwrap_or(u64::MAX);
        if file.stamp.names == found { Ok(()) } else { Err(Why::OtherNames) }
    }

    /// Whether a link may lead to it: to the copy of a hub in this cache. What lies in a hub elsewhere other projects delete, which
    /// read their own notes, and `migrate` moves it.
    fn can_lead(&self, keep: &Name) -> bool {
        let place = self.places.get(keep.place);
        keep.role.is_hub() && place.is_some_and(|place| place.path.starts_with(self.cache_root))
    }

    /// Whether it may become a link to a hub's blob: what is a hub's own may not.
    fn may_link(&self, file: &File) -> bool {
        let application = |name: &Name| self.kind(name).is_none_or(|kind| matches!(kind, Kind::Application { .. }));
        file.names.iter().all(|name| !name.role.is_hub() && !is_mutable(name) && !application(name))
    }

    fn kind(&self, name: &Name) -> Option<&Kind> {
        self.places.get(name.place).map(|place| &place.kind)
    }

    /// The smaller, the sooner it stays.
    fn rank(&self, name: &Name) -> u8 {
        let Some(kind) = self.kind(name) else { return u8::MAX };
        match (kind, name.role) {
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

    fn with_best_name_first(&self, mut file: File) -> File {
        file.names.sort_by_cached_key(|name| (self.rank(name), name.path()));
        file
    }
}

fn copy(keep: &File, file: File, how: How, otherwise: Result<How, Why>, may_link: bool) -> Copy {
    let by_name = keep.known.is_some() && keep.known == file.known;
    Copy { saves: file.stamp.disk, file, how, otherwise, may_link, by_name }
}

fn is_mutable(name: &Name) -> bool {
    let text = name.file.to_string_lossy().to_ascii_lowercase();
    MUTABLE.iter().any(|ending| text.ends_with(ending))
}

#[cfg(test)]
mod tests;
