//! One removal from its order to its end: what goes where, the journal, the renames, the second look, the decision, the end.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, bail};

use super::guard::Guard;
use super::journal::{Journal, Mark, Move};
use super::place::{Place, Trash};
use super::walk::{self, Limits, Tally};
use super::{Keep, Order, Outcome, Remover, Role, Victim, apart, back, room};
use crate::cache::stamp::Stamp;
use crate::platform::open_files;
use crate::support::folder;
use crate::support::interrupt::{self, Interrupted};
use crate::support::{escape, time};

/// One victim on its way.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) victim: Victim,
    pub(super) one: Move,
    /// Beside a payload: its list of users.
    pub(super) list: Option<Move>,
    pub(super) state: State,
    /// Of a reference that has gone: the commit that it named.
    pub(super) commit: Option<OsString>,
    /// Of a tree: a file of it went before all else, to make room.
    pub(super) is_thinned: bool,
}

/// Where a victim is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    /// In the trash.
    Gone,
    /// Unlinked where it was, which freed so much.
    Freed(u64),
    /// Where it was, for this reason.
    Stays(String),
}

/// A removal that is under way.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) places: Vec<Place>,
    pub(super) trashes: Vec<Trash>,
    pub(super) jobs: Vec<Job>,
    pub(super) limits: Limits,
    machine: PathBuf,
    /// Links followed.
    pub(super) cache_root: PathBuf,
    /// Links of `dedupe` that the plan knows of.
    pub(super) known: Vec<PathBuf>,
    /// Files that some process has open, by device and inode.
    opened: HashSet<(u64, u64)>,
    /// What the snapshots of a repository have, read once its snapshots that go have gone.
    pub(super) contents: HashMap<(usize, PathBuf), HashSet<OsString>>,
    /// What the files freed that went from trees to make room.
    pub(super) thinned: u64,
}

pub(super) fn remove(remover: &Remover, order: Order<'_>, progress: &dyn Fn(u64)) -> Result<Outcome> {
    let guard = remover.guard();
    let name = run_name();
    let (verb, keep) = (order.verb, order.keep);
    let (mut run, refused) = Run::plan(remover, &guard, order, &name)?;
    let mut outcome = Outcome { stayed: refused, ..Outcome::default() };
    if run.jobs.is_empty() {
        return Ok(outcome);
    }
    let Some(mut journal) = run.begin_on_any_disk(remover, &name, verb, keep)? else {
        run.end(&mut outcome, progress)?;
        outcome.stayed.extend(run.stayed());
        return Ok(outcome);
    };
    if let Err(error) = run.take_all().and_then(|()| run.settle()) {
        return Err(run.take_back(journal, error));
    }
    let gone = run.jobs.iter().any(|job| job.state == State::Gone);
    outcome.until = match keep {
        Keep::For(time) if gone => {
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
    if run.end(&mut outcome, progress)? {
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

/// First the names, then what they name, last what is shared.
const fn rank(role: Role) -> u8 {
    match role {
        Role::Reference => 0,
        Role::Snapshot => 1,
        Role::Tree | Role::File => 2,
        Role::Blob => 3,
        Role::Payload => 4,
    }
}

impl Run {
    /// Says for each victim where it goes; with them, those that may not go at all.
    pub(super) fn plan(
        remover: &Remover,
        guard: &Guard,
        order: Order<'_>,
        name: &str,
    ) -> Result<(Self, Vec<(PathBuf, String)>)> {
        let mut run = Self {
            places: Vec::new(),
            trashes: Vec::new(),
            jobs: Vec::new(),
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
            contents: HashMap::new(),
            thinned: 0,
        };
        let mut victims = order.victims;
        victims.sort_by_key(|victim| rank(victim.role));
        let mut refused = Vec::new();
        let mut known = HashMap::new();
        for victim in victims {
            let place = run.place(guard, &victim.root)?;
            let opened = &run.places[place];
            if remover.has_moved(&victim.root, &opened.real, opened.folder.own()?.stamp.id) {
                // Not even a trash is made there.
                refused.push((victim.path, "is reached through what leads elsewhere since the plan".to_owned()));
                continue;
            }
            for victim in apart::split(&run.places[place], victim, name, guard) {
                match run.job(guard, place, victim, name, &mut known) {
                    Ok(job) => run.jobs.push(job),
                    Err(refusal) => refused.push(refusal),
                }
            }
        }
        // What lies in a tree that goes, goes with it.
        let whole = |job: &&Job| matches!(job.victim.role, Role::Tree | Role::Snapshot);
        let trees: HashSet<PathBuf> = run.jobs.iter().filter(whole).map(|job| job.victim.path.clone()).collect();
        run.jobs.retain(|job| !job.victim.path.ancestors().skip(1).any(|above| trees.contains(above)));
        run.look_who_writes();
        Ok((run, refused))
    }

    fn place(&mut self, guard: &Guard, root: &Path) -> Result<usize> {
        if let Some(at) = self.places.iter().position(|place| place.shown(Path::new("")) == root.join("")) {
            return Ok(at);
        }
        self.places.push(Place::open(guard, root).map_err(anyhow::Error::msg)?);
        Ok(self.places.len() - 1)
    }

    fn job(
        &mut self,
        guard: &Guard,
        at: usize,
        victim: Victim,
        run: &str,
        known: &mut HashMap<(usize, PathBuf), (usize, Option<i64>)>,
    ) -> Result<Job, (PathBuf, String)> {
        let place = &self.places[at];
        let path = victim.path.clone();
        let no = |why: String| (path.clone(), why);
        let Some(inside) = place.inside(&victim.path) else {
            return Err(no(format!("does not lie in {}", escape::path(&victim.root))));
        };
        if let Some(why) = guard.keeps(&place.real.join(&inside)) {
            return Err(no(why.to_owned()));
        }
        let parent = inside.parent().unwrap_or_else(|| Path::new("")).to_path_buf();
        let (trash, above) = match known.get(&(at, parent.clone())) {
            Some(found) => *found,
            None => {
                if place.is_in_git(&inside).map_err(|error| no(super::take::way(&error)))? {
                    return Err(no("lies in a Git work tree".to_owned()));
                }
                let trash = place.trash(&inside, run, guard).map_err(|error| no(super::take::way(&error)))?;
                let same = self.trashes.iter().position(|other| other.at == trash);
                let number = same.unwrap_or(self.trashes.len());
                if same.is_none() {
                    self.trashes.push(Trash::new(trash));
                }
                // Not the folder that the place keeps open: what stands there is looked at again when something of it goes.
                let above = place.folder.descend(&parent).and_then(|folder| folder.own()).ok();
                let above = above.and_then(|found| i64::try_from(found.stamp.modified).ok());
                known.insert((at, parent), (number, above));
                (number, above)
            }
        };
        let number = self.jobs.len() * 2;
        let role = victim.role;
        let one = |path: PathBuf, number: usize, is_list: bool| {
            let mark = if is_list { Mark::default() } else { Mark::of(&victim.stamp) };
            Move { place: at, path, trash, name: number.to_string(), mark, role, is_list, above }
        };
        let list = (role == Role::Payload).then(|| {
            let mut name = inside.file_name().unwrap_or_default().to_os_string();
            name.push(".refs");
            one(inside.with_file_name(name), number + 1, true)
        });
        Ok(Job {
            one: one(inside, number, false),
            list,
            victim,
            state: State::Waiting,
            commit: None,
            is_thinned: false,
        })
    }

    /// Asks anew which files are being written.
    pub(super) fn look_who_writes(&mut self) {
        let open = open_files::open_files(&self.machine).unwrap_or_default();
        (self.limits.written, self.opened) = (open.written, open.all);
    }

    pub(super) fn begin(&self, remover: &Remover, name: &str, verb: &str) -> Result<Journal> {
        let moves: Vec<Move> = self.jobs.iter().flat_map(|job| job.moves().cloned()).collect();
        let places: Vec<PathBuf> = self.places.iter().map(|place| place.real.clone()).collect();
        let trashes: Vec<_> = self.trashes.iter().map(|trash| trash.at.clone()).collect();
        let begun = fs::create_dir_all(&remover.cache_root)
            .and_then(|()| Journal::begin(&remover.cache_root, name, verb, &places, &trashes, &moves));
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
            let some = self.thinned > 0 || self.jobs.iter().any(|job| job.state != State::Waiting);
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
            if self.jobs[at].victim.role != Role::Payload && self.jobs[at].state == State::Waiting {
                self.jobs[at].state = super::take::take(self, at).map_or_else(State::Stays, |()| State::Gone);
                let job = &self.jobs[at];
                let has_others = job.state == State::Gone && job.victim.stamp.names > 1;
                self.limits.moved.extend(has_others.then_some(job.victim.stamp.id));
            }
        }
        Ok(())
    }

    /// What stays where it was, and why.
    fn stayed(&self) -> impl Iterator<Item = (PathBuf, String)> {
        self.jobs.iter().filter_map(|job| {
            let State::Stays(why) = &job.state else { return None };
            let lacks = if job.is_thinned { ", and lacks what went to make room on the full disk" } else { "" };
            Some((job.victim.path.clone(), format!("{why}{lacks}")))
        })
    }

    /// Puts the thing back, and says that it stays.
    pub(super) fn put_back(&mut self, at: usize, why: String) -> Result<()> {
        let job = &self.jobs[at];
        let path = escape::path(&job.victim.path);
        back::put(&self.written(job), &self.places[job.one.place], &self.trashes[job.one.trash]).map_err(|error| {
            anyhow!("{path} {why}, and cannot be put back from the trash: {error}\n  the next run tries again")
        })?;
        self.places[job.one.place].forget();
        self.jobs[at].state = State::Stays(why);
        Ok(())
    }

    /// Its rename, with the mark that it has now: whoever had it open may have written into it in the trash, and it is ours still.
    fn written(&self, job: &Job) -> Move {
        let mut one = job.one.clone();
        let found = self.trashes[one.trash].find().ok().flatten();
        let found = found.and_then(|trash| trash.look(OsStr::new(&one.name)).ok());
        if let Some(found) = found.filter(|found| found.stamp.id == job.victim.stamp.id) {
            one.mark = Mark::of(&found.stamp);
        }
        one
    }

    /// Puts everything back. What cannot be put back waits in the trash for the next run, with the journal.
    fn take_back(&mut self, journal: Journal, error: anyhow::Error) -> anyhow::Error {
        let mut left = false;
        for job in self.jobs.iter().rev() {
            let one = self.written(job);
            for one in job.list.iter().chain([&one]) {
                left |= back::put(one, &self.places[one.place], &self.trashes[one.trash]).is_err();
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
    fn end(&mut self, outcome: &mut Outcome, progress: &dyn Fn(u64)) -> Result<bool> {
        let gone = |job: &&Job| job.state == State::Gone;
        outcome.freed += self.thinned;
        outcome.gone = self.jobs.iter().filter(gone).count();
        for job in &self.jobs {
            if let State::Freed(bytes) = job.state {
                outcome.gone += 1;
                outcome.freed += bytes;
            }
        }
        if outcome.until.is_some() {
            let mut tally = Tally::default();
            for one in self.jobs.iter().filter(gone).flat_map(Job::moves) {
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
        for job in self.jobs.iter().filter(gone) {
            for one in job.moves() {
                let freed = &mut |stamp: &Stamp| {
                    outcome.freed += stamp.disk;
                    outcome.held += if self.opened.contains(&stamp.id) { stamp.disk } else { 0 };
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
                        outcome.stayed.push((job.victim.path.clone(), why));
                    }
                }
            }
        }
        self.trashes.iter().for_each(Trash::drop_empty);
        Ok(whole)
    }
}

/// Unlinks one thing in a trash.
pub(super) fn free(trash: &Trash, name: &str, freed: &mut dyn FnMut(&Stamp)) -> io::Result<()> {
    match trash.find()? {
        Some(folder) => walk::erase(&folder, OsStr::new(name), freed),
        None => Ok(()),
    }
}

impl Job {
    /// What is renamed for it, in this order.
    pub(super) fn moves(&self) -> impl Iterator<Item = &Move> {
        std::iter::once(&self.one).chain(&self.list)
    }

    /// Its last name, and the folder above it below the place.
    pub(super) fn split(&self) -> (PathBuf, &OsStr) {
        folder::split(&self.one.path).unwrap_or_default()
    }
}
