//! The first request for a file that may be large: what it is, whether the server gives ranges of it, and who goes on with it.

use std::sync::Arc;

use super::exchange::{Fault, Passing, Reply};
use super::headers;
use super::partial::Partial;
use super::ranged::{Ranged, Segment};
use super::ranges::Ranges;
use super::stream;
use super::work::{Job, Work};
use super::{Error, Proof};

/// From this size on a file is fetched in ranges: below, a second connection comes too late to help.
pub(super) const LARGE: u64 = 8 << 20;

/// The first range of a file whose size nobody knows.
const PROBE: u64 = 4 << 20;

/// How it goes on.
pub(super) enum Begun {
    /// In one piece, and that is done.
    Ended(Result<Option<Proof>, Error>),
    /// In ranges, of which this thread has the answer to the first.
    Ranged(Arc<Ranged>, Option<(Segment, Reply)>),
}

/// What an earlier run left of a large file.
struct Earlier {
    done: Ranges,
    etag: Option<String>,
    size: Option<u64>,
}

/// Asks for the first bytes that are missing.
pub(super) fn begin(
    work: &Work<'_>,
    job: &Arc<Job>,
    mut partial: Partial,
    connections: usize,
    buffer: &mut [u8],
) -> Result<Begun, Error> {
    let patience = work.network.patience;
    let mut failures = 0;
    loop {
        let earlier = earlier(job, &partial);
        let resumed = earlier.done.total();
        if resumed == 0 && partial.length() > 0 {
            partial.renew()?;
        }
        if earlier.size.is_some_and(|size| size == resumed) {
            let of = (resumed, earlier.etag);
            let ranged = Ranged::new(Arc::clone(job), partial, of, earlier.done, connections)?;
            work.started(job, Some(resumed), resumed);
            ranged.enter_first();
            return Ok(Begun::Ranged(Arc::new(ranged), None));
        }
        let (start, end) = first_gap(&earlier, connections);
        let answer = job.ask(work, Some((start, Some(end))), earlier.etag.as_deref());
        let passing = match answer {
            Ok(reply) => match judge(job, &earlier, start, reply)? {
                Judged::Ranges { reply, total, etag } => {
                    if start == 0 && total <= end {
                        return Ok(Begun::Ended(stream::run(work, job, partial, Some(reply), buffer)));
                    }
                    let ranged = Ranged::new(Arc::clone(job), partial, (total, etag), earlier.done, connections)?;
                    work.started(job, Some(total), resumed);
                    ranged.enter_first();
                    let first = ranged.take(Some(end)).map(|segment| (segment, reply));
                    return Ok(Begun::Ranged(Arc::new(ranged), first));
                }
                Judged::Whole(reply) => {
                    if partial.length() > 0 {
                        partial.renew()?;
                    }
                    return Ok(Begun::Ended(stream::run(work, job, partial, Some(reply), buffer)));
                }
                Judged::NoRange if resumed == 0 => {
                    partial.forget_side();
                    return Ok(Begun::Ended(stream::run(work, job, partial, None, buffer)));
                }
                Judged::NoRange | Judged::Changed => {
                    partial.renew()?;
                    Passing::new("the file changed since the last run")
                }
            },
            Err(Fault::Lasting(error)) => return Err(error),
            Err(Fault::Passing(passing)) => passing,
        };
        failures += 1;
        if failures >= patience.attempts {
            return Err(passing.into_error(&job.start, failures));
        }
        stream::retry(work, job, passing, failures)?;
    }
}

enum Judged {
    Ranges { reply: Reply, total: u64, etag: Option<String> },
    Whole(Reply),
    NoRange,
    Changed,
}

fn judge(job: &Job, earlier: &Earlier, start: u64, reply: Reply) -> Result<Judged, Error> {
    stream::identity_encoded(&reply)?;
    if reply.status == 416 {
        return Ok(Judged::NoRange);
    }
    if reply.status != 206 {
        return Ok(Judged::Whole(reply));
    }
    let range = headers::text(&reply.headers, "content-range").and_then(headers::content_range);
    let Some((total, (first, _))) = range.and_then(|range| Some((range.total.or(earlier.size)?, range.bytes?))) else {
        let why = "answered with a part and does not say of what".to_owned();
        return Err(Error::Protocol { url: reply.url.redacted(), why });
    };
    if let Some(expected) = job.artifact.size.filter(|size| *size != total) {
        return Err(Error::Size { url: job.start.redacted(), expected, found: total });
    }
    let etag = headers::strong_etag(&reply.headers);
    let provable = job.artifact.digest.is_some();
    let other = !provable && earlier.etag.is_some() && etag.is_some() && earlier.etag != etag;
    if first != start || other || earlier.size.is_some_and(|size| size != total) {
        return Ok(Judged::Changed);
    }
    Ok(Judged::Ranges { reply, total, etag: etag.or_else(|| earlier.etag.clone()) })
}

fn earlier(job: &Job, partial: &Partial) -> Earlier {
    let artifact = &job.artifact;
    if let Some((identity, done)) = partial.earlier(artifact) {
        // A digest tells better than a tag what the bytes are of: some storage hosts give each signed address its own tag.
        let etag = identity.etag.filter(|_| artifact.digest.is_none());
        return Earlier { done, etag, size: artifact.size.or(identity.size) };
    }
    let mut done = Ranges::default();
    // Without a side file, the bytes go from front to back.
    let length = partial.length();
    let usable = length > 0 && !partial.names.state.exists() && artifact.digest.is_some();
    if usable && artifact.size.is_some_and(|size| length <= size) {
        done.add(0, length);
    }
    Earlier { done, etag: None, size: artifact.size }
}

fn first_gap(earlier: &Earlier, connections: usize) -> (u64, u64) {
    match earlier.size {
        Some(size) => {
            let (start, end) = earlier.done.gaps(size).first().copied().unwrap_or((0, size));
            (start, Ranged::cut(start, end, size, size - earlier.done.total(), connections))
        }
        None => {
            let start = earlier.done.prefix();
            (start, start + PROBE)
        }
    }
}
