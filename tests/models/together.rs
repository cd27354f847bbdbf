//! Verbs of `models` at the same time: each changes what it has to change in `modelstrap.lock`, and nothing else.
#![cfg(unix)]

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::project::Room;
use crate::support::terminal::Terminal;
use crate::support::zoo::Zoo;

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

/// The project's lock, held as another process would hold it while it writes.
fn held(room: &Room) -> File {
    std::fs::create_dir_all(room.place(".modelstrap")).unwrap();
    let path = room.place(".modelstrap/lock");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(path).unwrap();
    lock.lock().unwrap();
    lock
}

/// Starts the verb, and lets the project go when it has come to the lock and `change` was made.
fn changed_before(room: &Room, arguments: &[&str], change: impl FnOnce()) -> String {
    let lock = held(room);
    let mut child = start(room, arguments);
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("waiting for it") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it did not wait");
    }
    change();
    drop(lock);
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
    rest
}

#[test]
fn a_removal_takes_out_its_own_words_of_what_others_have_written_meanwhile() {
    let zoo = Zoo::start();
    let room = zoo.project("a = \"hf:org/tiny\"\nc = \"hf:org/quants\"\n");
    room.run(&["models", "lock"]).expect(0);
    let [manifest, lock] = ["modelstrap.toml", "modelstrap.lock"].map(|name| room.text(name));
    room.run(&["models", "remove", "c"]).expect(0);
    changed_before(&room, &["models", "remove", "a"], || {
        room.write("modelstrap.toml", &manifest);
        room.write("modelstrap.lock", &lock);
    });
    assert_eq!(room.text("modelstrap.toml"), "[models]\nc = \"hf:org/quants\"\n");
    assert!(
        room.text("modelstrap.lock").contains("name = \"c\"") && !room.text("modelstrap.lock").contains("org/tiny")
    );
    room.run(&["models", "lock", "--check"]).expect(0);
}

#[test]
fn a_purge_leaves_the_files_that_another_model_began_to_need_meanwhile() {
    let zoo = Zoo::start();
    let room = zoo.project("a = \"hf:org/tiny\"\nc = \"hf:org/tiny\"\n");
    room.run(&["models", "download"]).expect(0);
    let [manifest, lock] = ["modelstrap.toml", "modelstrap.lock"].map(|name| room.text(name));
    room.run(&["models", "remove", "c"]).expect(0);
    let said = changed_before(&room, &["models", "remove", "a", "--purge", "--yes"], || {
        room.write("modelstrap.toml", &manifest);
        room.write("modelstrap.lock", &lock);
    });
    assert!(said.contains("a: another model of the project needs its files; they stay"), "{said}");
    room.run(&["models", "download", "--locked"]).expect(0).says(&["Nothing to fetch"]);
}

#[test]
fn a_model_that_is_added_while_a_person_is_asked_keeps_its_files() {
    let zoo = Zoo::start();
    let room = zoo.project("a = \"hf:org/tiny\"\n");
    room.run(&["models", "download"]).expect(0);
    let mut terminal = Terminal::open(120, 40, &mut room.command(&["models", "remove", "a", "--purge"]));
    terminal.wait_for("Delete the files of a?");
    room.run(&["models", "add", "hf:org/tiny", "--key", "c", "--no-download"]).expect(0);
    terminal.press("y").wait_for("a: another model of the project needs its files; they stay");
    assert!(terminal.end().status.success());
    assert_eq!(room.text("modelstrap.toml"), "[models]\nc = \"hf:org/tiny\"\n");
    room.run(&["models", "download", "--locked"]).expect(0).says(&["Nothing to fetch"]);
}
