//! One large file over several connections: who fetches which range, and the digest that follows them from the front.
//!
//! Ranges are cut when they are taken, each a share of what is left: large at first, small at the end, so that no connection
//! is still busy with a long one when the others have nothing to do. The digest has no thread of its own. Whoever
//! fetches the range where the hasher stands feeds it at once, from memory; whoever ends a range hashes what lies on the disk
//! behind it by then.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::exchange::{Fault, Passing, Reply};
use super::gate::lock;
use super::hash::Hasher;
use super::headers;
use super::partial::Partial;
use super::ranges::Ranges;
use super::side::{Identity, Side};
use super::stream::{self, Source};
use super::work::{Job, Meter, Work};
use super::{Error, Event, Proof, at, finish};

/// The shortest range: with 40 ms to the server and 20 MB/s, asking for it costs as long as it takes.
const SHORTEST: u64 = 1 << 20;

/// The longest range; what a killed range leaves is kept anyway, so that this only bounds how far the digest lies behind.
const LONGEST: u64 = 16 << 20;

/// So many bytes are written to the disk at once.
const SYNC: u64 = 64 << 20;

/// A range: its first byte and the one after its last, and its record in the side file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) start: u64,
    pub(super) end: u64,
    slot: usize,
}

/// A large file under way, shared by the threads that fetch it.
pub(super) struct Ranged {
    pub(super) job: Arc<Job>,
    total: u64,
    etag: Option<String>,
    /// The digest says whether the bytes are of the right version; whatever the tags are, they are only a hint then.
    provable: bool,
    /// Bytes of an earlier run, or of answers with another tag, are among those that are hashed.
    mixed: AtomicBool,
    file: File,
    side: Side,
    partial: Mutex<Option<Partial>>,
    plan: Mutex<Plan>,
    hasher: Mutex<Hasher>,
    /// How many bytes were on the disk for good at the last look, and whether a thread is seeing to it.
    synced: AtomicU64,
    syncing: AtomicBool,
    /// Nobody needs to go on.
    over: AtomicBool,
    connections: usize,
}

struct Plan {
    gaps: VecDeque<(u64, u64)>,
    left: u64,
    done: Ranges,
    slots: usize,
    workers: usize,
    end: Option<End>,
}

enum End {
    Proven,
    Failed(Error),
    Changed,
}

/// What is left to do for the last thread that leaves a file.
pub(super) enum Verdict {
    /// Nothing: another thread does it, or the file goes on.
    Nothing,
    Ended(Result<Option<Proof>, Error>),
    /// The file changed, or an earlier run's bytes were wrong: everything from the start.
    Again,
}

impl Ranged {
    /// A file of `total` bytes of which `done` are on the disk.
    pub(super) fn new(
        job: Arc<Job>,
        partial: Partial,
        (total, etag): (u64, Option<String>),
        done: Ranges,
        connections: usize,
    ) -> Result<Self, Error> {
        let artifact = &job.artifact;
        let digest = artifact.digest.as_ref().map(ToString::to_string);
        let side = partial.side(&Identity { digest, size: Some(total), etag: etag.clone() }, &done)?;
        let file = partial.file.try_clone().map_err(|error| partial.error(error))?;
        let gaps: VecDeque<_> = done.gaps(total).into();
        let plan = Plan { gaps, left: total - done.total(), slots: done.iter().count(), done, workers: 0, end: None };
        Ok(Self {
            total,
            etag,
            provable: artifact.digest.is_some(),
            mixed: AtomicBool::new(plan.slots > 0),
            file,
            side,
            hasher: Mutex::new(match artifact.digest {
                Some(super::Digest::Git(_)) => Hasher::with_git(total),
                _ => Hasher::new(),
            }),
            job,
            partial: Mutex::new(Some(partial)),
            plan: Mutex::new(plan),
            synced: AtomicU64::new(0),
            syncing: AtomicBool::new(false),
            over: AtomicBool::new(false),
            connections,
        })
    }

    /// Lets one more thread in, if there is something for it to do.
    pub(super) fn enter(&self) -> bool {
        let mut plan = lock(&self.plan);
        let wanted = plan.end.is_none() && !plan.gaps.is_empty() && plan.workers < self.connections;
        plan.workers += usize::from(wanted);
        wanted
    }

    /// Lets the thread in that has the first answer, or that finds everything on the disk.
    pub(super) fn enter_first(&self) {
        lock(&self.plan).workers += 1;
    }

    /// True while a further thread would have something to do, now or later.
    pub(super) fn is_open(&self) -> bool {
        let plan = lock(&self.plan);
        plan.end.is_none() && !plan.gaps.is_empty()
    }

    /// Cuts the next range from what is left; the first one ends where its answer does.
    pub(super) fn take(&self, answered: Option<u64>) -> Option<Segment> {
        let mut plan = lock(&self.plan);
        if plan.end.is_some() {
            return None;
        }
        let (start, end) = plan.gaps.pop_front()?;
        let cut = match answered {
            Some(answered) => end.min(answered),
            None => Self::cut(start, end, self.total, plan.left, self.connections),
        };
        if cut < end {
            plan.gaps.push_front((cut, end));
        }
        plan.left = plan.left.saturating_sub(cut - start);
        plan.slots += 1;
        Some(Segment { start, end: cut, slot: plan.slots - 1 })
    }

    /// Where the range ends that begins at `start`, when `left` bytes are to be shared out.
    pub(super) fn cut(start: u64, end: u64, total: u64, left: u64, connections: usize) -> u64 {
        let share = left / (connections as u64 * 2);
        end.min(start + share.clamp(SHORTEST, LONGEST.max(total >> 12)))
    }

    /// Fetches ranges until there are none left. `first` was asked for already.
    pub(super) fn work(&self, work: &Work<'_>, first: Option<(Segment, Reply)>, buffer: &mut [u8]) -> Verdict {
        let end = self.segments(work, first, buffer);
        if let Err(end) = end {
            let mut plan = lock(&self.plan);
            plan.end.get_or_insert(end);
            self.over.store(true, Ordering::Release);
        }
        self.leave(work)
    }

    fn segments(&self, work: &Work<'_>, first: Option<(Segment, Reply)>, buffer: &mut [u8]) -> Result<(), End> {
        let (mut segment, mut reply) = match first {
            Some((segment, reply)) => (Some(segment), Some(reply)),
            None => (self.take(None), None),
        };
        loop {
            let Some(range) = segment else {
                // Everything may have been here from the start.
                self.hash_on(work, None, buffer).map_err(End::Failed)?;
                return Ok(());
            };
            let held = self.hasher.try_lock().ok().filter(|hasher| hasher.position() == range.start);
            let held = self.fetch(work, range, reply.take(), held, buffer)?;
            {
                let mut plan = lock(&self.plan);
                plan.done.add(range.start, range.end);
                let all = plan.done.prefix() == self.total;
                let done = plan.done.total();
                drop(plan);
                self.sync_on(done, held.is_some()).map_err(End::Failed)?;
                if all {
                    work.tell(Event::Verifying { index: self.job.index });
                }
            }
            self.hash_on(work, held, buffer).map_err(End::Failed)?;
            segment = self.take(None);
        }
    }

    /// Has the disk write what came, from time to time and by one thread at a time, so that the sync before the rename is
    /// short: with 40 ms to the server it took a tenth of a second for 512 MiB, in which the link stood still.
    fn sync_on(&self, done: u64, hashing: bool) -> Result<(), Error> {
        if hashing || done < self.synced.load(Ordering::Relaxed) + SYNC || self.syncing.swap(true, Ordering::Acquire) {
            return Ok(());
        }
        self.synced.store(done, Ordering::Relaxed);
        // The system tells an error of writing once: it must not be lost here.
        let synced = self.file.sync_data().map_err(|error| self.disk(error));
        self.syncing.store(false, Ordering::Release);
        synced
    }

    /// Brings one range onto the disk, and into the hasher if that is `held` here.
    fn fetch<'h>(
        &'h self,
        work: &Work<'_>,
        segment: Segment,
        mut first: Option<Reply>,
        mut held: Option<MutexGuard<'h, Hasher>>,
        buffer: &mut [u8],
    ) -> Result<Option<MutexGuard<'h, Hasher>>, End> {
        let mut position = segment.start;
        let mut failures = 0;
        loop {
            let before = position;
            let passing = match self.once(work, segment, &mut position, first.take(), held.as_deref_mut(), buffer) {
                Ok(()) => return Ok(held),
                Err(Broken::End(end)) => return Err(end),
                Err(Broken::Fault(Fault::Lasting(error))) => return Err(End::Failed(error)),
                Err(Broken::Fault(Fault::Passing(passing))) => passing,
            };
            failures = if stream::is_progress(position - before, Some(self.total)) { 1 } else { failures + 1 };
            if failures >= work.network.patience.attempts {
                return Err(End::Failed(passing.into_error(&self.job.start, failures)));
            }
            stream::retry(work, &self.job, passing, failures).map_err(End::Failed)?;
        }
    }

    fn once(
        &self,
        work: &Work<'_>,
        segment: Segment,
        position: &mut u64,
        first: Option<Reply>,
        mut hasher: Option<&mut Hasher>,
        buffer: &mut [u8],
    ) -> Result<(), Broken> {
        let mut reply = match first {
            Some(reply) => reply,
            None => {
                let tag = self.etag.as_deref().filter(|_| !self.provable);
                self.job.ask(work, Some((*position, Some(segment.end))), tag)?
            }
        };
        stream::identity_encoded(&reply).map_err(Fault::Lasting)?;
        if !self.continues(&reply, *position) {
            return Err(Broken::End(End::Changed));
        }
        let mut meter = Meter::new(work, &self.job);
        let mut source = Source::new(work, reply.body.as_reader());
        while *position < segment.end {
            let most = usize::try_from(segment.end - *position).unwrap_or(usize::MAX).min(buffer.len());
            let count = source.fill(&mut buffer[..most]).map_err(Fault::Lasting)?;
            if count == 0 {
                let why = source.broken.take().unwrap_or_else(|| Passing::new("the answer was too short"));
                return Err(Fault::Passing(why).into());
            }
            at::write_all(&self.file, &buffer[..count], *position).map_err(|error| self.disk(error))?;
            if let Some(hasher) = hasher.as_deref_mut() {
                hasher.update(&buffer[..count]);
            }
            *position += count as u64;
            let written = *position - segment.start;
            self.side.note(segment.slot, segment.start, written).map_err(|error| self.disk(error))?;
            meter.add(count as u64);
            if self.over.load(Ordering::Acquire) {
                return Err(Broken::End(End::Changed));
            }
        }
        // The connection can be used again only when the end of the answer was seen.
        source.end();
        Ok(())
    }

    /// True when `reply` brings this version's bytes from `position` on.
    fn continues(&self, reply: &Reply, position: u64) -> bool {
        let range = headers::text(&reply.headers, "content-range").and_then(headers::content_range);
        let etag = headers::strong_etag(&reply.headers);
        let other = etag.is_some() && self.etag.is_some() && etag != self.etag;
        if other && self.provable {
            // Servers behind one name, and a CDN at each new signed address, may give the same bytes other tags.
            self.mixed.store(true, Ordering::Release);
        }
        reply.status == 206
            && range.is_some_and(|range| {
                range.bytes.is_some_and(|(start, _)| start == position)
                    && range.total.is_none_or(|total| total == self.total)
            })
            && (self.provable || !other)
    }

    /// Hashes what lies on the disk behind the hasher, unless another thread does. Looks again after it let go: what was
    /// finished meanwhile found the hasher taken.
    fn hash_on<'h>(
        &'h self,
        work: &Work<'_>,
        mut held: Option<MutexGuard<'h, Hasher>>,
        buffer: &mut [u8],
    ) -> Result<(), Error> {
        loop {
            let Some(mut hasher) = held.take().or_else(|| self.hasher.try_lock().ok()) else { return Ok(()) };
            let end = lock(&self.plan).done.prefix();
            while hasher.position() < end {
                if (work.stop)() || self.over.load(Ordering::Acquire) {
                    return Ok(());
                }
                let most = usize::try_from(end - hasher.position()).unwrap_or(usize::MAX).min(buffer.len());
                let count =
                    at::read(&self.file, &mut buffer[..most], hasher.position()).map_err(|error| self.disk(error))?;
                if count == 0 {
                    return Err(self.disk(std::io::ErrorKind::UnexpectedEof.into()));
                }
                hasher.update(&buffer[..count]);
            }
            let position = hasher.position();
            drop(hasher);
            let mut plan = lock(&self.plan);
            if position == self.total {
                plan.end.get_or_insert(End::Proven);
                return Ok(());
            }
            // A range that failed half-way may have left the hasher ahead of what is finished.
            if plan.done.prefix() <= position {
                return Ok(());
            }
        }
    }

    fn leave(&self, work: &Work<'_>) -> Verdict {
        let mut plan = lock(&self.plan);
        plan.workers -= 1;
        if plan.workers > 0 {
            return Verdict::Nothing;
        }
        let Some(end) = plan.end.take() else {
            if (work.stop)() {
                return Verdict::Ended(Err(Error::Interrupted));
            }
            return Verdict::Nothing;
        };
        // From here on nobody comes in again.
        plan.gaps.clear();
        drop(plan);
        let Some(partial) = lock(&self.partial).take() else { return Verdict::Nothing };
        match end {
            End::Failed(error) => Verdict::Ended(Err(error)),
            End::Changed => self.renewed(work, partial),
            End::Proven => {
                let proof = std::mem::replace(&mut *lock(&self.hasher), Hasher::new()).finish();
                match finish::finish(work, &self.job, partial, proof, None, self.mixed.load(Ordering::Acquire)) {
                    Ok(finish::Finished::Here(proof)) => Verdict::Ended(Ok(Some(proof))),
                    Ok(finish::Finished::Worthless(_)) => Verdict::Again,
                    Err(error) => Verdict::Ended(Err(error)),
                }
            }
        }
    }

    fn renewed(&self, work: &Work<'_>, mut partial: Partial) -> Verdict {
        work.restarted(&self.job);
        match partial.renew() {
            Ok(()) => Verdict::Again,
            Err(error) => Verdict::Ended(Err(error)),
        }
    }

    fn disk(&self, error: std::io::Error) -> Error {
        match &*lock(&self.partial) {
            Some(partial) => finish::disk_error(&self.job, partial, error),
            None => Error::Disk { path: self.job.artifact.partials.to_path_buf(), source: error },
        }
    }
}

enum Broken {
    End(End),
    Fault(Fault),
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Fault(Fault::Lasting(error))
    }
}
