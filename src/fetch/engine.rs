//! Brings artifacts onto the disk: what is there already, what has room, and who fetches what, in which order.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::gate::{self, lock};
use super::limit::Limit;
use super::partial::{Folders, Partial, resumable};
use super::space::Space;
use super::transport::Transport;
use super::work::{self, Job, Work};
use super::{Artifact, Client, Error, Event, Outcome, Proof, Steward, finish, stream};

/// The most threads that are used without being asked for more: small files are all waiting for the network.
const MOST_WORKERS: usize = 64;

/// How a run goes about it.
#[derive(Debug, Clone)]
pub struct Options {
    /// Threads, and so connections; by the number and size of the files when nobody says.
    pub max_workers: Option<usize>,
    /// Bytes a second, all connections together.
    pub limit_rate: Option<u64>,
    /// How often something is tried without getting anything new.
    pub attempts: u32,
    /// How long a connection may be silent.
    pub stall: Duration,
    /// The first pause between two tries; each further one may be twice as long.
    pub pause: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_workers: None,
            limit_rate: None,
            attempts: 6,
            stall: Duration::from_secs(20),
            pause: Duration::from_millis(500),
        }
    }
}

/// Fetches `artifacts`. The outcomes come in the same order. One that fails does not stop the others.
pub fn fetch(
    client: &Client,
    artifacts: &[Artifact],
    steward: &dyn Steward,
    options: &Options,
    events: &(dyn Fn(Event) + Sync),
) -> Vec<Outcome> {
    let begun = Instant::now();
    let (gate, stop) = work::line_of(client);
    let network = client.network().clone().with_patience(options.stall, options.attempts, options.pause);
    let workers = options.max_workers.unwrap_or_else(|| artifacts.len().clamp(1, MOST_WORKERS)).max(1);
    let (first, twins) = twins(artifacts);
    let work = Work {
        artifacts,
        steward,
        events,
        transport: Transport::new(&network, workers, 64 << 10, stop),
        network,
        gate,
        stop,
        limit: Limit::new(options.limit_rate),
        folders: Folders::default(),
        twins,
        outcomes: Mutex::new(artifacts.iter().map(|_| None).collect()),
    };
    let missing = pass_over_what_is_there(&work, first);
    let missing = pass_over_what_has_no_room(&work, missing);
    let queue = Mutex::new(in_order(artifacts, missing));
    std::thread::scope(|scope| {
        for _ in 1..workers.min(lock(&queue).len().max(1)) {
            // With fewer threads than wished for, it takes longer.
            let _ = std::thread::Builder::new().stack_size(512 << 10).spawn_scoped(scope, || run(&work, &queue));
        }
        run(&work, &queue);
    });
    let outcomes = work.outcomes.into_inner().unwrap_or_default();
    let stopped = || Outcome { result: Err(Error::Interrupted), received: 0, time: begun.elapsed() };
    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(stopped)).collect()
}

/// Each destination once; the others that go there, by the first.
fn twins(artifacts: &[Artifact]) -> (Vec<usize>, HashMap<usize, Vec<usize>>) {
    let mut by_place = HashMap::new();
    let mut first = Vec::new();
    let mut twins: HashMap<usize, Vec<usize>> = HashMap::new();
    for (index, artifact) in artifacts.iter().enumerate() {
        match by_place.get(&artifact.destination) {
            Some(one) => twins.entry(*one).or_default().push(index),
            None => {
                by_place.insert(&artifact.destination, index);
                first.push(index);
            }
        }
    }
    (first, twins)
}

fn pass_over_what_is_there(work: &Work<'_>, all: Vec<usize>) -> Vec<usize> {
    let mut missing = Vec::new();
    for index in all {
        if work.present(index) {
            let begun = Instant::now();
            let result = work.settle(index).map(|()| None);
            work.settle_with_twins(index, Outcome { result, received: 0, time: begun.elapsed() });
        } else {
            missing.push(index);
        }
    }
    missing
}

fn pass_over_what_has_no_room(work: &Work<'_>, missing: Vec<usize>) -> Vec<usize> {
    let mut space = Space::default();
    for index in &missing {
        let artifact = &work.artifacts[*index];
        let wanted = artifact.size.unwrap_or(0);
        if wanted > 0 {
            space.need(&artifact.partials, wanted.saturating_sub(resumable(artifact)));
        }
    }
    let short = space.short();
    let mut possible = Vec::new();
    for index in missing {
        match short.get(&work.artifacts[index].partials) {
            Some(short) => {
                let result = Err(short.error());
                work.settle_with_twins(index, Outcome { result, received: 0, time: Duration::ZERO });
            }
            None => possible.push(index),
        }
    }
    possible
}

/// The biggest first: a small one at the end is short.
fn in_order(artifacts: &[Artifact], mut missing: Vec<usize>) -> VecDeque<usize> {
    missing.sort_by_key(|index| (std::cmp::Reverse(artifacts[*index].size.unwrap_or(u64::MAX)), *index));
    missing.into()
}

fn run(work: &Work<'_>, queue: &Mutex<VecDeque<usize>>) {
    let mut buffer = vec![0; stream::BLOCK];
    loop {
        let Some(index) = lock(queue).pop_front() else { return };
        let job = match Job::new(work, index) {
            Ok(job) => job,
            Err(error) => {
                let outcome = Outcome { result: Err(error), received: 0, time: Duration::ZERO };
                work.settle_with_twins(index, outcome);
                continue;
            }
        };
        let result = one(work, &job, &mut buffer);
        let result = if (work.stop)() && result.is_err() { Err(Error::Interrupted) } else { result };
        work.end(&job, result);
    }
}

fn one(work: &Work<'_>, job: &Job, buffer: &mut [u8]) -> Result<Option<Proof>, Error> {
    loop {
        if (work.stop)() {
            return Err(Error::Interrupted);
        }
        let Some(partial) = Partial::open(work.artifact(job), &work.folders)? else {
            // Another process fetches it. When it is done, the file is there; if it gives up, the lock is free.
            gate::sleep(Duration::from_millis(100), work.stop)?;
            if work.present(job.index) {
                return work.settle(job.index).map(|()| None);
            }
            continue;
        };
        // It may have come between the first look and the lock.
        if work.present(job.index) {
            partial.discard();
            return work.settle(job.index).map(|()| None);
        }
        if work::is_empty_content(work.artifact(job)) {
            return finish::without_bytes(work, job, partial);
        }
        return stream::run(work, job, partial, None, buffer);
    }
}
