//! One artifact over one connection, from its first byte to its last, hashed as it comes.

use std::io::{self, Read as _};
use std::time::{Duration, Instant};

use ureq::BodyReader;

use super::exchange::{Fault, Passing, Reply, broken_read};
use super::finish::{self, Finished};
use super::gate;
use super::hash::Hasher;
use super::headers;
use super::partial::Partial;
use super::ranges::Ranges;
use super::side::{Identity, Side};
use super::work::{Job, Meter, Work};
use super::{Artifact, Digest, Error, Event, Proof, at};
use crate::support::escape;

/// One read from the network and one write to the disk.
pub(super) const BLOCK: usize = 128 << 10;

/// A stream under way.
struct Stream<'a, 'b> {
    work: &'a Work<'b>,
    job: &'a Job,
    partial: Partial,
    hasher: Hasher,
    etag: Option<String>,
    side: Option<Side>,
    /// Bytes of an earlier run, or of an earlier version, are among those that were hashed.
    inherited: bool,
    /// The whole content stands at the buffer's beginning, as long as this.
    whole: Option<usize>,
    restarts: u32,
}

/// Fetches `job` in one piece. `first` is an answer that begins at byte 0 and was asked for already.
pub(super) fn run(
    work: &Work<'_>,
    job: &Job,
    partial: Partial,
    mut first: Option<Reply>,
    buffer: &mut [u8],
) -> Result<Option<Proof>, Error> {
    let mut stream = Stream::begin(work, job, partial, first.is_some(), buffer)?;
    loop {
        stream.fetch(first.take(), buffer)?;
        let Stream { partial, hasher, inherited, whole, restarts, .. } = stream;
        let bytes = whole.filter(|length| *length as u64 == hasher.position()).map(|length| &buffer[..length]);
        match finish::finish(work, job, partial, hasher.finish(), bytes, inherited)? {
            Finished::Here(proof) => return Ok(Some(proof)),
            // An earlier run's bytes were not what they should be: once more, without them.
            Finished::Worthless(partial) => {
                stream = Stream::afresh(work, job, partial, restarts);
            }
        }
    }
}

impl<'a, 'b> Stream<'a, 'b> {
    fn afresh(work: &'a Work<'b>, job: &'a Job, partial: Partial, restarts: u32) -> Self {
        let hasher = hasher_for(&job.artifact);
        Self { work, job, partial, hasher, etag: None, side: None, inherited: false, whole: None, restarts }
    }

    fn begin(
        work: &'a Work<'b>,
        job: &'a Job,
        partial: Partial,
        from_zero: bool,
        buffer: &mut [u8],
    ) -> Result<Self, Error> {
        let artifact = &job.artifact;
        let earlier = if from_zero { (0, None) } else { earlier(artifact, &partial) };
        let mut stream = Self::afresh(work, job, partial, 0);
        if let (length @ 1.., etag) = earlier {
            stream.etag = etag;
            stream.inherited = true;
            stream.rehash(length, buffer)?;
        } else if !stream.partial.is_fresh() {
            stream.partial.renew()?;
        }
        work.started(job, artifact.size, stream.hasher.position());
        Ok(stream)
    }

    /// Hashes what an earlier run left.
    fn rehash(&mut self, length: u64, buffer: &mut [u8]) -> Result<(), Error> {
        while self.hasher.position() < length {
            if (self.work.stop)() {
                return Err(Error::Interrupted);
            }
            let most = usize::try_from(length - self.hasher.position()).unwrap_or(usize::MAX).min(buffer.len());
            let count = at::read(&self.partial.file, &mut buffer[..most], self.hasher.position())
                .map_err(|error| self.partial.error(error))?;
            if count == 0 {
                break;
            }
            self.hasher.update(&buffer[..count]);
        }
        Ok(())
    }

    /// Asks until all bytes are here.
    fn fetch(&mut self, mut first: Option<Reply>, buffer: &mut [u8]) -> Result<(), Error> {
        let patience = self.work.network.patience;
        let size = self.job.artifact.size;
        let mut failures = 0;
        let mut farthest = self.hasher.position();
        while size.is_none_or(|size| self.hasher.position() < size) || self.hasher.position() == 0 {
            let passing = match self.once(first.take(), buffer) {
                Ok(()) => return Ok(()),
                Err(Fault::Lasting(error)) => return Err(error),
                Err(Fault::Passing(passing)) => passing,
            };
            // A server that ignores ranges begins at 0 each time: only what was never reached before is progress.
            let progress = self.hasher.position().saturating_sub(farthest);
            farthest = farthest.max(self.hasher.position());
            failures = if is_progress(progress, size) { 1 } else { failures + 1 };
            if failures >= patience.attempts {
                return Err(passing.into_error(&self.job.start, failures));
            }
            retry(self.work, self.job, passing, failures)?;
        }
        Ok(())
    }

    /// One request, and what it brings. `Ok` when the file is complete.
    fn once(&mut self, first: Option<Reply>, buffer: &mut [u8]) -> Result<(), Fault> {
        let position = self.hasher.position();
        let reply = match first {
            Some(reply) => reply,
            None => {
                let range = (position > 0).then_some((position, None));
                self.job.ask(self.work, range, self.etag.as_deref().filter(|_| position > 0))?
            }
        };
        identity_encoded(&reply)?;
        no_page(&self.job.artifact, &reply)?;
        let etag = headers::strong_etag(&reply.headers);
        let range = headers::text(&reply.headers, "content-range").and_then(headers::content_range);
        let size = self.job.artifact.size;
        if reply.status == 416 {
            // An empty file has no range; and who asked from the start has nothing to forget.
            if position > 0 {
                self.restart("the server has no such range")?;
            }
            return Err(Fault::Passing(Passing::new("the server has no such range")));
        }
        let mut expected = size;
        if reply.status == 206 {
            let start = range.and_then(|range| range.bytes).map(|(start, _)| start);
            let total = range.and_then(|range| range.total);
            let changed = self.etag.is_some() && etag.is_some() && etag != self.etag;
            if start != Some(position) || changed || (size.is_some() && total.is_some() && total != size) {
                self.restart("the file changed, or another range came")?;
                return Err(Fault::Passing(Passing::new("the file changed while it was fetched")));
            }
            expected = expected.or(total);
        } else {
            if position > 0 {
                self.forget()?;
            }
            if let Some(length) = reply.body.content_length() {
                if let Some(expected) = size.filter(|size| *size != length) {
                    let url = self.job.start.redacted();
                    return Err(Error::Size { url, expected, found: length }.into());
                }
                expected = expected.or(Some(length));
            }
        }
        self.remember(etag, expected)?;
        self.copy(reply, expected, buffer)
    }

    /// Notes the version, where only that lets a later run go on.
    fn remember(&mut self, etag: Option<String>, size: Option<u64>) -> Result<(), Error> {
        if etag.is_some() {
            self.etag = etag;
        }
        if self.side.is_none() && self.job.artifact.digest.is_none() && self.etag.is_some() {
            let mut done = Ranges::default();
            done.add(0, self.hasher.position());
            let identity = Identity { digest: None, size, etag: self.etag.clone() };
            self.side = Some(self.partial.side(&identity, &done)?);
        }
        Ok(())
    }

    fn copy(&mut self, mut reply: Reply, expected: Option<u64>, buffer: &mut [u8]) -> Result<(), Fault> {
        let mut meter = Meter::new(self.work, self.job);
        let mut source = Source::new(self.work, reply.body.as_reader());
        loop {
            let count = source.fill(buffer)?;
            if count == 0 {
                break;
            }
            let position = self.hasher.position();
            if let Some(expected) = expected.filter(|expected| position + count as u64 > *expected) {
                let found = position + count as u64;
                return Err(Error::Size { url: self.job.start.redacted(), expected, found }.into());
            }
            self.whole = Some(count).filter(|_| position == 0);
            at::write_all(&self.partial.file, &buffer[..count], position).map_err(|error| self.disk(error))?;
            self.hasher.update(&buffer[..count]);
            if let Some(side) = &self.side {
                side.note(0, 0, self.hasher.position()).map_err(|error| self.disk(error))?;
            }
            meter.add(count as u64);
        }
        match source.broken.take() {
            Some(passing) => Err(Fault::Passing(passing)),
            None if expected.is_some_and(|expected| self.hasher.position() < expected) => {
                Err(Fault::Passing(Passing::new("the answer was too short")))
            }
            None => Ok(()),
        }
    }

    /// Begins again at byte 0. More than one change of mind is no file that can be fetched.
    fn restart(&mut self, why: &str) -> Result<(), Error> {
        self.restarts += 1;
        if self.restarts > 2 {
            let why = format!("{why}, again and again");
            return Err(Error::Protocol { url: self.job.start.redacted(), why });
        }
        self.forget()
    }

    fn forget(&mut self) -> Result<(), Error> {
        self.work.restarted(self.job);
        self.hasher = hasher_for(&self.job.artifact);
        self.etag = None;
        self.side = None;
        self.inherited = false;
        self.partial.renew()
    }

    fn disk(&self, error: io::Error) -> Error {
        finish::disk_error(self.job, &self.partial, error)
    }
}

/// How many bytes from the front an earlier run left, and the version that they are of.
fn earlier(artifact: &Artifact, partial: &Partial) -> (u64, Option<String>) {
    if partial.is_fresh() {
        return (0, None);
    }
    let length = partial.length();
    if let Some((identity, done)) = partial.earlier(artifact) {
        // A digest proves the bytes whatever their etag is today.
        return (done.prefix(), identity.etag.filter(|_| artifact.digest.is_none()));
    }
    let usable =
        artifact.digest.is_some() && !partial.names.state.exists() && artifact.size.is_none_or(|size| length <= size);
    (if usable { length } else { 0 }, None)
}

/// The hasher for what the artifact's digest needs.
pub(super) fn hasher_for(artifact: &Artifact) -> Hasher {
    match (artifact.digest, artifact.size) {
        (Some(Digest::Git(_)), Some(size)) => Hasher::with_git(size),
        _ => Hasher::new(),
    }
}

/// Bytes that came compressed would be hashed as what they are not.
pub(super) fn identity_encoded(reply: &Reply) -> Result<(), Error> {
    match headers::text(&reply.headers, "content-encoding").filter(|encoding| !matches!(*encoding, "" | "identity")) {
        Some(encoding) => {
            let why = format!("came encoded as {}, which was not asked for", escape::printable(encoding));
            Err(Error::Protocol { url: reply.url.redacted(), why })
        }
        None => Ok(()),
    }
}

/// Without a digest, a server that answers with a page for people would have it locked as the file.
fn no_page(artifact: &Artifact, reply: &Reply) -> Result<(), Error> {
    let kind = headers::text(&reply.headers, "content-type").unwrap_or_default();
    let is_page = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/html"));
    if artifact.digest.is_some() || !is_page || super::is_named_as_a_page(&artifact.label) {
        return Ok(());
    }
    Err(Error::Protocol { url: reply.url.redacted(), why: super::PAGE.to_owned() })
}

/// Whether `bytes` more are enough to try again with new courage. One byte at a time, a file would take for ever.
pub(super) fn is_progress(bytes: u64, size: Option<u64>) -> bool {
    bytes >= size.map_or(1, |size| size / 64).clamp(1, 64 << 10)
}

/// Waits before another try. Where the server said how long, the gate keeps everybody waiting.
pub(super) fn retry(work: &Work<'_>, job: &Job, passing: Passing, failures: u32) -> Result<(), Error> {
    let pause = gate::pause(work.network.patience.pause, failures);
    let wait = passing.wait.unwrap_or(pause);
    work.tell(Event::Retry { index: job.index, why: passing.why, wait });
    if passing.wait.is_some() { Ok(()) } else { gate::sleep(pause, work.stop) }
}

/// A body that is read in full blocks, within the bandwidth limit, and never slower than a crawl.
pub(super) struct Source<'a, 'b> {
    work: &'a Work<'b>,
    reader: BodyReader<'a>,
    /// Why it ended before its end.
    pub(super) broken: Option<Passing>,
    ended: bool,
    /// How long it was waited for bytes, and how many came, since it was looked at last.
    waited: Duration,
    came: u64,
}

impl Drop for Source<'_, '_> {
    fn drop(&mut self) {
        self.work.limit.leave();
    }
}

impl<'a, 'b> Source<'a, 'b> {
    pub(super) fn new(work: &'a Work<'b>, reader: BodyReader<'a>) -> Self {
        work.limit.enter();
        Self { work, reader, broken: None, ended: false, waited: Duration::ZERO, came: 0 }
    }

    /// Fills `buffer` as far as what is at hand reaches; 0 at the end, or when the connection broke. What came before a break
    /// is handed out first.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let most = self.work.limit.block(buffer.len());
        let mut filled = 0;
        let begun = Instant::now();
        while filled < most && !self.ended {
            if (self.work.stop)() {
                return if filled > 0 { Ok(filled) } else { Err(Error::Interrupted) };
            }
            match self.reader.read(&mut buffer[filled..most]) {
                Ok(0) => self.ended = true,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.broken = Some(broken_read(error));
                }
            }
            // Bytes on the disk are bytes that a killed run keeps.
            if begun.elapsed() > Duration::from_millis(200) {
                break;
            }
        }
        if filled == 0 && (self.work.stop)() {
            return Err(Error::Interrupted);
        }
        // What the bandwidth limit makes it wait is not the server's fault.
        self.crawls(filled as u64, begun.elapsed());
        self.work.limit.take(filled as u64, self.work.stop)?;
        Ok(filled)
    }

    /// Sees the end of an answer of which everything was read, so that its connection can be used again.
    pub(super) fn end(mut self) {
        let _ = self.reader.read(&mut [0]);
    }

    fn crawls(&mut self, bytes: u64, waited: Duration) {
        self.waited += waited;
        self.came += bytes;
        if self.waited < self.work.network.patience.stall.saturating_mul(3) {
            return;
        }
        if self.work.limit.crawls(self.came, self.waited) && self.broken.is_none() {
            self.ended = true;
            self.broken = Some(Passing::new("the server sends too slowly"));
        }
        self.waited = Duration::ZERO;
        self.came = 0;
    }
}
