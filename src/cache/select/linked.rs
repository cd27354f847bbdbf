//! Links that `dedupe` has put in the place of copies elsewhere: what they lead to is the last copy of those files.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::needs::{Holder, Needs};
use super::picks::Pick;
use super::stock::Stock;

impl Needs {
    /// The links that would lead to nothing without `pick`.
    pub(super) fn linked(&self, stock: &Stock, pick: &Pick) -> Vec<&Holder> {
        if !self.has_links() {
            return Vec::new();
        }
        let mut paths: Vec<PathBuf> = stock.path(pick).into_iter().collect();
        if let Some((hub, holding)) = pick.repository().and_then(|at| stock.at(at)) {
            match pick {
                Pick::Repository(_) => {
                    paths.extend((0..holding.contents()).filter_map(|blob| holding.payload(hub, blob)));
                }
                Pick::Revision(_, index) => {
                    let revision = holding.repository.revisions.get(*index);
                    for blob in revision.into_iter().flat_map(|revision| revision.blobs()) {
                        paths.extend(holding.blob(blob).map(|entry| entry.path()));
                        paths.extend(holding.payload(hub, blob));
                    }
                }
                Pick::Orphan(_, blob) => paths.extend(holding.payload(hub, *blob)),
                _ => {}
            }
        }
        let found: BTreeSet<&Holder> = paths.iter().flat_map(|path| self.links_to(path)).collect();
        found.into_iter().collect()
    }
}
