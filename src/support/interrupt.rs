//! Ctrl-C and SIGTERM as a question that work asks between two steps, so that it stops at a clean place.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);
static INSTALL: Once = Once::new();

/// From now on SIGINT and SIGTERM (on Windows: console events) are noted instead of ending the process.
pub fn watch() {
    INSTALL.call_once(|| {
        // If a handler cannot be installed, the signal ends the process, which the journal survives.
        let _ = ctrlc::set_handler(|| REQUESTED.store(true, Ordering::SeqCst));
    });
}

/// True once the person (or the system) asked the process to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// The error that means "stopped on request"; `main` turns it into exit code 130.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Interrupted(pub String);
