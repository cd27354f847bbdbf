//! A home as months leave it: what belongs into the cache comes there, as it was, and links stay where they are asked for.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use modelstrap::cache::migrate::begun;

use crate::support::project::Room;
use crate::support::stray::{LOCAL, NEW, OLD, lived_in};

#[test]
fn everything_that_belongs_into_the_cache_comes_there_and_the_rest_is_named() {
    let room = lived_in();
    let before = room.tree();
    let plan = room.run(&["migrate", "--dry-run"]).expect(0);
    room.tree().assert_eq(&before, "a dry run");
    assert!(plan.out.contains("~/.cache/torch/hub"), "{}", plan.out);
    let ran = room.run(&["migrate", "--yes"]).expect(0);
    ran.says(&[
        "~/.cache/huggingface/token: is the login",
        "trusted_list: says whom a library trusts",
        "1 file in it did not come from the Hub",
    ]);
    let hub = ".cache/huggingface/hub";
    for (path, bytes) in [
        (".cache/torch/hub/checkpoints/resnet.pth", "resnet"),
        (".cache/whisper/base.pt", "base"),
        (&*format!("{hub}/models--org--asr/snapshots/{NEW}/onnx/model.bin"), "new weights"),
        (&*format!("{hub}/models--org--asr/snapshots/{OLD}/config.json"), "config"),
        (&*format!("{hub}/models--org--split/snapshots/{NEW}/model.bin"), "split"),
        (&*format!("{hub}/models--org--tilde/snapshots/{NEW}/model.bin"), "tilde"),
        (&*format!("{hub}/models--org--legacy/snapshots/{NEW}/model.bin"), "legacy"),
        (".cache/whisper/small.pt", "small"),
        (&*format!("{hub}/models--org--local/snapshots/{LOCAL}/sub/weights.bin"), "local weights"),
        (&*format!("{hub}/models--org--local/snapshots/{LOCAL}/config.json"), "local config"),
    ] {
        assert_eq!(room.text(path), bytes, "{path}");
    }
    assert_eq!(room.text(&format!("{hub}/models--org--local/refs/main")), LOCAL);
    assert_eq!(room.text(&format!("{hub}/models--org--asr/refs/main")), NEW);
    let left: Vec<String> =
        room.tree().names().into_iter().filter(|name| !name.starts_with("p/.cache")).map(str::to_owned).collect();
    let expected = [
        "h",
        "h/.cache",
        "h/.cache/huggingface",
        "h/.cache/huggingface/stored_tokens",
        "h/.cache/huggingface/token",
        "h/.cache/torch",
        "h/.cache/torch/hub",
        "h/.cache/torch/hub/trusted_list",
        "p",
        "p/models",
        "p/models/x",
        "p/models/x/.cache",
        "p/models/x/.cache/huggingface",
        "p/models/x/.cache/huggingface/.gitignore",
        "p/models/x/.cache/huggingface/download",
        "p/models/x/.cache/huggingface/download/changed.json.lock",
        "p/models/x/.cache/huggingface/download/changed.json.metadata",
        "p/models/x/changed.json",
        "p/models/x/mine.txt",
        "p/modelstrap.toml",
        "p/shared",
        "p/src",
        "p/src/main.py",
    ];
    assert_eq!(left, expected);
    let again = room.tree();
    let ran = room.run(&["migrate", "--yes"]).expect(0);
    assert_eq!(ran.out, "Nothing to move: what stays is named, with the reason.\n");
    room.tree().assert_eq(&again, "a second run");
}

#[test]
fn times_and_modes_come_along_and_nothing_is_copied_on_one_disk() {
    let room = lived_in();
    let file = room.place("~/.cache/torch/hub/checkpoints/resnet.pth");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(&file).unwrap();
    room.run(&["migrate", "--yes", "~/.cache/torch".replace('~', room.home().to_str().unwrap()).as_str()]).expect(0);
    let after = fs::metadata(room.place(".cache/torch/hub/checkpoints/resnet.pth")).unwrap();
    assert_eq!((before.ino(), before.mtime_nsec(), before.mode()), (after.ino(), after.mtime_nsec(), after.mode()));
    assert!(room.exists("~/.cache/whisper/base.pt"), "only what was named moves");
}

#[test]
fn old_paths_lead_to_the_new_ones_when_asked() {
    let room = lived_in();
    let ran = room.run(&["migrate", "--yes", "--link-back"]).expect(0);
    assert!(ran.out.contains("at old paths"), "{}", ran.out);
    let link = |path: &str| fs::read_link(room.place(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(link("~/.cache/whisper"), room.place(".cache/whisper"));
    assert_eq!(link("~/.cache/huggingface/hub"), room.place(".cache/huggingface/hub"));
    assert_eq!(link("~/.cache/torch/hub/checkpoints"), room.place(".cache/torch/hub/checkpoints"));
    let local = link("models/x/sub/weights.bin");
    assert_eq!(
        local.to_str().unwrap(),
        format!("../../../.cache/huggingface/hub/models--org--local/snapshots/{LOCAL}/sub/weights.bin")
    );
    assert_eq!(room.text("models/x/sub/weights.bin"), "local weights");
    assert_eq!(
        room.text(&format!("~/.cache/huggingface/hub/models--org--asr/snapshots/{NEW}/onnx/model.bin")),
        "new weights"
    );
    assert_eq!(room.text("shared/model-cache/whisper/small.pt"), "small");
    assert_eq!(link("shared/model-cache/whisper").to_str(), Some("../../.cache/whisper"));
    let after = room.tree();
    room.run(&["migrate", "--yes", "--link-back"]).expect(0);
    room.tree().assert_eq(&after, "a second run with links");
    room.run(&["migrate", "--yes"]).expect(0);
    room.tree().assert_eq(&after, "a second run without");
}

#[test]
fn a_folder_that_a_killed_run_had_emptied_goes_with_the_next_where_it_is_empty() {
    let room = Room::bare();
    room.write(".cache/.keep", "");
    fs::create_dir_all(room.place("models/x/.cache/huggingface/download")).unwrap();
    fs::create_dir_all(room.place("models/mine/empty")).unwrap();
    room.write("out/y/mine.txt", "mine");
    let folders = ["models/x", "out/y"].map(|name| room.place(name));
    let cache = room.place(".cache");
    fs::create_dir(cache.join(".modelstrap")).unwrap();
    begun::begin(&cache, room.root(), folders.iter()).unwrap();
    let before = room.tree();
    room.run(&["migrate", "--dry-run"]).expect(0);
    room.tree().assert_eq(&before, "a dry run");
    room.run(&["migrate", "--yes"]).expect(0);
    assert_eq!(
        room.tree().names(),
        [
            "h",
            "p",
            "p/.cache",
            "p/.cache/.keep",
            "p/models",
            "p/models/mine",
            "p/models/mine/empty",
            "p/out",
            "p/out/y",
            "p/out/y/mine.txt"
        ],
        "only what it had begun, and where it is empty"
    );
    let tidied = room.tree();
    fs::create_dir(cache.join(".modelstrap")).unwrap();
    begun::begin(&cache, room.root(), folders[..1].iter()).unwrap();
    room.run(&["migrate", "--yes"]).expect(0);
    room.tree().assert_eq(&tidied, "a run that was killed once its folders were gone");
}
