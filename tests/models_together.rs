//! Verbs of `models` at the same time: each changes what it has to change in `modelstrap.lock`, and nothing else.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

#[path = "support/hub/mod.rs"]
mod hub;
mod support;
#[path = "support/zoo.rs"]
mod zoo;

use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::project::Room;
use zoo::Zoo;

const URL: &str = "url = \"url:https://files.example.org/weights.bin\"\n";

fn start(room: &Room, arguments: &[&str]) -> Child {
    room.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ends_well(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

/// A download of the file whose size and digest nobody knows yet, held until others have done their work.
fn held_download(zoo: &Zoo, room: &Room) -> Child {
    zoo.files.on("*").once().waits(Duration::from_secs(3));
    let child = start(room, &["models", "download"]);
    let begun = Instant::now();
    while zoo.hub.requests_to("GET", "/weights.bin").is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20), "no download began");
        thread::sleep(Duration::from_millis(10));
    }
    child
}

#[test]
fn a_download_that_learns_something_keeps_what_others_have_locked_meanwhile() {
    let zoo = Zoo::start();
    let room = zoo.project(&format!("{URL}data = \"hf:datasets/org/speech\"\nquant = \"hf:org/quants\"\n"));
    room.run(&["models", "lock"]).expect(0);
    let download = held_download(&zoo, &room);
    let moved = zoo.hub.dataset("org/speech").file("new.txt", "new").commit();
    room.run(&["models", "add", "hf:org/tiny", "--no-download"]).expect(0);
    room.run(&["models", "update", "data"]).expect(0);
    room.run(&["models", "remove", "quant"]).expect(0);
    let said = ends_well(download);
    assert!(said.contains("Wrote modelstrap.lock. Commit it."), "{said}");
    let lock = room.text("modelstrap.lock");
    for there in ["name = \"tiny\"", "size = 5000", &format!("commit = \"{moved}\"")] {
        assert!(lock.contains(there), "no {there} in\n{lock}");
    }
    assert!(!lock.contains("name = \"quant\""), "{lock}");
    room.run(&["models", "lock", "--check"]).expect(0);
    room.run(&["models", "download", "--locked"]).expect(0);
}

#[test]
fn a_model_whose_patterns_change_while_it_comes_is_not_locked_as_it_was_wanted_before() {
    let zoo = Zoo::start();
    let room = zoo.project(&format!("{URL}tiny = \"hf:org/tiny\"\n"));
    let download = held_download(&zoo, &room);
    room.edit("modelstrap.toml", "tiny = \"hf:org/tiny\"", "tiny = { source = \"hf:org/tiny\", include = \"*.json\" }");
    ends_well(download);
    room.run(&["models", "lock", "--check"]).expect(3);
    room.run(&["models", "lock"]).expect(0).says(&["- README.md", "- model.safetensors"]);
    room.run(&["models", "lock", "--check"]).expect(0);
}

#[test]
fn models_that_are_added_at_the_same_time_are_all_in_the_manifest_and_in_the_lock() {
    let zoo = Zoo::start();
    let room = zoo.project("");
    let specs =
        ["hf:org/tiny", "hf:org/quants", "hf:datasets/org/speech", "hf:org/evil-twin", "torch-hub:owner/tiny-repo"];
    let all: Vec<Child> = specs.map(|spec| start(&room, &["models", "add", spec, "--no-download"])).into();
    all.into_iter().for_each(|one| drop(ends_well(one)));
    let (manifest, lock) = (room.text("modelstrap.toml"), room.text("modelstrap.lock"));
    for spec in specs {
        assert!(manifest.contains(spec) && lock.contains(spec), "{spec}\n{manifest}\n{lock}");
    }
    room.run(&["models", "lock", "--check"]).expect(0);
    room.undo(&["--all"]);
    assert!(!room.exists("modelstrap.lock") && room.text("modelstrap.toml") == "[models]\n");
}
