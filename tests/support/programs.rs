//! Programs that a test makes and starts, written by another process.
//!
//! A file that is open for writing cannot be started ("Text file busy"), and what this process has open, a program that another test
//! starts in the same moment has open, too, until it begins.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A program at `path` with the text of a script.
pub(crate) fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut command = Command::new("/bin/sh");
    let command = command.args(["-c", "cat >\"$1\" && chmod 755 \"$1\"", "sh"]).arg(path).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{}", path.display());
}

/// A copy of the program at `from`.
pub(crate) fn copy(from: &Path, to: &Path) {
    for (tool, words) in [("cp", [from, to]), ("chmod", [Path::new("755"), to])] {
        assert!(Command::new(tool).args(words).status().unwrap().success(), "{tool} {}", to.display());
    }
}
