//! What is done with the trashes of earlier runs: emptied when their time is over, put back when the run was cut off before it
//! had looked at everything again, or when a person wants it.
//!
//! A run that was killed among its renames has decided nothing: everything goes back, as if it had never been. One that was killed
//! after its decision is finished.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use super::back::{self, Back};
use super::guard::Guard;
use super::hub::{self, Repository};
use super::journal::{self, Fate, Move, Past};
use super::place::{Place, Trash};
use super::run::free;
use super::store;
use super::walk::Tally;
use super::{Remover, Restored, Role, Swept};
use crate::cache::stamp::Stamp;
use crate::support::escape;
use crate::support::interrupt::Interrupted;

/// How long what could not be put back waits for a person, in seconds: a week.
const WAIT: i64 = 7 * 86_400;

/// A past run with its places and trashes opened.
#[derive(Debug)]
struct Opened {
    past: Past,
    /// Or why one is not: its folder is gone, or nothing may be removed there any more.
    places: Vec<Result<Place, String>>,
    trashes: Vec<Trash>,
}

pub(super) fn undo(remover: &Remover) -> Result<Option<Restored>> {
    let mut past = read(remover)?;
    past.retain(|past| matches!(past.fate, Fate::Decided(Some(_)) | Fate::Returning));
    while let Some(last) = past.pop() {
        let mut run = Opened::open(last, &remover.guard());
        if !run.has_anything() {
            run.close();
            continue;
        }
        run.past.journal.give_back().context("the undo cannot be noted in its journal")?;
        let mut restored = Restored { verb: run.past.verb.clone(), ..Restored::default() };
        restored.sizes = run.past.moves.iter().map(|one| (run.path(one), run.bytes(std::iter::once(one)))).collect();
        run.give_back(&mut restored.back, &mut restored.stayed);
        run.close();
        return Ok(Some(restored));
    }
    journal::tidy(&remover.cache_root);
    Ok(None)
}

pub(super) fn sweep(remover: &Remover, now: i64) -> Result<Swept> {
    let mut swept = Swept::default();
    for past in read(remover)? {
        let run = Opened::open(past, &remover.guard());
        match run.past.fate {
            Fate::Decided(Some(until)) if until > now => continue,
            Fate::Decided(until) => {
                if until.is_some() {
                    run.return_what_is_used(&mut swept);
                }
                run.empty(&mut swept)?;
            }
            Fate::Undecided | Fate::Returning => {
                run.give_back(&mut swept.back, &mut swept.problems);
                if run.past.started.saturating_add(WAIT) <= now {
                    run.empty(&mut swept)?;
                }
            }
        }
        run.close();
    }
    journal::tidy(&remover.cache_root);
    Ok(swept)
}

pub(super) fn waiting(remover: &Remover, now: i64) -> Result<u64> {
    let is_over = |past: &Past| matches!(past.fate, Fate::Decided(until) if until.is_none_or(|until| until <= now));
    let runs = read(remover)?.into_iter().filter(is_over).map(|past| Opened::open(past, &remover.guard()));
    Ok(runs.fold(0, |sum: u64, run| sum.saturating_add(run.bytes(run.past.moves.iter()))))
}

fn read(remover: &Remover) -> Result<Vec<Past>> {
    journal::past(&remover.cache_root).with_context(|| {
        format!("the journals of what was removed cannot be read in {}", escape::path(&remover.cache_root))
    })
}

impl Opened {
    fn open(past: Past, guard: &Guard) -> Self {
        let places = past.places.iter().map(|place| Place::open(guard, place)).collect();
        let trashes = past.trashes.iter().cloned().map(Trash::new).collect();
        Self { past, places, trashes }
    }

    /// Where it was, for a person.
    fn path(&self, one: &Move) -> PathBuf {
        self.past.places.get(one.place).map_or_else(|| one.path.clone(), |place| place.join(&one.path))
    }

    /// Whether it lies in the trash; an error where that cannot be told.
    fn holds(&self, one: &Move) -> io::Result<bool> {
        let Some(trash) = self.trashes[one.trash].find()? else { return Ok(false) };
        let found = trash.find(OsStr::new(&one.name))?;
        Ok(found.is_some_and(|found| one.is(&found)))
    }

    /// What these take in the trash.
    fn bytes<'m>(&self, moves: impl Iterator<Item = &'m Move>) -> u64 {
        let mut tally = Tally::default();
        for one in moves.filter(|one| self.holds(one).unwrap_or(false)) {
            if let Ok(Some(trash)) = self.trashes[one.trash].find() {
                // What cannot be read is not promised.
                let _ = tally.add(&trash, OsStr::new(&one.name));
            }
        }
        tally.bytes()
    }

    fn has_anything(&self) -> bool {
        self.past.moves.iter().any(|one| self.holds(one).unwrap_or(true))
    }

    fn put(&self, one: &Move) -> Result<Back, String> {
        match &self.places[one.place] {
            Ok(place) => back::put(one, place, &self.trashes[one.trash]),
            // Only what is in the trash is missed.
            Err(why) if self.holds(one).unwrap_or(true) => Err(why.clone()),
            Err(_) => Ok(Back::WasNotHere),
        }
    }

    /// Puts back what can be: what was moved last first, so that nothing stands there before what it needs.
    fn give_back(&self, done: &mut Vec<PathBuf>, stayed: &mut Vec<(PathBuf, String)>) {
        for one in self.past.moves.iter().rev() {
            match self.put(one) {
                Ok(Back::Done) if !one.is_list => done.push(self.path(one)),
                Ok(Back::Done | Back::WasNotHere) => {}
                Ok(Back::Lacking(what)) => {
                    done.push(self.path(one));
                    stayed.push((self.path(one), format!("is back, but {what}")));
                }
                Err(why) => stayed.push((self.path(one), why)),
            }
        }
    }

    /// Before the trash is emptied: a content that a revision has again, and that did not come again, goes back with its payload.
    fn return_what_is_used(&self, swept: &mut Swept) {
        for one in self.past.moves.iter().filter(|one| one.role == Role::Blob) {
            let used = self.is_used(one);
            if used && let Ok(Back::Done) = self.put_with_payload(one) {
                swept.back.push(self.path(one));
            }
        }
    }

    fn is_used(&self, one: &Move) -> bool {
        let Ok(place) = &self.places[one.place] else { return false };
        let name = one.path.file_name().unwrap_or_default();
        let repository = Repository::around(&place.folder, &place.real, &one.path);
        let contents = repository.and_then(|found| found.map_or_else(|| Ok(Default::default()), |it| it.contents()));
        self.holds(one).unwrap_or(false) && contents.is_ok_and(|contents| contents.contains(name))
    }

    fn put_with_payload(&self, one: &Move) -> Result<Back, String> {
        if let Some(hash) = self.payload_of(one) {
            let is_its = |other: &&Move| {
                let name = other.path.file_name().unwrap_or_default().as_encoded_bytes();
                other.role == Role::Payload && name.starts_with(hash.as_bytes())
            };
            for other in self.past.moves.iter().rev().filter(is_its) {
                self.put(other)?;
            }
        }
        self.put(one)
    }

    fn payload_of(&self, one: &Move) -> Option<String> {
        let trash = self.trashes[one.trash].find().ok()??;
        let (hub, _) = hub::around(&one.path)?;
        let hub = self.past.places.get(one.place)?.join(hub);
        store::led_to(&trash.target(OsStr::new(&one.name)).ok()?, &hub)
    }

    /// Unlinks what lies in the trash.
    fn empty(&self, swept: &mut Swept) -> Result<()> {
        for one in &self.past.moves {
            let outcome = self.holds(one).and_then(|holds| {
                let freed = &mut |stamp: &Stamp| swept.freed += stamp.disk;
                if holds { free(&self.trashes[one.trash], &one.name, freed) } else { Ok(()) }
            });
            match outcome {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    bail!(Interrupted("stopped: the next run frees the rest of what was removed".to_owned()))
                }
                Err(error) => swept.problems.push((self.path(one), format!("cannot be freed: {error}"))),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Takes the trashes away and closes the journal, if nothing of the run is left in them.
    fn close(self) {
        if !self.has_anything() {
            self.trashes.iter().for_each(Trash::drop_empty);
            self.past.journal.close();
        }
    }
}
