//! `.gitignore`: Git sees no cache afterwards, and no line says what another one says already.

use std::fs;

use serde_json::Value;

use super::{block, git_ignores};
use crate::support::project::Room;

#[test]
fn git_ignores_every_cache_afterwards_and_nothing_is_said_twice() {
    let room = Room::fixture();
    let before = room.text(".gitignore");
    room.setup(&[]);
    let after = room.text(".gitignore");
    assert!(after.starts_with(&before), "what was there stands as it was");
    // out/tmdb_cache, glossary/cache and .env were ignored before: no line repeats that.
    let expected =
        ["/.cache/", "/out/musicbrainz_cache/", "/config/hardware_cache.json", "models/", "shared/model-cache/"];
    assert_eq!(block(&after), expected);
    for path in [".cache", ".cache/mlx", "out/tmdb_cache", "out/musicbrainz_cache", "glossary/cache", ".modelstrap"] {
        let inside = format!("{path}/x");
        assert!(git_ignores(&room, &inside), "{path}");
    }
    let status = room.run_git(&["status", "--porcelain", "--untracked-files=all"]).out;
    let generated = status.lines().filter(|line| line.contains("cache") && !line.contains("shared/")).count();
    assert_eq!(generated, 0, "{status}");
}

#[test]
fn a_cache_that_git_tracks_is_a_warning_with_the_command_to_run() {
    let room = Room::git();
    room.write(".cache/model.bin", "x");
    room.run_git(&["add", "--force", "."]);
    let ran = room.setup(&[]);
    ran.says(&[
        "warning: Git tracks files in .cache, so no ignore line is written for it",
        "git rm -r --cached -- '.cache'",
    ]);
    assert!(!room.text(".gitignore").contains("/.cache/"));
    room.run_git(&["rm", "-r", "-q", "--cached", "--", ".cache"]);
    room.setup(&[]);
    assert!(block(&room.text(".gitignore")).contains(&"/.cache/"));
}

#[test]
fn a_cache_outside_the_project_gets_no_ignore_line() {
    let room = Room::git();
    let outside = room.path().join("big disk/models");
    room.setup(&["--cache-dir", outside.to_str().unwrap()]);
    assert_eq!(block(&room.text(".gitignore")), ["/config/hardware_cache.json", "/.env"]);
    assert!(outside.join("CACHEDIR.TAG").is_file());
    let value: Value = serde_json::from_slice(&room.read("config/hardware_cache.json")).unwrap();
    assert_eq!(value["cache"]["torch_home"], outside.join("torch").to_str().unwrap());
}

#[test]
fn without_git_no_gitignore_is_made_and_one_that_is_there_is_kept_up() {
    let room = Room::bare();
    room.setup(&[]);
    assert!(!room.exists(".gitignore"));
    let room = Room::bare();
    room.write(".gitignore", "*.pyc");
    room.setup(&[]);
    assert_eq!(block(&room.text(".gitignore")), ["/.cache/", "/config/hardware_cache.json", "/.env"]);
}

#[test]
fn a_cache_whose_name_git_would_read_as_a_pattern_is_escaped() {
    let room = Room::git();
    room.setup(&["--cache-dir", "[a]*? b"]);
    assert!(git_ignores(&room, "[a]*? b/x") && !git_ignores(&room, "ab/x"));
}

#[test]
fn a_cache_that_was_left_keeps_its_ignore_line_while_it_is_there() {
    let room = Room::git();
    room.setup(&[]);
    room.write(".cache/torch/m.pt", "weights");
    room.setup(&["--cache-dir", "models here"]).says(&[".cache was a cache of this project and is still there"]);
    assert!(room.text(".gitignore").contains("/models here/\n"));
    assert!(room.text(".gitignore").contains("\n/.cache/\n"));
    room.run(&["setup", "--check"]).expect(0);
    fs::rename(room.place(".cache"), room.path().join("gone")).unwrap();
    room.setup(&[]);
    assert!(!room.text(".gitignore").contains("/.cache/"));
}

#[test]
fn the_order_of_the_lines_is_no_change() {
    let room = Room::git();
    let manifest = "[application_caches]\na = \"out/a\"\nb = \"out/b\"\n";
    room.write("modelstrap.toml", manifest);
    room.setup(&[]);
    let lines = ["/.cache/", "/out/a/", "/out/b/", "/config/hardware_cache.json", "/.env"];
    assert_eq!(block(&room.text(".gitignore")), lines);
    // It lies there still, and is a cache no more: its line stays where it was.
    room.write("out/a/x", "x");
    room.write("modelstrap.toml", "[application_caches]\nb = \"out/b\"\n");
    let ran = room.run(&["setup", "--check"]);
    assert!(!ran.err.contains("~ .gitignore"), "{}", ran.err);
    room.write("modelstrap.toml", "[application_caches]\nb = \"out/b\"\na = \"out/a\"\n");
    let ran = room.run(&["setup", "--check"]);
    assert!(!ran.err.contains("~ .gitignore"), "{}", ran.err);
    room.setup(&[]);
    assert_eq!(block(&room.text(".gitignore")), lines);
    // With another line among them, all stand as setup orders them.
    room.write("modelstrap.toml", format!("{manifest}c = \"c\"\n"));
    room.setup(&[]);
    let lines = ["/.cache/", "/out/a/", "/out/b/", "/c/", "/config/hardware_cache.json", "/.env"];
    assert_eq!(block(&room.text(".gitignore")), lines);
}
