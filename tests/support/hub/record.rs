//! What the servers saw: every request, and whatever should never have happened.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::text::matches;

/// A request as it came, and what became of it.
pub(crate) struct Seen {
    /// Which server it came to: `hub`, `cdn`, or the name of a further origin.
    pub(crate) origin: Arc<str>,
    /// `GET`, `HEAD`, …
    pub(crate) method: String,
    /// The path as it stood in the request line, still encoded, without the query.
    pub(crate) raw_path: String,
    /// The path, decoded.
    pub(crate) path: String,
    /// The query string, still encoded.
    pub(crate) query: String,
    /// All headers, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// Which connection of this origin it came over.
    pub(crate) connection: u64,
    /// When.
    pub(crate) at: Instant,
    status: AtomicU16,
    sent: AtomicU64,
    ended: AtomicBool,
    running: Arc<AtomicUsize>,
}

impl Seen {
    /// The value of a header, by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The `Range` header.
    pub(crate) fn range(&self) -> Option<&str> {
        self.header("range")
    }

    /// The `Authorization` header.
    pub(crate) fn authorization(&self) -> Option<&str> {
        self.header("authorization")
    }

    /// The status of the answer; 0 while there is none.
    pub(crate) fn status(&self) -> u16 {
        self.status.load(SeqCst)
    }

    /// How many bytes of body have been sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(SeqCst)
    }

    /// The last bytes are about to be sent: once they are, the client may ask for more before this thread runs again, and the two
    /// are not at once.
    pub(super) fn ends(&self) {
        if !self.ended.swap(true, SeqCst) {
            self.running.fetch_sub(1, SeqCst);
        }
    }

    pub(super) fn answered(&self, status: u16) {
        self.status.store(status, SeqCst);
    }

    pub(super) fn add_sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, SeqCst);
    }
}

impl fmt::Debug for Seen {
    /// One line, so that a list of requests can be read in a failed assertion.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.origin, self.method, self.raw_path)?;
        if !self.query.is_empty() {
            write!(f, "?{}", self.query)?;
        }
        if let Some(range) = self.range() {
            write!(f, " [{range}]")?;
        }
        write!(f, " -> {} ({} bytes)", self.status(), self.sent())
    }
}

/// What all servers of a test write into.
#[derive(Default)]
pub(crate) struct Log {
    seen: Mutex<Vec<Arc<Seen>>>,
    violations: Mutex<Vec<String>>,
    running: Arc<AtomicUsize>,
    most: AtomicUsize,
    connections: AtomicUsize,
}

impl Log {
    pub(super) fn arrived(&self, request: &super::http::Request, origin: &Arc<str>, connection: u64) -> Arc<Seen> {
        let seen = Arc::new(Seen {
            origin: Arc::clone(origin),
            method: request.method.clone(),
            raw_path: request.raw_path.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers: request.headers.clone(),
            connection,
            at: Instant::now(),
            status: AtomicU16::new(0),
            sent: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            running: Arc::clone(&self.running),
        });
        self.seen.lock().unwrap().push(Arc::clone(&seen));
        let running = self.running.fetch_add(1, SeqCst) + 1;
        self.most.fetch_max(running, SeqCst);
        seen
    }

    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, SeqCst);
    }

    /// Notes that something happened that must not.
    pub(crate) fn violation(&self, what: String) {
        self.violations.lock().unwrap().push(what);
    }

    /// What must not have happened, and did.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.violations.lock().unwrap().clone()
    }

    /// Every request so far, in order of arrival.
    pub(crate) fn requests(&self) -> Vec<Arc<Seen>> {
        self.seen.lock().unwrap().clone()
    }

    /// The requests with this method (or `*`) whose decoded path matches the glob.
    pub(crate) fn requests_to(&self, method: &str, glob: &str) -> Vec<Arc<Seen>> {
        let wanted = |seen: &Arc<Seen>| matches(method, &seen.method) && matches(glob, &seen.path);
        self.requests().into_iter().filter(wanted).collect()
    }

    /// How many requests were under way at the same time, at most.
    pub(crate) fn most_at_once(&self) -> usize {
        self.most.load(SeqCst)
    }

    /// How many connections were opened.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    /// Forgets the requests so far, to look at what comes now.
    pub(crate) fn forget(&self) {
        self.seen.lock().unwrap().clear();
        self.most.store(self.running.load(SeqCst), SeqCst);
        self.connections.store(0, SeqCst);
    }
}
