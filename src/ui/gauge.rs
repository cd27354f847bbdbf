//! One line on a terminal for work that reads bytes: how far it is, how fast, how long it takes yet. Nothing is shown where nobody
//! looks.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use console::{Term, truncate_str};

use super::output::Output;
use super::progress::speed::short;
use crate::support::units;

/// Ten pictures a second: more cannot be read, fewer look stuck.
const FRAME: Duration = Duration::from_millis(100);

/// Work that is over before nobody wants to see.
const PATIENCE: Duration = Duration::from_millis(300);

/// Columns of the bar.
const BAR: usize = 24;

/// A line that shows how far reading is, until it is dropped. Bytes are counted from any thread.
#[derive(Debug)]
pub struct Gauge {
    shared: Arc<Shared>,
    drawer: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    total: u64,
    what: String,
    unicode: bool,
    done: AtomicU64,
    begun: Instant,
    over: Mutex<bool>,
    ended: Condvar,
    drawn: AtomicBool,
}

impl Gauge {
    /// Begins to show `what` is done with `total` bytes, on a terminal that takes it.
    pub fn new(output: &Output, what: &str, total: u64) -> Self {
        let shared = Arc::new(Shared {
            total,
            what: what.to_owned(),
            unicode: output.unicode,
            done: AtomicU64::new(0),
            begun: Instant::now(),
            over: Mutex::new(false),
            ended: Condvar::new(),
            drawn: AtomicBool::new(false),
        });
        let drawn = Arc::clone(&shared);
        let wanted = output.moves && !output.quiet && total > 0;
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
        let mut wait = PATIENCE;
        while !*over {
            over = self.ended.wait_timeout(over, wait).unwrap_or_else(PoisonError::into_inner).0;
            wait = FRAME;
            if !*over {
                let columns = Term::stderr().size_checked().map_or(80, |(_, columns)| usize::from(columns));
                let line =
                    line(&self.what, self.done.load(Ordering::Relaxed), self.total, self.begun.elapsed(), self.unicode);
                write(&format!("\r{}\x1b[K", truncate_str(&line, columns.saturating_sub(1), "")));
                self.drawn.store(true, Ordering::Relaxed);
            }
        }
        if self.drawn.load(Ordering::Relaxed) {
            write("\r\x1b[K");
        }
    }
}

/// `  Reading  ━━━━━━──────  12.3 GB / 45.6 GB  1.70 GB/s  20s left`
fn line(what: &str, done: u64, total: u64, time: Duration, unicode: bool) -> String {
    let share = (done as f64 / total.max(1) as f64).min(1.0);
    let full = ((share * BAR as f64) as usize).min(BAR);
    let (thick, thin) = if unicode { ("━", "─") } else { ("#", "-") };
    let speed = done as f64 / time.as_secs_f64().max(0.001);
    let mut line = format!(
        "  {what}  {}{}  {:>7} / {}",
        thick.repeat(full),
        thin.repeat(BAR - full),
        units::bytes(done.min(total)),
        units::bytes(total)
    );
    if speed >= 1.0 {
        let left = Duration::from_secs_f64((total.saturating_sub(done) as f64 / speed).min(1e9));
        line.push_str(&format!("  {}/s  {} left", units::bytes(speed as u64), short(left)));
    }
    line
}

/// A terminal that went away is no reason to stop.
fn write(text: &str) {
    let mut to = std::io::stderr().lock();
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_how_fast_and_how_long_yet() {
        assert_eq!(
            line("Reading", 500_000_000, 2_000_000_000, Duration::from_secs(1), false),
            "  Reading  ######------------------   500 MB / 2.00 GB  500 MB/s  3s left"
        );
        assert_eq!(line("Reading", 0, 10, Duration::ZERO, true), "  Reading  ────────────────────────      0 B / 10 B");
    }
}
