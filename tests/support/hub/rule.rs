//! How a test describes a fault: `on("*.bin")`, then how often, then what goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use super::content::Content;
use super::faults::{Effect, Fault, Faults, Later};

/// A fault being described; the last word says what goes wrong.
#[must_use = "the last word says what goes wrong"]
pub(crate) struct Rule<'a> {
    faults: &'a Faults,
    glob: String,
    method: String,
    skip: u64,
    times: u64,
}

/// How often a fault has struck.
pub(crate) struct Strikes(Arc<AtomicU64>);

impl Strikes {
    /// The number so far.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

impl<'a> Rule<'a> {
    pub(super) fn new(faults: &'a Faults, glob: &str) -> Self {
        Self { faults, glob: glob.to_owned(), method: "*".to_owned(), skip: 0, times: u64::MAX }
    }

    /// Only for this method.
    pub(crate) fn method(self, method: &str) -> Self {
        Self { method: method.to_owned(), ..self }
    }

    /// Not for the first `n`.
    pub(crate) fn after(self, n: u64) -> Self {
        Self { skip: n, ..self }
    }

    /// Only once.
    pub(crate) fn once(self) -> Self {
        self.times(1)
    }

    /// Only `n` times; without this, always.
    pub(crate) fn times(self, n: u64) -> Self {
        Self { times: n, ..self }
    }

    fn is(self, effect: Effect) -> Strikes {
        let used = Arc::new(AtomicU64::new(0));
        let fault = Fault {
            glob: self.glob,
            method: self.method,
            skip: AtomicU64::new(self.skip),
            left: AtomicU64::new(self.times),
            used: Arc::clone(&used),
            effect,
        };
        self.faults.add(fault);
        Strikes(used)
    }
}

/// What goes wrong.
impl Rule<'_> {
    /// The connection is closed without an answer.
    pub(crate) fn hangs_up(self) -> Strikes {
        self.is(Effect::HangUp)
    }

    /// The connection is closed in order (FIN) after `n` bytes of the body.
    pub(crate) fn cuts_at(self, n: u64) -> Strikes {
        self.is(Effect::Cut(n))
    }

    /// The connection is reset (RST) after `n` bytes of the body.
    pub(crate) fn resets_at(self, n: u64) -> Strikes {
        self.is(Effect::Reset(n))
    }

    /// Nothing comes any more after `n` bytes of the body, and the connection stays open.
    pub(crate) fn stalls_at(self, n: u64) -> Strikes {
        self.is(Effect::Stall(n))
    }

    /// `bytes` at a time, with a pause after each.
    pub(crate) fn drips(self, bytes: usize, pause: Duration) -> Strikes {
        self.is(Effect::Drip(bytes, pause))
    }

    /// At most so many bytes a second on each connection.
    pub(crate) fn crawls_at(self, bytes_a_second: u64) -> Strikes {
        self.is(Effect::Bandwidth(bytes_a_second))
    }

    /// The answer's first byte comes so much later.
    pub(crate) fn waits(self, wait: Duration) -> Strikes {
        self.is(Effect::Latency(wait))
    }

    /// Refuses with this status, and says in this way when to come back.
    pub(crate) fn answers(self, status: u16, later: Later) -> Strikes {
        self.is(Effect::Status(status, later))
    }

    /// `Content-Length` is wrong by so much.
    pub(crate) fn claims_a_length_wrong_by(self, bytes: i64) -> Strikes {
        self.is(Effect::Length(bytes))
    }

    /// The byte at this place of the file is another one.
    pub(crate) fn flips_the_byte_at(self, at: u64) -> Strikes {
        self.is(Effect::Flip(at))
    }

    /// The file is another one, with its own etag.
    pub(crate) fn sends_instead(self, content: impl Into<Content>) -> Strikes {
        self.is(Effect::Content(content.into()))
    }

    /// A huge document of JSON: an array of that many bytes, and valid as far as anybody reads.
    pub(crate) fn sends_json_of(self, bytes: u64) -> Strikes {
        let entry = r#"{"type":"directory","path":"x","oid":"0000000000000000000000000000000000000000","size":0},"#;
        self.is(Effect::Content(Content::filled("[", entry, bytes)))
    }

    /// A range is answered with 200 and the whole file.
    pub(crate) fn ignores_the_range(self) -> Strikes {
        self.is(Effect::IgnoreRange)
    }

    /// A redirect to itself.
    pub(crate) fn redirects_to_itself(self) -> Strikes {
        self.is(Effect::SelfRedirect)
    }

    /// A redirect to somewhere else.
    pub(crate) fn redirects_to(self, location: &str) -> Strikes {
        self.is(Effect::Redirect(location.to_owned()))
    }

    /// 403, as a CDN answers when the time of a signed URL is over.
    pub(crate) fn says_expired(self) -> Strikes {
        self.is(Effect::Expired)
    }

    /// 200, and the page of a captive portal.
    pub(crate) fn sends_html(self) -> Strikes {
        self.is(Effect::Html)
    }

    /// Gzip, in chunks, without a length.
    pub(crate) fn sends_gzip(self) -> Strikes {
        self.is(Effect::Gzip)
    }

    /// In chunks, without a length.
    pub(crate) fn sends_chunks(self) -> Strikes {
        self.is(Effect::Chunked)
    }

    /// The first half, and claims that it is all: JSON that breaks off.
    pub(crate) fn sends_half(self) -> Strikes {
        self.is(Effect::Half)
    }

    /// Leaves out a header.
    pub(crate) fn leaves_out(self, header: &str) -> Strikes {
        self.is(Effect::WithoutHeader(header.to_owned()))
    }

    /// Sets a header.
    pub(crate) fn sets(self, header: &str, value: &str) -> Strikes {
        self.is(Effect::Header(header.to_owned(), value.to_owned()))
    }
}
