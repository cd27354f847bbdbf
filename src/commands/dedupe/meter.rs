//! How far a comparison is, as one line on a terminal that is drawn again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use console::Term;

use crate::support::units;
use crate::ui::output::Output;

/// How often the line is drawn.
const PAUSE: Duration = Duration::from_millis(200);

/// Bytes that are dealt with, of all.
pub(super) struct Meter {
    term: Option<Term>,
    total: u64,
    done: AtomicU64,
    drawn: Mutex<Instant>,
}

impl Meter {
    pub(super) fn new(output: &Output, total: u64) -> Self {
        let term = (output.moves && !output.quiet).then(Term::stderr);
        Self { term, total, done: AtomicU64::new(0), drawn: Mutex::new(Instant::now()) }
    }

    pub(super) fn add(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let Some(term) = &self.term else { return };
        // Who draws keeps the others from nothing.
        let Ok(mut drawn) = self.drawn.try_lock() else { return };
        if drawn.elapsed() >= PAUSE {
            *drawn = Instant::now();
            let _ = term.clear_line();
            let _ = term.write_str(&format!("Comparing: {} of {}", units::bytes(done), units::bytes(self.total)));
        }
    }

    /// Takes the line away.
    pub(super) fn end(&self) {
        if let Some(term) = &self.term {
            let _ = term.clear_line();
        }
    }
}
