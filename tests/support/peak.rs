//! How much memory a run of the program has at most.

use std::fs;
use std::process::Command;

use super::traced::traced;

/// The most memory that the process had so far, in bytes; 0 where it is over. Without what is mapped of the program's own file: that
/// depends on what the kernel reads ahead, and is 2 MB more in one run than in another.
pub(crate) fn most_of(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let number = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
    };
    number("VmHWM:").saturating_sub(number("RssFile:")) * 1024
}

/// The most memory that `command` has while it runs, in bytes; it must end well. It is asked at its last call: what the kernel says
/// afterwards counts the program that started it, too.
pub(crate) fn peak(command: &mut Command) -> u64 {
    let mut most = 0;
    let output = traced(command, &["exit_group"], &[], false, |moment| most = most.max(most_of(moment.program())));
    let output = output.unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(most > 0, "{command:?}");
    most
}
