//! Whether strace can be used here, for calls that are to fail or to take their time.

use std::process::Command;

/// Whether it is missing; that is said.
pub(crate) fn strace_is_missing() -> bool {
    let probe = Command::new("strace").args(["-f", "-e", "trace=none", "true"]).output();
    let missing = !probe.is_ok_and(|output| output.status.success());
    if missing {
        eprintln!("skipped: strace is not installed, or may not trace");
    }
    missing
}
