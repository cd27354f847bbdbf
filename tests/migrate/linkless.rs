//! A disk on which no file has two names, such as a camera's card or some network disks: what moves is found by its revision at every
//! moment, also where there are no links either.

use crate::support::project::Room;
use crate::support::stray::{NEW, OLD, Repo, git, sha256};
use crate::support::strike::{RENAME, aim, nothing_can_be_struck};

const FOLDER: [&str; 4] = ["--yes", "models/x", "--repo", "org/m"];
const HUB: &str = ".cache/huggingface/hub/models--org--m";

/// A room with a folder that a client filled, or, without its notes, one of which a listing of the hub knows the file.
fn room(notes: bool) -> Room {
    let room = Room::bare();
    room.write("models/x/sub/model.bin", "weights");
    if notes {
        let note = format!("{NEW}\n{}\n4000000000.0\n", sha256("weights"));
        room.write("models/x/.cache/huggingface/download/sub/model.bin.metadata", note);
    } else {
        let node =
            serde_json::json!({"size": 130, "blob_id": "0".repeat(40), "lfs_sha256": sha256("weights"), "lfs_size": 7});
        let listing = serde_json::json!({"format_version": 1, "files": {"sub/model.bin": node}});
        room.write(&format!("{HUB}/trees/{NEW}.json"), listing.to_string());
    }
    room
}

/// Runs `migrate` where the calls of `refused` fail, and where it is killed at the `nth` of `calls`; at none where that is 0.
fn migrate(room: &Room, refused: &str, (calls, nth): (&str, usize), words: &[&str]) -> i32 {
    let ran = room.struck(&aim("KILL", calls, nth).refusing(refused), &[&["migrate"], words].concat());
    assert!([0, 137].contains(&ran.code), "neither killed nor done: {ran:?}");
    ran.code
}

#[test]
fn where_no_file_has_two_names_what_moves_is_its_revisions_at_every_moment() {
    if nothing_can_be_struck() {
        return;
    }
    for notes in [true, false] {
        for refused in ["linkat", "linkat,symlinkat"] {
            for call in [RENAME, "unlinkat"] {
                for nth in 1.. {
                    let room = room(notes);
                    let code = migrate(&room, refused, (call, nth), &FOLDER);
                    let model = format!("{HUB}/snapshots/{NEW}/sub/model.bin");
                    let at = format!("{notes} {refused} {call} {nth} {code}");
                    let found = [&model, "models/x/sub/model.bin"].map(|path| room.exists(path));
                    assert!(found.contains(&true), "{at}: no name leads to the bytes: {:?}", room.tree().names());
                    if code == 0 {
                        assert_eq!((room.text(&model).as_str(), found[1]), ("weights", false), "{at}");
                        assert!(nth > 1, "{at}: it was never killed");
                        break;
                    }
                    migrate(&room, refused, (call, 0), &FOLDER);
                    assert_eq!(room.text(&model), "weights", "{at}");
                    assert!(!room.exists("models/x/sub/model.bin"), "{at}");
                }
            }
        }
    }
}

#[test]
fn a_repository_that_is_merged_there_is_whole_after_the_next_run() {
    if nothing_can_be_struck() {
        return;
    }
    let old = "~/.cache/huggingface/hub";
    for call in [RENAME, "symlinkat", "unlinkat"] {
        for nth in 1.. {
            let room = Room::bare();
            let repo = Repo::new(&room, old, "models--org--m");
            repo.file(NEW, "sub/model.bin", "weights", sha256("weights"));
            repo.file(NEW, "config.json", "{}", git("{}"));
            repo.reference("main", NEW);
            Repo::new(&room, ".cache/huggingface/hub", "models--org--m").file(OLD, "a", "a", git("a"));
            let run = |nth| migrate(&room, "linkat", (call, nth), &["--yes"]);
            let code = run(nth);
            if code != 0 {
                run(0);
            }
            let at = format!("{call} {nth} {code}");
            let read = |path: &str| room.text(&format!("{HUB}/snapshots/{NEW}/{path}"));
            assert_eq!((read("sub/model.bin"), read("config.json")), ("weights".to_owned(), "{}".to_owned()), "{at}");
            assert_eq!(room.text(&format!("{HUB}/refs/main")), NEW, "{at}");
            assert!(!room.exists(&format!("{old}/models--org--m")), "{at}: {:?}", room.tree().names());
            if code == 0 {
                assert!(nth > 1, "{at}: it was never killed");
                break;
            }
        }
    }
}
