//! `models remove --purge` and the emptying of the trash in a cache that leads to a person's own folders: the same folders are left
//! alone as by `clear` and `prune`.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::project::{Room, Tree};
use crate::support::zoo::Zoo;

const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n";

/// The home, without the tool's notes on the cache.
fn home(room: &Room) -> Tree {
    Tree::of(&room.home())
}

#[test]
fn a_purge_leaves_a_cache_root_alone_that_leads_out_and_says_nowhere_that_it_is_a_cache() {
    let zoo = Zoo::start();
    for force in [false, true] {
        let room =
            zoo.project("w = \"url:https://files.example.org/weights.bin\"\nvad = \"torch-hub:owner/tiny-repo\"\n");
        room.run(&["models", "download"]).expect(0);
        fs::rename(room.place(".cache"), room.place("~/docs")).unwrap();
        let _ = fs::remove_file(room.place("~/docs/CACHEDIR.TAG"));
        for name in ["files", "torch"] {
            let _ = fs::remove_file(room.place(&format!("~/docs/{name}/CACHEDIR.TAG")));
        }
        // Torch's home would say itself that it is a cache.
        let _ = fs::rename(room.place("~/docs/torch/hub/checkpoints"), room.place("~/checkpoints"));
        symlink("../h/docs", room.place(".cache")).unwrap();
        let before = home(&room);
        for model in ["w", "vad"] {
            let manifest = room.text("modelstrap.toml");
            let mut words = vec!["models", "remove", model, "--purge", "--yes"];
            words.extend(force.then_some("--force"));
            let ran = room.run(&words).expect(1);
            ran.says(&["which is no cache: it is left alone", "put a CACHEDIR.TAG there"]);
            home(&room).assert_eq(&before, &format!("{words:?}"));
            assert_eq!(room.text("modelstrap.toml"), manifest, "nothing is half");
        }
        room.write("~/docs/CACHEDIR.TAG", TAG);
        room.run(&["models", "remove", "w", "--purge", "--yes", "--force"]).expect(0);
        assert_ne!(home(&room).names(), before.names());
    }
}

#[test]
fn what_waits_in_the_trash_of_a_place_that_is_none_any_more_is_not_deleted_there() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    room.write("~/disk/whisper/large.pt", vec![7; 20_000]);
    room.write("~/disk/whisper/CACHEDIR.TAG", TAG);
    fs::create_dir(room.place(".cache")).unwrap();
    symlink("../../h/disk/whisper", room.place(".cache/whisper")).unwrap();
    room.run(&["clear", "large.pt", "--yes", "--undo-for", "1s"]).expect(0);
    // Another folder by now: the journal speaks of the one that was there, and that alone is trusted without a tag.
    fs::rename(room.place("~/disk/whisper"), room.place("~/disk/old")).unwrap();
    fs::create_dir(room.place("~/disk/whisper")).unwrap();
    fs::rename(room.place("~/disk/old/.modelstrap"), room.place("~/disk/whisper/.modelstrap")).unwrap();
    let before = home(&room);
    std::thread::sleep(std::time::Duration::from_millis(2100));
    for words in [&["status"][..], &["prune", "--yes"], &["prune", "--yes", "--now"], &["clear", "models", "--yes"]] {
        let ran = room.run(words);
        assert!(ran.err.contains("which is no cache: it is left alone"), "{words:?}: {ran:?}");
        home(&room).assert_eq(&before, &format!("{words:?}: {ran:?}"));
    }
    // Who asks for nothing else is told by the exit code that it stays.
    room.run(&["clear", "trash", "--yes"]).expect(1).says(&["not all of the trash could be freed", "no cache"]);
    home(&room).assert_eq(&before, "clear trash");
    room.write("~/disk/whisper/CACHEDIR.TAG", TAG);
    room.run(&["prune", "--yes"]).expect(0);
    assert!(!home(&room).names().iter().any(|name| name.contains("trash")), "{:?}", home(&room).names());
}
