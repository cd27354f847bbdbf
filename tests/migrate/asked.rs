//! What is asked for: consent, places by their names and paths, a repository that somebody names; and what is refused.

use std::os::unix::fs::symlink;

use crate::support::project::{Room, Tree};
use crate::support::stray::{OLD, lived_in, local_dir, sha256};

#[test]
fn without_a_terminal_it_asks_for_consent_by_name_and_names_of_places_are_checked() {
    let room = lived_in();
    let before = room.tree();
    room.run(&["migrate"]).expect(2).says(&["--yes"]);
    room.run(&["migrate", "--yes", "nowhere"]).expect(2).says(&["there is no nowhere"]);
    room.run(&["migrate", "--yes", "modelstrap.toml"]).expect(2).says(&["modelstrap.toml: is no folder"]);
    room.run(&["migrate", "--yes", "."]).expect(2).says(&["holds the project"]);
    room.run(&["migrate", "--yes", room.home().to_str().unwrap()]).expect(2).says(&["holds the home folder"]);
    room.run(&["migrate", "--yes", "/"]).expect(2).says(&["holds the project"]);
    room.run(&["migrate", "--yes", ".cache"]).expect(2).says(&["holds the cache itself"]);
    room.tree().assert_eq(&before, "refused");
    let json = room.run(&["migrate", "--dry-run", "--json"]).expect(0).json();
    assert_eq!(json["schema"], "modelstrap.migrate/1");
    assert_eq!(json["moved"], false);
    let kinds: Vec<&str> =
        json["parts"].as_array().unwrap().iter().map(|part| part["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["local_dir", "hub", "hub", "folder", "hub", "folder", "folder", "hub"], "{json:#}");
}

#[test]
fn a_local_download_needs_a_repository_that_somebody_names() {
    let room = Room::bare();
    local_dir(&room, "out/x", OLD, &[("model.bin", "weights", sha256("weights"))]);
    room.run(&["migrate", "--yes"])
        .expect(0)
        .says(&["out/x: comes from the Hub, and nothing here says from which repository"]);
    room.run(&["migrate", "--yes", "out/x", "--repo", "a/../b"]).expect(2);
    room.run(&["migrate", "--yes", "out/x", "--repo", "datasets/org/d"]).expect(0);
    assert_eq!(room.text(&format!(".cache/huggingface/hub/datasets--org--d/snapshots/{OLD}/model.bin")), "weights");
    assert_eq!(room.text(".cache/huggingface/hub/datasets--org--d/refs/main"), OLD);
    assert!(!room.exists("out/x"), "{:?}", room.tree().names());
}

#[test]
fn a_place_can_be_named_as_status_names_it() {
    let room = lived_in();
    room.run(&["migrate", "--yes", "torch", "model-cache"]).expect(0);
    assert!(room.exists(".cache/torch/hub/checkpoints/resnet.pth") && room.exists(".cache/whisper/small.pt"));
    assert!(room.exists("~/.cache/whisper/base.pt") && room.exists("models/x/sub/weights.bin"));
}

#[test]
fn a_manifest_of_a_clone_cannot_have_other_peoples_folders_moved() {
    let room = Room::bare();
    room.write("~/other/whisper/small.pt", "small");
    symlink(room.home().join("other"), room.place("old")).unwrap();
    let before = Tree::of(&room.home());
    for (paths, said) in [
        ("\"old\"", "old: leads out of the project"),
        ("\"..\", \"old\"", "holds the project"),
        ("\"/\", \"old\"", "/: holds the project"),
    ] {
        room.write("modelstrap.toml", format!("[legacy]\npaths = [{paths}]\n"));
        room.run(&["migrate", "--yes"]).expect(0).says(&[said]);
    }
    Tree::of(&room.home()).assert_eq(&before, "the home folder");
}
