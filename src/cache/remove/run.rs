//! One removal from its order to its end: what goes where, the journal, the renames, the second look, the decision, the end.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, bail};

use super::downloads::Downloads;
use super::guard::Guard;
use super::held::Held;
use super::job::Above;
pub(super) use super::job::{Job, Jobs, State};
use super::journal::{Journal, Mark, Move};
use super::lent::Wanted;
use super::place::{Place, Trash};
use super::walk::{self, Limits, Tally};
use super::{Keep, Order, Outcome, Remover, Role, Supply, Victim, apart, back, hub, journal, room};
use crate::cache::stamp::Stamp;
use crate::platform::{blocks, open_files};
use crate::support::interrupt::{self, Interrupted};
use crate::support::{escape, time};

/// A removal that is under way.
#[derive(Debug)]
pub(super) struct Run<'v> {
    pub(super) places: Vec<Place>,
    pub(super) trashes: Vec<Trash>,
    pub(super) jobs: Jobs<'v>,
    pub(super) limits: Limits,
    machine: PathBuf,
    /// Links followed.
    pub(super) cache_root: PathBuf,
    /// Links of `dedupe` that the plan knows of.
    pub(super) known: Vec<PathBuf>,
    /// Files that some process has open, by device and inode.
    pub(super) opened: HashSet<(u64, u64)>,
    /// Repositories of which something goes, and whether a program downloads into each.
    pub(super) downloads: Downloads,
    /// What the snapshots of the repository that is at work have, read once its snapshots that go have gone.
    pub(super) contents: Option<((usize, PathBuf), hub::Names)>,
    /// What the files freed that went from trees to make room.
    pub(super) thinned: u64,
}

pub(super) fn remove<V: Supply>(remover: &Remover, order: Order<'_, V>, progress: &dyn Fn(u64)) -> Result<Outcome> {
    let guard = remover.guard();
    let name = format!("{}{}", run_name(), if remover.goes_on { journal::GOES_ON } else { "" });
    let (verb, keep) = (order.verb, order.keep);
    let (mut run, refused) = Run::plan(remover, &guard, order, &name)?;
    let mut outcome = Outcome { stayed: refused, ..Outcome::default() };
    if run.jobs.is_empty() {
        return Ok(outcome);
    }
    let Some(mut journal) = run.begin_on_any_disk(remover, &name, verb, keep)? else {
        run.end(&mut outcome, remover, progress)?;
        outcome.stayed.extend(run.stayed());
        return Ok(outcome);
    };
    if let Err(error) = run.take_all().and_then(|()| run.settle()) {
        return Err(run.take_back(journal, error));
    }
    let gone = (0..run.jobs.len()).any(|at| run.jobs.is(at, &State::Gone));
    outcome.until = match keep {
        Keep::For(time) if gone => {
            outcome.kept = Some(time);
            Some(time::seconds().saturating_add(i64::try_from(time.as_secs()).unwrap_or(i64::MAX)))
        }
        _ => None,
    };
    if gone {
        run.trashes.iter().for_each(Trash::sync);
        journal
            .decide(outcome.until, Some(remover.moment()))
            .context("the journal of what is removed cannot be written")?;
    }
    if run.end(&mut outcome, remover, progress)? {
        journal.close();
    }
    outcome.stayed.extend(run.stayed());
    Ok(outcome)
}

/// Sorts by the time of its beginning; no other run has it.
fn run_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{:011}-{:05}-{}", time::seconds(), number, std::process::id())
}

/// The last moment at which something that goes may have been made, changed or linked.
fn newest(planned: SystemTime, grace: Duration) -> i128 {
    let grace = i128::try_from(grace.as_nanos()).unwrap_or(i128::MAX);
    since(planned).min(since(SystemTime::now()).saturating_sub(grace))
}

fn since(time: SystemTime) -> i128 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    i128::try_from(since).unwrap_or(i128::MAX)
}

impl<'v> Run<'v> {
    /// Says for each victim where it goes; with them, those that may not go at all.
    pub(super) fn plan<V: Supply + 'v>(
        remover: &Remover,
        guard: &Guard,
        order: Order<'_, V>,
        name: &str,
    ) -> Result<(Self, Vec<(PathBuf, String)>)> {
        let mut run = Self {
            places: Vec::new(),
            trashes: Vec::new(),
            jobs: Jobs::of(Box::new(order.victims)),
            limits: Limits {
                newest: newest(order.planned, order.grace),
                planned: since(order.planned),
                now: since(SystemTime::now()),
                written: HashSet::new(),
                ours: HashSet::new(),
                moved: HashSet::new(),
            },
            machine: remover.machine.clone(),
            cache_root: remover.cache_root.clone(),
            known: remover.known.clone(),
            opened: HashSet::new(),
            downloads: Downloads::new(),
            contents: None,
            thinned: 0,
        };
        let mut refused = Vec::new();
        let mut known = HashMap::new();
        for at in 0..run.jobs.handed_in() {
            let Some(victim) = run.jobs.victim(at) else { continue };
            let place = run.place(guard, &victim.root)?;
            let opened = &run.places[place];
            if remover.has_moved(&victim.root, &opened.real, opened.folder.own()?.stamp.id) {
                // Not even a trash is made there.
                let why = "is reached through what leads elsewhere since the plan".to_owned();
                refused.push((victim.role.rank(), (victim.path, why)));
                continue;
            }
            let whole = victim.path.clone();
            for victim in apart::split(&run.places[place], victim, name, guard) {
                match run.above(guard, place, &victim, name, &mut known) {
                    Ok(above) => {
                        let (role, other) = (victim.role, victim.path != whole);
                        run.jobs.push(at, other.then_some(victim), role, above);
                    }
                    Err(why) => refused.push((victim.role.rank(), (victim.path, why))),
                }
            }
        }
        run.jobs.settle();
        refused.sort_by_key(|(rank, _)| *rank);
        run.look_who_writes();
        Ok((run, refused.into_iter().map(|(_, refusal)| refusal).collect()))
    }

    fn place(&mut self, guard: &Guard, root: &Path) -> Result<usize> {
        if let Some(at) = self.places.iter().position(|place| place.shown(Path::new("")) == root.join("")) {
            return Ok(at);
        }
        self.places.push(Place::open(guard, root).map_err(anyhow::Error::msg)?);
        Ok(self.places.len() - 1)
    }

    /// The folder that `victim` lies in, and its trash; or why it stays.
    fn above(
        &mut self,
        guard: &Guard,
        at: usize,
        victim: &Victim,
        run: &str,
        known: &mut HashMap<(usize, PathBuf), u32>,
    ) -> Result<u32, String> {
        let place = &self.places[at];
        let inside = place.inside(&victim.path);
        let inside = inside.ok_or_else(|| format!("does not lie in {}", escape::path(&victim.root)))?;
        if let Some(why) = guard.keeps(&place.real.join(&inside)) {
            return Err(why.to_owned());
        }
        let shown = victim.path.parent().unwrap_or_else(|| Path::new("")).to_path_buf();
        if let Some(found) = known.get(&(at, shown.clone())) {
            return Ok(*found);
        }
        if place.is_in_git(&inside).map_err(|error| super::take::way(&error))? {
            return Err("lies in a Git work tree".to_owned());
        }
        let trash = place.trash(&inside, run, guard).map_err(|error| super::take::way(&error))?;
        let same = self.trashes.iter().position(|other| other.at == trash);
        let number = same.unwrap_or(self.trashes.len());
        if same.is_none() {
            self.trashes.push(Trash::new(trash));
        }
        let parent = inside.parent().unwrap_or_else(|| Path::new("")).to_path_buf();
        // Not the folder that the place keeps open: what stands there is looked at again when something of it goes.
        let changed = place.folder.descend(&parent).and_then(|folder| folder.own()).ok();
        let changed = changed.and_then(|found| i64::try_from(found.stamp.modified).ok());
        let above = self.jobs.folder(Above { place: at, trash: number, shown: shown.clone(), inside: parent, changed });
        known.insert((at, shown), above);
        Ok(above)
    }

    /// Asks anew which files are being written.
    pub(super) fn look_who_writes(&mut self) {
        let open = open_files::open_files(&self.machine).unwrap_or_default();
        (self.limits.written, self.opened) = (open.written, open.all);
        self.look_who_downloads();
    }

    pub(super) fn begin(&self, remover: &Remover, name: &str, verb: &str) -> Result<Journal> {
        let mut moves = self.jobs.iter().flat_map(|job| job.moves());
        let places: Vec<PathBuf> = self.places.iter().map(|place| place.real.clone()).collect();
        let trashes: Vec<_> = self.trashes.iter().map(|trash| trash.at.clone()).collect();
        let begun = fs::create_dir_all(&remover.cache_root)
            .and_then(|()| Journal::begin(&remover.cache_root, name, verb, &places, &trashes, &mut moves));
        let begun = begun.and_then(|journal| match self.trashes.iter().try_for_each(|trash| trash.make().map(drop)) {
            Err(error) if room::is_full(&error) => {
                self.trashes.iter().for_each(Trash::drop_empty);
                journal.close();
                Err(error)
            }
            // Whose trash cannot be made, stays: the others need not.
            _ => Ok(journal),
        });
        begun.with_context(|| {
            let some = self.thinned > 0 || (0..self.jobs.len()).any(|at| !self.jobs.is(at, &State::Waiting));
            format!(
                "{}: neither a journal of it nor a trash can be made in {}",
                if some { "not all was removed" } else { "nothing was removed" },
                escape::path(&remover.cache_root)
            )
        })
    }

    pub(super) fn take_all(&mut self) -> Result<()> {
        for at in 0..self.jobs.len() {
            if interrupt::requested() {
                bail!(Interrupted("stopped: nothing was removed".to_owned()));
            }
            if self.jobs.role(at) != Role::Payload && self.jobs.is(at, &State::Waiting) {
                let state = super::take::take(self, at).map_or_else(State::Stays, |()| State::Gone);
                let stamp = self.jobs.get(at).stamp;
                let has_others = state == State::Gone && stamp.names > 1;
                self.jobs.set(at, state);
                self.limits.moved.extend(has_others.then_some(stamp.id));
            }
        }
        Ok(())
    }

    /// What stays where it was, and why.
    fn stayed(&self) -> impl Iterator<Item = (PathBuf, String)> {
        (0..self.jobs.len()).filter_map(|at| {
            let State::Stays(why) = self.jobs.state(at) else { return None };
            let job = self.jobs.get(at);
            let lacks = if job.is_thinned { ", and lacks what went to make room on the full disk" } else { "" };
            Some((job.shown(), format!("{why}{lacks}")))
        })
    }

    /// Puts the thing back, and says that it stays.
    pub(super) fn put_back(&mut self, at: usize, why: String) -> Result<()> {
        let job = self.jobs.get(at);
        let path = escape::path(&job.shown());
        back::put(&self.written(&job), &self.places[job.place()], &self.trashes[job.trash()]).map_err(|error| {
            anyhow!("{path} {why}, and cannot be put back from the trash: {error}\n  the next run tries again")
        })?;
        self.places[job.place()].forget();
        self.jobs.set(at, State::Stays(why));
        Ok(())
    }

    /// Its rename, with the mark that it has now: whoever had it open may have written into it in the trash, and it is ours still.
    fn written(&self, job: &Job) -> Move {
        let mut one = job.one();
        let found = self.trashes[one.trash].find().ok().flatten();
        let found = found.and_then(|trash| trash.look(OsStr::new(&one.name)).ok());
        if let Some(found) = found.filter(|found| found.stamp.id == job.stamp.id) {
            one.mark = Mark::of(&found.stamp);
        }
        one
    }

    /// Puts everything back. What cannot be put back waits in the trash for the next run, with the journal.
    fn take_back(&mut self, journal: Journal, error: anyhow::Error) -> anyhow::Error {
        let mut left = false;
        for job in self.jobs.iter().rev() {
            let one = self.written(&job);
            for one in job.list().into_iter().chain([one]) {
                left |= back::put(&one, &self.places[one.place], &self.trashes[one.trash]).is_err();
            }
        }
        if left {
            return error.context("not everything could be put back yet: the next run tries again");
        }
        self.trashes.iter().for_each(Trash::drop_empty);
        journal.close();
        error
    }

    /// Frees what has gone, or counts what will be free. True if nothing of it is left in the trash.
    fn end(&mut self, outcome: &mut Outcome, remover: &Remover, progress: &dyn Fn(u64)) -> Result<bool> {
        let all = || 0..self.jobs.len();
        let gone = || all().filter(|at| self.jobs.is(*at, &State::Gone)).map(|at| self.jobs.get(at));
        outcome.freed += self.thinned;
        outcome.may_share = self.trashes.iter().any(|trash| blocks::may_share(&trash.at.base));
        for at in all() {
            match self.jobs.state(at) {
                State::Gone => outcome.gone += 1,
                State::Freed(bytes) => {
                    outcome.gone += 1;
                    outcome.freed += bytes;
                }
                State::Waiting | State::Stays(_) => {}
            }
        }
        if outcome.until.is_some() {
            let mut tally = Tally::default();
            for one in gone().flat_map(|job| job.moves()) {
                if let Some(trash) = self.trashes[one.trash].find()? {
                    // What cannot be read is not promised.
                    let _ = tally.add(&trash, OsStr::new(&one.name));
                    progress(tally.bytes());
                }
            }
            outcome.trashed = tally.bytes();
            self.trashes.iter().for_each(Trash::drop_empty);
            return Ok(false);
        }
        let mut whole = true;
        let mut held = Held::now(&self.machine);
        let wanted = self.wanted(remover);
        for job in gone() {
            if job.role == Role::Payload && wanted.has(&self.places[job.place()].real, &job.path()) {
                whole = false;
                outcome.trashed += job.stamp.alone();
                continue;
            }
            for one in job.moves() {
                let freed = &mut |stamp: &Stamp| {
                    outcome.freed += stamp.disk;
                    held.goes(stamp);
                    progress(outcome.freed);
                };
                match free(&self.trashes[one.trash], &one.name, freed) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                        bail!(Interrupted("stopped: the next run frees the rest of what was removed".to_owned()))
                    }
                    Err(error) => {
                        whole = false;
                        let why = format!("is removed, but not all of it could be freed: {error}");
                        outcome.stayed.push((job.shown(), why));
                    }
                }
            }
        }
        held.tell(&mut outcome.held, &mut outcome.holders);
        self.trashes.iter().for_each(Trash::drop_empty);
        Ok(whole)
    }
}

impl Run<'_> {
    /// The payloads that something leads to which can still be brought back.
    fn wanted(&self, remover: &Remover) -> Wanted {
        let is_asked = !self.jobs.which(Role::Payload, &State::Gone).is_empty();
        // What cannot be read brings nothing back either.
        is_asked.then(|| Wanted::by_all(remover).ok()).flatten().unwrap_or_default()
    }
}

/// Unlinks one thing in a trash.
pub(super) fn free(trash: &Trash, name: &str, freed: &mut dyn FnMut(&Stamp)) -> io::Result<()> {
    match trash.find()? {
        Some(folder) => walk::erase(&folder, OsStr::new(name), freed),
        None => Ok(()),
    }
}
