//! One line for work that reads or writes bytes: how far it is, how fast, how long it takes yet. On a terminal it is drawn over itself
//! and goes with the work; a log gets one now and then, so that nobody takes long work for stuck.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use console::{Term, truncate_str};

use super::output::Output;
use super::progress::speed::short;
use super::text;
use crate::support::units;

/// Ten pictures a second: more cannot be read, fewer look stuck.
const FRAME: Duration = Duration::from_millis(100);

/// Work that is over before nobody wants to see.
const PATIENCE: Duration = Duration::from_millis(300);

/// How often a log gets a line. Most work is over before, and its log stays as it was.
const LOGGED: Duration = Duration::from_secs(30);

/// Columns of the bar.
const BAR: usize = 24;

/// A line that shows how far the work is, until it is dropped. Bytes are counted from any thread.
#[derive(Debug)]
pub struct Gauge {
    shared: Arc<Shared>,
    drawer: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    total: u64,
    what: String,
    moves: bool,
    unicode: bool,
    done: AtomicU64,
    begun: Instant,
    over: Mutex<bool>,
    ended: Condvar,
    drawn: AtomicBool,
}

impl Gauge {
    /// Begins to show that `what` is done with `total` bytes; 0 where nobody knows how many there will be. With `silent`, as with
    /// `--quiet`, bytes are counted and nothing is shown.
    pub fn new(output: &Output, silent: bool, what: &str, total: u64) -> Self {
        let shared = Arc::new(Shared {
            total,
            what: what.to_owned(),
            moves: output.moves,
            unicode: output.unicode,
            done: AtomicU64::new(0),
            begun: Instant::now(),
            over: Mutex::new(false),
            ended: Condvar::new(),
            drawn: AtomicBool::new(false),
        });
        let drawn = Arc::clone(&shared);
        let wanted = !silent && !output.quiet;
        // Without the thread the work goes on, only nobody sees it.
        let draw = move || drawn.draw();
        let drawer = wanted.then(|| thread::Builder::new().name("gauge".into()).spawn(draw).ok()).flatten();
        Self { shared, drawer }
    }

    /// So many bytes more are done.
    pub fn add(&self, bytes: u64) {
        self.shared.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How many are done.
    pub fn done(&self) -> u64 {
        self.shared.done.load(Ordering::Relaxed)
    }

    /// How long it has taken so far.
    pub fn time(&self) -> Duration {
        self.shared.begun.elapsed()
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        let Some(drawer) = self.drawer.take() else { return };
        *self.shared.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.ended.notify_all();
        let _ = drawer.join();
    }
}

impl Shared {
    fn draw(&self) {
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wait = if self.moves { PATIENCE } else { LOGGED };
        while !*over {
            over = self.ended.wait_timeout(over, wait).unwrap_or_else(PoisonError::into_inner).0;
            wait = if self.moves { FRAME } else { LOGGED };
            let done = self.done.load(Ordering::Relaxed);
            // With nothing done of nobody knows how much, there is nothing to tell.
            if !*over && (done > 0 || self.total > 0) {
                self.show(done);
            }
        }
        if self.drawn.load(Ordering::Relaxed) {
            write("\r\x1b[K");
        }
    }

    fn show(&self, done: u64) {
        let time = self.begun.elapsed();
        if !self.moves {
            return write(&format!("{}\n", sentence(&self.what, done, self.total, time)));
        }
        let columns = Term::stderr().size_checked().map_or(80, |(_, columns)| usize::from(columns));
        let line = line(&self.what, done, self.total, time, self.unicode);
        write(&format!("\r{}\x1b[K", truncate_str(&line, columns.saturating_sub(1), "")));
        self.drawn.store(true, Ordering::Relaxed);
    }
}

/// `  Reading  ━━━━━━──────  12.3 GB / 45.6 GB  1.70 GB/s  20s left`, and `  Reading  12.3 GB  1.70 GB/s` where the end is not known.
fn line(what: &str, done: u64, total: u64, time: Duration, unicode: bool) -> String {
    let mut line = format!("  {what}  ");
    if total > 0 {
        let (full, rest) = text::bar(done, total, BAR, unicode);
        line.push_str(&format!("{full}{rest}  {:>7} / {}", units::bytes(done.min(total)), units::bytes(total)));
    } else {
        line.push_str(&format!("{:>7}", units::bytes(done)));
    }
    let (speed, left) = pace(done, total, time);
    for part in [speed, left].into_iter().flatten() {
        line.push_str(&format!("  {part}"));
    }
    line
}

/// The same for a log: `Reading: 12.3 GB of 45.6 GB, 1.70 GB/s, 20s left`.
fn sentence(what: &str, done: u64, total: u64, time: Duration) -> String {
    let of = if total > 0 { format!(" of {}", units::bytes(total)) } else { String::new() };
    let done_of = format!("{}{of}", units::bytes(if total > 0 { done.min(total) } else { done }));
    let (speed, left) = pace(done, total, time);
    let parts: Vec<String> = [Some(done_of), speed, left].into_iter().flatten().collect();
    format!("{what}: {}", parts.join(", "))
}

/// How fast it goes, and how long it takes yet, as far as either can be said.
fn pace(done: u64, total: u64, time: Duration) -> (Option<String>, Option<String>) {
    let speed = done as f64 / time.as_secs_f64().max(0.001);
    if speed < 1.0 {
        return (None, None);
    }
    let left = Duration::from_secs_f64((total.saturating_sub(done) as f64 / speed).min(1e9));
    (Some(format!("{}/s", units::bytes(speed as u64))), (total > 0).then(|| format!("{} left", short(left))))
}

/// A terminal that went away is no reason to stop.
fn write(text: &str) {
    let mut to = std::io::stderr().lock();
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_line_says_how_far_how_fast_and_how_long_yet() {
        assert_eq!(
            line("Reading", 500_000_000, 2_000_000_000, SECOND, false),
            "  Reading  ######------------------   500 MB / 2.00 GB  500 MB/s  3s left"
        );
        assert_eq!(line("Reading", 0, 10, Duration::ZERO, true), "  Reading  ────────────────────────      0 B / 10 B");
        assert_eq!(
            line("Reading", 20, 10, SECOND, true),
            "  Reading  ━━━━━━━━━━━━━━━━━━━━━━━━     10 B / 10 B  20 B/s  0s left"
        );
    }

    #[test]
    fn without_a_known_end_it_says_how_much_and_how_fast() {
        assert_eq!(line("Comparing", 500_000_000, 0, SECOND, true), "  Comparing   500 MB  500 MB/s");
        assert_eq!(sentence("Comparing", 500_000_000, 0, SECOND), "Comparing: 500 MB, 500 MB/s");
    }

    #[test]
    fn a_log_gets_a_sentence() {
        let told = sentence("Storing", 500_000_000, 2_000_000_000, SECOND);
        assert_eq!(told, "Storing: 500 MB of 2.00 GB, 500 MB/s, 3s left");
        assert_eq!(sentence("Storing", 0, 10, SECOND), "Storing: 0 B of 10 B");
    }
}
