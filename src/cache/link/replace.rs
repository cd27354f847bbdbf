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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// What it became.
    pub how: How,
    /// What that freed, in bytes.
    pub saved: u64,
}

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Outcome {
    /// For each copy of each set, in the plan's order: what became of it, or why it stays. `None`: it was not reached.
    pub results: Vec<Vec<Option<Result<Done, String>>>>,
    /// Bytes that are free now.
    pub saved: u64,
    /// Whether the person stopped it.
    pub stopped: bool,
}

impl Outcome {
    /// Of a plan of which nothing is done yet.
    pub(super) fn of(plan: &Plan) -> Self {
        let results = plan.sets.iter().map(|set| vec![None; set.copies.len()]).collect();
        Self { results, ..Self::default() }
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
    outcome.results.iter_mut().flatten().for_each(|result| *result = Some(Err(why.to_owned())));
    outcome
}
