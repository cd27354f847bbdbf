//! `verify --fix` in a project from somebody else, whose links and lock lead to a person's own folders: nothing there is written,
//! replaced or made.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use crate::support::project::{Ran, Room, Tree};
use crate::support::zoo::Zoo;

const REPO: &str = ".cache/huggingface/hub/models--org--tiny";

/// Puts a link to `target` in the place of whatever is at `at`.
fn link(room: &Room, at: &str, target: &Path) {
    let at = room.place(at);
    let _ = fs::rename(&at, at.with_extension("away"));
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    symlink(target, at).unwrap();
}

/// Changes a byte, and not the time.
fn flip(path: &Path) {
    let time = fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    bytes[0] ^= 1;
    fs::write(path, bytes).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// A person's own files, and a model of the hub in the cache that no lock names; where its one revision is.
fn person(zoo: &Zoo) -> (Room, String) {
    let room = zoo.room();
    room.write("modelstrap.toml", "");
    for name in ["~/docs/thesis.tex", "~/docs/weights.bin", "~/.cache/torch/hub/checkpoints/mine.pth", "~/.ssh/id"] {
        room.write(name, "years of work");
    }
    room.run(&["models", "download", "hf:org/tiny", "--weights", "all"]).expect(0);
    let snapshots = room.place(&format!("{REPO}/snapshots"));
    let commit = fs::read_dir(snapshots).unwrap().next().unwrap().unwrap().file_name();
    (room, commit.into_string().unwrap())
}

/// Where the bytes of a file of the revision are.
fn blob(room: &Room, commit: &str, file: &str) -> PathBuf {
    fs::canonicalize(room.place(&format!("{REPO}/snapshots/{commit}/{file}"))).unwrap()
}

/// The home with its times and inodes, which nothing may change.
fn home(room: &Room) -> (Tree, Vec<(String, u64, i64, i64)>) {
    let tree = Tree::of(&room.home());
    let stamps = tree.names().into_iter().map(|name| {
        let found = fs::symlink_metadata(room.home().join(name)).unwrap();
        (name.to_owned(), found.ino(), found.ctime(), found.ctime_nsec())
    });
    let stamps = stamps.collect();
    (tree, stamps)
}

/// Mends, and looks whether anything in the home has changed.
#[track_caller]
fn fix(room: &Room, when: &str) -> Ran {
    let before = home(room);
    let ran = room.run(&["verify", "--fix"]);
    let after = home(room);
    after.0.assert_eq(&before.0, &format!("{when}: {ran:?}"));
    assert_eq!(after.1, before.1, "{when}: {ran:?}");
    ran
}

#[test]
fn committed_links_lead_no_mended_byte_out_of_the_cache() {
    let zoo = Zoo::start();
    for at in [
        ".modelstrap",
        ".modelstrap/renewed",
        ".modelstrap/partials",
        "blobs",
        "snapshots",
        "snapshots/COMMIT",
        "snapshots/COMMIT/onnx",
        "trees",
        "../.locks",
        "../.locks/models--org--tiny",
    ] {
        let (room, commit) = person(&zoo);
        for file in ["model.safetensors", "onnx/model.onnx", "README.md"] {
            flip(&blob(&room, &commit, file));
        }
        link(&room, &format!("{REPO}/{at}").replace("COMMIT", &commit), &room.home().join("docs"));
        fix(&room, at);
    }
}

#[test]
fn a_blob_that_is_a_link_out_of_the_cache_is_not_written_through() {
    let zoo = Zoo::start();
    for target in ["docs/thesis.tex", "docs/missing", ".cache/torch/hub/checkpoints/mine.pth"] {
        let (room, commit) = person(&zoo);
        let weights = blob(&room, &commit, "model.safetensors");
        fs::remove_file(&weights).unwrap();
        symlink(room.home().join(target), &weights).unwrap();
        fix(&room, target);
    }
}

#[test]
fn a_second_name_outside_of_the_cache_keeps_its_bytes() {
    let zoo = Zoo::start();
    let (room, commit) = person(&zoo);
    let weights = blob(&room, &commit, "model.safetensors");
    fs::hard_link(&weights, room.place("~/docs/mine.safetensors")).unwrap();
    flip(&weights);
    let before = (home(&room).0, fs::metadata(room.place("~/docs/mine.safetensors")).unwrap().ino());
    room.run(&["verify", "--fix"]).expect(0).says(&["had 1 other name elsewhere, which still has the damaged bytes"]);
    home(&room).0.assert_eq(&before.0, "the other name");
    assert_eq!(fs::metadata(room.place("~/docs/mine.safetensors")).unwrap().ino(), before.1);
    assert_ne!(fs::metadata(&weights).unwrap().ino(), before.1, "the cache has a file of its own now");
    room.run(&["verify"]).expect(0);
}

#[test]
fn a_lock_from_somebody_else_says_nothing_of_a_persons_own_files() {
    let zoo = Zoo::start();
    for (at, target) in [
        ("weights.bin", ".cache/torch/hub/checkpoints/mine.pth"),
        ("weights.bin", "docs/weights.bin"),
        ("", "docs"),
        ("..", "docs"),
    ] {
        let room = zoo.project("w = \"url:https://files.example.org/weights.bin\"\n");
        for name in ["~/docs/weights.bin", "~/.cache/torch/hub/checkpoints/mine.pth"] {
            room.write(name, "years of work");
        }
        room.run(&["models", "download"]).expect(0);
        let path = room.run(&["models", "path", "w", "weights.bin"]).expect(0).out;
        let path = PathBuf::from(path.trim_end().replace('@', room.path().to_str().unwrap()));
        let folder = path.parent().unwrap();
        let at = match at {
            "" => folder.to_path_buf(),
            ".." => folder.parent().unwrap().to_path_buf(),
            name => folder.join(name),
        };
        fs::rename(&at, at.with_extension("away")).unwrap();
        symlink(room.home().join(target), &at).unwrap();
        fix(&room, &format!("{} -> {target}", at.display()));
    }
}

#[test]
fn a_listing_with_names_that_climb_out_makes_nothing_outside() {
    let zoo = Zoo::start();
    let (room, commit) = person(&zoo);
    let listing = format!("{REPO}/trees/{commit}.json");
    let up = "../".repeat(7);
    let text = room.text(&listing).replace("onnx/model.onnx", &format!("{up}h/docs/planted.onnx"));
    assert!(text.contains("planted"), "{text}");
    room.write(&listing, text);
    flip(&blob(&room, &commit, "onnx/model.onnx"));
    fs::remove_file(blob(&room, &commit, "model.safetensors")).unwrap();
    fix(&room, "a listing");
}
