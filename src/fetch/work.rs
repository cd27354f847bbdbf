//! What the threads of one run share: the artifacts, the way to the network, and what became of each artifact.

use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::exchange::{Fault, Line, Question, Reply};
use super::gate::{Gate, Stop, lock};
use super::limit::Limit;
use super::partial::Folders;
use super::transport::Transport;
use super::url::Url;
use super::{Artifact, Client, Digest, Error, Event, Network, Order, Outcome, Proof, Steward};

/// Bytes between two events about progress: with more, a bar would jump.
const STEP: u64 = 1 << 20;

/// Time between two events about progress.
const TICK: Duration = Duration::from_millis(100);

/// What the threads of one run share.
pub(super) struct Work<'a> {
    pub(super) order: &'a dyn Order,
    pub(super) steward: &'a dyn Steward,
    pub(super) events: &'a (dyn Fn(Event) + Sync),
    pub(super) network: Network,
    pub(super) transport: Arc<Transport>,
    pub(super) gate: &'a Gate,
    pub(super) stop: Stop,
    pub(super) limit: Limit,
    pub(super) folders: Folders,
    /// Artifacts with the same destination as an earlier one, by that one.
    pub(super) twins: HashMap<usize, Vec<usize>>,
    /// Who is told how it ended for each.
    pub(super) ended: &'a (dyn Fn(&Artifact, usize, Outcome) + Sync),
    /// For which of them that was told.
    pub(super) told: Mutex<Vec<bool>>,
}

/// One artifact while it is fetched: whom to ask, and what it cost so far.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) index: usize,
    pub(super) artifact: Artifact,
    pub(super) start: Url,
    /// Where the redirects led: a signed URL serves all ranges of a file, until it expires.
    target: Mutex<Option<Url>>,
    pub(super) begun: Instant,
    received: AtomicU64,
    /// How many bytes the listener counts for it.
    shown: AtomicU64,
    /// How often it was begun anew.
    restarts: AtomicU32,
}

impl Job {
    pub(super) fn new(work: &Work<'_>, index: usize, artifact: Artifact) -> Result<Self, (Error, Box<Artifact>)> {
        let start = match Url::parse(&artifact.url).and_then(|start| work.network.allow(&start).map(|()| start)) {
            Ok(start) => start,
            Err(error) => return Err((error, Box::new(artifact))),
        };
        Ok(Self {
            index,
            artifact,
            start,
            target: Mutex::new(None),
            begun: Instant::now(),
            received: AtomicU64::new(0),
            shown: AtomicU64::new(0),
            restarts: AtomicU32::new(0),
        })
    }

    /// Asks for bytes of the file: the address that the redirects led to, and the first one again when that has expired.
    pub(super) fn ask(
        &self,
        work: &Work<'_>,
        range: Option<(u64, Option<u64>)>,
        if_range: Option<&str>,
    ) -> Result<Reply, Fault> {
        let artifact = &self.artifact;
        let question = Question { accept: "*/*", credential: artifact.credential.as_deref(), range, if_range };
        let line = Line { network: &work.network, transport: &work.transport, gate: work.gate, stop: work.stop };
        let known = lock(&self.target).clone();
        if let Some(target) = &known {
            match line.ask(target, &question) {
                Err(Fault::Lasting(Error::Status(status))) if (400..=410).contains(&status.code) => {}
                Err(Fault::Passing(passing)) => {
                    self.forget(target);
                    return Err(Fault::Passing(passing));
                }
                other => return other,
            }
            self.forget(target);
        }
        let reply = line.ask(&self.start, &question)?;
        if reply.url != self.start {
            *lock(&self.target) = Some(reply.url.clone());
        }
        Ok(reply)
    }

    /// Notes that it is begun anew; false when that has been tried often enough.
    pub(super) fn may_restart(&self) -> bool {
        self.restarts.fetch_add(1, Ordering::Relaxed) < 2
    }

    fn forget(&self, target: &Url) {
        let mut known = lock(&self.target);
        if known.as_ref() == Some(target) {
            *known = None;
        }
    }
}

impl Work<'_> {
    /// True when the artifact's file is there, as long as it should be, and not known to be damaged.
    pub(super) fn present(&self, artifact: &Artifact) -> bool {
        let found = fs::metadata(&artifact.destination);
        found.is_ok_and(|found| found.is_file() && artifact.size.is_none_or(|size| size == found.len()))
            && !self.steward.is_stale(artifact)
    }

    pub(super) fn tell(&self, event: Event) {
        (self.events)(event);
    }

    /// The bytes of `job` begin to flow.
    pub(super) fn started(&self, job: &Job, size: Option<u64>, resumed: u64) {
        job.shown.store(resumed, Ordering::Relaxed);
        self.tell(Event::Started { index: job.index, size, resumed });
    }

    /// What came so far for `job` is worth nothing.
    pub(super) fn restarted(&self, job: &Job) {
        let bytes = job.shown.swap(0, Ordering::Relaxed);
        self.tell(Event::Restarted { index: job.index, bytes });
    }

    /// Notes how it ended for a job.
    pub(super) fn end(&self, job: &Job, result: Result<Option<Proof>, Error>) {
        let outcome = Outcome { result, received: job.received.load(Ordering::Relaxed), time: job.begun.elapsed() };
        self.settle_with_twins(&job.artifact, job.index, outcome);
    }

    /// Notes how it ended for an artifact, and for those that go to the same place.
    pub(super) fn settle_with_twins(&self, artifact: &Artifact, index: usize, outcome: Outcome) {
        let twins = self.twins.get(&index).map_or(&[][..], Vec::as_slice);
        for twin in twins {
            let other = self.order.artifact(*twin);
            let result = match &outcome.result {
                Ok(_) => self.settle(&other).map(|()| None),
                Err(error) => Err(again(error)),
            };
            self.note(&other, *twin, Outcome { result, received: 0, time: outcome.time });
        }
        self.note(artifact, index, outcome);
    }

    fn note(&self, artifact: &Artifact, index: usize, outcome: Outcome) {
        self.tell(match &outcome.result {
            Ok(_) => Event::Done { index },
            Err(error) => Event::Failed { index, why: error.to_string() },
        });
        if let Some(told) = lock(&self.told).get_mut(index) {
            *told = true;
        }
        (self.ended)(artifact, index, outcome);
    }

    /// Lets the steward make what belongs to a file that is there.
    pub(super) fn settle(&self, artifact: &Artifact) -> Result<(), Error> {
        self.steward.settle(artifact).map_err(|source| Error::Disk { path: artifact.destination.clone(), source })
    }
}

/// Counts the bytes of one stream into events, not too many of them.
pub(super) struct Meter<'a, 'b> {
    work: &'a Work<'b>,
    job: &'a Job,
    untold: u64,
    told: Instant,
}

impl<'a, 'b> Meter<'a, 'b> {
    pub(super) fn new(work: &'a Work<'b>, job: &'a Job) -> Self {
        Self { work, job, untold: 0, told: Instant::now() }
    }

    pub(super) fn add(&mut self, bytes: u64) {
        self.job.received.fetch_add(bytes, Ordering::Relaxed);
        self.job.shown.fetch_add(bytes, Ordering::Relaxed);
        self.untold += bytes;
        if self.untold >= STEP || self.told.elapsed() >= TICK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.untold > 0 {
            self.work.tell(Event::Progress { index: self.job.index, bytes: self.untold });
            self.untold = 0;
        }
        self.told = Instant::now();
    }
}

impl Drop for Meter<'_, '_> {
    fn drop(&mut self) {
        self.flush();
    }
}

/// The same error, for another artifact that has it for the same reason.
pub(super) fn again(error: &Error) -> Error {
    match error {
        Error::Offline(url) => Error::Offline(url.clone()),
        Error::Network { url, why, attempts } => {
            Error::Network { url: url.clone(), why: why.clone(), attempts: *attempts }
        }
        Error::Protocol { url, why } => Error::Protocol { url: url.clone(), why: why.clone() },
        Error::Size { url, expected, found } => Error::Size { url: url.clone(), expected: *expected, found: *found },
        Error::Content { url, expected, found } => {
            Error::Content { url: url.clone(), expected: *expected, found: *found }
        }
        Error::NoRoom { path, needed, free } => Error::NoRoom { path: path.clone(), needed: *needed, free: *free },
        Error::Disk { path, source } => {
            Error::Disk { path: path.clone(), source: std::io::Error::new(source.kind(), source.to_string()) }
        }
        Error::Interrupted => Error::Interrupted,
        Error::Status(_) | Error::Refused(_) => Error::Refused(error.to_string()),
    }
}

/// What a digest of no bytes is: such a file needs no request.
pub(super) fn is_empty_content(artifact: &Artifact) -> bool {
    artifact.size == Some(0) && artifact.digest.is_some_and(|digest| digest == empty(&digest).digest)
}

fn empty(digest: &Digest) -> Proof {
    match digest {
        Digest::Sha256(_) => super::hash::Hasher::new(),
        Digest::Git(_) => super::hash::Hasher::with_git(0),
    }
    .finish()
}

/// What the client of a run offers it.
pub(super) fn line_of(client: &Client) -> (&Gate, Stop) {
    (client.gate(), client.stop())
}
