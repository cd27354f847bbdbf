//! A folder with parts of several libraries: one run takes all of them, and a second one finds nothing.

use std::fs;

use crate::support::project::Room;
use crate::support::stray::{NEW, Repo, sha256};

const LEGACY: &str = "[legacy]\npaths = [\"shared/model-cache\"]\n";

fn repository(room: &Room, hub: &str, name: &str) {
    let repo = Repo::new(room, hub, &format!("models--o--{name}"));
    repo.file(NEW, "model.bin", name, sha256(name));
    repo.reference("main", NEW);
}

/// One run takes everything, and the next one has nothing to say.
fn at_once(room: &Room, came: &[(&str, &str)], gone: &str) {
    let ran = room.run(&["migrate", "--yes"]).expect(0);
    assert!(!ran.err.contains("Stay"), "{}", ran.err);
    for (path, text) in came {
        assert_eq!(room.text(&format!(".cache/{path}")), *text, "{path}\n{}", ran.err);
    }
    assert!(!room.exists(gone), "{:#?}", room.tree().names());
    let second = room.run(&["migrate", "--yes"]).expect(0);
    assert_eq!((&*second.out, &*second.err), ("Nothing to move: what belongs into the cache is there.\n", ""));
}

fn blob(name: &str) -> String {
    format!("huggingface/hub/models--o--{name}/snapshots/{NEW}/model.bin")
}

#[test]
fn parts_of_three_libraries_come_in_one_run() {
    let room = Room::bare();
    room.write("modelstrap.toml", LEGACY);
    repository(&room, "shared/model-cache", "leg");
    room.write("shared/model-cache/hub/checkpoints/leg.pth", "torch");
    room.write("shared/model-cache/whisper/base.pt", "whisper");
    let came = [(&*blob("leg"), "leg"), ("torch/hub/checkpoints/leg.pth", "torch"), ("whisper/base.pt", "whisper")];
    at_once(&room, &came, "shared/model-cache");
}

#[test]
fn a_hub_folder_of_two_libraries_comes_in_one_run() {
    let room = Room::bare();
    room.write("modelstrap.toml", LEGACY);
    repository(&room, "shared/model-cache/hub", "h");
    room.write("shared/model-cache/hub/.locks/models--o--h/x.lock", "");
    room.write("shared/model-cache/hub/version.txt", "1\n");
    room.write("shared/model-cache/hub/checkpoints/leg.pth", "torch");
    room.write("shared/model-cache/hub/o_repo_main/hubconf.py", "conf");
    let came =
        [(&*blob("h"), "h"), ("torch/hub/checkpoints/leg.pth", "torch"), ("torch/hub/o_repo_main/hubconf.py", "conf")];
    at_once(&room, &came, "shared/model-cache");
}

#[test]
fn a_hub_within_a_hub_and_other_libraries_beside_them_come_in_one_run() {
    let room = Room::bare();
    room.write("modelstrap.toml", LEGACY);
    repository(&room, "shared/model-cache", "top");
    repository(&room, "shared/model-cache/hub", "inner");
    room.write("shared/model-cache/torch/hub/checkpoints/t.pth", "torch");
    repository(&room, "shared/model-cache/huggingface/hub", "hf");
    room.write("shared/model-cache/datasets/d/x.arrow", "arrow");
    let came = [
        (&*blob("top"), "top"),
        (&*blob("inner"), "inner"),
        (&*blob("hf"), "hf"),
        ("torch/hub/checkpoints/t.pth", "torch"),
        ("huggingface/datasets/d/x.arrow", "arrow"),
    ];
    at_once(&room, &came, "shared/model-cache");
}

#[test]
fn a_hub_beside_the_hub_in_the_home_of_the_hub_comes_in_the_same_run() {
    let room = Room::bare();
    repository(&room, "~/.cache/huggingface/hub", "a");
    repository(&room, "~/.cache/huggingface/transformers", "c");
    at_once(&room, &[(&*blob("a"), "a"), (&*blob("c"), "c")], "~/.cache/huggingface");
}

#[test]
fn what_is_known_comes_from_a_mixed_folder_and_the_rest_is_named_once() {
    let room = Room::bare();
    room.write("modelstrap.toml", LEGACY);
    repository(&room, "shared/model-cache", "leg");
    room.write("shared/model-cache/hub/checkpoints/leg.pth", "torch");
    room.write("shared/model-cache/mine/a/weights.bin", "mine");
    room.write("shared/model-cache/mine/b/weights.bin", "mine");
    let ran = room.run(&["migrate", "--yes"]).expect(0);
    let stays =
        "Stayed where it was:\n  shared/model-cache/mine: 2 files in it: nothing says which library reads them\n";
    assert!(ran.err.ends_with(stays), "{}", ran.err);
    assert_eq!(room.text(".cache/torch/hub/checkpoints/leg.pth"), "torch");
    assert_eq!(room.text(&format!(".cache/{}", blob("leg"))), "leg");
    assert_eq!(fs::read_dir(room.place("shared/model-cache")).unwrap().count(), 1);
}

#[test]
fn a_repository_below_a_folder_of_repositories_comes_in_the_same_run() {
    let room = Room::bare();
    repository(&room, "models", "a");
    repository(&room, "models/deep/er", "b");
    repository(&room, "out", "c");
    repository(&room, "out/deep/er", "d");
    room.write("out/deep/train.py", "mine");
    let ran = room.run(&["migrate", "--yes"]).expect(0);
    assert!(ran.out.starts_with("4 B in 4 files came"), "{}", ran.out);
    for name in ["a", "b", "c", "d"] {
        assert_eq!(room.text(&format!(".cache/{}", blob(name))), name);
    }
    assert_eq!(room.text("out/deep/train.py"), "mine");
}
