//! How much memory a run of the program has at most.

use std::fs;
use std::io::{Read as _, Seek as _};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The most memory that the process had so far, in bytes; 0 where it is over.
pub(crate) fn most_of(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0) * 1024
}

/// The most memory that `command` has while it runs, in bytes; it must end well.
pub(crate) fn peak(command: &mut Command) -> u64 {
    // A pipe that nobody reads is full at some time, and the program waits.
    let mut said = tempfile::tempfile().unwrap();
    let mut child = command.stdout(Stdio::null()).stderr(said.try_clone().unwrap()).spawn().unwrap();
    let mut most = 0;
    let ended = loop {
        most = most.max(most_of(child.id()));
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
