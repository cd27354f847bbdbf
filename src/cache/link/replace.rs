//! What a plan comes to: each pair compared, or replaced, and what became of it.

use std::collections::HashSet;
use std::path::Path;

use crate::cache::duplicates::{How, Plan};
use crate::cache::places::Place;

/// What is to be done, and how.
pub struct Job<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The places, by the numbers that names have.
    pub places: &'a [Place],
    /// The cache root, whose folder of the tool holds the notes.
    pub cache_root: &'a Path,
    /// The files that a process has open for writing, by device and inode.
    pub written: &'a dyn Fn() -> HashSet<(u64, u64)>,
    /// Told how many bytes more are dealt with.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// What became of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// What it became.
    pub how: How,
    /// What that freed, in bytes.
    pub saved: u64,
}

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Outcome {
    /// By the number of each copy: what became of it.
    states: Vec<State>,
    /// Why copies stay.
    whys: Vec<String>,
    /// Bytes that are free now.
    pub saved: u64,
    /// Whether the person stopped it.
    pub stopped: bool,
}

/// What became of a copy, in few bytes: a million may be in a plan.
#[derive(Debug, Clone, Copy, Default)]
enum State {
    #[default]
    NotReached,
    Done(Done),
    /// Why, by its number.
    Stays(u32),
}

impl Outcome {
    /// Of a plan of which nothing is done yet.
    pub(super) fn of(plan: &Plan) -> Self {
        Self { states: vec![State::NotReached; plan.count()], ..Self::default() }
    }

    /// What became of the copy with this number, or why it stays; `None` where it was not reached.
    pub fn result(&self, number: u32) -> Option<Result<&Done, &str>> {
        match self.states.get(number as usize)? {
            State::NotReached => None,
            State::Done(done) => Some(Ok(done)),
            State::Stays(why) => Some(Err(self.whys.get(*why as usize).map_or("", String::as_str))),
        }
    }

    /// How many became what they should.
    pub fn done(&self) -> usize {
        self.states.iter().filter(|state| matches!(state, State::Done(_))).count()
    }

    pub(super) fn put(&mut self, number: u32, result: Result<Done, String>) {
        self.saved += result.as_ref().map_or(0, |done| done.saved);
        let state = match result {
            Ok(done) => State::Done(done),
            Err(why) => {
                let known = self.whys.last() == Some(&why);
                self.whys.extend((!known).then_some(why));
                State::Stays(u32::try_from(self.whys.len().saturating_sub(1)).unwrap_or(u32::MAX))
            }
        };
        if let Some(place) = self.states.get_mut(number as usize) {
            *place = state;
        }
    }
}

/// Compares every pair, and changes nothing: `Ok` with nothing saved for those that are equal.
#[cfg(unix)]
pub fn compare(job: &Job<'_>) -> Outcome {
    super::worker::run(job, true)
}

/// Replaces every copy, as the plan says.
#[cfg(unix)]
pub fn replace(job: &Job<'_>) -> Outcome {
    super::worker::run(job, false)
}

/// Not without descriptors and inodes.
#[cfg(not(unix))]
pub fn compare(job: &Job<'_>) -> Outcome {
    replace(job)
}

/// Not without descriptors and inodes.
#[cfg(not(unix))]
pub fn replace(job: &Job<'_>) -> Outcome {
    let mut outcome = Outcome::of(job.plan);
    let why = "this system does not tell one file from another";
    job.plan.copies().for_each(|(_, copy)| outcome.put(copy.number, Err(why.to_owned())));
    outcome
}
