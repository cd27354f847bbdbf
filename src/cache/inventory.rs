//! What a scan has found, put in order: places, what is in each, repositories with their revisions, and what is wrong.

use std::ffi::OsString;
use std::ops::AddAssign;
use std::path::PathBuf;

use super::parts::Part;
use super::places::{OWN, Place};
use super::sizes::Sizes;

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The places, in the order in which they were given.
    pub places: Vec<Found>,
    /// All of them together. What two of them share counts once; `exclusive` is what deleting all of them would free.
    pub total: Sizes,
    /// The same of the libraries' homes alone: what a budget is for.
    pub homes: Sizes,
    /// What was removed and can be brought back, of all places: it is in `total` and `homes`, and in no place.
    pub trash: Sizes,
    /// What several units have in common: their sizes have it each, and a sum of some of them must count it once.
    pub shared: Vec<Shared>,
    /// Stores that repositories share and that have lost the file by which their clients know one.
    pub unmarked: Vec<PathBuf>,
    /// Folders that are mounted a second time within the places, and where they count.
    pub twins: Vec<(PathBuf, PathBuf)>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// How many more problems there were.
    pub more_problems: usize,
}

/// Contents that the same units have, and no unit beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Which: the number of the place, and that of the unit in it.
    pub units: Vec<(usize, usize)>,
    /// What they take, in bytes on the disk.
    pub disk: u64,
    /// What deleting all of these units would free of that.
    pub frees: u64,
}

/// One place.
#[derive(Debug)]
pub struct Found {
    /// The place.
    pub place: Place,
    /// Whether it is there at all.
    pub exists: bool,
    /// What it holds, without what was removed and can be brought back.
    pub sizes: Sizes,
    /// Files that were changed last before the place's `max_age`.
    pub expired: Sizes,
    /// What is in it, model by model.
    pub units: Vec<Unit>,
}

impl Found {
    /// Whether it is modelstrap's own folder: what was removed has a row of its own.
    pub fn is_own(&self) -> bool {
        self.place.path.ends_with(OWN)
    }
}

/// A model, or what else lies in a place as one thing.
#[derive(Debug)]
pub struct Unit {
    /// What it is called: `org/name`, `large-v3.pt`.
    pub name: OsString,
    /// Where it lies.
    pub path: PathBuf,
    /// Its sizes.
    pub sizes: Sizes,
    /// Of its bytes on the disk, those that are counted with another unit, which has them as well: without them all units and the trash add
    /// up to the total.
    pub elsewhere: u64,
    /// One of those other units, by its path.
    pub with: Option<PathBuf>,
    /// When something in it was read or written last, in seconds since 1970; `None` where it holds no file.
    pub used: Option<i64>,
    /// Downloads that were not finished: how many files, and their bytes on the disk.
    pub partial: Heap,
    /// What kind of thing it is.
    pub kind: UnitKind,
}

impl Unit {
    /// What it is, if it is a repository of the Hub.
    pub fn repository(&self) -> Option<&Repository> {
        match &self.kind {
            UnitKind::Repository(repository) => Some(repository),
            _ => None,
        }
    }

    /// Of a model in several files: how many of them are here, and how many there are.
    pub fn parts(&self) -> Option<(u64, u64)> {
        let part = matches!(self.kind, UnitKind::File).then(|| Part::of(&self.name)).flatten()?;
        Some((self.sizes.files, part.of))
    }
}

/// What kind of thing a unit is.
#[derive(Debug)]
pub enum UnitKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A repository of the Hub.
    Repository(Box<Repository>),
    /// The payloads that the repositories of a hub share (huggingface_hub ≥ 1.32). Its sizes are those of the payloads that
    /// nobody uses.
    Store,
    /// A model of Ollama. Its path is its manifest, its sizes are those of its layers, which other models may have as well; layers
    /// that no model has are such a unit of their own, whose path is their folder.
    Ollama,
    /// What belongs to no unit: small files beside the models.
    Rest,
    /// What a library or this tool keeps for itself: locks, marks, unfinished downloads. Its files are not counted.
    Own,
}

/// A repository of the Hub.
#[derive(Debug, Default)]
pub struct Repository {
    /// `model`, `dataset` or `space`.
    pub kind: &'static str,
    /// Where it leads, if it is a link out of all places: then nothing is known of it but that, and nothing in it is counted.
    pub leads: Option<PathBuf>,
    /// Its revisions, by commit.
    pub revisions: Vec<Revision>,
    /// Blobs that no revision has.
    pub orphans: Heap,
    /// Links of revisions whose blob is not there.
    pub dangling: u64,
    /// Those of them whose blob is called by a digest: what says which bytes were there, so that they can be fetched again.
    pub lost: u64,
    /// Branches and tags that name a commit which is not there, or no commit.
    pub broken_refs: Vec<String>,
    /// Links that lead out of the repository, elsewhere than to the shared store: they are not followed.
    pub foreign: u64,
    /// What folders, references and notes of it take on the disk beside its contents and revisions, in bytes.
    pub beside: u64,
}

/// Some files of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heap {
    /// How many.
    pub files: u64,
    /// What deleting them would free, in bytes.
    pub bytes: u64,
}

/// A revision of a repository.
#[derive(Debug, Default)]
pub struct Revision {
    /// Its commit, as the folder is called.
    pub commit: OsString,
    /// The branches and tags that name it.
    pub refs: Vec<String>,
    /// Its sizes; `exclusive` is what no other revision has.
    pub sizes: Sizes,
    /// When one of its files was read or written last, in seconds since 1970.
    pub used: Option<i64>,
}

/// A folder or file that could not be read.
#[derive(Debug)]
pub struct Problem {
    /// Where.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

impl Unit {
    /// What can go at most with those revisions of this repository that `goes` says: several together free also what they share, and with each
    /// goes what is noted of it, and its folders.
    pub fn with_revisions(&self, goes: impl Fn(&Revision) -> bool) -> Heap {
        let UnitKind::Repository(repository) = &self.kind else { return Heap::default() };
        let gone: Vec<&Revision> = repository.revisions.iter().filter(|one| goes(one)).collect();
        let own = |one: &Revision| if gone.len() == 1 { one.sizes.exclusive } else { one.sizes.disk };
        let bytes = gone.iter().map(|one| own(one)).fold(0, u64::saturating_add);
        let bytes = if gone.is_empty() { 0 } else { bytes.saturating_add(repository.beside).min(self.sizes.disk) };
        Heap { files: gone.len() as u64, bytes }
    }
}

impl Heap {
    /// One file more.
    pub fn add(&mut self, bytes: u64) {
        *self += Self { files: 1, bytes };
    }
}

impl AddAssign for Heap {
    fn add_assign(&mut self, other: Self) {
        self.files = self.files.saturating_add(other.files);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl Inventory {
    /// The sizes of those units that `counts`, what several of them share once.
    pub fn sum(&self, counts: impl Fn(&Unit) -> bool) -> Sizes {
        let units = self.places.iter().flat_map(|found| &found.units).filter(|unit| counts(unit));
        let mut sum = units.fold(Sizes::default(), |mut sum, unit| {
            sum += unit.sizes;
            sum
        });
        for shared in &self.shared {
            let units = shared.units.iter().filter_map(|(place, unit)| self.places.get(*place)?.units.get(*unit));
            let counted = units.filter(|unit| counts(unit)).count();
            let again = u64::try_from(counted.saturating_sub(1)).unwrap_or(u64::MAX);
            sum.disk = sum.disk.saturating_sub(shared.disk.saturating_mul(again));
            sum.exclusive = sum.exclusive.saturating_add(if counted == shared.units.len() { shared.frees } else { 0 });
        }
        sum
    }

    /// Every repository of the Hub in it.
    pub fn repositories(&self) -> impl Iterator<Item = (&Unit, &Repository)> {
        self.places.iter().flat_map(|found| &found.units).filter_map(|unit| match &unit.kind {
            UnitKind::Repository(repository) => Some((unit, &**repository)),
            _ => None,
        })
    }

    /// What takes room outside of the cache: everything in the places there, folders and what stays in a migration with it.
    pub fn outside(&self) -> Outside {
        let places = || self.places.iter().filter(|found| found.exists && found.place.kind.is_outside());
        let mut unfinished = Heap::default();
        places().flat_map(|found| &found.units).for_each(|unit| unfinished += unit.partial);
        let disk = places().map(|found| found.sizes.disk).fold(0, u64::saturating_add);
        let holds = |found: &Found| found.sizes.files > 0 || found.units.iter().all(|unit| unit.partial.files == 0);
        let is_whole = places().any(holds);
        let whole = if is_whole { disk.saturating_sub(unfinished.bytes) } else { 0 };
        Outside { whole, unfinished: unfinished.bytes }
    }
}

/// How much takes room outside of the cache, in bytes on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outside {
    /// Without downloads that were not finished; nothing where there are only these.
    pub whole: u64,
    /// Those downloads.
    pub unfinished: u64,
}
