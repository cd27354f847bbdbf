//! Hubs that become one: blobs, revisions and references of both, and the payloads of a shared store.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::support::project::Room;
use crate::support::stray::{NEW, OLD, Repo, age, git, sha256};

#[test]
fn two_hubs_become_one_blob_by_blob() {
    let room = Room::bare();
    let mine = Repo::new(&room, ".cache/huggingface/hub", "models--org--m");
    mine.file(OLD, "config.json", "config", git("config"));
    mine.file(OLD, "model.bin", "weights", sha256("weights"));
    mine.reference("main", OLD);
    room.write(
        ".cache/huggingface/hub/models--org--m/.no_exist/1111111111111111111111111111111111111111/extra.json",
        "",
    );
    let theirs = Repo::new(&room, "~/.cache/huggingface/hub", "models--org--m");
    theirs.file(OLD, "config.json", "config", git("config"));
    theirs.file(OLD, "extra.json", "extra", git("extra"));
    theirs.file(NEW, "model.bin", "weights", sha256("weights"));
    theirs.file(NEW, "config.json", "newer config", git("newer config"));
    theirs.reference("main", NEW);
    theirs.reference("refs/pr/1", OLD);
    room.write("~/.cache/huggingface/hub/models--org--m/blobs/orphan", "orphan");
    room.write(&format!("~/.cache/huggingface/hub/models--org--m/.no_exist/{NEW}/model.safetensors"), "");
    room.write(&format!("~/.cache/huggingface/hub/models--org--m/.no_exist/{OLD}/model.bin"), "");
    for file in ["config.json", "model.bin"] {
        age(&room.place(&format!(".cache/huggingface/hub/models--org--m/snapshots/{OLD}/{file}")), 1000);
    }
    let inode = |path: &str| fs::metadata(room.place(path)).unwrap().ino();
    let kept = inode(&format!(".cache/huggingface/hub/models--org--m/blobs/{}", sha256("weights")));

    let ran = room.run(&["migrate", "--yes"]).expect(0);
    assert!(
        ran.out.contains(
            "org/m: main names 222222222222 here and 111111111111 in the cache; the newer one wins: 222222222222"
        ),
        "{}",
        ran.out
    );
    let at = |path: &str| format!(".cache/huggingface/hub/models--org--m/{path}");
    for (path, bytes) in [
        (format!("snapshots/{OLD}/config.json"), "config"),
        (format!("snapshots/{OLD}/extra.json"), "extra"),
        (format!("snapshots/{OLD}/model.bin"), "weights"),
        (format!("snapshots/{NEW}/model.bin"), "weights"),
        (format!("snapshots/{NEW}/config.json"), "newer config"),
        ("blobs/orphan".to_owned(), "orphan"),
        ("refs/main".to_owned(), NEW),
        ("refs/refs/pr/1".to_owned(), OLD),
    ] {
        assert_eq!(room.text(&at(&path)), bytes, "{path}");
    }
    assert!(room.exists(&at(&format!(".no_exist/{NEW}/model.safetensors"))));
    assert!(!room.exists(&at(&format!(".no_exist/{OLD}/extra.json"))), "it exists now");
    assert!(!room.exists(&at(&format!(".no_exist/{OLD}/model.bin"))), "it existed there already");
    assert_eq!(inode(&at(&format!("blobs/{}", sha256("weights")))), kept, "the cache's own bytes stay");
    assert!(!room.exists("~/.cache/huggingface"), "{:?}", room.tree().names());
}

#[test]
fn two_contents_of_one_name_are_told_apart_by_the_name() {
    let room = Room::bare();
    let (good, bad) = (sha256("right"), sha256("other right"));
    let mine = Repo::new(&room, ".cache/huggingface/hub", "models--org--m");
    mine.file(OLD, "a.bin", "wrong", good.clone());
    mine.file(OLD, "b.bin", "other right", bad.clone());
    mine.file(OLD, "c.bin", "one thing", "tag".to_owned());
    let theirs = Repo::new(&room, "~/.cache/huggingface/hub", "models--org--m");
    theirs.file(OLD, "a.bin", "right", good.clone());
    theirs.file(OLD, "b.bin", "other wrong", bad.clone());
    theirs.file(OLD, "c.bin", "an other!", "tag".to_owned());
    let ran = room.run(&["migrate", "--yes"]).expect(1);
    ran.says(&[
        &format!(
            "blobs/{bad} stays: is damaged: its bytes are not what its name says, and the cache has the right ones"
        ),
        "blobs/tag stays: another content stands at",
        "2 things could not be moved; nothing was lost",
    ]);
    let text = |path: &str| room.text(&format!(".cache/huggingface/hub/models--org--m/snapshots/{OLD}/{path}"));
    assert_eq!([text("a.bin"), text("b.bin"), text("c.bin")], ["right", "other right", "one thing"]);
    let text = |path: &str| room.text(&format!("~/.cache/huggingface/hub/models--org--m/snapshots/{OLD}/{path}"));
    assert_eq!([text("b.bin"), text("c.bin")], ["other wrong", "an other!"], "what stays can be read as before");
}

#[test]
fn one_repository_can_be_named_and_the_others_stay() {
    let room = Room::bare();
    for name in ["models--org--one", "models--org--two"] {
        let repo = Repo::new(&room, "~/.cache/huggingface/hub", name);
        repo.file(NEW, "model.bin", name, sha256(name));
        repo.reference("main", NEW);
    }
    let one = room.place("~/.cache/huggingface/hub/models--org--one");
    room.run(&["migrate", "--yes", one.to_str().unwrap()]).expect(0);
    assert!(room.exists(".cache/huggingface/hub/models--org--one") && !one.exists());
    assert!(room.exists("~/.cache/huggingface/hub/models--org--two"));
    room.run(&["migrate", "--yes", "a", "b", "--repo", "org/x"]).expect(2).says(&["--repo is about one folder"]);
}

/// A store's payload, by its hash.
fn payload(hub: &str, hash: &str) -> String {
    format!("{hub}/blobs/{}/{hash}", &hash[..2])
}

#[test]
fn a_payload_that_others_use_stays_for_them_and_goes_with_the_last() {
    let (home, here, hash) = ("~/.cache/huggingface/hub", ".cache/huggingface/hub", "ab".repeat(32));
    for store in [false, true] {
        let room = Room::bare();
        for name in ["models--org--one", "models--org--two"] {
            let repo = Repo::new(&room, home, name);
            repo.shared(NEW, "model.bin", "shared", &sha256("shared"), &hash);
            repo.reference("main", NEW);
        }
        // One of them has a download under way, and stays.
        room.write(&format!("{home}/models--org--two/blobs/ff.1a.incomplete"), "half");
        if store {
            room.write(&format!("{here}/blobs/.huggingface-shared-blobs"), "1\n");
        }
        room.run(&["migrate", "--yes"]).expect(0).says(&["models--org--two: has a download"]);
        let text = |hub: &str, name: &str| room.text(&format!("{hub}/models--org--{name}/snapshots/{NEW}/model.bin"));
        assert_eq!([text(here, "one"), text(home, "two")], ["shared", "shared"]);
        assert!(!room.exists(&format!("{home}/models--org--one")));
        let blob = room.place(&format!("{here}/models--org--one/blobs/{}", sha256("shared")));
        assert_eq!(blob.symlink_metadata().unwrap().is_symlink(), store, "a link only into a store");
        let names = fs::metadata(room.place(&payload(home, &hash))).unwrap().nlink();
        assert_eq!(names, 2, "the bytes are there once");
        if store {
            let line = format!("models--org--one/blobs/{}\n", sha256("shared"));
            assert_eq!(room.text(&format!("{}.refs", payload(here, &hash))), line);
        }
        fs::remove_file(room.place(&format!("{home}/models--org--two/blobs/ff.1a.incomplete"))).unwrap();
        room.run(&["migrate", "--yes"]).expect(0);
        assert!(!room.exists("~/.cache/huggingface"), "{:?}", room.tree().names());
        assert_eq!(text(here, "two"), "shared");
        let again = fs::metadata(room.place(&format!("{here}/models--org--two/snapshots/{NEW}/model.bin"))).unwrap();
        assert_eq!(fs::metadata(&blob).unwrap().ino(), again.ino(), "and still are");
    }
}

#[test]
fn a_payload_whose_manifest_nobody_can_read_stays() {
    let (room, home, hash) = (Room::bare(), "~/.cache/huggingface/hub", "cd".repeat(32));
    let repo = Repo::new(&room, home, "models--org--one");
    repo.shared(NEW, "model.bin", "shared", &sha256("shared"), &hash);
    repo.reference("main", NEW);
    fs::remove_file(room.place(&format!("{}.refs", payload(home, &hash)))).unwrap();
    room.run(&["migrate", "--yes"]).expect(0);
    assert_eq!(room.text(&format!(".cache/huggingface/hub/models--org--one/snapshots/{NEW}/model.bin")), "shared");
    assert_eq!(room.text(&payload(home, &hash)), "shared", "a missing manifest is never a reason to delete");
}

#[test]
fn the_plan_says_which_repository_gets_no_link_since_it_stays() {
    let room = Room::bare();
    for name in ["moves", "stays"] {
        let repo = Repo::new(&room, "~/.cache/huggingface/hub", &format!("models--org--{name}"));
        repo.file(OLD, "b.bin", name, sha256(name));
    }
    room.write("~/.cache/huggingface/hub/models--org--stays/blobs/ff.1a.incomplete", "half");
    let line = "models--org--stays: it stays, and no link is left: has a download that went on less than an hour ago";
    let ran = room.run(&["migrate", "--link-back", "--dry-run"]).expect(0);
    assert!(ran.out.contains(line), "{}\n{}", ran.out, ran.err);
    let ran = room.run(&["migrate", "--link-back", "--yes"]).expect(0);
    assert!(ran.err.contains(line) && ran.out.contains(line), "{}\n{}", ran.out, ran.err);
}

#[test]
fn a_hub_with_a_store_is_a_link_as_a_whole_and_nothing_else_is_said_of_its_repositories() {
    let room = Room::bare();
    let hub = "~/.cache/huggingface/hub";
    for name in ["one", "two"] {
        let repo = Repo::new(&room, hub, &format!("models--org--{name}"));
        repo.shared(NEW, "model.bin", "shared", &sha256("shared"), &"ab".repeat(32));
        repo.reference("main", NEW);
    }
    let one = room.place(&format!("{hub}/models--org--one"));
    let ran = room.run(&["migrate", "--link-back", "--yes", one.to_str().unwrap()]).expect(0);
    assert!(
        ran.out.contains("models--org--one: no link is left, since its hub keeps its contents in one store"),
        "{}",
        ran.out
    );
    let ran = room.run(&["migrate", "--link-back", "--yes"]).expect(0);
    assert!(!ran.out.contains("no link is left"), "{}", ran.out);
    assert!(room.place(hub).is_symlink());
    assert_eq!(room.text(&format!("{hub}/models--org--two/snapshots/{NEW}/model.bin")), "shared");
}

#[test]
fn another_project_below_this_one_keeps_what_it_has() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    for folder in ["inner", "plain"] {
        let repo = Repo::new(&room, &format!("{folder}/models"), "models--org--m");
        repo.file(OLD, "b.bin", "b", sha256("b"));
    }
    room.write("inner/modelstrap.toml", "");
    room.run(&["migrate", "--yes"]).expect(0);
    assert!(room.exists("inner/models/models--org--m") && !room.exists("plain/models/models--org--m"));
}
