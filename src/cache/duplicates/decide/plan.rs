//! What is to be done: which file stays, which become what it is, and which stay although they have an equal. A million files may be in
//! it, each in few bytes; what is asked of one is put together when it is asked.

use std::cmp::Reverse;
use std::path::PathBuf;

use crate::cache::duplicates::files::{File, Files};

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
#[derive(Debug, Clone, Copy)]
pub struct Copy<'a> {
    /// Which of the plan's it is.
    pub number: u32,
    /// It.
    pub file: File<'a>,
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
#[derive(Debug, Clone, Copy)]
pub struct Set<'a> {
    /// The one that stays. Its best name comes first.
    pub keep: File<'a>,
    plan: &'a Plan,
    begin: u32,
    end: u32,
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
#[derive(Debug, Default)]
pub struct Plan {
    /// The files that it is about, among others.
    pub(super) files: Files,
    heaps: Vec<Heap>,
    turns: Vec<Turn>,
    left: Vec<(u32, Why)>,
}

/// A file that stays, and where in the list those begin and end that become what it is.
#[derive(Debug, Clone, Copy)]
struct Heap {
    keep: u32,
    begin: u32,
    end: u32,
}

/// A file that becomes what another one is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    file: u32,
    how: How,
    otherwise: Result<How, Why>,
    may_link: bool,
    by_name: bool,
}

impl Turn {
    /// Whether names say it is not known yet.
    pub(super) const fn of(file: u32, how: How, otherwise: Result<How, Why>, may_link: bool) -> Self {
        Self { file, how, otherwise, may_link, by_name: false }
    }
}

impl<'a> Set<'a> {
    /// Those that become what the first is.
    pub fn copies(self) -> impl Iterator<Item = Copy<'a>> {
        (self.begin..self.end).map(move |at| self.plan.copy(at))
    }
}

impl Plan {
    pub(super) fn of(files: Files) -> Self {
        Self { files, ..Self::default() }
    }

    /// What it saves, in bytes.
    pub fn saves(&self) -> u64 {
        self.copies().map(|(_, copy)| copy.saves).sum()
    }

    /// Each file that stays, those first that have most to give.
    pub fn sets(&self) -> impl Iterator<Item = Set<'_>> {
        self.heaps.iter().map(|heap| self.set(*heap))
    }

    /// How many they are.
    pub const fn contents(&self) -> usize {
        self.heaps.len()
    }

    /// Every pair.
    pub fn copies(&self) -> impl Iterator<Item = (Set<'_>, Copy<'_>)> {
        self.sets().flat_map(|set| set.copies().map(move |copy| (set, copy)))
    }

    /// How many they are.
    pub const fn count(&self) -> usize {
        self.turns.len()
    }

    /// What stays.
    pub fn left(&self) -> impl Iterator<Item = Left> + Clone {
        self.left.iter().map(|(at, why)| {
            let file = self.files.file(*at);
            Left { path: file.name().path(), bytes: file.stamp().disk, why: *why }
        })
    }

    /// Why, of each that stays, and what it takes on the disk.
    pub fn reasons(&self) -> impl Iterator<Item = (Why, u64)> {
        self.left.iter().map(|(at, why)| (*why, self.files.file(*at).stamp().disk))
    }

    fn set(&self, heap: Heap) -> Set<'_> {
        Set { keep: self.files.file(heap.keep), plan: self, begin: heap.begin, end: heap.end }
    }

    fn copy(&self, at: u32) -> Copy<'_> {
        let Turn { file, how, otherwise, may_link, by_name } = self.turns[at as usize];
        let file = self.files.file(file);
        Copy { number: at, saves: file.stamp().disk, file, how, otherwise, may_link, by_name }
    }

    /// A file that may stay: those that become what it is follow.
    pub(super) fn begin(&mut self, keep: u32) {
        let begin = self.end_of_turns();
        self.heaps.push(Heap { keep, begin, end: begin });
    }

    /// One that becomes what `keep` is.
    pub(super) fn turn(&mut self, keep: u32, turn: Turn) {
        let known = self.files.file(keep).known();
        let by_name = known.is_some() && known == self.files.file(turn.file).known();
        self.turns.push(Turn { by_name, ..turn });
    }

    /// All of them were told of. Without one nothing needs to stay.
    pub(super) fn end(&mut self) {
        let end = self.end_of_turns();
        if let Some(last) = self.heaps.last_mut() {
            last.end = end;
        }
        self.heaps.pop_if(|last| last.begin == last.end);
    }

    /// A file that stays.
    pub(super) fn leave(&mut self, at: u32, why: Why) {
        self.left.push((at, why));
    }

    /// How much was decided so far.
    pub(super) const fn counts(&self) -> (usize, usize) {
        (self.turns.len(), self.left.len())
    }

    /// The files of which was decided since then.
    pub(super) fn since(&self, (turns, left): (usize, usize)) -> impl Iterator<Item = u32> {
        let turned = self.turns[turns..].iter().map(|turn| turn.file);
        turned.chain(self.left[left..].iter().map(|(at, _)| *at))
    }

    /// Puts first what has most to give, and what stays in order.
    pub(super) fn settle(&mut self) {
        let files = &self.files;
        let saves = |heap: &Heap| {
            let turns = &self.turns[heap.begin as usize..heap.end as usize];
            turns.iter().map(|turn| files.file(turn.file).stamp().disk).sum::<u64>()
        };
        self.heaps.sort_by_cached_key(|heap| Reverse(saves(heap)));
        let name = |at: u32| files.file(at).name();
        self.left
            .sort_unstable_by(|(one, why), (other, also)| why.cmp(also).then_with(|| name(*one).compare(name(*other))));
    }

    fn end_of_turns(&self) -> u32 {
        // Each file has one turn at most, and a number.
        u32::try_from(self.turns.len()).unwrap_or(u32::MAX)
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
