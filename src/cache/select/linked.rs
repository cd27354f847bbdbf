//! Links that keep what they lead to: those that `dedupe` has put in the place of copies elsewhere, for which it is the last copy, and
//! those that are part of something in the cache.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::needs::{Holder, Needs};
use super::picks::{Pick, Picks};
use super::stock::Stock;

impl Needs {
    /// The links that would lead to nothing without `pick`, but for those that go themselves with what was `chosen`.
    pub(super) fn linked(&self, stock: &Stock, pick: &Pick, chosen: &Picks) -> Vec<&Holder> {
        if !self.has_links() {
            return Vec::new();
        }
        let mut around = Vec::new();
        let mut paths: Vec<PathBuf> = stock.path(pick).into_iter().collect();
        if let Some((hub, holding)) = pick.repository().and_then(|at| stock.at(at)) {
            match pick {
                Pick::Repository(_) => {
                    paths.extend((0..holding.contents()).filter_map(|blob| holding.payload(hub, blob)));
                }
                Pick::Revision(_, index) => {
                    let revision = holding.repository.revisions.get(*index);
                    around.extend([holding.repository.folder.clone(), holding.repository.folder.join("snapshots")]);
                    for blob in revision.into_iter().flat_map(|revision| revision.blobs()) {
                        paths.extend(holding.blob(blob).map(|entry| entry.path()));
                        paths.extend(holding.payload(hub, blob));
                    }
                }
                Pick::Orphan(_, blob) => paths.extend(holding.payload(hub, *blob)),
                _ => {}
            }
        }
        // One that is a part of the same model goes with it.
        let is_part = |link: usize| stock.ties.leads_to(link).is_some_and(|thing| Pick::Thing(thing) == *pick);
        let goes =
            |link: &PathBuf| stock.around(link).is_some_and(|index| chosen.has(&Pick::Thing(index)) || is_part(index));
        let stays = |holder: &&Holder| !holder.link.as_ref().is_some_and(goes);
        let around = around.iter().flat_map(|path| self.links_at(path));
        let found: BTreeSet<&Holder> =
            paths.iter().flat_map(|path| self.links_to(path)).chain(around).filter(stays).collect();
        found.into_iter().collect()
    }
}
