//! A folder without the client's notes, of which somebody says of which repository it is: what is proven to be the repository's moves,
//! by what the lock or a hub knows of it, and the rest stays and is named.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use modelstrap::fetch::Digest;
use modelstrap::models::lock::Lock;
use modelstrap::models::locked::{File, HubPlace, Model, Part, Place, RepoType};

use crate::support::project::{Room, Tree};
use crate::support::stray::{NEW, OLD, Repo, git, local_dir, sha256};

const HUB: &str = ".cache/huggingface/hub";
const MIGRATE: [&str; 5] = ["migrate", "--yes", "models/x", "--repo", "org/m"];

/// A listing of a commit as the client writes it.
fn listing(room: &Room, hub: &str, commit: &str, files: &[(&str, &str)]) {
    let files: serde_json::Map<String, serde_json::Value> = files
        .iter()
        .map(|(path, text)| {
            let mut node = serde_json::json!({"size": text.len(), "blob_id": git(text)});
            if path.ends_with(".bin") {
                node = serde_json::json!({"size": 130, "blob_id": git("pointer"), "lfs_sha256": sha256(text), "lfs_size": text.len()});
            }
            ((*path).to_owned(), node)
        })
        .collect();
    let text = serde_json::json!({"format_version": 1, "files": files}).to_string();
    room.write(&format!("{hub}/models--org--m/trees/{commit}.json"), text);
}

#[test]
fn what_a_hub_knows_by_its_contents_and_listings_becomes_a_revision_and_the_rest_stays() {
    for hub in [HUB, "~/.cache/huggingface/hub"] {
        for words in [&MIGRATE[..], &["migrate", "--yes", "models/x", "--repo", "org/m", "--link-back"]] {
            let room = Room::bare();
            Repo::new(&room, hub, "models--org--m").file(NEW, "config.json", "{\"new\": 1}", git("{\"new\": 1}"));
            listing(
                &room,
                hub,
                NEW,
                &[("config.json", "{\"new\": 1}"), ("sub/model.bin", "weights"), ("a.txt", "aaa")],
            );
            listing(&room, hub, OLD, &[("old.txt", "old"), ("sub/model.bin", "weights")]);
            for (path, text) in [
                ("config.json", "{\"new\": 1}"),
                ("sub/model.bin", "weights"),
                ("old.txt", "old"),
                ("a.txt", "bbb"),
                ("mine.txt", "mine"),
                (".git/config", "git's"),
            ] {
                room.write(&format!("models/x/{path}"), text);
            }
            let before = room.tree();
            let plan = room.run(&["migrate", "models/x", "--repo", "org/m", "--dry-run"]).expect(0);
            assert!(plan.out.contains("becomes a revision"), "{}", plan.out);
            room.tree().assert_eq(&before, "a dry run");
            let ran = room.run(words).expect(0);
            ran.says(&[
                "models/x/a.txt: its bytes are those of no file of org/m that is known here by this path",
                "models/x/mine.txt: no file of org/m that is known here has this path and size",
            ]);
            let read = |commit: &str, path: &str| room.text(&format!("{HUB}/models--org--m/snapshots/{commit}/{path}"));
            if hub == HUB {
                assert_eq!(read(NEW, "config.json"), "{\"new\": 1}");
            }
            assert_eq!((read(NEW, "sub/model.bin"), read(OLD, "old.txt")), ("weights".to_owned(), "old".to_owned()));
            let link = room.place(&format!("{HUB}/models--org--m/snapshots/{NEW}/sub/model.bin"));
            assert_eq!(fs::read_link(link).unwrap().to_str().unwrap(), format!("../../../blobs/{}", sha256("weights")));
            assert!(!room.exists(&format!("{HUB}/models--org--m/refs")), "no branch is proven");
            assert!(!room.exists(&format!("{HUB}/models--org--m/.modelstrap")));
            assert_eq!((room.text("models/x/a.txt"), room.text("models/x/mine.txt")), ("bbb".into(), "mine".into()));
            assert_eq!(room.text("models/x/.git/config"), "git's");
            assert_eq!(room.exists("models/x/sub/model.bin"), words.len() == 6);
            let after = room.tree();
            room.run(words).expect(0);
            room.tree().assert_eq(&after, "a second run");
        }
    }
}

/// A lock that knows one commit of `org/m`, as it does after `models lock`.
fn lock(room: &Room, files: &[(&str, &str, bool)]) {
    let file = |(path, text, large): &(&str, &str, bool)| File {
        path: (*path).to_owned(),
        size: Some(text.len() as u64),
        digest: Digest::from_hex(&if *large { sha256(text) } else { git(text) }),
        url: None,
    };
    let place = HubPlace {
        repo_type: RepoType::Model,
        repo: "org/m".to_owned(),
        requested: "main".to_owned(),
        commit: NEW.to_owned(),
        complete: false,
    };
    let part = Part { place: Place::Hub(place), files: files.iter().map(file).collect() };
    let model = Model { name: "m".to_owned(), spec: "hf:org/m".to_owned(), parts: vec![part] };
    let manifest = Digest::from_hex(&sha256("manifest")).unwrap();
    room.write("modelstrap.lock", Lock::new(manifest, vec![model]).render());
}

#[test]
fn what_the_lock_knows_becomes_a_revision_with_the_branch_that_it_was_locked_by() {
    let room = Room::bare();
    lock(&room, &[("config.json", "{}", false), ("model.bin", "weights", true)]);
    for (path, text) in [("config.json", "{}"), ("model.bin", "weights")] {
        room.write(&format!("models/whisper/{path}"), text);
    }
    let ran = room.run(&["migrate", "--yes", "models/whisper", "--repo", "org/m"]).expect(0);
    assert!(ran.out.contains("org/m: `main` names 222222222222 from now on, as the lock says"), "{}", ran.out);
    assert!(!room.exists("models/whisper"), "{:?}", room.tree().names());
    assert_eq!(room.text(&format!("{HUB}/models--org--m/snapshots/{NEW}/model.bin")), "weights");
    assert_eq!(room.text(&format!("{HUB}/models--org--m/blobs/{}", git("{}"))), "{}");
    assert_eq!(room.text(&format!("{HUB}/models--org--m/refs/main")), NEW);
    // A branch that names another commit here stays.
    let room = Room::bare();
    lock(&room, &[("model.bin", "weights", true)]);
    room.write("models/x/model.bin", "weights");
    room.write(&format!("{HUB}/models--org--m/refs/main"), OLD);
    room.run(&MIGRATE).expect(0);
    assert_eq!(room.text(&format!("{HUB}/models--org--m/refs/main")), OLD);
    assert!(room.exists(&format!("{HUB}/models--org--m/snapshots/{NEW}/model.bin")));
}

#[test]
fn a_damaged_file_and_one_of_another_repository_stay() {
    let room = Room::bare();
    lock(&room, &[("model.bin", "weights", true), ("other.bin", "other", true)]);
    room.write("models/x/model.bin", "wEights");
    room.write("models/x/sub/other.bin", "other");
    let before = Tree::of(&room.place("models"));
    let ran = room.run(&MIGRATE).expect(0);
    ran.says(&[
        "models/x/model.bin: its bytes are those of no file of org/m",
        "models/x/sub/other.bin: no file of org/m that is known here has this path and size",
    ]);
    Tree::of(&room.place("models")).assert_eq(&before, "nothing is proven");
    assert!(!room.exists(&format!("{HUB}/models--org--m")));
}

#[test]
fn where_nothing_is_known_it_says_what_to_do() {
    let room = Room::bare();
    room.write("models/x/model.bin", "weights");
    let before = Tree::of(&room.place("models"));
    for (name, spec) in [("org/m", "hf:org/m"), ("datasets/org/m", "hf:datasets/org/m")] {
        let ran = room.run(&["migrate", "--yes", "models/x", "--repo", name]).expect(0);
        ran.says(&[&format!(
            "models/x: nothing here knows a file of {name}, and nothing is asked of the Hub: `modelstrap models add {spec} \
             --no-download` brings what its files are into the lock, then run this again"
        )]);
    }
    Tree::of(&room.place("models")).assert_eq(&before, "nothing is known");
    assert!(!room.exists(HUB));
}

#[test]
fn what_a_repository_of_its_own_tracks_stays_and_links_are_named() {
    let room = Room::bare();
    lock(&room, &[("config.json", "{}", false), ("model.bin", "weights", true), ("linked.bin", "weights", true)]);
    room.write("models/x/config.json", "{}");
    room.write("models/x/model.bin", "weights");
    room.write("weights", "weights");
    symlink(room.place("weights"), room.place("models/x/linked.bin")).unwrap();
    for words in [&["init", "-q"][..], &["add", "config.json"]] {
        let done = Command::new("git").arg("-C").arg(room.place("models/x")).args(words).status().unwrap();
        assert!(done.success());
    }
    room.run(&MIGRATE).expect(0).says(&["models/x/config.json: is tracked by Git", "models/x/linked.bin: is no file"]);
    assert_eq!((room.text("models/x/config.json"), room.text("weights")), ("{}".to_owned(), "weights".to_owned()));
    assert!(room.place("models/x/linked.bin").is_symlink() && !room.exists("models/x/model.bin"));
    assert_eq!(room.text(&format!("{HUB}/models--org--m/snapshots/{NEW}/model.bin")), "weights");
}

#[test]
fn what_may_know_and_cannot_be_read_is_named_with_the_reason() {
    for (at, text, why) in [
        ("modelstrap.lock", "version = 1\n!!", "modelstrap.lock:2: "),
        ("modelstrap.lock/x", "a folder", "modelstrap.lock: is not a regular file"),
        (
            &format!("{HUB}/models--org--m/trees/{NEW}.json"),
            "{half",
            &format!("{HUB}/models--org--m/trees/{NEW}.json: is no listing that this version understands"),
        ),
    ] {
        let room = Room::bare();
        room.write("models/x/model.bin", "weights");
        room.write(at, text);
        let before = Tree::of(&room.place("models"));
        let ran = room.run(&MIGRATE).expect(1);
        ran.says(&[
            &format!("warning: models/x stays: what may know the files of org/m cannot be read: {why}"),
            "; mend that, then run this again\n",
        ]);
        Tree::of(&room.place("models")).assert_eq(&before, at);
    }
    let room = Room::bare();
    local_dir(&room, "out/x", OLD, &[("model.bin", "weights", sha256("weights"))]);
    room.write("modelstrap.lock", "noise");
    room.run(&["migrate", "--yes"])
        .expect(0)
        .says(&["out/x: comes from the Hub, and nothing here says from which repository (modelstrap.lock:1: "]);
}

#[test]
fn what_can_be_read_counts_beside_what_cannot() {
    let room = Room::bare();
    lock(&room, &[("model.bin", "weights", true)]);
    room.write(&format!("{HUB}/models--org--m/trees/{OLD}.json"), "{half");
    room.write("models/x/model.bin", "weights");
    let ran = room.run(&MIGRATE).expect(0);
    let said = format!("org/m: what may know more of its files cannot be read: {HUB}/models--org--m/trees/{OLD}.json");
    assert!(ran.out.contains(&said), "{}", ran.out);
    assert_eq!(room.text(&format!("{HUB}/models--org--m/snapshots/{NEW}/model.bin")), "weights");
}

/// A project whose cache lies outside of it, for others as well.
fn with_a_cache_for_others() -> (Room, String) {
    let room = Room::bare();
    let root = room.path().join("shared");
    room.write("modelstrap.toml", format!("[cache]\nbase_dir = {root:?}\n[legacy]\npaths = [\"old\"]\n"));
    (room, "../shared/huggingface/hub".to_owned())
}

#[test]
fn a_clone_does_not_say_itself_what_a_commit_is_in_a_cache_for_others() {
    let (room, hub) = with_a_cache_for_others();
    room.write("models/x/model.bin", "forged");
    room.run(&MIGRATE).expect(0).says(&[
        "models/x: nothing here knows a file of org/m, and nothing is asked of the Hub: `modelstrap models add hf:org/m` fetches \
         and proves its files, then run this again",
    ]);
    lock(&room, &[("model.bin", "forged", true)]);
    listing(&room, "old", NEW, &[("config.json", "forged too")]);
    room.write("models/x/config.json", "forged too");
    let before = Tree::of(&room.place("models"));
    let ran = room.run(&MIGRATE).expect(0);
    ran.says(&[
        "models/x: what the files of org/m are says this project alone, which may have come with a clone, and its cache is for \
         others, too: `modelstrap models download` fetches and proves them, then run this again",
    ]);
    Tree::of(&room.place("models")).assert_eq(&before, "nothing is proven");
    assert!(!room.exists(&hub));
    // With one file that the cache knows.
    listing(&room, &hub, NEW, &[("tokenizer.json", "known")]);
    room.write("models/x/tokenizer.json", "known");
    let ran = room.run(&MIGRATE).expect(0);
    ran.says(&[
        "models/x/config.json: what the files of org/m are says this project alone",
        "models/x/model.bin: what the files of org/m are says this project alone",
    ]);
    let at = format!("{hub}/models--org--m/snapshots/{NEW}");
    assert_eq!(room.text(&format!("{at}/tokenizer.json")), "known");
    assert!(!room.exists(&format!("{at}/model.bin")) && !room.exists(&format!("{at}/config.json")));
    assert!(!room.exists(&format!("{hub}/models--org--m/refs")), "nor what it is called");
}

#[test]
fn what_a_cache_for_others_knows_itself_is_proven_there() {
    for know in ["../shared/huggingface/hub", "~/.cache/huggingface/hub"] {
        let (room, hub) = with_a_cache_for_others();
        listing(&room, know, NEW, &[("model.bin", "weights")]);
        room.write("models/x/model.bin", "weights");
        room.run(&MIGRATE).expect(0);
        assert_eq!(room.text(&format!("{hub}/models--org--m/snapshots/{NEW}/model.bin")), "weights", "{know}");
    }
}

#[test]
fn the_plan_says_what_only_a_folder_of_the_project_says_of_itself_in_a_cache_for_others() {
    let (room, hub) = with_a_cache_for_others();
    Repo::new(&room, "old", "models--org--m").file(NEW, "model.bin", "weights", sha256("weights"));
    let said = "  old: only the folder itself says which commits it has, and the cache is not this project's alone: move it if you \
                know where it came from\n";
    let plan = room.run(&["migrate", "--dry-run"]).expect(0).out;
    assert!(plan.contains(said), "{plan}");
    room.run(&["migrate", "--yes"]).expect(0);
    assert_eq!(room.text(&format!("{hub}/models--org--m/snapshots/{NEW}/model.bin")), "weights");
    let room = Room::bare();
    room.write("modelstrap.toml", "[legacy]\npaths = [\"old\"]\n");
    Repo::new(&room, "old", "models--org--m").file(NEW, "model.bin", "weights", sha256("weights"));
    let plan = room.run(&["migrate", "--dry-run"]).expect(0).out;
    assert!(plan.contains("1 repository moved") && !plan.contains("says which commits"), "{plan}");
}

/// What of the plan says that only the folder says it.
const ITSELF: &str = "  weights/x: only the folder itself says which commits it has";

#[test]
fn what_a_hub_says_of_the_same_files_is_not_called_the_folders_own_word() {
    let files = |text: &'static str| [("config.json", "{}", git("{}")), ("model.bin", text, sha256(text))];
    for know in ["../shared/huggingface/hub", "~/.cache/huggingface/hub"] {
        let (room, _) = with_a_cache_for_others();
        local_dir(&room, "weights/x", NEW, &files("weights"));
        let plan = || room.run(&["migrate", "weights/x", "--repo", "org/m", "--dry-run"]).expect(0).out;
        assert!(plan().contains(ITSELF), "nobody else knows the commit: {}", plan());
        let repo = Repo::new(&room, know, "models--org--m");
        repo.reference("main", NEW);
        repo.file(NEW, "config.json", "{}", git("{}"));
        assert!(plan().contains(ITSELF), "one of two files is known: {}", plan());
        repo.file(NEW, "model.bin", "weights", sha256("weights"));
        let said = plan();
        assert!(said.contains("becomes a revision") && !said.contains("only the folder"), "{know}: {said}");
        local_dir(&room, "weights/x", NEW, &files("forgery"));
        let said = room.run(&["migrate", "weights/x", "--dry-run"]).out;
        assert!(said.contains(ITSELF), "the hub has another content there: {said}");
    }
}

#[test]
fn a_listing_that_only_the_folder_has_is_its_own_word() {
    let (room, hub) = with_a_cache_for_others();
    local_dir(&room, "weights/x", NEW, &[("model.bin", "weights", sha256("weights"))]);
    let repo = Repo::new(&room, &hub, "models--org--m");
    repo.file(NEW, "model.bin", "weights", sha256("weights"));
    let own = format!("weights/x/.cache/huggingface/trees/{NEW}.json");
    let plan = || room.run(&["migrate", "weights/x", "--dry-run"]).expect(0).out;
    let node = |text: &str| {
        let digest = sha256(text);
        format!(
            r#"{{"format_version":1,"files":{{"model.bin":{{"size":7,"blob_id":"x","lfs_sha256":"{digest}","lfs_size":7}}}}}}"#
        )
    };
    room.write(&own, node("forgery"));
    assert!(plan().contains(ITSELF), "{}", plan());
    room.write(&own, node("weights"));
    assert!(!plan().contains("only the folder"), "it says what the hub says: {}", plan());
    room.write(&own, node("forgery"));
    listing(&room, &hub, NEW, &[("model.bin", "weights")]);
    assert!(!plan().contains("only the folder"), "the cache has a listing, and keeps it: {}", plan());
}
