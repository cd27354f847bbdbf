//! What stays because a link leads to it: it is asked about again as soon as the link itself was chosen.

use std::collections::{BTreeMap, VecDeque};

use super::{Candidate, Pruner};
use crate::cache::select::needs::Holder;
use crate::cache::select::picks::Pick;

/// Models that wait for a link to go.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// By the thing that has the link: `None` where that is nothing that could be chosen.
    waiting: BTreeMap<Option<usize>, Vec<Pick>>,
    /// Those whose link was chosen.
    free: VecDeque<Pick>,
}

impl Held {
    /// Whether `candidate` is to wait, for a link that leads to it.
    pub(super) fn holds(&mut self, pruner: &Pruner<'_, '_>, candidate: &Candidate) -> bool {
        self.waits(pruner, candidate.pick)
    }

    fn waits(&mut self, pruner: &Pruner<'_, '_>, pick: Pick) -> bool {
        let Some(holder) = pruner.holder(&pick) else { return false };
        let thing = holder.link.as_ref().and_then(|link| pruner.stock.around(link));
        self.waiting.entry(thing).or_default().push(pick);
        true
    }

    /// One of those whose links have all been chosen by now.
    pub(super) fn freed(&mut self, pruner: &Pruner<'_, '_>) -> Option<Candidate> {
        let gone = |thing: &Option<usize>| thing.is_some_and(|thing| pruner.picks.has(&Pick::Thing(thing)));
        let gone: Vec<Option<usize>> = self.waiting.keys().copied().filter(gone).collect();
        for thing in gone {
            self.free.extend(self.waiting.remove(&thing).into_iter().flatten());
        }
        while let Some(pick) = self.free.pop_front() {
            if !self.waits(pruner, pick)
                && let Some(candidate) = pruner.again(&pick)
            {
                return Some(candidate);
            }
        }
        None
    }

    /// One of the others, once there is nothing more to choose.
    pub(super) fn rest(&mut self, pruner: &Pruner<'_, '_>) -> Option<Candidate> {
        while let Some(mut first) = self.waiting.first_entry() {
            match first.get_mut().pop() {
                Some(pick) if let Some(candidate) = pruner.again(&pick) => return Some(candidate),
                Some(_) => {}
                None => drop(first.remove()),
            }
        }
        None
    }
}

impl Pruner<'_, '_> {
    /// Who has a link, which was not chosen, to `pick` or to what goes with it.
    pub(super) fn holder(&self, pick: &Pick) -> Option<&Holder> {
        let holder = |pick: &Pick| self.needs.linked(self.stock, pick, &self.picks).into_iter().next();
        self.stock.with_parts(vec![*pick]).iter().filter(|_| self.needs.has_links()).find_map(holder)
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

    /// What nobody needs goes, or waits for a link to it to go.
    pub(super) fn unless_linked(&mut self, pick: Pick, name: &str, why: &str) {
        match self.holder(&pick).is_some() {
            true => self.linked.push((pick, name.to_owned(), why.to_owned())),
            false => drop(self.picks.add(pick, why)),
        }
    }

    /// Takes of what nobody needs that to which no link leads any more.
    pub(super) fn take_unlinked(&mut self) {
        let before = self.linked.len();
        for (pick, name, why) in std::mem::take(&mut self.linked) {
            if !self.picks.has(&pick) {
                self.unless_linked(pick, &name, &why);
            }
        }
        // One that goes may have had a link to another.
        if self.linked.len() < before {
            self.take_unlinked();
        }
    }

    /// Says of the rest why it stays.
    pub(super) fn keep_linked(&mut self) {
        self.take_unlinked();
        for (pick, name, _) in std::mem::take(&mut self.linked) {
            if let Some(claim) = self.holder(&pick).map(Holder::claim) {
                self.keep_candidate(&pick, &name, claim);
            }
        }
    }
}
