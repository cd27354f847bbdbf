//! Puts together what the threads found: to whom contents with several names belong, and the sums of places and of all.

use std::collections::HashMap;
use std::path::PathBuf;

use super::blob::NONE;
use super::folder::Look;
use super::key::Key;
use super::pool::Pool;
use super::state::{Payload, Row, RowId, RowKind, State};
use crate::cache::inventory::{Found, Inventory, Repository, Unit, UnitKind};
use crate::cache::places::Kind;
use crate::cache::sizes::Sizes;

/// The inventory of everything that was read.
pub(super) fn of(pool: Pool) -> Inventory {
    let (places, mut state) = pool.into_parts();
    let mut sums = Sums {
        // One more for what was removed, wherever it lies.
        places: vec![Sizes::default(); places.len() + 1],
        is_home: places.iter().map(|place| matches!(place.kind, Kind::Home)).collect(),
        homes: Sizes::default(),
        total: Sizes::default(),
    };
    for row in &state.rows {
        sums.add(row, row.sizes);
    }
    payloads(&mut state, &mut sums);
    for file in std::mem::take(&mut state.links).files() {
        let Some(first) = file.first() else { continue };
        let names = file.iter().map(|link| link.names).max().unwrap_or(first.names);
        let owners = file.iter().map(|link| (link.row, u64::from(link.count)));
        sums.share(&mut state.rows, u64::from(names), first.disk, owners);
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
    for (place, expired) in std::mem::take(&mut state.expired) {
        if let Some(found) = found.get_mut(place as usize) {
            found.expired = expired;
        }
    }
    let path = |id: RowId| Some((id, state.rows.get(id as usize)?.path.clone()));
    let paths: HashMap<RowId, PathBuf> = state.rows.iter().filter_map(|row| path(row.with?)).collect();
    for row in std::mem::take(&mut state.rows) {
        // All layers have a model.
        let is_spare = matches!(row.kind, RowKind::Ollama(_)) && row.sizes.files == 0;
        if is_spare || state.twins.iter().any(|(twin, _)| *twin == row.path) {
            continue;
        }
        if let Some(place) = found.get_mut(row.place as usize) {
            place.exists = true;
            if !matches!(row.kind, RowKind::Trash) {
                let with = row.with.and_then(|id| paths.get(&id).cloned());
                place.units.push(Unit { with, ..row.into() });
            }
        }
    }
    let trash = sums.places.last().copied().unwrap_or_default();
    let Sums { total, homes, .. } = sums;
    let State { unmarked, mut twins, problems, more_problems, .. } = state;
    twins.sort_unstable();
    Inventory { places: found, total, homes, trash, unmarked, twins, problems, more_problems }
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

    /// Where a row counts: with its place, or with what was removed.
    fn slot(&self, row: &Row) -> usize {
        if matches!(row.kind, RowKind::Trash) { self.is_home.len() } else { row.place as usize }
    }

    fn add(&mut self, row: &Row, sizes: Sizes) {
        self.total += sizes;
        if self.is_home(row.place) {
            self.homes += sizes;
        }
        let slot = self.slot(row);
        if let Some(sum) = self.places.get_mut(slot) {
            *sum += sizes;
        }
    }

    /// Counts a content once in each row, place, and in all; it is exclusive to whoever has all its names.
    fn share(&mut self, rows: &mut [Row], names: u64, disk: u64, owners: impl Iterator<Item = (RowId, u64)> + Clone) {
        credit(rows, disk, owners.clone().map(|(row, _)| row));
        let sizes = |count: u64| Sizes { disk, exclusive: if count >= names { disk } else { 0 }, ..Sizes::default() };
        let mut slots: HashMap<usize, u64> = HashMap::new();
        let (mut all, mut at_home) = (0, 0);
        for (row, count) in owners {
            all += count;
            let Some(row) = rows.get_mut(row as usize) else { continue };
            row.sizes += sizes(count);
            *slots.entry(self.slot(row)).or_default() += count;
            at_home += if self.is_home(row.place) { count } else { 0 };
        }
        if at_home > 0 {
            self.homes += sizes(at_home);
        }
        for (slot, count) in slots {
            if let Some(sum) = self.places.get_mut(slot) {
                *sum += sizes(count);
            }
        }
        self.total += sizes(all);
    }
}

/// Lets a content that several rows have count with one of them: the first by its path, and what was removed last, so that the same cache
/// is drawn the same each time.
fn credit(rows: &mut [Row], disk: u64, owners: impl Iterator<Item = RowId> + Clone) {
    let order = |id: &RowId| rows.get(*id as usize).map(|row| (matches!(row.kind, RowKind::Trash), &row.path));
    let Some(first) = owners.clone().nth(1).and_then(|_| owners.clone().min_by_key(order)) else { return };
    for id in owners.filter(|id| *id != first) {
        let Some(row) = rows.get_mut(id as usize) else { continue };
        row.elsewhere = row.elsewhere.saturating_add(disk);
        row.with = Some(row.with.unwrap_or(first));
    }
}

/// Gives each payload of the shared stores to the repositories that have it; what nobody has stays with its store. Everything is
/// in order and looked up by halves: maps of a million payloads took 300 MB.
fn payloads(state: &mut State, sums: &mut Sums) {
    let mut payloads = std::mem::take(&mut state.payloads);
    payloads.sort_unstable_by_key(|payload| payload.key);
    payloads.dedup_by_key(|payload| payload.key);
    let mut users: Vec<(u32, RowId)> = Vec::new();
    for (index, row) in state.rows.iter_mut().enumerate() {
        let index = u32::try_from(index).unwrap_or(RowId::MAX);
        let is_shut = row.path.parent().is_some_and(|hub| state.shut.contains(hub));
        let added = take(row, &payloads, is_shut, |payload| users.push((payload, index)));
        sums.add(row, added);
    }
    users.sort_unstable();
    for row in &mut state.rows {
        own_payloads(row, &payloads, &users);
    }
    let mut doubles = std::mem::take(&mut state.doubles);
    doubles.sort_unstable_by_key(|(key, _)| *key);
    for (at, payload) in (0..).zip(&payloads) {
        let rows = users_of(&users, at);
        if rows.is_empty() {
            unused(state, sums, payload);
        }
        let alone = if payload.linked { 0 } else { payload.disk };
        if payload.linked {
            doubled(state, &doubles, payload, rows);
        }
        // The list of its users goes with the last of them, also where its bytes have other names.
        let disk = alone + payload.list();
        if !rows.is_empty() && disk > 0 {
            sums.share(&mut state.rows, rows.len() as u64, disk, rows.iter().map(|(_, row)| (*row, 1)));
        }
    }
}

/// A payload that nobody has stays with its store; the bytes of one that has other names come with these.
fn unused(state: &mut State, sums: &mut Sums, payload: &Payload) {
    let disk = payload.list() + if payload.linked { 0 } else { payload.disk };
    let alone = Sizes { apparent: payload.size, disk, exclusive: disk, files: 1 };
    if let Some(store) = state.rows.get_mut(payload.store as usize) {
        store.sizes += alone;
        store.used = store.used.max(Some(payload.used));
        sums.add(store, alone);
    }
}

/// A payload with names outside of the store, as `dedupe` makes them, is one file with those. Its own name is everybody's who has it: as
/// many as have it must go, and all its other names, before it does.
fn doubled(state: &mut State, doubles: &[(Key, Look)], payload: &Payload, users: &[(u32, RowId)]) {
    let at = doubles.binary_search_by_key(&payload.key, |(key, _)| *key);
    let Some((_, look)) = at.ok().and_then(|at| doubles.get(at)) else { return };
    let more = (users.len() as u64).saturating_sub(1);
    let look = Look { links: look.links.saturating_add(more), ..*look };
    let store = [(0, payload.store)];
    let users = if users.is_empty() { &store[..] } else { users };
    users.iter().for_each(|(_, row)| state.links.add(&look, *row));
}

fn find(payloads: &[Payload], key: Key) -> Option<u32> {
    payloads.binary_search_by_key(&key, |payload| payload.key).ok().and_then(|at| u32::try_from(at).ok())
}

/// The rows that have the payload with this number.
fn users_of(users: &[(u32, RowId)], payload: u32) -> &[(u32, RowId)] {
    let first = users.partition_point(|(at, _)| *at < payload);
    let rest = users.get(first..).unwrap_or_default();
    rest.get(..rest.iter().take_while(|(at, _)| *at == payload).count()).unwrap_or_default()
}

/// Adds the payloads to the sizes of the repository and its revisions, and gives what the repository got. `meets` is told the
/// number of each payload that it has, once. Of a store that `is_shut`, nobody knows what is missing.
fn take(row: &mut Row, payloads: &[Payload], is_shut: bool, mut meets: impl FnMut(u32)) -> Sizes {
    let mut nothing = Repository::default();
    let (repository, via, files) = match &mut row.kind {
        RowKind::Repository(repository, via) => (&mut **repository, via, 0),
        // A repository has counted the links to its payloads.
        RowKind::Ollama(layers) => (&mut nothing, layers, 1),
        _ => return Sizes::default(),
    };
    via.sort_unstable();
    let mut added = Sizes::default();
    let mut last = None;
    for (key, index) in via.iter() {
        let Some((at, payload)) = find(payloads, *key).and_then(|at| Some((at, payloads.get(at as usize)?))) else {
            repository.dangling += u64::from(!is_shut);
            // A payload is called by its digest.
            repository.lost += u64::from(!is_shut && *index != NONE);
            continue;
        };
        if last != Some(at) {
            last = Some(at);
            meets(at);
            added += Sizes { apparent: payload.size, files, ..Sizes::default() };
        }
        row.used = row.used.max(Some(payload.used));
        if let Some(revision) = repository.revisions.get_mut(*index as usize) {
            let disk = payload.disk + payload.list();
            revision.sizes += Sizes { apparent: payload.size, disk, ..Sizes::default() };
            revision.used = revision.used.max(Some(payload.used));
        }
    }
    row.sizes += added;
    added
}

/// A payload belongs to a revision alone if no other repository has it, and no other revision of this one.
fn own_payloads(row: &mut Row, payloads: &[Payload], users: &[(u32, RowId)]) {
    let RowKind::Repository(repository, via) = &mut row.kind else { return };
    for uses in via.chunk_by(|one, other| one.0 == other.0) {
        let [(key, index)] = uses else { continue };
        let Some(at) = find(payloads, *key).filter(|at| users_of(users, *at).len() == 1) else { continue };
        let Some(payload) = payloads.get(at as usize) else { continue };
        let alone = payload.list() + if payload.linked { 0 } else { payload.disk };
        if *index == NONE {
            repository.orphans.bytes = repository.orphans.bytes.saturating_add(alone);
        } else if let Some(revision) = repository.revisions.get_mut(*index as usize) {
            revision.sizes += Sizes { exclusive: alone, ..Sizes::default() };
        }
    }
    // It says nothing more, and takes 16 bytes a file.
    *via = Vec::new();
}

impl From<Row> for Unit {
    fn from(row: Row) -> Self {
        let kind = match row.kind {
            RowKind::File => UnitKind::File,
            RowKind::Folder => UnitKind::Folder,
            RowKind::Store => UnitKind::Store,
            RowKind::Rest => UnitKind::Rest,
            RowKind::Own | RowKind::Trash => UnitKind::Own,
            RowKind::Repository(repository, _) => UnitKind::Repository(repository),
            RowKind::Ollama(_) => UnitKind::Ollama,
        };
        let Row { name, path, sizes, elsewhere, used, partial, .. } = row;
        Self { name, path, sizes, elsewhere, with: None, used, partial, kind }
    }
}
