//! Which of the models that are to make room make none: their contents have other names that stay, as those have that `dedupe` linked to a
//! copy elsewhere. To take such a model leaves a project without it, and the disk as full as it was.

use super::Pruner;
use super::goals::Both;
use crate::cache::select::accounts::Accounts;
use crate::cache::select::picks::Pick;

/// A model of whose contents less than one part in so many goes makes no room: what goes are its links, its folders, a README.
const SHARE: u64 = 100;

impl<'a> Pruner<'a, '_> {
    /// Whether a model that goes in these parts makes room, now that all that was chosen is counted in `accounts`.
    pub(super) fn is_useful(&self, parts: &[Pick], accounts: &Both<'a>) -> bool {
        let by = [&accounts.disk, &accounts.homes];
        parts.iter().any(|part| by.iter().filter_map(|by| by.as_ref()).any(|by| self.makes_room(part, by)))
    }

    fn makes_room(&self, pick: &Pick, accounts: &Accounts<'a>) -> bool {
        let stock = self.stock;
        let (has, frees) = match pick {
            Pick::Revision(at, index) => stock.at(*at).map_or((0, 0), |(hub, holding)| {
                let revision = holding.repository.revisions.get(*index);
                let blobs = revision.into_iter().flat_map(|revision| revision.blobs());
                accounts.gone_of(blobs.flat_map(|blob| accounts.contents(hub, holding, blob)))
            }),
            Pick::Thing(index) => stock.things.get(*index).map_or((0, 0), |thing| {
                accounts.gone_of(thing.entries.iter().filter(|entry| !entry.stamp.is_folder()))
            }),
            // Nothing else is chosen for its room.
            _ => return true,
        };
        frees > 0 && frees >= has / SHARE
    }
}
