//! Sizes: what was not used for the longest time goes first, until there is room.

use super::{Pruner, Room};
use crate::cache::select::accounts::Accounts;
use crate::cache::select::picks::{Pick, Picks};
use crate::support::units;

/// What has gone, by the two ways in which it is counted.
struct Both<'a> {
    disk: Accounts<'a>,
    homes: Accounts<'a>,
}

impl<'a> Pruner<'a, '_> {
    /// Takes what was not used for the longest time until each goal is reached; says which cannot be.
    pub(super) fn goals(&mut self) -> Vec<String> {
        if self.rules.goals.is_empty() {
            return Vec::new();
        }
        let mut accounts = Both { disk: Accounts::of(self.stock), homes: Accounts::of_homes(self.stock) };
        let mut freed = vec![0_u64; self.rules.goals.len()];
        for (pick, _) in self.picks.iter() {
            self.count(&pick, &mut accounts, &mut freed);
        }
        let mut least_used = self.least_used_first();
        let mut staying = Picks::default();
        while let Some((goal, _)) = self.rules.goals.iter().zip(&freed).find(|(goal, freed)| **freed < goal.bytes) {
            let Some(candidate) = least_used.next(self) else { break };
            if let Some(why) = self.stays(&candidate) {
                staying.add(candidate.pick, &why);
                continue;
            }
            self.picks.add(candidate.pick, &format!("for {}", goal.name));
            self.count(&candidate.pick, &mut accounts, &mut freed);
        }
        let missing = self.rules.goals.iter().zip(&freed).filter(|(goal, freed)| **freed < goal.bytes);
        let short: Vec<String> = missing
            .map(|(goal, freed)| {
                let less = units::bytes(goal.bytes.saturating_sub(*freed));
                format!("{} cannot be reached: {less} more would have to go", goal.name)
            })
            .collect();
        for (pick, why) in staying.iter().filter(|_| !short.is_empty()) {
            let name = self.name(&pick);
            self.keep_candidate(&pick, &name, why.to_owned());
        }
        short
    }

    /// Adds what goes with `pick` to each goal that it counts for.
    fn count(&self, pick: &Pick, accounts: &mut Both<'a>, freed: &mut [u64]) {
        let (disk, homes) = (self.bytes(pick, &mut accounts.disk), self.bytes(pick, &mut accounts.homes));
        let device = self.device(pick);
        for (goal, freed) in self.rules.goals.iter().zip(freed) {
            let bytes = match goal.room {
                Room::Homes => homes,
                Room::Disk(on) if on.is_none() || on == device => disk,
                Room::Disk(_) => 0,
            };
            *freed = freed.saturating_add(bytes);
        }
    }

    /// What goes with `pick`, in bytes.
    fn bytes(&self, pick: &Pick, accounts: &mut Accounts<'a>) -> u64 {
        let stock = self.stock;
        match pick {
            Pick::Repository(at) => accounts.repository(*at).frees,
            Pick::Revision(at, index) => {
                let revision = accounts.revision(*at, *index).frees;
                // With the last of them goes what else is in the repository.
                let rest = if self.settling().goes_whole(*at) { accounts.repository(*at).frees } else { 0 };
                revision.saturating_add(rest)
            }
            Pick::Orphan(at, blob) => accounts.orphan(*at, *blob).frees,
            Pick::Payload(hub, index) => accounts.payload(*hub, *index),
            Pick::Thing(index) => stock.things.get(*index).map_or(0, |thing| accounts.entries(thing.entries())),
            Pick::Unfinished(at, index) => {
                let found = stock.at(*at).and_then(|(_, holding)| {
                    let (path, _) = holding.repository.unfinished.get(*index)?;
                    holding.entry(path)
                });
                accounts.entries(found.into_iter())
            }
            // Too small to count, or no part of the cache.
            Pick::Reference(..) | Pick::Absences(_) | Pick::Inside(..) | Pick::Application(..) => 0,
        }
    }

    fn device(&self, pick: &Pick) -> Option<u64> {
        if let Some(at) = pick.repository() {
            return self.stock.at(at)?.1.entries.first().map(|entry| entry.stamp.id.0);
        }
        match pick {
            Pick::Payload(hub, index) => {
                self.stock.hubs.get(*hub)?.payloads.get(*index).map(|payload| payload.entry.stamp.id.0)
            }
            Pick::Thing(index) | Pick::Inside(index, _) => {
                self.stock.things.get(*index)?.first().map(|entry| entry.stamp.id.0)
            }
            Pick::Application(cache, index) => {
                self.stock.applications.get(*cache)?.entries.get(*index).map(|entry| entry.stamp.id.0)
            }
            _ => None,
        }
    }
}
