//! Setup and undo killed at every point between two system calls that change something: no file is ever half, and the
//! next run ends as if nothing had happened.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::project::{Node, Ran, Room, Tree, copy};
use crate::support::strike::{RENAME, aim, everywhere, nothing_can_be_struck};

/// The calls that change what others see of a disk.
const MAKING: &[&str] = &[RENAME, "mkdir,mkdirat", "symlink,symlinkat"];
/// Those of an undo.
const TAKING_BACK: &[&str] = &[RENAME, "rmdir", "unlink,unlinkat"];

/// Runs the program with `signal` at its `nth` call of `calls`.
fn struck(room: &Room, signal: &str, calls: &str, nth: usize, arguments: &[&str]) -> Ran {
    room.struck(&aim(signal, calls, nth), arguments)
}

/// The same with a signal that is only noted, in another thread: writes take longer, so that it is in time.
fn stopped_at(room: &Room, signal: &str, calls: &str, nth: usize, arguments: &[&str]) -> Ran {
    room.struck(&aim(signal, calls, nth).slowing("write"), arguments)
}

/// How a run that was struck ended: true when it was not struck at all.
fn finished(ran: &Ran) -> bool {
    assert!([0, 137].contains(&ran.code), "neither killed nor done: {ran:?}");
    ran.code == 0
}

/// What a run leaves for the next that is no part of what it was asked to do.
fn is_bookkeeping(name: &str) -> bool {
    name.contains("/.modelstrap/journal") || name.ends_with("/.modelstrap/lock")
}

/// Every file of `now` is one of `before` or one of `after`, whole; what is neither may only be an unfinished
/// temporary file or bookkeeping.
fn assert_whole(now: &Tree, before: &Tree, after: &Tree, when: &str) {
    for (name, node) in &now.0 {
        let known = before.0.get(name) == Some(node) || after.0.get(name) == Some(node);
        let ours = name.contains(".modelstrap-") || is_bookkeeping(name);
        assert!(known || ours, "{when}: {name} is {node:?}");
    }
    for (name, node) in &before.0 {
        let goes = after.0.get(name) != Some(node);
        assert!(goes || now.0.contains_key(name), "{when}: {name} is gone");
    }
}

fn assert_no_temporaries(tree: &Tree, when: &str) {
    let left: Vec<_> = tree.names().into_iter().filter(|name| name.contains(".modelstrap-")).collect();
    assert_eq!(left, Vec::<&str>::new(), "{when}: temporary files are left");
}

/// The project that is struck: the fixture, with rc files to write to.
fn prepare() -> Room {
    let room = Room::fixture().with("SHELL", "/bin/bash");
    room.write("~/.bashrc", "alias ll='ls -l'\n");
    fs::create_dir(room.place("~/dotfiles")).unwrap();
    room.write("~/dotfiles/zshenv", b"export LANG=de\r\nL\xe4nge=1");
    std::os::unix::fs::symlink("dotfiles/zshenv", room.place("~/.zshenv")).unwrap();
    fs::remove_dir(room.place(".git/hooks")).ok();
    room
}

const SETUP: &[&str] = &["setup", "--yes", "--quiet", "--profile", "auto", "--link-whisper"];
const UNDO: &[&str] = &["undo", "--all", "--yes", "--quiet"];

/// Calls `strike` (with a room, the tree of an uninterrupted run in it, the call) at each of `calls`; see [`everywhere`].
fn walk(
    calls: &[&str],
    strike: impl Fn(&Room, &Tree, &str, usize) -> bool + Sync,
    make: impl Fn() -> Room + Sync,
) -> usize {
    let prepare = || {
        let room = make();
        let original = room.tree();
        room.run(SETUP).expect(0);
        let calm = room.tree().without(is_bookkeeping);
        room.run(UNDO).expect(0);
        (room, original, calm)
    };
    everywhere(calls, prepare, |(room, original, calm), call, nth| {
        let done = strike(room, calm, call, nth);
        room.tree().assert_eq(original, &format!("{call} {nth}: the room is as it was for the next"));
        done
    })
}

#[test]
fn a_setup_killed_between_any_two_changes_is_finished_by_the_next_and_undone_byte_for_byte() {
    if nothing_can_be_struck() {
        return;
    }
    let strike = |room: &Room, calm: &Tree, call: &str, nth: usize| {
        let before = room.tree();
        let ran = struck(room, "KILL", call, nth, SETUP);
        let done = finished(&ran);
        let killed = room.tree();
        room.run(SETUP).expect(0);
        let after = room.tree();
        let when = format!("setup killed at {call} {nth}");
        assert_whole(&killed, &before, &after, &when);
        assert_no_temporaries(&after, &when);
        room.run(&["setup", "--check", "--quiet"]).expect(0);
        let journals = after.names().iter().filter(|name| name.ends_with(".jsonl")).count();
        assert_eq!(journals, 1, "{when}: one run, not two");
        // The finished tree is the one of a run that nobody killed.
        after.without(is_bookkeeping).assert_eq(calm, &format!("{when}, finished"));
        room.run(UNDO).expect(0);
        room.tree().assert_eq(&before, &format!("{when}, finished, undone"));
        done
    };
    let points = walk(MAKING, strike, prepare);
    assert!(points > 40, "only {points} points were struck");
}

#[test]
fn a_setup_killed_between_any_two_changes_can_be_taken_back_at_once() {
    if nothing_can_be_struck() {
        return;
    }
    let strike = |room: &Room, _: &Tree, call: &str, nth: usize| {
        let before = room.tree();
        let done = finished(&struck(room, "KILL", call, nth, SETUP));
        room.run(UNDO).expect(0);
        room.tree().assert_eq(&before, &format!("setup killed at {call} {nth}, taken back"));
        done
    };
    assert!(walk(MAKING, strike, prepare) > 40);
}

#[test]
fn an_undo_killed_between_any_two_changes_is_finished_by_the_next() {
    if nothing_can_be_struck() {
        return;
    }
    let strike = |room: &Room, _: &Tree, call: &str, nth: usize| {
        let before = room.tree();
        room.run(SETUP).expect(0);
        room.edit("modelstrap.toml", "glossary    = ", "glossaries  = ");
        room.run(&["setup", "--yes", "--quiet", "--profile", "none"]).expect(0);
        let done = finished(&struck(room, "KILL", call, nth, UNDO));
        room.edit("modelstrap.toml", "glossaries  = ", "glossary    = ");
        room.run(UNDO).expect(0);
        room.tree().assert_eq(&before, &format!("undo killed at {call} {nth}, finished"));
        done
    };
    assert!(walk(TAKING_BACK, strike, prepare) > 40);
}

#[test]
fn an_undo_killed_between_any_two_changes_can_be_followed_by_a_setup() {
    if nothing_can_be_struck() {
        return;
    }
    let strike = |room: &Room, calm: &Tree, call: &str, nth: usize| {
        let before = room.tree();
        room.run(SETUP).expect(0);
        let done = finished(&struck(room, "KILL", call, nth, UNDO));
        room.run(SETUP).expect(0);
        let again = room.tree();
        let when = format!("undo killed at {call} {nth}, set up again");
        assert_no_temporaries(&again, &when);
        again.without(is_bookkeeping).assert_eq(calm, &when);
        room.run(UNDO).expect(0);
        room.tree().assert_eq(&before, &format!("{when}, undone"));
        done
    };
    assert!(walk(TAKING_BACK, strike, prepare) > 40);
}

#[test]
fn a_second_setup_that_is_killed_is_finished_and_undone_by_itself() {
    const OTHER: &[&str] = &["setup", "--yes", "--quiet", "--profile", "zsh", "--cache-dir", "models here"];
    if nothing_can_be_struck() {
        return;
    }
    let strike = |room: &Room, calm: &Tree, call: &str, nth: usize| {
        room.run(SETUP).expect(0);
        let done = finished(&struck(room, "KILL", call, nth, OTHER));
        room.run(OTHER).expect(0);
        let when = format!("the second setup killed at {call} {nth}");
        assert_no_temporaries(&room.tree(), &when);
        room.run(&["setup", "--check", "--quiet"]).expect(0);
        room.run(&["undo", "--yes", "--quiet"]).expect(0);
        room.tree().without(is_bookkeeping).assert_eq(calm, &format!("{when}, undone"));
        room.run(&["undo", "--yes", "--quiet"]).expect(0);
        done
    };
    assert!(walk(&[RENAME], strike, prepare) > 15);
}

#[test]
fn a_journal_that_is_cut_anywhere_between_its_writes_is_understood() {
    if nothing_can_be_struck() {
        return;
    }
    let strike = |room: &Room, _: &Tree, call: &str, nth: usize| {
        let before = room.tree();
        let done = finished(&struck(room, "KILL", call, nth, SETUP));
        if nth.is_multiple_of(2) {
            room.run(SETUP).expect(0);
            assert_no_temporaries(&room.tree(), &format!("killed at write {nth}"));
        }
        room.run(UNDO).expect(0);
        room.tree().assert_eq(&before, &format!("killed at write {nth}, undone"));
        done
    };
    assert!(walk(&["write"], strike, prepare) > 30);
}

/// A polite signal: the run stops between two changes, says how to go on, and ends with 130.
fn polite(signal: &str) {
    const LOUD: [&str; 5] = ["setup", "--yes", "--profile", "auto", "--link-whisper"];
    if nothing_can_be_struck() {
        return;
    }
    let stopped = AtomicUsize::new(0);
    let strike = |room: &Room, _: &Tree, call: &str, nth: usize| {
        let before = room.tree();
        // The first calls come before the handler is there: then the signal itself ends the run, before any change.
        let ran = stopped_at(room, signal, call, nth, &LOUD);
        let when = format!("{signal} at rename {nth}");
        match ran.code {
            0 => {}
            130 => {
                stopped.fetch_add(1, Ordering::SeqCst);
                let ways = "run `modelstrap setup` again to finish, or `modelstrap undo` to take back what was done";
                assert!(ran.err.contains("stopped after ") && ran.err.contains(ways), "{when}: {}", ran.err);
            }
            code => panic!("{when}: exit code {code}\n{}", ran.err),
        }
        assert_no_temporaries(&room.tree(), &when);
        if nth.is_multiple_of(2) {
            room.run(SETUP).expect(0);
        }
        room.run(UNDO).expect(0);
        room.tree().assert_eq(&before, &format!("{when}, taken back"));
        nth >= 24
    };
    walk(&[RENAME], strike, prepare);
    assert!(stopped.into_inner() >= 5, "{signal} was hardly ever in time");
}

#[test]
fn sigint_stops_setup_between_two_changes_with_130_and_says_how_to_go_on() {
    polite("INT");
}

#[test]
fn sigterm_stops_setup_between_two_changes_with_130_and_says_how_to_go_on() {
    polite("TERM");
}

#[test]
fn sigint_stops_undo_between_two_changes_with_130_and_says_how_to_go_on() {
    if nothing_can_be_struck() {
        return;
    }
    let stopped = AtomicUsize::new(0);
    let strike = |room: &Room, _: &Tree, call: &str, nth: usize| {
        let before = room.tree();
        room.run(SETUP).expect(0);
        let ran = stopped_at(room, "INT", call, nth, &["undo", "--all", "--yes"]);
        assert!([0, 130].contains(&ran.code), "INT at {call} {nth}: {ran:?}");
        if ran.code == 130 {
            stopped.fetch_add(1, Ordering::SeqCst);
            let words = "stopped before everything was taken back\n  run `modelstrap undo` again to go on\n";
            assert!(ran.err.ends_with(words), "{}", ran.err);
        }
        room.run(UNDO).expect(0);
        room.tree().assert_eq(&before, &format!("undo stopped at {call} {nth}, finished"));
        nth >= 8
    };
    walk(&["rmdir"], strike, prepare);
    assert!(stopped.into_inner() >= 1, "the signal was never in time");
}

#[test]
fn a_person_may_edit_between_a_killed_setup_and_the_next_and_undo_still_takes_out_our_part() {
    if nothing_can_be_struck() {
        return;
    }
    let room = prepare();
    let mut nth = 1;
    // Until the block is in .gitignore.
    loop {
        finished(&struck(&room, "KILL", RENAME, nth, SETUP));
        if room.text(".gitignore").contains(">>> modelstrap >>>") {
            break;
        }
        room.run(UNDO).expect(0);
        nth += 1;
    }
    room.append(".gitignore", "mine/\n");
    room.run(SETUP).expect(0);
    room.run(UNDO).expect(0);
    let text = room.text(".gitignore");
    assert!(!text.contains("modelstrap"), "{text}");
    assert!(text.ends_with("*.bak\n\nmine/\n") || text.ends_with("*.bak\nmine/\n"), "{text}");
}

#[test]
fn copying_a_room_keeps_its_tree() {
    // The walk above trusts its own tools.
    let room = prepare();
    let other = Room::bare();
    copy(room.path(), &other.path().join("copy"));
    Tree::of(&other.path().join("copy")).assert_eq(&room.tree(), "a copy");
    assert!(
        matches!(room.tree().0.get("h/.zshenv"), Some(Node::Link(target)) if target == Path::new("dotfiles/zshenv"))
    );
}
