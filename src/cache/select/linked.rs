//! Links that `dedupe` has put in the place of copies elsewhere: what they lead to is the last copy of those files.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use super::needs::{Holder, Needs};
use super::picks::Pick;
use super::stock::{Holding, Stock};
use crate::cache::hub::{BlobKind, Revision};

impl Needs {
    /// The links that would lead to nothing without `pick`.
    pub(super) fn linked(&self, stock: &Stock, pick: &Pick) -> Vec<&Holder> {
        if !self.has_links() {
            return Vec::new();
        }
        let mut paths: Vec<PathBuf> = stock.path(pick).into_iter().collect();
        match pick {
            Pick::Repository(at) => {
                let holding = stock.at(*at).map(|(_, holding)| holding);
                paths.extend(holding.into_iter().flat_map(Holding::shared).map(|(_, payload)| payload.clone()));
            }
            Pick::Revision(at, index) => {
                let holding = stock.at(*at).map(|(_, holding)| holding);
                let revision = holding.and_then(|holding| holding.repository.revisions.get(*index));
                for name in revision.into_iter().flat_map(Revision::blobs) {
                    paths.extend(holding.map(|holding| holding.repository.blob(name)));
                    paths.extend(holding.and_then(|holding| payload(holding, name)));
                }
            }
            Pick::Orphan(at, name) => paths.extend(stock.at(*at).and_then(|(_, holding)| payload(holding, name))),
            _ => {}
        }
        let found: BTreeSet<&Holder> = paths.iter().flat_map(|path| self.links_to(path).collect::<Vec<_>>()).collect();
        found.into_iter().collect()
    }
}

/// The payload of the shared store that a blob leads to.
fn payload(holding: &Holding, name: &OsString) -> Option<PathBuf> {
    match &holding.repository.blobs.get(name)?.kind {
        BlobKind::Shared(path, _) => Some(path.clone()),
        BlobKind::Own | BlobKind::Foreign => None,
    }
}
