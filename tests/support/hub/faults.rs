//! The switches by which a server misbehaves: `hub.cdn().on("*.safetensors").once().cuts_at(1000)`.
//!
//! A glob is matched against the decoded path; on the CDN, whose paths are only digests, against `/org/name/path of
//! the file`. A fault of the body is used up only by an answer that has such a body.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use super::content::Content;
use super::http::{Reply, Request};
use super::rule::Rule;
use super::text;

/// How a refusal says when to come back.
#[derive(Clone, Copy)]
pub(crate) enum Later {
    /// It does not.
    Unsaid,
    /// `Retry-After: 2`
    Seconds(u64),
    /// `Retry-After: Sat, 21 Nov 2026 05:00:02 GMT`
    Date(u64),
    /// `RateLimit: "api";r=0;t=2`
    RateLimit(u64),
}

/// What goes wrong.
#[derive(Clone)]
pub(super) enum Effect {
    HangUp,
    Cut(u64),
    Reset(u64),
    Stall(u64),
    Drip(usize, Duration),
    Bandwidth(u64),
    Latency(Duration),
    Status(u16, Later),
    Length(i64),
    Flip(u64),
    Content(Content),
    IgnoreRange,
    SelfRedirect,
    Redirect(String),
    Expired,
    Html,
    Gzip,
    Chunked,
    Half,
    WithoutHeader(String),
    Header(String, String),
}

/// One fault: where, how often, what.
pub(super) struct Fault {
    pub(super) glob: String,
    pub(super) method: String,
    pub(super) skip: AtomicU64,
    pub(super) left: AtomicU64,
    pub(super) used: Arc<AtomicU64>,
    pub(super) effect: Effect,
}

/// The faults of one server.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Arc<Fault>>>);

impl Faults {
    /// A fault for the paths that match; `*` stands for anything, slashes too.
    pub(crate) fn on(&self, glob: &str) -> Rule<'_> {
        Rule::new(self, glob)
    }

    /// No faults any more.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    pub(super) fn add(&self, fault: Fault) {
        self.0.lock().unwrap().push(Arc::new(fault));
    }

    /// What goes wrong with this answer to this request.
    pub(super) fn strike(&self, request: &Request, subject: impl FnOnce() -> String, reply: &Reply) -> Vec<Effect> {
        let faults = self.0.lock().unwrap().clone();
        if faults.is_empty() {
            return Vec::new();
        }
        let subject = subject();
        let hit = |fault: &&Arc<Fault>| {
            text::matches(&fault.method, &request.method)
                && text::matches(&fault.glob, &subject)
                && fault.effect.concerns(request, reply)
                && fault.strikes()
        };
        faults.iter().filter(hit).map(|fault| fault.effect.clone()).collect()
    }
}

impl Fault {
    fn strikes(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        if self.skip.fetch_update(SeqCst, SeqCst, less).is_ok() || self.left.fetch_update(SeqCst, SeqCst, less).is_err()
        {
            return false;
        }
        self.used.fetch_add(1, SeqCst);
        true
    }
}

impl Effect {
    fn concerns(&self, request: &Request, reply: &Reply) -> bool {
        let body = (200..300).contains(&reply.status) && request.method != "HEAD";
        match self {
            Self::Cut(at) | Self::Reset(at) | Self::Stall(at) => body && reply.length() > *at,
            Self::Flip(at) => body && reply.span.contains(at),
            Self::Length(_) | Self::Gzip | Self::Chunked | Self::Half => body && reply.length() > 0,
            Self::Drip(..) | Self::Bandwidth(_) | Self::Html => body,
            Self::Content(_) => (200..300).contains(&reply.status),
            Self::IgnoreRange => reply.status == 206,
            _ => true,
        }
    }

    /// Changes the answer, as far as the fault lies in the answer and not in its delivery.
    pub(super) fn spoil(&self, request: &Request, reply: Reply) -> Reply {
        match self {
            Self::Status(code, later) => refusal(*code, *later),
            Self::Length(more) => Reply { claimed: reply.length().checked_add_signed(*more), ..reply },
            Self::Flip(at) => Reply { content: reply.content.with_flipped_byte(*at), ..reply },
            Self::Content(content) => replaced(request, reply, content),
            Self::SelfRedirect => Reply::redirect(302, &request.target()),
            Self::Redirect(location) => Reply::redirect(302, location),
            Self::Expired => expired(),
            Self::Html => Reply::with(200, "text/html", "<!doctype html><title>Log in to this network</title>"),
            Self::Gzip => zipped(reply),
            Self::Chunked => Reply { chunked: true, ..reply },
            Self::Half => Reply { span: reply.span.start..reply.span.start + reply.length() / 2, ..reply },
            Self::WithoutHeader(name) => {
                let mut reply = reply;
                reply.headers.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
                reply
            }
            Self::Header(name, value) => reply.header(name, value),
            _ => reply,
        }
    }
}

/// What a CDN says to a URL whose time is over.
pub(super) fn expired() -> Reply {
    Reply::with(
        403,
        "application/xml",
        "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>",
    )
}

fn refusal(code: u16, later: Later) -> Reply {
    let reply = Reply::refusal(code, None, "try again later");
    match later {
        Later::Unsaid => reply,
        Later::Seconds(wait) => reply.header("Retry-After", wait.to_string()),
        Later::Date(wait) => {
            reply.header("Retry-After", text::http_date(SystemTime::now() + Duration::from_secs(wait)))
        }
        Later::RateLimit(wait) => reply
            .header("RateLimit", format!("\"api\";r=0;t={wait}"))
            .header("RateLimit-Policy", "\"fixed window\";\"api\";q=500;w=300"),
    }
}

/// Other bytes, another etag, and whatever else the old answer said.
fn replaced(request: &Request, reply: Reply, content: &Content) -> Reply {
    let mut new = Reply::file(request, content, &content.sha256()[..32]);
    let of_the_file = ["etag", "accept-ranges", "content-range", "content-type"];
    for (name, value) in reply.headers {
        if !of_the_file.contains(&name.to_ascii_lowercase().as_str()) {
            new = new.header(&name, value);
        }
    }
    new
}

fn zipped(reply: Reply) -> Reply {
    let zipped = text::gzipped(&reply.content.bytes_of(reply.span.clone()));
    let span = 0..zipped.len() as u64;
    Reply { content: zipped.into(), span, chunked: true, ..reply }.header("Content-Encoding", "gzip")
}
