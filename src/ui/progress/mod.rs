//! What a person or a program sees while files come: bars on a terminal, quiet lines in a log, JSON lines with `--json`.

mod bars;
mod json;
mod lines;
mod painter;
pub(super) mod speed;
mod state;

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use console::Term;

use crate::fetch::Event;
use crate::support::interrupt;
use crate::ui::events::Events;
use crate::ui::output::Output;
use crate::ui::text;
use bars::Look;
use painter::Painter;
use state::State;

/// Ten pictures a second: more cannot be read, fewer look stuck.
const FRAME: Duration = Duration::from_millis(100);
/// Four JSON lines of progress a second at most.
const JSON: Duration = Duration::from_millis(250);
/// How often a log gets a line of progress.
const MEANWHILE: Duration = Duration::from_secs(15);

/// A model that is about to be downloaded.
#[derive(Debug, Clone)]
pub struct ModelLine {
    /// What the project calls it.
    pub name: String,
}

/// A file that is about to be downloaded: the artifact with the same index.
#[derive(Debug, Clone)]
pub struct FileLine {
    /// What a person calls it; foreign text.
    pub label: String,
    /// The index of its model.
    pub model: usize,
    /// Its size in bytes, where it is known.
    pub size: Option<u64>,
}

/// How a download went, in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Bytes that came over the network.
    pub received: u64,
    /// From the beginning to the end.
    pub time: Duration,
    /// How many requests were made again.
    pub retries: u32,
    /// The models, in the order in which they were given.
    pub models: Vec<ModelSummary>,
}

/// How it went for one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSummary {
    /// Its name, safe to print.
    pub name: String,
    /// How many files it has.
    pub files: usize,
    /// How many of them are here.
    pub done: usize,
    /// How many could not be fetched.
    pub failed: usize,
    /// Bytes that are here.
    pub bytes: u64,
    /// Bytes of them that came over the network now.
    pub received: u64,
    /// From its first byte to its last file.
    pub time: Duration,
}

enum Mode {
    Silent,
    Bars,
    Lines,
    Json(Events),
}

/// Shows a download. Events come from any thread; a thread of its own draws.
pub struct Progress {
    shared: Arc<Shared>,
    drawer: Option<JoinHandle<()>>,
}

struct Shared {
    mode: Mode,
    output: Output,
    began: Instant,
    inner: Mutex<Inner>,
    ended: Condvar,
}

struct Inner {
    state: State,
    painter: Painter,
    said: Duration,
    over: bool,
}

impl Progress {
    /// Begins to show a download of these models and files; with `json`, as JSON lines on stdout.
    pub fn new(output: &Output, json: bool, models: Vec<ModelLine>, files: impl IntoIterator<Item = FileLine>) -> Self {
        let mode = match output {
            _ if json => Mode::Json(Events::stdout()),
            output if output.quiet => Mode::Silent,
            output if output.moves => Mode::Bars,
            _ => Mode::Lines,
        };
        let state = State::new(models, files);
        if matches!(mode, Mode::Lines) {
            output.say(lines::start(&state));
        }
        let inner = Inner { state, painter: Painter::default(), said: Duration::ZERO, over: false };
        let shared = Arc::new(Shared {
            mode,
            output: output.clone(),
            began: Instant::now(),
            inner: Mutex::new(inner),
            ended: Condvar::new(),
        });
        let drawn = Arc::clone(&shared);
        // Without the thread the download goes on, only nobody sees it.
        let drawer = match shared.mode {
            Mode::Silent => None,
            _ => thread::Builder::new().name("progress".into()).spawn(move || drawn.draw()).ok(),
        };
        Self { shared, drawer }
    }

    /// Notes what happened. Cheap: a lock and a few additions.
    pub fn event(&self, event: Event) {
        self.shared.note(&event);
    }

    /// Says something for good, above the bars.
    pub fn say(&self, text: &str) {
        let mut inner = self.shared.lock();
        match self.shared.mode {
            Mode::Bars => self.shared.paint(&mut inner, text),
            Mode::Lines => self.shared.output.say(text),
            Mode::Silent | Mode::Json(_) => {}
        }
    }

    /// Takes the bars away and gives the numbers.
    pub fn finish(mut self) -> Summary {
        self.stop();
        let now = self.shared.began.elapsed();
        let inner = self.shared.lock();
        let state = &inner.state;
        let models = state.models.iter().map(|model| ModelSummary {
            name: model.name.clone(),
            files: model.files,
            done: model.done,
            failed: model.failed,
            bytes: model.bytes,
            received: model.received,
            time: model.time(now),
        });
        Summary { received: state.received, time: now, retries: state.retries, models: models.collect() }
    }

    fn stop(&mut self) {
        let Some(drawer) = self.drawer.take() else { return };
        self.shared.lock().over = true;
        self.shared.ended.notify_all();
        let _ = drawer.join();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, event: &Event) {
        let now = self.began.elapsed();
        let mut inner = self.lock();
        inner.state.apply(event, now);
        // After Ctrl-C every file at work ends as failed: one word at the end says more than a line for each.
        let stopped = matches!(event, Event::Failed { .. }) && interrupt::requested();
        match (&self.mode, event) {
            (Mode::Json(events), _) => json::after(&inner.state, event, events),
            (Mode::Lines | Mode::Bars, _) if stopped => {}
            (Mode::Lines, _) => lines::after(&inner.state, event, now).iter().for_each(|line| self.output.say(line)),
            (Mode::Bars, Event::Failed { index, .. }) => {
                if let Some(line) = lines::failure(&inner.state, *index) {
                    let mark = self.output.style().red().apply_to(if self.output.unicode { "✗" } else { "x" });
                    self.paint(&mut inner, &format!("{mark} {line}"));
                }
            }
            _ => {}
        }
    }

    /// Draws until the end.
    fn draw(&self) {
        let step = match self.mode {
            Mode::Bars => FRAME,
            _ => JSON,
        };
        let mut inner = self.lock();
        while !inner.over {
            let now = self.began.elapsed();
            inner.state.sample(now);
            match &self.mode {
                Mode::Bars => self.paint(&mut inner, ""),
                Mode::Json(events) => json::progress(&inner.state, events),
                Mode::Lines if now.saturating_sub(inner.said) >= MEANWHILE => {
                    inner.said = now;
                    self.output.say(lines::meanwhile(&inner.state));
                }
                Mode::Lines | Mode::Silent => {}
            }
            inner = self.ended.wait_timeout(inner, step).unwrap_or_else(PoisonError::into_inner).0;
        }
        if matches!(self.mode, Mode::Bars) {
            let (_, columns) = size();
            write(&inner.painter.clear(columns));
        }
    }

    fn paint(&self, inner: &mut Inner, notes: &str) {
        let (height, width) = size();
        let look = Look { width, height, colour: self.output.colour, unicode: self.output.unicode };
        let lines = if inner.over { Vec::new() } else { bars::frame(&inner.state, look) };
        let notes = if notes.is_empty() { String::new() } else { text::fold(notes, width, 0) };
        write(&inner.painter.paint(&notes, &lines, width));
    }
}

/// Rows and columns, as they are now: a window may change its size.
fn size() -> (usize, usize) {
    let (rows, columns) = Term::stderr().size_checked().unwrap_or((24, 80));
    (usize::from(rows), usize::from(columns))
}

/// A terminal that went away is no reason to stop a download.
fn write(text: &str) {
    let mut to = std::io::stderr().lock();
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

#[cfg(test)]
mod tests;
