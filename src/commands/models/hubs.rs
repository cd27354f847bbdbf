//! Which part of the Hub's cache goes with models that are purged: their revisions, by the same decisions as of `clear`, and what an
//! earlier download of their files left.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::super::survey::Survey;
use super::others::Others;
use super::purge::{Chosen, ELSEWHERE, home};
use crate::cache::scan;
use crate::cache::select::clear::{self, Terms, Wanted};
use crate::cache::select::picks::{At, Pick};
use crate::cache::select::stock::{self, Holding, Seen, Sources, Stock};
use crate::cache::select::words::Meaning;
use crate::cache::select::{UseLog, words};
use crate::fetch;
use crate::models::hub::layout::blob_name;
use crate::models::hub::names;
use crate::models::locked::{HubPlace, Part, Place};
use crate::models::placement;
use crate::models::world::World;
use crate::support::{paths, quoted, time};

/// A commit that goes.
struct Going<'a> {
    place: &'a HubPlace,
    folder: PathBuf,
    snapshot: PathBuf,
    /// What an earlier download left of its files.
    unfinished: Vec<PathBuf>,
    /// What the lock calls its contents.
    contents: HashSet<OsString>,
}

/// What goes of `parts`, as far as they lie in the hub.
///
/// # Errors
/// When a name in a part is refused.
pub(super) fn chosen(world: &World, survey: &Survey, others: &Others, parts: &[&Part]) -> Result<Chosen> {
    let hub = paths::real_place(&world.homes.hub).unwrap_or_else(|| world.homes.hub.clone());
    let mut going = Vec::new();
    for part in parts {
        if let Place::Hub(place) = &part.place {
            going.push(Going::of(world, &hub, place, part)?);
        }
    }
    going.retain(|one| one.snapshot.is_dir() || !one.unfinished.is_empty());
    if going.is_empty() {
        return Ok(Chosen::default());
    }
    let Some(home) = home(survey, &hub) else {
        let stay = going.into_iter().map(|one| (one.snapshot, ELSEWHERE.to_owned())).collect();
        return Ok(Chosen { stay, ..Chosen::default() });
    };
    let inventory = scan::scan(vec![home.clone()]);
    let sources = Sources { is_home: &|_| true, outside: false, applications: false, tracked: &|_| HashSet::default() };
    let stock = stock::read(&inventory, &sources);
    let wanted: Vec<Wanted> = going.iter().flat_map(|one| one.wanted(&stock)).collect();
    // Who else needs it was asked before; a download that has begun since changed something after the plan.
    let terms = Terms { now: time::seconds(), busy: 0, force: true };
    let selection = clear::select(&stock, others.needs(), &UseLog::default(), &wanted, terms).unwrap_or_default();
    let stay = selection.kept.iter().map(|kept| (kept.path.clone(), kept.why.clone())).collect();
    Ok(Chosen { victims: selection.victims().collect(), stay })
}

fn known(path: &Path, stock: &Stock) -> Option<Wanted> {
    let word = quoted::text(path);
    let meaning = words::meaning(&word, Some(path), stock, &[]).ok()?;
    Some(Wanted::Named(word, meaning))
}

impl<'a> Going<'a> {
    fn of(world: &World, hub: &Path, place: &'a HubPlace, part: &Part) -> Result<Self> {
        let folder = hub.join(names::repo_folder(place.repo_type, &place.repo));
        let mut unfinished = Vec::new();
        for file in &part.files {
            let left = fetch::left(&placement::artifact(world, part, file, 0)?);
            unfinished.extend(
                left.iter().filter_map(|path| Some(paths::real_place(path.parent()?)?.join(path.file_name()?))),
            );
        }
        let contents = part.files.iter().filter_map(blob_name).map(OsString::from).collect();
        let snapshot = folder.join("snapshots").join(&place.commit);
        Ok(Self { place, snapshot, folder, unfinished, contents })
    }

    fn wanted(&self, stock: &Stock) -> Vec<Wanted> {
        let named = self.paths(stock).into_iter().filter_map(|path| known(&path, stock));
        let unlinked = Meaning::Picks(self.unlinked(stock).into());
        named.chain([Wanted::Named(self.place.repo.clone(), unlinked)]).collect()
    }

    /// On a disk without links the contents to which no link leads, and which have no name beside those that go: in other commits.
    fn unlinked(&self, stock: &Stock) -> Vec<Pick> {
        let mut picks = Vec::new();
        for (hub, of) in stock.hubs.iter().enumerate() {
            for (repository, holding) in of.repositories.iter().enumerate() {
                let found = &holding.repository;
                let own = found.revisions.iter().find(|one| one.folder == self.snapshot);
                let Some(own) = own.filter(|_| found.folder == self.folder) else { continue };
                let is_name = |file: &Seen<'_>, id| !file.is_folder() && file.stamp.id == id;
                let names = |id| holding.below(&own.folder).filter(|file| is_name(file, id)).count() as u64;
                let goes = holding.orphans().filter(|blob| {
                    let blob = holding.blob(*blob).filter(|blob| self.contents.contains(&*blob.name()));
                    blob.is_some_and(|blob| blob.stamp.names.saturating_sub(names(blob.stamp.id)) <= 1)
                });
                picks.extend(goes.map(|blob| Pick::Orphan(At { hub, repository }, blob)));
            }
        }
        picks
    }

    /// What is to go: a repository in which only a download of this was begun goes as a whole.
    fn paths(&self, stock: &Stock) -> Vec<PathBuf> {
        let mut all = stock.hubs.iter().flat_map(|hub| &hub.repositories);
        if all.any(|one| one.repository.folder == self.folder && self.is_all_of(one)) {
            return vec![self.folder.clone()];
        }
        std::iter::once(self.snapshot.clone()).chain(self.unfinished.iter().cloned()).collect()
    }

    fn is_all_of(&self, holding: &Holding) -> bool {
        let repository = &holding.repository;
        holding.leads.is_none()
            && repository.revisions.is_empty()
            && holding.contents() == 0
            && repository.unfinished.iter().all(|(path, _)| self.unfinished.contains(path))
            && repository.references.iter().all(|one| one.commit.as_ref() == Some(&self.place.commit))
    }
}
