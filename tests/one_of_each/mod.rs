//! The caches that real clients leave in a project within a few months, and how five commands bring them to one copy of each content:
//! `status`, `migrate`, `dedupe`, `prune`, `verify`. After that every library finds its model offline, and the official tool agrees.
//!
//! `MODELSTRAP_TEST_PYTHON` and `MODELSTRAP_TEST_PYTHON_OLD` name interpreters with huggingface_hub 2 and 0.36; without them nothing
//! can be filled as they fill it, and the test is skipped, aloud. openai-whisper, faster-whisper and torch load what is there where
//! they are installed.
#![cfg(unix)]

mod filling;
mod libraries;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;

use crate::support::project::Room;
use filling::Filled;
use modelstrap::support::digest;

/// Smaller contents are not what a disk fills up with; `dedupe` leaves them alone as well.
const LARGE: u64 = 1 << 20;

/// How often each large content lies on the disk: its digest, and the inodes that hold it.
fn copies(room: &Room) -> BTreeMap<String, BTreeSet<u64>> {
    let mut found: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    let mut folders = vec![room.root().to_path_buf(), room.home()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && entry.metadata().unwrap().len() >= LARGE {
                let digest = digest::sha256(&fs::read(entry.path()).unwrap());
                found.entry(digest).or_default().insert(entry.metadata().unwrap().ino());
            }
        }
    }
    found
}

/// Bytes on the disk, hard links once.
fn taken(room: &Room) -> u64 {
    let mut seen = BTreeSet::new();
    let mut folders = vec![room.root().to_path_buf(), room.home()];
    let mut bytes = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let found = fs::symlink_metadata(entry.path()).unwrap();
            if found.is_dir() {
                folders.push(entry.path());
            } else if seen.insert(found.ino()) {
                bytes += found.blocks() * 512;
            }
        }
    }
    bytes
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[test]
fn five_commands_bring_months_of_downloads_to_one_copy_of_each() {
    let Some(filled) = Filled::by_real_clients() else { return };
    let room = &filled.room;
    let before = taken(room);
    let doubled = copies(room).values().filter(|inodes| inodes.len() > 1).count();
    assert!(doubled >= 2, "the room is as untidy as it should be: {:#?}", copies(room));

    let status = room.run(&["status", "--models", "--json"]).expect(0).json();
    let places: Vec<_> = status["places"].as_array().unwrap().iter().filter(|place| place["exists"] == true).collect();
    let shown = |name: &str, kind: &str| places.iter().any(|place| place["name"] == name && place["kind"] == kind);
    for (name, kind) in [
        ("huggingface", "home"),
        ("asr", "stray"),
        ("model-cache", "legacy"),
        ("whisper", "stray"),
        ("huggingface", "stray"),
    ] {
        assert!(shown(name, kind), "{kind} {name} is seen: {places:#?}");
    }

    let steps: [&[&str]; 3] =
        [&["migrate", "--yes"], &["dedupe", "--yes", "--grace", "0"], &["prune", "--yes", "--grace", "0", "--now"]];
    for step in steps {
        let ran = room.run(step).expect(0);
        say(&format!("$ modelstrap {}\n{}{}", step.join(" "), ran.out, ran.err));
    }
    filled.all_but_the_stand_ins_is_whole();
    let after = taken(room);
    say(&format!("before {before} bytes, after {after}"));
    for (digest, inodes) in copies(room) {
        assert_eq!(inodes.len(), 1, "{digest} lies on the disk once");
    }
    // A second round finds nothing to do.
    let tree = room.tree();
    for step in [["migrate", "--yes"], ["dedupe", "--yes"], ["prune", "--yes"]] {
        room.run(&step).expect(0);
    }
    let bookkeeping = |path: &str| path.contains("/.modelstrap");
    room.tree().without(bookkeeping).assert_eq(&tree.without(bookkeeping), "a second round changes nothing");

    filled.everything_loads_offline();
    filled.the_official_tool_agrees();
}
