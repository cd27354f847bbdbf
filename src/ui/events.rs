//! A download as JSON lines on stdout, for programs: `modelstrap.events/1`.

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::support::escape;

/// The form's name and version, in every line.
pub const SCHEMA: &str = "modelstrap.events/1";

/// What a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A source said what a model is.
    Resolve,
    /// A file's bytes begin to flow.
    Start,
    /// How far everything is; at most four a second.
    Progress,
    /// A request failed and is made again.
    Retry,
    /// A file has its final name.
    Done,
    /// A file could not be fetched.
    Failed,
    /// The last line: the result.
    Summary,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Start => "start",
            Self::Progress => "progress",
            Self::Retry => "retry",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Summary => "summary",
        }
    }
}

/// Writes JSON lines. A reader that goes away ends the writing and nothing else: the download goes on.
pub struct Events {
    to: Mutex<Box<dyn Write + Send>>,
    closed: AtomicBool,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("closed", &self.closed()).finish_non_exhaustive()
    }
}

impl Events {
    /// To this process's stdout.
    pub fn stdout() -> Self {
        Self::to(io::stdout())
    }

    /// To any writer.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self { to: Mutex::new(Box::new(writer)), closed: AtomicBool::new(false) }
    }

    /// One line, now: `schema`, `event` and `time`, then `members`, which should be an object.
    pub fn say(&self, kind: Kind, members: Value) {
        if self.closed() {
            return;
        }
        let mut line = escape::json(&line(kind, SystemTime::now(), members).to_string());
        line.push('\n');
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        if to.write_all(line.as_bytes()).and_then(|()| to.flush()).is_err() {
            self.closed.store(true, Ordering::Relaxed);
        }
    }

    /// Whether nobody reads any more.
    pub fn closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

fn line(kind: Kind, time: SystemTime, members: Value) -> Value {
    let mut line = Map::new();
    line.insert("schema".into(), SCHEMA.into());
    line.insert("event".into(), kind.name().into());
    line.insert("time".into(), humantime::format_rfc3339_millis(time).to_string().into());
    if let Value::Object(members) = members {
        line.extend(members);
    }
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_names_its_form_what_happened_and_when() {
        let time = UNIX_EPOCH + Duration::from_millis(1_764_084_046_250);
        let members = json!({"model": "asr", "file": "a\u{1b}[2J\n", "bytes": 18_446_744_073_709_551_615_u64});
        assert_eq!(
            line(Kind::Start, time, members).to_string(),
            r#"{"schema":"modelstrap.events/1","event":"start","time":"2025-11-25T15:20:46.250Z","model":"asr","file":"a\u001b[2J\n","bytes":18446744073709551615}"#
        );
    }

    #[test]
    fn a_reader_that_goes_away_ends_the_writing() {
        struct Gone(Arc<AtomicUsize>);
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                self.0.fetch_add(1, Ordering::Relaxed);
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let tries = Arc::new(AtomicUsize::new(0));
        let events = Events::to(Gone(Arc::clone(&tries)));
        events.say(Kind::Done, json!({}));
        events.say(Kind::Summary, json!({}));
        assert!(events.closed());
        assert_eq!(tries.load(Ordering::Relaxed), 1);
    }
}
