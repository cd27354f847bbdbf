//! A run that is killed at every point between two system calls that change something, and stopped politely.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;

use crate::desk::{GO, ORG, blob, contents, local, shape, weights};
use crate::project::{PROGRAM, Ran, Room};

const CALLS: [&str; 7] = [
    "?rename,?renameat,?renameat2",
    "?unlink,?unlinkat",
    "?link,?linkat",
    "?symlink,?symlinkat",
    "?fchmod",
    "?mkdir,?mkdirat",
    "write",
];

fn strace_is_missing() -> bool {
    let probe = Command::new("strace").args(["-f", "-e", "trace=none", "true"]).output();
    let missing = !probe.is_ok_and(|output| output.status.success());
    if missing {
        eprintln!("skipped: strace is not installed, or may not trace");
    }
    missing
}

fn struck(room: &Room, signal: &str, calls: &str, nth: usize, flags: &[&str]) -> Ran {
    let mut command = room.program("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e"]).arg(format!("trace={calls}"));
    command.arg("-e").arg(format!("inject={calls}:signal={signal}:when={nth}")).arg(PROGRAM).args(GO).args(flags);
    room.ran(&mut command)
}

fn prepare() -> Room {
    let room = Room::bare();
    blob(&room, ORG, "a.safetensors", &weights(1));
    blob(&room, "~/.cache/huggingface/hub/models--org--name", "a.safetensors", &weights(1));
    local(&room, "models/name", "a.safetensors", &weights(1));
    fs::hard_link(room.place("models/name/a.safetensors"), room.place("models/name/b.safetensors")).unwrap();
    room.write(".cache/torch/c.pt", weights(2));
    room.write("~/.cache/whisper/c.pt", weights(2));
    room
}

/// Strikes at every call of every kind, and calls `check` after each.
fn walk(flags: &[&str], make: impl Fn() -> Room) -> usize {
    let calm = make();
    calm.run(&[&GO[..], flags].concat()).expect(0);
    let expected = shape(calm.path());
    let mut points = 0;
    for calls in CALLS {
        for nth in 1.. {
            let room = make();
            let before = contents(room.path());
            let ran = struck(&room, "KILL", calls, nth, flags);
            assert!([0, 137].contains(&ran.code), "neither killed nor done: {ran:?}");
            let when = format!("killed at {calls} {nth}");
            let mut now = contents(room.path());
            now.retain(|name, _| !name.to_string_lossy().contains(".modelstrap-"));
            assert_eq!(now, before, "{when}: every name has its bytes at every moment");
            let again = room.run(&[&GO[..], flags].concat()).expect(0);
            assert_eq!(contents(room.path()), before, "{when}, and run again: {}", again.err);
            assert_eq!(shape(room.path()), expected, "{when}, and run again: {}", again.err);
            if ran.code == 0 {
                break;
            }
            points += 1;
        }
    }
    points
}

#[test]
fn a_run_killed_at_any_point_loses_nothing_and_the_next_one_ends_it() {
    if strace_is_missing() {
        return;
    }
    let points = walk(&[], prepare);
    assert!(points > 20, "only {points} points were struck");
}

#[test]
fn ctrl_c_stops_between_two_files_with_130_and_the_next_run_goes_on() {
    if strace_is_missing() {
        return;
    }
    let mut stopped = 0;
    for nth in 1..=4 {
        let room = prepare();
        let before = contents(room.path());
        let ran = struck(&room, "INT", "?link,?linkat", nth, &[]);
        assert!([0, 130].contains(&ran.code), "{ran:?}");
        if ran.code == 130 {
            stopped += 1;
            assert!(
                ran.err.contains("stopped after ") && ran.err.contains("run `modelstrap dedupe` again to go on"),
                "{}",
                ran.err
            );
        }
        assert_eq!(contents(room.path()), before);
        room.run(&GO).expect(0);
        assert_eq!(contents(room.path()), before);
    }
    assert!(stopped > 0, "the signal was never in time");
}
