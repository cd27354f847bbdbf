//! Files with several names from another disk: they stay names of one file, whatever the target has of them, and whenever a run
//! is killed.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::disks::two_disks;
use crate::support::project::Room;
use crate::support::stray::{NEW, Repo, sha256};
use crate::support::strike::{aim, everywhere, nothing_can_be_struck};

const HOME: &str = "~/.cache/torch/hub";

/// Files of one inode, in two folders.
const NAMES: [&str; 4] = ["checkpoints/a0.pth", "checkpoints/a1.pth", "checkpoints/a2.pth", "o_r_main/z.pth"];

fn one_file_of_four_names(room: &Room) {
    let [first, others @ ..] = NAMES;
    room.write(&format!("{HOME}/{first}"), "weights");
    for name in others {
        let at = room.place(&format!("{HOME}/{name}"));
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::hard_link(room.place(&format!("{HOME}/{first}")), at).unwrap();
    }
}

/// That everything came, and the bytes are there once.
fn is_one(room: &Room, far: &Path, when: &str) {
    let at = |name: &str| far.join("torch/hub").join(name);
    let inodes: std::collections::BTreeSet<u64> =
        NAMES.iter().map(|name| fs::metadata(at(name)).unwrap().ino()).collect();
    assert_eq!(inodes.len(), 1, "{when}: one content");
    NAMES.iter().for_each(|name| assert_eq!(fs::read(at(name)).unwrap(), b"weights", "{when}"));
    assert!(!room.exists("~/.cache/torch"), "{when}: {:?}", room.tree().names());
}

#[test]
fn what_the_target_has_of_one_of_them_becomes_the_content_of_all() {
    for there in NAMES {
        let Some((room, far)) = two_disks() else { return };
        one_file_of_four_names(&room);
        let at = far.path().join("torch/hub").join(there);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(&at, "weights").unwrap();
        let inode = fs::metadata(&at).unwrap().ino();
        room.run(&["migrate", "--yes"]).expect(0);
        is_one(&room, far.path(), there);
        assert_eq!(fs::metadata(&at).unwrap().ino(), inode, "{there} is what it was");
    }
}

#[test]
fn another_content_at_the_target_stays_alone() {
    let Some((room, far)) = two_disks() else { return };
    one_file_of_four_names(&room);
    let at = far.path().join("torch/hub/checkpoints/a1.pth");
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(&at, "WEIGHTS").unwrap();
    room.run(&["migrate", "--yes"]).expect(1).says(&["a1.pth stays: another content stands at"]);
    assert_eq!(fs::read(&at).unwrap(), b"WEIGHTS");
    assert_eq!(room.text(&format!("{HOME}/checkpoints/a1.pth")), "weights");
    let inode = |name: &str| fs::metadata(far.path().join("torch/hub").join(name)).unwrap().ino();
    assert_eq!(inode(NAMES[0]), inode(NAMES[2]));
    assert_eq!(inode(NAMES[0]), inode(NAMES[3]));
}

#[test]
fn a_kill_at_any_moment_leaves_them_names_of_one_file() {
    if nothing_can_be_struck() || two_disks().is_none() {
        return;
    }
    let calls = ["linkat", "unlinkat", "fsync", "renameat", "renameat2"];
    let points = everywhere(
        &calls,
        || (),
        |(), call, nth| {
            let (room, far) = two_disks().unwrap();
            one_file_of_four_names(&room);
            let code = room.struck(&aim("KILL", call, nth), &["migrate", "--yes"]).code;
            room.run(&["migrate", "--yes"]).expect(0);
            is_one(&room, far.path(), &format!("killed at {call} {nth}"));
            code == 0
        },
    );
    assert!(points > 8, "{points}");
}

/// Where a content has names in several folders, and where these are then.
const APART: [(&str, &str); 2] = [
    ("~/.cache/torch/hub/checkpoints/a.pth", "torch/hub/checkpoints/a.pth"),
    ("~/.cache/whisper/a.pt", "whisper/a.pt"),
];

/// One file with names in the folders of two libraries and in two repositories, and one in a store that two repositories share.
fn across_parts(room: &Room) {
    let etag = sha256("weights");
    for name in ["one", "two"] {
        let repo = Repo::new(room, "~/.cache/huggingface/hub", &format!("models--o--{name}"));
        repo.pointer(NEW, "model.bin", &etag);
        repo.shared(NEW, "shared.bin", "shared", &sha256("shared"), &"ab".repeat(32));
        repo.reference("main", NEW);
    }
    let first = room.place(APART[0].0);
    room.write(APART[0].0, "weights");
    let blobs = ["one", "two"].map(|name| format!("~/.cache/huggingface/hub/models--o--{name}/blobs/{etag}"));
    for other in [APART[1].0, &blobs[0], &blobs[1]] {
        let at = room.place(other);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::hard_link(&first, at).unwrap();
    }
}

/// That each content is there once, under all its names.
fn is_once(room: &Room, far: &Path, when: &str) {
    let model = |repo: &str, file: &str| format!("huggingface/hub/models--o--{repo}/snapshots/{NEW}/{file}");
    let weights = [APART[0].1.to_owned(), APART[1].1.to_owned(), model("one", "model.bin"), model("two", "model.bin")];
    let shared = [model("one", "shared.bin"), model("two", "shared.bin")];
    for (names, text) in [(&weights[..], "weights"), (&shared, "shared")] {
        let inodes: std::collections::BTreeSet<u64> =
            names.iter().map(|name| fs::metadata(far.join(name)).unwrap().ino()).collect();
        assert_eq!(inodes.len(), 1, "{when}: {text} is one content");
        names.iter().for_each(|name| assert_eq!(fs::read_to_string(far.join(name)).unwrap(), text, "{when}"));
    }
    assert_eq!(fs::read_dir(room.home().join(".cache")).unwrap().count(), 0, "{when}: {:?}", room.tree().names());
    assert!(notes(far).is_empty(), "{when}: {:?}", notes(far));
}

/// What runs have noted in the cache at `far`.
fn notes(far: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(far.join(".modelstrap")).into_iter().flatten().map(|entry| entry.unwrap().path());
    all.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("migrate-")).collect()
}

#[test]
fn a_content_with_names_in_several_parts_stays_one_whenever_a_run_is_killed() {
    if two_disks().is_none() {
        return;
    }
    let (room, far) = two_disks().unwrap();
    across_parts(&room);
    room.run(&["migrate", "--yes"]).expect(0);
    is_once(&room, far.path(), "never killed");
    if nothing_can_be_struck() {
        return;
    }
    let calls = ["unlink,unlinkat,rmdir", "fsync,fdatasync", "linkat", "rename,renameat,renameat2"];
    let points = everywhere(
        &calls,
        || (),
        |(), call, nth| {
            let (room, far) = two_disks().unwrap();
            across_parts(&room);
            let code = room.struck(&aim("KILL", call, nth), &["migrate", "--yes"]).code;
            room.run(&["migrate", "--yes"]).expect(0);
            is_once(&room, far.path(), &format!("killed at {call} {nth}"));
            code == 0
        },
    );
    assert!(points > 40, "{points}");
}

/// Where runs for the project of `room` note what they copied.
fn note(room: &Room, far: &Path) -> PathBuf {
    let tag = &sha256(room.root().to_str().unwrap())[..16];
    far.join(format!(".modelstrap/migrate-{tag}-copies.jsonl"))
}

#[test]
fn a_run_for_another_project_leaves_the_notes_of_one_that_was_killed() {
    let Some((room, far)) = two_disks() else { return };
    if nothing_can_be_struck() {
        return;
    }
    across_parts(&room);
    // A copy is noted before the first name goes.
    let mut strikes = (1..40).map(|nth| room.struck(&aim("KILL", "fsync,fdatasync", nth), &["migrate", "--yes"]).code);
    assert!(strikes.any(|code| code == 137 && note(&room, far.path()).exists()), "{:?}", notes(far.path()));
    let before = notes(far.path());
    let other = Room::bare();
    other.write("modelstrap.toml", room.text("modelstrap.toml"));
    other.run(&["migrate", "--yes"]).expect(0);
    assert_eq!(notes(far.path()), before);
    room.run(&["migrate", "--yes"]).expect(0);
    is_once(&room, far.path(), "after a run for another project");
}

#[test]
fn what_a_killed_run_noted_is_believed_by_a_run_for_another_project_with_the_same_home() {
    if two_disks().is_none() || nothing_can_be_struck() {
        return;
    }
    let mut kills = 0;
    for nth in (1..).step_by(9) {
        let (room, far) = two_disks().unwrap();
        across_parts(&room);
        room.write("../other/modelstrap.toml", room.text("modelstrap.toml"));
        let code = room.struck(&aim("KILL", "unlinkat", nth), &["migrate", "--yes"]).code;
        room.run(&["-C", "../other", "migrate", "--yes"]).expect(0);
        room.run(&["migrate", "--yes"]).expect(0);
        is_once(&room, far.path(), &format!("killed at unlinkat {nth}"));
        if code == 0 {
            break;
        }
        assert_eq!(code, 137);
        kills += 1;
    }
    assert!(kills > 2, "{kills}");
}

#[test]
fn a_note_of_copies_that_came_with_a_clone_is_not_believed() {
    let Some((room, far)) = two_disks() else { return };
    room.write("~/.cache/whisper/a.pt", "mine");
    let at = fs::metadata(room.place("~/.cache/whisper/a.pt")).unwrap();
    let nanoseconds = i128::from(at.mtime()) * 1_000_000_000 + i128::from(at.mtime_nsec());
    let line = |path: &Path| {
        let numbers =
            format!("\"device\":{},\"inode\":{},\"size\":4,\"modified\":\"{nanoseconds}\"", at.dev(), at.ino());
        format!("{{{numbers},\"at\":{:?}}}\n", path.to_str().unwrap())
    };
    fs::create_dir(far.path().join(".modelstrap")).unwrap();
    fs::write(far.path().join("other"), "evil").unwrap();
    let outside = tempfile::Builder::new().prefix("modelstrap-test-").tempdir_in("/dev/shm").unwrap();
    fs::write(outside.path().join("same"), "mine").unwrap();
    let notes =
        [far.path().join("other"), far.path().join("gone"), outside.path().join("same")].map(|path| line(&path));
    fs::write(note(&room, far.path()), notes.concat()).unwrap();
    room.run(&["migrate", "--yes"]).expect(0);
    assert_eq!(fs::read(far.path().join("whisper/a.pt")).unwrap(), b"mine");
    assert_eq!(fs::metadata(far.path().join("whisper/a.pt")).unwrap().nlink(), 1, "nobody else's file is it");
}
