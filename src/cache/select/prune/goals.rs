//! Sizes: what was not used for the longest time goes first, until there is room.

use super::{Goal, Pruner, Room};
use crate::cache::select::accounts::Accounts;
use crate::cache::select::picks::{Pick, Picks};
use crate::support::units;

/// Why a model stays that a size might take.
const NO_ROOM: &str = "to remove it makes no room: its contents have other names, which stay";

impl Goal {
    /// Whether what goes from the disk of this device brings it nearer.
    fn counts(&self, device: Option<u64>) -> bool {
        match self.room {
            Room::Homes => true,
            Room::Disk(on) => on.is_none() || on == device,
        }
    }
}

/// What has gone, by the two ways in which it is counted; by one that no goal asks for, nothing is.
pub(super) struct Both<'a> {
    pub(super) disk: Option<Accounts<'a>>,
    pub(super) homes: Option<Accounts<'a>>,
}

/// One way to reach the goals.
struct Way {
    /// What goes for them, and why.
    chosen: Picks,
    /// What would go if it could, and why it stays.
    staying: Picks,
    /// How much goes for each goal, in bytes.
    freed: Vec<u64>,
    /// Those of the chosen that make no room.
    useless: Picks,
}

impl<'a> Pruner<'a, '_> {
    /// Takes what was not used for the longest time until each goal is reached; says which cannot be.
    pub(super) fn goals(&mut self) -> Vec<String> {
        if self.rules.goals.is_empty() {
            return Vec::new();
        }
        let way = self.best_way();
        for (pick, why) in way.chosen.iter() {
            self.picks.add(pick, why);
        }
        let missing = self.rules.goals.iter().zip(&way.freed).filter(|(goal, freed)| **freed < goal.bytes);
        let short: Vec<String> = missing
            .map(|(goal, freed)| {
                let less = units::bytes(goal.bytes.saturating_sub(*freed));
                format!("{} cannot be reached: {less} more would have to go", goal.name)
            })
            .collect();
        for (pick, why) in way.staying.iter().filter(|_| !short.is_empty()) {
            let name = self.name(&pick);
            self.keep_candidate(&pick, &name, why.to_owned());
        }
        short
    }

    /// The way on which nothing goes that makes no room. What shares its contents with what stays may be needed all the same, when
    /// that goes as well: so nothing is left out without which fewer goals are reached.
    fn best_way(&mut self) -> Way {
        let start = self.picks.len();
        let mut spared = Picks::default();
        let mut best = self.way(&spared);
        self.picks.truncate(start);
        while best.useless.iter().next().is_some() {
            for (pick, why) in best.useless.iter() {
                spared.add(pick, why);
            }
            let next = self.way(&spared);
            self.picks.truncate(start);
            if self.reached(&next) < self.reached(&best) {
                break;
            }
            best = next;
        }
        best
    }

    fn reached(&self, way: &Way) -> usize {
        self.rules.goals.iter().zip(&way.freed).filter(|(goal, freed)| **freed >= goal.bytes).count()
    }

    /// Takes what was not used for the longest time, but for what is `spared`, until each goal is reached.
    fn way(&mut self, spared: &Picks) -> Way {
        let is_asked = |is: fn(&Room) -> bool| self.rules.goals.iter().any(|goal| is(&goal.room));
        let mut accounts = Both {
            disk: is_asked(|room| matches!(room, Room::Disk(_))).then(|| Accounts::of(self.stock)),
            homes: is_asked(|room| matches!(room, Room::Homes)).then(|| Accounts::of_homes(self.stock)),
        };
        let mut freed = vec![0_u64; self.rules.goals.len()];
        for (pick, _) in self.picks.iter() {
            self.count(&pick, &mut accounts, &mut freed);
        }
        let mut least_used = self.least_used_first(i64::MAX);
        let (mut chosen, mut staying, mut useless) = (Picks::default(), Picks::default(), Picks::default());
        loop {
            let mut missing = self.rules.goals.iter().zip(&freed).filter(|(goal, freed)| **freed < goal.bytes);
            let Some((first, _)) = missing.next() else { break };
            let Some(candidate) = least_used.next(self) else { break };
            let device = self.device(&candidate.pick);
            let here = [first].into_iter().chain(missing.map(|(goal, _)| goal)).find(|goal| goal.counts(device));
            let Some(goal) = here else { continue };
            let spared = || spared.has(&candidate.pick).then(|| NO_ROOM.to_owned());
            if let Some(why) = spared().or_else(|| self.stays(&candidate)) {
                staying.add(candidate.pick, &why);
                continue;
            }
            let why = format!("for {}", goal.name);
            for pick in self.take(candidate.pick, &why) {
                self.count(&pick, &mut accounts, &mut freed);
                chosen.add(pick, &why);
            }
        }
        for (pick, _) in chosen.iter() {
            let is_judged = matches!(pick, Pick::Thing(index) if self.stock.is_later_part(index));
            let parts = if is_judged { Vec::new() } else { self.stock.with_parts(vec![pick]) };
            if !self.is_useful(&parts, &accounts) {
                for part in parts {
                    useless.add(part, NO_ROOM);
                }
            }
        }
        Way { chosen, staying, freed, useless }
    }

    /// Adds what goes with `pick` to each goal that it counts for.
    fn count(&self, pick: &Pick, accounts: &mut Both<'a>, freed: &mut [u64]) {
        let of = |accounts: &mut Option<Accounts<'a>>| accounts.as_mut().map_or(0, |of| self.bytes(pick, of));
        let (disk, homes) = (of(&mut accounts.disk), of(&mut accounts.homes));
        let device = self.device(pick);
        for (goal, freed) in self.rules.goals.iter().zip(freed) {
            let bytes = match goal.room {
                Room::Homes => homes,
                Room::Disk(_) if goal.counts(device) => disk,
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
