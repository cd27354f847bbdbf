//! Models that stay because a link leads to them: they are asked about last, when the link may have been chosen itself.

use super::{Candidate, Pruner};
use crate::cache::select::picks::Pick;

/// Those that wait.
#[derive(Debug, Default)]
pub(super) struct Held(Vec<Pick>);

impl Held {
    /// Whether `candidate` is to wait, for a link that leads to it.
    pub(super) fn holds(&mut self, pruner: &Pruner<'_, '_>, candidate: &Candidate) -> bool {
        let waits = pruner.is_linked(&candidate.pick);
        self.0.extend(waits.then_some(candidate.pick));
        waits
    }

    /// One of those whose links have all been chosen by now, and when there is none, of the others.
    pub(super) fn next(&mut self, pruner: &Pruner<'_, '_>) -> Option<Candidate> {
        while !self.0.is_empty() {
            let free = self.0.iter().position(|pick| !pruner.is_linked(pick));
            let pick = self.0.remove(free.unwrap_or(0));
            if let Some(candidate) = pruner.again(&pick) {
                return Some(candidate);
            }
        }
        None
    }
}

impl Pruner<'_, '_> {
    /// Whether a link that stays leads to it, or to what goes with it.
    fn is_linked(&self, pick: &Pick) -> bool {
        let is_linked = |pick: &Pick| !self.needs.linked(self.stock, pick, &self.picks).is_empty();
        self.needs.has_links() && self.stock.with_parts(vec![*pick]).iter().any(is_linked)
    }

    /// A model as it is judged now.
    fn again(&self, pick: &Pick) -> Option<Candidate> {
        match *pick {
            Pick::Revision(at, index) => {
                let (hub, holding) = self.stock.at(at)?;
                Some(self.revision(at, hub, holding, index, holding.repository.revisions.get(index)?))
            }
            Pick::Thing(index) => self.model(index, self.stock.things.get(index)?),
            _ => None,
        }
    }
}
