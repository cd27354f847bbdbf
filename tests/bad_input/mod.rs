//! Bad input, one test each: the exit code, what is said (what, where, why, what next), and an untouched disk.
#![cfg(unix)]

mod disks;
mod edited_files;
mod machine_config;
mod manifest;
mod places;
mod usage;

use crate::support::project::{PROGRAM, Ran, Room};

/// Runs setup, which must fail with exactly `error` and change nothing.
#[track_caller]
fn refused(room: &Room, flags: &[&str], error: &str) {
    let ran = refused_saying(room, flags, &[]);
    assert_eq!(ran.err, format!("error: {error}\n"));
}

/// Runs setup, which must fail, say `words` and change nothing.
#[track_caller]
fn refused_saying(room: &Room, flags: &[&str], words: &[&str]) -> Ran {
    let before = room.tree();
    let ran = room.run(&[&["setup", "--yes"], flags].concat()).expect(1).says(words);
    room.tree().assert_eq(&before, "the disk after a refusal");
    assert_eq!(ran.out, "", "stdout");
    ran
}

/// A shell in its own mount namespace, as root; `$1` is the program, `$2` the room.
fn mounted(room: &Room, script: &str) -> Ran {
    let mut command = room.program("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-eu", "-c", script, "sh", PROGRAM]).arg(room.path());
    room.ran(&mut command)
}

const NOTHING_CHANGED: &str = "nothing was changed";
