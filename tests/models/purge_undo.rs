//! `models remove --purge` goes through the trash: what it took can be brought back, is freed at once only by `--now`, and what begins
//! to be used while it goes stays.
#![cfg(unix)]

use std::fs;

use crate::support::project::{Room, Tree};
use crate::support::strike::{RENAME, interrupted, nothing_can_be_struck};
use crate::support::terminal::Terminal;
use crate::support::zoo::Zoo;
use crate::support::{hub, project};

const MODELS: &str = "tiny = \"hf:org/tiny\"\nvad = \"torch-hub:owner/tiny-repo\"\nw = \"url:https://files.example.org/weights.bin\"\nquant = \"hf:org/quants\"\n";
const PURGE: [&str; 7] = ["models", "remove", "tiny", "vad", "w", "--purge", "--yes"];
const FILES_ALONE: &str = "That brings back the files alone: `modelstrap undo` takes back what was written into modelstrap.toml and modelstrap.lock.\n";

fn downloaded(zoo: &Zoo) -> Room {
    let room = zoo.project(MODELS);
    room.run(&["models", "download"]).expect(0);
    room
}

/// The cache without this tool's notes, and with its marks in repositories.
fn cache(room: &Room) -> Tree {
    let notes = |name: &str| name == ".modelstrap" || name.starts_with(".modelstrap/");
    Tree::of(&room.place(".cache")).without(notes)
}

/// What the blocks of everything in the cache are.
#[cfg(target_os = "linux")]
fn taken(room: &Room) -> u64 {
    let ran = room.ran(room.program("du").args(["-sB1", ".cache"])).expect(0);
    ran.out.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn what_was_purged_can_be_brought_back_and_then_the_manifest_with_it() {
    let zoo = Zoo::start();
    let room = downloaded(&zoo);
    let before = cache(&room);
    let [manifest, lock] = ["modelstrap.toml", "modelstrap.lock"].map(|name| room.text(name));
    let ran = room.run(&[&PURGE[..], &["--undo-for", "1h"]].concat()).expect(0);
    let (freed, rest) = ran.err.split_once(" removed. ").unwrap();
    assert!(freed.starts_with("Wrote modelstrap.toml and modelstrap.lock.\n3.") && freed.ends_with(" MB"), "{ran:?}");
    assert_eq!(
        rest,
        format!(
            "For 1 h `modelstrap clear --undo` brings it back; the next modelstrap after that frees it, or `modelstrap clear trash` at once.\n{FILES_ALONE}"
        )
    );
    assert_eq!(room.text("modelstrap.toml"), "[models]\nquant = \"hf:org/quants\"\n");
    let left = cache(&room);
    for gone in ["huggingface/hub/models--org--tiny", "torch/hub/owner_tiny-repo_main"] {
        assert!(!left.names().contains(&gone), "{gone}");
    }
    assert!(!left.names().iter().any(|name| name.ends_with("weights.bin") && !name.contains("/trash/")));
    room.run(&["models", "verify"]).expect(0);

    let ran = room.run(&["clear", "--undo"]).expect(0);
    assert!(ran.out.contains("org/tiny is back (3."), "{ran:?}");
    assert_eq!(
        ran.err,
        "modelstrap.toml and modelstrap.lock do not name it again by this: `modelstrap undo` takes back what was written into them, \
         or `modelstrap models add` names it.\n"
    );
    cache(&room).assert_eq(&before, "after the undo");
    room.run(&["undo", "--yes"]).expect(0);
    assert_eq!([room.text("modelstrap.toml"), room.text("modelstrap.lock")], [manifest, lock]);
    room.run(&["models", "download", "--locked"]).expect(0).says(&["Nothing to fetch"]);
    room.run(&["models", "verify"]).expect(0);
}

#[test]
#[cfg(target_os = "linux")]
fn what_goes_at_once_is_measured_and_not_in_the_trash() {
    let zoo = Zoo::start();
    let room = downloaded(&zoo);
    let before = taken(&room);
    let json = |words: &[&str]| room.run(words).expect(0).json();
    let ran = room.run(&[&PURGE[..], &["--now"]].concat()).expect(0);
    let freed = before - taken(&room);
    let told = ran.err.lines().last().unwrap();
    assert_eq!(told, format!("{} freed.", modelstrap::support::units::bytes(freed)));
    assert_eq!(json(&["clear", "--undo", "--json"])["undone"], serde_json::Value::Null);
    // `clear trash` frees the same, later.
    let room = downloaded(&zoo);
    room.run(&[&PURGE[..], &["--undo-for", "1h"]].concat()).expect(0);
    room.run(&["clear", "trash", "--yes"]).expect(0);
    assert_eq!(before - taken(&room), freed);
    // And the flags are of the purge alone.
    for flags in [&["--now"][..], &["--undo-for", "1h"], &["--purge", "--now", "--undo-for", "1h"]] {
        room.run(&[&["models", "remove", "quant"], flags].concat()).expect(2);
    }
}

#[test]
fn who_is_asked_knows_until_when_it_can_be_brought_back() {
    let zoo = Zoo::start();
    for (flags, says) in [
        (
            &["--undo-for", "2h"][..],
            "For 2 h `modelstrap clear --undo` brings it back, and it still takes its room; `--now` frees",
        ),
        (&["--now"], "It is freed at once, and cannot be brought back."),
    ] {
        let room = downloaded(&zoo);
        let before = cache(&room);
        let words = [&["models", "remove", "tiny", "--purge"], flags].concat();
        let mut terminal = Terminal::open(160, 40, &mut room.command(&words));
        terminal.wait_for(says).wait_for("? Delete the files of tiny?").press("n");
        assert_eq!(terminal.end().status.code(), Some(130));
        cache(&room).assert_eq(&before, says);
        assert!(room.text("modelstrap.toml").contains("org/tiny"));
    }
}

#[test]
fn a_folder_in_which_somebody_else_keeps_something_loses_only_the_models_files() {
    let zoo = Zoo::start();
    let room = downloaded(&zoo);
    let folder = ".cache/torch/hub/owner_tiny-repo_main";
    room.write(&format!("{folder}/notes.txt"), "mine");
    room.write(&format!("{folder}/tiny/__pycache__/model.pyc"), "compiled");
    room.run(&["models", "remove", "vad", "--purge", "--yes", "--now"]).expect(0);
    assert_eq!(room.text(&format!("{folder}/notes.txt")), "mine");
    assert!(!room.exists(&format!("{folder}/hubconf.py")) && !room.exists(&format!("{folder}/tiny/model.py")));

    let room = downloaded(&zoo);
    room.write(&format!("{folder}/tiny/__pycache__/model.pyc"), "compiled");
    room.run(&["models", "remove", "vad", "--purge", "--yes", "--now"]).expect(0);
    assert!(!room.exists(folder), "torch takes a folder that is there for a repository");
}

#[test]
fn a_payload_of_the_shared_store_goes_with_its_last_user_and_comes_back_with_it() {
    let zoo = Zoo::start();
    for other in [false, true] {
        let room = zoo.project("tiny = \"hf:org/tiny\"\n");
        room.run(&["models", "download"]).expect(0);
        let hub = ".cache/huggingface/hub";
        let path = room.run(&["models", "path", "tiny", "model.safetensors"]).expect(0).out;
        let blob =
            fs::canonicalize(room.root().join(path.trim_end().replace('@', room.path().to_str().unwrap()))).unwrap();
        let hash = "ab".repeat(32);
        room.write(&format!("{hub}/blobs/.huggingface-shared-blobs"), "1\n");
        fs::create_dir(room.place(&format!("{hub}/blobs/ab"))).unwrap();
        fs::rename(&blob, room.place(&format!("{hub}/blobs/ab/{hash}"))).unwrap();
        std::os::unix::fs::symlink(format!("../../blobs/ab/{hash}"), &blob).unwrap();
        let name = blob.file_name().unwrap().to_str().unwrap();
        let mut users = format!("models--org--tiny/blobs/{name}\n");
        if other {
            users.push_str("models--org--twin/blobs/e\n");
            room.link(&format!("{hub}/models--org--twin/blobs/e"), &format!("../../blobs/ab/{hash}"));
        }
        room.write(&format!("{hub}/blobs/ab/{hash}.refs"), &users);
        let before = cache(&room);
        room.run(&["models", "remove", "tiny", "--purge", "--yes", "--undo-for", "1h"]).expect(0);
        assert!(!room.exists(&format!("{hub}/models--org--tiny")));
        assert_eq!(room.exists(&format!("{hub}/blobs/ab/{hash}")), other);
        room.run(&["clear", "--undo"]).expect(0);
        let users = |tree: Tree| {
            let list = room.text(&format!("{hub}/blobs/ab/{hash}.refs"));
            let mut lines: Vec<String> = list.lines().map(str::to_owned).collect();
            lines.sort();
            (lines, tree.without(|name| name.ends_with(".refs") || name.ends_with(".lock")))
        };
        let (lines, now) = users(cache(&room));
        assert_eq!(lines.len(), 1 + usize::from(other), "{lines:?}");
        now.assert_eq(&before.without(|name| name.ends_with(".refs") || name.ends_with(".lock")), "after the undo");
    }
}

#[test]
fn one_of_two_commits_takes_its_contents_with_it_on_a_disk_without_links_too() {
    let zoo = Zoo::start();
    let content = |seed| hub::Content::pattern(seed, 200_000);
    let both = hub::Content::pattern(30, 100_000);
    let first = zoo.hub.model("org/two").lfs("both.bin", both.clone()).lfs("own.bin", content(31)).commit();
    zoo.hub.model("org/two").lfs("both.bin", both.clone()).lfs("own.bin", content(32)).commit();
    for disabled in ["", "1"] {
        let room = zoo.project(&format!("old = \"hf:org/two@{first}\"\nnew = \"hf:org/two\"\n"));
        let room = room.with("HF_HUB_DISABLE_SYMLINKS", disabled);
        room.run(&["models", "download"]).expect(0);
        let before = cache(&room);
        room.run(&["models", "remove", "old", "--purge", "--yes", "--undo-for", "1h"]).expect(0);
        let blob = |content: &hub::Content| {
            room.exists(&format!(".cache/huggingface/hub/models--org--two/blobs/{}", content.sha256()))
        };
        assert!(!blob(&content(31)) && (blob(&both) || disabled == "1"), "{disabled}");
        room.run(&["models", "verify"]).expect(0);
        room.run(&["models", "download", "--locked"]).expect(0).says(&["Nothing to fetch"]);
        room.run(&["clear", "--undo"]).expect(0);
        cache(&room).assert_eq(&before, "after the undo");
    }
}

/// Runs the purge, and does `meanwhile` before its `nth` rename.
#[cfg(target_os = "linux")]
fn raced(room: &Room, nth: usize, meanwhile: impl FnOnce() + Send) -> project::Ran {
    let mut purge = room.command(&["models", "remove", "tiny", "--purge", "--yes", "--undo-for", "1h"]);
    room.told(&interrupted(&mut purge, RENAME, nth, meanwhile))
}

#[test]
#[cfg(target_os = "linux")]
fn a_link_of_dedupe_and_a_download_that_begin_while_it_goes_keep_it() {
    if nothing_can_be_struck() {
        return;
    }
    let zoo = Zoo::start();
    let hub = ".cache/huggingface/hub";
    let link = |room: &Room| {
        let folder = room.place(&format!("{hub}/models--org--tiny/blobs"));
        let blob = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        std::os::unix::fs::symlink(&blob, room.place("mine.bin")).unwrap();
        let line = serde_json::json!({"link": {"text": room.place("mine.bin")}, "target": {"text": blob}});
        room.write(".cache/.modelstrap/links.jsonl", format!("{line}\n"));
    };
    let download =
        |room: &Room| room.write(&format!("{hub}/models--org--tiny/blobs/{}.incomplete", "ab".repeat(32)), "bytes");
    for (change, why) in [
        (&link as &(dyn Fn(&Room) + Sync), "is what @/p/mine.bin leads to by now"),
        (&download, "was made, changed or linked too lately"),
    ] {
        let room = zoo.project("tiny = \"hf:org/tiny\"\n");
        room.run(&["models", "download"]).expect(0);
        let ran = raced(&room, 1, || change(&room));
        let told = ran.err.replace(room.path().to_str().unwrap(), "@");
        assert_eq!(ran.code, 1, "{told}");
        assert!(told.contains(why) && told.ends_with("1 thing stayed, as said above\n"), "{told}");
        assert!(told.contains("0 B freed."), "{told}");
        let snapshots = room.place(&format!("{hub}/models--org--tiny/snapshots"));
        let snapshot = fs::read_dir(snapshots).unwrap().next().unwrap().unwrap().path();
        assert!(fs::read_dir(&snapshot).unwrap().all(|file| file.unwrap().path().exists()), "it is whole");
    }
}
