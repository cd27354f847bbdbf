//! Ctrl-C and SIGTERM as a question that work asks between two steps, so that it stops at a clean place.

use std::process;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

static REQUESTED: AtomicBool = AtomicBool::new(false);
static ASKING: AtomicBool = AtomicBool::new(false);
static INSTALL: Once = Once::new();

/// How long a question has to end by itself: Ctrl-C ends it, a signal from elsewhere does not wake it.
const GRACE: Duration = Duration::from_millis(200);

/// From now on SIGINT and SIGTERM (on Windows: console events) are noted instead of ending the process.
pub fn watch() {
    INSTALL.call_once(|| {
        // If a handler cannot be installed, the signal ends the process, which the journal survives.
        let _ = ctrlc::set_handler(|| {
            REQUESTED.store(true, Ordering::SeqCst);
            if ASKING.load(Ordering::SeqCst) {
                thread::sleep(GRACE);
                leave_a_question();
            }
        });
    });
}

#[expect(clippy::exit, reason = "the main thread waits for a key that may never come, and nothing was changed yet")]
fn leave_a_question() {
    if ASKING.load(Ordering::SeqCst) {
        let _ = console::Term::stderr().show_cursor();
        process::exit(130);
    }
}

/// While this lives, a person is asked something: a signal may end the process at once, with the cursor shown.
#[derive(Debug)]
pub struct Asking(());

impl Asking {
    /// From here on.
    pub fn begin() -> Self {
        watch();
        ASKING.store(true, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        ASKING.store(false, Ordering::SeqCst);
    }
}

/// Notes it as a signal would: where Ctrl-C comes as a key.
pub fn request() {
    REQUESTED.store(true, Ordering::SeqCst);
}

/// True once the person (or the system) asked the process to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// The error that means "stopped on request"; `main` turns it into exit code 130.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Interrupted(pub String);
