//! A past run with its places and trashes opened: what of it is there, what goes back, what is unlinked, and when nobody needs its
//! journal any more.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::Swept;
use super::back::{self, Back};
use super::clock::Moment;
use super::guard::Guard;
use super::held::Held;
use super::journal::{Fate, Move, Past};
use super::lent::Wanted;
use super::needed::Needed;
use super::place::{Place, Trash};
use super::rest;
use super::run::free;
use super::times::Times;
use super::walk::Tally;
use crate::cache::roll::Roll;
use crate::cache::stamp::Stamp;
use crate::support::interrupt::Interrupted;
use crate::support::{escape, time};

/// A past run with its places and trashes opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) past: Past,
    /// Or why one is not: its folder is gone, or nothing may be removed there any more.
    pub(super) places: Vec<Result<Place, String>>,
    pub(super) trashes: Vec<Trash>,
    /// Until when what cannot be put back waits as trash; `None` while it goes back as soon as it can.
    rest: Option<i64>,
    /// What it may be done in.
    guard: Guard,
}

impl Opened {
    pub(super) fn open(past: Past, guard: &Guard) -> Self {
        let trashes: Vec<Trash> = past.trashes.iter().cloned().map(Trash::new).collect();
        let is_ours = |trash: &&Trash| !past.is_copy && trash.is_as_noted();
        let own: Vec<PathBuf> = trashes.iter().filter(is_ours).map(|trash| trash.at.base.clone()).collect();
        let guard = guard.trusting(&own);
        let places = past.places.iter().map(|place| Place::open(&guard, place)).collect();
        Self { past, places, trashes, rest: None, guard }
    }

    /// Whether a trash of it lies where nothing is deleted any more; says so.
    pub(super) fn is_left(&self, problems: &mut Vec<(PathBuf, String)>) -> bool {
        let Some(trash) = self.trashes.iter().find(|trash| self.guard.is_left(&trash.at.base)) else { return false };
        let why = "is no cache any more, and what was removed from it waits in its trash; \
                   if it is one, put a CACHEDIR.TAG there, and the next run frees it";
        problems.push((trash.at.base.clone(), why.to_owned()));
        true
    }

    /// Where it was, for a person.
    pub(super) fn path(&self, one: &Move) -> PathBuf {
        self.past.places.get(one.place).map_or_else(|| one.path.clone(), |place| place.join(&one.path))
    }

    /// Whether it lies in the trash; an error where that cannot be told.
    pub(super) fn holds(&self, one: &Move) -> io::Result<bool> {
        let Some(trash) = self.trashes[one.trash].find()? else { return Ok(false) };
        let found = trash.find(OsStr::new(&one.name))?;
        Ok(found.is_some_and(|found| one.is(&found)))
    }

    /// What it takes in the trash.
    pub(super) fn bytes(&self) -> u64 {
        let mut tally = Tally::default();
        self.past.moves.iter().filter_map(Result::ok).for_each(|one| self.add(&one, &mut tally));
        tally.bytes()
    }

    /// What one thing of it takes there.
    pub(super) fn bytes_of(&self, one: &Move) -> u64 {
        let mut tally = Tally::default();
        self.add(one, &mut tally);
        tally.bytes()
    }

    /// What cannot be read is not promised.
    fn add(&self, one: &Move, tally: &mut Tally) {
        if self.holds(one).unwrap_or(false)
            && let Ok(Some(trash)) = self.trashes[one.trash].find()
        {
            let _ = tally.add(&trash, OsStr::new(&one.name));
        }
    }

    /// Where it cannot be told, something may be there.
    pub(super) fn has_anything(&self) -> bool {
        self.past.moves.iter().any(|one| one.and_then(|one| self.holds(&one)).unwrap_or(true))
    }

    pub(super) fn put(&self, one: &Move) -> Result<Back, String> {
        match &self.places[one.place] {
            Ok(place) => {
                let trash = &self.trashes[one.trash];
                let may_return = || rest::may_return(one, place, trash);
                if self.past.is_tried { may_return() } else { Ok(()) }.and_then(|()| back::put(one, place, trash))
            }
            // Only what is in the trash is missed.
            Err(why) if self.holds(one).unwrap_or(true) => Err(why.clone()),
            Err(_) => Ok(Back::WasNotHere),
        }
    }

    /// Whether something is where it was.
    pub(super) fn stands(&self, one: &Move) -> bool {
        self.places[one.place].as_ref().is_ok_and(|place| rest::stands(one, place))
    }

    /// Whether another undo may put it back where it was, if nothing stands there.
    fn may_return(&self, one: &Move) -> bool {
        let may_return = |place| rest::may_return(one, place, &self.trashes[one.trash]).is_ok();
        self.places[one.place].as_ref().is_ok_and(may_return)
    }

    /// Whether an undo would put it back: what one could not put back, it may not.
    pub(super) fn would_return(&self, one: &Move) -> bool {
        let may_return = || !self.past.is_tried || (!self.stands(one) && self.may_return(one));
        self.holds(one).unwrap_or(false) && may_return()
    }

    /// For an undo: what cannot be put back will wait as trash does, from `now` on, if nothing of it is on a disk that is away.
    pub(super) fn wait_as_trash(&mut self, now: &Moment) {
        self.rest = self.away().is_empty().then(|| rest::until(&self.past, now));
    }

    /// Notes that what is left of it waits as trash does. Where it cannot be noted, the next run goes on with the undo.
    pub(super) fn keep_rest(&mut self, now: Moment) {
        let Some(until) = self.rest.filter(|_| !self.past.is_tried && self.has_anything()) else { return };
        if self.past.journal.keep_rest(until, now).is_ok() {
            (self.past.fate, self.past.is_tried) = (Fate::Decided(Some(until)), true);
        }
    }

    /// Puts back what can be: what was moved last first, so that nothing stands there before what it needs. What each of it takes is
    /// added to `sizes`.
    pub(super) fn give_back(
        &self,
        done: &mut Roll,
        mut sizes: Option<&mut Vec<u64>>,
        stayed: &mut Vec<(PathBuf, String)>,
    ) {
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
        for one in self.past.moves.rev() {
            let one = match one {
                Ok(one) if away.contains(&one.trash) => continue,
                Ok(one) => one,
                Err(error) => {
                    stayed.push((self.past.journal.path().to_path_buf(), unread(&error)));
                    continue;
                }
            };
            let mut tally = Tally::default();
            if sizes.is_some() {
                self.add(&one, &mut tally);
            }
            let put = self.put(&one);
            if matches!(put, Ok(Back::Done | Back::Lacking(_))) && !one.is_list {
                done.push(&self.path(&one));
                sizes.iter_mut().for_each(|sizes| sizes.push(tally.bytes()));
            }
            match put {
                Ok(Back::Done | Back::WasNotHere) => {}
                Ok(Back::Lacking(what)) => stayed.push((self.path(&one), format!("is back, but {what}"))),
                Err(why) => stayed.push((self.path(&one), self.waits(&one, &why))),
            }
        }
        times.restore(&self.places);
    }

    /// Why it is not back, where it is, and what a person can do.
    pub(super) fn waits(&self, one: &Move, why: &str) -> String {
        let at = &self.trashes[one.trash].at;
        let there = escape::path(&at.base.join(&at.below).join(&one.name));
        let (verb, then) = (escape::printable(&self.past.verb), time::rfc3339(self.past.started).unwrap_or_default());
        let waits = format!("{why}; it waits in {there}, where `{verb}` put it at {then}, until");
        match self.rest.map(|until| time::rfc3339(until).unwrap_or_default()) {
            Some(until) if self.may_return(one) => format!(
                "{waits} {until}: when the way is free, `modelstrap clear --undo` tries again; `modelstrap clear trash` frees it"
            ),
            Some(until) => format!("{waits} {until}; `modelstrap clear trash` frees it"),
            None => format!(
                "{waits} the way is free and the next run puts it back; take it from there, or delete it there, to be done with it"
            ),
        }
    }

    /// Notes that no undo brings it back any more, before the first file of it is unlinked: whoever cuts this off must not get half
    /// of a repository back. On a disk without room for a line it goes all the same.
    pub(super) fn give_up(&mut self, until: Option<i64>) {
        if until.is_some() && self.has_anything() {
            let at = self.past.decided.take();
            let _ = self.past.journal.decide(None, at);
        }
    }

    /// Unlinks what lies in the trash, but not what is needed again and cannot go back, and what is `wanted` as long as others can.
    ///
    /// # Errors
    /// That a person stopped it.
    pub(super) fn empty(&self, swept: &mut Swept, held: &mut Held, wanted: &Wanted) -> Result<()> {
        let mut needed = Needed::default();
        if let Err(error) = needed.give_back(self, swept) {
            swept.problems.push((self.past.journal.path().to_path_buf(), unread(&error)));
            return Ok(());
        }
        for one in self.past.moves.iter() {
            let one = match one {
                Ok(one) if needed.stays(&one) => continue,
                Ok(one) if self.past.places.get(one.place).is_some_and(|place| wanted.has(place, &one.path)) => {
                    continue;
                }
                Ok(one) => one,
                Err(error) => {
                    swept.problems.push((self.past.journal.path().to_path_buf(), unread(&error)));
                    continue;
                }
            };
            let outcome = self.holds(&one).and_then(|holds| {
                let freed = &mut |stamp: &Stamp| {
                    swept.freed += stamp.disk;
                    held.goes(stamp);
                };
                if holds { free(&self.trashes[one.trash], &one.name, freed) } else { Ok(()) }
            });
            match outcome {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    bail!(Interrupted("stopped: the next run frees the rest of what was removed".to_owned()))
                }
                Err(error) => swept.problems.push((self.path(&one), format!("cannot be freed: {error}"))),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// The trashes, by number, that are not to be seen because the folder that they lie in is not there, or another disk is.
    pub(super) fn away(&self) -> Vec<usize> {
        if self.past.is_copy {
            return Vec::new();
        }
        let is_away = |(number, trash): &(usize, &Trash)| {
            matches!(trash.find(), Ok(None)) && !trash.may_have_been_on(self.past.moves.device(*number))
        };
        self.trashes.iter().enumerate().filter(is_away).map(|(number, _)| number).collect()
    }

    /// Whether nobody needs its journal any more. What is to go back is missed also when it was changed in the trash.
    pub(super) fn is_over(&self) -> bool {
        let is_clear = |one: &Move| {
            let found = self.trashes[one.trash].find();
            let found = found.and_then(|trash| trash.map_or(Ok(None), |trash| trash.find(OsStr::new(&one.name))));
            matches!(found, Ok(None))
        };
        match self.past.fate {
            Fate::Decided(_) => !self.has_anything(),
            Fate::Undecided | Fate::Returning => {
                let is_clear = |one: io::Result<Move>| one.is_ok_and(|one| is_clear(&one));
                self.past.moves.iter().all(is_clear) && self.away().is_empty()
            }
        }
    }

    /// Takes the trashes away and closes the journal, if nothing of the run is left in them.
    pub(super) fn close(self) {
        if self.is_over() {
            self.trashes.iter().for_each(Trash::drop_empty);
            self.past.journal.close();
        }
    }
}

fn unread(error: &io::Error) -> String {
    format!("says where removed things were, and cannot be read: {error}; what it does not say waits in the trash")
}
