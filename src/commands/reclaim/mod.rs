//! What could be reclaimed, and by which command: what the commands themselves would say, and where asking them would take long, how much it
//! is at most.

mod pruned;
mod unfinished;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::context::Context;
use super::survey::Survey;
use super::{cleaning, migrate, notes};
use crate::cache::inventory::{Found, Heap, UnitKind};
use crate::cache::notes::projects;
use crate::cache::{Inventory, Kind};
use crate::models::hub::layout;
use crate::models::locked::Place;
use crate::support::{time, units};

/// Something that could go, or move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reclaimable {
    /// What it is, for programs.
    pub(super) what: &'static str,
    /// What it is, for people.
    pub(super) words: &'static str,
    /// How many files, revisions or contents.
    pub(super) count: u64,
    /// What that frees or brings, in bytes.
    pub(super) bytes: u64,
    /// How far that can be believed.
    pub(super) bound: Bound,
    /// What does it.
    pub(super) command: &'static str,
}

/// How far a number can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// The command would say the same now.
    Exact,
    /// The command would say no more.
    AtMost,
    /// The command would say about as much.
    About,
}

/// Everything that could be reclaimed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct All {
    pub(super) all: Vec<Reclaimable>,
    /// Why `prune` takes nothing, if so.
    pub(super) refused: Option<String>,
    /// Whether this is no project, the home folder: then no verb removes or moves anything here.
    pub(super) no_project: bool,
}

pub(super) const PRUNE: &str = "modelstrap prune";
pub(super) const EMPTY_TRASH: &str = "modelstrap clear trash";
pub(super) use unfinished::{OUTSIDE as UNFINISHED_OUTSIDE, units as unfinished_outside};

const MEND: &str = "modelstrap verify --fix";
const MIGRATE: &str = "modelstrap migrate";

impl Reclaimable {
    /// With a number that is exact.
    pub(super) const fn new(
        what: &'static str,
        words: &'static str,
        count: u64,
        bytes: u64,
        command: &'static str,
    ) -> Self {
        Self { what, words, count, bytes, bound: Bound::Exact, command }
    }
}

impl Bound {
    /// As programs read it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::AtMost => "up_to",
            Self::About => "about",
        }
    }

    /// As it stands before a size.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Exact => "",
            Self::AtMost => "up to ",
            Self::About => "about ",
        }
    }
}

/// What is asked about: a cache as it was scanned.
struct Grounds<'a> {
    survey: &'a Survey,
    inventory: &'a Inventory,
    /// What the manifest allows the cache, in bytes.
    budget: Option<u64>,
}

impl Grounds<'_> {
    /// The libraries' homes.
    fn cached(&self) -> impl Iterator<Item = &Found> {
        self.inventory.places.iter().filter(|found| matches!(found.place.kind, Kind::Home) && !found.is_own())
    }

    fn applications(&self) -> impl Iterator<Item = &Found> {
        self.inventory.places.iter().filter(|found| matches!(found.place.kind, Kind::Application { .. }))
    }

    /// What the cache root takes on the disk, in bytes.
    fn taken(&self) -> u64 {
        self.inventory.homes.disk
    }

    /// The revisions that the locks of this project and of those registered in the cache name.
    fn needed(&self, context: &Context) -> HashSet<(PathBuf, String)> {
        let Survey { project, layout, homes, .. } = self.survey;
        let known = projects::all(&layout.cache_root, &context.vars, time::seconds());
        let locks = known.into_iter().filter_map(|known| known.lock).chain(notes::lock(project));
        let mut needed = HashSet::new();
        for part in locks.flat_map(|lock| lock.models).flat_map(|model| model.parts) {
            if let Place::Hub(place) = &part.place {
                needed.insert((layout::Repository::of(place, &homes.hub).root(), place.commit.clone()));
            }
        }
        needed
    }
}

/// Everything that could be reclaimed of `inventory`, the scan of what `survey` found.
pub(super) fn all(context: &Context, survey: &Survey, inventory: &Inventory) -> All {
    let budget = survey.project.manifest.cache.budget.as_deref().and_then(units::parse_bytes);
    let grounds = &Grounds { survey, inventory, budget };
    let (mut all, refused) = match pruned::all(context, grounds) {
        Ok(all) => (all, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    let repositories = grounds.cached().flat_map(|found| &found.units).filter_map(|unit| match &unit.kind {
        UnitKind::Repository(repository) => Some(repository),
        _ => None,
    });
    // A ref to nothing is prune's to take, and of a link to a name that is no digest nobody knows what was there.
    let broken = repositories.filter(|one| one.lost > 0).count() as u64;
    let words = "repositories with links to nothing";
    all.push(Reclaimable::new("broken_repositories", words, broken, 0, MEND));
    all.push(trash(grounds));
    all.extend(outside(context, grounds));
    all.extend(unfinished::outside(grounds));
    // A command that refuses to start is nothing to recommend.
    let no_project = survey.check_project().is_err();
    all.retain(|one| (one.count > 0 || one.bytes > 0) && (!no_project || one.command == MEND));
    All { all, refused, no_project }
}

/// What can still be brought back.
fn trash(grounds: &Grounds<'_>) -> Reclaimable {
    let Grounds { survey, inventory, .. } = grounds;
    let Heap { files, bytes } = match inventory.trash.disk {
        0 => Heap::default(),
        // Without journals that can be read, nothing of it is given up.
        _ => cleaning::remover(survey)
            .waiting()
            .map_or_else(|_| Heap::default(), |bytes| Heap { files: inventory.trash.files, bytes }),
    };
    let files = if bytes > 0 { files } else { 0 };
    Reclaimable::new("trash", "what was removed and can be brought back", files, bytes, EMPTY_TRASH)
}

/// Whether `migrate` would bring anything of `inventory` into the cache.
pub(super) fn brings(context: &Context, survey: &Survey, inventory: &Inventory) -> bool {
    outside(context, &Grounds { survey, inventory, budget: None }).is_some_and(|one| one.count > 0)
}

/// What `migrate` would bring into the cache.
fn outside(context: &Context, grounds: &Grounds<'_>) -> Option<Reclaimable> {
    let Grounds { survey, inventory, .. } = grounds;
    // By what the scan has seen of it: the place that it lies in, or the models in it.
    let weigh = |folder: &Path| {
        let places = || inventory.places.iter().filter(|found| found.exists);
        let units = places().flat_map(|found| &found.units).filter(|unit| unit.path.starts_with(folder));
        let heap = |files: u64, bytes: u64| Heap { files, bytes };
        let within = places().find(|found| folder.starts_with(&found.place.path));
        match places().any(|found| found.place.path.starts_with(folder)) {
            true => units.fold(Heap::default(), |mut sum, unit| {
                sum += heap(unit.sizes.files, unit.sizes.apparent);
                sum
            }),
            false => within.map_or_else(Heap::default, |found| heap(found.sizes.files, found.sizes.apparent)),
        }
    };
    let (Heap { files, bytes }, exact) = migrate::planned(context, survey, weigh)?;
    let bound = if exact { Bound::Exact } else { Bound::AtMost };
    Some(Reclaimable {
        bound,
        ..Reclaimable::new("outside", "files that belong into the cache", files, bytes, MIGRATE)
    })
}

/// The same in a few words for a person, command by command.
pub(super) fn lines(reclaimable: &All) -> Vec<String> {
    let mut lines = Vec::new();
    let All { all, refused, no_project } = reclaimable;
    let pruned: Vec<&Reclaimable> = all.iter().filter(|one| one.command == PRUNE).collect();
    let bytes = pruned.iter().fold(0_u64, |sum, one| sum.saturating_add(one.bytes));
    if !pruned.is_empty() {
        let what: Vec<String> = pruned.iter().map(|one| one.words.to_owned()).collect();
        let is = |bound: Bound| pruned.iter().any(|one| one.bound == bound);
        let bound = [Bound::About, Bound::AtMost].into_iter().find(|bound| is(*bound)).unwrap_or(Bound::Exact);
        lines.push(format!("`{PRUNE}` frees {}{}: {}", bound.words(), units::bytes(bytes), units::listed(&what)));
    }
    if let (Some(why), false) = (refused, no_project) {
        lines.push(format!("`{PRUNE}` takes nothing here: {why}"));
    }
    // Of downloads outside of the cache the line of all unfinished downloads says more.
    for one in all.iter().filter(|one| one.command != PRUNE && one.what != UNFINISHED_OUTSIDE) {
        let (bound, bytes) = (one.bound.words(), units::bytes(one.bytes));
        lines.push(match one.what {
            "outside" => {
                let files = units::count(one.count, "file");
                format!("`{MIGRATE}` brings {bound}{bytes} in {files} into the cache")
            }
            "trash" => format!(
                "`{EMPTY_TRASH}` frees {bytes} of what was removed; until then `modelstrap clear --undo` brings it back"
            ),
            _ => format!("`{}` mends {}", one.command, one.words),
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_line_and_nothing_has_none() {
        let one = |what, words, bytes, command| Reclaimable::new(what, words, 2, bytes, command);
        let all = |all: Vec<Reclaimable>| lines(&All { all, ..All::default() });
        assert_eq!(all(Vec::new()), [""; 0]);
        let partial = one("unfinished_downloads", "unfinished downloads", 1_000_000, PRUNE);
        let orphans = one("orphan_blobs", "blobs that no revision has", 2_000_000, PRUNE);
        assert_eq!(
            all(vec![
                partial.clone(),
                orphans.clone(),
                one("broken_repositories", "repositories with links to nothing", 0, "modelstrap verify --fix"),
                one("trash", "what was removed and can be brought back", 7_000, EMPTY_TRASH),
                one("outside", "files that belong into the cache", 5_000, MIGRATE),
            ]),
            [
                "`modelstrap prune` frees 3.00 MB: unfinished downloads and blobs that no revision has",
                "`modelstrap verify --fix` mends repositories with links to nothing",
                "`modelstrap clear trash` frees 7.00 kB of what was removed; until then `modelstrap clear --undo` brings it back",
                "`modelstrap migrate` brings 5.00 kB in 2 files into the cache",
            ]
        );
        let at_most = Reclaimable { bound: Bound::AtMost, ..partial };
        assert_eq!(
            all(vec![at_most, orphans]),
            ["`modelstrap prune` frees up to 3.00 MB: unfinished downloads and blobs that no revision has"]
        );
    }
}
