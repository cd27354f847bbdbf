//! Two projects of one person: what `migrate --link-back` of one leaves in the home folder leads into its cache, and the other takes
//! nothing from there.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "what a test made it may remove")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use crate::support::project::{Ran, Room, Tree};
use crate::support::stray::{Repo, sha256};

const COMMIT: &str = "1111111111111111111111111111111111111111";

/// A project `p` whose cache has what lay in the home, with links there; and beside it the project `q`.
fn linked(setup: bool) -> Room {
    let room = Room::bare();
    if setup {
        room.setup(&[]);
    }
    room.write("~/.cache/whisper/base.pt", "base ".repeat(500_000));
    room.write("~/.cache/torch/hub/checkpoints/resnet.pth", "resnet ".repeat(300_000));
    room.write("~/.cache/huggingface/token", "hf_secret");
    let repo = Repo::new(&room, "~/.cache/huggingface/hub", "models--org--m");
    repo.file(COMMIT, "model.bin", "weights", sha256("weights"));
    repo.reference("main", COMMIT);
    room.run(&["migrate", "--yes", "--link-back"]).expect(0);
    for link in ["whisper", "huggingface/hub", "torch/hub"] {
        assert!(room.place(&format!("~/.cache/{link}")).is_symlink(), "{link}");
    }
    fs::create_dir(other(&room)).unwrap();
    room
}

fn other(room: &Room) -> PathBuf {
    room.path().join("q")
}

fn there(room: &Room, arguments: &[&str]) -> Ran {
    room.ran(room.command(arguments).current_dir(other(room)))
}

/// Every file's identity and number of names: a tree has the bytes alone.
fn names(root: &Path) -> BTreeMap<PathBuf, (u64, u64)> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let seen = entry.metadata().unwrap();
            if seen.is_dir() {
                waiting.push(entry.path());
            } else {
                found.insert(entry.path(), (seen.ino(), seen.nlink()));
            }
        }
    }
    found
}

/// Every verb that moves or deletes, in `q`.
fn take_all(room: &Room) {
    let (tree, files) = (Tree::of(room.root()), names(room.root()));
    let home = Tree::of(&room.home());
    let unchanged = |what: &str| {
        Tree::of(room.root()).assert_eq(&tree, what);
        assert_eq!(names(room.root()), files, "{what}");
        Tree::of(&room.home()).assert_eq(&home, what);
    };
    for place in ["whisper", "huggingface/hub", "torch/hub"] {
        let path = room.place(&format!("~/.cache/{place}"));
        there(room, &["migrate", "--yes", path.to_str().unwrap()]);
        unchanged(&format!("migrate {place}"));
        there(room, &["clear", path.to_str().unwrap(), "--yes", "--now", "--force"]);
        unchanged(&format!("clear {place}"));
    }
    let ran = there(room, &["migrate", "--yes", "--link-back"]).expect(0);
    ran.says(&["~/.cache/whisper: leads into another project's cache"]);
    unchanged("migrate");
    there(room, &["dedupe", "--yes", "--min-size", "1B", "--grace", "0s"]).expect(0);
    unchanged("dedupe");
    there(room, &["prune", "--yes", "--now", "--older-than", "0s", "--grace", "0s"]).expect(0);
    unchanged("prune");
    there(room, &["clear", "all", "--yes", "--now", "--force"]).expect(0);
    unchanged("clear all");
    // Who names a real folder clears what is in it: a link goes as a link.
    for place in ["torch", "huggingface"] {
        let path = room.place(&format!("~/.cache/{place}"));
        there(room, &["migrate", "--yes", path.to_str().unwrap()]);
        unchanged(&format!("migrate {place}"));
    }
    for place in ["torch", "huggingface"] {
        let path = room.place(&format!("~/.cache/{place}"));
        there(room, &["clear", path.to_str().unwrap(), "--yes", "--now", "--force"]);
        Tree::of(room.root()).assert_eq(&tree, place);
        assert_eq!(names(room.root()), files, "{place}");
    }
}

#[test]
fn another_projects_cache_is_no_stray_of_this_one_whether_both_are_set_up_or_none() {
    for setup in [true, false] {
        let room = linked(setup);
        if setup {
            there(&room, &["setup", "--yes"]).expect(0);
        }
        let copy = other(&room).join(".cache/whisper/base.pt");
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(room.place(".cache/whisper/base.pt"), &copy).unwrap();
        let status = there(&room, &["status"]).expect(0);
        for place in ["whisper", "huggingface/hub", "torch/hub"] {
            let line = format!("~/.cache/{place} leads into the cache of @/p");
            assert!(status.out.contains(&line), "{line}\n{}", status.out);
        }
        assert!(!status.out.contains("(openai-whisper)"), "{}", status.out);
        let path = room.place("~/.cache/whisper");
        let ran = there(&room, &["clear", path.to_str().unwrap(), "--yes", "--now"]).expect(2);
        ran.says(&["leads into the cache of @/p"]);
        take_all(&room);
    }
}

#[test]
fn a_link_on_the_way_and_a_home_on_a_larger_disk_are_the_others_too() {
    for way in ["the whole folder", "a larger disk", "two steps"] {
        let room = linked(true);
        fs::remove_dir_all(room.place("~/.cache")).unwrap();
        match way {
            "the whole folder" => symlink(room.place(".cache"), room.place("~/.cache")).unwrap(),
            "a larger disk" => {
                fs::rename(room.place(".cache/whisper"), room.path().join("large")).unwrap();
                symlink(room.path().join("large"), room.place(".cache/whisper")).unwrap();
                fs::create_dir(room.place("~/.cache")).unwrap();
                symlink(room.place(".cache/whisper"), room.place("~/.cache/whisper")).unwrap();
            }
            _ => {
                symlink("../p/.cache", room.place("~/step")).unwrap();
                fs::create_dir(room.place("~/.cache")).unwrap();
                symlink("../step/whisper", room.place("~/.cache/whisper")).unwrap();
            }
        }
        let large = room.path().join("large");
        let before = large.exists().then(|| Tree::of(&large));
        take_all(&room);
        if let Some(before) = before {
            Tree::of(&large).assert_eq(&before, way);
        }
    }
}

#[test]
fn what_links_lead_back_into_the_own_cache_is_no_row_of_status() {
    let room = linked(true);
    let status = room.run(&["status"]).expect(0);
    assert!(!status.out.contains("❗") && !status.out.contains("utside of the cache"), "{}", status.out);
    room.write("~/.cache/torch/hub2/x.pth", "x");
    let status = room.run(&["status"]).expect(0);
    assert!(status.out.contains("❗ torch") && !status.out.contains("❗ huggingface"), "{}", status.out);
}

#[test]
fn an_earlier_cache_of_the_same_project_is_its_own() {
    let room = Room::bare();
    let old = room.path().join("old");
    room.write("modelstrap.toml", format!("[cache]\nbase_dir = {old:?}\n"));
    room.setup(&[]);
    assert!(old.is_dir());
    fs::create_dir_all(old.join("whisper")).unwrap();
    fs::write(old.join("whisper/base.pt"), "base").unwrap();
    room.write("modelstrap.toml", format!("[legacy]\npaths = [{old:?}]\n"));
    room.run(&["migrate", "--yes"]).expect(0);
    assert_eq!(room.text(".cache/whisper/base.pt"), "base");
}

#[test]
fn in_the_home_folder_nothing_is_taken_for_it_is_no_project() {
    let room = linked(true);
    // What others share lies there, too.
    let shared = room.path().join("r");
    fs::create_dir(&shared).unwrap();
    room.ran(room.command(&["setup", "--yes", "--cache-dir", "user"]).current_dir(&shared)).expect(0);
    room.write("~/.cache/modelstrap/torch/hub/checkpoints/shared.pth", "shared".repeat(1000));
    room.write("~/.cache/clip/own.pt", "own".repeat(1000));
    let before = room.tree();
    let files = names(room.root());
    for words in [
        &["clear", "all"][..],
        &["clear", "models"],
        &["clear", "app"],
        &["clear", "modelstrap"],
        &["clear", "~/.cache/modelstrap"],
        &["prune", "--older-than", "0s", "--grace", "0s"],
        &["dedupe", "--min-size", "1B", "--grace", "0s"],
        &["migrate"],
    ] {
        let command = [words, &["--yes"]].concat();
        let ran = room.ran(room.command(&command).current_dir(room.home())).expect(1);
        ran.says(&["~ is not a project: change into one, or name it with -C"]);
        room.tree().assert_eq(&before, &format!("{words:?}"));
        assert_eq!(names(room.root()), files, "{words:?}");
    }
    let status = room.ran(room.command(&["status"]).current_dir(room.home())).expect(0);
    assert!(status.out.contains("modelstrap") && !status.out.contains("`modelstrap migrate`"), "{}", status.out);
}

#[test]
fn above_a_cache_of_others_there_is_no_project_until_somebody_makes_one() {
    let room = Room::bare();
    let above = other(&room);
    room.write("modelstrap.toml", format!("[cache]\nbase_dir = {:?}\n", above.join(".cache")));
    room.setup(&[]);
    fs::create_dir_all(above.join(".cache/whisper")).unwrap();
    fs::write(above.join(".cache/whisper/base.pt"), "base").unwrap();
    let ran = there(&room, &["clear", "all", "--yes", "--now"]).expect(1);
    ran.says(&["@/q is not a project: change into one"]);
    assert!(above.join(".cache/whisper/base.pt").is_file());
    fs::write(above.join("modelstrap.toml"), "").unwrap();
    there(&room, &["clear", "all", "--yes", "--now", "--grace", "0"]).expect(0);
    assert!(!above.join(".cache/whisper/base.pt").is_file(), "it is one now, and shares the cache");
}

#[test]
fn a_home_in_the_own_cache_that_leads_into_the_cache_of_another_is_left_alone() {
    let room = linked(true);
    let q = other(&room);
    fs::write(q.join("modelstrap.toml"), "").unwrap();
    fs::create_dir_all(q.join(".cache/torch")).unwrap();
    symlink(room.place(".cache/whisper"), q.join(".cache/whisper")).unwrap();
    symlink(room.place(".cache/torch/hub"), q.join(".cache/torch/hub")).unwrap();
    let (tree, files) = (Tree::of(room.root()), names(room.root()));
    for words in [
        &["clear", "all", "--yes", "--now", "--force", "--grace", "0"][..],
        &["prune", "--yes", "--now", "--older-than", "0s", "--grace", "0s"],
        &["dedupe", "--yes", "--min-size", "1B", "--grace", "0s"],
        &["migrate", "--yes"],
    ] {
        there(&room, words).expect(0);
        Tree::of(room.root()).assert_eq(&tree, &format!("{words:?}"));
        assert_eq!(names(room.root()), files, "{words:?}");
        assert!(q.join(".cache/whisper").is_symlink() && q.join(".cache/torch/hub").is_symlink(), "{words:?}");
    }
    let status = there(&room, &["status"]).expect(0);
    status.says(&["whisper leads into the cache of @/p: nothing is taken from there"]);
}
