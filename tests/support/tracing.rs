//! That the tracer does what the tests of kills believe of it: were it blind, they would all pass.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use super::strike::{RENAME, aim, interrupted, nothing_can_be_struck, steps};

/// A shell in `room` that does this.
fn shell(room: &tempfile::TempDir, script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).current_dir(room.path()).env("LC_ALL", "C");
    command
}

fn names(room: &tempfile::TempDir) -> Vec<String> {
    let all = fs::read_dir(room.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut all: Vec<String> = all.collect();
    all.sort_unstable();
    all
}

#[test]
fn a_program_is_killed_before_its_call_and_what_it_had_started_is_let_alone() {
    if nothing_can_be_struck() {
        return;
    }
    let room = tempfile::tempdir().unwrap();
    fs::write(room.path().join("a"), "").unwrap();
    // Each `mv` and `mkdir` is a process of its own, and what is sent goes to the shell.
    let output = aim("KILL", RENAME, 2).output(&mut shell(&room, "mv a b; mkdir c; mv b d; mkdir e"));
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(9), "{output:?}");
    assert_eq!(names(&room), ["c", "d"]);
    let output = aim("TERM", RENAME, 2).output(&mut shell(&room, "trap 'echo told' TERM; mv d b; mv b a; echo end"));
    assert_eq!(output.stdout, b"told\nend\n", "{output:?}");
    let output = aim("KILL", "write", 2).output(&mut shell(&room, "echo one; echo two"));
    assert_eq!((output.status.success(), output.stdout.as_slice()), (false, &b"one\n"[..]), "{output:?}");
}

#[test]
fn what_is_refused_fails_and_what_fails_is_no_step() {
    if nothing_can_be_struck() {
        return;
    }
    let room = tempfile::tempdir().unwrap();
    let output = aim("KILL", "fsync", 1).refusing("mkdir,mkdirat").output(&mut shell(&room, "mkdir a 2>&1"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success() && text.contains("Operation not permitted"), "{output:?}");
    assert_eq!(names(&room), [""; 0]);
    let made = steps(&mut shell(&room, "mkdir a; mkdir a; mkdir b; :"), &["mkdir,mkdirat", "unlink,unlinkat"]);
    assert_eq!(made.iter().map(|(_, nth)| *nth).collect::<Vec<_>>(), [1, 3], "{made:?}");
}

#[test]
fn what_is_done_meanwhile_comes_before_the_call_and_what_is_slow_takes_its_time() {
    if nothing_can_be_struck() {
        return;
    }
    let room = tempfile::tempdir().unwrap();
    let made = room.path().join("late");
    let output = interrupted(&mut shell(&room, "mkdir early; mkdir late"), "mkdir,mkdirat", 2, || {
        assert!(room.path().join("early").exists() && !made.exists());
        fs::write(&made, "").unwrap();
    });
    assert!(!output.status.success(), "there was one already: {output:?}");
    let begun = Instant::now();
    let output = aim("KILL", "fsync", 1).slowing("mkdir,mkdirat").output(&mut shell(&room, "mkdir 1 2 3 4 5 6 7 8"));
    assert!(output.status.success() && begun.elapsed() >= Duration::from_millis(40), "{output:?}");
    assert_eq!(names(&room).len(), 10);
}
