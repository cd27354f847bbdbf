//! `models remove --purge` killed at every point between two system calls that change something: the same command ends as if nothing
//! had happened, what it took can be brought back, and no model is half.
#![cfg(target_os = "linux")]

use crate::support::hub::Content;
use crate::support::project::{Ran, Room, Tree};
use crate::support::strike::{RENAME, aim, everywhere, nothing_can_be_struck};
use crate::support::zoo::Zoo;

/// The calls that change what others see of a disk, and what is written of it.
const CALLS: [&str; 5] = [RENAME, "mkdir,mkdirat", "unlink,unlinkat", "rmdir", "write,fsync"];

/// Two commits of one repository of which one goes, a repository that goes whole, one file, and what stays.
const MODELS: &str = "new = \"hf:org/small\"\nonly = \"hf:org/only\"\nw = \"url:https://files.example.org/weights.bin\"\nkept = \"hf:org/kept\"\n";
const WORDS: [&str; 7] = ["models", "remove", "new", "only", "w", "--purge", "--yes"];

struct Served {
    zoo: Zoo,
    first: String,
}

fn serve() -> Served {
    let zoo = Zoo::start();
    let small = |seed| Content::pattern(seed, 3000);
    let first = zoo.hub.model("org/small").file("config.json", "{}").lfs("model.safetensors", small(21)).commit();
    zoo.hub.model("org/small").file("config.json", "{}").lfs("model.safetensors", small(22)).commit();
    for (seed, name) in [(23, "org/only"), (24, "org/kept")] {
        zoo.hub.model(name).file("config.json", "{}").lfs("model.safetensors", small(seed)).commit();
    }
    Served { zoo, first }
}

fn room(served: &Served) -> Room {
    let room = served.zoo.project(&format!("{MODELS}old = \"hf:org/small@{}\"\n", served.first));
    room.run(&["models", "download"]).expect(0);
    room
}

/// The cache and what the project says of it, without notes.
fn seen(room: &Room) -> Tree {
    let notes = |name: &str| {
        name.starts_with("p/.modelstrap") || name.starts_with("p/.cache/.modelstrap") || name.ends_with("/.modelstrap")
    };
    room.tree().without(|name| notes(name) || name.ends_with("/.modelstrap/partials"))
}

fn cached(room: &Room) -> Tree {
    seen(room).without(|name| !name.starts_with("p/.cache/"))
}

fn struck(room: &Room, calls: &str, nth: usize, arguments: &[&str]) -> Ran {
    let ran = room.struck(&aim("KILL", calls, nth), arguments);
    assert!([0, 137].contains(&ran.code), "neither killed nor done: {ran:?}");
    ran
}

/// Strikes at each of the calls, runs the same again, and looks.
fn walk(arguments: &[&str], look: impl Fn(&Room, &Tree, &str) + Sync) -> usize {
    let served = serve();
    everywhere(
        &CALLS,
        || (),
        |(): &(), calls, nth| {
            let room = room(&served);
            let before = cached(&room);
            let killed = struck(&room, calls, nth, arguments).code != 0;
            let when = format!("{calls} {nth}");
            // What stays is whole in between, too.
            room.run(&["models", "path", "kept"]).expect(0);
            // Manifest and lock are written when all the files have gone: what is named no more is gone.
            let ran = room.run(arguments);
            assert!(
                ran.code == 0 || (ran.code == 2 && ran.err.contains("the manifest has no model new")),
                "{when}: {ran:?}"
            );
            look(&room, &before, &when);
            room.run(&["models", "verify"]).expect(0);
            !killed
        },
    )
}

/// What an undisturbed run leaves.
fn calm(arguments: &[&str]) -> (String, String) {
    let served = serve();
    let room = room(&served);
    room.run(arguments).expect(0);
    (room.text("modelstrap.toml"), names(&cached(&room)))
}

/// Paths, without what differs from project to project: each has marks of its own.
fn names(tree: &Tree) -> String {
    let names = tree.names().into_iter().filter(|name| !name.contains("/refs/refs/modelstrap/"));
    names.map(|name| format!("{name}\n")).collect()
}

#[test]
fn a_purge_that_is_killed_anywhere_is_finished_by_the_same_command() {
    if nothing_can_be_struck() {
        return;
    }
    let words = [&WORDS[..], &["--now"]].concat();
    let (manifest, files) = calm(&words);
    let points = walk(&words, |room, _, when| {
        assert_eq!(room.text("modelstrap.toml"), manifest, "{when}");
        room.run(&["models", "lock", "--check"]).expect(0);
        assert_eq!(names(&cached(room)), files, "{when}");
        assert!(!room.tree().names().iter().any(|name| name.contains("/trash")), "{when}");
    });
    assert!(points > 40, "only {points} points were struck");
}

#[test]
fn what_a_purge_took_that_was_killed_anywhere_can_be_brought_back() {
    if nothing_can_be_struck() {
        return;
    }
    let words = [&WORDS[..], &["--undo-for", "1h"]].concat();
    let points = walk(&words, |room, before, when| {
        room.run(&["clear", "--undo"]).expect(0);
        cached(room).assert_eq(before, when);
    });
    assert!(points > 40, "only {points} points were struck");
}
