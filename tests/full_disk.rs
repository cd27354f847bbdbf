//! A disk with no byte and no inode left: whose disk is full must be able to delete, and what was cut off for want of room goes on
//! once there is some.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

#[path = "support/lived.rs"]
mod lived;
mod support;

use lived::{HUB, MAIN, PINNED, repository};
use support::project::{PROGRAM, Ran, Room, may_mount};

/// Fills what is left of the disk: all bytes, or all inodes. A byte more is refused then.
const FILL: &str = r#"
    full() {
        case $1 in
            bytes) cat /dev/zero >"$2/ballast" 2>/dev/null || :; ! printf x 2>/dev/null >>"$2/ballast" ;;
            inodes) number=0; while touch "$2/ballast$number" 2>/dev/null; do number=$((number + 1)); done ;;
        esac
    }
"#;

/// Runs `script` in a room whose project lies on a disk of its own, `$2/disk`; its folder is the project.
fn on_a_small_disk(room: &Room, script: &str) -> Ran {
    std::fs::create_dir(room.path().join("disk")).unwrap();
    let script = format!(
        "{FILL} mount -t tmpfs -o size=4m,nr_inodes=220 none \"$2/disk\"; cp -a \"$2/p\" \"$2/disk/\"; cd \"$2/disk/p\"; {script}"
    );
    let mut command = room.program("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-eu", "-c", &script, "sh", PROGRAM]).arg(room.path());
    room.ran(&mut command)
}

/// One repository of two revisions, and nothing else: there is no file that needs no journal.
fn one_repository() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    repository(&room, "org/asr", &[(PINNED, &[("old", 400)]), (MAIN, &[("new", 800)])]);
    room.write(&format!("{HUB}/models--org--asr/refs/main"), MAIN);
    room
}

/// What is left of the repository, and of a trash.
const LEFT: &str = "cd .cache; find . \\( -path '*/models--*' -o -path '*.modelstrap*' \\) ! -type d | sort";

/// The paths that [`LEFT`] has printed.
fn left(ran: &Ran) -> Vec<&str> {
    ran.out.lines().filter(|line| line.starts_with("./")).collect()
}

#[test]
fn what_is_named_goes_from_a_disk_without_a_free_byte_or_inode() {
    if !may_mount() {
        return;
    }
    let folder = "./huggingface/hub/models--org--asr";
    let old = [format!("{folder}/blobs/old"), format!("{folder}/snapshots/{PINNED}/old.bin")];
    let new =
        [format!("{folder}/blobs/new"), format!("{folder}/refs/main"), format!("{folder}/snapshots/{MAIN}/new.bin")];
    for what in ["bytes", "inodes"] {
        for (words, stays) in [
            ("clear org/asr --yes", &[][..]),
            ("clear models --yes --now", &[]),
            ("clear org/asr@main --yes", &old),
            ("prune --yes --grace 0", &new),
            ("prune --yes --grace 0 --until-free 300kB", &new),
        ] {
            let script = format!("full {what} \"$2/disk\"; \"$1\" {words}; {LEFT}");
            let ran = on_a_small_disk(&one_repository(), &script);
            let when = format!("{what}, {words}: {ran:?}");
            assert_eq!(ran.code, 0, "{when}");
            assert_eq!(left(&ran), stays, "{when}");
            assert_eq!(ran.err, "", "{when}");
            assert!(ran.out.contains(" freed.\n") && !ran.out.contains("\n0 B freed"), "{when}");
        }
    }
}

#[test]
fn a_single_tiny_file_goes_from_a_full_disk_although_it_makes_no_room_for_a_journal() {
    if !may_mount() {
        return;
    }
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    room.write(".cache/whisper/empty.pt", "");
    let script = format!("full bytes \"$2/disk\"; \"$1\" clear empty.pt --yes; {LEFT}; ls whisper");
    let ran = on_a_small_disk(&room, &script).expect(0);
    assert!(ran.out.ends_with("0 B freed.\n"), "{ran:?}");
}

#[test]
fn who_wants_to_have_it_back_is_told_that_a_full_disk_has_no_room_for_that() {
    if !may_mount() {
        return;
    }
    let script = format!(
        "full bytes \"$2/disk\"; code=0; \"$1\" clear org/asr --yes --undo-for 1h || code=$?; {LEFT}; exit $code"
    );
    let ran = on_a_small_disk(&one_repository(), &script).expect(1);
    assert_eq!(
        ran.err,
        "error: nothing was removed: neither a journal of it nor a trash can be made in @/disk/p/.cache: \
         No space left on device (os error 28)\n  \
         what can be brought back needs a little room: `--now` deletes it at once\n"
    );
    assert_eq!(left(&ran).len(), 5, "{ran:?}");
}

#[test]
fn what_was_removed_before_the_disk_was_full_comes_back_or_is_freed() {
    if !may_mount() {
        return;
    }
    let script = |then: &str| {
        format!(
            "\"$1\" clear org/asr --yes --undo-for 1h >/dev/null; full bytes \"$2/disk\"; full inodes \"$2/disk\"; \"$1\" {then}; {LEFT}"
        )
    };
    let ran = on_a_small_disk(&one_repository(), &script("clear --undo")).expect(0);
    assert_eq!(left(&ran).len(), 5, "{ran:?}");
    let ran = on_a_small_disk(&one_repository(), &script("prune --now --yes")).expect(0);
    assert_eq!(left(&ran), [""; 0], "{ran:?}");
}
