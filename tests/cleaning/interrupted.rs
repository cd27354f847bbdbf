//! `clear` and `prune` killed at every point between two system calls that change something: nothing is lost that was not named, nothing is
//! half, and the next run ends as if nothing had happened.
#![cfg(target_os = "linux")]

use std::fs;

use crate::support::lived::{HUB, MAIN, PINNED, cached, outside, repository};
use crate::support::project::{Ran, Room, Tree};
use crate::support::strike::{RENAME, aim, everywhere, nothing_can_be_struck};
use crate::support::terminal::{Terminal, keys};

/// The calls that change what others see of a disk.
const CALLS: [&str; 4] = [RENAME, "mkdir,mkdirat", "unlink,unlinkat", "rmdir"];

/// Runs the program with SIGKILL at its `nth` call of `calls`.
fn struck(room: &Room, calls: &str, nth: usize, arguments: &[&str]) -> Ran {
    let ran = room.struck(&aim("KILL", calls, nth), arguments);
    assert!([0, 137].contains(&ran.code), "neither killed nor done: {ran:?}");
    ran
}

/// A small cache with one of each: a repository that goes whole, a revision of one that stays, a file, a folder, a login.
fn room() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "[application_caches]\napp = \"out\"\n");
    repository(&room, "org/whole", &[(MAIN, &[("a", 5), ("b", 5)])]);
    room.write(&format!("{HUB}/models--org--whole/refs/main"), MAIN);
    repository(&room, "org/part", &[(PINNED, &[("both", 5), ("old", 5)]), (MAIN, &[("both", 5), ("new", 5)])]);
    room.write(&format!("{HUB}/models--org--part/refs/main"), MAIN);
    room.write(&format!("{HUB}/models--org--part/refs/v1"), PINNED);
    room.write(".cache/whisper/tiny.pt", vec![1; 5000]);
    room.write(".cache/whisper/base.pt", vec![1; 5000]);
    room.write(".cache/huggingface/token", "secret");
    room.write("out/a/b.json", "{}");
    room.write("~/thesis.tex", "years of work");
    room
}

const CLEAR: [&str; 8] = ["clear", "org/whole", "org/part@v1", "tiny.pt", "app", "--yes", "--grace", "0"];

/// Without this tool's own notes.
fn seen(room: &Room) -> Tree {
    room.tree().without(|name| name.contains("/.modelstrap/") || name.ends_with("/.modelstrap"))
}

/// Every revision that is there has all its files, every reference its commit: what a killed run leaves is what it began with or
/// what it was to come to, for each thing that was named.
fn assert_whole(room: &Room, when: &str) {
    for name in ["whole", "part"] {
        let folder = room.place(&format!("{HUB}/models--org--{name}"));
        for snapshot in fs::read_dir(folder.join("snapshots")).into_iter().flatten().map(Result::unwrap) {
            for link in fs::read_dir(snapshot.path()).unwrap().map(Result::unwrap) {
                assert!(link.path().exists(), "{when}: {} leads nowhere", link.path().display());
            }
        }
        for reference in fs::read_dir(folder.join("refs")).into_iter().flatten().map(Result::unwrap) {
            if reference.file_name() == "broken" {
                continue;
            }
            let commit = fs::read_to_string(reference.path()).unwrap();
            assert!(folder.join("snapshots").join(commit).exists(), "{when}: {}", reference.path().display());
        }
    }
    let stays = [
        ".cache/whisper/base.pt",
        ".cache/huggingface/token",
        &format!("{HUB}/models--org--part/blobs/both"),
        &format!("{HUB}/models--org--part/blobs/new"),
        &format!("{HUB}/models--org--part/snapshots/{MAIN}/new.bin"),
    ];
    for path in stays {
        assert!(room.exists(path), "{when}: {path} is gone");
    }
}

fn walk(make: impl Fn() -> Room + Sync, arguments: &[&str], after: impl Fn(&Room, &Tree, &str) + Sync) -> usize {
    everywhere(
        &CALLS,
        || (),
        |(): &(), calls, nth| {
            let room = make();
            let before = seen(&room);
            let kept = outside(&room);
            let killed = struck(&room, calls, nth, arguments).code != 0;
            let when = format!("{calls} {nth}");
            assert_whole(&room, &when);
            after(&room, &before, &when);
            outside(&room)
                .without(|name| name.starts_with("p/out"))
                .assert_eq(&kept.without(|name| name.starts_with("p/out")), &when);
            !killed
        },
    )
}

#[test]
fn a_clear_that_is_killed_anywhere_is_finished_by_the_next() {
    if nothing_can_be_struck() {
        return;
    }
    let calm = room();
    calm.run(&[&CLEAR[..], &["--now"]].concat()).expect(0);
    let calm = seen(&calm);
    let points = walk(room, &[&CLEAR[..], &["--now"]].concat(), |room, _, when| {
        // What is gone already is known by no name any more.
        for word in ["org/whole", "org/part@1111", "tiny.pt", "app"] {
            let ran = room.run(&["clear", word, "--yes", "--now", "--grace", "0"]);
            assert!([0, 2].contains(&ran.code), "{when}: {ran:?}");
        }
        seen(room).assert_eq(&calm, when);
        let trash: Vec<String> =
            room.tree().names().into_iter().filter(|name| name.contains("/trash/")).map(str::to_owned).collect();
        assert_eq!(trash, Vec::<String>::new(), "{when}");
    });
    assert!(points > 15, "only {points} points were struck");
}

#[test]
fn a_clear_that_is_killed_anywhere_can_be_taken_back() {
    if nothing_can_be_struck() {
        return;
    }
    let points = walk(room, &[&CLEAR[..], &["--undo-for", "1h"]].concat(), |room, before, when| {
        room.run(&["clear", "--undo"]).expect(0);
        seen(room).assert_eq(before, when);
    });
    assert!(points > 10, "only {points} points were struck");
}

/// The same with what a prune takes: leavings of downloads, a blob and a revision that nobody names, an old file.
fn prunable() -> Room {
    let room = room();
    let folder = format!("{HUB}/models--org--part");
    room.write(&format!("{folder}/blobs/orphan"), vec![1; 5000]);
    room.write(&format!("{folder}/blobs/new.1a2b3c4d.incomplete"), vec![1; 5000]);
    room.write(&format!("{folder}/refs/broken"), "3333333333333333333333333333333333333333");
    fs::remove_file(room.place(&format!("{folder}/refs/v1"))).unwrap();
    room.write(".cache/whisper/.modelstrap/partials/x.part", vec![1; 5000]);
    room
}

const PRUNE: [&str; 5] = ["prune", "--yes", "--now", "--grace", "0"];

#[test]
fn a_prune_that_is_killed_anywhere_is_finished_by_the_next() {
    if nothing_can_be_struck() {
        return;
    }
    let calm = prunable();
    calm.run(&PRUNE).expect(0);
    let part = |path: &str| calm.exists(&format!("{HUB}/models--org--part/{path}"));
    assert!(!part("blobs/orphan") && !part("blobs/old") && !part("refs/broken") && part("refs/main"));
    let calm = seen(&calm);
    let points = walk(prunable, &PRUNE, |room, _, when| {
        room.run(&PRUNE).expect(0);
        seen(room).assert_eq(&calm, when);
        assert_whole(room, when);
    });
    assert!(points > 10, "only {points} points were struck");
}

/// The same after a `clear` whose trash waits.
fn with_trash() -> Room {
    let room = room();
    room.run(&[&CLEAR[..], &["--undo-for", "1h"]].concat()).expect(0);
    room
}

/// What is left of a trash, and of the journals that speak of it.
fn trash(room: &Room) -> Vec<String> {
    let is_left = |name: &&str| name.contains("/trash") || name.contains("/removals");
    room.tree().names().into_iter().filter(is_left).map(str::to_owned).collect()
}

const EMPTY: [&str; 3] = ["clear", "trash", "--yes"];

#[test]
fn a_trash_whose_emptying_is_killed_anywhere_is_emptied_by_the_next() {
    if nothing_can_be_struck() {
        return;
    }
    let points = walk(with_trash, &EMPTY, |room, before, when| {
        room.run(&EMPTY).expect(0);
        seen(room).assert_eq(before, when);
        assert_eq!(trash(room), Vec::<String>::new(), "{when}");
    });
    assert!(points > 15, "only {points} points were struck");
}

#[test]
fn nothing_half_comes_back_from_a_trash_whose_emptying_is_killed_anywhere() {
    if nothing_can_be_struck() {
        return;
    }
    let whole = seen(&room());
    let points = walk(with_trash, &EMPTY, |room, before, when| {
        room.run(&["clear", "--undo"]).expect(0);
        let now = seen(room);
        // All of it, where the first file of it was not gone yet.
        if now != *before {
            now.assert_eq(&whole, when);
        }
        assert_whole(room, when);
    });
    assert!(points > 15, "only {points} points were struck");
}

#[test]
fn a_person_who_leaves_the_question_has_lost_nothing() {
    for (key, code) in [(keys::CTRL_C, 130), (keys::ESCAPE, 130), ("n", 130), (keys::ENTER, 130)] {
        let room = room();
        let before = seen(&room);
        let mut terminal =
            Terminal::open(100, 30, &mut room.command(&["clear", "all", "--grace", "0", "--undo-for", "1h"]));
        terminal.wait_for("org/whole").wait_for("Total").wait_for("? Remove this?").press(key);
        let ended = terminal.end();
        assert_eq!(ended.status.code(), Some(code), "{key:?}\n{}", ended.raw);
        assert!(ended.restored && ended.raw.contains("left; nothing was changed"), "{key:?}\n{}", ended.raw);
        seen(&room).assert_eq(&before, key);
    }
}

#[test]
fn a_person_who_agrees_is_rid_of_it() {
    let room = room();
    let mut terminal = Terminal::open(80, 24, &mut room.command(&["clear", "all", "--now", "--grace", "0"]));
    terminal.wait_for("? Delete this for good?").press("y").wait_for("freed.");
    let ended = terminal.end();
    assert!(ended.status.success() && ended.restored, "{}", ended.raw);
    for line in console::strip_ansi_codes(&ended.raw).replace('\r', "\n").lines() {
        assert!(console::measure_text_width(line) <= 80, "{line}");
    }
    assert!(!cached(&room).iter().any(|name| name.ends_with(".pt") || name.contains("models--")));
}
