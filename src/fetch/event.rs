//! What the engine tells while it works; whoever listens decides what a person sees.

use std::time::Duration;

use super::{Error, Proof};

/// Something that happened to the artifact with this index. Sent from worker threads, in order for each artifact.
#[derive(Debug)]
pub enum Event {
    /// Its bytes begin to flow.
    Started {
        /// Which artifact.
        index: usize,
        /// Its size in bytes, as far as it is known now.
        size: Option<u64>,
        /// How many of them an earlier run left.
        resumed: u64,
    },
    /// Further bytes are on the disk.
    Progress {
        /// Which artifact.
        index: usize,
        /// How many bytes more than at the last event.
        bytes: u64,
    },
    /// Bytes counted before are worth nothing: a server ignored a range, a file changed.
    Restarted {
        /// Which artifact.
        index: usize,
        /// How many bytes of progress to take back.
        bytes: u64,
    },
    /// A request failed and is made again.
    Retry {
        /// Which artifact.
        index: usize,
        /// What failed.
        why: String,
        /// How long it waits before.
        wait: Duration,
    },
    /// All bytes are here; their digest is still being computed.
    Verifying {
        /// Which artifact.
        index: usize,
    },
    /// It has its final name.
    Done {
        /// Which artifact.
        index: usize,
    },
    /// It could not be fetched.
    Failed {
        /// Which artifact.
        index: usize,
        /// Why, as text; the [`Outcome`] holds the error itself.
        why: String,
    },
}

impl Event {
    /// Which artifact it is about.
    pub fn index(&self) -> usize {
        match self {
            Self::Started { index, .. }
            | Self::Progress { index, .. }
            | Self::Restarted { index, .. }
            | Self::Retry { index, .. }
            | Self::Verifying { index }
            | Self::Done { index }
            | Self::Failed { index, .. } => *index,
        }
    }

    /// The same about the artifact at `place`: for whoever shows only some of them.
    #[must_use]
    pub fn at(mut self, place: usize) -> Self {
        match &mut self {
            Self::Started { index, .. }
            | Self::Progress { index, .. }
            | Self::Restarted { index, .. }
            | Self::Retry { index, .. }
            | Self::Verifying { index }
            | Self::Done { index }
            | Self::Failed { index, .. } => *index = place,
        }
        self
    }
}

/// How it ended for one artifact.
#[derive(Debug)]
pub struct Outcome {
    /// What its bytes are, `None` if an earlier run had brought them already, or why it is not here.
    pub result: Result<Option<Proof>, Error>,
    /// How many bytes came over the network for it.
    pub received: u64,
    /// From its first request to its final name.
    pub time: Duration,
}
