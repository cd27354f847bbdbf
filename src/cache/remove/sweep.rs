//! What is done with the trashes of earlier runs: emptied when their time is over, put back when the run was cut off before it
//! had looked at everything again, or when a person wants it.
//!
//! A run that was killed among its renames has decided nothing: everything goes back, as if it had never been. One that was killed
//! after its decision is finished. What is to go back and cannot is nobody's leave to delete it, however old it is: a cache whose
//! disk is away, or a clock that was wrong, must not cost a model. It stays, and is named each time, until a person has cleared
//! the way or has taken it from the trash.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use super::back::{self, Back};
use super::clock::{Moment, Over};
use super::guard::Guard;
use super::hub::{self, Repository};
use super::journal::{self, Fate, Move, Past};
use super::place::{Place, Trash};
use super::run::free;
use super::store;
use super::times::Times;
use super::walk::Tally;
use super::{Remover, Restored, Role, Swept};
use crate::cache::stamp::Stamp;
use crate::support::interrupt::Interrupted;
use crate::support::{escape, time};

/// Which trashes are emptied: of runs that were decided alone. What goes back is emptied by neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sweep {
    /// Those whose time is over at this moment.
    Expired(Moment),
    /// All of them, whatever their time and the clock say.
    AllDecided,
}

impl Sweep {
    /// Whether the trash of `past`, which is kept until `until`, is emptied.
    fn empties(&self, until: Option<i64>, past: &mut Past) -> bool {
        let (Self::Expired(now), Some(until)) = (self, until) else { return true };
        let over = now.is_over(until, past.decided.as_ref(), past.seen_back);
        if over == Over::SeenBack {
            // Where it cannot be noted, it is kept until it can.
            let _ = past.journal.seen_back(now.date);
        }
        over == Over::Yes
    }
}

/// A past run with its places and trashes opened.
#[derive(Debug)]
struct Opened {
    past: Past,
    /// Or why one is not: its folder is gone, or nothing may be removed there any more.
    places: Vec<Result<Place, String>>,
    trashes: Vec<Trash>,
    /// What it may be done in.
    guard: Guard,
}

/// Tries again what earlier undos could not put back, then brings back the last run that can be: what is stuck stands in nobody
/// else's way.
pub(super) fn undo(remover: &Remover) -> Result<Option<Restored>> {
    let past = read(remover)?.into_iter().filter(|past| past.fate != Fate::Undecided);
    let (mut decided, returning): (Vec<_>, Vec<_>) = past.partition(|past| past.fate != Fate::Returning);
    decided.retain(|past| past.fate != Fate::Decided(None));
    let mut restored = Restored::default();
    for past in returning.into_iter().rev() {
        let run = Opened::open(past, &remover.guard());
        restored.verb.clone_from(&run.past.verb);
        run.give_back(&mut restored.back, &mut restored.stayed);
        run.close();
    }
    while let Some(last) = decided.pop() {
        let mut run = Opened::open(last, &remover.guard());
        if !run.has_anything() {
            // On a disk that is away now, there may be something.
            if run.away().is_empty() {
                run.close();
            }
            continue;
        }
        run.past.journal.give_back().context("the undo cannot be noted in its journal")?;
        run.past.fate = Fate::Returning;
        restored.verb.clone_from(&run.past.verb);
        restored.sizes = run.past.moves.iter().map(|one| (run.path(one), run.bytes(std::iter::once(one)))).collect();
        let stuck = restored.stayed.len();
        run.give_back(&mut restored.back, &mut restored.stayed);
        restored.is_whole = restored.stayed.len() == stuck;
        run.close();
        return Ok(Some(restored));
    }
    journal::tidy(&remover.cache_root);
    restored.is_whole = restored.stayed.is_empty();
    let is_nothing = restored.back.is_empty() && restored.stayed.is_empty();
    Ok((!is_nothing).then_some(restored))
}

pub(super) fn sweep(remover: &Remover, which: &Sweep) -> Result<Swept> {
    let mut swept = Swept::default();
    let guard = remover.guard();
    for past in read(remover)? {
        let mut run = Opened::open(past, &guard);
        let fate = run.past.fate;
        match fate {
            Fate::Decided(until) if !which.empties(until, &mut run.past) => continue,
            Fate::Decided(_) if run.is_left(&mut swept.problems) => continue,
            Fate::Decided(until) => {
                run.give_up(until);
                let needed = run.return_what_is_used(&mut swept);
                run.empty(&needed, &mut swept)?;
            }
            Fate::Undecided | Fate::Returning => run.give_back(&mut swept.back, &mut swept.problems),
        }
        run.close();
    }
    journal::tidy(&remover.cache_root);
    Ok(swept)
}

pub(super) fn waiting(remover: &Remover) -> Result<u64> {
    let is_over = |past: &Past| matches!(past.fate, Fate::Decided(_));
    let runs = read(remover)?.into_iter().filter(is_over).map(|past| Opened::open(past, &remover.guard()));
    Ok(runs.fold(0, |sum: u64, run| sum.saturating_add(run.bytes(run.past.moves.iter()))))
}

/// What an undo would bring back now.
pub(super) fn would_return(remover: &Remover, now: &Moment) -> Result<Option<Restored>> {
    let is_over = |past: &Past, until| now.is_over(until, past.decided.as_ref(), past.seen_back) == Over::Yes;
    let mut runs: Vec<Past> = read(remover)?;
    runs.retain(|past| match past.fate {
        Fate::Decided(until) => until.is_some_and(|until| !is_over(past, until)),
        Fate::Undecided | Fate::Returning => true,
    });
    // One that was killed before it had decided anything goes back by itself, and is all that does.
    let is_killed = runs.iter().any(|past| past.fate == Fate::Undecided);
    let mut restored = Restored::default();
    let mut is_last = !is_killed;
    for past in runs.into_iter().rev() {
        let is_decided = matches!(past.fate, Fate::Decided(_));
        if is_decided && !is_last {
            continue;
        }
        let run = Opened::open(past, &remover.guard());
        let there = run.past.moves.iter().filter(|one| !one.is_list && run.holds(one).unwrap_or(false));
        for one in there {
            restored.back.push(run.path(one));
            restored.sizes.insert(run.path(one), run.bytes(std::iter::once(one)));
            restored.verb.clone_from(&run.past.verb);
            is_last &= !is_decided;
        }
    }
    Ok(Some(restored).filter(|restored| !restored.back.is_empty()))
}

/// Where that lay which could be brought back now.
pub(super) fn removed(remover: &Remover) -> Result<Vec<PathBuf>> {
    let can_be_back = |past: &Past| matches!(past.fate, Fate::Decided(Some(_)));
    let runs = read(remover)?.into_iter().filter(can_be_back).map(|past| Opened::open(past, &remover.guard()));
    Ok(runs.flat_map(|run| run.past.moves.iter().map(|one| run.path(one)).collect::<Vec<_>>()).collect())
}

fn read(remover: &Remover) -> Result<Vec<Past>> {
    journal::past(&remover.cache_root).with_context(|| {
        format!("the journals of what was removed cannot be read in {}", escape::path(&remover.cache_root))
    })
}

impl Opened {
    fn open(past: Past, guard: &Guard) -> Self {
        let trashes: Vec<Trash> = past.trashes.iter().cloned().map(Trash::new).collect();
        let own: Vec<PathBuf> =
            trashes.iter().filter(|trash| trash.is_as_noted()).map(|trash| trash.at.base.clone()).collect();
        let guard = guard.trusting(&own);
        let places = past.places.iter().map(|place| Place::open(&guard, place)).collect();
        Self { past, places, trashes, guard }
    }

    /// Whether a trash of it lies where nothing is deleted any more; says so.
    fn is_left(&self, problems: &mut Vec<(PathBuf, String)>) -> bool {
        let Some(trash) = self.trashes.iter().find(|trash| self.guard.is_left(&trash.at.base)) else { return false };
        let why = "is no cache any more, and what was removed from it waits in its trash; \
                   if it is one, put a CACHEDIR.TAG there, and the next run frees it";
        problems.push((trash.at.base.clone(), why.to_owned()));
        true
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
        let away = self.away();
        let times = Times::of(&self.past.moves, &self.places, self.past.decided.as_ref());
        for trash in &away {
            let why = format!(
                "is not there, or another disk is, and what was taken from it may lie in its trash: mount its disk, or if it \
                 is gone for good, delete {}",
                escape::path(self.past.journal.path())
            );
            stayed.push((self.trashes[*trash].at.base.clone(), why));
        }
        for one in self.past.moves.iter().rev().filter(|one| !away.contains(&one.trash)) {
            match self.put(one) {
                Ok(Back::Done) if !one.is_list => done.push(self.path(one)),
                Ok(Back::Done | Back::WasNotHere) => {}
                Ok(Back::Lacking(what)) => {
                    done.push(self.path(one));
                    stayed.push((self.path(one), format!("is back, but {what}")));
                }
                Err(why) => stayed.push((self.path(one), self.waits(one, &why))),
            }
        }
        times.restore();
    }

    /// Why it is not back, where it is, and what a person can do.
    fn waits(&self, one: &Move, why: &str) -> String {
        let at = &self.trashes[one.trash].at;
        let there = escape::path(&at.base.join(&at.below).join(&one.name));
        let (verb, then) = (escape::printable(&self.past.verb), time::rfc3339(self.past.started).unwrap_or_default());
        format!(
            "{why}; it waits in {there}, where `{verb}` put it at {then}, until the way is free and the next run puts it back; \
             take it from there, or delete it there, to be done with it"
        )
    }

    /// Notes that no undo brings it back any more, before the first file of it is unlinked: whoever cuts this off must not get half
    /// of a repository back. On a disk without room for a line it goes all the same.
    fn give_up(&mut self, until: Option<i64>) {
        if until.is_some() && self.has_anything() {
            let at = self.past.decided.take();
            let _ = self.past.journal.decide(None, at);
        }
    }

    /// Before the trash is emptied: a content that a revision has again, and that did not come again, goes back with its payload.
    /// What could not, and is needed, says so and is left out of the emptying.
    fn return_what_is_used(&self, swept: &mut Swept) -> Vec<&Move> {
        let mut needed = Vec::new();
        for one in self.past.moves.iter().filter(|one| one.role == Role::Blob && self.is_used(one)) {
            match self.put_with_payload(one) {
                Ok(Back::Done) => swept.back.push(self.path(one)),
                Err(why) if !self.stands(one) => {
                    swept
                        .problems
                        .push((self.path(one), self.waits(one, &format!("a revision needs it again: {why}"))));
                    needed.push(one);
                }
                _ => {}
            }
        }
        needed
    }

    /// Whether something is where it was.
    fn stands(&self, one: &Move) -> bool {
        let Ok(place) = &self.places[one.place] else { return false };
        let found = place.parent(&one.path).and_then(|(parent, name)| parent.find(name));
        found.is_ok_and(|found| found.is_some())
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

    /// Unlinks what lies in the trash, but not what is `needed`; then no payload goes either, which it may lead to.
    fn empty(&self, needed: &[&Move], swept: &mut Swept) -> Result<()> {
        let stays = |one: &Move| {
            let is_same = |other: &&Move| (other.trash, &other.name) == (one.trash, &one.name);
            needed.iter().any(is_same) || (!needed.is_empty() && one.role == Role::Payload)
        };
        for one in self.past.moves.iter().filter(|one| !stays(one)) {
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

    /// The trashes, by number, that are not to be seen because the folder that they lie in is not there, or another disk is.
    fn away(&self) -> Vec<usize> {
        let is_away = |(number, trash): &(usize, &Trash)| {
            let device = self.past.moves.iter().filter(|one| one.trash == *number).find_map(Move::device);
            matches!(trash.find(), Ok(None)) && !trash.may_have_been_on(device)
        };
        self.trashes.iter().enumerate().filter(is_away).map(|(number, _)| number).collect()
    }

    /// Whether nobody needs its journal any more. What is to go back is missed also when it was changed in the trash.
    fn is_over(&self) -> bool {
        let is_clear = |one: &Move| {
            let found = self.trashes[one.trash].find();
            let found = found.and_then(|trash| trash.map_or(Ok(None), |trash| trash.find(OsStr::new(&one.name))));
            matches!(found, Ok(None))
        };
        match self.past.fate {
            Fate::Decided(_) => !self.has_anything(),
            Fate::Undecided | Fate::Returning => self.past.moves.iter().all(is_clear) && self.away().is_empty(),
        }
    }

    /// Takes the trashes away and closes the journal, if nothing of the run is left in them.
    fn close(self) {
        if self.is_over() {
            self.trashes.iter().for_each(Trash::drop_empty);
            self.past.journal.close();
        }
    }
}
