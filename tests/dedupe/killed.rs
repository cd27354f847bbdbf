//! A run that is killed at every point between two system calls that change something, and stopped politely.
#![cfg(target_os = "linux")]

use std::fs;

use super::desk::{GO, ORG, blob, contents, local, shape, weights};
use crate::support::project::{Ran, Room};
use crate::support::strike::{RENAME, aim, everywhere, nothing_can_be_struck};

const CALLS: [&str; 7] =
    [RENAME, "unlink,unlinkat", "link,linkat", "symlink,symlinkat", "fchmod", "mkdir,mkdirat", "write"];

fn struck(room: &Room, signal: &str, calls: &str, nth: usize, flags: &[&str]) -> Ran {
    room.struck(&aim(signal, calls, nth), &[&GO[..], flags].concat())
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
fn walk(flags: &[&str], make: impl Fn() -> Room + Sync) -> usize {
    let calm = make();
    calm.run(&[&GO[..], flags].concat()).expect(0);
    let expected = shape(calm.path());
    everywhere(
        &CALLS,
        || (),
        |(): &(), calls, nth| {
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
            ran.code == 0
        },
    )
}

#[test]
fn a_run_killed_at_any_point_loses_nothing_and_the_next_one_ends_it() {
    if nothing_can_be_struck() {
        return;
    }
    let points = walk(&[], prepare);
    assert!(points > 20, "only {points} points were struck");
}

#[test]
fn ctrl_c_stops_between_two_files_with_130_and_the_next_run_goes_on() {
    if nothing_can_be_struck() {
        return;
    }
    for nth in 1..=4 {
        let room = prepare();
        // So many that the signal, which another thread notes, is in time wherever it comes.
        for seed in 0..40 {
            let bytes = &weights(seed)[..5_000];
            room.write(&format!(".cache/torch/{seed}.pt"), bytes);
            room.write(&format!("~/.cache/whisper/{seed}.pt"), bytes);
        }
        let before = contents(room.path());
        let ran = room.struck(&aim("INT", "link,linkat", nth).slowing(RENAME), &GO);
        let ran = ran.expect(130);
        let words = ["stopped after ", "run `modelstrap dedupe` again to go on"];
        assert!(words.iter().all(|words| ran.err.contains(words)), "{}", ran.err);
        assert_eq!(contents(room.path()), before);
        room.run(&GO).expect(0);
        assert_eq!(contents(room.path()), before);
    }
}
