//! Why something could not be fetched, told apart where a caller acts on it.

use std::path::PathBuf;

use super::Digest;

/// Why something could not be fetched. URLs in it are redacted already: no user, no password, no query.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The network may not be used (`--offline`, `HF_HUB_OFFLINE=1`).
    #[error("{0} would have to be asked, but the network is switched off")]
    Offline(String),
    /// The server answered, and the answer is no.
    #[error("{0}")]
    Status(Box<Status>),
    /// The server could not be reached, or the connection broke, more often than it is tried again.
    #[error("{url}: {why}, tried {}", crate::support::units::count(*attempts as usize, "time"))]
    Network {
        /// Where.
        url: String,
        /// What happened last.
        why: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The answer is not what the protocol promises: HTML for JSON, an encoding nobody asked for, a loop of redirects.
    #[error("{url}: {why}")]
    Protocol {
        /// Where.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The size is not the one that was promised.
    #[error("{url} is {found} bytes long instead of {expected}; nothing was kept")]
    Size {
        /// Where.
        url: String,
        /// What was promised.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// The bytes are not the promised ones.
    #[error("{url} has the wrong content; nothing was kept\n    expected {expected}\n    received {found}")]
    Content {
        /// Where.
        url: String,
        /// What was promised.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// The [`Steward`](super::Steward) does not want the file.
    #[error("{0}")]
    Refused(String),
    /// The disk has no room for what is missing.
    #[error("{} needs {} and has {} free", crate::support::escape::path(path), crate::support::units::bytes(*needed), crate::support::units::bytes(*free))]
    NoRoom {
        /// A folder on that disk.
        path: PathBuf,
        /// What is missing there, in bytes.
        needed: u64,
        /// What is free, in bytes.
        free: u64,
    },
    /// The disk did not do what it should.
    #[error("{}: {source}", crate::support::escape::path(path))]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The person stopped it.
    #[error("stopped")]
    Interrupted,
}

/// A server's refusal.
#[derive(Debug, thiserror::Error)]
#[error("{url} answered {code}{}", if message.is_empty() { String::new() } else { format!(": {message}") })]
pub struct Status {
    /// Where.
    pub url: String,
    /// The HTTP status.
    pub code: u16,
    /// `X-Error-Code`: the Hub tells a missing file from a missing repository by it.
    pub error_code: Option<String>,
    /// What the server says, from `X-Error-Message` or the body, on one line, at most 300 characters, escaped.
    pub message: String,
    /// Whether the refusal has the form that an API gives it: a header of its own, or JSON. A server of web pages sends neither.
    pub formal: bool,
}
