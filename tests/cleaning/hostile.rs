//! A project from somebody else, whose manifest and links lead to a person's own folders: what cleans must not delete, move or link
//! anything there.
#![cfg(unix)]

use std::fs;
use std::time::{Duration, SystemTime};

use crate::support::lived::{HUB, MAIN, repository};
use crate::support::project::{Ran, Room, Tree};

const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n";

/// Every way in which a person cleans.
const CLEANING: [&[&str]; 6] = [
    &["clear", "app", "--yes", "--now"],
    &["clear", "all", "--yes", "--now", "--grace", "0", "--force"],
    &["clear", "models", "--yes", "--now", "--grace", "0", "--force"],
    &["clear", "x", "--yes", "--now", "--grace", "0"],
    &["prune", "--yes", "--now", "--grace", "0"],
    &["prune", "--older-than", "1s", "--yes", "--now", "--grace", "0"],
];

/// A person's own files, old enough to go.
fn person() -> Room {
    let room = Room::bare();
    for name in
        ["~/docs/thesis.tex", "~/docs/whisper/voice.wav", "~/docs/sub/a", "~/.ssh/id", "~/other/b", "~/.config/c"]
    {
        room.write(name, vec![7; 20_000]);
        let then = SystemTime::now() - Duration::from_secs(400 * 86_400);
        fs::File::options().write(true).open(room.place(name)).unwrap().set_modified(then).unwrap();
    }
    room
}

/// The manifest's application cache `x` at `path`.
fn application(room: &Room, path: &str) {
    room.write("modelstrap.toml", format!("[application_caches]\nx = {{ path = \"{path}\", max_age = \"1d\" }}\n"));
}

/// Everything, without this tool's notes on the cache.
fn all(room: &Room) -> Tree {
    room.tree().without(|name| name.contains("p/.cache/.modelstrap"))
}

fn home(room: &Room) -> Tree {
    Tree::of(&room.home()).without(|name| name.split('/').any(|part| part == ".modelstrap"))
}

/// Every verb refuses, names the cache and says `words`; nothing changes.
#[track_caller]
fn refused(room: &Room, words: &str) {
    let before = all(room);
    for arguments in CLEANING {
        let ran = room.run(arguments).expect(1);
        assert!(ran.err.contains("[application_caches] x: ") && ran.err.contains(words), "{arguments:?}: {}", ran.err);
        all(room).assert_eq(&before, &format!("{arguments:?}"));
    }
}

/// Every verb ends, and nothing in the home changes.
#[track_caller]
fn left_alone(room: &Room) -> Vec<Ran> {
    let before = home(room);
    let rest: [&[&str]; 3] =
        [&["dedupe", "--yes", "--min-size", "1kB", "--grace", "0"], &["migrate", "--yes"], &["status", "--models"]];
    let runs = CLEANING.iter().chain(&rest).filter(|arguments| arguments[1] != "x");
    let runs = runs.map(|arguments| {
        let ran = room.run(arguments);
        assert!([0, 1].contains(&ran.code), "{arguments:?}: {ran:?}");
        home(room).assert_eq(&before, &format!("{arguments:?}"));
        ran
    });
    runs.collect()
}

#[test]
fn an_application_cache_behind_a_link_out_of_the_project_is_refused() {
    for (link_at, target, path) in
        [("out", "../h/docs", "out"), ("out", "../h/docs", "out/sub"), ("out/sub", "../../h/docs", "out/sub")]
    {
        let room = person();
        room.link(link_at, target);
        application(&room, path);
        refused(&room, "lies outside of the project and its cache");
        let ran = room.run(&["status"]).expect(0);
        assert!(ran.err.contains("[application_caches] x: @/p/out"), "{}", ran.err);
    }
}

#[test]
fn two_application_caches_in_each_other_of_which_one_leads_out_are_refused() {
    let room = person();
    room.write("out/own", "x");
    room.link("out/sub", "../../h/docs");
    room.write("modelstrap.toml", "[application_caches]\nouter = \"out\"\nx = \"out/sub\"\n");
    refused(&room, "lies outside of the project and its cache");
}

#[test]
fn an_application_cache_at_an_absolute_path_outside_is_refused() {
    for path in [".ssh", "docs", ".config", "other"] {
        let room = person();
        application(&room, room.home().join(path).to_str().unwrap());
        refused(&room, "lies outside of the project and its cache");
    }
    let room = person();
    room.write("out/a", vec![7; 20_000]);
    application(&room, room.place("out").to_str().unwrap());
    room.run(&["clear", "app", "--yes", "--now"]).expect(0);
    assert!(!room.exists("out/a"), "an absolute path in the project is one of the project");
}

#[test]
fn an_application_cache_in_a_cache_root_that_leads_out_is_refused() {
    let room = person();
    room.link(".cache", "../h/docs");
    application(&room, ".cache/sub");
    refused(&room, "lies outside of the project and its cache");
    room.write("~/docs/CACHEDIR.TAG", TAG);
    room.run(&["clear", "app", "--yes", "--now"]).expect(0);
    assert!(!room.exists("~/docs/sub/a") && room.exists("~/docs/thesis.tex"));
}

#[test]
fn an_application_cache_in_a_git_repository_is_refused() {
    for path in [".git", ".git/hooks", "bare", "bare/refs", "module/.git/objects"] {
        let room = person();
        for folder in [".git", "bare", "module/.git"] {
            room.write(&format!("{folder}/HEAD"), "ref: refs/heads/main\n");
            room.write(&format!("{folder}/objects/ab/cd"), "x");
            room.write(&format!("{folder}/refs/heads/main"), MAIN);
            room.write(&format!("{folder}/hooks/pre-commit"), "x");
        }
        application(&room, path);
        refused(&room, "Git repository");
    }
}

#[test]
fn an_application_cache_that_meets_models_is_refused() {
    for (path, words) in [
        (".cache", "cache"),
        (".cache/huggingface", "the home of a library"),
        (HUB, "the home of a library"),
        (".cache/huggingface/hub/models--org--asr/blobs", "the home of a library"),
        (".cache/whisper", "the home of a library"),
        (".cache/old", "in a hub"),
        ("old", "in a hub"),
        ("old/models--org--a", "in a hub"),
        ("old/models--org--a/blobs", "in a hub"),
        ("deep", "holds a cache of models"),
        ("inner/.cache", "another cache"),
        ("inner/.cache/huggingface", "another cache"),
        ("inner", "holds a cache of models"),
        (".modelstrap", "modelstrap's own"),
    ] {
        let room = person();
        repository(&room, "org/asr", &[(MAIN, &[("a", 100)])]);
        for folder in [".cache/old", "old", "deep/er"] {
            room.write(&format!("{folder}/models--org--a/blobs/a"), vec![7; 1000]);
        }
        room.write(".cache/whisper/large.pt", vec![7; 1000]);
        room.write("inner/.cache/.modelstrap/projects/0123456789abcdef.json", "{}");
        room.write("inner/.cache/huggingface/a", "x");
        room.write(".modelstrap/state", "x");
        application(&room, path);
        refused(&room, words);
    }
}

#[test]
fn a_link_in_the_cache_root_to_a_persons_folder_is_left_alone() {
    for (at, target) in [
        (".cache/whisper", "../../h/.ssh"),
        (".cache/whisper", "../../h/docs"),
        (".cache/torch", "../../h/docs"),
        (".cache/huggingface", "../../h/docs"),
        (".cache/huggingface/hub", "../../../h/docs"),
        (".cache/torch/hub", "../../../h/docs"),
        (".cache", "../h/docs"),
    ] {
        let room = person();
        room.write("modelstrap.toml", "");
        if at != ".cache" {
            room.write(".cache/files/large.bin", vec![7; 1000]);
        }
        room.link(at, target);
        let runs = left_alone(&room);
        assert!(room.place(at).is_symlink(), "{at} is left alone");
        for ran in runs {
            let words = "which is no cache: it is left alone\n  if it is one, put a CACHEDIR.TAG there";
            assert!(ran.err.contains(words), "{at} -> {target}: {ran:?}");
        }
    }
}

#[test]
fn a_home_on_another_disk_that_says_that_it_is_a_cache_is_cleaned_and_the_plan_says_where_it_leads() {
    let room = person();
    room.write("modelstrap.toml", "");
    room.write("~/disk/whisper/large.pt", vec![7; 20_000]);
    room.write("~/disk/whisper/CACHEDIR.TAG", TAG);
    room.link(".cache/whisper", "../../h/disk/whisper");
    let ran = room.run(&["clear", "models", "--yes", "--now"]).expect(0);
    assert!(ran.out.contains("\n.cache/whisper leads to @/h/disk/whisper\n"), "{}", ran.out);
    assert_eq!(ran.err, "");
    assert!(!room.exists("~/disk/whisper/large.pt") && room.exists("~/disk/whisper/CACHEDIR.TAG"));
}

#[test]
fn a_folder_that_is_never_a_cache_is_none_with_a_tag_either() {
    let room = person();
    room.write("modelstrap.toml", "");
    room.write("~/.ssh/CACHEDIR.TAG", TAG);
    room.link(".cache/whisper", "../../h/.ssh");
    left_alone(&room);
}

#[test]
fn a_broken_registration_needs_force_before_every_model_goes() {
    let room = person();
    room.write("modelstrap.toml", "");
    room.write(".cache/whisper/large.pt", vec![7; 20_000]);
    room.write(".cache/.modelstrap/projects/0123456789abcdef.json", "{");
    for what in ["models", "all"] {
        room.run(&["clear", what, "--yes", "--now"]).expect(1).says(&[
            "0123456789abcdef.json needs is not known: ",
            "nothing was removed",
            "`--force`",
        ]);
        assert!(room.exists(".cache/whisper/large.pt"));
    }
    room.run(&["clear", "models", "--yes", "--now", "--force"]).expect(0);
    assert!(!room.exists(".cache/whisper/large.pt"));
}
