//! Files with several names from another disk: they stay names of one file, whatever the target has of them, and whenever a run
//! is killed.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::disks::two_disks;
use crate::strace::{aim, everywhere, strace_is_missing};
use crate::support::project::{PROGRAM, Room};

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
fn is_one(room: &Room, far: &std::path::Path, when: &str) {
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
    if strace_is_missing() || two_disks().is_none() {
        return;
    }
    let calls = ["linkat", "unlinkat", "fsync", "?renameat", "?renameat2"];
    let points = everywhere(
        &calls,
        || (),
        |(), call, nth| {
            let (room, far) = two_disks().unwrap();
            one_file_of_four_names(&room);
            let mut command = room.program("strace");
            aim(&mut command, "KILL", call, nth).args([PROGRAM, "migrate", "--yes"]);
            let code = room.ran(&mut command).code;
            room.run(&["migrate", "--yes"]).expect(0);
            is_one(&room, far.path(), &format!("killed at {call} {nth}"));
            code == 0
        },
    );
    assert!(points > 8, "{points}");
}
