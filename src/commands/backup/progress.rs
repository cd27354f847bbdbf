//! A line that tells how far a long reading or writing is: drawn over itself on a terminal, now and then in a log.

use std::io::{self, Write as _};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::units;
use crate::ui::output::Output;

/// How often the line is drawn on a terminal, and in a log.
const DRAWN: Duration = Duration::from_millis(100);
const LOGGED: Duration = Duration::from_secs(30);

/// Bytes that were read or written, of so many.
pub(in crate::commands) struct Meter {
    verb: &'static str,
    total: u64,
    done: AtomicU64,
    begun: Instant,
    last: Mutex<Option<Instant>>,
    draws: bool,
    speaks: bool,
}

impl Meter {
    /// `verb` is what is done: `Reading`. With `silent`, nothing is said.
    pub(in crate::commands) fn new(output: &Output, silent: bool, verb: &'static str, total: u64) -> Self {
        Self {
            verb,
            total,
            done: AtomicU64::new(0),
            begun: Instant::now(),
            last: Mutex::new(None),
            draws: output.moves,
            speaks: !silent && !output.quiet,
        }
    }

    /// So many bytes more. Any thread may say so.
    pub(in crate::commands) fn add(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if !self.speaks {
            return;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let every = if self.draws { DRAWN } else { LOGGED };
        if last.unwrap_or(self.begun).elapsed() < every {
            return;
        }
        *last = Some(Instant::now());
        let mut out = io::stderr().lock();
        let _ =
            if self.draws { write!(out, "\r{}\x1b[K", self.line(done)) } else { writeln!(out, "{}", self.line(done)) };
        let _ = out.flush();
    }

    fn line(&self, done: u64) -> String {
        let time = self.begun.elapsed().as_secs_f64().max(0.001);
        let speed = (done as f64 / time) as u64;
        let of = if self.total > 0 { format!(" of {}", units::bytes(self.total)) } else { String::new() };
        let left = match (self.total.saturating_sub(done), speed) {
            (0, _) | (_, 0) => String::new(),
            (left, speed) => format!(", {} left", units::seconds(Duration::from_secs(left / speed))),
        };
        format!("{} {}{of}, {}/s{left}", self.verb, units::bytes(done), units::bytes(speed))
    }

    /// How many bytes there were, and how long it took; the line goes.
    pub(in crate::commands) fn end(&self) -> (u64, Duration) {
        if self.draws && self.speaks && self.last.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
        (self.done.load(Ordering::Relaxed), self.begun.elapsed())
    }
}

/// However it ends, the line goes.
impl Drop for Meter {
    fn drop(&mut self) {
        self.end();
    }
}
