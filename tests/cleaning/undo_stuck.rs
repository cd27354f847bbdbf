//! An undo that is stuck: it names the run, what is in the way and what ends it, and stands in no other undo's way, nor in its exit
//! code's.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "what a test made it may remove")]

use std::fs;

use crate::support::project::Room;

/// Three files of which `c` was removed last, and stands there again.
fn stuck() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    for name in ["a", "b", "c"] {
        room.write(&format!(".cache/whisper/{name}.pt"), vec![7; 20_000]);
        room.run(&["clear", &format!("{name}.pt"), "--yes", "--undo-for", "1h"]).expect(0);
    }
    room.write(".cache/whisper/c.pt", "again");
    room
}

#[test]
fn the_one_that_is_stuck_fails_and_the_others_do_not() {
    let room = stuck();
    let before = room.tree();
    let ran = room.run(&["clear", "--undo", "--dry-run"]).expect(0);
    let why = "may not be brought back: something stands there again, or what it belongs to is gone";
    assert!(ran.out.is_empty() && ran.err.contains(&format!(".cache/whisper/c.pt {why}")), "{ran:?}");
    room.tree().assert_eq(&before, "a dry run");
    let ran = room.run(&["clear", "--undo"]).expect(1);
    let says = [
        "warning: .cache/whisper/c.pt could not be brought back: something stands there again; it waits in @/p/.cache/whisper/.modelstrap/trash/",
        ", where `clear` put it at 20",
        "Z: when the way is free, `modelstrap clear --undo` tries again; `modelstrap clear trash` frees it\n",
    ];
    let ran = ran.says(&says);
    assert!(
        ran.err.ends_with("1 thing could not be brought back, as said above: the trash has what is left\n"),
        "{ran:?}"
    );
    // Further ones succeed, and say what is stuck.
    for name in ["b", "a"] {
        let ran = room.run(&["clear", "--undo"]).expect(0).says(&says);
        assert!(ran.out.starts_with(&format!("{name}.pt is back (")), "{ran:?}");
        assert!(room.exists(&format!(".cache/whisper/{name}.pt")));
    }
    // Only what is stuck is left.
    room.run(&["prune", "--undo"]).expect(1).says(&says);
    let json = room.run(&["clear", "--undo", "--json"]).expect(1).json();
    assert_eq!((json["restored"].as_array().unwrap().len(), json["stayed"].as_array().unwrap().len()), (0, 1));
}

#[test]
fn it_ends_when_the_way_is_free_or_when_it_is_taken_from_the_trash() {
    let room = stuck();
    room.run(&["clear", "--undo"]).expect(1);
    fs::remove_file(room.place(".cache/whisper/c.pt")).unwrap();
    room.run(&["clear", "--undo"]).expect(0);
    assert_eq!(room.read(".cache/whisper/c.pt").len(), 20_000);

    let room = stuck();
    let ran = room.run(&["clear", "--undo"]).expect(1);
    let at = ran.err.split("it waits in @").nth(1).unwrap().split(", where").next().unwrap().to_owned();
    fs::remove_file(format!("{}{at}", room.path().display())).unwrap();
    for _ in ["b", "a"] {
        let ran = room.run(&["clear", "--undo"]).expect(0);
        assert_eq!(ran.err, "", "it is done with");
    }
    room.run(&["clear", "--undo"]).expect(0);
    assert!(!room.exists(".cache/whisper/.modelstrap") && room.text(".cache/whisper/c.pt") == "again");
}

#[test]
fn what_is_stuck_is_trash_like_any_other_and_what_came_back_by_itself_is_back() {
    let room = stuck();
    let undone = room.run(&["clear", "--undo"]).expect(1);
    assert!(undone.out.is_empty(), "{undone:?}");
    // Runs that look, and those that delete, say nothing of it.
    for verb in [&["status"][..], &["prune", "--yes"]] {
        let ran = room.run(verb).expect(0);
        assert!(!ran.err.contains("c.pt"), "{ran:?}");
    }
    // What is removed since is what comes back.
    room.run(&["clear", "c.pt", "--yes"]).expect(0);
    let undone = room.run(&["clear", "--undo"]).expect(0);
    assert_eq!(
        (undone.out.split(" (").next(), room.text(".cache/whisper/c.pt").as_str()),
        (Some("c.pt is back"), "again")
    );
    room.run(&["clear", "trash", "--yes"]).expect(0);
    assert!(!room.exists(".cache/whisper/.modelstrap"));
    room.run(&["status"]).expect(0);
    assert_eq!(room.text(".cache/whisper/c.pt"), "again");

    let room = stuck();
    room.write(".cache/whisper/c.pt", vec![7; 20_000]);
    let undone = room.run(&["clear", "--undo"]).expect(0);
    assert_eq!((undone.out.split(" (").next(), undone.err.as_str()), (Some("c.pt is back"), ""));
    room.run(&["clear", "c.pt", "--yes", "--now"]).expect(0);
    room.run(&["status", "--quiet"]).expect(0);
    assert!(!room.exists(".cache/whisper/c.pt"));
}

#[test]
fn what_lies_in_the_trash_of_a_copied_project_comes_back_there_or_is_freed_there() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    room.write(".cache/whisper/a.pt", vec![7; 20_000]);
    room.run(&["clear", "a.pt", "--yes"]).expect(0);
    let before = room.tree();
    for (copy, lost) in [("one", false), ("two", false), ("three", true)] {
        let at = room.path().join(copy);
        let copied = std::process::Command::new("cp").arg("-a").args([room.root(), at.as_path()]).status().unwrap();
        assert!(copied.success());
        let there = |arguments: &[&str]| room.ran(room.command(arguments).current_dir(&at));
        if lost {
            fs::remove_dir_all(at.join(".cache/.modelstrap")).unwrap();
        }
        if copy == "one" {
            assert!(there(&["clear", "--undo"]).expect(0).out.starts_with("a.pt is back ("));
            assert_eq!(fs::read(at.join(".cache/whisper/a.pt")).unwrap().len(), 20_000);
        } else {
            assert_eq!(there(&["clear", "trash", "--yes"]).expect(0).out, "20.5 kB freed.\n");
            assert_eq!(there(&["status"]).expect(0).out.matches("Trash").count(), 0);
        }
        assert!(!at.join(".cache/whisper/.modelstrap").exists());
        fs::remove_dir_all(&at).unwrap();
        room.tree().assert_eq(&before, copy);
    }
    room.run(&["clear", "--undo"]).expect(0);
}
