//! Puts together what the threads found: to whom contents with several names belong, and the sums of places and of all.

use std::collections::HashMap;

use super::blob::NONE;
use super::folder::Look;
use super::key::Key;
use super::pool::Pool;
use super::state::{Payload, Row, RowId, RowKind, Shared, State};
use crate::cache::inventory::{Found, Inventory, Unit, UnitKind};
use crate::cache::places::Kind;
use crate::cache::sizes::Sizes;

/// The inventory of everything that was read.
pub(super) fn of(pool: Pool) -> Inventory {
    let (places, mut state) = pool.into_parts();
    let mut sums = Sums {
        places: vec![Sizes::default(); places.len()],
        is_home: places.iter().map(|place| matches!(place.kind, Kind::Home)).collect(),
        homes: Sizes::default(),
        total: Sizes::default(),
    };
    for row in &state.rows {
        sums.add(row.place, row.sizes);
    }
    payloads(&mut state, &mut sums);
    for shared in std::mem::take(&mut state.linked).into_values() {
        sums.share(&mut state.rows, &shared.settled());
    }
    let mut found: Vec<Found> = places
        .into_iter()
        .zip(&sums.places)
        .map(|(place, sizes)| Found {
            exists: false,
            place,
            sizes: *sizes,
            expired: Sizes::default(),
            units: Vec::new(),
        })
        .collect();
    for (place, expired) in state.expired {
        if let Some(found) = found.get_mut(place as usize) {
            found.expired = expired;
        }
    }
    for row in state.rows {
        if let Some(place) = found.get_mut(row.place as usize) {
            place.exists = true;
            place.units.push(row.into());
        }
    }
    let Sums { total, homes, .. } = sums;
    Inventory { places: found, total, homes, problems: state.problems, more_problems: state.more_problems }
}

struct Sums {
    places: Vec<Sizes>,
    /// Which of them are homes.
    is_home: Vec<bool>,
    homes: Sizes,
    total: Sizes,
}

impl Sums {
    fn is_home(&self, place: u32) -> bool {
        self.is_home.get(place as usize) == Some(&true)
    }

    fn add(&mut self, place: u32, sizes: Sizes) {
        self.total += sizes;
        if self.is_home(place) {
            self.homes += sizes;
        }
        if let Some(sum) = self.places.get_mut(place as usize) {
            *sum += sizes;
        }
    }

    /// Counts a content once in each row, place, and in all; it is exclusive to whoever has all its names.
    fn share(&mut self, rows: &mut [Row], shared: &Shared) {
        let sizes = |count: u64| Sizes {
            disk: shared.disk,
            exclusive: if count >= shared.names { shared.disk } else { 0 },
            ..Sizes::default()
        };
        let mut places: HashMap<u32, u64> = HashMap::new();
        let mut all = 0;
        for (row, count) in &shared.rows {
            let count = u64::from(*count);
            all += count;
            let Some(row) = rows.get_mut(*row as usize) else { continue };
            row.sizes += sizes(count);
            *places.entry(row.place).or_default() += count;
        }
        let at_home = places.iter().filter(|(place, _)| self.is_home(**place)).map(|(_, count)| count).sum();
        if at_home > 0 {
            self.homes += sizes(at_home);
        }
        for (place, count) in places {
            if let Some(sum) = self.places.get_mut(place as usize) {
                *sum += sizes(count);
            }
        }
        self.total += sizes(all);
    }
}

/// Gives each payload of the shared stores to the repositories that have it; what nobody has stays with its store.
fn payloads(state: &mut State, sums: &mut Sums) {
    let payloads = std::mem::take(&mut state.payloads);
    let mut users: HashMap<Key, Vec<RowId>> = HashMap::new();
    for (index, row) in state.rows.iter_mut().enumerate() {
        let index = u32::try_from(index).unwrap_or(RowId::MAX);
        let place = row.place;
        let added = take(row, &payloads, |key| {
            let rows = users.entry(key).or_default();
            if rows.last() != Some(&index) {
                rows.push(index);
                return true;
            }
            false
        });
        sums.add(place, added);
    }
    for row in &mut state.rows {
        own_payloads(row, &payloads, &users);
    }
    for (key, payload) in payloads {
        let rows: Vec<(RowId, u32)> = users.remove(&key).unwrap_or_default().into_iter().map(|row| (row, 1)).collect();
        if rows.is_empty() {
            let Look { size: apparent, disk, .. } = payload.look;
            let alone = Sizes { apparent, disk, exclusive: payload.look.alone(), files: 1 };
            if let Some(store) = state.rows.get_mut(payload.store as usize) {
                store.sizes += alone;
                store.used = store.used.max(Some(payload.look.used));
                sums.add(store.place, alone);
            }
            continue;
        }
        // One that has other names outside of the store belongs to nobody here alone.
        let names = if payload.look.links > 1 { u64::MAX } else { rows.len() as u64 };
        sums.share(&mut state.rows, &Shared { names, disk: payload.look.disk, rows });
    }
}

/// Adds the payloads to the sizes of the repository and its revisions, and gives what the repository got. `first` says whether the
/// repository meets a payload for the first time.
fn take(row: &mut Row, payloads: &HashMap<Key, Payload>, mut first: impl FnMut(Key) -> bool) -> Sizes {
    let RowKind::Repository(repository, via) = &mut row.kind else { return Sizes::default() };
    via.sort_unstable();
    let mut added = Sizes::default();
    for (key, index) in via.iter() {
        let Some(payload) = payloads.get(key) else {
            repository.dangling += 1;
            continue;
        };
        if first(*key) {
            added += Sizes { apparent: payload.look.size, ..Sizes::default() };
        }
        row.used = row.used.max(Some(payload.look.used));
        if let Some(revision) = repository.revisions.get_mut(*index as usize) {
            let Look { size: apparent, disk, .. } = payload.look;
            revision.sizes += Sizes { apparent, disk, ..Sizes::default() };
            revision.used = revision.used.max(Some(payload.look.used));
        }
    }
    row.sizes += added;
    added
}

/// A payload belongs to a revision alone if no other repository has it, and no other revision of this one.
fn own_payloads(row: &mut Row, payloads: &HashMap<Key, Payload>, users: &HashMap<Key, Vec<RowId>>) {
    let RowKind::Repository(repository, via) = &mut row.kind else { return };
    for uses in via.chunk_by(|one, other| one.0 == other.0) {
        let [(key, index)] = uses else { continue };
        let alone = users.get(key).is_some_and(|rows| rows.len() == 1);
        let Some(payload) = payloads.get(key).filter(|payload| alone && payload.look.links == 1) else { continue };
        if *index == NONE {
            repository.orphans.bytes = repository.orphans.bytes.saturating_add(payload.look.disk);
        } else if let Some(revision) = repository.revisions.get_mut(*index as usize) {
            revision.sizes += Sizes { exclusive: payload.look.disk, ..Sizes::default() };
        }
    }
}

impl From<Row> for Unit {
    fn from(row: Row) -> Self {
        let kind = match row.kind {
            RowKind::File => UnitKind::File,
            RowKind::Folder => UnitKind::Folder,
            RowKind::Store => UnitKind::Store,
            RowKind::Rest => UnitKind::Rest,
            RowKind::Own => UnitKind::Own,
            RowKind::Repository(repository, _) => UnitKind::Repository(repository),
        };
        Self { name: row.name, path: row.path, sizes: row.sizes, used: row.used, partial: row.partial, kind }
    }
}
