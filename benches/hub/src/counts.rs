//! What the clients asked for: requests, connections and bytes, since the last reset.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[derive(Default)]
pub struct Counts {
    /// Requests of any kind, the bench's own left out.
    pub requests: AtomicU64,
    /// Connections that carried at least one request.
    pub connections: AtomicU64,
    /// Bytes of files that were asked for.
    pub asked: AtomicU64,
    /// Bytes of files that went into a socket: less than `asked` where a client went away.
    pub written: AtomicU64,
}

impl Counts {
    pub fn reset(&self) {
        for count in [&self.requests, &self.connections, &self.asked, &self.written] {
            count.store(0, Relaxed);
        }
    }

    /// As words for a shell: `requests=1 connections=1 asked=2 written=2`.
    pub fn line(&self) -> String {
        format!(
            "requests={} connections={} asked={} written={}\n",
            self.requests.load(Relaxed),
            self.connections.load(Relaxed),
            self.asked.load(Relaxed),
            self.written.load(Relaxed)
        )
    }
}
