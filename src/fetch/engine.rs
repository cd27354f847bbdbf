//! Brings artifacts onto the disk: what is there already, what has room, and who fetches what, in which order.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::artifact::All;
use super::gate;
use super::large::{self, Begun};
use super::limit::Limit;
use super::partial::{Folders, Partial, resumable};
use super::queue::{Queue, Step};
use super::ranged::Verdict;
use super::space::Space;
use super::transport::Transport;
use super::work::{self, Job, Work};
use super::{Artifact, Client, Error, Event, Order, Outcome, Steward, finish, stream};

/// The most threads that are used without being asked for more: small files are all waiting for the network.
const MOST_WORKERS: usize = 64;

/// Connections for one large file: a server that holds each to 20 MB/s gives 480 MB/s, and at 40 ms and a packet lost in a
/// thousand, where one connection does 2 MB/s, they fill half a gigabit.
const CONNECTIONS: usize = 24;

/// With more artifacts than these, one connection more is made than needed, for smaller buffers.
const MANY: usize = 4_000;

/// A thread's stack: a TLS handshake in a debug build is the deepest.
const STACK: usize = 512 << 10;

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
    let outcomes = Mutex::new(artifacts.iter().map(|_| None).collect::<Vec<_>>());
    fetch_each(client, &All(artifacts), steward, options, events, &|_, index, outcome| {
        if let Some(place) = gate::lock(&outcomes).get_mut(index) {
            *place = Some(outcome);
        }
    });
    outcomes.into_inner().unwrap_or_default().into_iter().flatten().collect()
}

/// Fetches what is on `order`, and tells `ended` of each, once, how it ended, from any thread.
pub fn fetch_each(
    client: &Client,
    order: &dyn Order,
    steward: &dyn Steward,
    options: &Options,
    events: &(dyn Fn(Event) + Sync),
    ended: &(dyn Fn(&Artifact, usize, Outcome) + Sync),
) {
    let begun = Instant::now();
    let (gate, stop) = work::line_of(client);
    let network = client.network().clone().with_patience(options.stall, options.attempts, options.pause);
    let (workers, connections) = threads(order, options);
    let (first, twins) = twins(order);
    let small = many_small(order);
    let work = Work {
        order,
        steward,
        events,
        // The connection over which the models were resolved is warm: with 40 ms to the server that is 40 ms less.
        transport: match options.stall == client.network().patience.stall && !small {
            true => client.transport(),
            false => Transport::new(workers, if small { 24 << 10 } else { 64 << 10 }, stop),
        },
        network,
        gate,
        stop,
        limit: Limit::new(options.limit_rate),
        folders: Folders::default(),
        twins,
        ended,
        told: Mutex::new(vec![false; order.count()]),
    };
    let missing = pass_over_what_is_there(&work, first);
    let missing = pass_over_what_has_no_room(&work, missing);
    let (large, small) = in_order(order, missing);
    let useful = (large.len() * connections + small.len()).clamp(1, workers);
    let queue = Queue::new(large, small, workers);
    std::thread::scope(|scope| {
        for _ in 1..useful {
            // With fewer threads than wished for, it takes longer.
            let run = || run(&work, &queue, connections);
            let _ = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run);
        }
        run(&work, &queue, connections);
    });
    let told = std::mem::take(&mut *gate::lock(&work.told));
    for index in told.iter().enumerate().filter(|(_, told)| !**told).map(|(index, _)| index) {
        let outcome = Outcome { result: Err(Error::Interrupted), received: 0, time: begun.elapsed() };
        ended(&order.artifact(index), index, outcome);
    }
}

/// Whether there are so many artifacts that what is kept of each matters, and none for which 64 connections need much room:
/// ureq touches every byte of a buffer, and of 20,000 files each takes half a kilobyte already.
fn many_small(order: &dyn Order) -> bool {
    order.count() > MANY && sizes(order).all(|size| size.is_some_and(|size| size < large::LARGE))
}

fn sizes(order: &dyn Order) -> impl Iterator<Item = Option<u64>> {
    (0..order.count()).map(|index| order.size(index))
}

/// Each destination once; the others that go there, by the first. Destinations are known by their hash until two agree.
fn twins(order: &dyn Order) -> (Vec<usize>, HashMap<usize, Vec<usize>>) {
    let hasher = RandomState::new();
    let mut by_place = HashMap::with_capacity(order.count());
    let mut first = Vec::with_capacity(order.count());
    let mut twins: HashMap<usize, Vec<usize>> = HashMap::new();
    for index in 0..order.count() {
        let destination = order.artifact(index).destination;
        match by_place.entry(hasher.hash_one(destination.as_os_str())) {
            Entry::Occupied(one) if order.artifact(*one.get()).destination == destination => {
                twins.entry(*one.get()).or_default().push(index);
                continue;
            }
            Entry::Occupied(_) => {}
            Entry::Vacant(place) => drop(place.insert(index)),
        }
        first.push(index);
    }
    (first, twins)
}

fn pass_over_what_is_there(work: &Work<'_>, all: Vec<usize>) -> Vec<usize> {
    let mut missing = Vec::new();
    for index in all {
        let artifact = work.order.artifact(index);
        if work.present(&artifact) {
            let begun = Instant::now();
            let result = work.settle(&artifact).map(|()| None);
            work.settle_with_twins(&artifact, index, Outcome { result, received: 0, time: begun.elapsed() });
        } else {
            missing.push(index);
        }
    }
    missing
}

fn pass_over_what_has_no_room(work: &Work<'_>, missing: Vec<usize>) -> Vec<usize> {
    let mut space = Space::default();
    let mut last: Option<(Arc<Path>, bool)> = None;
    for index in &missing {
        let artifact = work.order.artifact(*index);
        // The files of a repository share a folder, which an earlier run left empty, if there was one.
        let empty = match &last {
            Some((folder, empty)) if *folder == artifact.partials => *empty,
            _ => {
                let empty = is_empty(&artifact.partials);
                last = Some((Arc::clone(&artifact.partials), empty));
                empty
            }
        };
        let wanted = artifact.size.unwrap_or(0);
        if wanted > 0 {
            space.need(&artifact.partials, wanted.saturating_sub(if empty { 0 } else { resumable(&artifact) }));
        }
    }
    let short = space.short();
    if short.is_empty() {
        return missing;
    }
    let mut possible = Vec::new();
    for index in missing {
        let artifact = work.order.artifact(index);
        match short.get(&*artifact.partials) {
            Some(short) => {
                let result = Err(short.error());
                work.settle_with_twins(&artifact, index, Outcome { result, received: 0, time: Duration::ZERO });
            }
            None => possible.push(index),
        }
    }
    possible
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).map_or(true, |mut found| found.next().is_none())
}

/// Large artifacts (or those that may be) and small ones, the biggest first: a small one at the end is short.
fn in_order(order: &dyn Order, mut missing: Vec<usize>) -> (Vec<usize>, Vec<usize>) {
    let size = |index: &usize| order.size(*index).unwrap_or(u64::MAX);
    missing.sort_by_key(|index| (Reverse(size(index)), *index));
    missing.into_iter().partition(|index| size(index) >= large::LARGE)
}

/// How many threads there are, and how many of them one large file may have.
fn threads(order: &dyn Order, options: &Options) -> (usize, usize) {
    let large = sizes(order).filter(|size| size.is_none_or(|size| size >= large::LARGE)).count();
    let wanted = (order.count() - large).saturating_add(large.saturating_mul(CONNECTIONS));
    let workers = options.max_workers.unwrap_or(wanted.min(MOST_WORKERS)).max(1);
    (workers, CONNECTIONS.min(workers))
}

fn run(work: &Work<'_>, queue: &Queue, connections: usize) {
    let mut buffer = vec![0; stream::BLOCK];
    while let Some((step, is_large)) = queue.next(work.stop) {
        let verdict = match step {
            Step::Begin(index) => match Job::new(work, index, work.order.artifact(index)) {
                Ok(job) => begin(work, queue, Arc::new(job), is_large, connections, &mut buffer),
                Err((error, artifact)) => {
                    let outcome = Outcome { result: Err(error), received: 0, time: Duration::ZERO };
                    work.settle_with_twins(&artifact, index, outcome);
                    None
                }
            },
            Step::Again(job) => begin(work, queue, job, is_large, connections, &mut buffer),
            Step::Join(ranged) => Some((Arc::clone(&ranged.job), ranged.work(work, None, &mut buffer))),
        };
        match verdict {
            None | Some((_, Verdict::Nothing)) => {}
            Some((job, Verdict::Ended(result))) => {
                let result = if (work.stop)() && result.is_err() { Err(Error::Interrupted) } else { result };
                work.end(&job, result);
            }
            Some((job, Verdict::Again)) if job.may_restart() => queue.push(Step::Again(job), is_large),
            Some((job, Verdict::Again)) => {
                let why = "the file changes again and again while it is fetched".to_owned();
                work.end(&job, Err(Error::Protocol { url: job.start.redacted(), why }));
            }
        }
        queue.done(is_large);
    }
}

fn begin(
    work: &Work<'_>,
    queue: &Queue,
    job: Arc<Job>,
    is_large: bool,
    connections: usize,
    buffer: &mut [u8],
) -> Option<(Arc<Job>, Verdict)> {
    let partial = match Partial::open(&job.artifact, &work.folders) {
        Ok(Some(partial)) => partial,
        Ok(None) => {
            busy(work, queue, job, is_large);
            return None;
        }
        Err(error) => return Some((job, Verdict::Ended(Err(error)))),
    };
    // It may have come between the first look and the lock.
    if work.present(&job.artifact) {
        partial.discard();
        let settled = work.settle(&job.artifact).map(|()| None);
        return Some((job, Verdict::Ended(settled)));
    }
    if work::is_empty_content(&job.artifact) {
        let result = finish::without_bytes(work, &job, partial);
        return Some((job, Verdict::Ended(result)));
    }
    if !is_large {
        let result = stream::run(work, &job, partial, None, buffer);
        return Some((job, Verdict::Ended(result)));
    }
    let verdict = match large::begin(work, &job, partial, connections, buffer) {
        Ok(Begun::Ranged(ranged, first)) => {
            queue.open(&ranged);
            ranged.work(work, first, buffer)
        }
        Ok(Begun::Ended(result)) => Verdict::Ended(result),
        Err(error) => Verdict::Ended(Err(error)),
    };
    Some((job, verdict))
}

/// Another process fetches this file. When it is done, the file is there; if it gives up, the lock is free.
fn busy(work: &Work<'_>, queue: &Queue, job: Arc<Job>, is_large: bool) {
    // Interrupted or not, the job goes back: `next` ends the run.
    let _ = gate::sleep(Duration::from_millis(50), work.stop);
    queue.push(Step::Again(job), is_large);
}
