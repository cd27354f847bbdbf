//! How much memory a run of the program has at most.

use std::fs;
use std::io::{Read as _, Seek as _};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The most memory that `command` has while it runs, in bytes; it must end well.
pub(crate) fn peak(command: &mut Command) -> u64 {
    // A pipe that nobody reads is full at some time, and the program waits.
    let mut said = tempfile::tempfile().unwrap();
    let mut child = command.stdout(Stdio::null()).stderr(said.try_clone().unwrap()).spawn().unwrap();
    let mut most = 0;
    let status = format!("/proc/{}/status", child.id());
    let ended = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        most = most.max(line.trim().trim_end_matches(" kB").parse().unwrap_or(0) * 1024);
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let mut text = String::new();
    said.rewind().unwrap();
    said.read_to_string(&mut text).unwrap();
    assert!(ended.success(), "{command:?}: {text}");
    assert!(most > 0, "{command:?}");
    most
}
