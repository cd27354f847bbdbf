//! Models in the order in which they were used, the one that nobody has used for the longest time first.
//!
//! A revision is judged by the contents that it alone has: what others have as well says nothing of which was meant. When the others go,
//! what they shared is its own, so the order changes while models are taken out of it: two versions that differ in a README, which
//! nobody reads, both look old, and only the first of them is.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ffi::OsStr;

use super::held::Held;
use super::{Candidate, Pruner, span};
use crate::cache::select::picks::{At, Pick};
use crate::cache::select::stock::{Holding, HubStock, Revision, Thing, ThingKind};
use crate::cache::select::used::{self, Used};
use crate::support::quoted;

/// What a model is sorted by: its last use in seconds since 1970; of what was used in the same second, revisions first, by how many refs
/// name them and when they came; what it is called, and its number, which no two share.
type Order = (Option<i64>, (usize, i64), String, usize);

/// The models that may be chosen, the least recently used first.
pub(super) struct LeastUsed {
    waiting: BTreeMap<Order, Candidate>,
    /// Things that are one of many files, the last first, which nothing but their turn is noted of: when they were used last, and their
    /// number.
    files: Vec<(Option<i64>, u32)>,
    /// Those that a link leads to.
    held: Held,
    /// What was used after this, in seconds since 1970, is left out.
    limit: i64,
}

impl LeastUsed {
    /// The next one, as it is judged now that `pruner` has chosen those before.
    pub(super) fn next(&mut self, pruner: &Pruner<'_, '_>) -> Option<Candidate> {
        loop {
            if let Some(candidate) = self.held.freed(pruner) {
                return Some(candidate);
            }
            let Some(candidate) = self.in_turn(pruner) else { return self.held.rest(pruner) };
            if candidate.used.is_some_and(|used| used.at > self.limit) {
                // All that come after it were used later.
                (self.waiting, self.files) = Default::default();
            } else if !self.held.holds(pruner, &candidate) {
                return Some(candidate);
            }
        }
    }

    fn in_turn(&mut self, pruner: &Pruner<'_, '_>) -> Option<Candidate> {
        loop {
            if self.file_is_next(pruner) {
                let (_, index) = self.files.pop()?;
                let index = usize::try_from(index).ok()?;
                return Some(pruner.thing(index, pruner.stock.things.get(index)?));
            }
            let ((at, standing, name, number), mut candidate) = self.waiting.pop_first()?;
            let used = pruner.use_now(&candidate);
            if used.map(|used| used.at) <= at {
                return Some(candidate);
            }
            candidate.used = used;
            self.waiting.insert((used.map(|used| used.at), standing, name, number), candidate);
        }
    }

    fn file_is_next(&self, pruner: &Pruner<'_, '_>) -> bool {
        let Some((at, index)) = self.files.last() else { return false };
        let Some((first, _)) = self.waiting.first_key_value() else { return true };
        let Ok(index) = usize::try_from(*index) else { return false };
        let pick = Pick::Thing(index);
        (*at, pruner.standing(&pick), pruner.name(&pick), index) < *first
    }
}

impl<'a> Pruner<'a, '_> {
    /// Takes what nobody has used for `age` seconds.
    pub(super) fn unused_for(&mut self, age: i64) {
        let mut least_used = self.least_used_first(self.rules.now.saturating_sub(age));
        while let Some(candidate) = least_used.next(self) {
            let Some(used) = candidate.used else { continue };
            match self.stays(&candidate) {
                Some(why) => self.keep_candidate(&candidate.pick, &candidate.name, why),
                None => {
                    let why = format!("not used for {}", span(self.rules.now.saturating_sub(used.at)));
                    self.take(candidate.pick, &why);
                }
            }
        }
    }

    /// Takes it, with the other parts of a model in several files; gives what was not chosen before.
    pub(super) fn take(&mut self, pick: Pick, why: &str) -> Vec<Pick> {
        let all = self.stock.with_parts(vec![pick]);
        all.into_iter().filter(|pick| self.picks.add(*pick, why)).collect()
    }

    /// All that may be chosen and was not used after `limit` (seconds since 1970), in the order of its last use.
    pub(super) fn least_used_first(&self, limit: i64) -> LeastUsed {
        let key = |candidate: &Candidate, number: usize| {
            let at = candidate.used.map(|used| used.at);
            (at, self.standing(&candidate.pick), candidate.name.clone(), number)
        };
        let revisions = self.revisions_left().into_iter().enumerate();
        let mut waiting: BTreeMap<Order, Candidate> = revisions.map(|(at, one)| (key(&one, at), one)).collect();
        let mut files: Vec<(Option<i64>, u32)> = Vec::new();
        // A link is judged by what it leads to, or not at all.
        let is_link = |thing: &Thing<'_>| thing.is_one_of_many() && !thing.first().is_some_and(|one| one.is_plain());
        let left = |(index, thing): &(usize, Thing<'_>)| !self.picks.has(&Pick::Thing(*index)) && !is_link(thing);
        for (index, thing) in self.models().filter(left) {
            match u32::try_from(index) {
                Ok(short) if thing.is_one_of_many() && self.stock.is_alone(index) => {
                    files.push((self.use_of_thing(thing).map(|used| used.at), short))
                }
                _ => waiting.extend(self.model(index, thing).map(|one| (key(&one, index), one))),
            }
        }
        files.sort_unstable_by(|(at, index), (other_at, other)| {
            other_at.cmp(at).then_with(|| self.by_name(*other, *index)).then_with(|| other.cmp(index))
        });
        LeastUsed { waiting, files, held: Held::default(), limit }
    }

    fn by_name(&self, one: u32, other: u32) -> Ordering {
        let name = |index: u32| self.stock.things.get(usize::try_from(index).ok()?).map(|thing| thing.name());
        let (one, other) = (name(one).unwrap_or_default(), name(other).unwrap_or_default());
        // Most names are written as they are, and need not be to be compared.
        let plain = |name: &OsStr| name.as_encoded_bytes().iter().all(|byte| (b'+'..=b'z').contains(byte));
        match plain(&one) && plain(&other) {
            true => one.cmp(&other),
            false => quoted::text(one).cmp(&quoted::text(other)),
        }
    }

    /// Every model outside of hubs, with its number.
    pub(super) fn models(&self) -> impl Iterator<Item = (usize, Thing<'a>)> + use<'a> {
        self.things().filter(|(_, thing)| matches!(thing.kind(), ThingKind::File | ThingKind::Folder))
    }

    /// Every revision that was not chosen yet, whatever names it.
    pub(super) fn revisions_left(&self) -> Vec<Candidate> {
        let mut found = Vec::new();
        for (at, hub, holding) in self.readable() {
            let revisions = holding.repository.revisions.iter().enumerate();
            let left = revisions.filter(|(index, _)| !self.picks.has(&Pick::Revision(at, *index)));
            found.extend(left.map(|(index, revision)| self.revision(at, hub, holding, index, revision)));
        }
        found
    }

    /// A thing as a model. One in several files is the first of them: used when one of them was, and it stays if one of them has to.
    pub(super) fn model(&self, index: usize, thing: Thing<'_>) -> Option<Candidate> {
        if self.stock.is_later_part(index) {
            return None;
        }
        let mut candidate = self.thing(index, thing);
        let parts = self.stock.parts(index);
        for (other, thing) in parts.iter().skip(1).filter_map(|other| Some((*other, self.stock.things.get(*other)?))) {
            let part = self.thing(other, thing);
            candidate.stays = candidate.stays.or(part.stays);
            if part.used.map(|used| used.at) > candidate.used.map(|used| used.at) {
                candidate.used = part.used;
            }
        }
        Some(candidate)
    }

    /// When a thing was used last.
    pub(super) fn use_of_thing(&self, thing: Thing<'_>) -> Option<Used> {
        used::with_log(used::of(thing.entries()), &thing.path(), false, self.log)
    }

    /// When a revision was used last, by what no other one has that stays.
    pub(super) fn use_of(&self, at: At, hub: &HubStock, holding: &Holding, revision: &Revision) -> Option<Used> {
        let users = holding.users_among(|index| !self.picks.has(&Pick::Revision(at, index)));
        let is_alone = |blob: usize| users.get(blob).is_none_or(|users| *users <= 1);
        let used = used::of_revision(hub, holding, revision, is_alone);
        used::with_log(used, &revision.folder, self.needs.is_named(holding, revision), self.log)
    }

    fn use_now(&self, candidate: &Candidate) -> Option<Used> {
        match candidate.pick {
            Pick::Revision(at, index) => {
                let (hub, holding) = self.stock.at(at)?;
                self.use_of(at, hub, holding, holding.repository.revisions.get(index)?)
            }
            _ => candidate.used,
        }
    }

    fn standing(&self, pick: &Pick) -> (usize, i64) {
        let Pick::Revision(at, index) = pick else { return (usize::MAX, 0) };
        let found =
            self.stock.at(*at).and_then(|(_, holding)| Some((holding, holding.repository.revisions.get(*index)?)));
        found.map_or((0, 0), |(holding, revision)| (revision.references.len(), holding.newest_below(&revision.folder)))
    }
}
